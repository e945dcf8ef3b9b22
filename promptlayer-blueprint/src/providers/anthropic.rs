//! Anthropic's Messages API, as served by Anthropic, by Bedrock's `invoke`, by Vertex AI and by compatible
//! servers.

mod chunks;
mod content;
mod marks;
pub(super) mod media;
mod reply;
mod request;
mod tools;
pub(super) mod turn;

use super::reading::Shape;

/// `PromptLayer`'s name for Bedrock.
pub(super) const BEDROCK: &str = "amazon.bedrock";
/// `PromptLayer`'s name for Vertex AI.
const VERTEX: &str = "vertexai";
/// The field that Bedrock adds to the last event of a stream.
const INVOCATION_METRICS: &str = "amazon-bedrock-invocationMetrics";

pub(super) static SHAPE: Shape = Shape {
    api_type: "messages",
    family: "anthropic",
    is_shared: true,
    is_request: marks::is_request,
    request: request::request,
    is_reply: marks::is_reply,
    reply: reply::reply,
    is_chunk: marks::is_chunk,
    sum: |events| chunks::sum(&events),
    write: None,
};
