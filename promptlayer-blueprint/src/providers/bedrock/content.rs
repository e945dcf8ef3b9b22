//! The content blocks of a message.

use serde_json::Value;

use super::{bytes, media};
use crate::blueprint::{
    Annotation, ContentBlock, FileAnnotation, ServerToolUseContent, TextContent, ThinkingContent, ToolCall,
    WebAnnotation,
};
use crate::providers::anthropic::media::text_of;
use crate::providers::anthropic::turn::{Turn, arguments, failed, whole};
use crate::providers::json;
use crate::providers::shape::Object;

/// Reads the content of a message: a list of blocks, or another value in its place.
pub(super) fn read(turn: &mut Turn<'_>, content: Option<&Value>) {
    match content {
        None | Some(Value::Null) => {}
        Some(Value::Array(blocks)) => blocks.iter().for_each(|block| read_block(turn, block)),
        Some(Value::String(text)) => turn.say_text(text),
        Some(other) => turn.say_whole(other),
    }
}

/// Reads content that cannot contain tool calls: the system prompt, or the result of a tool.
pub(super) fn blocks(content: Option<&Value>) -> Vec<ContentBlock> {
    match content {
        None | Some(Value::Null) => Vec::new(),
        Some(Value::String(text)) if text.is_empty() => Vec::new(),
        Some(Value::Array(blocks)) => blocks.iter().flat_map(plain).collect(),
        Some(other) => vec![ContentBlock::from_text(json::readable(other))],
    }
}

fn read_block(turn: &mut Turn<'_>, value: &Value) {
    let object = |key: &str| value.get(key).and_then(Value::as_object);
    if let Some(call) = object("toolUse").filter(|_| turn.is_of_model()) {
        return match server_tool_use(call) {
            Some(block) => turn.say(block),
            None => turn.call(tool_call(call)),
        };
    }
    if let Some(result) = object("toolResult") {
        let mut content = blocks(result.get("content"));
        if json::string(result, "status") == Some("error") {
            content.push(failed());
        }
        return turn.result(json::string(result, "toolUseId").unwrap_or_default(), content);
    }
    for block in plain(value) {
        turn.say(block);
    }
}

/// Reads a block whose meaning does not depend on its position. Its one field names its type. Clients may
/// also write the fields of the other types, as `null`.
fn plain(value: &Value) -> Vec<ContentBlock> {
    let fields = value.as_object().into_iter().flatten().filter(|(_, field)| !field.is_null());
    let read: Option<Vec<Vec<ContentBlock>>> = fields.map(|(name, field)| read_field(name, field)).collect();
    match read {
        Some(blocks) if !blocks.is_empty() => blocks.into_iter().flatten().collect(),
        _ => vec![whole(value)],
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
        "image" | "video" | "audio" => media::read(name, field)?,
        "document" => return document(field),
        "reasoningContent" => thinking(field)?,
        "guardContent" => guarded(field)?,
        "citationsContent" => ContentBlock::Text(cited(field)?),
        "cachePoint" => return Some(Vec::new()),
        _ => return None,
    };
    Some(vec![block])
}

fn owned(block: &Object, key: &str) -> String {
    json::string(block, key).unwrap_or_default().to_owned()
}

fn tool_call(call: &Object) -> ToolCall {
    ToolCall::new(owned(call, "toolUseId"), owned(call, "name"), arguments(call.get("input")))
}

/// Reads a call of a tool that Bedrock runs.
fn server_tool_use(call: &Object) -> Option<ContentBlock> {
    (json::string(call, "type")? == "server_tool_use").then_some(())?;
    let input = call.get("input")?.as_object()?.clone();
    let (id, name) = (owned(call, "toolUseId"), owned(call, "name"));
    Some(ContentBlock::ServerToolUse(ServerToolUseContent { id, name, input }))
}

/// Reads a document and its context, which is an instruction for the model.
fn document(block: &Value) -> Option<Vec<ContentBlock>> {
    let file = media::read("document", block)?;
    let context = block.get("context").and_then(Value::as_str).filter(|context| !context.is_empty());
    Some([Some(file), context.map(ContentBlock::from_text)].into_iter().flatten().collect())
}

/// Reads a thought. Data that only the provider can read is stored as the signature.
fn thinking(block: &Value) -> Option<ContentBlock> {
    let field = |key: &str| block.get("reasoningText").and_then(|thought| thought.get(key)?.as_str());
    let redacted = block.get("redactedContent").and_then(bytes::base64);
    let (thought, signature) = (field("text"), field("signature").map(str::to_owned).or(redacted));
    if thought.is_none() && signature.is_none() {
        return None;
    }
    Some(ContentBlock::Thinking(ThinkingContent {
        thinking: thought.unwrap_or_default().to_owned(),
        signature,
        id: None,
    }))
}

/// Reads a block that a guardrail evaluates.
fn guarded(block: &Value) -> Option<ContentBlock> {
    match block.get("image") {
        Some(image) => media::read("image", image),
        None => block.get("text")?.get("text")?.as_str().map(ContentBlock::from_text),
    }
}

/// Reads a text with its citations.
fn cited(block: &Value) -> Option<TextContent> {
    let parts = block.get("content").and_then(Value::as_array).map(Vec::as_slice).unwrap_or_default();
    let texts: Option<Vec<&str>> =
        parts.iter().map(|part| part.get("text").and_then(Value::as_str)).collect();
    let text = texts?.concat();
    let end_index = i64::try_from(text.chars().count()).unwrap_or(i64::MAX);
    let citations = block.get("citations").and_then(Value::as_array).map(Vec::as_slice).unwrap_or_default();
    let citations = citations.iter().filter_map(Value::as_object);
    let annotations = citations.map(|citation| annotation(citation, end_index)).collect();
    Some(TextContent { text, annotations, ..TextContent::default() })
}

/// Reads a citation. A citation with a URL or a `source` is a web page or a search result of the
/// application; any other citation refers to a document.
fn annotation(citation: &Object, end_index: i64) -> Annotation {
    let location = citation.get("location");
    let page = location.and_then(|location| location.get("web")?.get("url")?.as_str());
    match page.or_else(|| json::string(citation, "source")) {
        Some(url) => Annotation::Web(WebAnnotation {
            title: owned(citation, "title"),
            url: url.to_owned(),
            start_index: 0,
            end_index,
            cited_text: citation.get("sourceContent").and_then(text_of),
            encrypted_index: None,
        }),
        None => Annotation::File(FileAnnotation {
            index: location.and_then(document_index).unwrap_or_default(),
            file_id: String::new(),
            filename: owned(citation, "title"),
        }),
    }
}

/// Returns the index of the cited document in the request. The citation may refer to characters, pages or
/// chunks.
fn document_index(location: &Value) -> Option<i64> {
    location.as_object()?.values().find_map(|place| place.get("documentIndex")?.as_i64())
}
