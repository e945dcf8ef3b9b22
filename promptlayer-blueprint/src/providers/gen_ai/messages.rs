//! Messages in OpenTelemetry's format: a role and a list of parts.

use serde_json::Value;

use super::super::{json, openai_chat};
use super::fields::Said;
use super::parts::{Part, part};
use crate::blueprint::{AssistantMessage, ContentBlock, Message};

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
    said.get("role").is_some_and(Value::is_string)
}

/// Converts one message. A message with tool results becomes several, because the blueprint has one message
/// for each result.
fn message(said: &Value) -> Vec<Message> {
    let Some(parts) = said.get("parts").and_then(Value::as_array) else {
        // The span uses `OpenAI`'s message format.
        return vec![openai_chat::message(said)];
    };
    let role = said.get("role").and_then(Value::as_str).unwrap_or_default();
    let name = said.get("name").and_then(Value::as_str).map(str::to_owned);
    let is_from_model = matches!(role, "assistant" | "model" | "ai");
    let mut messages = Vec::new();
    let mut spoken = AssistantMessage { name, ..AssistantMessage::default() };
    for value in parts {
        match part(value, is_from_model) {
            Part::Block(block) => spoken.content.push(block),
            Part::Call(call) => spoken.tool_calls.push(call),
            Part::Result { id, text } => {
                said_so_far(role, &mut spoken, &mut messages);
                messages.push(Message::tool(id, text));
            }
        }
    }
    if messages.is_empty() || !spoken.content.is_empty() || !spoken.tool_calls.is_empty() {
        messages.push(of_role(role, spoken));
    }
    messages
}

/// Ends the current message before a tool result.
fn said_so_far(role: &str, spoken: &mut AssistantMessage, messages: &mut Vec<Message>) {
    if spoken.content.is_empty() && spoken.tool_calls.is_empty() {
        return;
    }
    let next = AssistantMessage { name: spoken.name.clone(), ..AssistantMessage::default() };
    messages.push(of_role(role, std::mem::replace(spoken, next)));
}

fn of_role(role: &str, spoken: AssistantMessage) -> Message {
    // Only a model calls tools, so the role is ignored here.
    if matches!(role, "assistant" | "model" | "ai") || !spoken.tool_calls.is_empty() {
        return Message::Assistant(spoken);
    }
    let mut message = match role {
        "system" => Message::system(spoken.content),
        "developer" => Message::developer(spoken.content),
        "tool" => Message::tool("", spoken.content),
        _ => Message::user(spoken.content),
    };
    match &mut message {
        Message::System(message) => message.name = spoken.name,
        Message::Developer(message) => message.name = spoken.name,
        Message::User(message) => message.name = spoken.name,
        Message::Tool(message) => message.name = spoken.name,
        _ => {}
    }
    message
}

/// Converts the system instructions: a list of parts, or a text.
pub(super) fn instructions(said: &Value) -> Option<Message> {
    let content: Vec<ContentBlock> = match said {
        Value::Array(parts) => parts
            .iter()
            .map(|value| match part(value, false) {
                Part::Block(block) => block,
                Part::Call(_) | Part::Result { .. } => ContentBlock::from_text(json::readable(value)),
            })
            .collect(),
        other => vec![ContentBlock::from_text(json::readable(other))],
    };
    (!content.is_empty()).then(|| Message::system(content))
}
