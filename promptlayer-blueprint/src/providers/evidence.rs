//! Names the provider of a call by the evidence of the exchange.
//!
//! Each piece of evidence names a provider with a weight. The provider with the greatest sum is the one. Without
//! evidence, the provider is unknown: a server of a wire format need not belong to the provider that defined it.

use super::reading::{Reply, Request, Shape};
use super::vendors::VENDORS;
use super::{UNKNOWN_MODEL, detect, vendor};

/// The evidence of a call, from which its provider is determined.
///
/// ```
/// use promptlayer_blueprint::providers::{self, Evidence, Input, Output};
/// use serde_json::json;
///
/// let body = json!({"model": "my-model", "messages": [{"role": "user", "content": "Hello"}]});
/// let (request, reply) = (providers::request(Input::Value(body)), providers::response(Output::Value(json!("Hi"))));
/// let evidence = |types| Evidence { request: &request, reply: &reply, model: "my-model", types };
///
/// // Many servers take a request in this format, but this client is made for Ollama.
/// assert_eq!(evidence(&["ollama_rs::Ollama"]).provider(), Some("ollama"));
/// assert_eq!(evidence(&[]).provider(), None);
/// ```
#[derive(Debug, Clone, Copy)]
pub struct Evidence<'a> {
    /// The request.
    pub request: &'a Request,
    /// The response.
    pub reply: &'a Reply,
    /// The model.
    pub model: &'a str,
    /// The names of the Rust types of the arguments, of the returned value and of its error, with their paths.
    pub types: &'a [&'a str],
}

// Each weight is greater than the sum of those below it: a field that only one provider sends outweighs the name of
// a model that a router passes on.
const REPLY_MARK: u32 = 64;
const REPLY_FORMAT: u32 = 32;
const TYPE: u32 = 16;
const REQUEST_MARK: u32 = 8;
const REQUEST_FORMAT: u32 = 4;
const MODEL: u32 = 2;
/// A client that is also used with other providers' servers.
const SHARED_TYPE: u32 = 1;
/// A format that its own provider usually serves. Counts if there is nothing else.
const USUAL_FORMAT: u32 = 0;

impl Evidence<'_> {
    /// Returns `PromptLayer`'s name of the provider, or `None` if nothing tells it.
    pub fn provider(&self) -> Option<&str> {
        let only_speaker = |shape: Option<&'static Shape>| shape.and_then(Shape::only_speaker);
        let known_model = Some(self.model).filter(|model| *model != UNKNOWN_MODEL);
        let mut evidence: Vec<(&str, u32)> = [
            (self.reply.provider.as_deref(), REPLY_MARK),
            (only_speaker(self.reply.shape), REPLY_FORMAT),
            (self.request.provider.as_deref(), REQUEST_MARK),
            (only_speaker(self.request.shape).filter(|_| self.reply.shape.is_none()), REQUEST_FORMAT),
            (known_model.and_then(vendor::of_model), MODEL),
            (self.reply.shape.or(self.request.shape).and_then(Shape::usual_speaker), USUAL_FORMAT),
        ]
        .into_iter()
        .filter_map(|(provider, weight)| Some((provider?, weight)))
        .collect();
        let paths = paths(self.types);
        let is_named = |types: &[&str]| types.iter().any(|known| paths.iter().any(|path| path.is_of(known)));
        for vendor in VENDORS.iter().filter(|_| !paths.is_empty()) {
            if is_named(vendor.types) {
                evidence.push((vendor.name, TYPE));
            } else if is_named(vendor.shared_types) {
                evidence.push((vendor.name, SHARED_TYPE));
            }
        }
        let sum = |provider: &str| -> u32 {
            evidence.iter().filter(|(other, _)| *other == provider).map(|(_, weight)| weight).sum()
        };
        // Of several with the same sum, the first.
        evidence.iter().rev().max_by_key(|(provider, _)| sum(provider)).map(|(provider, _)| *provider)
    }
}

/// Returns the API that the Rust type of a request or a client names.
fn api_of(types: &[&str]) -> Option<&'static Shape> {
    let paths = paths(types);
    let is_named = |known: &str| paths.iter().any(|path| path.is_of(known));
    VENDORS.iter().filter(|_| !paths.is_empty()).find_map(|vendor| {
        let (_, api) = vendor.request_types.iter().find(|(known, _)| is_named(known))?;
        detect::by_name(vendor.name, Some(api))
    })
}

impl Request {
    /// Sets the API from the Rust types of the arguments, if one of them is a request or a client of a known crate.
    #[must_use]
    pub fn with_types(mut self, types: &[&str]) -> Self {
        self.shape = api_of(types).or(self.shape);
        self
    }
}

/// The path of a type, without the modules.
#[derive(Debug, Clone, Copy)]
struct TypePath<'a> {
    root: &'a str,
    name: &'a str,
}

/// Returns the paths of types and of their generic parameters, but for those of the standard library, which are in most
/// signatures and tell nothing.
fn paths<'a>(types: &[&'a str]) -> Vec<TypePath<'a>> {
    let is_part = |c: char| c.is_alphanumeric() || c == '_' || c == ':';
    let path = |path: &'a str| {
        // A colon never stands alone in a path, and a search for one character is much faster than one for `::`.
        let (root, rest) = path.split_once(':')?;
        if matches!(root, "alloc" | "core" | "std") {
            return None;
        }
        Some(TypePath { root, name: rest.rsplit(':').next()? })
    };
    let parts = |name: &'a str| name.split(move |c| !is_part(c)).filter(|part| !part.is_empty());
    // The types of the language itself have no path.
    let with_paths = types.iter().filter(|name| name.contains(':'));
    with_paths.flat_map(|name| parts(name)).filter_map(path).collect()
}

impl TypePath<'_> {
    /// Returns `true` if the type is of a known crate (`ollama_rs`), or is a known type of a crate
    /// (`async_openai::AzureConfig`).
    fn is_of(self, known: &str) -> bool {
        known
            .strip_prefix(self.root)
            .is_some_and(|rest| rest.is_empty() || rest.strip_prefix("::") == Some(self.name))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn provider(types: &[&str], model: &str, reply: &Reply) -> Option<String> {
        let request = Request::default();
        Evidence { request: &request, reply, model, types }.provider().map(str::to_owned)
    }

    #[test]
    fn client_type_names_the_provider() {
        let cases = [
            ("&ollama_rs::Ollama", "qwen3", Some("ollama")),
            ("alloc::sync::Arc<aws_sdk_bedrockruntime::client::Client>", "claude-x", Some("amazon.bedrock")),
            (
                "async_openai::client::Client<async_openai::config::AzureConfig>",
                "gpt-4o",
                Some("openai.azure"),
            ),
            ("async_openai::client::Client<async_openai::config::OpenAIConfig>", "my-model", Some("openai")),
            (
                "async_openai::client::Client<async_openai::config::OpenAIConfig>",
                "claude-x",
                Some("anthropic"),
            ),
            ("my_ollama_rs::Client", "qwen3", None),
            ("alloc::string::String", "Qwen/Qwen3.5-9B", None),
        ];
        for (type_name, model, expected) in cases {
            assert_eq!(provider(&[type_name], model, &Reply::default()).as_deref(), expected, "{type_name}");
        }
    }

    #[test]
    fn type_of_a_request_names_its_api() {
        let chat = r#"{"model": "m", "messages": [{"role": "user", "content": "why?"}]}"#;
        let cases = [
            (chat, "ollama_rs::generation::chat::request::ChatMessageRequest", Some("chat")),
            (chat, "&ollama_rs::Ollama", Some("chat-completions")),
            (chat, "alloc::string::String", Some("chat-completions")),
            (
                r#"{"model": "m", "input": "why?"}"#,
                "ollama_rs::generation::embeddings::request::GenerateEmbeddingsRequest",
                Some("embed"),
            ),
            (r#"{"model": "m", "input": "why?"}"#, "alloc::string::String", Some("responses")),
            (
                r#"[{"role": "user", "content": "why?"}]"#,
                "langchain_rust::llm::openai::OpenAI<async_openai::config::OpenAIConfig>",
                Some("chat-completions"),
            ),
            (
                r#""why?""#,
                "langchain_rust::embedding::openai::openai_embedder::OpenAiEmbedder<C>",
                Some("embeddings"),
            ),
            (
                r#"{"model": "m", "messages": "why?"}"#,
                "alloc::vec::Vec<mistralai_client::v1::chat::ChatMessage>",
                Some("chat-completions"),
            ),
        ];
        for (body, type_name, expected) in cases {
            let body = serde_json::from_str(body).unwrap();
            let request = super::super::request(super::super::Input::Value(body)).with_types(&[type_name]);
            assert_eq!(request.shape.map(|shape| shape.api_type), expected, "{type_name}");
        }
    }

    #[test]
    fn reply_outweighs_client_type_and_model() {
        let reply = Reply { provider: Some("openrouter".into()), ..Reply::default() };
        assert_eq!(provider(&["ollama_rs::Ollama"], "gpt-4o", &reply).as_deref(), Some("openrouter"));
    }
}
