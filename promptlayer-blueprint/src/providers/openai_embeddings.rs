//! OpenAI's embeddings, and compatible APIs.

use std::collections::BTreeSet;

use serde_json::{Map, Value};

use super::reading::Shape;
use super::reading::{self, Reply, Request};
use super::shape::{Object, never, no_sum};
use super::{json, openai_chat, vectors, vendor};
use crate::blueprint::{ChatPrompt, ContentBlock, Message};

pub(super) static SHAPE: Shape = Shape {
    api_type: "embeddings",
    family: "openai",
    is_shared: true,
    is_request,
    request,
    is_reply: |object| given(object).first().is_some_and(|first| dimensions(first).is_some()),
    reply,
    is_chunk: never,
    sum: no_sum,
    write: None,
};

/// Request fields that belong to the prompt. All other fields are parameters.
const PROMPT_FIELDS: &[&str] = &["model", "input"];

/// Fields that, among the APIs with an `input`, only this API has.
const OWN_FIELDS: &[&str] =
    &["dimensions", "encoding_format", "output_dimension", "output_dtype", "input_type"];

/// Number of base64 characters of three 32-bit numbers (12 bytes): 4 characters for every 3 bytes.
const BASE64_OF_THREE: usize = 16;

/// Returns `true` if an object is a request. Requests of the Responses API have a model and an input too,
/// but the input is never a list of texts, and none of their models is an embedding model.
pub(super) fn is_request(object: &Object) -> bool {
    let Some(model) = object.get("model").and_then(Value::as_str) else {
        return false;
    };
    let is_told = || model.contains("embed") || OWN_FIELDS.iter().any(|field| object.contains_key(*field));
    match object.get("input") {
        Some(Value::String(_)) => is_told(),
        Some(Value::Array(inputs)) if inputs.is_empty() => is_told(),
        Some(Value::Array(inputs)) => {
            inputs.iter().all(|input| is_text_or_tokens(input) || input.is_number())
        }
        _ => false,
    }
}

fn is_text_or_tokens(input: &Value) -> bool {
    input.is_string()
        || input.as_array().is_some_and(|tokens| !tokens.is_empty() && tokens.iter().all(Value::is_number))
}

/// Reads a request. Each input becomes a block of the user message. A list of tokens is kept as a list.
fn request(object: Object) -> Request {
    let blocks: Vec<ContentBlock> = match object.get("input") {
        Some(Value::Array(inputs)) if inputs.iter().all(is_text_or_tokens) => {
            inputs.iter().map(block).collect()
        }
        Some(input) => vec![block(input)],
        None => Vec::new(),
    };
    Request {
        shape: Some(&SHAPE),
        provider: vendor::of_request(&object).map(Into::into),
        model: json::string(&object, "model").map(str::to_owned),
        prompt: Some(ChatPrompt::new([Message::user(blocks)]).into()),
        parameters: reading::parameters(object, PROMPT_FIELDS),
        unplaced: Map::new(),
    }
}

/// Converts one input to a text block on a single line. Pretty-printing would put each token on its own
/// line.
fn block(input: &Value) -> ContentBlock {
    ContentBlock::from_text(input.as_str().map_or_else(|| input.to_string(), str::to_owned))
}

/// Reads a response: the number of vectors, and their dimensions if all vectors have the same.
fn reply(object: &Object) -> Reply {
    let given = given(object);
    let lengths: BTreeSet<usize> = given.iter().filter_map(dimensions).collect();
    let dimensions = lengths.first().copied().filter(|_| lengths.len() == 1);
    Reply {
        prompt: Some(vectors::said(given.len(), dimensions)),
        ..openai_chat::common_reply(object, &SHAPE)
    }
}

fn given(object: &Object) -> &[Value] {
    object.get("data").and_then(Value::as_array).map(Vec::as_slice).unwrap_or_default()
}

/// Returns the dimensions of a vector: a list of numbers, or the bytes of 32-bit floats in base64.
fn dimensions(vector: &Value) -> Option<usize> {
    match vector.get("embedding")? {
        Value::Array(numbers) => match numbers.first() {
            // One vector per token, which a llama.cpp server returns without pooling.
            Some(Value::Array(of_token)) => Some(of_token.len()),
            Some(Value::Number(_)) => Some(numbers.len()),
            _ => None,
        },
        Value::String(base64) => {
            let bare = base64.trim_end_matches('=').len();
            Some(bare * 3 / BASE64_OF_THREE)
        }
        _ => None,
    }
}
