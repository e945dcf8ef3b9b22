//! The items of requests and responses.

use serde_json::{Value, json};

use super::{content, server};
use crate::blueprint::{
    AssistantMessage, ContentBlock, Message, ShellCallOutputContent, ThinkingContent, ToolCall,
};
use crate::providers::json::{self, Fields, Object};

/// Items that wait for the result of one of the application's tools.
const AWAITED: &[&str] = &[
    "function_call",
    "custom_tool_call",
    "computer_call",
    "local_shell_call",
    "apply_patch_call",
    "mcp_approval_request",
];

/// Items of the model that are neither messages nor calls.
const OF_MODEL: &[&str] = &[
    "reasoning",
    "compaction",
    "item_reference",
    "mcp_list_tools",
    "mcp_approval_request",
    "program",
    "program_output",
    "tool_search_output",
];

/// Converts the items of a request. Consecutive items of the model form one message: reasoning, text and
/// tool calls.
pub(super) fn messages(items: &[Value]) -> Vec<Message> {
    let mut messages = Vec::new();
    let mut turn = Turn::default();
    for item in items {
        let Some(object) = item.as_object() else {
            turn.end(&mut messages);
            messages.push(Message::user(json::readable(item)));
            continue;
        };
        if let Some(message) = message_of_others(object) {
            turn.end(&mut messages);
            messages.push(message);
        } else {
            // A second message of the model starts a new message, and so does text after a tool call.
            if kind(object) == "message" && (turn.has_message || !turn.message.tool_calls.is_empty()) {
                turn.end(&mut messages);
            }
            turn.add(object);
        }
    }
    turn.end(&mut messages);
    messages
}

/// Converts the items of a response into one message.
pub(super) fn message(items: &[Value]) -> AssistantMessage {
    let mut turn = Turn::default();
    for item in items {
        match item.as_object() {
            Some(object) => turn.add(object),
            None => turn.message.content.push(content::readable(item)),
        }
    }
    turn.message
}

/// Returns `true` if an item waits for the result of one of the application's tools.
pub(super) fn is_awaited(item: &Value) -> bool {
    match item.as_object().map(kind) {
        // A shell may also run at the provider.
        Some("shell_call") => item.at("environment.type").and_then(Value::as_str) == Some("local"),
        Some(kind) => AWAITED.contains(&kind),
        None => false,
    }
}

/// Returns the type of an item. Messages and item references may omit it.
fn kind(item: &Object) -> &str {
    let by_role =
        || if item.get("role").is_some_and(Value::is_string) { "message" } else { "item_reference" };
    item.text("type").unwrap_or_else(by_role)
}

/// Collects consecutive items of the model.
#[derive(Default)]
struct Turn {
    /// The message so far.
    message: AssistantMessage,
    /// `true` if an item was added, even one without content.
    has_item: bool,
    /// `true` if one of the items is a message.
    has_message: bool,
}

impl Turn {
    /// Ends the turn and adds its message to `messages`.
    fn end(&mut self, messages: &mut Vec<Message>) {
        let turn = std::mem::take(self);
        if turn.has_item {
            messages.push(Message::Assistant(turn.message));
        }
    }

    /// Adds an item of the model.
    fn add(&mut self, item: &Object) {
        self.has_item = true;
        let AssistantMessage { content: blocks, tool_calls, .. } = &mut self.message;
        match kind(item) {
            "message" => {
                self.has_message = true;
                blocks.extend(content::blocks(item.get("content"), item.text("id")));
            }
            "reasoning" => blocks.extend(thinking(item)),
            "function_call" => tool_calls.push(call(item, item.get("arguments"))),
            "custom_tool_call" => tool_calls.push(call(item, item.get("input"))),
            "computer_call" => {
                let input = ["action", "actions", "pending_safety_checks"].map(|key| item.get_key_value(key));
                let input = input.into_iter().flatten().filter(|(_, value)| !value.is_null());
                let input: Value = input.map(|(key, value)| (key.clone(), value.clone())).collect();
                tool_calls.push(ToolCall::new(call_id(item), "computer", input.to_string()));
            }
            kind => blocks.extend(server::blocks(kind, item)),
        }
    }
}

/// Returns the message of an item that is not from the model: a message of the user or the application, or
/// a tool result.
fn message_of_others(item: &Object) -> Option<Message> {
    let blocks = || content::blocks(item.get("content"), item.text("id"));
    match (kind(item), item.text("role").unwrap_or_default()) {
        ("message", "assistant") => None,
        ("message", "system") => Some(Message::system(blocks())),
        ("message", "developer") => Some(Message::developer(blocks())),
        ("message", "tool") => Some(Message::tool(call_id(item), blocks())),
        ("message", _) => Some(Message::user(blocks())),
        (kind @ ("shell_call_output" | "apply_patch_call_output"), _) => {
            Some(Message::tool(call_id(item), server::blocks(kind, item)))
        }
        ("local_shell_call_output", _) => Some(Message::tool(call_id(item), local_shell_output(item))),
        (kind @ "mcp_approval_response", _) => Some(Message::user(server::blocks(kind, item))),
        (kind, _) if kind.ends_with("_call_output") => {
            let mut message = Message::tool(call_id(item), content::blocks(item.get("output"), None));
            if let Message::Tool(tool) = &mut message {
                tool.name = item.owned("name");
            }
            Some(message)
        }
        (kind, _) if OF_MODEL.contains(&kind) || kind.ends_with("_call") => None,
        _ => Some(Message::user(content::readable(&Value::Object(item.clone())))),
    }
}

/// Returns the id that a call and its result share.
fn call_id(item: &Object) -> &str {
    ["call_id", "tool_call_id", "id"].into_iter().find_map(|key| item.text(key)).unwrap_or_default()
}

/// Converts the output of a `local_shell_call`, the predecessor of `shell_call`. It is a single text.
fn local_shell_output(item: &Object) -> ContentBlock {
    let output = item.field("output").map(|output| json!({ "output": output }));
    ContentBlock::ShellCallOutput(ShellCallOutputContent {
        id: item.owned("id"),
        call_id: item.owned("call_id"),
        output: output.as_ref().and_then(Value::as_object).cloned().into_iter().collect(),
        status: item.owned("status"),
    })
}

/// Converts a reasoning item: its summary or its text, and its encrypted content. Returns `None` if it has
/// neither.
fn thinking(item: &Object) -> Option<ContentBlock> {
    let parts = item.list("summary").iter().chain(item.list("content"));
    let texts: Vec<&str> = parts
        .filter_map(|part| part.as_str().or_else(|| part.text("text")))
        .filter(|text| !text.is_empty())
        .collect();
    let signature = item.owned("encrypted_content");
    (!texts.is_empty() || signature.is_some()).then(|| {
        ContentBlock::Thinking(ThinkingContent {
            thinking: texts.join("\n\n"),
            signature,
            id: item.owned("id"),
        })
    })
}

/// Converts a function call, whose arguments are a JSON string, or a call of a custom tool, whose input is
/// any text. Some servers send an object instead of a JSON string.
fn call(item: &Object, arguments: Option<&Value>) -> ToolCall {
    let arguments = arguments.filter(|arguments| !arguments.is_null()).map(json::compact);
    let mut call =
        ToolCall::new(call_id(item), item.text("name").unwrap_or_default(), arguments.unwrap_or_default());
    // An item has an id of its own in addition to the id that the result refers to.
    call.tool_id = item.owned("id").filter(|id| *id != call.id);
    call
}
