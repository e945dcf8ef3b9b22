//! Embeddings, as OpenAI and all that speak the same give them.

use std::collections::BTreeSet;

use serde_json::{Map, Value};

use super::reading::{self, Reply, Request};
use super::shape::{Object, Shape, never, no_sum};
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
};

/// The fields of a request that are the prompt; all others are parameters.
const PROMPT_FIELDS: &[&str] = &["model", "input"];

/// Fields that of the interfaces with an `input` only this one has.
const OWN_FIELDS: &[&str] =
    &["dimensions", "encoding_format", "output_dimension", "output_dtype", "input_type"];

/// How many characters of base64 three numbers of 32 bits have, before it is padded: 4 for every 3 bytes.
const BASE64_OF_THREE: usize = 16;

/// Whether an object is a request. The responses interface has a model and an input too, but never a list of texts,
/// and none of its models is for embeddings.
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

/// Reads a request: every input is a block of the user's message; a list of tokens is shown as it is.
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

/// One input, in one line: laid out to be read, a list of tokens has a line for each.
fn block(input: &Value) -> ContentBlock {
    ContentBlock::from_text(input.as_str().map_or_else(|| input.to_string(), str::to_owned))
}

/// Reads a reply: how many vectors there are, and of how many dimensions if that is one number for all.
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

/// The dimensions of a vector: a list of numbers, or the bytes of 32-bit floats in base64.
fn dimensions(vector: &Value) -> Option<usize> {
    match vector.get("embedding")? {
        Value::Array(numbers) => match numbers.first() {
            // A vector for every token, as a llama.cpp server gives where it does not pool them.
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
