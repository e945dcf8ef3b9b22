//! The parts of a content.

use serde_json::{Map, Value, json};

use super::{field, field_of, list_in, object_in, partial_args, string_in};
use crate::blueprint::{
    AssistantMessage, CodeContent, CodeExecutionResultContent, ContentBlock, Media, MediaContent,
    MediaFormat, Message, OutputMediaContent, OutputMediaType, ServerToolUseContent, TextContent,
    ThinkingContent, ToolCall, ToolMessage,
};
use crate::providers::call_ids::CallIds;
use crate::providers::json;
use crate::providers::shape::Object;

/// The MIME type of a file if the type is unknown. Without a MIME type, PromptLayer assumes an image.
const UNKNOWN: &str = "application/octet-stream";

/// Collects the parts of one message.
#[derive(Debug, Default)]
pub(super) struct Turn {
    /// `true` if the message is from the model. Its media are then output media.
    by_model: bool,
    pub(super) blocks: Vec<ContentBlock>,
    calls: Vec<ToolCall>,
    /// The block that each part became.
    pub(super) places: Vec<Option<usize>>,
}

impl Turn {
    pub(super) fn new(by_model: bool) -> Self {
        Self { by_model, ..Self::default() }
    }

    /// Returns `true` if the message is empty.
    pub(super) fn is_empty(&self) -> bool {
        self.blocks.is_empty() && self.calls.is_empty()
    }

    /// Returns the message as one from the model.
    pub(super) fn into_assistant(self) -> Message {
        Message::Assistant(AssistantMessage {
            content: self.blocks,
            tool_calls: self.calls,
            ..AssistantMessage::default()
        })
    }

    /// Adds a part. A part that the blueprint has no block for is kept as readable text.
    pub(super) fn add(&mut self, part: &Value, ids: &mut CallIds) {
        let before = self.blocks.len();
        match part {
            Value::Object(object) => self.add_object(object, part, ids),
            other => self.blocks.push(ContentBlock::from_text(json::readable(other))),
        }
        // Blocks that follow the first one, such as the settings of a video, do not count.
        self.places.push((self.blocks.len() > before).then_some(before));
    }

    fn add_object(&mut self, part: &Object, whole: &Value, ids: &mut CallIds) {
        let signature = string_in(part, "thoughtSignature");
        if let Some(Value::String(text)) = field(part, "text") {
            return self.add_text(text, is_thought(part), signature);
        }
        if let Some(file) = object_in(part, "inlineData").or_else(|| object_in(part, "fileData")) {
            return self.add_file(part, file);
        }
        self.sign(signature);
        if let Some(call) = object_in(part, "functionCall").filter(|_| self.by_model) {
            self.calls.push(tool_call(call, ids));
        } else {
            self.blocks
                .push(server_tool(part).unwrap_or_else(|| ContentBlock::from_text(json::readable(whole))));
        }
    }

    fn add_text(&mut self, text: &str, is_thought: bool, signature: Option<&str>) {
        match (text.is_empty(), is_thought) {
            (true, _) => self.sign(signature),
            (false, true) => self.blocks.push(ContentBlock::Thinking(ThinkingContent {
                thinking: text.to_owned(),
                signature: signature.map(str::to_owned),
                ..ThinkingContent::default()
            })),
            (false, false) => self.blocks.push(ContentBlock::Text(TextContent {
                text: text.to_owned(),
                thought_signature: signature.map(str::to_owned),
                ..TextContent::default()
            })),
        }
    }

    /// Keeps the signature of a part that has no field for it. The signature belongs to the thought before
    /// it, and the provider requires it in later requests. If the last block cannot hold it, a thinking
    /// block without text is added.
    fn sign(&mut self, signature: Option<&str>) {
        let Some(signature) = signature.map(str::to_owned) else { return };
        match self.blocks.last_mut() {
            Some(ContentBlock::Thinking(block)) if block.signature.is_none() => {
                block.signature = Some(signature);
            }
            Some(ContentBlock::Text(block)) if block.thought_signature.is_none() => {
                block.thought_signature = Some(signature);
            }
            _ => self.blocks.push(ContentBlock::Thinking(ThinkingContent {
                signature: Some(signature),
                ..ThinkingContent::default()
            })),
        }
    }

    fn add_file(&mut self, part: &Object, file: &Object) {
        let settings: Object = ["videoMetadata", "mediaResolution"]
            .into_iter()
            .filter_map(|name| Some((name.to_owned(), field(part, name)?.clone())))
            .collect();
        let made = if self.by_model { made(part, file) } else { None };
        match made {
            Some(made) => self.blocks.push(made),
            None => {
                self.sign(string_in(part, "thoughtSignature"));
                self.blocks.push(given(file));
            }
        }
        if !settings.is_empty() {
            self.blocks.push(ContentBlock::from_text(json::readable(&Value::Object(settings))));
        }
    }
}

/// Returns `true` if a part is a thought.
pub(super) fn is_thought(part: &Object) -> bool {
    field(part, "thought").and_then(Value::as_bool).unwrap_or_default()
}

/// Returns the URL of a file: its address, or its content as a `data:` URL.
fn url(file: &Object, mime_type: &str) -> Option<String> {
    match string_in(file, "data") {
        Some(content) => Some(format!("data:{mime_type};base64,{content}")),
        None => string_in(file, "fileUri").map(str::to_owned),
    }
}

/// Reads a file that the model generated.
fn made(part: &Object, file: &Object) -> Option<ContentBlock> {
    let mime_type = string_in(file, "mimeType")?;
    let media_type = match mime_type.split_once('/')?.0 {
        "image" => OutputMediaType::Image,
        "video" => OutputMediaType::Video,
        "audio" => OutputMediaType::Audio,
        _ => return None,
    };
    let told: Map<String, Value> = ["thought", "thoughtSignature"]
        .into_iter()
        .filter_map(|name| Some((name.to_owned(), field(part, name)?.clone())))
        .filter(|(_, value)| *value != json!(false))
        .collect();
    Some(ContentBlock::OutputMedia(OutputMediaContent {
        id: None,
        url: url(file, mime_type)?,
        mime_type: Some(mime_type.to_owned()),
        media_type,
        provider_metadata: (!told.is_empty()).then_some(told),
    }))
}

/// Reads a file that the model received.
fn given(file: &Object) -> ContentBlock {
    let mime_type = string_in(file, "mimeType");
    if let Some(image) = mime_type.filter(|mime| mime.starts_with("image/")).and_then(|mime| url(file, mime))
    {
        return ContentBlock::from_image_url(image);
    }
    let (url, format) = match (string_in(file, "data"), string_in(file, "fileUri")) {
        (Some(content), _) => (Some(content), MediaFormat::Base64),
        (None, Some(address)) => (Some(address), MediaFormat::Url),
        (None, None) => (None, MediaFormat::Neither),
    };
    ContentBlock::Media(MediaContent {
        media: Media {
            title: string_in(file, "displayName").map(str::to_owned),
            mime_type: Some(mime_type.unwrap_or(UNKNOWN).to_owned()),
            url: url.map(str::to_owned),
            format,
        },
    })
}

/// Reads a part of Gemini's own tools.
fn server_tool(part: &Object) -> Option<ContentBlock> {
    let owned = |text: Option<&str>| text.map(str::to_owned);
    if let Some(code) = object_in(part, "executableCode") {
        return Some(ContentBlock::Code(CodeContent {
            code: owned(string_in(code, "code")).unwrap_or_default(),
            id: owned(string_in(code, "id")),
            container_id: None,
        }));
    }
    if let Some(result) = object_in(part, "codeExecutionResult") {
        return Some(ContentBlock::CodeExecutionResult(CodeExecutionResultContent {
            output: owned(string_in(result, "output")).unwrap_or_default(),
            outcome: owned(string_in(result, "outcome")),
        }));
    }
    let call = object_in(part, "toolCall")?;
    Some(ContentBlock::ServerToolUse(ServerToolUseContent {
        id: owned(string_in(call, "id")).unwrap_or_default(),
        name: owned(string_in(call, "toolType")).unwrap_or_default(),
        input: object_in(call, "args").cloned().unwrap_or_default(),
    }))
}

/// Reads a function call. Its arguments are an object on the wire and a JSON string in the blueprint.
fn tool_call(call: &Object, ids: &mut CallIds) -> ToolCall {
    let name = string_in(call, "name").unwrap_or_default();
    let arguments = match (field(call, "args"), field(call, "partialArgs").and_then(Value::as_array)) {
        (Some(Value::String(text)), _) => text.clone(),
        (Some(arguments), _) => arguments.to_string(),
        (None, Some(partial)) => Value::Object(partial_args::whole(partial)).to_string(),
        (None, None) => "{}".to_owned(),
    };
    ToolCall::new(ids.call(string_in(call, "id"), name), name, arguments)
}

/// Reads the result of a function as a separate message, if the part is a result.
pub(super) fn result(part: &Value, ids: &mut CallIds) -> Option<Message> {
    let result = field_of(part, "functionResponse")?.as_object()?;
    let name = string_in(result, "name");
    let mut content: Vec<ContentBlock> = field(result, "response")
        .map(|response| ContentBlock::from_text(json::readable(response)))
        .into_iter()
        .collect();
    let mut files = Turn::new(false);
    for part in list_in(result, "parts") {
        files.add(part, ids);
    }
    content.append(&mut files.blocks);
    Some(Message::Tool(ToolMessage {
        content,
        tool_call_id: ids.result(string_in(result, "id"), name),
        name: name.map(str::to_owned),
        ..ToolMessage::default()
    }))
}
