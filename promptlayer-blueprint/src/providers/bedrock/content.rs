//! Reads the content blocks of a message.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde_json::Value;

use crate::blueprint::{
    Annotation, ContentBlock, FileAnnotation, MediaFormat, TextContent, ToolCall, WebAnnotation,
};
use crate::providers::blocks::{self, file, image_from_base64, joined_text};
use crate::providers::json::{self, Fields, Object};
use crate::providers::turn::{PLAIN_TEXT, Part, arguments, end_index, read_result, read_thought, whole};

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

/// Reads a block. Its one field names its type. Clients may also write the fields of the other types, as `null`.
/// A block that the blueprint has no type for becomes text.
pub(super) fn read(block: &Value, is_model: bool) -> Part {
    if let Some(call) = block.object("toolUse").filter(|_| is_model) {
        return read_call(call);
    }
    if let Some(result) = block.object("toolResult") {
        let is_failed = result.is("status", "error");
        return read_result(result.string("toolUseId"), result.get("content"), is_failed, read);
    }
    let fields = block.as_object().into_iter().flatten().filter(|(_, field)| !field.is_null());
    let read: Option<Vec<Vec<ContentBlock>>> = fields.map(|(name, field)| read_field(name, field)).collect();
    match read {
        Some(blocks) if !blocks.is_empty() => Part::Content(blocks.into_iter().flatten().collect()),
        _ => Part::Content(vec![whole(block)]),
    }
}

/// Reads a field of a block. Returns `None` if the field is unknown. Cache points and empty texts are not
/// content and return no blocks.
fn read_field(name: &str, field: &Value) -> Option<Vec<ContentBlock>> {
    let block = match name {
        "text" => match field.as_str()? {
            "" => return Some(Vec::new()),
            text => ContentBlock::from_text(text),
        },
        "json" => ContentBlock::from_text(json::readable(field)),
        "image" | "video" | "audio" => read_media(name, field)?,
        "document" => {
            // The context of a document is an instruction for the model.
            let context = field.text("context").map(ContentBlock::from_text);
            return Some([Some(read_media(name, field)?), context].into_iter().flatten().collect());
        }
        "reasoningContent" => {
            let signature = field.text_at("reasoningText.signature").map(str::to_owned);
            let signature = signature.or_else(|| field.get("redactedContent").and_then(base64));
            return read_thought(field.at("reasoningText.text").and_then(Value::as_str), signature);
        }
        "guardContent" => match field.get("image") {
            Some(image) => read_media("image", image)?,
            None => ContentBlock::from_text(field.at("text.text")?.as_str()?),
        },
        "citationsContent" => read_cited(field)?,
        "cachePoint" => return Some(Vec::new()),
        _ => return None,
    };
    Some(vec![block])
}

/// Reads a call of a tool of the application, or of one that Bedrock runs.
fn read_call(call: &Object) -> Part {
    let (id, name) = (call.string("toolUseId"), call.string("name"));
    match call.object("input") {
        Some(input) if call.is("type", "server_tool_use") => {
            Part::Content(vec![blocks::server_tool(id, name, input.clone())])
        }
        _ => Part::Call(ToolCall::new(id, name, arguments(call.get("input")))),
    }
}

fn read_cited(block: &Value) -> Option<ContentBlock> {
    let texts: Option<Vec<&str>> = block.list("content").iter().map(|part| part.str("text")).collect();
    let text = texts?.concat();
    let end = end_index(&text);
    let annotations = block.objects("citations").map(|citation| read_citation(citation, end)).collect();
    Some(ContentBlock::Text(TextContent { text, annotations, ..TextContent::default() }))
}

/// Reads a citation. A citation with a URL or a `source` is a web page or a search result of the application;
/// any other citation refers to a document, by characters, pages or chunks.
fn read_citation(citation: &Object, end_index: i64) -> Annotation {
    let title = citation.string("title");
    let page = citation.text_at("location.web.url").or_else(|| citation.text("source"));
    if let Some(url) = page.map(str::to_owned) {
        let cited_text = citation.get("sourceContent").and_then(joined_text);
        return Annotation::Web(WebAnnotation {
            title,
            url,
            end_index,
            cited_text,
            ..WebAnnotation::default()
        });
    }
    let mut places = citation.object("location").into_iter().flat_map(Object::values);
    let index = places.find_map(|place| place.get("documentIndex")?.as_i64()).unwrap_or_default();
    Annotation::File(FileAnnotation { index, filename: title, ..FileAnnotation::default() })
}

/// Reads a file of this kind. Returns `None` if the block has no file.
pub(super) fn read_media(kind: &str, block: &Value) -> Option<ContentBlock> {
    let source = block.get("source")?;
    let (format, title) = (block.text("format"), block.str("name"));
    let is_image = kind == "image";
    if let Some(content) = source.get("bytes").and_then(base64) {
        let mime_type = mime_type(kind, format.or(is_image.then_some("jpeg")));
        return Some(if is_image {
            image_from_base64(&mime_type, &content)
        } else {
            file(title, mime_type.as_str(), content, MediaFormat::Base64)
        });
    }
    if let Some(address) = source.text_at("s3Location.uri") {
        return Some(if is_image {
            ContentBlock::from_image_url(address)
        } else {
            file(title, mime_type(kind, format).as_str(), address, MediaFormat::Url)
        });
    }
    // The source of a document may be its text.
    let text = source.get("text").or_else(|| source.get("content")).and_then(joined_text)?;
    Some(file(title, PLAIN_TEXT, text, MediaFormat::Neither))
}

/// Returns the MIME type of a format of this kind of file.
pub(super) fn mime_type(kind: &str, format: Option<&str>) -> String {
    let Some(format) = format else { return blocks::UNKNOWN.to_owned() };
    match MIME_TYPES.iter().find(|(name, _)| *name == format) {
        Some((_, mime_type)) => (*mime_type).to_owned(),
        None if format == "mkv" => format!("{kind}/x-matroska"),
        None if kind == "document" => format!("application/{format}"),
        None => format!("{kind}/{format}"),
    }
}

/// Returns bytes in base64, as on the wire. A client's own types may be serialized as a list of numbers.
fn base64(value: &Value) -> Option<String> {
    match value {
        Value::String(text) => Some(text.clone()),
        Value::Array(numbers) => {
            let bytes: Option<Vec<u8>> =
                numbers.iter().map(|number| u8::try_from(number.as_u64()?).ok()).collect();
            Some(STANDARD.encode(bytes?))
        }
        _ => None,
    }
}
