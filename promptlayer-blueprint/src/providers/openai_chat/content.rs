//! The content of a message: a text, or a list of parts.

use serde_json::Value;

use super::{annotations, media, thinking};
use crate::blueprint::{ContentBlock, ImageContent, ImageUrl, TextContent};
use crate::providers::json;
use crate::providers::shape::Object;

/// Reads the content of a message.
pub(super) fn blocks(value: Option<&Value>) -> Vec<ContentBlock> {
    match value {
        None | Some(Value::Null) => Vec::new(),
        Some(Value::String(text)) if text.is_empty() => Vec::new(),
        Some(Value::Array(parts)) => parts.iter().flat_map(part).collect(),
        Some(other) => vec![kept(other)],
    }
}

/// Reads one part of a content. A part that the blueprint has no block for is kept as readable text.
fn part(part: &Value) -> Vec<ContentBlock> {
    let Some(block) = part.as_object().and_then(known) else { return vec![kept(part)] };
    let is_text = matches!(block, ContentBlock::Text(_));
    let mut blocks = vec![block];
    annotations::attach(&mut blocks, part.get("annotations").filter(|_| is_text));
    blocks
}

/// Creates a text block for a value that the blueprint has no block for.
pub(super) fn kept(value: &Value) -> ContentBlock {
    ContentBlock::from_text(json::readable(value))
}

fn known(part: &Object) -> Option<ContentBlock> {
    match json::string(part, "type")? {
        "text" | "input_text" | "output_text" => Some(ContentBlock::Text(TextContent {
            text: part.get("text")?.as_str()?.to_owned(),
            ..TextContent::default()
        })),
        "refusal" => Some(ContentBlock::from_text(part.get("refusal")?.as_str()?)),
        "thinking" => thinking::part(part),
        "image_url" => image(part.get("image_url")?),
        "input_audio" => media::audio(part.get("input_audio")?),
        "file" => media::file(part),
        kind @ ("document_url" | "audio_url" | "video_url") => media::linked(kind, part),
        _ => None,
    }
}

fn image(image: &Value) -> Option<ContentBlock> {
    // Mistral also accepts a plain URL.
    let url = image.as_str().or_else(|| image.get("url")?.as_str())?.to_owned();
    let detail = image.get("detail").and_then(Value::as_str).map(str::to_owned);
    Some(ContentBlock::ImageUrl(ImageContent { image_url: ImageUrl { url, detail }, image_variable: None }))
}
