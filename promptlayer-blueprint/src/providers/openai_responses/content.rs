//! The content of a message: a text, or a list of parts.

use serde_json::Value;

use crate::blueprint::{ContentBlock, ImageContent, ImageUrl, Media, MediaContent, MediaFormat, TextContent};
use crate::providers::json::{self, Fields, Object};
use crate::providers::{citations, mime};

/// Reads a content. `id` is the provider's id of the message, which the blueprint keeps with each text.
pub(super) fn blocks(value: Option<&Value>, id: Option<&str>) -> Vec<ContentBlock> {
    match value {
        None | Some(Value::Null) => Vec::new(),
        Some(Value::String(text)) if text.is_empty() => Vec::new(),
        Some(Value::String(text)) => vec![text_block(text, id)],
        Some(Value::Array(parts)) => parts.iter().flat_map(|one| part(one, id)).collect(),
        Some(one) => part(one, id),
    }
}

/// Creates a text block.
fn text_block(text: &str, id: Option<&str>) -> ContentBlock {
    let id = id.map(str::to_owned);
    ContentBlock::Text(TextContent { text: text.to_owned(), id, ..TextContent::default() })
}

/// Creates a text block for a value that the blueprint has no block for.
pub(super) fn readable(value: &Value) -> ContentBlock {
    ContentBlock::from_text(json::readable(value))
}

/// Reads one part.
fn part(value: &Value, id: Option<&str>) -> Vec<ContentBlock> {
    let Some(object) = value.as_object() else { return vec![readable(value)] };
    let block = match object.text("type").unwrap_or_default() {
        "input_text" | "output_text" | "text" | "summary_text" | "reasoning_text" => {
            return text_with_annotations(object, id).unwrap_or_else(|| vec![readable(value)]);
        }
        "refusal" => object.get("refusal").and_then(Value::as_str).map(|text| text_block(text, id)),
        "input_image" | "image_url" | "computer_screenshot" => image(object),
        "input_file" => file(object),
        "input_audio" => object.object("input_audio").and_then(audio),
        _ => None,
    };
    vec![block.unwrap_or_else(|| readable(value))]
}

/// Reads a text with its citations. Citations that the blueprint has no type for follow as readable text.
fn text_with_annotations(object: &Object, id: Option<&str>) -> Option<Vec<ContentBlock>> {
    let mut text = TextContent {
        text: object.get("text")?.as_str()?.to_owned(),
        id: id.map(str::to_owned),
        ..TextContent::default()
    };
    let mut others = Vec::new();
    for item in object.list("annotations") {
        match citations::read(item) {
            Some(annotation) => text.annotations.push(annotation),
            None => others.push(readable(item)),
        }
    }
    others.insert(0, ContentBlock::Text(text));
    Some(others)
}

/// Reads an image by its URL, its data or the provider's file id.
fn image(object: &Object) -> Option<ContentBlock> {
    // Chat completions nest the URL in an object. Some servers accept both forms.
    let nested = object.object("image_url");
    let url = object.get("image_url").and_then(Value::as_str).or_else(|| nested?.text("url"));
    let Some(url) = url else {
        return Some(media(None, None, object.text("file_id")?, MediaFormat::Neither));
    };
    let detail = object.owned("detail").or_else(|| nested?.owned("detail"));
    let image_url = ImageUrl { url: url.to_owned(), detail };
    Some(ContentBlock::ImageUrl(ImageContent { image_url, image_variable: None }))
}

/// Reads a file by its data, its URL or the provider's file id.
fn file(object: &Object) -> Option<ContentBlock> {
    let name = object.text("filename");
    let by_name = |name: Option<&str>| name.and_then(mime::by_name).unwrap_or(mime::UNKNOWN);
    if let Some(data) = object.text("file_data") {
        let (mime, data) = match data.strip_prefix("data:").and_then(|url| url.split_once(";base64,")) {
            Some((mime, data)) => (Some(mime).filter(|mime| !mime.is_empty()), data),
            None => (None, data),
        };
        return Some(media(name, Some(mime.unwrap_or_else(|| by_name(name))), data, MediaFormat::Base64));
    }
    if let Some(url) = object.text("file_url") {
        return Some(media(name, Some(by_name(name.or(Some(url)))), url, MediaFormat::Url));
    }
    Some(media(name, Some(by_name(name)), object.text("file_id")?, MediaFormat::Neither))
}

/// Reads audio data.
fn audio(object: &Object) -> Option<ContentBlock> {
    let mime = object.text("format").map(|format| format!("audio/{format}"));
    Some(media(None, mime.as_deref(), object.text("data")?, MediaFormat::Base64))
}

/// Creates a file block.
fn media(title: Option<&str>, mime: Option<&str>, url: &str, format: MediaFormat) -> ContentBlock {
    let (title, mime_type) = (title.map(str::to_owned), mime.map(str::to_owned));
    ContentBlock::Media(MediaContent { media: Media { title, mime_type, url: Some(url.to_owned()), format } })
}
