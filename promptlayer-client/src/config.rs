//! The settings of a client, from a builder or from the environment.

use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;
use std::{env, fmt};

use reqwest::Url;
use reqwest::header::{HeaderMap, HeaderValue};
use secrecy::{ExposeSecret, SecretString};

use crate::http::{API_KEY_HEADER, Http};
use crate::settings::{Connections, SetUp, Settings};
use crate::{Client, Error, Redactor, Repr, clock};

/// The environment variable for the API key.
pub(crate) const API_KEY: &str = "PROMPTLAYER_API_KEY";
/// The environment variable for the base URL.
pub const BASE_URL: &str = "PROMPTLAYER_BASE_URL";
/// The environment variable for the time-out, in seconds.
pub(crate) const HTTP_TIMEOUT: &str = "PROMPTLAYER_HTTP_TIMEOUT";

/// The source of settings that are not set on the builder: the environment variables of the process, or a
/// custom map. With a map, a test does not need to change the process.
///
/// ```
/// use promptlayer_client::{Client, Env};
///
/// let env = Env::new([
///     ("PROMPTLAYER_API_KEY", " pl_123\n"),
///     ("PROMPTLAYER_BASE_URL", "http://localhost:7780"),
/// ]);
/// assert_eq!(env.get("PROMPTLAYER_API_KEY").as_deref(), Some("pl_123"));
///
/// let client = Client::builder().env(env).build()?;
/// assert_eq!(client.base_url(), "http://localhost:7780");
/// # Ok::<(), promptlayer_client::Error>(())
/// ```
#[derive(Clone)]
pub struct Env(Lookup);

#[derive(Clone)]
enum Lookup {
    Process,
    Map(Arc<HashMap<String, String>>),
}

impl Env {
    /// Returns the environment of the process. A variable is read each time it is looked up.
    pub fn process() -> Self {
        Self(Lookup::Process)
    }

    /// Creates an environment with exactly these variables.
    pub fn new<K: Into<String>, V: Into<String>>(variables: impl IntoIterator<Item = (K, V)>) -> Self {
        variables.into_iter().collect()
    }

    /// Creates an environment without variables.
    pub fn empty() -> Self {
        Self(Lookup::Map(Arc::default()))
    }

    /// Returns the value of a variable without surrounding white space, or `None` if it is unset or empty.
    pub fn get(&self, name: &str) -> Option<String> {
        let value = match &self.0 {
            // A value that is not UTF-8 is converted lossily. The validation of the setting then reports it,
            // while treating it as unset would hide it.
            Lookup::Process => env::var_os(name)?.to_string_lossy().trim().to_owned(),
            Lookup::Map(variables) => variables.get(name)?.trim().to_owned(),
        };
        (!value.is_empty()).then_some(value)
    }
}

/// An environment of these variables alone.
impl<K: Into<String>, V: Into<String>> FromIterator<(K, V)> for Env {
    fn from_iter<I: IntoIterator<Item = (K, V)>>(variables: I) -> Self {
        let variables = variables.into_iter().map(|(name, value)| (name.into(), value.into())).collect();
        Self(Lookup::Map(Arc::new(variables)))
    }
}

impl Default for Env {
    fn default() -> Self {
        Self::process()
    }
}

impl fmt::Debug for Env {
    /// Omits the values, because they may be secrets.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self.0 {
            Lookup::Process => "Env(process)",
            Lookup::Map(_) => "Env(map)",
        })
    }
}

/// Builds a [`Client`]. Settings that are not given are read from the environment.
///
/// | setting | variable | default |
/// |---|---|---|
/// | [`api_key`](Self::api_key) | `PROMPTLAYER_API_KEY` | none, required |
/// | [`base_url`](Self::base_url) | `PROMPTLAYER_BASE_URL` | [`DEFAULT_BASE_URL`](Self::DEFAULT_BASE_URL) |
/// | [`timeout`](Self::timeout) | `PROMPTLAYER_HTTP_TIMEOUT`, in seconds | [`DEFAULT_TIMEOUT`](Self::DEFAULT_TIMEOUT) |
/// | [`retries`](Self::retries) | | [`DEFAULT_RETRIES`](Self::DEFAULT_RETRIES) |
/// | [`proxy`](Self::proxy) | `HTTPS_PROXY`, `HTTP_PROXY`, `NO_PROXY` | that of the system |
/// | [`certificate_authority`](Self::certificate_authority) | | those of the system |
/// | [`max_idle_connections`](Self::max_idle_connections) | | no maximum |
///
/// ```
/// use std::time::Duration;
/// use promptlayer_client::Client;
///
/// let client = Client::builder()
///     .api_key("pl_123")
///     .base_url("http://localhost:9009")
///     .timeout(Duration::from_secs(3))
///     .build()?;
/// # Ok::<(), promptlayer_client::Error>(())
/// ```
#[derive(Clone, Default)]
#[must_use]
pub struct ClientBuilder {
    api_key: Option<SecretString>,
    base_url: Option<String>,
    timeout: Option<Duration>,
    retries: Option<u32>,
    proxy: Option<SecretString>,
    #[cfg(any(feature = "rustls", feature = "native-tls"))]
    authorities: Vec<Vec<u8>>,
    max_idle: Option<usize>,
    http: Option<SetUp>,
    env: Env,
}

impl fmt::Debug for ClientBuilder {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ClientBuilder")
            .field("api_key", &self.api_key)
            .field("base_url", &self.shown_base_url())
            .field("timeout", &self.timeout)
            .field("retries", &self.retries)
            .field("env", &self.env)
            .finish_non_exhaustive()
    }
}

impl ClientBuilder {
    /// The default of [`base_url`](Self::base_url): `https://api.promptlayer.com`.
    pub const DEFAULT_BASE_URL: &str = "https://api.promptlayer.com";
    /// The default of [`timeout`](Self::timeout): 10 seconds.
    pub const DEFAULT_TIMEOUT: Duration = Duration::from_secs(10);
    /// The default of [`retries`](Self::retries): 3.
    pub const DEFAULT_RETRIES: u32 = 3;
    /// The maximum time for connecting: 5 seconds, or three quarters of the time-out if that is less.
    pub const CONNECT_TIMEOUT: Duration = Duration::from_secs(5);

    /// Sets the API key. Surrounding white space is removed. A key that is set here, even an empty one, is
    /// never replaced by the key in the environment, which may belong to another workspace.
    pub fn api_key(mut self, key: impl Into<String>) -> Self {
        self.api_key = Some(key.into().into());
        self
    }

    /// Sets the base URL of the API: an `http` or `https` URL, with a path if the API is served under one.
    pub fn base_url(mut self, url: impl Into<String>) -> Self {
        self.base_url = Some(url.into());
        self
    }

    /// Sets the time-out of an attempt, from connecting to the last byte of the response. It must be greater
    /// than zero, and is capped at ten years.
    pub fn timeout(mut self, timeout: Duration) -> Self {
        self.timeout = Some(timeout);
        self
    }

    /// Sets how often a request that failed for a passing reason is sent again. The default is
    /// [`DEFAULT_RETRIES`](Self::DEFAULT_RETRIES); 0 turns retries off. [`Client`] says which requests are sent again.
    /// This does not concern the export pipeline of `promptlayer-tracing`, which has its own retries.
    pub fn retries(mut self, retries: u32) -> Self {
        self.retries = Some(retries);
        self
    }

    /// Sends all requests through this proxy, such as `http://user:password@proxy.example:3128`. By default, the proxy
    /// of the environment or of the system is used.
    pub fn proxy(mut self, url: impl Into<String>) -> Self {
        self.proxy = Some(url.into().into());
        self
    }

    /// Trusts certificates of this authority too, which is given as one or more certificates in PEM format. Can be
    /// called more than once.
    #[cfg(any(feature = "rustls", feature = "native-tls"))]
    #[cfg_attr(docsrs, doc(cfg(any(feature = "rustls", feature = "native-tls"))))]
    pub fn certificate_authority(mut self, pem: impl Into<Vec<u8>>) -> Self {
        self.authorities.push(pem.into());
        self
    }

    /// Sets the maximum number of connections that are kept for later requests. By default, there is no maximum.
    pub fn max_idle_connections(mut self, connections: usize) -> Self {
        self.max_idle = Some(connections);
        self
    }

    /// Customizes the HTTP client, for example with your own name resolution.
    ///
    /// The closure is called once for each connection pool: that of the client, of the export thread, and of
    /// the hooks. Each needs its own pool, because a connection ends with the runtime on which it was
    /// created. A finished [`reqwest::Client`] is not accepted for the same reason. Some settings are applied
    /// after the closure, which cannot change them: redirects are not followed, because a redirect can send
    /// the key to another host, and requests have the client's time-out.
    ///
    /// ```
    /// # fn main() -> Result<(), Box<dyn std::error::Error>> {
    /// let address = "10.0.0.7:443".parse()?;
    /// let client = promptlayer_client::Client::builder()
    ///     .api_key("pl_123")
    ///     .http(move |http| http.resolve("api.promptlayer.com", address).tcp_nodelay(true))
    ///     .build()?;
    /// # drop(client);
    /// # Ok(())
    /// # }
    /// ```
    pub fn http(
        mut self,
        set_up: impl Fn(reqwest::ClientBuilder) -> reqwest::ClientBuilder + Send + Sync + 'static,
    ) -> Self {
        self.http = Some(Arc::new(set_up));
        self
    }

    /// Sets the source of settings that are not given. The default is the environment of the process.
    pub fn env(mut self, env: Env) -> Self {
        self.env = env;
        self
    }

    /// Validates the settings and creates a client. Sends nothing.
    ///
    /// # Errors
    ///
    /// Returns an error of the kind [`MissingApiKey`](crate::ErrorKind::MissingApiKey) without a key,
    /// [`InvalidInput`](crate::ErrorKind::InvalidInput) for an invalid key, base URL or time-out, and
    /// [`HttpSetup`](crate::ErrorKind::HttpSetup) if TLS cannot be set up, which happens if the system has no root
    /// certificates. With an `http` base URL, no certificates are needed.
    pub fn build(self) -> Result<Client, Error> {
        let settings = self.settings()?;
        Ok(Client { http: Http::new(Arc::new(settings))? })
    }

    /// Returns the closure that customizes the HTTP client.
    pub(crate) fn set_up(&self) -> Result<SetUp, Error> {
        Ok(self.connections()?.with(self.http.clone()))
    }

    /// Returns the base URL without credentials and without the API key.
    fn shown_base_url(&self) -> Option<String> {
        let redactor = Redactor::new(self.api_key.clone().unwrap_or_default());
        self.base_url.as_deref().map(|url| redactor.text(without_user(url)))
    }

    fn settings(self) -> Result<Settings, Error> {
        let set_up = self.set_up()?;
        let api_key = match self.api_key {
            Some(key) => key,
            None => self.env.get(API_KEY).ok_or(Repr::MissingApiKey)?.into(),
        };
        let (api_key, api_key_header) = check_api_key(&api_key)?;
        let redactor = Redactor::new(api_key.clone());
        let (base_url, timeout) =
            check(self.base_url, self.timeout, &self.env).map_err(|error| error.redacted(&redactor))?;
        let headers = HeaderMap::from_iter([(API_KEY_HEADER, api_key_header)]);
        Ok(Settings {
            api_key,
            headers,
            redactor,
            base_url,
            traces_url: None,
            timeout,
            retries: self.retries.unwrap_or(Self::DEFAULT_RETRIES),
            http: Some(set_up),
        })
    }

    fn connections(&self) -> Result<Connections, Error> {
        // An error of `reqwest` would quote the URL with its password.
        let proxy = self.proxy.as_ref().map(|url| {
            reqwest::Proxy::all(url.expose_secret().trim()).map_err(|_| {
                Error::invalid_argument("proxy", "it is not a URL like http://proxy.example:3128")
            })
        });
        Ok(Connections {
            proxy: proxy.transpose()?,
            #[cfg(any(feature = "rustls", feature = "native-tls"))]
            authorities: self.authorities()?,
            max_idle: self.max_idle,
        })
    }

    #[cfg(any(feature = "rustls", feature = "native-tls"))]
    fn authorities(&self) -> Result<Vec<reqwest::Certificate>, Error> {
        let mut authorities = Vec::new();
        for pem in &self.authorities {
            let certificates = reqwest::Certificate::from_pem_bundle(pem);
            let certificates = certificates.ok().filter(|certificates| !certificates.is_empty());
            authorities.extend(certificates.ok_or_else(|| {
                Error::invalid_argument("certificate authority", "it is not a certificate in PEM format")
            })?);
        }
        Ok(authorities)
    }
}

/// Returns the validated base URL and time-out, as given or from the environment.
fn check(
    base_url: Option<String>,
    timeout: Option<Duration>,
    env: &Env,
) -> Result<(String, Duration), Error> {
    let base_url =
        base_url.or_else(|| env.get(BASE_URL)).unwrap_or_else(|| ClientBuilder::DEFAULT_BASE_URL.to_owned());
    let timeout = match timeout {
        Some(timeout) => timeout,
        None => match env.get(HTTP_TIMEOUT) {
            Some(seconds) => parse_seconds(&seconds)?,
            None => ClientBuilder::DEFAULT_TIMEOUT,
        },
    };
    if timeout.is_zero() {
        return Err(Repr::InvalidTimeout { value: "0".to_owned() }.into());
    }
    Ok((check_base_url(&base_url)?, timeout.min(clock::LONGEST)))
}

fn check_api_key(key: &SecretString) -> Result<(SecretString, HeaderValue), Error> {
    let key = key.expose_secret().trim();
    if key.is_empty() {
        return Err(Repr::MissingApiKey.into());
    }
    // Header values may hold bytes outside ASCII, but API keys do not. Such a key is damaged.
    if !key.bytes().all(|byte| byte.is_ascii_graphic() || byte == b' ') {
        return Err(Repr::InvalidApiKey.into());
    }
    let mut header = HeaderValue::from_str(key).map_err(|_| Repr::InvalidApiKey)?;
    header.set_sensitive(true);
    Ok((key.into(), header))
}

fn check_base_url(text: &str) -> Result<String, Error> {
    let url = check_url(text, "https://api.promptlayer.com").map_err(|InvalidUrl { value, reason }| {
        let value = crate::cut(&value, Error::MAX_QUOTED_BYTES).to_owned();
        Error::from(Repr::InvalidBaseUrl { value, reason })
    })?;
    Ok(url.as_str().trim_end_matches('/').to_owned())
}

/// A URL that cannot be used, without credentials.
pub(crate) struct InvalidUrl {
    pub(crate) value: String,
    pub(crate) reason: String,
}

/// Parses the URL of a destination.
pub(crate) fn check_url(text: &str, example: &str) -> Result<Url, InvalidUrl> {
    let refuse = |value: &str, reason: String| InvalidUrl { value: value.to_owned(), reason };
    let mut url = Url::parse(text.trim())
        .map_err(|error| refuse(without_user(text), format!("{error}; expected something like {example}")))?;
    if !url.username().is_empty() || url.password().is_some() {
        // Neither call fails for a URL with a user.
        let _ = url.set_password(None);
        let _ = url.set_username("");
        return Err(refuse(
            url.as_str(),
            "a user or password in a URL ends up in logs; leave them out".to_owned(),
        ));
    }
    if !matches!(url.scheme(), "http" | "https") {
        return Err(refuse(
            url.as_str(),
            format!("the scheme `{}` is neither `http` nor `https`", url.scheme()),
        ));
    }
    if url.query().is_some() || url.fragment().is_some() {
        url.set_query(None);
        url.set_fragment(None);
        return Err(refuse(url.as_str(), "it has a query or a fragment; leave them out".to_owned()));
    }
    Ok(url)
}

/// Returns a URL that is safe to show before it is parsed. A URL that cannot be parsed may still hold a
/// password.
fn without_user(url: &str) -> &str {
    if url.contains('@') { "[hidden: it holds an `@`]" } else { url }
}

fn parse_seconds(text: &str) -> Result<Duration, Error> {
    text.parse()
        .ok()
        .and_then(|seconds| Duration::try_from_secs_f64(seconds).ok())
        .filter(|timeout| !timeout.is_zero())
        .ok_or_else(|| {
            let value = crate::cut(text, Error::MAX_QUOTED_BYTES).to_owned();
            Repr::InvalidTimeout { value }.into()
        })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn settings(variables: &[(&str, &str)]) -> Result<Settings, Error> {
        ClientBuilder::default().env(Env::new(variables.iter().copied())).settings()
    }

    #[test]
    fn api_key_alone_gives_the_documented_defaults() {
        let settings = settings(&[(API_KEY, "pl_1")]).unwrap();

        assert_eq!(settings.api_key.expose_secret(), "pl_1");
        assert_eq!(settings.base_url, "https://api.promptlayer.com");
        assert_eq!(settings.timeout, Duration::from_secs(10));
    }

    #[test]
    fn given_settings_override_the_environment() {
        let env = Env::new([(API_KEY, "pl_env"), (BASE_URL, "http://env.example"), (HTTP_TIMEOUT, "7")]);
        let settings = ClientBuilder::default()
            .api_key("pl_given")
            .base_url("http://given.example/")
            .timeout(Duration::from_millis(300))
            .env(env)
            .settings()
            .unwrap();

        assert_eq!(settings.api_key.expose_secret(), "pl_given");
        assert_eq!(settings.base_url, "http://given.example");
        assert_eq!(settings.timeout, Duration::from_millis(300));
    }

    #[test]
    fn empty_variable_counts_as_unset() {
        let error = settings(&[(API_KEY, " \n")]).err().unwrap();
        assert!(error.is_missing_api_key());
        assert!(error.to_string().contains("PROMPTLAYER_API_KEY"), "{error}");

        let settings = settings(&[(API_KEY, " pl_1\n"), (BASE_URL, ""), (HTTP_TIMEOUT, " ")]).unwrap();
        assert_eq!(settings.api_key.expose_secret(), "pl_1");
        assert_eq!(settings.base_url, ClientBuilder::DEFAULT_BASE_URL);
        assert_eq!(settings.timeout, ClientBuilder::DEFAULT_TIMEOUT);
    }

    #[test]
    fn given_empty_key_is_not_replaced_by_the_environment() {
        let env = Env::new([(API_KEY, "pl_env")]);
        let error = ClientBuilder::default().api_key("").env(env).build().unwrap_err();
        assert!(error.is_missing_api_key());
    }

    #[test]
    fn key_invalid_as_a_header_is_refused_and_not_shown() {
        for key in ["pl_\u{1}secret", "pl_a\nsecret", "pl_sécret", "pl_\u{fffd}secret"] {
            let error = settings(&[(API_KEY, key)]).err().unwrap();
            assert!(error.is_invalid_input(), "{key:?}");
            assert!(!format!("{error} {error:?}").contains("secret"));
        }
    }

    #[test]
    fn seconds_may_be_fractional_but_not_zero_negative_or_a_word() {
        let timeout = |text| settings(&[(API_KEY, "k"), (HTTP_TIMEOUT, text)]).map(|s| s.timeout);
        assert_eq!(timeout("2.5").unwrap(), Duration::from_millis(2500));

        for text in ["0", "-1", "soon", "inf", "NaN", "1e300", "0.0000000000001"] {
            let error = timeout(text).unwrap_err();
            assert!(error.is_invalid_input(), "{text}");
            assert!(error.to_string().contains("PROMPTLAYER_HTTP_TIMEOUT"), "{error}");
            assert!(error.to_string().contains(text), "{error}");
        }
        let zero = ClientBuilder::default().api_key("k").timeout(Duration::ZERO).build();
        assert!(zero.unwrap_err().is_invalid_input());
    }

    #[test]
    fn base_url_keeps_its_path_and_loses_its_trailing_slash() {
        let base = |text| settings(&[(API_KEY, "k"), (BASE_URL, text)]).map(|s| s.base_url);
        assert_eq!(base("http://127.0.0.1:9009/").unwrap(), "http://127.0.0.1:9009");
        assert_eq!(base("https://gate.example/pl/").unwrap(), "https://gate.example/pl");

        for text in ["localhost:9009", "ftp://x.example", "", "https://x.example?a=1", "::", "https://"] {
            let refused = ClientBuilder::default().api_key("k").base_url(text).build();
            assert!(refused.unwrap_err().is_invalid_input(), "{text}");
        }
    }

    #[test]
    fn password_in_the_base_url_is_refused_and_not_shown() {
        for text in ["https://user:hunter2@x.example/", "https://user:hunter2@:x"] {
            let error = ClientBuilder::default().api_key("k").base_url(text).build().unwrap_err();
            assert!(error.is_invalid_input());
            assert!(!format!("{error} {error:?}").contains("hunter2"), "{error}");
        }
    }

    #[test]
    fn builder_debug_shows_neither_key_nor_environment() {
        let env = Env::new([(API_KEY, "pl_hidden_env")]);
        let builder = ClientBuilder::default().api_key("pl_hidden_given").env(env);
        assert!(!format!("{builder:?}").contains("pl_hidden"), "{builder:?}");
    }
}
