//! Converts a message of an API that has tool calls and tool results among its content blocks.

use std::collections::HashMap;
use std::mem;

use serde_json::Value;

use crate::blueprint::{AssistantMessage, ContentBlock, McpCallContent, Message, ToolCall};
use crate::providers::json;
use crate::providers::shape::Object;

/// Reads the system prompt and the messages of a request, with the functions that read the content blocks of its API.
pub(in crate::providers) fn messages(
    request: &Object,
    blocks: fn(Option<&Value>) -> Vec<ContentBlock>,
    read: fn(&mut Turn<'_>, Option<&Value>),
) -> Vec<Message> {
    let message = |value: &Value| message(value, read);
    let system = blocks(request.get("system"));
    let mut messages: Vec<Message> =
        if system.is_empty() { Vec::new() } else { vec![Message::system(system)] };
    match request.get("messages") {
        Some(Value::Array(items)) => messages.extend(items.iter().flat_map(message)),
        None | Some(Value::Null) => {}
        Some(other) => messages.extend(message(other)),
    }
    messages
}

/// Converts one message into one or more messages. A value that is not an object becomes a user message.
fn message(value: &Value, read: fn(&mut Turn<'_>, Option<&Value>)) -> Vec<Message> {
    let Some(object) = value.as_object() else {
        return vec![Message::user(json::readable(value))];
    };
    let mut turn = Turn::new(json::string(object, "role").unwrap_or_default());
    read(&mut turn, object.get("content"));
    turn.into_messages()
}

/// Collects the blocks of one message. In the blueprint, tool calls are separate from the content and tool
/// results are separate messages, so one message may become several.
#[derive(Debug)]
pub(in crate::providers) struct Turn<'a> {
    role: &'a str,
    content: Vec<ContentBlock>,
    calls: Vec<ToolCall>,
    /// Index of an MCP tool call in `content`, by its id.
    mcp_calls: HashMap<String, usize>,
    done: Vec<Message>,
}

impl<'a> Turn<'a> {
    /// Creates an empty turn. Any role other than the model and the system is the user.
    pub(in crate::providers) fn new(role: &'a str) -> Self {
        Self { role, content: Vec::new(), calls: Vec::new(), mcp_calls: HashMap::new(), done: Vec::new() }
    }

    /// Returns `true` if the message is from the model. Only the model calls tools.
    pub(in crate::providers) fn is_of_model(&self) -> bool {
        self.role == "assistant"
    }

    /// Adds a block.
    pub(in crate::providers) fn say(&mut self, block: ContentBlock) {
        self.content.push(block);
    }

    /// Adds a text block, unless the text is empty.
    pub(in crate::providers) fn say_text(&mut self, text: &str) {
        if !text.is_empty() {
            self.say(ContentBlock::from_text(text));
        }
    }

    /// Adds a block that the blueprint has no type for, as readable text.
    pub(in crate::providers) fn say_whole(&mut self, block: &Value) {
        self.say(whole(block));
    }

    /// Adds a tool call.
    pub(in crate::providers) fn call(&mut self, call: ToolCall) {
        self.calls.push(call);
    }

    /// Adds a call of an MCP tool.
    pub(in crate::providers) fn call_mcp(&mut self, call: McpCallContent) {
        if let Some(id) = &call.id {
            self.mcp_calls.insert(id.clone(), self.content.len());
        }
        self.say(ContentBlock::McpCall(call));
    }

    /// Returns the MCP tool call with this id, among the blocks since the last tool result.
    pub(in crate::providers) fn mcp_call(&mut self, id: &str) -> Option<&mut McpCallContent> {
        match self.content.get_mut(*self.mcp_calls.get(id)?)? {
            ContentBlock::McpCall(call) => Some(call),
            _ => None,
        }
    }

    /// Adds the result of a tool, after the blocks that were added so far.
    pub(in crate::providers) fn result(&mut self, id: &str, content: Vec<ContentBlock>) {
        self.end();
        self.done.push(Message::tool(id, content));
    }

    /// Returns the messages. If the turn is empty, returns one message without content.
    pub(in crate::providers) fn into_messages(mut self) -> Vec<Message> {
        self.end();
        if self.done.is_empty() {
            let message = self.message();
            self.done.push(message);
        }
        self.done
    }

    fn end(&mut self) {
        if !(self.content.is_empty() && self.calls.is_empty()) {
            let message = self.message();
            self.done.push(message);
        }
    }

    fn message(&mut self) -> Message {
        self.mcp_calls.clear();
        let content = mem::take(&mut self.content);
        match self.role {
            "assistant" => Message::Assistant(AssistantMessage {
                content,
                tool_calls: mem::take(&mut self.calls),
                ..AssistantMessage::default()
            }),
            "system" => Message::system(content),
            _ => Message::user(content),
        }
    }
}

/// Converts a block that the blueprint has no type for to text. Omits `cache_control`, which is not
/// content.
pub(in crate::providers) fn whole(block: &Value) -> ContentBlock {
    let text = match block {
        Value::Object(fields) if fields.contains_key("cache_control") => {
            let said = fields.iter().filter(|(name, _)| *name != "cache_control");
            json::readable(&Value::Object(said.map(|(name, value)| (name.clone(), value.clone())).collect()))
        }
        _ => json::readable(block),
    };
    ContentBlock::from_text(text)
}

/// Returns the arguments of a call as a JSON string. Incomplete JSON is kept as received.
pub(in crate::providers) fn arguments(input: Option<&Value>) -> String {
    match input {
        None | Some(Value::Null) => String::new(),
        Some(Value::String(text)) => text.clone(),
        Some(input) => input.to_string(),
    }
}

/// Returns the block that marks a tool result as failed. The blueprint has no field for this.
pub(in crate::providers) fn failed() -> ContentBlock {
    ContentBlock::from_text(r#"{"is_error": true}"#)
}
