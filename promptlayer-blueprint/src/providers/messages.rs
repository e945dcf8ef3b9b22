//! Detection of messages, in the form that most providers share.

use serde_json::Value;

/// Returns `true` if a value is a list of messages.
pub(super) fn is_messages(value: &Value) -> bool {
    value.as_array().is_some_and(|messages| !messages.is_empty() && messages.iter().all(is_message))
}

/// Returns `true` if a value is a message: an object with a role and with content.
pub(super) fn is_message(value: &Value) -> bool {
    const SAID: &[&str] =
        &["content", "tool_calls", "function_call", "refusal", "audio", "reasoning", "reasoning_content"];
    value.get("role").is_some_and(Value::is_string) && SAID.iter().any(|said| value.get(said).is_some())
}
