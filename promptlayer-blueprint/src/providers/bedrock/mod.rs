//! Bedrock's Converse API, which serves the models of many providers. The model id is in the URL. `invoke` has the
//! other formats of its models.
//!
//! The blocks of this format have no `type`, but one field that names their type.

mod content;
mod invoke;
mod read;
mod stream;
mod write;

use serde_json::Value;

pub(super) use self::invoke::{EMBEDDINGS, INVOKE};
use super::json::{Fields, Object};
use super::reading::Shape;

pub(super) static SHAPE: Shape = Shape {
    api_type: "converse",
    family: "amazon.bedrock",
    is_shared: false,
    is_request,
    request: read::request,
    is_reply,
    reply: read::reply,
    is_chunk,
    sum: stream::sum,
    write: Some(write::write),
};

/// Names of the events that report an error in a stream. Each one contains a message.
const EXCEPTIONS: &[&str] = &[
    "internalServerException",
    "modelStreamErrorException",
    "modelTimeoutException",
    "serviceUnavailableException",
    "throttlingException",
    "validationException",
];

/// Request fields of this API. One of them is enough to detect a request. `schemaVersion` is a field of the
/// requests of Nova models with `invoke`, which have this format too.
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
    "schemaVersion",
    "serviceTier",
    "toolConfig",
];

/// Returns `true` if an object is a request.
fn is_request(object: &Object) -> bool {
    let messages = object.list("messages");
    !messages.is_empty()
        && messages.iter().all(is_message)
        && (object.keys().any(|field| REQUEST_FIELDS.contains(&field.as_str()))
            || messages.iter().any(|message| message.objects("content").any(is_own_block))
            // A request whose messages contain only text must have no other fields.
            || object.keys().all(|field| field == "messages" || field == "system"))
}

fn is_message(message: &Value) -> bool {
    let is_block = |block: &Value| {
        block.as_object().is_some_and(|block| {
            !block.contains_key("type")
                && (block.get("text").is_some_and(Value::is_string) || is_own_block(block))
        })
    };
    matches!(message.text("role"), Some("user" | "assistant" | "system"))
        && message.get("content").is_some_and(Value::is_array)
        && message.list("content").iter().all(is_block)
}

/// Returns `true` if a block has a field that names its type, with the fields that this type requires. Other APIs
/// have text blocks too.
fn is_own_block(block: &Object) -> bool {
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

/// Returns `true` if an object is a whole response. The types of its blocks are not checked: future models may
/// return unknown ones.
fn is_reply(object: &Object) -> bool {
    object.at("output.message").is_some_and(|message| {
        message.get("role").is_some_and(Value::is_string)
            && message.get("content").is_some_and(Value::is_array)
            && message.list("content").iter().all(|block| block.is_object() && block.get("type").is_none())
    })
}

/// Returns `true` if an object is an event of a stream: it has one field that names its type.
fn is_chunk(object: &Object) -> bool {
    object.iter().any(|(name, event)| {
        let has_index = event.count("contentBlockIndex").is_some();
        match name.as_str() {
            "messageStart" => event.get("role").is_some_and(Value::is_string),
            "contentBlockStart" => has_index && event.object("start").is_some(),
            "contentBlockDelta" => has_index && event.object("delta").is_some(),
            "contentBlockStop" => has_index,
            "messageStop" => event.get("stopReason").is_some_and(Value::is_string),
            "metadata" => event.object("usage").is_some_and(|usage| usage.count("inputTokens").is_some()),
            name => EXCEPTIONS.contains(&name) && event.is_object(),
        }
    })
}
