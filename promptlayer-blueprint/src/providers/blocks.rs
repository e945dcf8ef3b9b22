//! Content blocks in the forms that several formats have, and the MIME types of files.

use serde::Deserialize as _;
use serde_json::Value;

use super::json::{self, Fields, Object};
use crate::blueprint::{
    Annotation, ContainerFileAnnotation, ContentBlock, FileAnnotation, ImageContent, ImageUrl, Media,
    MediaContent, MediaFormat, OutputMediaType, ServerToolUseContent, TextContent, ThinkingContent,
    WebAnnotation,
};

/// Creates a text block for a value that the blueprint has no block for.
pub(super) fn readable(value: &Value) -> ContentBlock {
    ContentBlock::from_text(json::readable(value))
}

pub(super) fn thought(
    thinking: impl Into<String>,
    signature: Option<String>,
    id: Option<String>,
) -> ContentBlock {
    ContentBlock::Thinking(ThinkingContent { thinking: thinking.into(), signature, id })
}

pub(super) fn image(url: &str, detail: Option<String>) -> ContentBlock {
    let image_url = ImageUrl { url: url.to_owned(), detail };
    ContentBlock::ImageUrl(ImageContent { image_url, image_variable: None })
}

/// Creates an image block from base64 content.
pub(super) fn image_from_base64(mime_type: &str, content: &str) -> ContentBlock {
    ContentBlock::from_image_url(format!("data:{mime_type};base64,{content}"))
}

pub(super) fn file<'a>(
    title: Option<&str>,
    mime_type: impl Into<Option<&'a str>>,
    url: impl Into<String>,
    format: MediaFormat,
) -> ContentBlock {
    let [title, mime_type] = [title, mime_type.into()].map(|text| text.map(str::to_owned));
    ContentBlock::Media(MediaContent { media: Media { title, mime_type, url: Some(url.into()), format } })
}

/// Creates a call of a tool that the provider runs.
pub(super) fn server_tool(id: String, name: impl Into<String>, input: Object) -> ContentBlock {
    ContentBlock::ServerToolUse(ServerToolUseContent { id, name: name.into(), input })
}

/// Returns the text block at a place, or the first text block if another block or none is there.
pub(super) fn text_at(blocks: &mut [ContentBlock], place: Option<usize>) -> Option<&mut TextContent> {
    let is_text = |at: &usize| blocks.get(*at).is_some_and(|block| block.text().is_some());
    let at = place.filter(is_text).or_else(|| (0..blocks.len()).find(is_text))?;
    match blocks.get_mut(at)? {
        ContentBlock::Text(text) => Some(text),
        _ => None,
    }
}

/// Returns the type of generated media by the first part of a MIME type.
pub(super) fn media_type(family: &str) -> Option<OutputMediaType> {
    match family {
        "image" => Some(OutputMediaType::Image),
        "video" => Some(OutputMediaType::Video),
        "audio" => Some(OutputMediaType::Audio),
        _ => None,
    }
}

/// Returns the text of a content if it contains nothing else. Parts are joined with line breaks.
pub(super) fn joined_text(content: &Value) -> Option<String> {
    if let Value::String(text) = content {
        return Some(text.clone());
    }
    let texts: Option<Vec<&str>> = content.as_array()?.iter().map(|part| part.str("text")).collect();
    Some(texts?.join("\n"))
}

/// Reads a citation in the form of OpenAI's APIs. Returns `None` if it has no source, or if the blueprint has no type
/// for it. Other fields that the blueprint requires and the server did not send are empty.
pub(super) fn citation(citation: &Value) -> Option<Annotation> {
    let kind = citation.text("type")?;
    // Chat completions nest the fields in an object named for the type. The Responses API does not.
    let fields = citation.object(kind).or(citation.as_object())?;
    let text = |key: &str| fields.owned(key);
    let index = |key: &str| fields.get(key).and_then(Value::as_i64);
    Some(match kind {
        "url_citation" => Annotation::Web(WebAnnotation {
            title: text("title").unwrap_or_default(),
            url: text("url")?,
            start_index: index("start_index").unwrap_or_default(),
            end_index: index("end_index").unwrap_or_default(),
            cited_text: text("cited_text").or_else(|| text("content")),
            encrypted_index: text("encrypted_index"),
        }),
        // `file_path` cites a file that the model generated. It has no name.
        "file_citation" | "file_path" => Annotation::File(FileAnnotation {
            index: index("index").unwrap_or_default(),
            file_id: text("file_id")?,
            filename: text("filename").unwrap_or_default(),
        }),
        "container_file_citation" => Annotation::ContainerFile(ContainerFileAnnotation {
            container_id: text("container_id")?,
            start_index: index("start_index"),
            end_index: index("end_index"),
            filename: text("filename"),
            file_id: text("file_id"),
        }),
        "map_citation" => {
            Annotation::deserialize(citation).ok().filter(|read| !matches!(read, Annotation::Other(_)))?
        }
        _ => return None,
    })
}

/// The MIME type of a file if the type is unknown.
pub(super) const UNKNOWN: &str = "application/octet-stream";

/// MIME types by file extension, for the files that model providers accept.
const BY_EXTENSION: &[(&str, &str)] = &[
    ("pdf", "application/pdf"),
    ("json", "application/json"),
    ("xml", "application/xml"),
    ("txt", "text/plain"),
    ("md", "text/markdown"),
    ("csv", "text/csv"),
    ("html", "text/html"),
    ("docx", "application/vnd.openxmlformats-officedocument.wordprocessingml.document"),
    ("xlsx", "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet"),
    ("pptx", "application/vnd.openxmlformats-officedocument.presentationml.presentation"),
    ("png", "image/png"),
    ("jpg", "image/jpeg"),
    ("jpeg", "image/jpeg"),
    ("gif", "image/gif"),
    ("webp", "image/webp"),
    ("wav", "audio/wav"),
    ("mp3", "audio/mpeg"),
    ("ogg", "audio/ogg"),
    ("flac", "audio/flac"),
    ("m4a", "audio/mp4"),
    ("mp4", "video/mp4"),
    ("mov", "video/quicktime"),
    ("webm", "video/webm"),
];

/// Returns the MIME type for the extension of a file name or URL.
pub(super) fn mime_by_name(name: &str) -> Option<&'static str> {
    let path = name.split(['?', '#']).next().unwrap_or(name);
    let (_, extension) = path.rsplit_once('.')?;
    BY_EXTENSION.iter().find(|(known, _)| known.eq_ignore_ascii_case(extension)).map(|(_, mime)| *mime)
}

/// Returns the MIME type and the content of a base64 `data:` URL.
pub(super) fn data_url(url: &str) -> Option<(&str, &str)> {
    let (head, data) = url.strip_prefix("data:")?.split_once(',')?;
    let mime = head.strip_suffix(";base64")?;
    Some((mime.split(';').next().filter(|mime| !mime.is_empty()).unwrap_or(UNKNOWN), data))
}
