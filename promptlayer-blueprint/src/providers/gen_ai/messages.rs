//! Messages in OpenTelemetry's format: a role and a list of parts.

use serde::Deserialize as _;
use serde_json::Value;

use super::super::blocks;
use super::super::json::{self, Fields};
use super::super::messages::Role;
use super::super::openai_chat;
use super::super::turn::{self, Part};
use super::fields::Said;
use crate::blueprint::{ContentBlock, MediaFormat, Message, OutputMediaContent, OutputMediaType, ToolCall};

/// The field of a message that holds the blueprint's own message, if OpenTelemetry's format cannot express it.
pub(super) const OWN_FORM: &str = "promptlayer";

/// Converts messages. Any other value becomes one message, created from its text by `otherwise`.
pub(super) fn messages(said: &Said<'_>, otherwise: fn(String) -> Message) -> Vec<Message> {
    match &said.value {
        Some(Value::Array(all)) if !all.is_empty() && all.iter().all(is_message) => {
            all.iter().flat_map(message).collect()
        }
        Some(message_alone) if is_message(message_alone) => message(message_alone),
        _ => vec![otherwise(said.text.clone().into_owned())],
    }
}

fn is_message(said: &Value) -> bool {
    said.has_a("role", Value::is_string)
}

/// Converts one message. A message with tool results becomes several.
pub(super) fn message(said: &Value) -> Vec<Message> {
    if let Some(own) = said.get(OWN_FORM).and_then(|own| Message::deserialize(own).ok()) {
        return vec![own];
    }
    let Some(parts) = said.get("parts").filter(|parts| parts.is_array()) else {
        // The span uses `OpenAI`'s message format.
        return vec![openai_chat::message(said)];
    };
    let role = match said.text("role") {
        Some("assistant" | "model" | "ai") => Role::Assistant,
        Some("system") => Role::System,
        Some("developer") => Role::Developer,
        Some("tool") => Role::Tool,
        _ => Role::User,
    };
    turn::read_message(role, said.str("name"), Some(parts), part)
}

/// Converts the system instructions: a list of parts, or a text.
pub(super) fn instructions(said: &Value) -> Option<Message> {
    let content = match said {
        Value::Array(_) => turn::read_blocks(Some(said), part),
        other => vec![blocks::readable(other)],
    };
    (!content.is_empty()).then(|| Message::system(content))
}

/// Converts a part. A part that the blueprint has no block for is kept as readable text.
fn part(said: &Value, is_from_model: bool) -> Part {
    let text = |key: &str| said.str(key);
    let first = |keys: &[&str]| keys.iter().find_map(|key| text(key));
    let block = match text("type") {
        Some("text") => first(&["content", "text"]).map(ContentBlock::from_text),
        Some("reasoning" | "thinking") => first(&["content", "text", "thinking"])
            .map(|thinking| blocks::thought(thinking, text("signature").map(str::to_owned), None)),
        Some("refusal") => first(&["content", "refusal"]).map(ContentBlock::from_text),
        Some("tool_call") => {
            let arguments = said.get("arguments").map(json::compact).unwrap_or_default();
            return Part::Call(ToolCall::new(said.string("id"), said.string("name"), arguments));
        }
        Some("tool_call_response") => {
            let given = ["response", "result", "content"].iter().find_map(|key| said.get(key));
            let text = given.map(json::readable).unwrap_or_default();
            return Part::Result(said.string("id"), vec![ContentBlock::from_text(text)]);
        }
        Some(kind @ ("blob" | "uri" | "file")) => first(match kind {
            "blob" => &["content", "data"],
            "uri" => &["uri", "url"],
            _ => &["file_id"],
        })
        .map(|source| file(said, kind, source, is_from_model)),
        _ => None,
    };
    Part::Content(vec![block.unwrap_or_else(|| blocks::readable(said))])
}

/// Converts a file, an image, a video or audio. Its source is base64, a URL or the provider's file id.
fn file(said: &Value, kind: &str, source: &str, is_from_model: bool) -> ContentBlock {
    let text = |key: &str| said.str(key);
    let mime_type = text("mime_type");
    let modality = text("modality").or_else(|| Some(mime_type?.split_once('/')?.0)).unwrap_or_default();
    let usual_type = match modality {
        "video" => "video/mp4",
        "audio" => "audio/mpeg",
        _ => "image/png",
    };
    let (format, url) = match kind {
        "blob" => {
            let url = format!("data:{};base64,{source}", mime_type.unwrap_or(usual_type));
            (MediaFormat::Base64, Some(url))
        }
        "uri" => (MediaFormat::Url, Some(source.to_owned())),
        _ => (MediaFormat::Neither, None),
    };
    match (blocks::media_type(modality), url) {
        (Some(media_type), Some(url)) if is_from_model => ContentBlock::OutputMedia(OutputMediaContent {
            url,
            mime_type: mime_type.map(str::to_owned),
            media_type,
            ..OutputMediaContent::default()
        }),
        (Some(OutputMediaType::Image), Some(url)) => ContentBlock::from_image_url(url),
        _ => blocks::file(None, mime_type, source, format),
    }
}
