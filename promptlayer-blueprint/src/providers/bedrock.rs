//! Bedrock's converse, which is one interface to the models of many. Its model stands in the address.

mod bytes;
mod chunks;
mod content;
mod marks;
mod media;
mod reply;
mod request;

use super::shape::Shape;

pub(super) static SHAPE: Shape = Shape {
    api_type: "converse",
    family: "amazon.bedrock",
    is_shared: false,
    is_request: marks::is_request,
    request: request::request,
    is_reply: marks::is_reply,
    reply: reply::reply,
    is_chunk: marks::is_chunk,
    sum: chunks::sum,
};

/// What fails a stream after it has begun: events of their own, each with a message.
const EXCEPTIONS: &[&str] = &[
    "internalServerException",
    "modelStreamErrorException",
    "modelTimeoutException",
    "serviceUnavailableException",
    "throttlingException",
    "validationException",
];
