//! `embedContent` and `batchEmbedContents`.

use serde_json::Value;

use super::{EMBED, model_name, new_request, request, wire};
use crate::blueprint::Prompt;
use crate::providers::json::{Fields, Object};
use crate::providers::reading::{self, Reply, Request, Usage};
use crate::providers::vectors;

/// Returns `true` if an object is a request: a content with parts, or a list of such requests.
pub(super) fn is_request(object: &Object) -> bool {
    let is_single = |object: &Object| {
        object.field("content").is_some_and(request::has_parts) && object.get("role").is_none()
    };
    let requests = object.list("requests");
    is_single(object)
        || (!requests.is_empty() && requests.iter().all(|one| one.as_object().is_some_and(is_single)))
}

/// Reads a request. All contents become one user message. Other fields of the batched requests stay in the
/// parameters.
pub(super) fn read_request(mut object: Object) -> Request {
    let (mut path, mut blocks) = (None, Vec::new());
    let mut read = |object: &mut Object| {
        path = path.take().or(wire::take_text(object, "model"));
        blocks.extend(wire::take(object, "content").iter().flat_map(request::blocks));
    };
    read(&mut object);
    if let Some(Value::Array(requests)) = wire::take(&mut object, "requests") {
        let rest = requests.into_iter().filter_map(|request| match request {
            Value::Object(mut request) => {
                read(&mut request);
                Some(reading::parameters(request, &[]))
            }
            _ => None,
        });
        let rest: Vec<Object> = rest.collect();
        if rest.iter().any(|request| !request.is_empty()) {
            object.insert("requests".to_owned(), rest.into_iter().map(Value::Object).collect());
        }
    }
    new_request(&EMBED, path.as_deref(), Prompt::user(blocks), object)
}

/// Returns `true` if an object is a response: every embedding has values.
pub(super) fn is_reply(object: &Object) -> bool {
    let embeddings = embeddings(object);
    embeddings.iter().all(|embedding| embedding.field("values").is_some_and(Value::is_array))
        && embeddings.iter().any(|embedding| dimensions(embedding).is_some())
}

/// Returns the embeddings: one, or a list.
fn embeddings(object: &Object) -> &[Value] {
    object.field("embedding").map_or_else(|| object.list("embeddings"), std::slice::from_ref)
}

fn dimensions(embedding: &Value) -> Option<usize> {
    vectors::dimensions(embedding.field("values")?)
}

/// Reads a response.
pub(super) fn read_reply(object: &Object) -> Reply {
    let object = &wire::converted(object);
    let embeddings = embeddings(object);
    let input = object.at("usageMetadata.promptTokenCount").and_then(Value::as_u64);
    Reply {
        shape: Some(&EMBED),
        model: object.text("modelVersion").map(|model| model_name(model).to_owned()),
        prompt: Some(vectors::said(embeddings.len(), embeddings.iter().filter_map(dimensions))),
        usage: Usage { input, ..Usage::default() },
        ..Reply::default()
    }
}
