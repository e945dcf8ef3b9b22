//! Gemini's `generateContent`, embeddings and Interactions, as served by the Gemini API and by Vertex AI.

mod interactions;
mod parts;
mod read;
mod stream;
mod tools;
mod wire;
mod write;

use std::borrow::Cow;

use super::json::Object;
use super::reading::{Request, Shape};
use crate::blueprint::Prompt;

pub(super) static SHAPE: Shape = Shape {
    api_type: "generate-content",
    family: "google",
    is_shared: true,
    is_request: read::is_request,
    request: read::read_request,
    is_reply: read::is_reply,
    reply: read::read_reply,
    is_chunk: read::is_reply,
    sum: stream::sum,
    write: Some(write::write),
};

pub(super) static EMBED: Shape = Shape {
    api_type: "embed-content",
    family: "google",
    is_shared: true,
    is_request: read::is_embed_request,
    request: read::read_embed_request,
    is_reply: read::is_embed_reply,
    reply: read::read_embed_reply,
    ..Shape::BASE
};

pub(super) static INTERACTIONS: Shape = Shape {
    api_type: "interactions",
    family: "google",
    is_shared: true,
    is_request: interactions::is_request,
    request: interactions::read_request,
    is_reply: interactions::is_reply,
    reply: interactions::read_reply,
    is_chunk: interactions::is_event,
    sum: interactions::sum,
    ..Shape::BASE
};

/// Creates a request. The path of a model on Vertex AI starts with a project.
fn new_request(
    shape: &'static Shape,
    path: Option<&str>,
    prompt: impl Into<Prompt>,
    parameters: Object,
) -> Request {
    let is_on_vertex = |path: &&str| path.starts_with("projects/") && path.contains("/locations/");
    Request {
        provider: path.filter(is_on_vertex).map(|_| Cow::Borrowed(VERTEX)),
        model: path.map(|path| model_name(path).to_owned()),
        ..Request::new(shape, prompt, parameters, &[])
    }
}

/// Returns a model's name without its path: `models/` for the Gemini API, the project and location for
/// Vertex AI. Other models (`projects/…/endpoints/1`) keep their path.
fn model_name(path: &str) -> &str {
    match path.rsplit_once("models/") {
        Some((before, name)) if before.is_empty() || before.ends_with('/') => name,
        _ => path,
    }
}

/// `PromptLayer`'s name for Vertex AI.
const VERTEX: &str = "vertexai";

#[cfg(test)]
mod tests;
