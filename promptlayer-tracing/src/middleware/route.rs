//! Recognizes model calls, their provider and their model by host and path.

use std::borrow::Cow;
use std::fmt;

use http::Uri;
use percent_encoding::percent_decode_str;
use promptlayer_blueprint::providers::provider_of_host;

use crate::kind::SpanKind;
use crate::span::call_site::CallSite;

/// The path suffixes of model calls.
static CALLS: &[(&str, &CallSite)] = &[
    ("/chat/completions", &site("chat/completions")),
    ("/completions", &site("completions")),
    ("/responses", &site("responses")),
    ("/messages", &site("messages")),
    ("/embeddings", &site("embeddings")),
    ("/images/generations", &site("images/generations")),
    ("/v1/chat", &site("chat")),
    ("/v2/chat", &site("chat")),
    ("/v1/embed", &site("embed")),
    ("/v2/embed", &site("embed")),
    ("/api/chat", &site("chat")),
    ("/api/generate", &site("generate")),
    ("/api/embed", &site("embed")),
    (":generateContent", &site("generateContent")),
    (":streamGenerateContent", &site("streamGenerateContent")),
    ("/interactions", &site("interactions")),
    (":embedContent", &site("embedContent")),
    (":batchEmbedContents", &site("batchEmbedContents")),
    (":rawPredict", &site("rawPredict")),
    (":streamRawPredict", &site("streamRawPredict")),
    ("/converse", &site("converse")),
    ("/converse-stream", &site("converse-stream")),
    ("/invoke", &site("invoke")),
    ("/invoke-with-response-stream", &site("invoke-with-response-stream")),
];

/// The calls in `CALLS` that create embeddings.
const EMBEDDINGS: &[&str] = &["embeddings", "embed", "embedContent", "batchEmbedContents"];

/// Parts of paths that match a suffix in `CALLS` but call no model: a message that is added to a thread is
/// only stored.
const NO_CALLS: &[&str] = &["/threads/"];

/// The path segments before the name of the model.
const BEFORE_MODEL: &[&str] = &["/models/", "/tunedModels/", "/model/", "/deployments/"];

const fn site(function: &'static str) -> CallSite {
    CallSite { kind: None, tags: &[], function, on_request_id: None }
}

/// The calls in `CALLS` that take `stream_options`.
const STREAM_OPTIONS: &[&str] = &["chat/completions", "completions"];

/// The address of a request without its query and user information, which may contain keys.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Address {
    scheme: String,
    /// In lower case.
    host: String,
    port: Option<u16>,
    path: String,
}

impl Address {
    /// Reads the URI of a request, and its header `host` if the URI names no host.
    pub(crate) fn from_uri(uri: &Uri, host: Option<&str>) -> Option<Self> {
        let authority = match uri.authority() {
            Some(authority) => authority.clone(),
            None => host?.parse().ok()?,
        };
        Some(Self {
            scheme: uri.scheme_str().unwrap_or("https").to_owned(),
            host: authority.host().to_ascii_lowercase(),
            port: authority.port_u16(),
            path: uri.path().to_owned(),
        })
    }

    /// Returns `true` if this address has the host `wanted`, and its port if `wanted` contains one.
    fn is_at(&self, wanted: &str) -> bool {
        let Some(rest) = strip_prefix_ignoring_case(wanted, &self.host) else { return false };
        match rest.strip_prefix(':') {
            Some(port) => self.port().is_some_and(|own| port.parse() == Ok(own)),
            None => rest.is_empty(),
        }
    }

    /// Returns the host, in lower case.
    pub(crate) fn host(&self) -> &str {
        &self.host
    }

    /// Returns the port: the one in the address, or that of the scheme.
    pub(crate) fn port(&self) -> Option<u16> {
        self.port.or(match self.scheme.as_str() {
            "https" => Some(443),
            "http" => Some(80),
            _ => None,
        })
    }
}

impl fmt::Display for Address {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "{}://{}", self.scheme, self.host)?;
        if let Some(port) = self.port {
            write!(formatter, ":{port}")?;
        }
        formatter.write_str(&self.path)
    }
}

/// The hosts whose requests are model calls.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Hosts<'a> {
    /// Those that are known.
    Known,
    /// All hosts. They belong to this provider, if it is named, except those that the user added.
    All(Option<&'a str>),
}

/// A model call, recognized from its address.
#[derive(Debug)]
pub(super) struct Route<'a> {
    pub(super) site: &'static CallSite,
    /// The provider, if the host or the interceptor names it.
    pub(super) provider: Option<&'a str>,
    /// The model, if the path contains it.
    pub(super) model: Option<Cow<'a, str>>,
}

impl<'a> Route<'a> {
    /// Returns the call that a `POST` to this address makes. Returns `None` if it calls no model.
    ///
    /// `hosts` are those that the user added. They take precedence.
    pub(super) fn from_address(
        address: &'a Address,
        hosts: &'a [(String, String)],
        wanted: Hosts<'a>,
    ) -> Option<Self> {
        let own = hosts.iter().find(|(own, _)| address.is_at(own)).map(|(_, provider)| provider.as_str());
        let provider = match wanted {
            Hosts::Known => Some(own.or_else(|| known_provider(address))?),
            Hosts::All(named) => own.or(named).or_else(|| known_provider(address)),
        };
        let path = address.path.trim_end_matches('/');
        if NO_CALLS.iter().any(|part| path.contains(part)) {
            return None;
        }
        let site = CALLS.iter().find_map(|(end, site)| path.ends_with(end).then_some(*site))?;
        Some(Self { site, provider, model: model(path) })
    }

    /// Returns the kind of the call. The path of Bedrock's `invoke` shows it only by the name of the model.
    pub(super) fn kind(&self) -> SpanKind {
        let is_invoked = || {
            let is_embedding = |model: &Cow<'_, str>| model.contains("embed");
            self.site.function == "invoke" && self.model.as_ref().is_some_and(is_embedding)
        };
        if EMBEDDINGS.contains(&self.site.function) || is_invoked() {
            SpanKind::Embedding
        } else {
            SpanKind::Llm
        }
    }

    /// Returns `true` if the call takes `stream_options`.
    pub(super) fn takes_stream_options(&self) -> bool {
        STREAM_OPTIONS.contains(&self.site.function)
    }
}

fn known_provider(address: &Address) -> Option<&'static str> {
    provider_of_host(&address.host, address.port())
}

fn strip_prefix_ignoring_case<'a>(text: &'a str, prefix: &str) -> Option<&'a str> {
    let (start, rest) = text.split_at_checked(prefix.len())?;
    start.eq_ignore_ascii_case(prefix).then_some(rest)
}

/// Returns the model in a path: the text up to the next slash, without the method after a colon.
///
/// Model ids of Bedrock contain a colon themselves and are followed by a slash.
fn model(path: &str) -> Option<Cow<'_, str>> {
    let name = BEFORE_MODEL.iter().find_map(|before| path.split_once(before).map(|(_, behind)| behind))?;
    let name = match name.split_once('/') {
        Some((name, _)) => name,
        None => name.rsplit_once(':').map_or(name, |(name, _)| name),
    };
    let name = percent_decode_str(name).decode_utf8().ok()?;
    (!name.is_empty()).then_some(name)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn address(uri: &str) -> Address {
        Address::from_uri(&uri.parse().unwrap(), None).unwrap()
    }

    fn route(url: &str) -> Option<(String, String, &'static str)> {
        let address = address(url);
        let own =
            [("My-Proxy:8080".to_owned(), "openai".to_owned()), ("llm.local".to_owned(), "mine".to_owned())];
        let route = Route::from_address(&address, &own, Hosts::Known)?;
        let model = route.model.unwrap_or_default().into_owned();
        Some((route.provider?.to_owned(), model, route.site.function))
    }

    #[test]
    fn host_and_path_determine_provider_model_and_call() {
        for (url, provider, model, function) in [
            ("https://api.openai.com/v1/chat/completions", "openai", "", "chat/completions"),
            ("https://api.openai.com/v1/completions/", "openai", "", "completions"),
            ("https://api.openai.com/v1/responses?a=b", "openai", "", "responses"),
            ("https://api.anthropic.com/v1/messages", "anthropic", "", "messages"),
            (
                "https://mine.openai.azure.com/openai/deployments/my-gpt/chat/completions?api-version=1",
                "openai.azure",
                "my-gpt",
                "chat/completions",
            ),
            (
                "https://generativelanguage.googleapis.com/v1beta/models/gemini-2.5-flash:streamGenerateContent?alt=sse",
                "google",
                "gemini-2.5-flash",
                "streamGenerateContent",
            ),
            ("https://generativelanguage.googleapis.com/v1beta/interactions", "google", "", "interactions"),
            (
                "https://europe-west1-aiplatform.googleapis.com/v1/projects/p/locations/l/publishers/anthropic/models/claude-3@1:rawPredict",
                "vertexai",
                "claude-3@1",
                "rawPredict",
            ),
            (
                "https://bedrock-runtime.eu-west-1.amazonaws.com/model/anthropic.claude-v1%3A0/converse-stream",
                "amazon.bedrock",
                "anthropic.claude-v1:0",
                "converse-stream",
            ),
            (
                "https://bedrock-runtime.us-east-1.amazonaws.com/model/a:0/invoke",
                "amazon.bedrock",
                "a:0",
                "invoke",
            ),
            ("http://localhost:11434/api/chat", "ollama", "", "chat"),
            ("http://[::1]:11434/api/generate", "ollama", "", "generate"),
            ("http://my-proxy:8080/v1/embeddings", "openai", "", "embeddings"),
            ("http://LLM.local:999/v1/messages", "mine", "", "messages"),
        ] {
            assert_eq!(route(url), Some((provider.to_owned(), model.to_owned(), function)), "{url}");
        }
    }

    #[test]
    fn embedding_paths_are_distinguished_from_llm_paths() {
        for (path, kind) in [
            ("/v1/embeddings", SpanKind::Embedding),
            ("/v2/embed", SpanKind::Embedding),
            ("/api/embed", SpanKind::Embedding),
            ("/v1beta/models/m:embedContent", SpanKind::Embedding),
            ("/v1beta/models/m:batchEmbedContents", SpanKind::Embedding),
            ("/model/amazon.titan-embed-text-v2%3A0/invoke", SpanKind::Embedding),
            ("/model/amazon.titan-text-express-v1/invoke", SpanKind::Llm),
            ("/v1/chat/completions", SpanKind::Llm),
            ("/v1/messages", SpanKind::Llm),
        ] {
            let address = address(&format!("https://api.openai.com{path}"));
            let route = Route::from_address(&address, &[], Hosts::Known).unwrap();
            assert_eq!(route.kind(), kind, "{path}");
        }
    }

    #[test]
    fn address_is_shown_without_query_and_user() {
        for (uri, host, shown) in [
            ("https://u:p@API.openai.com/v1/x?key=sk", None, Some("https://api.openai.com/v1/x")),
            ("http://[::1]:11434/api/chat", None, Some("http://[::1]:11434/api/chat")),
            ("/v1/chat?key=sk", Some("api.openai.com"), Some("https://api.openai.com/v1/chat")),
            ("/v1/chat", None, None),
            ("/v1/chat", Some("no host"), None),
        ] {
            let address = Address::from_uri(&uri.parse().unwrap(), host);
            assert_eq!(address.map(|address| address.to_string()).as_deref(), shown, "{uri}");
        }
    }

    #[test]
    fn all_hosts_are_logged_if_the_interceptor_says_so() {
        let own = [("llm.local".to_owned(), "mine".to_owned())];
        for (host, named, provider) in [
            ("127.0.0.1:8000", None, None),
            ("127.0.0.1:8000", Some("groq"), Some("groq")),
            ("api.openai.com", None, Some("openai")),
            ("api.openai.com", Some("groq"), Some("groq")),
            ("llm.local", Some("groq"), Some("mine")),
        ] {
            let address = address(&format!("http://{host}/v1/chat/completions"));
            let route = Route::from_address(&address, &own, Hosts::All(named)).unwrap();
            assert_eq!(route.provider, provider, "{host}");
        }
    }

    #[test]
    fn other_hosts_and_paths_make_no_route() {
        for url in [
            "https://example.com/v1/chat/completions",
            "https://api.openai.com.evil.org/v1/chat/completions",
            "https://evil-api.openai.com/v1/chat/completions",
            "https://api.openai.com/v1/files",
            "https://api.openai.com/v1/threads/t/messages",
            "https://api.anthropic.com/v1/messages/count_tokens",
            "https://api.anthropic.com/v1/messages/batches",
            "http://localhost:8080/api/chat",
            "http://my-proxy:8081/v1/embeddings",
            "http://my-proxy/v1/embeddings",
        ] {
            assert_eq!(route(url), None, "{url}");
        }
    }
}
