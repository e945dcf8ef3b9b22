//! Cohere's Chat and Embed APIs, versions 2 and 1.

mod chunks;
mod citations;
mod embed;
mod reply;
mod request;
mod v1;

use std::collections::BTreeMap;

use serde_json::Value;

use super::reading::Shape;
use super::reading::Usage;
use super::shape::{Object, never, no_sum};

pub(super) static CHAT: Shape = Shape {
    api_type: "chat",
    family: "cohere",
    is_shared: true,
    is_request: request::is_request,
    request: request::request,
    is_reply: reply::is_reply,
    reply: reply::reply,
    is_chunk: chunks::is_chunk,
    sum: |events| chunks::sum(&events),
    write: None,
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
    is_chunk: v1::is_chunk,
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

/// Returns a list field, or an empty list if the field has another type.
fn list<'a>(object: &'a Object, name: &str) -> &'a [Value] {
    object.get(name).and_then(Value::as_array).map(Vec::as_slice).unwrap_or_default()
}

/// Reads token counts: from `usage`, or from `meta` in version 1. Billed units differ from the tokens that
/// the model processed; they are used only if the token counts are missing.
fn tokens(usage: Option<&Object>) -> Usage {
    let within = |object: &str, name: &str| count(usage?.get(object)?.get(name)?);
    let said = |name: &str| within("tokens", name).or_else(|| within("billed_units", name));
    let billed = [
        ("input_tokens", "billed_input_tokens"),
        ("output_tokens", "billed_output_tokens"),
        ("image_tokens", "billed_image_tokens"),
        ("images", "billed_images"),
        ("search_units", "search_units"),
        ("classifications", "classifications"),
    ];
    Usage {
        input: said("input_tokens"),
        output: said("output_tokens"),
        cached: usage.and_then(|usage| count(usage.get("cached_tokens")?)),
        other: billed
            .into_iter()
            .filter_map(|(name, key)| Some((key, within("billed_units", name)?)))
            .collect::<BTreeMap<_, _>>(),
        ..Usage::default()
    }
}

/// Reads a count. Cohere's API reference defines it as a float, and SDKs serialize it as one.
fn count(value: &Value) -> Option<u64> {
    let float = || value.as_f64().filter(|float| (0.0..9e15).contains(float) && float.fract() == 0.0);
    // The float is a whole number that `f64` represents exactly.
    #[allow(clippy::cast_possible_truncation, clippy::cast_sign_loss)]
    value.as_u64().or_else(|| float().map(|float| float as u64))
}
