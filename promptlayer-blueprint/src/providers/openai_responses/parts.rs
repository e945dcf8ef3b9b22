//! The content of a message: a text, or a list of parts.

use serde_json::Value;

use super::super::json;
use super::super::shape::Object;
use super::annotations;
use crate::blueprint::{ContentBlock, ImageContent, ImageUrl, Media, MediaContent, MediaFormat, TextContent};

/// The MIME type of a file if the type is unknown.
const UNKNOWN_FILE: &str = "application/octet-stream";

/// MIME types by file extension, for the files that the API accepts.
const MIME_TYPES: &[(&str, &str)] = &[
    ("pdf", "application/pdf"),
    ("txt", "text/plain"),
    ("md", "text/markdown"),
    ("csv", "text/csv"),
    ("html", "text/html"),
    ("json", "application/json"),
    ("xml", "application/xml"),
    ("docx", "application/vnd.openxmlformats-officedocument.wordprocessingml.document"),
    ("pptx", "application/vnd.openxmlformats-officedocument.presentationml.presentation"),
    ("xlsx", "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet"),
    ("png", "image/png"),
    ("jpg", "image/jpeg"),
    ("jpeg", "image/jpeg"),
    ("gif", "image/gif"),
    ("webp", "image/webp"),
];

/// Reads a content. `id` is the provider's id of the message, which the blueprint keeps with each text.
pub(super) fn content(value: Option<&Value>, id: Option<&str>) -> Vec<ContentBlock> {
    match value {
        None | Some(Value::Null) => Vec::new(),
        Some(Value::String(said)) if said.is_empty() => Vec::new(),
        Some(Value::String(said)) => vec![text(said, id)],
        Some(Value::Array(parts)) => parts.iter().flat_map(|one| part(one, id)).collect(),
        Some(one) => part(one, id),
    }
}

/// Creates a text block.
fn text(said: &str, id: Option<&str>) -> ContentBlock {
    ContentBlock::Text(TextContent {
        text: said.to_owned(),
        id: id.map(str::to_owned),
        ..TextContent::default()
    })
}

/// Creates a text block for a value that the blueprint has no block for.
pub(super) fn kept(value: &Value) -> ContentBlock {
    ContentBlock::from_text(json::readable(value))
}

/// Reads one part.
fn part(value: &Value, id: Option<&str>) -> Vec<ContentBlock> {
    let Some(object) = value.as_object() else { return vec![kept(value)] };
    let block = match json::string(object, "type") {
        Some("input_text" | "output_text" | "text" | "summary_text" | "reasoning_text") => {
            return cited(object, value, id);
        }
        Some("refusal") => object.get("refusal").and_then(Value::as_str).map(|said| text(said, id)),
        Some("input_image" | "image_url" | "computer_screenshot") => image(object),
        Some("input_file") => file(object),
        Some("input_audio") => object.get("input_audio").and_then(Value::as_object).and_then(audio),
        _ => None,
    };
    vec![block.unwrap_or_else(|| kept(value))]
}

/// Reads a text with its citations. Citations that the blueprint has no type for follow as readable text.
fn cited(object: &Object, value: &Value, id: Option<&str>) -> Vec<ContentBlock> {
    let Some(said) = object.get("text").and_then(Value::as_str) else { return vec![kept(value)] };
    let cited = object.get("annotations").and_then(Value::as_array).map(Vec::as_slice).unwrap_or_default();
    let mut annotations = Vec::new();
    let mut others = Vec::new();
    for one in cited {
        match annotations::annotation(one) {
            Some(annotation) => annotations.push(annotation),
            None => others.push(kept(one)),
        }
    }
    let said = TextContent {
        text: said.to_owned(),
        id: id.map(str::to_owned),
        annotations,
        ..TextContent::default()
    };
    others.insert(0, ContentBlock::Text(said));
    others
}

/// Reads an image by its URL, its data or the provider's file id.
fn image(object: &Object) -> Option<ContentBlock> {
    // Chat completions nest the URL in an object. Some servers accept both forms.
    let given = object.get("image_url").filter(|given| !given.is_null());
    let nested = given.and_then(Value::as_object);
    let url = given.and_then(Value::as_str).or_else(|| json::string(nested?, "url"));
    let detail = json::string(object, "detail").or_else(|| json::string(nested?, "detail"));
    match url {
        Some(url) => Some(ContentBlock::ImageUrl(ImageContent {
            image_url: ImageUrl { url: url.to_owned(), detail: detail.map(str::to_owned) },
            image_variable: None,
        })),
        None => Some(media(None, None, json::string(object, "file_id")?, MediaFormat::Neither)),
    }
}

/// Reads a file by its data, its URL or the provider's file id.
fn file(object: &Object) -> Option<ContentBlock> {
    let name = json::string(object, "filename");
    if let Some(data) = json::string(object, "file_data") {
        let (said, data) = match data.strip_prefix("data:").and_then(|url| url.split_once(";base64,")) {
            Some((said, data)) => (Some(said), data),
            None => (None, data),
        };
        let mime_type = said.filter(|said| !said.is_empty()).unwrap_or_else(|| mime_type(name));
        return Some(media(name, Some(mime_type), data, MediaFormat::Base64));
    }
    if let Some(url) = json::string(object, "file_url") {
        let path = url.split(['?', '#']).next();
        return Some(media(name, Some(mime_type(name.or(path))), url, MediaFormat::Url));
    }
    Some(media(name, Some(mime_type(name)), json::string(object, "file_id")?, MediaFormat::Neither))
}

/// Reads audio data.
fn audio(object: &Object) -> Option<ContentBlock> {
    let mime_type = json::string(object, "format").map(|format| format!("audio/{format}"));
    Some(media(None, mime_type.as_deref(), json::string(object, "data")?, MediaFormat::Base64))
}

/// Creates a file block.
fn media(title: Option<&str>, mime_type: Option<&str>, url: &str, format: MediaFormat) -> ContentBlock {
    ContentBlock::Media(MediaContent {
        media: Media {
            title: title.map(str::to_owned),
            mime_type: mime_type.map(str::to_owned),
            url: Some(url.to_owned()),
            format,
        },
    })
}

/// Returns the MIME type for the extension of a file name.
fn mime_type(name: Option<&str>) -> &'static str {
    let ending = name.and_then(|name| name.rsplit_once('.')).map(|(_, ending)| ending);
    ending
        .and_then(|ending| MIME_TYPES.iter().find(|(known, _)| known.eq_ignore_ascii_case(ending)))
        .map_or(UNKNOWN_FILE, |(_, mime_type)| mime_type)
}
