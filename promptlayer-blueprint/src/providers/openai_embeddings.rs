//! OpenAI's embeddings, and compatible APIs.

use std::collections::BTreeSet;

use serde_json::Value;

use super::json::{self, Fields, Object};
use super::reading::{Reply, Request, Shape};
use super::{openai_chat, vectors};
use crate::blueprint::{ContentBlock, Prompt};

pub(super) static SHAPE: Shape = Shape {
    api_type: "embeddings",
    family: "openai",
    is_shared: true,
    is_request,
    request,
    is_reply: |object| object.list("data").first().is_some_and(|first| dimensions(first).is_some()),
    reply,
    ..Shape::BASE
};

/// Fields that, among the APIs with an `input`, only this API has.
const OWN_FIELDS: &[&str] =
    &["dimensions", "encoding_format", "output_dimension", "output_dtype", "input_type"];

/// Requests of the Responses API have a model and an input too, but no list of texts, and no embedding model.
pub(super) fn is_request(object: &Object) -> bool {
    let Some(model) = object.str("model") else {
        return false;
    };
    let is_marked = || model.contains("embed") || OWN_FIELDS.iter().any(|field| object.contains_key(*field));
    match object.get("input") {
        Some(Value::String(_)) => is_marked(),
        Some(Value::Array(inputs)) if inputs.is_empty() => is_marked(),
        Some(Value::Array(inputs)) => inputs.iter().all(|input| is_input(input) || input.is_number()),
        _ => false,
    }
}

/// Returns `true` if an item of the input is a text or a list of tokens.
fn is_input(item: &Value) -> bool {
    item.is_string()
        || item.as_array().is_some_and(|tokens| !tokens.is_empty() && tokens.iter().all(Value::is_number))
}

/// Each input becomes a block of the user message. A list of tokens is kept as a list, on a single line.
fn request(object: Object) -> Request {
    let block = |input: &Value| ContentBlock::from_text(json::compact(input));
    let blocks: Vec<ContentBlock> = match object.get("input") {
        Some(Value::Array(inputs)) if inputs.iter().all(is_input) => inputs.iter().map(block).collect(),
        input => input.map(block).into_iter().collect(),
    };
    openai_chat::common_request(object, &SHAPE, Prompt::user(blocks), &["model", "input"])
}

/// Reads a response: the number of vectors, and their dimensions if all vectors have the same.
fn reply(object: &Object) -> Reply {
    let data = object.list("data");
    let lengths: BTreeSet<usize> = data.iter().filter_map(dimensions).collect();
    let dimensions = lengths.first().copied().filter(|_| lengths.len() == 1);
    Reply { prompt: Some(vectors::said(data.len(), dimensions)), ..openai_chat::common_reply(object, &SHAPE) }
}

/// Returns the dimensions of a vector. A llama.cpp server without pooling returns a vector for each token.
fn dimensions(item: &Value) -> Option<usize> {
    match item.field("embedding")? {
        Value::Array(numbers) => match numbers.first()? {
            Value::Array(of_token) => Some(of_token.len()),
            first => first.is_number().then_some(numbers.len()),
        },
        base64 => vectors::dimensions(base64),
    }
}
