//! OpenAI's Responses API (`POST /v1/responses`), as also implemented by xAI, GitHub Copilot, `ChatGPT` and
//! servers of open models.
//!
//! Input and output are lists of the same items: messages, reasoning, tool calls and their results.
//! Consecutive items of the model form one assistant message.

mod items;
mod read;
mod server;
mod stream;
mod write;

use super::reading::Shape;

pub(super) static SHAPE: Shape = Shape {
    api_type: "responses",
    family: "openai",
    is_shared: true,
    is_request: read::is_request,
    request: read::request,
    is_reply: read::is_reply,
    reply: read::reply,
    is_chunk: stream::is_event,
    sum: stream::sum,
    write: Some(write::request),
};
