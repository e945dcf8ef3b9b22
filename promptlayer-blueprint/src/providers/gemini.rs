//! Gemini's generateContent, on Vertex too.
//!
//! Every name comes in two spellings: the wire has `inlineData`, and SDKs that write their own types
//! `inline_data`. Google's own write a `null` for each field that is absent.

mod chunks;
mod citations;
mod embed;
mod partial_args;
mod parts;
mod reply;
mod request;
mod tools;

use serde_json::Value;

use super::shape::{Object, Shape, never, no_sum};

pub(super) static SHAPE: Shape = Shape {
    api_type: "generate-content",
    family: "google",
    is_shared: true,
    is_request: request::is_request,
    request: request::read,
    is_reply: reply::is_reply,
    reply: reply::read,
    is_chunk: reply::is_reply,
    sum: chunks::sum,
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
};

/// A field of an object in either spelling, where it is not `null`. `name` is the wire's.
fn field<'a>(object: &'a Object, name: &str) -> Option<&'a Value> {
    object
        .get(name)
        .or_else(|| object.iter().find(|(key, _)| is_spelled(key, name)).map(|(_, value)| value))
        .filter(|value| !value.is_null())
}

/// The same of any value; one that is no object has no fields.
fn field_of<'a>(value: &'a Value, name: &str) -> Option<&'a Value> {
    field(value.as_object()?, name)
}

/// A field that is an object.
fn object_in<'a>(object: &'a Object, name: &str) -> Option<&'a Object> {
    field(object, name)?.as_object()
}

/// A field that is a list; nothing where it is anything else.
fn list_in<'a>(object: &'a Object, name: &str) -> &'a [Value] {
    field(object, name).and_then(Value::as_array).map(Vec::as_slice).unwrap_or_default()
}

/// A field that is a text which says something.
fn string_in<'a>(object: &'a Object, name: &str) -> Option<&'a str> {
    field(object, name)?.as_str().filter(|text| !text.is_empty())
}

/// Takes a field out of an object, in whichever spelling it has it.
fn take(object: &mut Object, name: &str) -> Option<Value> {
    let key = object.keys().find(|key| is_spelled(key, name))?.clone();
    object.remove(&key).filter(|value| !value.is_null())
}

/// Whether a key is this name, in the wire's spelling or with underscores.
fn is_spelled(key: &str, name: &str) -> bool {
    let mut rest = name.bytes();
    let spelled = |byte: u8| rest.next().is_some_and(|expected| expected.eq_ignore_ascii_case(&byte));
    key.bytes().filter(|byte| *byte != b'_').all(spelled) && rest.next().is_none()
}

/// A model's name without the path that it stands in: `models/` of Gemini's own service, and on Vertex
/// the project and the place. Another's model (`projects/…/endpoints/1`) keeps its path.
fn model_name(path: &str) -> &str {
    match path.rsplit_once("models/") {
        Some((before, name)) if before.is_empty() || before.ends_with('/') => name,
        _ => path,
    }
}

/// Whether a model's path is one of Vertex, where each stands in a project.
fn is_of_vertex(path: &str) -> bool {
    path.starts_with("projects/") && path.contains("/locations/")
}

/// What `PromptLayer` calls Vertex.
const VERTEX: &str = "vertexai";
