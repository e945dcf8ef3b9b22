//! Reads the messages of a request, and of the choices of a response.

use serde_json::Value;

use super::{annotations, content, media};
use crate::blueprint::{AssistantMessage, ContentBlock, FunctionCall, Message, ToolCall};
use crate::providers::json::{self, Fields, Object};
use crate::providers::messages::{self, Role};

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
        Some((role, content)) => role.message(content::blocks(Some(content))),
        None => with_role(messages::role(object), object),
    }
}

fn with_role(role: Role, object: &Object) -> Message {
    let blocks = content::blocks(messages::content(object, role).as_deref());
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
    let mut blocks = content::thoughts(object);
    blocks.extend(content);
    blocks.extend(object.text("refusal").map(ContentBlock::from_text));
    blocks.extend(object.object("audio").map(media::spoken).unwrap_or_default());
    blocks.extend(object.list("images").iter().filter_map(media::generated_image));
    // A message that only calls tools may have an empty text. The empty block is removed.
    blocks.retain(|block| block.text() != Some(""));
    annotations::attach(&mut blocks, object.list("annotations"));
    AssistantMessage {
        content: blocks,
        tool_calls: object.list("tool_calls").iter().map(tool_call).collect(),
        function_call: object.get("function_call").and_then(function_call),
        ..AssistantMessage::default()
    }
}

fn tool_call(call: &Value) -> ToolCall {
    let id = call.get("id").and_then(Value::as_str).unwrap_or_default();
    // A custom tool has its name and input in `custom`.
    match call.get("function").or_else(|| call.get("custom")).and_then(function_call) {
        Some(function) => ToolCall::new(id, function.name, function.arguments),
        None => ToolCall::new(id, "", call.to_string()),
    }
}

fn function_call(function: &Value) -> Option<FunctionCall> {
    let name = function.get("name")?.as_str()?;
    let arguments = function.get("arguments").or_else(|| function.get("input"));
    // Some servers send an object instead of a JSON string.
    Some(FunctionCall::new(name, arguments.map(json::compact).unwrap_or_default()))
}
