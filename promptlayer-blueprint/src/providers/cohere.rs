//! Cohere's Chat and Embed APIs, versions 2 and 1.

mod chat;
mod citations;
mod embed;
mod stream;
mod v1;
mod write;

use super::reading::Shape;
use super::shape::{never, no_sum};
use super::usage::UsagePaths;

pub(super) static CHAT: Shape = Shape {
    api_type: "chat",
    family: "cohere",
    is_shared: true,
    is_request: chat::is_request,
    request: chat::request,
    is_reply: chat::is_reply,
    reply: chat::reply,
    is_chunk: stream::is_event,
    sum: stream::sum,
    write: Some(write::request),
};

/// Version 1 of the Chat API.
pub(super) static CHAT_V1: Shape = Shape {
    api_type: "chat",
    family: "cohere",
    is_shared: true,
    is_request: v1::is_request,
    request: v1::request,
    is_reply: v1::is_reply,
    reply: v1::reply,
    is_chunk: v1::is_event,
    sum: |events| v1::sum(&events),
    write: None,
};

pub(super) static EMBED: Shape = Shape {
    api_type: "embed",
    family: "cohere",
    is_shared: true,
    is_request: embed::is_request,
    request: embed::request,
    is_reply: embed::is_reply,
    reply: embed::reply,
    is_chunk: never,
    sum: no_sum,
    write: None,
};

/// The counts of `usage`, and of `meta` in version 1. Billed units differ from the tokens that the model processed;
/// they are used only if the token counts are missing.
static USAGE: UsagePaths = UsagePaths {
    input: &["tokens.input_tokens", "billed_units.input_tokens"],
    output: &["tokens.output_tokens", "billed_units.output_tokens"],
    cached: &["cached_tokens"],
    other: &[
        ("billed_units.input_tokens", "billed_input_tokens"),
        ("billed_units.output_tokens", "billed_output_tokens"),
        ("billed_units.image_tokens", "billed_image_tokens"),
        ("billed_units.images", "billed_images"),
        ("billed_units.search_units", "search_units"),
        ("billed_units.classifications", "classifications"),
    ],
    ..UsagePaths::NONE
};
