//! Whose shape a JSON value has.

use serde_json::{Map, Value};

/// A provider's interface, of which a request or a reply has the shape.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Api {
    /// `POST /v1/chat/completions`
    OpenAiChat,
    /// `POST /v1/completions`
    OpenAiCompletions,
}

/// The interface that a value is a request of.
pub(super) fn request(object: &Map<String, Value>) -> Option<Api> {
    if !object.get("model").is_some_and(Value::is_string) {
        return None;
    }
    if object.get("messages").is_some_and(is_messages) {
        return Some(Api::OpenAiChat);
    }
    match object.get("prompt") {
        Some(Value::String(_) | Value::Array(_)) => Some(Api::OpenAiCompletions),
        _ => None,
    }
}

/// The interface that a value is a reply of.
pub(super) fn reply(object: &Map<String, Value>) -> Option<Api> {
    let choice = object.get("choices")?.as_array()?.first()?;
    if choice.get("message").is_some_and(Value::is_object) {
        Some(Api::OpenAiChat)
    } else if choice.get("text").is_some_and(Value::is_string) {
        Some(Api::OpenAiCompletions)
    } else {
        None
    }
}

/// Whether a value is a list of messages.
pub(super) fn is_messages(value: &Value) -> bool {
    value.as_array().is_some_and(|messages| !messages.is_empty() && messages.iter().all(is_message))
}

/// Whether a value is a message: an object with a role that says something.
pub(super) fn is_message(value: &Value) -> bool {
    const SAID: &[&str] =
        &["content", "tool_calls", "function_call", "refusal", "audio", "reasoning", "reasoning_content"];
    value.get("role").is_some_and(Value::is_string) && SAID.iter().any(|said| value.get(said).is_some())
}
