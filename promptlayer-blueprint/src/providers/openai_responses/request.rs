//! Requests.

use serde_json::{Map, Value};

use super::super::json;
use super::super::reading::Request;
use super::super::shape::Object;
use super::{SHAPE, items};
use crate::blueprint::{BuiltInTool, ChatPrompt, Function, Message, Tool, ToolChoice};

/// Fields of interfaces that have an input and a model too: chats, embeddings, speech.
const OF_OTHERS: &[&str] = &[
    "messages",
    "encoding_format",
    "dimensions",
    "output_dimension",
    "output_dtype",
    "input_type",
    "keep_alive",
    "truncate",
    "options",
    "voice",
];

/// Fields that only this interface has beside an input.
const SURE: &[&str] = &[
    "instructions",
    "previous_response_id",
    "conversation",
    "max_output_tokens",
    "max_tool_calls",
    "parallel_tool_calls",
    "reasoning",
    "text",
    "tools",
    "tool_choice",
    "store",
    "stream",
    "include",
    "background",
    "temperature",
    "top_p",
    "prompt_cache_key",
    "context_management",
];

/// Words in the names of models that take an input and give no text.
const OTHER_MODELS: &[&str] =
    &["embed", "moderation", "tts", "rerank", "bge-", "e5-", "gte-", "minilm", "voyage"];

/// Types of parts that other interfaces take a list of as their input: those of moderations.
const OTHER_PARTS: &[&str] = &["text", "image_url"];

/// Whether an object is surely a request: embeddings, moderations and speech have an input and a model too.
pub(super) fn is_request(object: &Object) -> bool {
    let has = |key: &str| object.get(key).is_some_and(|value| !value.is_null());
    if OF_OTHERS.iter().any(|key| has(key)) {
        return false;
    }
    // A stored prompt may name the model.
    let is_stored = object.get("prompt").and_then(|prompt| prompt.get("id")).is_some_and(Value::is_string);
    let Some(model) = json::string(object, "model").or(is_stored.then_some("")) else { return false };
    let is_sure = is_stored || SURE.iter().any(|key| has(key));
    match object.get("input") {
        Some(Value::String(_)) => is_sure || !is_other(model),
        Some(Value::Array(input)) if !input.is_empty() => are_items(input),
        None | Some(Value::Null | Value::Array(_)) => {
            is_stored || has("previous_response_id") || has("conversation")
        }
        Some(_) => false,
    }
}

/// Whether a model's name says that it gives no text.
fn is_other(model: &str) -> bool {
    let model = model.to_ascii_lowercase();
    OTHER_MODELS.iter().any(|word| model.contains(word))
}

/// Whether the values of a list are items: objects with a role or a type, and among those at most references
/// to items and bare texts.
fn are_items(input: &[Value]) -> bool {
    let mut told = false;
    for item in input {
        let text = |key: &str| item.get(key).and_then(Value::as_str);
        match (text("type"), text("role")) {
            (Some(kind), None) if OTHER_PARTS.contains(&kind) => return false,
            (Some(_), _) | (_, Some(_)) => told = true,
            (None, None) if text("id").is_some() || item.is_string() => {}
            (None, None) => return false,
        }
    }
    told
}

/// Reads a request. A tool or a choice that the blueprint has no form for stays among the parameters.
pub(super) fn request(mut object: Object) -> Request {
    let mut messages = Vec::new();
    match object.remove("instructions") {
        Some(Value::String(text)) if !text.is_empty() => messages.push(Message::system(text)),
        Some(Value::Array(items)) => messages.extend(items::messages(&items)),
        None | Some(Value::Null | Value::String(_)) => {}
        Some(other) => {
            object.insert("instructions".to_owned(), other);
        }
    }
    match object.remove("input") {
        Some(Value::String(text)) => messages.push(Message::user(text)),
        Some(Value::Array(items)) => messages.extend(items::messages(&items)),
        None | Some(Value::Null) => {}
        Some(other) => messages.push(Message::user(json::readable(&other))),
    }
    let mut prompt = ChatPrompt::new(messages);
    if let Some(Value::Array(list)) = object.get("tools")
        && let Some(tools) = list.iter().map(tool).collect::<Option<Vec<Tool>>>()
    {
        prompt.tools = tools;
        if !list.iter().any(says_more) {
            object.remove("tools");
        }
    }
    if let Some(choice) = object.get("tool_choice").and_then(tool_choice) {
        prompt.tool_choice = Some(choice);
        object.remove("tool_choice");
    }
    let model = json::string(&object, "model").map(str::to_owned);
    object.remove("model");
    // What is `null` was not asked for.
    object.retain(|_, value| !value.is_null());
    Request {
        shape: Some(&SHAPE),
        provider: None,
        model,
        prompt: Some(prompt.into()),
        parameters: object,
        unplaced: Map::new(),
    }
}

/// What a tool, or a choice of one, is.
fn kind(tool: &Value) -> &str {
    tool.get("type").and_then(Value::as_str).unwrap_or_default()
}

/// Reads a tool; `None` where the blueprint has no form for it.
fn tool(value: &Value) -> Option<Tool> {
    let object = value.as_object()?;
    match kind(value) {
        "function" => Some(function(object)?.into()),
        kind => Some(Tool::BuiltIn(built_in(form(kind)?, object))),
    }
}

/// A function, which stands flat here and not in an object of its own.
fn function(tool: &Object) -> Option<Function> {
    let parameters = match tool.get("parameters") {
        None | Some(Value::Null) => None,
        Some(parameters) => Some(parameters.as_object()?.clone()),
    };
    Some(Function {
        name: json::string(tool, "name")?.to_owned(),
        description: json::string(tool, "description").unwrap_or_default().to_owned(),
        strict: tool.get("strict").and_then(Value::as_bool).unwrap_or_default(),
        parameters,
    })
}

/// Whether a function has settings that the blueprint has no place for.
fn says_more(tool: &Value) -> bool {
    const PLACED: &[&str] = &["type", "name", "description", "strict", "parameters"];
    let is_more = |(key, value): (&String, &Value)| !PLACED.contains(&key.as_str()) && !value.is_null();
    kind(tool) == "function" && tool.as_object().is_some_and(|tool| tool.iter().any(is_more))
}

/// What the blueprint calls a kind of tool; some have the date of their version in the name.
fn form(kind: &str) -> Option<&'static str> {
    Some(match kind {
        "file_search" => "file_search",
        "code_interpreter" => "code_interpreter",
        "image_generation" => "image_generation",
        "mcp" => "mcp",
        "shell" | "local_shell" => "shell",
        "apply_patch" => "apply_patch",
        kind if kind.starts_with("web_search") => "web_search",
        _ => return None,
    })
}

/// A tool that the provider runs, with its settings as they came.
fn built_in(form: &'static str, tool: &Object) -> BuiltInTool {
    // Several MCP servers are told from each other by their labels.
    let name = json::string(tool, "server_label").unwrap_or(form);
    BuiltInTool {
        id: name.to_owned(),
        name: name.to_owned(),
        description: json::string(tool, "server_description").unwrap_or_default().to_owned(),
        provider: SHAPE.family.to_owned(),
        kind: form.to_owned(),
        config: tool
            .iter()
            .filter(|(_, value)| !value.is_null())
            .map(|(k, v)| (k.clone(), v.clone()))
            .collect(),
    }
}

/// Reads which tool the model must call; `None` where the blueprint has no form for it.
fn tool_choice(value: &Value) -> Option<ToolChoice> {
    match value {
        Value::String(mode) => Some(ToolChoice::Mode(mode.clone())),
        // Chat completions have the name in an object of its own; some servers take either.
        Value::Object(choice) if kind(value) == "function" => {
            let nested = choice.get("function").and_then(Value::as_object);
            Some(ToolChoice::function(json::string(nested.unwrap_or(choice), "name")?))
        }
        _ => None,
    }
}
