//! Ollama's `chat`, `generate` and `embed`.

mod reply;
mod request;
mod write;

use serde_json::Value;

use super::json::{Fields, Object};
use super::merge::{self, Op, Rules};
use super::reading::Shape;
use super::shape::{never, no_sum};

pub(super) static CHAT: Shape = Shape {
    api_type: "chat",
    family: "ollama",
    is_shared: false,
    is_request: request::is_chat,
    request: request::read_chat,
    is_reply: reply::is_chat,
    reply: reply::read_chat,
    is_chunk: reply::is_chat,
    sum: |lines| sum(lines, reply::is_chat, CHAT_LINES),
    write: Some(write::write),
};

pub(super) static GENERATE: Shape = Shape {
    api_type: "generate",
    family: "ollama",
    is_shared: false,
    is_request: request::is_generate,
    request: request::read_generate,
    is_reply: reply::is_generate,
    reply: reply::read_generate,
    is_chunk: reply::is_generate,
    sum: |lines| sum(lines, reply::is_generate, GENERATE_LINES),
    write: None,
};

pub(super) static EMBED: Shape = Shape {
    api_type: "embed",
    family: "ollama",
    is_shared: false,
    is_request: request::is_embed,
    request: request::read_embed,
    is_reply: reply::is_embed,
    reply: reply::read_embed,
    is_chunk: never,
    sum: no_sum,
    write: None,
};

/// Each line of a streamed response has a piece of the text. The last line has the token counts.
const CHAT_LINES: Rules = &[
    ("message", Op::Fields(&[("content", Op::Append), ("thinking", Op::Append), ("tool_calls", Op::Extend)])),
    ("*", Op::Set),
];
const GENERATE_LINES: Rules = &[("response", Op::Append), ("thinking", Op::Append), ("*", Op::Set)];

/// Assembles the lines of a response into the whole response.
fn sum(lines: Vec<Value>, is_line: fn(&Object) -> bool, rules: Rules) -> Object {
    let lines = lines.into_iter().filter_map(|line| match line {
        Value::Object(line) if is_line(&line) => Some(line),
        _ => None,
    });
    merge::sum(lines, rules)
}

/// Returns `true` if a request has a field that only Ollama accepts.
fn has_settings(object: &Object) -> bool {
    object.object("options").is_some() || object.has("keep_alive")
}

#[cfg(test)]
mod tests;
