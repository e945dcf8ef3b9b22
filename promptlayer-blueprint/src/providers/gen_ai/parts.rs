//! The parts of a message in OpenTelemetry's format.

use serde_json::Value;

use super::super::json;
use crate::blueprint::{
    ContentBlock, Media, MediaContent, MediaFormat, OutputMediaContent, OutputMediaType, ThinkingContent,
    ToolCall,
};

/// The blueprint form of a part.
pub(super) enum Part {
    /// A block of the message's content.
    Block(ContentBlock),
    /// A tool call by the model.
    Call(ToolCall),
    /// A tool result, which is a separate message.
    Result {
        /// Id of the call.
        id: String,
        /// Result of the call.
        text: String,
    },
}

/// Converts a part. A part that the blueprint has no block for is kept as readable text.
pub(super) fn part(said: &Value, is_from_model: bool) -> Part {
    let text = |key: &str| said.get(key).and_then(Value::as_str);
    let first = |keys: &[&str]| keys.iter().find_map(|key| text(key));
    let block = match text("type") {
        Some("text") => first(&["content", "text"]).map(ContentBlock::from_text),
        Some("reasoning" | "thinking") => first(&["content", "text", "thinking"]).map(|thinking| {
            ContentBlock::Thinking(ThinkingContent {
                thinking: thinking.to_owned(),
                signature: text("signature").map(str::to_owned),
                ..ThinkingContent::default()
            })
        }),
        Some("refusal") => first(&["content", "refusal"]).map(ContentBlock::from_text),
        Some("tool_call") => {
            let arguments = said.get("arguments").map(written).unwrap_or_default();
            let [id, name] = ["id", "name"].map(|key| text(key).unwrap_or_default());
            return Part::Call(ToolCall::new(id, name, arguments));
        }
        Some("tool_call_response") => {
            let given = ["response", "result", "content"].iter().find_map(|key| said.get(key));
            let id = text("id").unwrap_or_default().to_owned();
            return Part::Result { id, text: given.map(json::readable).unwrap_or_default() };
        }
        Some(kind @ ("blob" | "uri" | "file")) => first(match kind {
            "blob" => &["content", "data"],
            "uri" => &["uri", "url"],
            _ => &["file_id"],
        })
        .map(|source| {
            let file = File { source, kind, mime_type: text("mime_type"), modality: text("modality") };
            file.block(is_from_model)
        }),
        _ => said.as_str().map(ContentBlock::from_text),
    };
    Part::Block(block.unwrap_or_else(|| ContentBlock::from_text(json::readable(said))))
}

/// Returns arguments as a JSON string. They may already be one.
fn written(arguments: &Value) -> String {
    arguments.as_str().map_or_else(|| arguments.to_string(), str::to_owned)
}

/// A file, an image, a video or audio.
struct File<'a> {
    /// Content in base64, a URL, or the provider's file id.
    source: &'a str,
    /// Kind of `source`: `blob`, `uri` or `file`.
    kind: &'a str,
    mime_type: Option<&'a str>,
    /// `image`, `video`, `audio` or another modality.
    modality: Option<&'a str>,
}

impl File<'_> {
    fn block(&self, is_from_model: bool) -> ContentBlock {
        let modality = self.modality.or_else(|| Some(self.mime_type?.split_once('/')?.0)).unwrap_or_default();
        let made = match modality {
            "image" => Some(OutputMediaType::Image),
            "video" => Some(OutputMediaType::Video),
            "audio" => Some(OutputMediaType::Audio),
            _ => None,
        };
        match made {
            Some(media_type) if is_from_model && self.kind != "file" => {
                ContentBlock::OutputMedia(OutputMediaContent {
                    url: self.url(modality),
                    mime_type: self.mime_type.map(str::to_owned),
                    media_type,
                    ..OutputMediaContent::default()
                })
            }
            Some(OutputMediaType::Image) if self.kind != "file" => {
                ContentBlock::from_image_url(self.url(modality))
            }
            _ => ContentBlock::Media(MediaContent {
                media: Media {
                    mime_type: self.mime_type.map(str::to_owned),
                    url: Some(self.source.to_owned()),
                    format: match self.kind {
                        "blob" => MediaFormat::Base64,
                        "uri" => MediaFormat::Url,
                        _ => MediaFormat::Neither,
                    },
                    ..Media::default()
                },
            }),
        }
    }

    /// Returns the URL, or the content as a `data:` URL.
    fn url(&self, modality: &str) -> String {
        if self.kind != "blob" {
            return self.source.to_owned();
        }
        let mime_type = self.mime_type.unwrap_or(match modality {
            "video" => "video/mp4",
            "audio" => "audio/mpeg",
            _ => "image/png",
        });
        format!("data:{mime_type};base64,{}", self.source)
    }
}
