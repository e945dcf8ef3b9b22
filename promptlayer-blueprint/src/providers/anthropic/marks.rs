//! Detection of Anthropic's wire format.
//!
//! Its requests differ from those of `OpenAI` and Cohere only in details. Each field that is checked here
//! exists in none of the other formats.

use serde_json::Value;

use crate::providers::json;
use crate::providers::shape::Object;

/// Fields that `OpenAI`'s chat completions have and Anthropic's messages do not have.
const OPENAI_FIELDS: &[&str] = &[
    "frequency_penalty",
    "functions",
    "logprobs",
    "max_completion_tokens",
    "n",
    "presence_penalty",
    "response_format",
    "stop",
    "stream_options",
];

/// Returns `true` if an object is a request.
pub(super) fn is_request(object: &Object) -> bool {
    let Some(messages) = object.get("messages").and_then(Value::as_array) else {
        return false;
    };
    let is_of_two =
        |message: &Value| matches!(message.get("role").and_then(Value::as_str), Some("user" | "assistant"));
    !messages.is_empty()
        && messages.iter().all(is_message)
        && !has_openai_tool(object)
        && (has_own_field(object)
            || messages.iter().any(has_own_block)
            || (is_of_claude(object) && messages.iter().all(is_of_two)))
}

/// Returns `true` if a value may be a message: it has content, and no block has a type of `OpenAI`. Newer
/// models accept system messages among the others.
fn is_message(message: &Value) -> bool {
    let role = message.get("role").and_then(Value::as_str);
    matches!(role, Some("user" | "assistant" | "system"))
        && message.get("tool_calls").is_none()
        && match message.get("content") {
            Some(Value::String(_)) => true,
            Some(Value::Array(blocks)) => blocks.iter().all(may_be_block),
            _ => false,
        }
}

fn may_be_block(block: &Value) -> bool {
    let kind = block.get("type").and_then(Value::as_str);
    kind.is_some_and(|kind| !matches!(kind, "image_url" | "input_audio" | "file" | "refusal" | "video_url"))
}

/// Returns `true` if a request has a field that only this API has.
fn has_own_field(object: &Object) -> bool {
    let has_limit = object.get("max_tokens").is_some_and(Value::is_u64);
    let has_system = matches!(object.get("system"), Some(Value::String(_) | Value::Array(_)));
    // Cohere's API has `stop_sequences` and `max_tokens` too.
    let may_be_cohere = json::string(object, "model")
        .is_some_and(|model| ["command", "c4ai"].iter().any(|of| model.starts_with(of)));
    let has_stop = object.get("stop_sequences").is_some_and(Value::is_array) && !may_be_cohere;
    json::string(object, "anthropic_version").is_some()
        || (has_limit && (has_system || has_stop))
        || has_own_tool(object)
        || object.get("tool_choice").is_some_and(is_own_choice)
        // Other APIs have a `thinking` field too, but without `budget_tokens`.
        || object.get("thinking").is_some_and(|thinking| {
            thinking.get("budget_tokens").is_some_and(Value::is_u64)
                || thinking.get("type").and_then(Value::as_str) == Some("adaptive")
        })
        || object.get("context_management").is_some_and(|context| context.get("edits").is_some_and(Value::is_array))
}

fn tools(object: &Object) -> &[Value] {
    object.get("tools").and_then(Value::as_array).map(Vec::as_slice).unwrap_or_default()
}

/// Returns `true` if a tool has `OpenAI`'s format: compatible servers may accept some of Anthropic's fields
/// too.
fn has_openai_tool(object: &Object) -> bool {
    tools(object).iter().any(|tool| tool.get("function").is_some_and(Value::is_object))
}

fn has_own_tool(object: &Object) -> bool {
    tools(object).iter().any(|tool| {
        tool.get("input_schema").is_some_and(Value::is_object)
            || tool.get("type").and_then(Value::as_str).is_some_and(is_dated)
    })
}

/// Returns `true` if a name ends with a version date, such as `web_search_20250305`.
fn is_dated(name: &str) -> bool {
    name.rsplit_once('_')
        .is_some_and(|(_, date)| date.len() == 8 && date.bytes().all(|byte| byte.is_ascii_digit()))
}

/// Returns `true` if a tool choice is an object with one of Anthropic's types. Other APIs use a string.
fn is_own_choice(choice: &Value) -> bool {
    match choice.get("type").and_then(Value::as_str) {
        Some("auto" | "any" | "none") => true,
        Some("tool") => choice.get("name").is_some_and(Value::is_string),
        _ => false,
    }
}

/// Returns `true` if a message has a block that only this API has. Other APIs have thoughts and documents
/// too, but without a signature and a source.
fn has_own_block(message: &Value) -> bool {
    let blocks = message.get("content").and_then(Value::as_array).map(Vec::as_slice).unwrap_or_default();
    blocks.iter().any(|block| {
        let has = |key: &str, is: fn(&Value) -> bool| block.get(key).is_some_and(is);
        match block.get("type").and_then(Value::as_str).unwrap_or_default() {
            "tool_use" | "server_tool_use" | "mcp_tool_use" => {
                has("id", Value::is_string) && has("name", Value::is_string)
            }
            kind if kind.ends_with("tool_result") => has("tool_use_id", Value::is_string),
            "thinking" => has("signature", Value::is_string),
            "redacted_thinking" => has("data", Value::is_string),
            "image" | "document" => has("source", Value::is_object),
            _ => false,
        }
    })
}

/// Returns `true` if an ambiguous request is for one of Anthropic's models and has no field of `OpenAI`'s
/// API. `OpenAI`-compatible servers offer these models too.
fn is_of_claude(object: &Object) -> bool {
    object.get("max_tokens").is_some_and(Value::is_u64)
        && json::string(object, "model").is_some_and(|model| model.starts_with("claude-"))
        && !OPENAI_FIELDS.iter().any(|field| object.get(*field).is_some_and(|value| !value.is_null()))
}

/// Returns `true` if an object is a whole response. Messages of `OpenAI`'s Responses API have the same type
/// and role, but no stop reason.
pub(super) fn is_reply(object: &Object) -> bool {
    let is_message = object.get("type").is_none_or(|kind| kind == "message");
    is_message
        && json::string(object, "role") == Some("assistant")
        && object.get("content").is_some_and(Value::is_array)
        && (object.contains_key("stop_reason")
            || object.get("usage").is_some_and(|usage| usage.get("input_tokens").is_some_and(Value::is_u64)))
}

/// Returns `true` if an object is an event of a stream. `ping` and `message_stop` are not checked: other
/// APIs may have them too.
pub(super) fn is_chunk(object: &Object) -> bool {
    let has = |key: &str, is: fn(&Value) -> bool| object.get(key).is_some_and(is);
    match json::string(object, "type").unwrap_or_default() {
        "message_start" => has("message", Value::is_object),
        "content_block_start" => has("index", Value::is_u64) && has("content_block", Value::is_object),
        "content_block_delta" => has("index", Value::is_u64) && has("delta", Value::is_object),
        "content_block_stop" => has("index", Value::is_u64),
        "message_delta" => has("delta", Value::is_object),
        "error" => has("error", |error| {
            ["type", "message"].iter().all(|key| error.get(key).is_some_and(Value::is_string))
        }),
        _ => false,
    }
}
