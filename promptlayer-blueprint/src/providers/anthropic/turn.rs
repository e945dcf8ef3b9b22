//! One message of an interface where calls and results of tools stand among the rest of its content.

use std::collections::HashMap;
use std::mem;

use serde_json::Value;

use crate::blueprint::{AssistantMessage, ContentBlock, McpCallContent, Message, ToolCall};
use crate::providers::json;

/// What a message says, block by block. The blueprint has the calls of tools beside the content, and
/// their results in messages of their own, so that one message becomes one or more.
#[derive(Debug)]
pub(in crate::providers) struct Turn<'a> {
    role: &'a str,
    content: Vec<ContentBlock>,
    calls: Vec<ToolCall>,
    /// Where in the content the call of an MCP server's tool stands, by its id.
    mcp_calls: HashMap<String, usize>,
    done: Vec<Message>,
}

impl<'a> Turn<'a> {
    /// Nothing said yet. Whoever is neither the model nor the system is the user.
    pub(in crate::providers) fn new(role: &'a str) -> Self {
        Self { role, content: Vec::new(), calls: Vec::new(), mcp_calls: HashMap::new(), done: Vec::new() }
    }

    /// Whether it is the model's, who alone calls tools.
    pub(in crate::providers) fn is_of_model(&self) -> bool {
        self.role == "assistant"
    }

    /// Says this.
    pub(in crate::providers) fn say(&mut self, block: ContentBlock) {
        self.content.push(block);
    }

    /// Says this text, if it is one: a block without text says nothing.
    pub(in crate::providers) fn say_text(&mut self, text: &str) {
        if !text.is_empty() {
            self.say(ContentBlock::from_text(text));
        }
    }

    /// Says what the blueprint has no block for: the whole of it, to be read.
    pub(in crate::providers) fn say_whole(&mut self, block: &Value) {
        self.say(whole(block));
    }

    /// Calls a tool.
    pub(in crate::providers) fn call(&mut self, call: ToolCall) {
        self.calls.push(call);
    }

    /// Calls a tool of an MCP server.
    pub(in crate::providers) fn call_mcp(&mut self, call: McpCallContent) {
        if let Some(id) = &call.id {
            self.mcp_calls.insert(id.clone(), self.content.len());
        }
        self.say(ContentBlock::McpCall(call));
    }

    /// The call of an MCP server's tool that has this id, among what was said since the last result.
    pub(in crate::providers) fn mcp_call(&mut self, id: &str) -> Option<&mut McpCallContent> {
        match self.content.get_mut(*self.mcp_calls.get(id)?)? {
            ContentBlock::McpCall(call) => Some(call),
            _ => None,
        }
    }

    /// Tells what a tool returned, after what was said until now.
    pub(in crate::providers) fn result(&mut self, id: &str, content: Vec<ContentBlock>) {
        self.end();
        self.done.push(Message::tool(id, content));
    }

    /// The messages that it becomes; one without content where it says nothing.
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

/// A block that the blueprint has none for, as text. How long the provider is to cache it is no part of
/// what it says.
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

/// The arguments of a call, which are JSON in a text; those that came in no whole JSON stay as they are.
pub(in crate::providers) fn arguments(input: Option<&Value>) -> String {
    match input {
        None | Some(Value::Null) => String::new(),
        Some(Value::String(text)) => text.clone(),
        Some(input) => input.to_string(),
    }
}

/// What marks a tool's result as a failure, which the blueprint has no field for.
pub(in crate::providers) fn failed() -> ContentBlock {
    ContentBlock::from_text(r#"{"is_error": true}"#)
}
