//! Embeddings.

use serde_json::{Map, Value};

use super::{EMBED, has_settings, reply, request};
use crate::blueprint::{ChatPrompt, ContentBlock, Message};
use crate::providers::reading::{self, Reply, Request};
use crate::providers::shape::Object;
use crate::providers::{json, vectors};

/// Returns `true` if an object is a request. OpenAI's requests have a model and an input too.
pub(super) fn is_request(object: &Object) -> bool {
    object.get("model").is_some_and(Value::is_string)
        && matches!(object.get("input"), Some(Value::String(_) | Value::Array(_)))
        && (has_settings(object) || object.get("truncate").is_some_and(Value::is_boolean))
}

/// Reads a request. Each text becomes a block of the user message.
pub(super) fn request(object: Object) -> Request {
    let texts = match object.get("input") {
        Some(Value::Array(texts)) => texts.as_slice(),
        Some(text) => std::slice::from_ref(text),
        None => &[],
    };
    let blocks: Vec<ContentBlock> =
        texts.iter().map(|text| ContentBlock::from_text(json::readable(text))).collect();
    Request {
        shape: Some(&EMBED),
        provider: None,
        model: json::string(&object, "model").map(str::to_owned),
        prompt: Some(ChatPrompt::new([Message::user(blocks)]).into()),
        parameters: reading::parameters(object, &["model", "input"]),
        unplaced: Map::new(),
    }
}

/// Returns `true` if an object is a response: it has vectors, a model, and a duration or a token count.
pub(super) fn is_reply(object: &Object) -> bool {
    let vectors = request::list(object, "embeddings");
    object.get("model").is_some_and(Value::is_string)
        && (object.contains_key("total_duration") || object.contains_key("prompt_eval_count"))
        && vectors.iter().all(Value::is_array)
        && vectors.iter().any(|vector| vectors::dimensions(vector).is_some())
}

/// Reads a response.
pub(super) fn reply(object: &Object) -> Reply {
    let vectors = request::list(object, "embeddings");
    Reply {
        shape: Some(&EMBED),
        model: json::string(object, "model").map(str::to_owned),
        prompt: Some(vectors::said(vectors.len(), vectors.iter().filter_map(vectors::dimensions))),
        usage: reply::tokens(object),
        metadata: reply::durations(object),
        ..Reply::default()
    }
}
