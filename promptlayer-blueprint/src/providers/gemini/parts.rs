//! The parts of a content.

use serde_json::{Value, json};

use super::{citations, stream};
use crate::blueprint::{
    AssistantMessage, CodeContent, CodeExecutionResultContent, ContentBlock, Media, MediaContent,
    MediaFormat, Message, OutputMediaContent, TextContent, ToolCall, ToolMessage,
};
use crate::providers::blocks::{self, UNKNOWN};
use crate::providers::call_ids::CallIds;
use crate::providers::json::{self, Fields, Object};

/// Collects the parts of one message.
#[derive(Debug, Default)]
pub(super) struct Turn {
    /// `true` if the message is from the model. Its media are then output media.
    by_model: bool,
    pub(super) blocks: Vec<ContentBlock>,
    pub(super) calls: Vec<ToolCall>,
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

    /// Returns the message, with the role of its content.
    pub(super) fn into_message(self, role: &str) -> Message {
        let (content, tool_calls) = (self.blocks, self.calls);
        match role {
            "model" | "assistant" => {
                Message::Assistant(AssistantMessage { content, tool_calls, ..AssistantMessage::default() })
            }
            "system" => Message::system(content),
            _ => Message::user(content),
        }
    }

    /// Adds a part. A part that the blueprint has no block for is kept as readable text.
    pub(super) fn add(&mut self, part: &Value, ids: &mut CallIds) {
        let before = self.blocks.len();
        let signature = part.owned("thoughtSignature");
        if let Some(text) = part.field("text").and_then(Value::as_str) {
            self.add_text(text, part, signature);
        } else if let Some(file) = part.object("inlineData").or_else(|| part.object("fileData")) {
            self.add_file(part, file, signature);
        } else {
            self.sign(signature);
            match part.object("functionCall").filter(|_| self.by_model) {
                Some(call) => self.calls.push(tool_call(call, ids)),
                None => self.blocks.push(server_tool(part).unwrap_or_else(|| blocks::readable(part))),
            }
        }
        // Blocks that follow the first one, such as the settings of a video, do not count.
        self.places.push((self.blocks.len() > before).then_some(before));
    }

    fn add_text(&mut self, text: &str, part: &Value, signature: Option<String>) {
        let text = text.to_owned();
        if text.is_empty() {
            self.sign(signature);
        } else if stream::is_thought(part) {
            self.blocks.push(blocks::thought(text, signature, None));
        } else {
            let annotations = part.objects("annotations").map(citations::quoted).collect();
            let block = TextContent { text, id: None, annotations, thought_signature: signature };
            self.blocks.push(ContentBlock::Text(block));
        }
    }

    /// Keeps the signature of a part that has no field for it. The signature belongs to the thought before
    /// it, and the provider requires it in later requests. If the last block cannot hold it, a thinking
    /// block without text is added.
    fn sign(&mut self, signature: Option<String>) {
        match self.blocks.last_mut() {
            _ if signature.is_none() => {}
            Some(ContentBlock::Thinking(block)) if block.signature.is_none() => block.signature = signature,
            Some(ContentBlock::Text(block)) if block.thought_signature.is_none() => {
                block.thought_signature = signature;
            }
            _ => self.blocks.push(blocks::thought("", signature, None)),
        }
    }

    fn add_file(&mut self, part: &Value, file: &Object, signature: Option<String>) {
        match output(part, file).filter(|_| self.by_model) {
            Some(output) => self.blocks.push(output),
            None => {
                self.sign(signature);
                self.blocks.push(input(file));
            }
        }
        let settings = fields(part, &["videoMetadata", "mediaResolution"]);
        if !settings.is_empty() {
            self.blocks.push(blocks::readable(&settings.into()));
        }
    }
}

/// Returns the fields with these names.
fn fields(part: &Value, names: &[&str]) -> Object {
    names.iter().filter_map(|name| Some(((*name).to_owned(), part.field(name)?.clone()))).collect()
}

/// Returns the URL of a file: its address, or its content as a `data:` URL.
fn url(file: &Object, mime_type: &str) -> Option<String> {
    let content = file.text("data").map(|content| format!("data:{mime_type};base64,{content}"));
    content.or_else(|| file.owned("fileUri"))
}

/// Reads a file that the model generated.
fn output(part: &Value, file: &Object) -> Option<ContentBlock> {
    let mime_type = file.text("mimeType")?;
    let media_type = blocks::media_type(mime_type.split_once('/')?.0)?;
    let mut metadata = fields(part, &["thought", "thoughtSignature"]);
    metadata.retain(|_, value| *value != json!(false));
    Some(ContentBlock::OutputMedia(OutputMediaContent {
        id: None,
        url: url(file, mime_type)?,
        mime_type: Some(mime_type.to_owned()),
        media_type,
        provider_metadata: (!metadata.is_empty()).then_some(metadata),
    }))
}

/// Reads a file that the model received.
fn input(file: &Object) -> ContentBlock {
    let mime_type = file.text("mimeType").unwrap_or(UNKNOWN);
    if let Some(image) = url(file, mime_type).filter(|_| mime_type.starts_with("image/")) {
        return ContentBlock::from_image_url(image);
    }
    let (url, format) = match (file.owned("data"), file.owned("fileUri")) {
        (Some(content), _) => (Some(content), MediaFormat::Base64),
        (None, Some(address)) => (Some(address), MediaFormat::Url),
        (None, None) => (None, MediaFormat::Neither),
    };
    let (title, mime_type) = (file.owned("displayName"), Some(mime_type.to_owned()));
    ContentBlock::Media(MediaContent { media: Media { title, mime_type, url, format } })
}

/// Reads a part of Gemini's own tools.
fn server_tool(part: &Value) -> Option<ContentBlock> {
    if let Some(code) = part.object("executableCode") {
        let (id, code) = (code.owned("id"), code.owned("code").unwrap_or_default());
        return Some(ContentBlock::Code(CodeContent { code, id, container_id: None }));
    }
    if let Some(result) = part.object("codeExecutionResult") {
        let (output, outcome) = (result.owned("output").unwrap_or_default(), result.owned("outcome"));
        return Some(ContentBlock::CodeExecutionResult(CodeExecutionResultContent { output, outcome }));
    }
    let call = part.object("toolCall")?;
    let input = call.object("args").cloned().unwrap_or_default();
    Some(blocks::server_tool(call.string("id"), call.string("toolType"), input))
}

/// Reads a function call. Its arguments are an object on the wire and a JSON string in the blueprint.
fn tool_call(call: &Object, ids: &mut CallIds) -> ToolCall {
    let name = call.text("name").unwrap_or_default();
    let arguments = match call.field("args") {
        Some(arguments) => json::compact(arguments),
        None => Value::Object(stream::arguments(call.list("partialArgs"))).to_string(),
    };
    ToolCall::new(ids.call(call.text("id"), name), name, arguments)
}

/// Reads the result of a function as a separate message, if the part is a result. A text under the key
/// `output` is the whole result.
pub(super) fn result(part: &Value, ids: &mut CallIds) -> Option<Message> {
    let result = part.object("functionResponse")?;
    let name = result.text("name");
    let mut turn = Turn::new(false);
    let is_empty = |response: &Value| *response == json!({}) && result.has("parts");
    if let Some(response) = result.field("response").filter(|response| !is_empty(response)) {
        let output = response.get("output").filter(|_| response.as_object().is_some_and(|it| it.len() == 1));
        let text = output.and_then(Value::as_str).map_or_else(|| json::readable(response), str::to_owned);
        turn.blocks.push(ContentBlock::from_text(text));
    }
    result.list("parts").iter().for_each(|part| turn.add(part, ids));
    Some(Message::Tool(ToolMessage {
        content: turn.blocks,
        tool_call_id: ids.result(result.text("id"), name),
        name: name.map(str::to_owned),
        ..ToolMessage::default()
    }))
}
