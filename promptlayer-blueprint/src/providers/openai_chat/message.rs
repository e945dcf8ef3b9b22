//! Reads the messages of a request, and of the choices of a response: their content, thoughts, calls and citations.

use serde_json::Value;

use super::media;
use crate::blueprint::{
    Annotation, AssistantMessage, ContentBlock, FunctionCall, Message, ThinkingContent, ToolCall,
    WebAnnotation,
};
use crate::providers::blocks;
use crate::providers::json::{self, Fields, Object};
use crate::providers::messages::{self, Role};

/// Fields that contain a thought as text: `DeepSeek`, vLLM and llama.cpp; `OpenRouter` and Groq; Copilot.
const TEXTS: &[&str] = &["reasoning_content", "reasoning", "reasoning_text"];

/// The field that contains the signature of a thought, in Copilot's responses.
const SIGNATURE: &str = "reasoning_opaque";

/// Maximum number of digits in a citation mark. A longer number is not a citation.
const LONGEST_NUMBER: usize = 4;

/// Reads a list of messages. A plain string becomes a user message.
pub(in crate::providers) fn messages(value: &Value) -> Vec<Message> {
    match value {
        Value::Array(items) => items.iter().map(message).collect(),
        other => vec![message(other)],
    }
}

/// Reads one message. It may be of an application's own type.
pub(in crate::providers) fn message(value: &Value) -> Message {
    let Some(object) = value.as_object() else {
        return Message::user(json::readable(value));
    };
    match messages::variant(object) {
        Some((role, Value::Object(message))) => with_role(role, message),
        Some((role, content)) => role.message(self::content(Some(content))),
        None => with_role(messages::role(object), object),
    }
}

fn with_role(role: Role, object: &Object) -> Message {
    let blocks = content(messages::content(object, role).as_deref());
    let mut message = match role {
        Role::Assistant => Message::Assistant(assistant(object, blocks)),
        Role::Tool => Message::tool(object.owned("tool_call_id").unwrap_or_default(), blocks),
        role => role.message(blocks),
    };
    messages::set_name(&mut message, messages::participant(object));
    message
}

/// Reads a message of the model with this content. The order of its blocks is: thoughts, text, generated media.
pub(super) fn assistant(object: &Object, content: Vec<ContentBlock>) -> AssistantMessage {
    let mut blocks = thoughts(object);
    blocks.extend(content);
    blocks.extend(object.text("refusal").map(ContentBlock::from_text));
    blocks.extend(object.object("audio").map(media::spoken).unwrap_or_default());
    blocks.extend(object.list("images").iter().filter_map(media::generated_image));
    // A message that only calls tools may have an empty text. The empty block is removed.
    blocks.retain(|block| block.text() != Some(""));
    attach(&mut blocks, object.list("annotations"));
    AssistantMessage {
        content: blocks,
        tool_calls: object.list("tool_calls").iter().map(tool_call).collect(),
        function_call: object.get("function_call").and_then(function_call),
        ..AssistantMessage::default()
    }
}

fn tool_call(call: &Value) -> ToolCall {
    let id = call.str("id").unwrap_or_default();
    // A custom tool has its name and input in `custom`.
    match call.get("function").or_else(|| call.get("custom")).and_then(function_call) {
        Some(function) => ToolCall::new(id, function.name, function.arguments),
        None => ToolCall::new(id, "", call.to_string()),
    }
}

fn function_call(function: &Value) -> Option<FunctionCall> {
    let name = function.str("name")?;
    let arguments = function.get("arguments").or_else(|| function.get("input"));
    // Some servers send an object instead of a JSON string.
    Some(FunctionCall::new(name, arguments.map(json::compact).unwrap_or_default()))
}

pub(super) fn content(value: Option<&Value>) -> Vec<ContentBlock> {
    match value {
        None | Some(Value::Null) => Vec::new(),
        Some(Value::String(text)) if text.is_empty() => Vec::new(),
        Some(Value::Array(parts)) => parts.iter().flat_map(part).collect(),
        Some(other) => part(other),
    }
}

/// Reads one part of a content. A part that the blueprint has no block for is kept as readable text.
fn part(part: &Value) -> Vec<ContentBlock> {
    let Some(block) = part.as_object().and_then(known) else { return vec![blocks::readable(part)] };
    let citations = if block.text().is_some() { part.list("annotations") } else { &[] };
    let mut blocks = vec![block];
    attach(&mut blocks, citations);
    blocks
}

fn known(part: &Object) -> Option<ContentBlock> {
    let text_in = |key: &str| Some(ContentBlock::from_text(part.str(key)?));
    match part.text("type") {
        Some("text" | "input_text" | "output_text") => text_in("text"),
        Some("refusal") => text_in("refusal"),
        Some("thinking") => thought(part).map(ContentBlock::Thinking),
        Some("image_url") => {
            let image = part.get("image_url")?;
            Some(blocks::image(media::url(image)?, image.owned("detail")))
        }
        Some("input_audio") => media::audio(part.get("input_audio")?),
        Some("file") => media::file(part),
        Some(kind @ ("document_url" | "audio_url" | "video_url")) => media::linked(kind, part),
        // The variant of an enum in Rust.
        None if part.len() == 1 => text_in("Text"),
        _ => None,
    }
}

/// Returns the thoughts of a message. OpenAI does not return them in this API; each server that does has its own
/// field. Blocks are preferred to a single text, because they contain more data.
fn thoughts(message: &Object) -> Vec<ContentBlock> {
    let mut thoughts = details(message);
    // LiteLLM passes Anthropic's thinking blocks on in this field.
    thoughts.extend(message.objects("thinking_blocks").filter_map(thought));
    if thoughts.iter().all(|thought| thought.thinking.is_empty()) {
        let text = TEXTS.iter().find_map(|key| message.owned(key));
        let signature = message.owned(SIGNATURE);
        if text.is_some() || signature.is_some() {
            let thinking = text.unwrap_or_default();
            thoughts.insert(0, ThinkingContent { thinking, signature, id: None });
        }
    }
    thoughts.into_iter().map(ContentBlock::Thinking).collect()
}

/// Reads the reasoning blocks of `OpenRouter`. An encrypted block is merged with the summary of the same thought.
fn details(message: &Object) -> Vec<ThinkingContent> {
    let mut thoughts: Vec<ThinkingContent> = Vec::new();
    for detail in message.objects("reasoning_details") {
        let next = ThinkingContent {
            thinking: detail.owned("text").or_else(|| detail.owned("summary")).unwrap_or_default(),
            signature: detail.owned("signature").or_else(|| detail.owned("data")),
            id: detail.owned("id"),
        };
        match thoughts.last_mut() {
            Some(last)
                if next.thinking.is_empty()
                    && last.signature.is_none()
                    && (next.id.is_none() || last.id == next.id) =>
            {
                last.signature = next.signature;
            }
            _ => thoughts.push(next),
        }
    }
    thoughts.retain(|thought| !thought.thinking.is_empty() || thought.signature.is_some());
    thoughts
}

/// Reads a thought block: a text, or for Mistral a list of parts. A redacted thought has only data that the
/// provider can read.
fn thought(block: &Object) -> Option<ThinkingContent> {
    let text_of = |part: &Value| json::readable(part.field("text").unwrap_or(part));
    if let Some(data) = block.owned("data") {
        return Some(ThinkingContent { signature: Some(data), ..ThinkingContent::default() });
    }
    let thinking = match block.get("thinking")? {
        Value::String(text) => text.clone(),
        Value::Array(parts) => parts.iter().map(text_of).collect(),
        _ => return None,
    };
    Some(ThinkingContent { thinking, signature: block.owned("signature"), id: block.owned("id") })
}

/// Attaches citations to the last text block: blocks before it are thoughts. Citations that the blueprint has no
/// type for, or for which there is no text block, are appended as readable text.
fn attach(blocks: &mut Vec<ContentBlock>, citations: &[Value]) {
    let mut text = blocks.iter_mut().rev().find_map(|block| match block {
        ContentBlock::Text(text) => Some(text),
        _ => None,
    });
    let mut others = Vec::new();
    for item in citations.iter().filter(|item| !item.is_null()) {
        match (&mut text, blocks::citation(item)) {
            (Some(text), Some(annotation)) => text.annotations.push(annotation),
            _ => others.push(blocks::readable(item)),
        }
    }
    blocks.extend(others);
}

/// Adds citations for the marks in the texts of a response: `[2]` refers to Perplexity's second search result.
pub(super) fn cite(messages: &mut [Message], reply: &Object) {
    let sources = reply.list("search_results");
    for block in messages.iter_mut().filter_map(Message::content_mut).flatten() {
        if let ContentBlock::Text(text) = block
            && text.annotations.is_empty()
            && !sources.is_empty()
        {
            text.annotations = marks(&text.text, sources);
        }
    }
}

/// Returns the marks in a text that refer to a source. Positions are counted in characters, like OpenAI's.
fn marks(text: &str, sources: &[Value]) -> Vec<Annotation> {
    let mark = |(at, (byte, char)): (usize, (usize, char))| {
        let number = (char == '[').then(|| text.get(byte + 1..).and_then(number)).flatten()?;
        let source = sources.get(number.parse::<usize>().ok()?.checked_sub(1)?)?;
        Some(Annotation::Web(WebAnnotation {
            title: source.owned("title").unwrap_or_default(),
            url: source.owned("url")?,
            start_index: i64::try_from(at).ok()?,
            // Includes the brackets.
            end_index: i64::try_from(at + number.len() + 2).ok()?,
            ..WebAnnotation::default()
        }))
    };
    text.char_indices().enumerate().filter_map(mark).collect()
}

/// Returns the number at the start of a text, if a closing bracket follows.
fn number(text: &str) -> Option<&str> {
    let length = text.bytes().take(LONGEST_NUMBER + 1).take_while(u8::is_ascii_digit).count();
    let (number, rest) = text.split_at_checked(length)?;
    (rest.starts_with(']') && !number.is_empty()).then_some(number)
}
