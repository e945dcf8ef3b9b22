//! Gemini's `generateContent`, as served by Gemini and by Vertex AI.
//!
//! Field names have two spellings: `inlineData` on the wire, and `inline_data` in SDKs that serialize their
//! own types. Google's own SDKs write `null` for absent fields.

mod chunks;
mod citations;
mod embed;
mod partial_args;
mod parts;
mod reply;
mod request;
mod tools;

use serde_json::Value;

use super::reading::Shape;
use super::shape::{Object, never, no_sum};

pub(super) static SHAPE: Shape = Shape {
    api_type: "generate-content",
    family: "google",
    is_shared: true,
    is_request: request::is_request,
    request: request::read,
    is_reply: reply::is_reply,
    reply: reply::read,
    is_chunk: reply::is_reply,
    sum: |events| chunks::sum(&events),
    write: None,
};

pub(super) static EMBED: Shape = Shape {
    api_type: "embed-content",
    family: "google",
    is_shared: true,
    is_request: embed::is_request,
    request: embed::request,
    is_reply: embed::is_reply,
    reply: embed::reply,
    is_chunk: never,
    sum: no_sum,
    write: None,
};

/// Returns a field in either spelling, unless it is `null`. `name` is the wire spelling.
fn field<'a>(object: &'a Object, name: &str) -> Option<&'a Value> {
    object
        .get(name)
        .or_else(|| object.iter().find(|(key, _)| is_spelled(key, name)).map(|(_, value)| value))
        .filter(|value| !value.is_null())
}

/// Returns a field of any value. A value that is not an object has no fields.
fn field_of<'a>(value: &'a Value, name: &str) -> Option<&'a Value> {
    field(value.as_object()?, name)
}

/// Returns a field that is an object.
fn object_in<'a>(object: &'a Object, name: &str) -> Option<&'a Object> {
    field(object, name)?.as_object()
}

/// Returns a list field, or an empty list if the field has another type.
fn list_in<'a>(object: &'a Object, name: &str) -> &'a [Value] {
    field(object, name).and_then(Value::as_array).map(Vec::as_slice).unwrap_or_default()
}

/// Returns a text field that is not empty.
fn string_in<'a>(object: &'a Object, name: &str) -> Option<&'a str> {
    field(object, name)?.as_str().filter(|text| !text.is_empty())
}

/// Removes a field in either spelling and returns it.
fn take(object: &mut Object, name: &str) -> Option<Value> {
    let key = object.keys().find(|key| is_spelled(key, name))?.clone();
    object.remove(&key).filter(|value| !value.is_null())
}

/// Returns `true` if a key is this name, in the wire spelling or with underscores.
fn is_spelled(key: &str, name: &str) -> bool {
    let mut rest = name.bytes();
    let spelled = |byte: u8| rest.next().is_some_and(|expected| expected.eq_ignore_ascii_case(&byte));
    key.bytes().filter(|byte| *byte != b'_').all(spelled) && rest.next().is_none()
}

/// Returns a model's name without its path: `models/` for the Gemini API, the project and location for
/// Vertex AI. Other models (`projects/…/endpoints/1`) keep their path.
fn model_name(path: &str) -> &str {
    match path.rsplit_once("models/") {
        Some((before, name)) if before.is_empty() || before.ends_with('/') => name,
        _ => path,
    }
}

/// Returns `true` if a model path is one of Vertex AI, where each path starts with a project.
fn is_of_vertex(path: &str) -> bool {
    path.starts_with("projects/") && path.contains("/locations/")
}

/// `PromptLayer`'s name for Vertex AI.
const VERTEX: &str = "vertexai";
