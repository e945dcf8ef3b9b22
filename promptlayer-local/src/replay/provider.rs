//! A provider that the server was started with: its API, its address and its key.

use std::fmt;

use promptlayer_client::exporter::Redactor;
use reqwest::Url;
use reqwest::header::{AUTHORIZATION, HeaderMap, HeaderName, HeaderValue};
use secrecy::{ExposeSecret, SecretString};

use crate::config::ProviderSettings;

/// The maximum length of a name, in bytes.
const LONGEST_NAME: usize = 64;

/// The minimum length of a key that is removed from the texts of a model. Shorter ones are placeholders such as `local`,
/// which local servers accept, and words of ordinary texts.
const SHORTEST_SECRET: usize = 8;

/// The text in place of a key.
const REDACTED: &str = "[redacted]";

const API_KEY: HeaderName = HeaderName::from_static("x-api-key");
const VERSION: (HeaderName, HeaderValue) =
    (HeaderName::from_static("anthropic-version"), HeaderValue::from_static("2023-06-01"));

/// The API that a provider is called with.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum WireApi {
    /// OpenAI's chat completions.
    Chat,
    /// Anthropic's Messages.
    Messages,
}

/// A provider that can be called. Its `Debug` output has no key.
pub(crate) struct Provider {
    name: String,
    api: WireApi,
    base: Url,
    endpoint: Url,
    headers: HeaderMap,
    /// The key as JSON texts contain it, unless it is too short to be a secret.
    secret: Option<SecretString>,
    redactor: Option<Redactor>,
}

impl Provider {
    /// Checks a provider of the configuration. Returns the reason if it is not valid.
    pub(super) fn new(settings: &ProviderSettings) -> Result<Self, &'static str> {
        let ProviderSettings { name, url, key } = settings;
        let is_of_name =
            |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit() || b".-_".contains(&byte);
        if name.is_empty() || name.len() > LONGEST_NAME || !name.bytes().all(is_of_name) {
            return Err("a name has up to 64 lower-case letters, digits, dots, hyphens and underscores");
        }
        let api = if name == "anthropic" { WireApi::Messages } else { WireApi::Chat };
        let base = base(url)?;
        let mut headers = HeaderMap::new();
        if api == WireApi::Messages {
            let (name, version) = VERSION;
            headers.insert(name, version);
        }
        if let Some(key) = key {
            let (name, value) = match api {
                WireApi::Chat => (AUTHORIZATION, format!("Bearer {}", key.expose_secret())),
                WireApi::Messages => (API_KEY, key.expose_secret().to_owned()),
            };
            let is_valid = key.expose_secret().bytes().all(|byte| byte.is_ascii_graphic());
            let mut value = HeaderValue::from_str(&value)
                .ok()
                .filter(|_| is_valid)
                .ok_or("its key has characters other than printable ASCII, which no HTTP header holds")?;
            value.set_sensitive(true);
            headers.insert(name, value);
        }
        Ok(Self {
            name: name.clone(),
            endpoint: endpoint(&base, api)?,
            base,
            api,
            headers,
            secret: key.as_ref().filter(|key| key.expose_secret().len() >= SHORTEST_SECRET).map(as_in_json),
            redactor: key.clone().map(Redactor::new),
        })
    }

    pub(crate) fn name(&self) -> &str {
        &self.name
    }

    pub(crate) fn api(&self) -> WireApi {
        self.api
    }

    /// Returns the scheme, the host and the port, for the reader.
    pub(crate) fn origin(&self) -> String {
        self.base.origin().ascii_serialization()
    }

    /// Returns the address that requests are sent to.
    pub(super) fn endpoint(&self) -> Url {
        self.endpoint.clone()
    }

    /// Returns the headers of a request, with the key.
    pub(super) fn headers(&self) -> HeaderMap {
        self.headers.clone()
    }

    pub(super) fn is_plain_http(&self) -> bool {
        self.base.scheme() == "http"
    }

    /// Returns an error message without the key, and without fragments of it.
    pub(super) fn message(&self, message: &str) -> String {
        self.redactor.as_ref().map_or_else(|| message.to_owned(), |redactor| redactor.text(message))
    }

    /// Returns a text of a response without the key. A provider knows the key and could repeat it.
    pub(super) fn without_key(&self, text: String) -> String {
        match &self.secret {
            Some(secret) if self.has_key(&text) => text.replace(secret.expose_secret(), REDACTED),
            _ => text,
        }
    }

    /// Returns `true` if a text of a response contains the key.
    pub(super) fn has_key(&self, text: &str) -> bool {
        self.secret.as_ref().is_some_and(|secret| text.contains(secret.expose_secret()))
    }
}

impl fmt::Debug for Provider {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter
            .debug_struct("Provider")
            .field("name", &self.name)
            .field("origin", &self.origin())
            .finish_non_exhaustive()
    }
}

/// Returns a key as it stands inside a JSON text.
fn as_in_json(key: &SecretString) -> SecretString {
    let quoted = serde_json::Value::from(key.expose_secret()).to_string();
    quoted.get(1..quoted.len() - 1).unwrap_or_default().into()
}

fn base(url: &str) -> Result<Url, &'static str> {
    let url = Url::parse(url.trim())
        .map_err(|_| "its URL is not valid; give one such as http://localhost:11434/v1")?;
    if !matches!(url.scheme(), "http" | "https") || url.host_str().is_none() {
        return Err("its URL needs http:// or https://, and a host");
    }
    if !url.username().is_empty() || url.password().is_some() {
        return Err("its URL contains a user or a password; set the key in the environment");
    }
    if url.query().is_some() || url.fragment().is_some() {
        return Err("its URL has a query or a fragment; give the base address only");
    }
    Ok(url)
}

/// Returns the address of the API below a base address.
fn endpoint(base: &Url, api: WireApi) -> Result<Url, &'static str> {
    let mut endpoint = base.clone();
    let has_version = base.path().trim_end_matches('/').ends_with("/v1");
    let path: &[&str] = match api {
        WireApi::Chat => &["chat", "completions"],
        // The base address of Anthropic's SDK has no version, that of other SDKs has one.
        WireApi::Messages if has_version => &["messages"],
        WireApi::Messages => &["v1", "messages"],
    };
    let mut segments =
        endpoint.path_segments_mut().map_err(|()| "its URL needs http:// or https://, and a host")?;
    segments.pop_if_empty().extend(path);
    drop(segments);
    Ok(endpoint)
}

#[cfg(test)]
mod tests {
    use secrecy::SecretString;

    use super::Provider;
    use crate::config::ProviderSettings;

    fn provider(name: &str, url: &str, key: Option<&str>) -> Result<Provider, &'static str> {
        let key = key.map(SecretString::from);
        Provider::new(&ProviderSettings { name: name.to_owned(), url: url.to_owned(), key })
    }

    #[test]
    fn base_address_is_that_of_the_sdk() {
        for (name, url, expected) in [
            ("openai", "https://api.openai.com/v1", "https://api.openai.com/v1/chat/completions"),
            ("ollama", "http://localhost:11434/v1/", "http://localhost:11434/v1/chat/completions"),
            ("vllm", "http://[::1]:8000", "http://[::1]:8000/chat/completions"),
            ("anthropic", "https://api.anthropic.com", "https://api.anthropic.com/v1/messages"),
            ("anthropic", "https://api.anthropic.com/v1", "https://api.anthropic.com/v1/messages"),
            ("anthropic", "https://h/gateway/", "https://h/gateway/v1/messages"),
        ] {
            assert_eq!(provider(name, url, None).unwrap().endpoint().as_str(), expected);
        }
    }

    #[test]
    fn invalid_provider_is_refused_with_the_reason() {
        for (name, url, key, reason) in [
            ("", "http://h", None, "a name has"),
            ("Open AI", "http://h", None, "a name has"),
            ("openai", "localhost:11434", None, "http://"),
            ("openai", "", None, "not valid"),
            ("openai", "ftp://h", None, "http://"),
            ("openai", "https://me:secret@h/v1", None, "password"),
            ("openai", "https://h/v1?api-version=1", None, "query"),
            ("openai", "https://h/v1", Some("two words"), "printable"),
        ] {
            let problem = provider(name, url, key).unwrap_err();
            assert!(problem.contains(reason), "{name} {url}: {problem}");
            assert!(!problem.contains("secret"), "{problem}");
        }
    }

    #[test]
    fn key_is_in_no_output() {
        let provider = provider("openai", "https://h/v1", Some("sk-0123456789")).unwrap();
        assert!(!format!("{provider:?} {:?}", provider.headers()).contains("0123"));
        assert!(!provider.message("Incorrect API key: sk-0123456789").contains("0123"));
        assert_eq!(provider.without_key("a sk-0123456789 b".to_owned()), "a [redacted] b");
    }
}
