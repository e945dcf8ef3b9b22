//! The parts of a message in OpenTelemetry's form.

use serde_json::Value;

use super::super::json;
use crate::blueprint::{
    ContentBlock, Media, MediaContent, MediaFormat, OutputMediaContent, OutputMediaType, ThinkingContent,
    ToolCall,
};

/// What a part is in a message of `PromptLayer`'s.
pub(super) enum Part {
    /// A block of its content.
    Block(ContentBlock),
    /// A model's call of a tool.
    Call(ToolCall),
    /// What a tool returned, which is a message of its own.
    Result {
        /// The call's id.
        id: String,
        /// What it returned.
        text: String,
    },
}

/// Reads a part. One for which there is no block is kept whole, to be read.
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

/// Arguments as the text of a JSON value, which they may be already.
fn written(arguments: &Value) -> String {
    arguments.as_str().map_or_else(|| arguments.to_string(), str::to_owned)
}

/// A file, an image, a video or a sound.
struct File<'a> {
    /// Its content in base64, its address, or the provider's id of it.
    source: &'a str,
    /// Which of these: `blob`, `uri` or `file`.
    kind: &'a str,
    mime_type: Option<&'a str>,
    /// `image`, `video`, `audio` or another.
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

    /// The address, or the content as a `data:` URL.
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
