//! Writes requests.

use serde_json::{Value, json};

use super::content::{self, mime_type};
use crate::blueprint::{Annotation, ContentBlock, Media, MediaFormat, TextContent};
use crate::providers::anthropic::to_turns::{Format, NO_EMPTY_TEXT, present};
use crate::providers::draft::{Draft, NO_SUCH_BLOCK, Omissions, Reason};
use crate::providers::json::Object;
use crate::providers::{blocks, merge};

/// The formats of the files that the API takes.
const FORMATS: &[(&str, &[&str])] = &[
    ("image", &["png", "jpeg", "gif", "webp"]),
    ("document", &["pdf", "csv", "doc", "docx", "xls", "xlsx", "html", "txt", "md"]),
    ("video", &["mkv", "mov", "mp4", "webm", "flv", "mpeg", "mpg", "wmv", "three_gp"]),
    (
        "audio",
        &[
            "mp3", "opus", "wav", "aac", "flac", "mp4", "ogg", "mkv", "mka", "x-aac", "m4a", "mpeg", "mpga",
            "pcm", "webm",
        ],
    ),
];

static FORMAT: Format = Format {
    read: content::read,
    block: |block, role, _| write_block(block, role).map(|block| vec![block]),
    call: |id, name, input| json!({"toolUse": {"toolUseId": id, "name": name, "input": input}}),
    result: |id, content, is_failed| {
        let status = if is_failed { "error" } else { "success" };
        json!({"toolResult": {"toolUseId": id, "content": content, "status": status}})
    },
    function: |function, schema| {
        let spec = json!({"name": function.name, "description": function.description, "strict": function.strict,
            "inputSchema": { "json": schema }});
        json!({ "toolSpec": present(spec) })
    },
    built_in: |_| None,
    choice_field: "toolChoice",
    choice: |mode, name| match mode {
        "auto" => Some(json!({"auto": {}})),
        "required" | "any" => Some(json!({"any": {}})),
        "function" => Some(json!({"tool": { "name": name }})),
        _ => None,
    },
    untitled: Some("document"),
};

/// Writes a request, with the model in the field `modelId`.
pub(super) fn write(draft: &Draft<'_>, omissions: &mut Omissions) -> Object {
    let mut body = FORMAT.write(draft, omissions);
    body.insert("modelId".to_owned(), draft.model.into());
    if let Some(config) = merge::within(&mut body, "toolConfig") {
        FORMAT.add_tools(config, draft, omissions);
        if config.is_empty() {
            body.remove("toolConfig");
        }
    }
    body
}

/// Writes a block. Only the model thinks, and the system prompt is text.
fn write_block(block: &ContentBlock, role: &str) -> Result<Value, Reason> {
    match block {
        ContentBlock::Text(text) => write_text(text),
        _ if role == "system" => Err(NO_SUCH_BLOCK),
        ContentBlock::ImageUrl(image) => write_image(&image.image_url.url),
        ContentBlock::Media(file) => write_file(&file.media),
        ContentBlock::Thinking(thought) if role == "assistant" => {
            let text = match &thought.signature {
                Some(signature) => json!({"text": thought.thinking, "signature": signature}),
                None => json!({ "text": thought.thinking }),
            };
            Ok(json!({"reasoningContent": { "reasoningText": text }}))
        }
        ContentBlock::ServerToolUse(call) if role == "assistant" => Ok(json!({"toolUse": {
            "toolUseId": call.id, "name": call.name, "input": call.input, "type": "server_tool_use",
        }})),
        _ => Err(NO_SUCH_BLOCK),
    }
}

fn write_text(text: &TextContent) -> Result<Value, Reason> {
    if text.text.is_empty() {
        return Err(NO_EMPTY_TEXT);
    }
    let citations = text.annotations.iter().filter_map(|annotation| match annotation {
        Annotation::Web(page) => {
            let cited = page.cited_text.as_ref().map(|cited| json!([{ "text": cited }]));
            let location = json!({"web": { "url": page.url }});
            Some(present(json!({"title": page.title, "location": location, "sourceContent": cited})))
        }
        Annotation::File(file) => Some(json!({
            "title": file.filename, "location": {"documentChar": { "documentIndex": file.index }},
        })),
        _ => None,
    });
    let citations: Vec<Value> = citations.collect();
    Ok(if citations.is_empty() {
        json!({"text": text.text})
    } else {
        json!({"citationsContent": {"content": [{ "text": text.text }], "citations": citations}})
    })
}

fn write_image(url: &str) -> Result<Value, Reason> {
    let (format, source) = match blocks::data_url(url) {
        Some((mime_type, data)) => (format_name("image", mime_type)?, json!({ "bytes": data })),
        None if url.starts_with("s3://") => {
            let extension = url.rsplit('.').next().unwrap_or_default();
            let format = format_name("image", &format!("image/{extension}")).unwrap_or("jpeg");
            (format, json!({"s3Location": { "uri": url }}))
        }
        None => return Err("the API takes images as base64 or from S3"),
    };
    Ok(json!({"image": { "format": format, "source": source }}))
}

fn write_file(file: &Media) -> Result<Value, Reason> {
    let (url, mime_type) =
        (file.url.as_deref().unwrap_or_default(), file.mime_type.as_deref().unwrap_or_default());
    let kind =
        mime_type.split('/').next().filter(|kind| matches!(*kind, "audio" | "video")).unwrap_or("document");
    let source = match file.format {
        MediaFormat::Base64 => json!({ "bytes": url }),
        MediaFormat::Url if url.starts_with("s3://") => json!({"s3Location": { "uri": url }}),
        MediaFormat::Neither if mime_type.starts_with("text/") => json!({ "text": url }),
        _ => return Err("the API takes files as base64, as text or from S3"),
    };
    let format = format_name(kind, mime_type)?;
    let title = file.title.as_deref().filter(|_| kind == "document");
    Ok(json!({ kind: present(json!({"format": format, "name": title, "source": source})) }))
}

/// Returns the API's name of a file type.
fn format_name(kind: &str, wanted: &str) -> Result<&'static str, Reason> {
    let formats = FORMATS.iter().filter(|(name, _)| *name == kind).flat_map(|(_, formats)| formats.iter());
    let mut matching = formats.filter(|format| mime_type(kind, Some(format)) == wanted);
    matching.next().copied().ok_or("the API takes no files of this type")
}
