//! Reads the expected content of an exchange from the provider's own JSON, without any code of the library.

#[path = "raw/anthropic.rs"]
mod anthropic;
#[path = "raw/bedrock.rs"]
mod bedrock;
#[path = "raw/cohere.rs"]
mod cohere;
#[path = "raw/gemini.rs"]
mod gemini;
#[path = "raw/ollama.rs"]
mod ollama;
#[path = "raw/openai_chat.rs"]
mod openai_chat;
#[path = "raw/openai_responses.rs"]
mod openai_responses;

use serde_json::{Map, Value};

use crate::interface::Interface;
use crate::said::{self, Said};

/// The expected content of a response.
#[derive(Debug, Default)]
pub(crate) struct Expected {
    pub(crate) said: Vec<Said>,
    /// Tokens of the request.
    pub(crate) input: Option<u64>,
    /// Tokens of the response, including reasoning tokens.
    pub(crate) output: Option<u64>,
    pub(crate) cached: u64,
    pub(crate) cache_creation: u64,
    pub(crate) reasoning: u64,
    /// The finish reason as the provider writes it.
    pub(crate) word: Option<String>,
    /// Whether the response is a refusal, regardless of the finish reason.
    pub(crate) refused: bool,
    /// The cost of the exchange in US dollars, if the provider reports it.
    pub(crate) price: Option<f64>,
}

/// A tool that a request offers: its name, its description, and the schema of its arguments.
#[derive(Debug, PartialEq)]
pub(crate) struct Offered {
    pub(crate) name: String,
    pub(crate) description: String,
    pub(crate) parameters: Option<Value>,
}

impl Offered {
    fn of(tool: &Value, schema: &str) -> Option<Self> {
        Some(Self {
            name: text(&tool["name"])?,
            description: text(&tool["description"]).unwrap_or_default(),
            parameters: tool.get(schema).cloned(),
        })
    }
}

/// Returns the content of a request.
pub(crate) fn request(interface: Interface, request: &Value) -> Vec<Said> {
    said::joined(match interface {
        Interface::Chat => openai_chat::request(request),
        // A completion has no roles. Its text counts as the model's.
        Interface::Completions => vec![Said::text("assistant", texts(&request["prompt"]).concat())],
        Interface::Responses => openai_responses::request(request),
        Interface::Messages => anthropic::request(request),
        Interface::GenerateContent => gemini::request(request),
        Interface::Converse => bedrock::request(request),
        Interface::CohereChat => cohere::request(request),
        Interface::OllamaChat => ollama::request(request),
        Interface::Embeddings => user(&request["input"]),
        Interface::CohereEmbed => user(&request["texts"]),
        Interface::Other => Vec::new(),
    })
}

/// Returns the content of a complete response.
pub(crate) fn reply(interface: Interface, reply: &Value) -> Expected {
    let expected = match interface {
        Interface::Chat => openai_chat::reply(reply),
        Interface::Completions => Expected {
            said: texts(&reply["choices"]).into_iter().map(|text| Said::text("assistant", text)).collect(),
            ..openai_chat::reply(reply)
        },
        Interface::Responses => openai_responses::reply(reply),
        Interface::Messages => anthropic::reply(reply),
        Interface::GenerateContent => gemini::reply(reply),
        Interface::Converse => bedrock::reply(reply),
        Interface::CohereChat => cohere::reply(reply),
        Interface::OllamaChat => ollama::reply(reply),
        Interface::Embeddings => {
            Expected { input: number(&reply["usage"]["prompt_tokens"]), ..Expected::default() }
        }
        Interface::CohereEmbed | Interface::Other => Expected::default(),
    };
    Expected { said: said::joined(expected.said), ..expected }
}

/// Returns the part of a complete response that the model generated.
pub(crate) fn content(interface: Interface, reply: &Value) -> Vec<&Value> {
    match interface {
        Interface::Chat => items(&reply["choices"]).map(|choice| &choice["message"]).collect(),
        Interface::Completions => items(&reply["choices"]).map(|choice| &choice["text"]).collect(),
        Interface::Responses => vec![&reply["output"]],
        Interface::Messages => vec![&reply["content"]],
        Interface::GenerateContent => items(&reply["candidates"]).map(|one| &one["content"]).collect(),
        Interface::Converse => vec![&reply["output"]["message"]],
        Interface::CohereChat | Interface::OllamaChat => vec![&reply["message"]],
        Interface::Other => vec![&reply["text"]],
        Interface::Embeddings | Interface::CohereEmbed => Vec::new(),
    }
}

/// Returns the functions that a request offers, without the tools that the provider itself runs.
pub(crate) fn tools(interface: Interface, request: &Value) -> Vec<Offered> {
    let offered: Vec<Option<Offered>> = match interface {
        Interface::Chat | Interface::CohereChat | Interface::OllamaChat => {
            items(&request["tools"]).map(|tool| Offered::of(&tool["function"], "parameters")).collect()
        }
        Interface::Responses => items(&request["tools"])
            .filter(|tool| tool["type"] == "function")
            .map(|tool| Offered::of(tool, "parameters"))
            .collect(),
        Interface::Messages => items(&request["tools"])
            .filter(|tool| tool.get("input_schema").is_some())
            .map(|tool| Offered::of(tool, "input_schema"))
            .collect(),
        Interface::GenerateContent => items(&request["tools"])
            .flat_map(|tools| items(&tools["functionDeclarations"]))
            .map(|tool| Offered::of(tool, "parameters"))
            .collect(),
        Interface::Converse => items(&request["toolConfig"]["tools"])
            .map(|tool| {
                let tool = &tool["toolSpec"];
                let parameters = tool["inputSchema"].get("json").cloned();
                Offered::of(tool, "").map(|offered| Offered { parameters, ..offered })
            })
            .collect(),
        _ => Vec::new(),
    };
    offered.into_iter().flatten().collect()
}

/// Returns the tool choice of a request, if it has one.
pub(crate) fn tool_choice(interface: Interface, request: &Value) -> Option<&Value> {
    let choice = match interface {
        Interface::Converse => &request["toolConfig"]["toolChoice"],
        Interface::GenerateContent => &request["toolConfig"],
        _ => &request["tool_choice"],
    };
    (!choice.is_null()).then_some(choice)
}

/// Returns the parameters of a request: all fields that are not null and have no place of their own in the log.
pub(crate) fn parameters(interface: Interface, request: &Value) -> Map<String, Value> {
    let fields = request.as_object().into_iter().flatten();
    fields
        .filter(|(name, value)| !interface.placed().contains(&name.as_str()) && !value.is_null())
        .map(|(name, value)| (name.clone(), value.clone()))
        .collect()
}

fn user(texts: &Value) -> Vec<Said> {
    match texts {
        Value::String(text) => vec![Said::text("user", text)],
        texts => items(texts).filter_map(text).map(|text| Said::text("user", text)).collect(),
    }
}

fn items(value: &Value) -> impl Iterator<Item = &Value> {
    value.as_array().into_iter().flatten()
}

fn text(value: &Value) -> Option<String> {
    value.as_str().map(str::to_owned)
}

fn number(value: &Value) -> Option<u64> {
    value.as_u64()
}

fn count(value: &Value) -> u64 {
    value.as_u64().unwrap_or_default()
}

/// Returns the texts of a content value, which is either a string or a list of parts.
fn texts(content: &Value) -> Vec<String> {
    match content {
        Value::String(text) => vec![text.clone()],
        parts => items(parts).filter_map(|part| text(&part["text"])).collect(),
    }
}

fn role(value: &Value) -> &'static str {
    match value.as_str() {
        Some("system" | "developer") => "system",
        Some("assistant" | "model") => "assistant",
        _ => "user",
    }
}
