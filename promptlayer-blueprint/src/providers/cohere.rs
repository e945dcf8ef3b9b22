//! Cohere's Chat and Embed APIs, versions 2 and 1.

mod chat;
mod v1;
mod write;

use serde_json::Value;

use super::json::{Fields, Object};
use super::reading::{Reply, Request, Shape, Usage, UsagePaths};
use super::words::{Words, words};
use super::{blocks, vectors};
use crate::blueprint::{ContentBlock, Prompt};

pub(super) static CHAT: Shape = Shape {
    api_type: "chat",
    family: "cohere",
    is_shared: true,
    is_request: chat::is_request,
    request: chat::request,
    is_reply: chat::is_reply,
    reply: chat::reply,
    is_chunk: chat::is_event,
    sum: chat::sum,
    write: Some(write::request),
};

/// Version 1 of the Chat API.
pub(super) static CHAT_V1: Shape = Shape {
    api_type: "chat",
    family: "cohere",
    is_shared: true,
    is_request: v1::is_request,
    request: v1::request,
    is_reply: v1::is_reply,
    reply: v1::reply,
    is_chunk: v1::is_event,
    sum: |events| v1::sum(&events),
    ..Shape::BASE
};

pub(super) static EMBED: Shape = Shape {
    api_type: "embed",
    family: "cohere",
    is_shared: true,
    is_request,
    request,
    is_reply,
    reply,
    ..Shape::BASE
};

/// The counts of `usage`, and of `meta` in version 1. Billed units differ from the tokens that the model processed;
/// they are used only if the token counts are missing.
static USAGE: UsagePaths = UsagePaths {
    input: &["tokens.input_tokens", "billed_units.input_tokens"],
    output: &["tokens.output_tokens", "billed_units.output_tokens"],
    cached: &["cached_tokens"],
    other: &[
        ("billed_units.input_tokens", "billed_input_tokens"),
        ("billed_units.output_tokens", "billed_output_tokens"),
        ("billed_units.image_tokens", "billed_image_tokens"),
        ("billed_units.images", "billed_images"),
        ("billed_units.search_units", "search_units"),
        ("billed_units.classifications", "classifications"),
    ],
    ..UsagePaths::NONE
};

const INPUTS: &[&str] = &["texts", "images", "inputs"];

const INPUT_TYPES: Words = words!("search_document search_query classification clustering image");

/// Returns `true` if an object is a request: it has an input, and a model with an input type or embedding types, or
/// one of Cohere's models, which do not all need a type. Through Bedrock, the model is in the URL, so that the input
/// type must be one of Cohere's.
fn is_request(object: &Object) -> bool {
    let is_of_cohere = || object.text("input_type").is_some_and(|kind| INPUT_TYPES.contains(kind));
    INPUTS.iter().any(|name| object.has_a(name, Value::is_array))
        && if object.has("model") {
            object.text("model").is_some_and(|model| model.starts_with("embed-"))
                || (object.has_a("model", Value::is_string)
                    && (object.has_a("input_type", Value::is_string)
                        || object.has_a("embedding_types", Value::is_array)))
        } else {
            is_of_cohere()
        }
}

/// Reads a request. All inputs become one user message.
fn request(object: Object) -> Request {
    let texts = object.list("texts").iter().map(blocks::readable);
    let images = object.list("images").iter().map(|image| match image.as_str() {
        Some(url) => ContentBlock::from_image_url(url),
        None => blocks::readable(image),
    });
    // An input has content like that of a message.
    let inputs = object.list("inputs").iter().flat_map(|input| match input.as_object() {
        Some(input) => chat::content(input),
        None => vec![blocks::readable(input)],
    });
    let blocks: Vec<ContentBlock> = texts.chain(images).chain(inputs).collect();
    Request::new(&EMBED, Prompt::user(blocks), object, &["model", "texts", "images", "inputs"])
}

/// It has vectors, or lists of vectors by type, and a response type or billed units.
fn is_reply(object: &Object) -> bool {
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

fn reply(object: &Object) -> Reply {
    Reply {
        shape: Some(&EMBED),
        prompt: Some(vectors::said(vectors(object).len(), dimensions(object))),
        usage: Usage { output: None, ..USAGE.within(object, "meta") },
        metadata: object.texts_at(&[("response_id", "id")]),
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

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn model_of_cohere_is_enough_for_a_request() {
        let is_one =
            |model: &str| is_request(json!({"model": model, "texts": ["why?"]}).as_object().unwrap());
        assert!(is_one("embed-multilingual-v2.0"));
        assert!(!is_one("my-classifier"));
    }
}
