//! Ollama's `chat`, `generate` and `embed`.

mod read;
mod write;

use serde_json::Value;

use super::json::Object;
use super::merge::{self, Op, Rules};
use super::reading::Shape;

pub(super) static CHAT: Shape = Shape {
    api_type: "chat",
    family: "ollama",
    is_request: read::is_chat_request,
    request: read::chat_request,
    is_reply: read::is_chat_reply,
    reply: read::chat_reply,
    is_chunk: read::is_chat_reply,
    sum: |lines| sum(lines, read::is_chat_reply, CHAT_LINES),
    write: Some(write::write),
    ..Shape::BASE
};

pub(super) static GENERATE: Shape = Shape {
    api_type: "generate",
    family: "ollama",
    is_request: read::is_generate_request,
    request: read::generate_request,
    is_reply: read::is_generate_reply,
    reply: read::generate_reply,
    is_chunk: read::is_generate_reply,
    sum: |lines| sum(lines, read::is_generate_reply, GENERATE_LINES),
    ..Shape::BASE
};

pub(super) static EMBED: Shape = Shape {
    api_type: "embed",
    family: "ollama",
    is_request: read::is_embed_request,
    request: read::embed_request,
    is_reply: read::is_embed_reply,
    reply: read::embed_reply,
    ..Shape::BASE
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

#[cfg(test)]
mod tests;
