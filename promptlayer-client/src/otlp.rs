//! Clients for spans in OpenTelemetry's protocol, OTLP over HTTP: of PromptLayer's own endpoint, and of collectors.

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use reqwest::header::{
    CONNECTION, CONTENT_ENCODING, CONTENT_LENGTH, CONTENT_TYPE, HOST, HeaderMap, HeaderName, HeaderValue,
    TRANSFER_ENCODING,
};
use sha2::{Digest, Sha256};

use crate::config::{InvalidUrl, check_url};
use crate::http::{API_KEY_HEADER, Http, first_digits};
use crate::redact::Redactor;
use crate::settings::{SetUp, Settings};
use crate::{Client, ClientBuilder, Error, clock, cut};

/// The least length of a header value that is removed from texts. Shorter ones are words such as `1` and `eu`, and
/// removing them would garble every text.
const LEAST_SECRET: usize = 4;

/// The headers that the exporter sets itself.
const OWN_HEADERS: &[HeaderName] =
    &[CONNECTION, CONTENT_ENCODING, CONTENT_LENGTH, CONTENT_TYPE, HOST, TRANSFER_ENCODING];

/// Headers whose values are secrets: they are in no `Debug` output and no error.
#[derive(Clone, Default)]
pub struct SecretHeaders {
    map: HeaderMap,
    redactor: Redactor,
}

impl fmt::Debug for SecretHeaders {
    /// Prints the names only.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_set().entries(self.map.keys()).finish()
    }
}

impl SecretHeaders {
    /// Sets a header. A later value replaces an earlier one.
    ///
    /// # Errors
    ///
    /// Returns an error if the name or the value cannot be sent, or if the exporter sets this header. The error does
    /// not contain the value.
    pub fn set(&mut self, name: &str, value: &str) -> Result<(), Error> {
        let refuse = |reason: String| Error::invalid_argument("OTLP header", reason);
        let shown = cut(name, 128);
        let parsed =
            name.parse::<HeaderName>().map_err(|_| refuse(format!("`{shown}` is no header name")))?;
        if OWN_HEADERS.contains(&parsed) {
            return Err(refuse(format!("`{shown}` is set by the exporter")));
        }
        let mut header = HeaderValue::from_str(value).map_err(|_| {
            refuse(format!("the value of `{shown}` holds a character that no HTTP header can carry"))
        })?;
        header.set_sensitive(true);
        self.map.insert(parsed, header);
        for secret in secrets_of(value) {
            self.redactor = std::mem::take(&mut self.redactor).and(&Redactor::new(secret.into()));
        }
        Ok(())
    }

    /// Returns `true` if there is a header with this name.
    pub fn has(&self, name: &str) -> bool {
        self.map.contains_key(name)
    }

    /// Returns the redactor, which removes the values from texts.
    pub fn redactor(&self) -> &Redactor {
        &self.redactor
    }
}

/// Returns the secrets in the value of a header: the value without its scheme, and what it encodes.
fn secrets_of(value: &str) -> Vec<String> {
    let secret = match value.trim().split_once(' ') {
        Some((_scheme, secret)) if !secret.trim().contains(' ') => secret.trim(),
        _ => value.trim(),
    };
    // `Basic` holds a user and a password.
    let decoded = STANDARD.decode(secret).ok().and_then(|bytes| String::from_utf8(bytes).ok());
    let password =
        decoded.as_deref().and_then(|text| text.split_once(':')).map(|(_, password)| password.to_owned());
    let all = [Some(secret.to_owned()), decoded, password];
    all.into_iter().flatten().filter(|secret| secret.len() >= LEAST_SECRET).collect()
}

/// A destination for spans that is not PromptLayer.
#[derive(Debug, Clone)]
pub struct Collector {
    /// The URL that the spans are posted to.
    url: String,
    headers: SecretHeaders,
    timeout: Duration,
}

impl Collector {
    /// Checks the settings. `url` is used as it is.
    ///
    /// # Errors
    ///
    /// Returns an error if the URL or the time-out cannot be used.
    pub fn new(url: &str, headers: SecretHeaders, timeout: Duration) -> Result<Self, Error> {
        let parsed =
            check_url(url, "http://localhost:4318/v1/traces").map_err(|InvalidUrl { value, reason }| {
                let value = cut(&value, Error::MAX_QUOTED_BYTES);
                Error::invalid_argument("OTLP endpoint", format!("`{value}`: {reason}"))
                    .redacted(headers.redactor())
            })?;
        if timeout.is_zero() {
            return Err(Error::invalid_argument("OTLP time-out", "it must be greater than zero"));
        }
        Ok(Self { url: parsed.into(), headers, timeout: timeout.min(clock::LONGEST) })
    }

    /// Returns the URL that the spans are posted to.
    pub fn url(&self) -> &str {
        &self.url
    }

    /// Returns a client of this destination, with the HTTP settings of a builder. It has no API key.
    ///
    /// # Errors
    ///
    /// Returns an error if the HTTP client cannot be set up.
    pub fn client(self, builder: &ClientBuilder) -> Result<Client, Error> {
        self.connect(Some(builder.set_up()?))
    }

    /// Does the same as [`Self::client`], with the HTTP settings of another client.
    ///
    /// # Errors
    ///
    /// Returns an error if the HTTP client cannot be set up.
    pub fn client_like(self, other: &Client) -> Result<Client, Error> {
        self.connect(other.http().settings().http.clone())
    }

    fn connect(self, http: Option<SetUp>) -> Result<Client, Error> {
        let Self { url, headers: SecretHeaders { map, redactor }, timeout } = self;
        let settings = Settings {
            api_key: String::new().into(),
            headers: map,
            redactor,
            base_url: url.clone(),
            traces_url: Some(url),
            timeout,
            // The export pipeline has its own retries.
            retries: 0,
            http,
        };
        Ok(Client { http: Http::new(Arc::new(settings))? })
    }
}

impl Client {
    /// Returns a client of PromptLayer's OTLP endpoint: this client with more headers.
    ///
    /// # Errors
    ///
    /// Returns an error if a header replaces the API key, or if the HTTP client cannot be set up.
    #[doc(hidden)]
    pub fn with_headers(&self, headers: &SecretHeaders) -> Result<Self, Error> {
        if headers.map.contains_key(API_KEY_HEADER) {
            let reason = "`X-API-KEY` is set by the exporter; give the key with `.api_key(…)`";
            return Err(Error::invalid_argument("OTLP header", reason));
        }
        let mut settings = self.http.settings().clone();
        settings.headers.extend(headers.map.clone());
        settings.redactor = settings.redactor.and(&headers.redactor);
        Ok(Self { http: Http::new(Arc::new(settings))? })
    }
}

impl Http {
    /// Returns a hash that identifies the URL for spans of OpenTelemetry and the secret headers together, as 16
    /// hexadecimal digits. It is not that of [`Http::destination`]: such spans are in another form.
    pub fn destination_of_traces(&self) -> String {
        let settings = self.settings();
        let mut hash = Sha256::new_with_prefix(b"promptlayer-tracing: the OTLP destination of a spool");
        let mut add = |bytes: &[u8]| {
            // The length separates the parts.
            hash.update((bytes.len() as u64).to_be_bytes());
            hash.update(bytes);
        };
        add(settings.traces_url.as_ref().unwrap_or(&settings.base_url).as_bytes());
        let mut headers: Vec<_> = settings.headers.iter().collect();
        headers.sort_unstable_by_key(|(name, _)| name.as_str());
        for (name, value) in headers {
            add(name.as_str().as_bytes());
            add(value.as_bytes());
        }
        first_digits(hash)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn headers(of: &[(&str, &str)]) -> SecretHeaders {
        let mut headers = SecretHeaders::default();
        for (name, value) in of {
            headers.set(name, value).unwrap();
        }
        headers
    }

    #[test]
    fn header_values_are_removed_from_texts_and_short_words_are_not() {
        let encoded = STANDARD.encode("ada:hunter2-hunter2");
        let headers = headers(&[
            ("authorization", &format!("Basic {encoded}")),
            ("x-token", "tok_123456789"),
            ("x-region", "eu"),
        ]);
        for secret in [encoded.as_str(), "hunter2-hunter2", "tok_123456789"] {
            let text = headers.redactor().text(&format!("the eu server said: {secret}!"));
            assert!(!text.contains(secret) && text.contains("eu server"), "{text}");
        }
        let shown = format!("{headers:?}");
        assert!(shown.contains("x-token") && !shown.contains("tok_"), "{shown}");
    }

    #[test]
    fn invalid_headers_are_refused_without_their_values() {
        for (name, value) in
            [("a b", "secret-1"), ("x", "secret-1\n"), ("Content-Type", "secret-1"), ("", "secret-1")]
        {
            let error = SecretHeaders::default().set(name, value).unwrap_err();
            assert!(error.is_invalid_input(), "{name}");
            assert!(!format!("{error} {error:?}").contains("secret"), "{error}");
        }
    }

    #[test]
    fn url_of_a_collector_is_used_as_it_is_and_credentials_are_refused() {
        let url = |url: &str| {
            Collector::new(url, SecretHeaders::default(), Duration::from_secs(1))
                .map(|collector| collector.url)
        };
        assert_eq!(url("http://localhost:4318/v1/traces").unwrap(), "http://localhost:4318/v1/traces");
        assert_eq!(url("http://localhost:4318/otlp/").unwrap(), "http://localhost:4318/otlp/");
        for bad in ["localhost:4318", "ftp://a", "http://user:hunter2@a/", "http://a?key=hunter2", ""] {
            let error = url(bad).unwrap_err();
            assert!(error.is_invalid_input() && error.to_string().contains("OTLP endpoint"), "{error}");
            assert!(!format!("{error} {error:?}").contains("hunter2"), "{error}");
        }
        let zero = Collector::new("http://a", SecretHeaders::default(), Duration::ZERO).unwrap_err();
        assert!(zero.is_invalid_input());
    }

    #[test]
    fn destination_depends_on_url_headers_and_form() {
        let client = Client::builder().api_key("pl_1").base_url("http://127.0.0.1:9").build().unwrap();
        let collector = |url: &str, of: &[(&str, &str)]| {
            let collector = Collector::new(url, headers(of), Duration::from_secs(1)).unwrap();
            collector.client(&Client::builder()).unwrap().http().destination_of_traces()
        };
        let all = [
            client.http().destination(),
            client.http().destination_of_traces(),
            collector("http://127.0.0.1:9/v1/traces", &[]),
            collector("http://127.0.0.1:9/v1/traces", &[("x-tenant", "a")]),
            collector("http://127.0.0.1:9/v1/traces", &[("x-tenant", "b")]),
            collector("http://127.0.0.1:9/otlp", &[]),
        ];
        let distinct: std::collections::BTreeSet<_> = all.iter().collect();
        assert_eq!(distinct.len(), all.len(), "{all:?}");
        assert_eq!(collector("http://127.0.0.1:9/otlp", &[]), all[5]);
    }
}
