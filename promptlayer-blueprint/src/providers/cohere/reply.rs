//! Responses of the Chat API.

use std::collections::BTreeMap;

use serde_json::Value;

use super::{CHAT, citations, list, request, tokens};
use crate::blueprint::{ChatPrompt, Message};
use crate::providers::finish::Finish;
use crate::providers::reading::Reply;
use crate::providers::shape::Object;
use crate::providers::{errors, json};

/// Returns `true` if an object is a response: it has an assistant message, with one of Cohere's finish
/// reasons or Cohere's usage. A choice in a response of OpenAI has a message and a finish reason too, but
/// with other values.
pub(super) fn is_reply(object: &Object) -> bool {
    let is_of_model = |message: &Value| {
        message.get("role").is_some_and(|role| role == "assistant")
            && (message.get("content").is_none_or(|content| content.is_array() || content.is_null()))
    };
    let is_ended = match object.get("finish_reason") {
        Some(Value::String(word)) => is_reason(word),
        // An interrupted stream: see `chunks`.
        Some(Value::Null) => !object.contains_key("index"),
        _ => object.get("usage").is_some_and(|usage| usage.get("billed_units").is_some()),
    };
    object.get("message").is_some_and(is_of_model) && is_ended
}

fn is_reason(word: &str) -> bool {
    const REASONS: &[&str] =
        &["COMPLETE", "STOP_SEQUENCE", "MAX_TOKENS", "TOOL_CALL", "USER_CANCEL", "TIMEOUT", "ERROR"];
    REASONS.contains(&word) || word.starts_with("ERROR_")
}

/// Reads a response.
pub(super) fn reply(object: &Object) -> Reply {
    let message = object.get("message").and_then(Value::as_object);
    let cited = message.map(|message| list(message, "citations")).unwrap_or_default();
    let mut metadata = BTreeMap::new();
    metadata.extend(json::string(object, "id").map(|id| ("response_id", id.to_owned())));
    metadata.extend(citations::whole(cited).map(|citations| ("citations", citations)));
    let messages = message.map(|message| Message::Assistant(request::assistant(message)));
    Reply {
        shape: Some(&CHAT),
        prompt: Some(ChatPrompt::new(messages).into()),
        usage: tokens(object.get("usage").and_then(Value::as_object)),
        finish: json::string(object, "finish_reason").map(Finish::from_word),
        error: object.get("error").filter(|error| !error.is_null()).map(errors::of_reply),
        metadata,
        ..Reply::default()
    }
}
