//! Reads the content of a message: a text or a list of parts, and the reasoning before it.

use serde_json::Value;

use super::{annotations, media};
use crate::blueprint::{ContentBlock, ImageContent, ImageUrl, ThinkingContent};
use crate::providers::json::{self, Fields, Object};

/// Fields that contain a thought as text: `DeepSeek`, vLLM and llama.cpp; `OpenRouter` and Groq; Copilot.
const TEXTS: &[&str] = &["reasoning_content", "reasoning", "reasoning_text"];

/// The field that contains the signature of a thought, in Copilot's responses.
const SIGNATURE: &str = "reasoning_opaque";

/// Reads the content of a message.
pub(super) fn blocks(value: Option<&Value>) -> Vec<ContentBlock> {
    match value {
        None | Some(Value::Null) => Vec::new(),
        Some(Value::String(text)) if text.is_empty() => Vec::new(),
        Some(Value::Array(parts)) => parts.iter().flat_map(part).collect(),
        Some(other) => part(other),
    }
}

/// Reads one part of a content. A part that the blueprint has no block for is kept as readable text.
fn part(part: &Value) -> Vec<ContentBlock> {
    let Some(block) = part.as_object().and_then(known) else { return vec![kept(part)] };
    let citations = if block.text().is_some() { part.list("annotations") } else { &[] };
    let mut blocks = vec![block];
    annotations::attach(&mut blocks, citations);
    blocks
}

/// Creates a text block for a value that the blueprint has no block for.
pub(super) fn kept(value: &Value) -> ContentBlock {
    ContentBlock::from_text(json::readable(value))
}

fn known(part: &Object) -> Option<ContentBlock> {
    let text_in = |key: &str| Some(ContentBlock::from_text(part.get(key)?.as_str()?));
    match part.text("type") {
        Some("text" | "input_text" | "output_text") => text_in("text"),
        Some("refusal") => text_in("refusal"),
        Some("thinking") => thought(part).map(ContentBlock::Thinking),
        Some("image_url") => image(part.get("image_url")?),
        Some("input_audio") => media::audio(part.get("input_audio")?),
        Some("file") => media::file(part),
        Some(kind @ ("document_url" | "audio_url" | "video_url")) => media::linked(kind, part),
        // The variant of an enum in Rust.
        None if part.len() == 1 => text_in("Text"),
        _ => None,
    }
}

fn image(image: &Value) -> Option<ContentBlock> {
    let image_url = ImageUrl { url: media::url(image)?.to_owned(), detail: image.owned("detail") };
    Some(ContentBlock::ImageUrl(ImageContent { image_url, image_variable: None }))
}

/// Returns the thoughts of a message. OpenAI does not return them in this API; each server that does has its own
/// field. Blocks are preferred to a single text, because they contain more data.
pub(super) fn thoughts(message: &Object) -> Vec<ContentBlock> {
    let mut thoughts = details(message);
    // LiteLLM passes Anthropic's thinking blocks on in this field.
    thoughts.extend(message.objects("thinking_blocks").filter_map(thought));
    if thoughts.iter().all(|thought| thought.thinking.is_empty()) {
        let text = TEXTS.iter().find_map(|key| message.owned(key));
        let signature = message.owned(SIGNATURE);
        if text.is_some() || signature.is_some() {
            let thinking = text.unwrap_or_default();
            thoughts.insert(0, ThinkingContent { thinking, signature, id: None });
        }
    }
    thoughts.into_iter().map(ContentBlock::Thinking).collect()
}

/// Reads the reasoning blocks of `OpenRouter`. An encrypted block is merged with the summary of the same thought.
fn details(message: &Object) -> Vec<ThinkingContent> {
    let mut thoughts: Vec<ThinkingContent> = Vec::new();
    for detail in message.objects("reasoning_details") {
        let next = ThinkingContent {
            thinking: detail.owned("text").or_else(|| detail.owned("summary")).unwrap_or_default(),
            signature: detail.owned("signature").or_else(|| detail.owned("data")),
            id: detail.owned("id"),
        };
        match thoughts.last_mut() {
            Some(last)
                if next.thinking.is_empty()
                    && last.signature.is_none()
                    && (next.id.is_none() || last.id == next.id) =>
            {
                last.signature = next.signature;
            }
            _ => thoughts.push(next),
        }
    }
    thoughts.retain(|thought| !thought.thinking.is_empty() || thought.signature.is_some());
    thoughts
}

/// Reads a thought block: a text, or for Mistral a list of parts. A redacted thought has only data that the
/// provider can read.
fn thought(block: &Object) -> Option<ThinkingContent> {
    let text_of = |part: &Value| json::readable(part.field("text").unwrap_or(part));
    if let Some(data) = block.owned("data") {
        return Some(ThinkingContent { signature: Some(data), ..ThinkingContent::default() });
    }
    let thinking = match block.get("thinking")? {
        Value::String(text) => text.clone(),
        Value::Array(parts) => parts.iter().map(text_of).collect(),
        _ => return None,
    };
    Some(ThinkingContent { thinking, signature: block.owned("signature"), id: block.owned("id") })
}
