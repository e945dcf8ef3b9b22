//! Ollama's `chat`, `generate` and `embed`.

mod chunks;
mod embed;
mod reply;
mod request;

use super::reading::Shape;
use super::shape::{Object, never, no_sum};

pub(super) static CHAT: Shape = Shape {
    api_type: "chat",
    family: "ollama",
    is_shared: false,
    is_request: request::is_chat,
    request: request::chat,
    is_reply: reply::is_chat,
    reply: reply::chat,
    is_chunk: reply::is_chat,
    sum: |events| chunks::sum_chat(&events),
    write: None,
};

pub(super) static GENERATE: Shape = Shape {
    api_type: "generate",
    family: "ollama",
    is_shared: false,
    is_request: request::is_generate,
    request: request::generate,
    is_reply: reply::is_generate,
    reply: reply::generate,
    is_chunk: reply::is_generate,
    sum: |events| chunks::sum_generate(&events),
    write: None,
};

pub(super) static EMBED: Shape = Shape {
    api_type: "embed",
    family: "ollama",
    is_shared: false,
    is_request: embed::is_request,
    request: embed::request,
    is_reply: embed::is_reply,
    reply: embed::reply,
    is_chunk: never,
    sum: no_sum,
    write: None,
};

/// Returns `true` if a request has a field that only Ollama accepts.
fn has_settings(object: &Object) -> bool {
    let is_there = |name: &str| object.get(name).is_some_and(|value| !value.is_null());
    object.get("options").is_some_and(serde_json::Value::is_object) || is_there("keep_alive")
}
