//! Messages of a request, and of the choices of a response.

use serde_json::Value;

use super::{annotations, content, media, thinking};
use crate::blueprint::{AssistantMessage, ContentBlock, FunctionCall, FunctionMessage, Message, ToolCall};
use crate::providers::json;
use crate::providers::shape::Object;

/// Reads a list of messages. A plain string becomes a user message.
pub(in crate::providers) fn messages(value: &Value) -> Vec<Message> {
    match value {
        Value::Array(items) => items.iter().map(message).collect(),
        other => vec![message(other)],
    }
}

/// Reads one message.
pub(in crate::providers) fn message(value: &Value) -> Message {
    let Some(object) = value.as_object() else {
        return Message::user(json::readable(value));
    };
    let text = |key: &str| json::string(object, key).map(str::to_owned);
    let blocks = || content::blocks(object.get("content"));
    let mut message = match json::string(object, "role").unwrap_or_default() {
        "system" => Message::system(blocks()),
        "developer" => Message::developer(blocks()),
        "assistant" => Message::Assistant(assistant(object)),
        "tool" => Message::tool(text("tool_call_id").unwrap_or_default(), blocks()),
        "function" => {
            let name = text("name").unwrap_or_default();
            Message::Function(FunctionMessage { content: blocks(), name, ..FunctionMessage::default() })
        }
        _ => Message::user(blocks()),
    };
    match &mut message {
        Message::System(message) => message.name = text("name"),
        Message::Developer(message) => message.name = text("name"),
        Message::User(message) => message.name = text("name"),
        Message::Assistant(message) => message.name = text("name"),
        Message::Tool(message) => message.name = text("name"),
        _ => {}
    }
    message
}

/// Reads a message of the model. The order of its blocks is: thoughts, text, generated media.
pub(super) fn assistant(object: &Object) -> AssistantMessage {
    let mut blocks = thinking::blocks(object);
    blocks.extend(content::blocks(object.get("content")));
    if let Some(refusal) = json::string(object, "refusal") {
        blocks.push(ContentBlock::from_text(refusal));
    }
    blocks.extend(media::spoken(object.get("audio")));
    blocks.extend(media::images(object.get("images")));
    // A message that only calls tools may have an empty text. The empty block is removed.
    blocks.retain(|block| block.text() != Some(""));
    annotations::attach(&mut blocks, object.get("annotations"));
    let calls = object.get("tool_calls").and_then(Value::as_array).map(Vec::as_slice).unwrap_or_default();
    AssistantMessage {
        content: blocks,
        tool_calls: calls.iter().map(tool_call).collect(),
        function_call: object.get("function_call").and_then(function_call),
        ..AssistantMessage::default()
    }
}

fn tool_call(call: &Value) -> ToolCall {
    let id = call.get("id").and_then(Value::as_str).unwrap_or_default();
    // A custom tool has its name and input in `custom`.
    let function = call.get("function").or_else(|| call.get("custom")).and_then(function_call);
    match function {
        Some(function) => ToolCall::new(id, function.name, function.arguments),
        None => ToolCall::new(id, "", call.to_string()),
    }
}

fn function_call(function: &Value) -> Option<FunctionCall> {
    let name = function.get("name")?.as_str()?;
    let arguments = function.get("arguments").or_else(|| function.get("input"));
    // Some servers send an object instead of a JSON string.
    let arguments = arguments.map(|value| value.as_str().map_or_else(|| value.to_string(), str::to_owned));
    Some(FunctionCall::new(name, arguments.unwrap_or_default()))
}
