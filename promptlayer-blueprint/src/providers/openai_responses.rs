//! OpenAI's responses (`POST /v1/responses`), as xAI, GitHub Copilot, `ChatGPT` and servers of open models
//! speak them too.
//!
//! What goes in and what comes out are lists of the same items: messages, thoughts, calls of tools and
//! what those returned. The items of a model that stand together are one message of the assistant's.

mod annotations;
mod chunks;
mod events;
mod items;
mod parts;
mod reply;
mod request;
mod server;
mod summed;

use super::shape::Shape;

pub(super) static SHAPE: Shape = Shape {
    api_type: "responses",
    family: "openai",
    is_shared: true,
    is_request: request::is_request,
    request: request::request,
    is_reply: reply::is_reply,
    reply: reply::reply,
    is_chunk: chunks::is_chunk,
    sum: chunks::sum,
};
