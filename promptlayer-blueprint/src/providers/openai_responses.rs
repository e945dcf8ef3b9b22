//! OpenAI's Responses API (`POST /v1/responses`), as also implemented by xAI, GitHub Copilot, `ChatGPT` and
//! servers of open models.
//!
//! Input and output are lists of the same items: messages, reasoning, tool calls and their results.
//! Consecutive items of the model form one assistant message.

mod items;
mod reply;
mod request;
mod server;
mod stream;
mod write;

use super::reading::Shape;

pub(super) static SHAPE: Shape = Shape {
    api_type: "responses",
    family: "openai",
    is_shared: true,
    is_request: request::is_request,
    request: request::request,
    is_reply: reply::is_reply,
    reply: reply::reply,
    is_chunk: stream::is_event,
    sum: stream::sum,
    write: Some(write::request),
};
