//! Embeddings, in both versions of the API.

use std::collections::BTreeMap;

use serde_json::{Map, Value};

use super::{EMBED, USAGE, chat};
use crate::blueprint::{ChatPrompt, ContentBlock, Message};
use crate::providers::json::{self, Fields, Object};
use crate::providers::reading::{self, Reply, Request, Usage};
use crate::providers::vectors;

/// Request fields that contain the input.
const INPUTS: &[&str] = &["texts", "images", "inputs"];

/// Returns `true` if an object is a request: it has a model, an input, and an input type or embedding
/// types.
pub(super) fn is_request(object: &Object) -> bool {
    let has = |name: &str, is: fn(&Value) -> bool| object.get(name).is_some_and(is);
    has("model", Value::is_string)
        && INPUTS.iter().any(|name| has(name, Value::is_array))
        && (has("input_type", Value::is_string) || has("embedding_types", Value::is_array))
}

/// Reads a request. All inputs become one user message.
pub(super) fn request(object: Object) -> Request {
    let texts = object.list("texts").iter().map(|text| ContentBlock::from_text(json::readable(text)));
    let images = object.list("images").iter().map(|image| match image.as_str() {
        Some(url) => ContentBlock::from_image_url(url),
        None => ContentBlock::from_text(json::readable(image)),
    });
    // An input has content like that of a message.
    let inputs = object.list("inputs").iter().flat_map(|input| match input.as_object() {
        Some(input) => chat::content(input),
        None => vec![ContentBlock::from_text(json::readable(input))],
    });
    let blocks: Vec<ContentBlock> = texts.chain(images).chain(inputs).collect();
    let prompt_fields: Vec<&str> = ["model"].iter().chain(INPUTS).copied().collect();
    Request {
        shape: Some(&EMBED),
        provider: None,
        model: object.owned("model"),
        prompt: Some(ChatPrompt::new([Message::user(blocks)]).into()),
        parameters: reading::parameters(object, &prompt_fields),
        unplaced: Map::new(),
    }
}

/// Returns `true` if an object is a response: it has vectors, or lists of vectors by type, and a response
/// type or billed units.
pub(super) fn is_reply(object: &Object) -> bool {
    let is_named = object.text("response_type").is_some_and(|kind| kind.starts_with("embeddings_"));
    let is_billed = object.get("meta").is_some_and(|meta| meta.get("billed_units").is_some());
    (is_named || is_billed) && !dimensions(object).is_empty()
}

/// Returns the vectors. If there are several types, returns those of the first type that is not empty.
fn vectors(object: &Object) -> &[Value] {
    match object.get("embeddings") {
        Some(Value::Array(vectors)) => vectors,
        Some(Value::Object(by_type)) => by_type
            .values()
            .filter_map(Value::as_array)
            .find(|vectors| !vectors.is_empty())
            .map(Vec::as_slice)
            .unwrap_or_default(),
        _ => &[],
    }
}

/// Reads a response.
pub(super) fn reply(object: &Object) -> Reply {
    let vectors = vectors(object);
    let mut metadata = BTreeMap::new();
    metadata.extend(object.owned("id").map(|id| ("response_id", id)));
    Reply {
        shape: Some(&EMBED),
        prompt: Some(vectors::said(vectors.len(), dimensions(object))),
        usage: Usage {
            output: None,
            ..object.object("meta").map(|meta| USAGE.read(meta)).unwrap_or_default()
        },
        metadata,
        ..Reply::default()
    }
}

/// Returns the dimensions of the vectors. Binary vectors are packed: each number holds eight dimensions.
fn dimensions(object: &Object) -> Vec<usize> {
    let of = |vectors: &Value| -> Vec<usize> {
        vectors.as_array().into_iter().flatten().filter_map(vectors::dimensions).collect()
    };
    match object.get("embeddings") {
        Some(Value::Object(by_type)) => by_type
            .iter()
            .flat_map(|(kind, vectors)| {
                let bits = if matches!(kind.as_str(), "binary" | "ubinary") { 8 } else { 1 };
                of(vectors).into_iter().map(move |length| length.saturating_mul(bits))
            })
            .collect(),
        Some(vectors) => of(vectors),
        None => Vec::new(),
    }
}
