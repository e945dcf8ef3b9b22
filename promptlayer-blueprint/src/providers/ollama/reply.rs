//! Responses of `chat`, `generate` and `embed`.

use std::collections::BTreeMap;

use serde_json::Value;

use super::{CHAT, EMBED, GENERATE, request};
use crate::blueprint::{AssistantMessage, ChatPrompt, ContentBlock, Message};
use crate::providers::call_ids::CallIds;
use crate::providers::finish::Finish;
use crate::providers::json::{Fields, Object};
use crate::providers::reading::{Reply, Shape};
use crate::providers::usage::UsagePaths;
use crate::providers::vectors;

/// Ollama omits the prompt count if the whole prompt was cached.
const USAGE: UsagePaths =
    UsagePaths { input: &["prompt_eval_count"], output: &["eval_count"], ..UsagePaths::NONE };

/// Returns `true` if an object is a `chat` response or a line of a streamed one: it has a message and a
/// `done` flag.
pub(super) fn is_chat(object: &Object) -> bool {
    object.get("done").is_some_and(Value::is_boolean)
        && object.at("message.role").is_some_and(Value::is_string)
}

/// Returns `true` if an object is a `generate` response or a line of a streamed one: it has a text and a
/// `done` flag.
pub(super) fn is_generate(object: &Object) -> bool {
    object.get("done").is_some_and(Value::is_boolean)
        && object.get("response").is_some_and(Value::is_string)
        && object.get("model").is_some_and(Value::is_string)
}

/// Reads a `chat` response.
pub(super) fn read_chat(object: &Object) -> Reply {
    let message = object.object("message");
    read(object, message.map(|message| request::read_assistant(message, &mut CallIds::default())), &CHAT)
}

/// Reads a `generate` response.
pub(super) fn read_generate(object: &Object) -> Reply {
    let thinking = object.text("thinking").map(ContentBlock::from_thinking);
    let text = object.text("response").map(ContentBlock::from_text);
    let content = thinking.into_iter().chain(text).collect();
    read(object, Some(AssistantMessage { content, ..AssistantMessage::default() }), &GENERATE)
}

/// Reads the fields that both responses have.
fn read(object: &Object, message: Option<AssistantMessage>, shape: &'static Shape) -> Reply {
    let has_calls = message.as_ref().is_some_and(|message| !message.tool_calls.is_empty());
    Reply {
        prompt: Some(ChatPrompt::new(message.map(Message::Assistant)).into()),
        finish: object.text("done_reason").map(|word| Finish::from_word(word).or_tool_calls(has_calls)),
        ..counts(object, shape)
    }
}

/// Returns `true` if an object is an `embed` response: it has vectors, and a duration or a token count.
pub(super) fn is_embed(object: &Object) -> bool {
    let vectors = object.list("embeddings");
    (object.contains_key("total_duration") || object.contains_key("prompt_eval_count"))
        && vectors.iter().all(Value::is_array)
        && vectors.iter().any(|vector| vectors::dimensions(vector).is_some())
}

/// Reads an `embed` response.
pub(super) fn read_embed(object: &Object) -> Reply {
    let vectors = object.list("embeddings");
    let prompt = vectors::said(vectors.len(), vectors.iter().filter_map(vectors::dimensions));
    Reply { prompt: Some(prompt), ..counts(object, &EMBED) }
}

/// Reads the model, the token counts and the durations. Ollama reports durations in nanoseconds; the log has
/// milliseconds.
fn counts(object: &Object, shape: &'static Shape) -> Reply {
    let durations = [
        ("total_duration", "total_duration_ms"),
        ("load_duration", "load_duration_ms"),
        ("prompt_eval_duration", "prompt_eval_duration_ms"),
        ("eval_duration", "eval_duration_ms"),
    ];
    let milliseconds = |(name, key)| {
        let nanoseconds = object.count(name)?;
        Some((key, format!("{}.{:03}", nanoseconds / 1_000_000, nanoseconds / 1_000 % 1_000)))
    };
    Reply {
        shape: Some(shape),
        model: object.owned("model"),
        usage: USAGE.read(object),
        metadata: durations.into_iter().filter_map(milliseconds).collect::<BTreeMap<_, _>>(),
        ..Reply::default()
    }
}
