//! Images, documents, videos and audio.

use serde_json::Value;

use super::bytes;
use crate::blueprint::{ContentBlock, MediaFormat};
use crate::providers::anthropic::media::{PLAIN_TEXT, file, image_of_base64, text_of};

/// MIME types of the formats whose name is not the subtype.
const MIME_TYPES: &[(&str, &str)] = &[
    ("csv", "text/csv"),
    ("doc", "application/msword"),
    ("docx", "application/vnd.openxmlformats-officedocument.wordprocessingml.document"),
    ("flv", "video/x-flv"),
    ("html", "text/html"),
    ("m4a", "audio/mp4"),
    ("md", "text/markdown"),
    ("mov", "video/quicktime"),
    ("mp3", "audio/mpeg"),
    ("mpg", "video/mpeg"),
    ("pdf", "application/pdf"),
    ("three_gp", "video/3gpp"),
    ("txt", PLAIN_TEXT),
    ("wmv", "video/x-ms-wmv"),
    ("xls", "application/vnd.ms-excel"),
    ("xlsx", "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet"),
];

/// Returns the MIME type of a format of this kind of file.
fn mime_type(kind: &str, format: Option<&str>) -> String {
    let Some(format) = format else {
        return "application/octet-stream".to_owned();
    };
    let known = MIME_TYPES.iter().find(|(name, _)| *name == format);
    match (known, format) {
        (Some((_, mime_type)), _) => (*mime_type).to_owned(),
        (None, "mkv") => format!("{kind}/x-matroska"),
        (None, format) if kind == "document" => format!("application/{format}"),
        (None, format) => format!("{kind}/{format}"),
    }
}

/// Reads a file of this kind. Returns `None` if the block has no file.
pub(super) fn read(kind: &str, block: &Value) -> Option<ContentBlock> {
    let source = block.get("source")?;
    let format = block.get("format").and_then(Value::as_str);
    let title = block.get("name").and_then(Value::as_str);
    let stored = source.get("s3Location").and_then(|place| place.get("uri")?.as_str());
    if let Some(content) = source.get("bytes").and_then(bytes::base64) {
        return Some(match kind {
            "image" => image_of_base64(&mime_type(kind, Some(format.unwrap_or("jpeg"))), &content),
            _ => file(title, &mime_type(kind, format), content, MediaFormat::Base64),
        });
    }
    if let Some(address) = stored {
        return Some(match kind {
            "image" => ContentBlock::from_image_url(address),
            _ => file(title, &mime_type(kind, format), address.to_owned(), MediaFormat::Url),
        });
    }
    // The source of a document may be its text.
    let text = source.get("text").or_else(|| source.get("content")).and_then(text_of)?;
    Some(file(title, PLAIN_TEXT, text, MediaFormat::Neither))
}
