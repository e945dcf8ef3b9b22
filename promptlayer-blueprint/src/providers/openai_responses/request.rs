//! Requests.

use serde_json::Value;

use super::{SHAPE, items};
use crate::blueprint::{BuiltInTool, ChatPrompt, Function, Message, Tool, ToolChoice};
use crate::providers::json::{self, Fields, Object, Words};
use crate::providers::reading::{self, Request};
use crate::providers::turn;

/// Fields of other APIs that have an input and a model too: chat, embeddings, speech.
const OF_OTHERS: Words = Words(
    "messages encoding_format dimensions output_dimension output_dtype input_type keep_alive truncate \
     options voice",
);

/// Fields that, beside an input, only this API has.
const SURE: Words = Words(
    "instructions previous_response_id conversation max_output_tokens max_tool_calls parallel_tool_calls \
     reasoning text tools tool_choice store stream include background temperature top_p prompt_cache_key \
     context_management",
);

/// Words in the names of models that take an input but return no text.
const OTHER_MODELS: &[&str] =
    &["embed", "moderation", "tts", "rerank", "bge-", "e5-", "gte-", "minilm", "voyage"];

/// Types of input parts in other APIs: moderations accept a list of such parts.
const OTHER_PARTS: &[&str] = &["text", "image_url"];

/// Returns `true` if an object is definitely a request. Embeddings, moderations and speech have an input
/// and a model too.
pub(super) fn is_request(object: &Object) -> bool {
    let has = |key: &str| object.has(key);
    if OF_OTHERS.any_in(object) {
        return false;
    }
    // A stored prompt may define the model.
    let is_stored = object.get("prompt").and_then(|prompt| prompt.get("id")).is_some_and(Value::is_string);
    let Some(model) = object.text("model").or(is_stored.then_some("")) else { return false };
    let is_sure = is_stored || SURE.any_in(object);
    match object.get("input") {
        Some(Value::String(_)) => is_sure || !is_other(model),
        Some(Value::Array(input)) if !input.is_empty() => are_items(input),
        None | Some(Value::Null | Value::Array(_)) => {
            is_stored || has("previous_response_id") || has("conversation")
        }
        Some(_) => false,
    }
}

/// Returns `true` if the model's name shows that it returns no text.
fn is_other(model: &str) -> bool {
    let model = model.to_ascii_lowercase();
    OTHER_MODELS.iter().any(|word| model.contains(word))
}

/// Returns `true` if the values of a list are items: objects with a role or a type. The list may also
/// contain item references and strings.
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

/// Reads a request. Tools and tool choices that the blueprint cannot hold stay in the parameters.
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
    Request::new(&SHAPE, prompt, object, &["model"])
}

/// Returns the type of a tool or of a tool choice.
fn kind(tool: &Value) -> &str {
    tool.get("type").and_then(Value::as_str).unwrap_or_default()
}

/// Reads a tool. Returns `None` if the blueprint cannot hold it.
fn tool(value: &Value) -> Option<Tool> {
    let object = value.as_object()?;
    match kind(value) {
        "function" => Some(function(object)?.into()),
        kind => Some(Tool::BuiltIn(built_in(form(kind)?, object))),
    }
}

/// Reads a function. Its fields are at the top level here, not in a nested object.
fn function(tool: &Object) -> Option<Function> {
    let schema = tool.field("parameters");
    schema.is_none_or(Value::is_object).then(|| turn::function(tool, schema.and_then(Value::as_object)))?
}

/// Returns `true` if a function has settings that the blueprint has no field for.
fn says_more(tool: &Value) -> bool {
    const PLACED: Words = Words("type name description strict parameters");
    kind(tool) == "function" && tool.as_object().is_some_and(|tool| !PLACED.are_all_of(tool))
}

/// Returns the blueprint's name for a type of tool. Some types contain a version date.
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

/// Converts a tool that the provider runs. Its settings are kept as received.
fn built_in(form: &'static str, tool: &Object) -> BuiltInTool {
    // MCP servers are distinguished by their labels.
    let name = tool.text("server_label").unwrap_or(form);
    BuiltInTool {
        id: name.to_owned(),
        name: name.to_owned(),
        description: tool.text("server_description").unwrap_or_default().to_owned(),
        provider: SHAPE.family.to_owned(),
        kind: form.to_owned(),
        config: reading::parameters(tool.clone(), &[]),
    }
}

/// Reads a tool choice. Returns `None` if the blueprint cannot hold it.
fn tool_choice(value: &Value) -> Option<ToolChoice> {
    match value {
        Value::String(mode) => Some(ToolChoice::Mode(mode.clone())),
        // Chat completions nest the name in an object. Some servers accept both forms.
        Value::Object(choice) if kind(value) == "function" => {
            let nested = choice.get("function").and_then(Value::as_object);
            Some(ToolChoice::function(nested.unwrap_or(choice).text("name")?))
        }
        _ => None,
    }
}
