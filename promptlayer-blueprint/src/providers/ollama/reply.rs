//! Responses of `chat` and `generate`.

use std::collections::BTreeMap;

use serde_json::Value;

use super::{CHAT, GENERATE, request};
use crate::blueprint::{AssistantMessage, ChatPrompt, ContentBlock, Message};
use crate::providers::call_ids::CallIds;
use crate::providers::finish::Finish;
use crate::providers::json;
use crate::providers::reading::Shape;
use crate::providers::reading::{Reply, Usage};
use crate::providers::shape::Object;

/// Returns `true` if an object is a `chat` response or a line of a streamed one: it has a message and a
/// `done` flag.
pub(super) fn is_chat(object: &Object) -> bool {
    object.get("done").is_some_and(Value::is_boolean)
        && object.get("message").and_then(|message| message.get("role")).is_some_and(Value::is_string)
}

/// Returns `true` if an object is a `generate` response or a line of a streamed one: it has a text and a
/// `done` flag.
pub(super) fn is_generate(object: &Object) -> bool {
    object.get("done").is_some_and(Value::is_boolean)
        && object.get("response").is_some_and(Value::is_string)
        && object.get("model").is_some_and(Value::is_string)
}

/// Reads a `chat` response.
pub(super) fn chat(object: &Object) -> Reply {
    let message = object.get("message").and_then(Value::as_object);
    let message = message.map(|message| request::assistant(message, &mut CallIds::default()));
    read(object, message, &CHAT)
}

/// Reads a `generate` response.
pub(super) fn generate(object: &Object) -> Reply {
    let thinking = json::string(object, "thinking").map(ContentBlock::from_thinking);
    let text = json::string(object, "response").map(ContentBlock::from_text);
    let message = AssistantMessage {
        content: thinking.into_iter().chain(text).collect(),
        ..AssistantMessage::default()
    };
    read(object, Some(message), &GENERATE)
}

/// Reads the fields that both responses have.
fn read(object: &Object, message: Option<AssistantMessage>, shape: &'static Shape) -> Reply {
    Reply {
        shape: Some(shape),
        model: json::string(object, "model").map(str::to_owned),
        prompt: Some(ChatPrompt::new(message.map(Message::Assistant)).into()),
        usage: tokens(object),
        finish: json::string(object, "done_reason").map(Finish::from_word),
        metadata: durations(object),
        ..Reply::default()
    }
}

/// Reads token counts. Ollama omits the prompt count if the whole prompt was cached.
pub(super) fn tokens(object: &Object) -> Usage {
    let count = |name: &str| object.get(name).and_then(Value::as_u64);
    Usage { input: count("prompt_eval_count"), output: count("eval_count"), ..Usage::default() }
}

/// Returns the durations of the response's phases, in milliseconds. Ollama reports nanoseconds.
pub(super) fn durations(object: &Object) -> BTreeMap<&'static str, String> {
    [
        ("total_duration", "total_duration_ms"),
        ("load_duration", "load_duration_ms"),
        ("prompt_eval_duration", "prompt_eval_duration_ms"),
        ("eval_duration", "eval_duration_ms"),
    ]
    .into_iter()
    .filter_map(|(name, key)| {
        let nanoseconds = object.get(name)?.as_u64()?;
        Some((key, format!("{}.{:03}", nanoseconds / 1_000_000, nanoseconds / 1_000 % 1_000)))
    })
    .collect()
}
