//! Detects the provider API that a JSON value belongs to.

use serde_json::Value;

use super::json::Object;
use super::reading::{Reply, Request, Shape};
use super::{
    anthropic, bedrock, cohere, gemini, ollama, openai_chat, openai_completions, openai_embeddings,
    openai_images, openai_responses,
};

/// All wire formats. If an object matches several formats, the first one wins, so a format stands before
/// any other that would also match its objects.
static SHAPES: [&Shape; 18] = [
    &bedrock::SHAPE,
    &bedrock::INVOKE,
    &bedrock::EMBEDDINGS,
    &gemini::EMBED,
    &gemini::SHAPE,
    &gemini::INTERACTIONS,
    &openai_responses::SHAPE,
    &anthropic::SHAPE,
    &cohere::CHAT,
    &cohere::CHAT_V1,
    &cohere::EMBED,
    &ollama::CHAT,
    &ollama::GENERATE,
    &ollama::EMBED,
    &openai_chat::SHAPE,
    &openai_completions::SHAPE,
    &openai_embeddings::SHAPE,
    &openai_images::SHAPE,
];

/// Returns the API that an object is a request for.
pub(super) fn request(object: &Object) -> Option<&'static Shape> {
    SHAPES.into_iter().find(|shape| (shape.is_request)(object))
}

/// Returns the API that an object is a whole response of.
fn reply(object: &Object) -> Option<&'static Shape> {
    SHAPES.into_iter().find(|shape| (shape.is_reply)(object))
}

/// Reads an object as a request, if it is one.
pub(super) fn read_request(object: &Object) -> Option<Request> {
    Some((request(object)?.request)(object.clone()))
}

/// Reads a value as a request, or returns it.
pub(super) fn take_request(value: Value) -> Result<Request, Value> {
    let Value::Object(object) = value else { return Err(value) };
    match request(&object) {
        Some(shape) => Ok((shape.request)(object)),
        None => Err(object.into()),
    }
}

/// Reads an object as a whole response, if it is one.
pub(super) fn read_reply(object: &Object) -> Option<Reply> {
    Some((reply(object)?.reply)(object))
}

/// Returns the API that the items of a stream are events of. The first item that matches decides: items
/// before it may have an unknown type.
pub(super) fn chunks(chunks: &[Value]) -> Option<&'static Shape> {
    chunks
        .iter()
        .filter_map(Value::as_object)
        .find_map(|chunk| SHAPES.into_iter().find(|shape| (shape.is_chunk)(chunk)))
}

/// Returns the wire format of a provider's API by `PromptLayer`'s names. Without an API, the first format of the
/// provider that can write requests. A provider with no format of its own uses chat completions.
pub(super) fn by_name(provider: &str, api: Option<&str>) -> Option<&'static Shape> {
    let is_asked_for = |shape: &&'static Shape| match api {
        Some(api) => shape.api_type == api,
        None => shape.write.is_some(),
    };
    let own = |family: &str| SHAPES.into_iter().filter(is_asked_for).find(|shape| shape.family == family);
    match provider {
        // The provider offers all of its APIs under other names, or models of other families.
        "vertexai" => own("google").or_else(|| own("anthropic")),
        // `invoke` takes the Messages format for models of Anthropic.
        "amazon.bedrock" => own(provider).or_else(|| own("anthropic")),
        _ if api.is_none() && !is_format_of_its_own(provider) => Some(&openai_chat::SHAPE),
        _ => own(provider).or_else(|| own("openai").filter(|_| !is_format_of_its_own(provider))),
    }
}

/// Returns `true` if a provider defines a format that other providers do not use.
fn is_format_of_its_own(provider: &str) -> bool {
    provider != "openai" && SHAPES.iter().any(|shape| shape.family == provider)
}
