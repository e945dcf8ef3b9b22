//! Anthropic's Messages API, as served by Anthropic, by Bedrock's `invoke`, by Vertex AI and by compatible
//! servers.
//!
//! Its requests differ from those of `OpenAI` and Cohere only in details. Each field by which this file detects
//! them exists in none of the other formats.

mod content;
mod read;
mod stream;
#[cfg(test)]
mod tests;
pub(super) mod to_turns;
pub(super) mod turn;
mod write;

use serde_json::Value;

use super::json::{Fields, Object};
use super::reading::Shape;

/// The field that Bedrock adds to the last event of a stream.
pub(super) const INVOCATION_METRICS: &str = "amazon-bedrock-invocationMetrics";

pub(super) static SHAPE: Shape = Shape {
    api_type: "messages",
    family: "anthropic",
    is_shared: true,
    is_request,
    request: read::request,
    is_reply,
    reply: read::reply,
    is_chunk,
    sum: stream::sum,
    write: Some(write::write),
};

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
/// Types of content blocks that `OpenAI`'s chat completions have and Anthropic's messages do not have.
const OPENAI_BLOCKS: &[&str] = &["image_url", "input_audio", "file", "refusal", "video_url"];

/// Returns `true` if an object is a request.
fn is_request(object: &Object) -> bool {
    let messages = object.list("messages");
    // Compatible servers may accept some of Anthropic's fields together with tools in OpenAI's format.
    let has_openai_tool = object.objects("tools").any(|tool| tool.object("function").is_some());
    !messages.is_empty()
        && messages.iter().all(is_message)
        && !has_openai_tool
        && (has_own_field(object)
            || messages.iter().any(|message| message.list("content").iter().any(is_own_block))
            || (is_for_claude(object) && messages.iter().all(|message| !message.is("role", "system"))))
}

/// Returns `true` if a value may be a message: it has content, and no block has a type of `OpenAI`. Newer
/// models accept system messages among the others.
fn is_message(message: &Value) -> bool {
    let may_be_block = |block: &Value| {
        block.get("type").and_then(Value::as_str).is_some_and(|kind| !OPENAI_BLOCKS.contains(&kind))
    };
    matches!(message.text("role"), Some("user" | "assistant" | "system"))
        && message.get("tool_calls").is_none()
        && match message.get("content") {
            Some(Value::String(_)) => true,
            Some(Value::Array(blocks)) => blocks.iter().all(may_be_block),
            _ => false,
        }
}

/// Returns `true` if a request has a field that only this API has.
fn has_own_field(object: &Object) -> bool {
    let has = |key: &str, is: fn(&Value) -> bool| object.get(key).is_some_and(is);
    let has_system = has("system", |system| system.is_string() || system.is_array());
    // Cohere's API has `stop_sequences` and `max_tokens` too.
    let may_be_cohere = object
        .text("model")
        .is_some_and(|model| ["command", "c4ai"].iter().any(|family| model.starts_with(family)));
    let has_stop = has("stop_sequences", Value::is_array) && !may_be_cohere;
    object.text("anthropic_version").is_some()
        || (has("max_tokens", Value::is_u64) && (has_system || has_stop))
        || object.objects("tools").any(|tool| {
            tool.object("input_schema").is_some() || tool.text("type").is_some_and(is_dated)
        })
        // Other APIs use a text for the tool choice.
        || has("tool_choice", |choice| match choice.text("type") {
            Some("auto" | "any" | "none") => true,
            Some("tool") => choice.get("name").is_some_and(Value::is_string),
            _ => false,
        })
        // Other APIs have a `thinking` field too, but without `budget_tokens`.
        || has("thinking", |thinking| thinking.count("budget_tokens").is_some() || thinking.is("type", "adaptive"))
        || has("context_management", |context| context.get("edits").is_some_and(Value::is_array))
}

/// Returns `true` if a name ends with a version date, such as `web_search_20250305`.
fn is_dated(name: &str) -> bool {
    name.rsplit_once('_')
        .is_some_and(|(_, date)| date.len() == 8 && date.bytes().all(|byte| byte.is_ascii_digit()))
}

/// Returns `true` if a block has a type that only this API has. Other APIs have thoughts and documents too, but
/// without a signature and a source.
fn is_own_block(block: &Value) -> bool {
    let has_text = |key: &str| block.get(key).is_some_and(Value::is_string);
    match block.text("type").unwrap_or_default() {
        "tool_use" | "server_tool_use" | "mcp_tool_use" => has_text("id") && has_text("name"),
        kind if kind.ends_with("tool_result") => has_text("tool_use_id"),
        "thinking" => has_text("signature"),
        "redacted_thinking" => has_text("data"),
        "image" | "document" => block.object("source").is_some(),
        _ => false,
    }
}

/// Returns `true` if an ambiguous request is for one of Anthropic's models and has no field of `OpenAI`'s API.
/// `OpenAI`-compatible servers offer these models too.
fn is_for_claude(object: &Object) -> bool {
    object.count("max_tokens").is_some()
        && object.text("model").is_some_and(|model| model.starts_with("claude-"))
        && !OPENAI_FIELDS.iter().any(|field| object.has(field))
}

/// Returns `true` if an object is a whole response. Messages of `OpenAI`'s Responses API have the same type and
/// role, but no stop reason.
fn is_reply(object: &Object) -> bool {
    let stops = object.contains_key("stop_reason");
    let counts = object.at("usage.input_tokens").is_some_and(Value::is_u64);
    object.get("type").is_none_or(|kind| kind == "message")
        && object.get("content").is_some_and(Value::is_array)
        // Some clients have no field for the role, which is always the same.
        && if object.contains_key("role") { object.is("role", "assistant") && (stops || counts) } else { stops && counts }
}

/// Returns `true` if an object is an event of a stream. `ping` and `message_stop` are not checked: other APIs may
/// have them too.
fn is_chunk(object: &Object) -> bool {
    let has_index = object.count("index").is_some();
    match object.text("type").unwrap_or_default() {
        "message_start" => object.object("message").is_some(),
        "content_block_start" => has_index && object.object("content_block").is_some(),
        "content_block_delta" => has_index && object.object("delta").is_some(),
        "content_block_stop" => has_index,
        "message_delta" => object.object("delta").is_some(),
        "error" => {
            ["error.type", "error.message"].iter().all(|path| object.at(path).is_some_and(Value::is_string))
        }
        _ => false,
    }
}
