//! Whose shape a JSON value has.

use serde_json::Value;

use super::shape::{Object, Shape};
use super::{
    anthropic, bedrock, cohere, gemini, ollama, openai_chat, openai_completions, openai_embeddings,
    openai_images, openai_responses,
};

/// All interfaces; one whose objects another would take for its own stands before it.
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

/// The interface that an object is a request of.
pub(super) fn request(object: &Object) -> Option<&'static Shape> {
    SHAPES.into_iter().find(|shape| (shape.is_request)(object))
}

/// The interface that an object is a whole reply of.
pub(super) fn reply(object: &Object) -> Option<&'static Shape> {
    SHAPES.into_iter().find(|shape| (shape.is_reply)(object))
}

/// The interface that the items of a stream are events of. The first event that tells decides: those
/// before it may be of a kind that nobody knows.
pub(super) fn chunks(chunks: &[Value]) -> Option<&'static Shape> {
    chunks
        .iter()
        .filter_map(Value::as_object)
        .find_map(|chunk| SHAPES.into_iter().find(|shape| (shape.is_chunk)(chunk)))
}
