//! Detects the provider API that a JSON value belongs to.

use serde_json::Value;

use super::reading::Shape;
use super::shape::Object;
use super::{
    anthropic, bedrock, cohere, gemini, ollama, openai_chat, openai_completions, openai_embeddings,
    openai_images, openai_responses,
};

/// All wire formats. If an object matches several formats, the first one wins, so a format stands before
/// any other that would also match its objects.
static SHAPES: [&Shape; 15] = [
    &bedrock::SHAPE,
    &gemini::EMBED,
    &gemini::SHAPE,
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
pub(super) fn reply(object: &Object) -> Option<&'static Shape> {
    SHAPES.into_iter().find(|shape| (shape.is_reply)(object))
}

/// Returns the API that the items of a stream are events of. The first item that matches decides: items
/// before it may have an unknown type.
pub(super) fn chunks(chunks: &[Value]) -> Option<&'static Shape> {
    chunks
        .iter()
        .filter_map(Value::as_object)
        .find_map(|chunk| SHAPES.into_iter().find(|shape| (shape.is_chunk)(chunk)))
}
