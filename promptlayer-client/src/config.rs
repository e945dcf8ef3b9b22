//! What a client is made from: the environment, and a builder that comes before it.

use std::{collections::HashMap, env, fmt, sync::Arc, time::Duration};

use reqwest::{Url, header::HeaderValue};
use secrecy::{ExposeSecret, SecretString};

use crate::http::Http;
use crate::{Client, Error, Redactor, Repr, clock};

/// The environment variable that holds the API key.
pub(crate) const API_KEY: &str = "PROMPTLAYER_API_KEY";
/// The environment variable that holds the base URL.
pub const BASE_URL: &str = "PROMPTLAYER_BASE_URL";
/// The environment variable that holds the time-out, in seconds.
pub(crate) const HTTP_TIMEOUT: &str = "PROMPTLAYER_HTTP_TIMEOUT";

/// Where settings that were not given are looked up: the variables of the process, or a map of your
/// own, so that a test need not change the process.
///
/// ```
/// use promptlayer_client::{Client, Env};
///
/// let env = Env::of([("PROMPTLAYER_API_KEY", "pl_123")]);
/// let client = Client::builder().env(env).build()?;
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
    /// The variables of the process, read when they are asked for.
    pub fn process() -> Self {
        Self(Lookup::Process)
    }

    /// These variables and no others.
    pub fn of<K: Into<String>, V: Into<String>>(variables: impl IntoIterator<Item = (K, V)>) -> Self {
        let variables = variables.into_iter().map(|(name, value)| (name.into(), value.into())).collect();
        Self(Lookup::Map(Arc::new(variables)))
    }

    /// No variables at all.
    pub fn empty() -> Self {
        Self::of::<String, String>([])
    }

    /// The value of a variable without the white space around it. An empty one counts as unset.
    pub fn get(&self, name: &str) -> Option<String> {
        let value = match &self.0 {
            // What is not UTF-8 is kept, damaged: then the check of the value speaks of it, which
            // taking it for unset would not.
            Lookup::Process => env::var_os(name)?.to_string_lossy().trim().to_owned(),
            Lookup::Map(variables) => variables.get(name)?.trim().to_owned(),
        };
        (!value.is_empty()).then_some(value)
    }
}

impl Default for Env {
    fn default() -> Self {
        Self::process()
    }
}

impl fmt::Debug for Env {
    /// Leaves the values out: they hold secrets.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self.0 {
            Lookup::Process => "Env(process)",
            Lookup::Map(_) => "Env(map)",
        })
    }
}

/// Builds a [`Client`]. What is not given is looked up in the environment.
///
/// | setting | variable | default |
/// |---|---|---|
/// | [`api_key`](Self::api_key) | `PROMPTLAYER_API_KEY` | none: it must be given |
/// | [`base_url`](Self::base_url) | `PROMPTLAYER_BASE_URL` | [`DEFAULT_BASE_URL`](Self::DEFAULT_BASE_URL) |
/// | [`timeout`](Self::timeout) | `PROMPTLAYER_HTTP_TIMEOUT`, in seconds | [`DEFAULT_TIMEOUT`](Self::DEFAULT_TIMEOUT) |
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
    http: Option<SetUp>,
    env: Env,
}

/// A user's settings of the connections.
pub(super) type SetUp = Arc<dyn Fn(reqwest::ClientBuilder) -> reqwest::ClientBuilder + Send + Sync>;

impl fmt::Debug for ClientBuilder {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ClientBuilder")
            .field("api_key", &self.api_key)
            .field("base_url", &self.shown_base_url())
            .field("timeout", &self.timeout)
            .field("env", &self.env)
            .finish_non_exhaustive()
    }
}

impl ClientBuilder {
    /// The base URL where none is given: `https://api.promptlayer.com`.
    pub const DEFAULT_BASE_URL: &str = "https://api.promptlayer.com";
    /// The time-out where none is given: 10 seconds.
    pub const DEFAULT_TIMEOUT: Duration = Duration::from_secs(10);
    /// The most that is spent on making a connection: 5 seconds, or three quarters of the time-out if that is less.
    pub const CONNECT_TIMEOUT: Duration = Duration::from_secs(5);

    /// The API key. White space around it is dropped. One that is given here, even an empty one, is
    /// never replaced by the environment's, which may belong to another workspace.
    pub fn api_key(mut self, key: impl Into<SecretString>) -> Self {
        self.api_key = Some(key.into());
        self
    }

    /// Where the service is: `http` or `https`, with a path if it is behind one.
    pub fn base_url(mut self, url: impl Into<String>) -> Self {
        self.base_url = Some(url.into());
        self
    }

    /// How long a request may take, from the connection to the last byte of the answer. More than
    /// zero; more than ten years is taken as ten years.
    pub fn timeout(mut self, timeout: Duration) -> Self {
        self.timeout = Some(timeout);
        self
    }

    /// Sets up the connections otherwise: a proxy, a certificate authority of your own, name resolution, …
    ///
    /// The closure is called for each pool of connections that is made (the client's, the export thread's,
    /// the hooks'), since a connection dies with the runtime that it was made on; that is why a finished
    /// [`reqwest::Client`] would not do. What must hold comes after it and cannot be changed by it: redirects
    /// are not followed, since one can carry the key to another host, and requests have their time-out.
    ///
    /// ```
    /// # fn main() -> Result<(), Box<dyn std::error::Error>> {
    /// # let (proxy, authority) = ("http://proxy.example:3128", &b""[..]);
    /// let proxy = reqwest::Proxy::all(proxy)?;
    /// # /*
    /// let authority = reqwest::Certificate::from_pem(authority)?;
    /// # */
    /// let client = promptlayer_client::Client::builder()
    ///     .api_key("pl_123")
    ///     .http(move |http| http.proxy(proxy.clone()))
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

    /// Where to look for what is not given: the variables of the process, unless this is called.
    pub fn env(mut self, env: Env) -> Self {
        self.env = env;
        self
    }

    /// Checks the settings and sets up a client. Nothing is sent.
    ///
    /// # Errors
    ///
    /// [`ErrorKind::MissingApiKey`](crate::ErrorKind::MissingApiKey) without a key,
    /// [`ErrorKind::InvalidInput`](crate::ErrorKind::InvalidInput) for a key, a base URL or a timeout that cannot be used,
    /// and [`ErrorKind::HttpSetup`](crate::ErrorKind::HttpSetup) if TLS cannot be set up,
    /// which happens where the system has no root certificates (not with an `http` base URL).
    pub fn build(self) -> Result<Client, Error> {
        let settings = self.settings()?;
        Ok(Client { http: Http::new(Arc::new(settings))? })
    }

    /// The base URL without a password, and without the key.
    fn shown_base_url(&self) -> Option<String> {
        let redactor = Redactor::new(self.api_key.clone().unwrap_or_default());
        self.base_url.as_deref().map(|url| redactor.text(without_user(url)))
    }

    fn settings(self) -> Result<Settings, Error> {
        let api_key = match self.api_key {
            Some(key) => key,
            None => self.env.get(API_KEY).ok_or(Repr::MissingApiKey)?.into(),
        };
        let (api_key, api_key_header) = check_api_key(&api_key)?;
        let redactor = Redactor::new(api_key.clone());
        let (base_url, timeout) =
            check(self.base_url, self.timeout, &self.env).map_err(|error| error.redacted(&redactor))?;
        Ok(Settings { api_key, api_key_header, redactor, base_url, timeout, http: self.http })
    }
}

/// The base URL and the time-out, as given or as the environment has them.
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

/// Settings that have been checked.
pub(super) struct Settings {
    pub(super) api_key: SecretString,
    pub(super) api_key_header: HeaderValue,
    pub(super) redactor: Redactor,
    /// Without a slash at its end, so that paths can be put behind it.
    pub(super) base_url: String,
    pub(super) timeout: Duration,
    pub(super) http: Option<SetUp>,
}

fn check_api_key(key: &SecretString) -> Result<(SecretString, HeaderValue), Error> {
    let key = key.expose_secret().trim();
    if key.is_empty() {
        return Err(Repr::MissingApiKey.into());
    }
    // Header values may hold bytes above ASCII, but keys have none: such a key is a damaged one.
    if !key.bytes().all(|byte| byte.is_ascii_graphic() || byte == b' ') {
        return Err(Repr::InvalidApiKey.into());
    }
    let mut header = HeaderValue::from_str(key).map_err(|_| Repr::InvalidApiKey)?;
    header.set_sensitive(true);
    Ok((key.into(), header))
}

fn check_base_url(text: &str) -> Result<String, Error> {
    let refuse = |value: &str, reason: String| {
        let value = crate::cut(value, Error::MAX_QUOTED_BYTES).to_owned();
        Error::from(Repr::InvalidBaseUrl { value, reason })
    };
    let mut url = Url::parse(text.trim()).map_err(|error| {
        refuse(without_user(text), format!("{error}; expected something like https://api.promptlayer.com"))
    })?;
    if !url.username().is_empty() || url.password().is_some() {
        // Neither fails for a URL that has a user.
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
        return Err(refuse(url.as_str(), "it has a query or a fragment; leave them out".to_owned()));
    }
    Ok(url.as_str().trim_end_matches('/').to_owned())
}

/// A URL to be shown before it is checked: what cannot be parsed may still hold a password.
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
        ClientBuilder::default().env(Env::of(variables.iter().copied())).settings()
    }

    #[test]
    fn a_key_alone_brings_the_documented_defaults() {
        let settings = settings(&[(API_KEY, "pl_1")]).unwrap();

        assert_eq!(settings.api_key.expose_secret(), "pl_1");
        assert_eq!(settings.base_url, "https://api.promptlayer.com");
        assert_eq!(settings.timeout, Duration::from_secs(10));
    }

    #[test]
    fn what_is_given_wins_over_the_environment() {
        let env = Env::of([(API_KEY, "pl_env"), (BASE_URL, "http://env.example"), (HTTP_TIMEOUT, "7")]);
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
    fn a_variable_without_a_value_counts_as_unset() {
        let error = settings(&[(API_KEY, " \n")]).err().unwrap();
        assert!(error.is_missing_api_key());
        assert!(error.to_string().contains("PROMPTLAYER_API_KEY"), "{error}");

        let settings = settings(&[(API_KEY, " pl_1\n"), (BASE_URL, ""), (HTTP_TIMEOUT, " ")]).unwrap();
        assert_eq!(settings.api_key.expose_secret(), "pl_1");
        assert_eq!(settings.base_url, ClientBuilder::DEFAULT_BASE_URL);
        assert_eq!(settings.timeout, ClientBuilder::DEFAULT_TIMEOUT);
    }

    #[test]
    fn an_empty_key_that_was_given_is_not_replaced_by_the_environments() {
        let env = Env::of([(API_KEY, "pl_env")]);
        let error = ClientBuilder::default().api_key("").env(env).build().unwrap_err();
        assert!(error.is_missing_api_key());
    }

    #[test]
    fn a_key_that_no_header_can_carry_is_refused_without_being_shown() {
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
    fn a_base_url_keeps_its_path_and_loses_its_last_slash() {
        let base = |text| settings(&[(API_KEY, "k"), (BASE_URL, text)]).map(|s| s.base_url);
        assert_eq!(base("http://127.0.0.1:9009/").unwrap(), "http://127.0.0.1:9009");
        assert_eq!(base("https://gate.example/pl/").unwrap(), "https://gate.example/pl");

        for text in ["localhost:9009", "ftp://x.example", "", "https://x.example?a=1", "::", "https://"] {
            let refused = ClientBuilder::default().api_key("k").base_url(text).build();
            assert!(refused.unwrap_err().is_invalid_input(), "{text}");
        }
    }

    #[test]
    fn a_password_in_the_base_url_is_refused_and_not_repeated() {
        for text in ["https://user:hunter2@x.example/", "https://user:hunter2@:x"] {
            let error = ClientBuilder::default().api_key("k").base_url(text).build().unwrap_err();
            assert!(error.is_invalid_input());
            assert!(!format!("{error} {error:?}").contains("hunter2"), "{error}");
        }
    }

    #[test]
    fn a_builder_shows_neither_key_nor_environment() {
        let env = Env::of([(API_KEY, "pl_hidden_env")]);
        let builder = ClientBuilder::default().api_key("pl_hidden_given").env(env);
        assert!(!format!("{builder:?}").contains("pl_hidden"), "{builder:?}");
    }
}
