//! `embedContent` and `batchEmbedContents`.

use std::borrow::Cow;

use serde_json::{Map, Value};

use super::{
    EMBED, VERTEX, field, field_of, is_of_vertex, list_in, model_name, object_in, request, string_in, take,
};
use crate::blueprint::{ChatPrompt, Message};
use crate::providers::reading::{self, Reply, Request, Usage};
use crate::providers::shape::Object;
use crate::providers::vectors;

/// Returns `true` if an object is a request: a content with parts, or a list of such requests.
pub(super) fn is_request(object: &Object) -> bool {
    let requests = list_in(object, "requests");
    let has_content = |object: &Object| {
        field(object, "content").is_some_and(request::has_parts) && object.get("role").is_none()
    };
    has_content(object)
        || (!requests.is_empty() && requests.iter().all(|one| one.as_object().is_some_and(has_content)))
}

/// Reads a request. All contents become one user message. Other fields of the batched requests stay in the
/// parameters.
pub(super) fn request(mut object: Object) -> Request {
    let mut path = take(&mut object, "model").as_ref().and_then(Value::as_str).map(str::to_owned);
    let mut blocks = Vec::new();
    blocks.extend(take(&mut object, "content").iter().flat_map(request::blocks));
    if let Some(Value::Array(requests)) = take(&mut object, "requests") {
        let mut left = Vec::new();
        for request in requests {
            let Value::Object(mut request) = request else { continue };
            let own = take(&mut request, "model").as_ref().and_then(Value::as_str).map(str::to_owned);
            path = path.or(own);
            blocks.extend(take(&mut request, "content").iter().flat_map(request::blocks));
            left.push(Value::Object(reading::parameters(request, &[])));
        }
        if left.iter().any(|request| request.as_object().is_some_and(|request| !request.is_empty())) {
            object.insert("requests".to_owned(), Value::Array(left));
        }
    }
    let path = path.as_deref();
    Request {
        shape: Some(&EMBED),
        provider: path.filter(|path| is_of_vertex(path)).map(|_| Cow::Borrowed(VERTEX)),
        model: path.map(|path| model_name(path).to_owned()),
        prompt: Some(ChatPrompt::new([Message::user(blocks)]).into()),
        parameters: reading::parameters(object, &[]),
        unplaced: Map::new(),
    }
}

/// Returns `true` if an object is a response: every embedding has values.
pub(super) fn is_reply(object: &Object) -> bool {
    let embeddings = embeddings(object);
    !embeddings.is_empty()
        && embeddings.iter().all(|embedding| field_of(embedding, "values").is_some_and(Value::is_array))
        && embeddings.iter().any(|embedding| dimensions(embedding).is_some())
}

/// Returns the embeddings: one, or a list.
fn embeddings(object: &Object) -> &[Value] {
    match field(object, "embedding") {
        Some(one) => std::slice::from_ref(one),
        None => list_in(object, "embeddings"),
    }
}

fn dimensions(embedding: &Value) -> Option<usize> {
    vectors::dimensions(field_of(embedding, "values")?)
}

/// Reads a response.
pub(super) fn reply(object: &Object) -> Reply {
    let embeddings = embeddings(object);
    let usage = object_in(object, "usageMetadata");
    Reply {
        shape: Some(&EMBED),
        model: string_in(object, "modelVersion").map(|model| model_name(model).to_owned()),
        prompt: Some(vectors::said(embeddings.len(), embeddings.iter().filter_map(dimensions))),
        usage: Usage {
            input: usage.and_then(|usage| field(usage, "promptTokenCount")).and_then(Value::as_u64),
            ..Usage::default()
        },
        ..Reply::default()
    }
}
