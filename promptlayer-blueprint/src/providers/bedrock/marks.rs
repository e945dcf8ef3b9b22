//! Detection of the Converse wire format: its blocks have no `type`, but one field that names their type.

use serde_json::Value;

use super::EXCEPTIONS;
use crate::providers::shape::Object;

/// Request fields of this API. One of them is enough to detect a request.
const REQUEST_FIELDS: &[&str] = &[
    "additionalModelRequestFields",
    "additionalModelResponseFieldPaths",
    "guardrailConfig",
    "inferenceConfig",
    "modelId",
    "outputConfig",
    "performanceConfig",
    "promptVariables",
    "requestMetadata",
    "serviceTier",
    "toolConfig",
];

/// Returns `true` if an object is a request.
pub(super) fn is_request(object: &Object) -> bool {
    let Some(messages) = object.get("messages").and_then(Value::as_array) else {
        return false;
    };
    let is_own = |field: &str| REQUEST_FIELDS.contains(&field);
    !messages.is_empty()
        && messages.iter().all(is_message)
        && (object.keys().any(|field| is_own(field))
            || messages.iter().any(has_own_block)
            // A request whose messages contain only text must have no other fields.
            || object.keys().all(|field| field == "messages" || field == "system"))
}

fn is_message(message: &Value) -> bool {
    let role = message.get("role").and_then(Value::as_str);
    matches!(role, Some("user" | "assistant" | "system")) && blocks(message).is_some_and(are_blocks)
}

fn blocks(message: &Value) -> Option<&[Value]> {
    message.get("content").and_then(Value::as_array).map(Vec::as_slice)
}

/// Returns `true` if all values are blocks.
fn are_blocks(blocks: &[Value]) -> bool {
    blocks.iter().all(|block| {
        let Some(block) = block.as_object().filter(|block| !block.contains_key("type")) else {
            return false;
        };
        block.get("text").is_some_and(Value::is_string) || is_own(block)
    })
}

/// Returns `true` if a message has a block of this API other than text.
fn has_own_block(message: &Value) -> bool {
    blocks(message).unwrap_or_default().iter().filter_map(Value::as_object).any(is_own)
}

/// Returns `true` if a block has a field that names its type, with the fields that this type requires.
fn is_own(block: &Object) -> bool {
    block.iter().any(|(name, value)| {
        let has = |key: &str| value.get(key).is_some();
        match name.as_str() {
            "image" | "document" | "video" | "audio" => has("source"),
            "toolUse" | "toolResult" => has("toolUseId"),
            "reasoningContent" => has("reasoningText") || has("redactedContent"),
            "guardContent" => has("text") || has("image"),
            "citationsContent" => has("content") || has("citations"),
            "searchResult" => has("content"),
            "cachePoint" => has("type"),
            _ => false,
        }
    })
}

/// Returns `true` if an object is a whole response. The types of its blocks are not checked: future models
/// may return unknown ones.
pub(super) fn is_reply(object: &Object) -> bool {
    let message = object.get("output").and_then(|output| output.get("message"));
    message.is_some_and(|message| {
        let are_untyped =
            |blocks: &[Value]| blocks.iter().all(|block| block.is_object() && block.get("type").is_none());
        message.get("role").is_some_and(Value::is_string) && blocks(message).is_some_and(are_untyped)
    })
}

/// Returns `true` if an object is an event of a stream: it has one field that names its type.
pub(super) fn is_chunk(object: &Object) -> bool {
    object.iter().any(|(name, event)| {
        let has = |key: &str, is: fn(&Value) -> bool| event.get(key).is_some_and(is);
        match name.as_str() {
            "messageStart" => has("role", Value::is_string),
            "contentBlockStart" => has("contentBlockIndex", Value::is_u64) && has("start", Value::is_object),
            "contentBlockDelta" => has("contentBlockIndex", Value::is_u64) && has("delta", Value::is_object),
            "contentBlockStop" => has("contentBlockIndex", Value::is_u64),
            "messageStop" => has("stopReason", Value::is_string),
            "metadata" => {
                event.get("usage").is_some_and(|usage| usage.get("inputTokens").is_some_and(Value::is_u64))
            }
            name => EXCEPTIONS.contains(&name) && event.is_object(),
        }
    })
}
