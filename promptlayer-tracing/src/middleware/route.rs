//! Recognizes model calls, their provider and their model by host and path.

use std::borrow::Cow;

use percent_encoding::percent_decode_str;
use promptlayer_blueprint::providers::{VENDORS, Vendor};
use reqwest::Url;

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

/// A model call, recognized from its URL.
#[derive(Debug)]
pub(super) struct Route<'a> {
    pub(super) site: &'static CallSite,
    pub(super) provider: &'a str,
    /// The model, if the path contains it.
    pub(super) model: Option<Cow<'a, str>>,
}

impl<'a> Route<'a> {
    /// Returns the call that a `POST` to this URL makes. Returns `None` if it calls no model.
    ///
    /// `hosts` are those that the user added. They take precedence.
    pub(super) fn from_url(url: &'a Url, hosts: &'a [(String, String)]) -> Option<Self> {
        let provider = provider(url, hosts)?;
        let path = url.path().trim_end_matches('/');
        if NO_CALLS.iter().any(|part| path.contains(part)) {
            return None;
        }
        let site = CALLS.iter().find_map(|(end, site)| path.ends_with(end).then_some(*site))?;
        Some(Self { site, provider, model: model(path) })
    }

    /// Returns the kind of the call.
    pub(super) fn kind(&self) -> SpanKind {
        if EMBEDDINGS.contains(&self.site.function) { SpanKind::Embedding } else { SpanKind::Llm }
    }
}

fn provider<'a>(url: &Url, hosts: &'a [(String, String)]) -> Option<&'a str> {
    let host = url.host_str()?;
    let own = hosts.iter().find(|(own, _)| is_at(url, host, own)).map(|(_, provider)| provider.as_str());
    let is_host = |vendor: &&Vendor| vendor.hosts.iter().any(|known| is_at(url, host, known));
    let has_pattern = |vendor: &&Vendor| {
        let matches = |(start, end): &(&str, &str)| host.starts_with(start) && host.ends_with(end);
        vendor.host_patterns.iter().any(matches)
    };
    let vendor = || VENDORS.iter().find(is_host).or_else(|| VENDORS.iter().find(has_pattern));
    own.or_else(|| vendor().map(|vendor| vendor.name))
}

/// Returns `true` if the URL has the host `wanted`, and its port if `wanted` contains one.
fn is_at(url: &Url, host: &str, wanted: &str) -> bool {
    let Some(rest) = strip_prefix_ignoring_case(wanted, host) else { return false };
    match rest.strip_prefix(':') {
        Some(port) => url.port_or_known_default().is_some_and(|own| port.parse() == Ok(own)),
        None => rest.is_empty(),
    }
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

    fn route(url: &str) -> Option<(String, String, &'static str)> {
        let url = Url::parse(url).unwrap();
        let own =
            [("My-Proxy:8080".to_owned(), "openai".to_owned()), ("llm.local".to_owned(), "mine".to_owned())];
        let route = Route::from_url(&url, &own)?;
        let model = route.model.unwrap_or_default().into_owned();
        Some((route.provider.to_owned(), model, route.site.function))
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
            ("/v1/chat/completions", SpanKind::Llm),
            ("/v1/messages", SpanKind::Llm),
        ] {
            let url = Url::parse(&format!("https://api.openai.com{path}")).unwrap();
            assert_eq!(Route::from_url(&url, &[]).unwrap().kind(), kind, "{path}");
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
            "data:text/plain,/v1/messages",
        ] {
            assert_eq!(route(url), None, "{url}");
        }
    }
}
