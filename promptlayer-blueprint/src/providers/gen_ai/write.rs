//! Writes the content of a request log as OpenTelemetry's attributes: messages, system instructions and tools.
//!
//! OpenTelemetry's format has fewer kinds of parts than the blueprint. A message that would not be read back as it
//! was written carries the blueprint's message in a field of its own, [`OWN_FORM`], which other readers ignore.

use serde_json::{Map, Value, json};

use super::instructions;
use super::messages::{self, OWN_FORM};
use super::tools::tools;
use crate::blueprint::{
    ContentBlock, LogRequest, MediaFormat, Message, OutputMediaType, Prompt, Tool, ToolCall,
};
use crate::semconv;

/// The APIs that take the system instructions apart from the messages.
const INSTRUCTIONS_APART: &[&str] = &["messages", "generate-content", "responses", "converse"];

/// The finish reason of a message whose reason is not known. The convention requires one.
const UNKNOWN_REASON: &str = "unknown";

/// Returns the attributes that hold what was said in a model call: the messages, the system instructions and the tools
/// as JSON texts, and the variables of the prompt template.
///
/// `finish_reasons` are those of the output messages, in order.
///
/// ```
/// use promptlayer_blueprint::providers::gen_ai;
/// use promptlayer_blueprint::{LogRequest, Prompt, semconv};
///
/// let log = LogRequest::new("openai", "gpt-4o", Prompt::user("Why?"), Prompt::assistant("Why not?"));
/// let content = gen_ai::content_of_log(&log, &["stop".to_owned()]);
/// let messages: serde_json::Value = serde_json::from_str(content[semconv::OUTPUT_MESSAGES].as_str().unwrap())?;
/// assert_eq!(messages[0]["finish_reason"], "stop");
/// assert_eq!(messages[0]["parts"][0]["content"], "Why not?");
/// # Ok::<(), serde_json::Error>(())
/// ```
pub fn content_of_log(log: &LogRequest, finish_reasons: &[String]) -> Map<String, Value> {
    let mut attributes = Map::new();
    let mut set = |name: &str, parts: Vec<Value>| {
        if !parts.is_empty() {
            attributes.insert(name.to_owned(), Value::Array(parts).to_string().into());
        }
    };
    let (mut input, tools) = match &log.input {
        Prompt::Chat(chat) => (chat.messages.as_slice(), chat.tools.as_slice()),
        Prompt::Completion(_) => (&[][..], &[][..]),
    };
    let is_apart = log.api_type.as_deref().is_some_and(|api_type| INSTRUCTIONS_APART.contains(&api_type));
    if let (true, Some((first, rest))) = (is_apart, input.split_first())
        && let Some(parts) = system_instructions(first)
        // The reader adds the instructions unless they are the first message already.
        && rest.first() != Some(first)
    {
        set(semconv::SYSTEM_INSTRUCTIONS, parts);
        input = rest;
    }
    let said = match &log.input {
        Prompt::Completion(completion) => vec![message(&Message::user(completion.content.clone()))],
        Prompt::Chat(_) => input.iter().map(message).collect(),
    };
    set(semconv::INPUT_MESSAGES, said);
    let mut said: Vec<Value> = match &log.output {
        Prompt::Completion(completion) => vec![message(&Message::assistant(completion.content.clone()))],
        Prompt::Chat(chat) => chat.messages.iter().map(message).collect(),
    };
    for (at, message) in said.iter_mut().enumerate() {
        let reason = finish_reasons.get(at).or(finish_reasons.last()).map_or(UNKNOWN_REASON, String::as_str);
        message["finish_reason"] = reason.into();
    }
    set(semconv::OUTPUT_MESSAGES, said);
    set(semconv::TOOL_DEFINITIONS, tools.iter().map(definition).collect());
    for (name, value) in &log.prompt_input_variables {
        attributes.insert(format!("{}{name}", semconv::PROMPT_VARIABLE_PREFIX), value.clone());
    }
    attributes
}

/// Returns `true` if the tools are read back from their definitions as they are.
pub(super) fn are_definable(defined: &[Tool]) -> bool {
    let definitions = Value::Array(defined.iter().map(definition).collect());
    let (read, left) = tools(&definitions);
    left.is_empty() && read == defined
}

/// Returns the parts of a system message, if they are read back as this message.
fn system_instructions(first: &Message) -> Option<Vec<Value>> {
    let Message::System(system) = first else { return None };
    let parts: Vec<Value> = system.content.iter().map(|block| part(block, false)).collect();
    (instructions(&Value::Array(parts.clone())).as_ref() == Some(first)).then_some(parts)
}

fn message(said: &Message) -> Value {
    let is_from_model = matches!(said, Message::Assistant(_));
    let mut parts: Vec<Value> = match said {
        Message::Tool(result) => vec![result_of_tool(&result.tool_call_id, &result.content)],
        said => said.content().iter().map(|block| part(block, is_from_model)).collect(),
    };
    if let Message::Assistant(assistant) = said {
        parts.extend(assistant.tool_calls.iter().map(call));
    }
    let role = match said.role() {
        "" => "user",
        role => role,
    };
    let mut written = json!({ "role": role, "parts": parts });
    if let Some(name) = said.name() {
        written["name"] = name.into();
    }
    if messages::message(&written) != std::slice::from_ref(said)
        && let Ok(own) = serde_json::to_value(said)
    {
        written[OWN_FORM] = own;
    }
    written
}

fn call(call: &ToolCall) -> Value {
    let text = &call.function.arguments;
    // Arguments are an object, unless their text would be another one when it is read back.
    let parsed = serde_json::from_str::<Value>(text).ok().filter(Value::is_object);
    let is_same = |value: &Value| value.to_string().as_str() == text;
    let arguments = parsed.filter(is_same).unwrap_or_else(|| text.as_str().into());
    json!({ "type": "tool_call", "id": call.id, "name": call.function.name, "arguments": arguments })
}

fn result_of_tool(id: &str, content: &[ContentBlock]) -> Value {
    let response = match content {
        [ContentBlock::Text(only)] => only.text.as_str().into(),
        blocks => Value::Array(blocks.iter().map(|block| part(block, false)).collect()),
    };
    json!({ "type": "tool_call_response", "id": id, "response": response })
}

fn part(block: &ContentBlock, is_from_model: bool) -> Value {
    match block {
        ContentBlock::Text(text) => json!({ "type": "text", "content": text.text }),
        ContentBlock::Thinking(thinking) => {
            let mut part = json!({ "type": "reasoning", "content": thinking.thinking });
            if let Some(signature) = &thinking.signature {
                part["signature"] = signature.as_str().into();
            }
            part
        }
        ContentBlock::ImageUrl(image) => file(&image.image_url.url, "image", None),
        ContentBlock::OutputMedia(media) if is_from_model => {
            let modality = match media.media_type {
                OutputMediaType::Image => "image",
                OutputMediaType::Video => "video",
                OutputMediaType::Audio => "audio",
            };
            file(&media.url, modality, media.mime_type.as_deref())
        }
        ContentBlock::Media(file) => {
            let (kind, source) = match file.media.format {
                MediaFormat::Base64 => ("blob", "content"),
                MediaFormat::Url => ("uri", "uri"),
                MediaFormat::Neither => ("file", "file_id"),
            };
            let mut part = json!({ "type": kind, "modality": "file", source: file.media.url });
            if let Some(mime_type) = &file.media.mime_type {
                part["mime_type"] = mime_type.as_str().into();
            }
            part
        }
        // OpenTelemetry allows parts of other types.
        other => serde_json::to_value(other).unwrap_or_default(),
    }
}

/// Writes a file by its URL, which may be a `data:` URL.
fn file(url: &str, modality: &str, mime_type: Option<&str>) -> Value {
    let data = url.strip_prefix("data:").and_then(|data| data.split_once(";base64,"));
    let mut part = match data {
        Some((_, content)) => json!({ "type": "blob", "modality": modality, "content": content }),
        None => json!({ "type": "uri", "modality": modality, "uri": url }),
    };
    if let Some(mime_type) = mime_type.or(data.map(|(mime_type, _)| mime_type)) {
        part["mime_type"] = mime_type.into();
    }
    part
}

fn definition(tool: &Tool) -> Value {
    match tool {
        Tool::Function(tool) => {
            let function = &tool.function;
            let mut definition = json!({ "type": "function", "name": function.name });
            if !function.description.is_empty() {
                definition["description"] = function.description.as_str().into();
            }
            if let Some(parameters) = &function.parameters {
                definition["parameters"] = Value::Object(parameters.clone());
            }
            definition
        }
        Tool::BuiltIn(tool) => {
            let mut definition = tool.config.clone();
            definition.insert("type".to_owned(), tool.id.as_str().into());
            definition.insert("name".to_owned(), tool.name.as_str().into());
            if !tool.description.is_empty() {
                definition.insert("description".to_owned(), tool.description.as_str().into());
            }
            Value::Object(definition)
        }
        Tool::Other(tool) => tool.clone(),
    }
}
