//! Bedrock's Converse API, which serves the models of many providers. The model id is in the URL.

mod bytes;
mod chunks;
mod content;
mod marks;
mod media;
mod reply;
mod request;

use super::reading::Shape;

pub(super) static SHAPE: Shape = Shape {
    api_type: "converse",
    family: "amazon.bedrock",
    is_shared: false,
    is_request: marks::is_request,
    request: request::request,
    is_reply: marks::is_reply,
    reply: reply::reply,
    is_chunk: marks::is_chunk,
    sum: |events| chunks::sum(&events),
    write: None,
};

/// Names of the events that report an error in a stream. Each one contains a message.
const EXCEPTIONS: &[&str] = &[
    "internalServerException",
    "modelStreamErrorException",
    "modelTimeoutException",
    "serviceUnavailableException",
    "throttlingException",
    "validationException",
];
