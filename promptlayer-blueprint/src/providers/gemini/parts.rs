//! The parts of a content, and the citations of its texts: web pages and places that a candidate is grounded on, and
//! sources that it quotes.

use serde_json::{Value, json};

use super::stream;
use crate::blueprint::{
    Annotation, CodeContent, CodeExecutionResultContent, ContentBlock, FileAnnotation, MapAnnotation, Media,
    MediaContent, MediaFormat, Message, OutputMediaContent, TextContent, ToolCall, ToolMessage,
    WebAnnotation,
};
use crate::providers::blocks::{self, UNKNOWN, text_at};
use crate::providers::call_ids::CallIds;
use crate::providers::json::{self, Fields, Object};
use crate::providers::messages::Role;
use crate::providers::turn;

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
        let role = match role {
            "model" | "assistant" => Role::Assistant,
            "system" => Role::System,
            _ => Role::User,
        };
        turn::message(role, self.blocks, self.calls)
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
            let annotations = part.objects("annotations").map(quoted).collect();
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

/// Adds the citations of a candidate to its text blocks. `places` has the block of each part. Gemini counts
/// positions in bytes; they are kept that way.
pub(super) fn annotate(candidate: &Object, blocks: &mut [ContentBlock], places: &[Option<usize>]) {
    if let Some(grounding) = candidate.object("groundingMetadata") {
        ground(grounding, blocks, places);
    }
    let Some(text) = text_at(blocks, None) else { return };
    // Vertex AI and the Gemini API use different names for the list.
    for path in ["citationMetadata.citationSources", "citationMetadata.citations"] {
        let sources = candidate.at(path).and_then(Value::as_array).into_iter().flatten();
        text.annotations.extend(sources.filter_map(Value::as_object).map(quoted));
    }
}

fn ground(grounding: &Object, blocks: &mut [ContentBlock], places: &[Option<usize>]) {
    let chunks = grounding.list("groundingChunks");
    let mut is_cited = vec![false; chunks.len()];
    for support in grounding.objects("groundingSupports") {
        let Some(segment) = support.object("segment") else { continue };
        let part = segment.count("partIndex").and_then(|part| usize::try_from(part).ok());
        let place = part.and_then(|part| places.get(part).copied().flatten());
        // The parts before the text may be thoughts, which some servers do not count.
        let Some(text) = text_at(blocks, place) else { continue };
        let cited = support.list("groundingChunkIndices").iter().filter_map(Value::as_u64);
        for at in cited.filter_map(|at| usize::try_from(at).ok()) {
            text.annotations.extend(chunks.get(at).and_then(|chunk| grounded(chunk, segment)));
            is_cited.get_mut(at).into_iter().for_each(|is_cited| *is_cited = true);
        }
    }
    // A source that is not assigned to a segment is a source of the whole text.
    if let Some(text) = text_at(blocks, None) {
        let whole = Object::from_iter([("endIndex".to_owned(), text.text.len().into())]);
        let rest = chunks.iter().zip(is_cited).filter(|(_, is_cited)| !is_cited);
        text.annotations.extend(rest.filter_map(|(chunk, _)| grounded(chunk, &whole)));
    }
}

/// Returns the source that a segment of a text is grounded on.
fn grounded(chunk: &Value, segment: &Object) -> Option<Annotation> {
    let kind = ["web", "maps", "retrievedContext"].into_iter().find(|kind| chunk.object(kind).is_some())?;
    Some(annotation(kind, chunk.object(kind)?, segment))
}

/// Returns a source that contains the segment of the text.
fn quoted(source: &Object) -> Annotation {
    annotation(source.text("type").unwrap_or_default(), source, source)
}

/// Returns the annotation for a source, as `generateContent` and interactions describe it.
fn annotation(kind: &str, source: &Object, segment: &Object) -> Annotation {
    let first = |names: &[&str]| names.iter().find_map(|name| source.owned(name));
    let position = |names: [&str; 2]| names.into_iter().find_map(|name| segment.field(name)?.as_i64());
    let title = first(&["title", "name", "file_name"]);
    let url = first(&["uri", "url", "document_uri", "documentName", "fileSearchStore", "source"]);
    // The start is left out on the wire if it is 0.
    let start_index = position(["startIndex", "start_index"]).unwrap_or_default();
    let end_index = position(["endIndex", "end_index"]).unwrap_or_default();
    let cited_text = segment.owned("text");
    match kind {
        "maps" | "place_citation" => Annotation::Map(MapAnnotation {
            title: title.unwrap_or_default(),
            url: url.unwrap_or_default(),
            place_id: first(&["placeId", "place_id"]),
            start_index,
            end_index,
            cited_text,
        }),
        "retrievedContext" | "file_citation" => Annotation::File(FileAnnotation {
            index: start_index,
            file_id: url.unwrap_or_default(),
            filename: title.unwrap_or_default(),
        }),
        _ => Annotation::Web(WebAnnotation {
            title: title.or_else(|| url.clone().filter(|_| kind != "web")).unwrap_or_default(),
            url: url.unwrap_or_default(),
            start_index,
            end_index,
            cited_text,
            encrypted_index: None,
        }),
    }
}
