//! Images and documents.

use serde_json::Value;

use super::turn::whole;
use crate::blueprint::{ContentBlock, Media, MediaContent, MediaFormat};

/// The MIME type of a file if only the provider's file id is known.
const ANY_FILE: &str = "application/octet-stream";
/// The MIME type of a plain text document.
pub(in crate::providers) const PLAIN_TEXT: &str = "text/plain";

/// Creates a file block.
pub(in crate::providers) fn file(
    title: Option<&str>,
    mime_type: &str,
    url: String,
    format: MediaFormat,
) -> ContentBlock {
    ContentBlock::Media(MediaContent {
        media: Media {
            title: title.map(str::to_owned),
            mime_type: Some(mime_type.to_owned()),
            url: Some(url),
            format,
        },
    })
}

/// Creates an image block from base64 content.
pub(in crate::providers) fn image_of_base64(mime_type: &str, content: &str) -> ContentBlock {
    ContentBlock::from_image_url(format!("data:{mime_type};base64,{content}"))
}

/// Creates a file block for an uploaded file, by the provider's file id.
pub(super) fn uploaded(id: &str, title: Option<&str>) -> ContentBlock {
    file(title, ANY_FILE, id.to_owned(), MediaFormat::Neither)
}

/// Reads an image.
pub(super) fn image(block: &Value) -> ContentBlock {
    let source = block.get("source");
    let field = |key: &str| source.and_then(|source| source.get(key)).and_then(Value::as_str);
    let known = match field("type") {
        Some("base64") => {
            field("data").map(|data| image_of_base64(field("media_type").unwrap_or("image/jpeg"), data))
        }
        Some("url") => field("url").map(ContentBlock::from_image_url),
        Some("file") => field("file_id").map(|id| uploaded(id, None)),
        _ => None,
    };
    known.unwrap_or_else(|| whole(block))
}

/// Reads a document.
pub(super) fn document(block: &Value) -> ContentBlock {
    let title = block.get("title").and_then(Value::as_str);
    let source = block.get("source");
    let field = |key: &str| source.and_then(|source| source.get(key)).and_then(Value::as_str);
    let known = match field("type") {
        Some("base64") => field("data").map(|data| {
            let mime_type = field("media_type").unwrap_or("application/pdf");
            file(title, mime_type, data.to_owned(), MediaFormat::Base64)
        }),
        // The text is kept readable, not encoded in base64.
        Some("text") => field("data").map(|data| {
            let mime_type = field("media_type").unwrap_or(PLAIN_TEXT);
            file(title, mime_type, data.to_owned(), MediaFormat::Neither)
        }),
        Some("content") => source
            .and_then(|source| text_of(source.get("content")?))
            .map(|text| file(title, PLAIN_TEXT, text, MediaFormat::Neither)),
        // The API accepts only PDF documents by URL.
        Some("url") => {
            field("url").map(|url| file(title, "application/pdf", url.to_owned(), MediaFormat::Url))
        }
        Some("file") => field("file_id").map(|id| uploaded(id, title)),
        _ => None,
    };
    known.unwrap_or_else(|| whole(block))
}

/// Returns the text of a content if it contains nothing else. Parts are joined with line breaks.
pub(in crate::providers) fn text_of(content: &Value) -> Option<String> {
    match content {
        Value::String(text) => Some(text.clone()),
        Value::Array(parts) => {
            let texts: Option<Vec<&str>> =
                parts.iter().map(|part| part.get("text").and_then(Value::as_str)).collect();
            Some(texts?.join("\n"))
        }
        _ => None,
    }
}
