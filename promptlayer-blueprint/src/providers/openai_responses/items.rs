//! The items of requests and responses.

use serde_json::{Map, Value};

use super::super::json;
use super::super::shape::Object;
use super::{parts, server};
use crate::blueprint::{
    AssistantMessage, ContentBlock, Message, ShellCallOutputContent, ThinkingContent, ToolCall,
};

/// The tool name for computer calls, which have none.
const COMPUTER: &str = "computer";

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
        let kind = kind(object);
        if let Some(message) = of_others(kind, object) {
            turn.end(&mut messages);
            messages.push(message);
        } else {
            // A second message of the model starts a new message, and so does text after a tool call.
            if kind == "message" && turn.has_spoken() {
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
            None => turn.message.content.push(parts::kept(item)),
        }
    }
    turn.message
}

/// Returns `true` if an item waits for the result of one of the application's tools.
pub(super) fn is_awaited(item: &Value) -> bool {
    const AWAITED: &[&str] = &[
        "function_call",
        "custom_tool_call",
        "computer_call",
        "local_shell_call",
        "apply_patch_call",
        "mcp_approval_request",
    ];
    let Some(object) = item.as_object() else { return false };
    match kind(object) {
        // A shell may also run at the provider.
        "shell_call" => item.pointer("/environment/type").and_then(Value::as_str) == Some("local"),
        kind => AWAITED.contains(&kind),
    }
}

/// Returns the type of an item. Messages and item references may omit it.
pub(super) fn kind(item: &Object) -> &str {
    match json::string(item, "type") {
        Some(kind) => kind,
        None if item.get("role").is_some_and(Value::is_string) => "message",
        None => "item_reference",
    }
}

/// Collects consecutive items of the model.
#[derive(Default)]
struct Turn {
    /// The message so far.
    message: AssistantMessage,
    /// `true` if an item was added, even one without content.
    begun: bool,
    /// `true` if one of the items is a message.
    spoken: bool,
}

impl Turn {
    /// Returns `true` if the turn contains a message or a tool call.
    fn has_spoken(&self) -> bool {
        self.spoken || !self.message.tool_calls.is_empty()
    }

    /// Ends the turn and adds its message to `messages`.
    fn end(&mut self, messages: &mut Vec<Message>) {
        let ended = std::mem::take(self);
        if ended.begun {
            messages.push(Message::Assistant(ended.message));
        }
    }

    /// Adds an item of the model.
    fn add(&mut self, item: &Object) {
        self.begun = true;
        let content = &mut self.message.content;
        match kind(item) {
            "message" => {
                self.spoken = true;
                content.extend(parts::content(item.get("content"), json::string(item, "id")));
            }
            "reasoning" => content.extend(thought(item)),
            "function_call" => self.message.tool_calls.push(call(item, "arguments")),
            "custom_tool_call" => self.message.tool_calls.push(call(item, "input")),
            "computer_call" => self.message.tool_calls.push(computer_call(item)),
            kind => content.extend(server::blocks(kind, item)),
        }
    }
}

/// Returns the message of an item that is not from the model: a message of the user or the application, or
/// a tool result.
fn of_others(kind: &str, item: &Object) -> Option<Message> {
    match kind {
        "message" => said(item),
        "shell_call_output" | "apply_patch_call_output" => {
            Some(Message::tool(call_id(item), server::blocks(kind, item)))
        }
        "local_shell_call_output" => Some(Message::tool(call_id(item), local_shell_output(item))),
        "mcp_approval_response" => Some(Message::user(server::blocks(kind, item))),
        _ if kind.ends_with("_call_output") => Some(returned(item)),
        "reasoning"
        | "compaction"
        | "item_reference"
        | "mcp_list_tools"
        | "mcp_approval_request"
        | "program"
        | "program_output"
        | "tool_search_output" => None,
        _ if kind.ends_with("_call") => None,
        _ => Some(Message::user(parts::kept(&Value::Object(item.clone())))),
    }
}

/// Converts a message item. Returns `None` for a message of the model.
fn said(item: &Object) -> Option<Message> {
    let content = || parts::content(item.get("content"), json::string(item, "id"));
    match json::string(item, "role").unwrap_or_default() {
        "assistant" => None,
        "system" => Some(Message::system(content())),
        "developer" => Some(Message::developer(content())),
        "tool" => Some(Message::tool(call_id(item), content())),
        _ => Some(Message::user(content())),
    }
}

/// Returns the id that a call and its result share.
fn call_id(item: &Object) -> &str {
    ["call_id", "tool_call_id", "id"].into_iter().find_map(|key| json::string(item, key)).unwrap_or_default()
}

/// Converts a tool result: a text, a list of parts, or any other JSON.
fn returned(item: &Object) -> Message {
    let mut message = Message::tool(call_id(item), parts::content(item.get("output"), None));
    if let Message::Tool(tool) = &mut message {
        tool.name = json::string(item, "name").map(str::to_owned);
    }
    message
}

/// Converts the output of a `local_shell_call`, the predecessor of `shell_call`. It is a single text.
fn local_shell_output(item: &Object) -> ContentBlock {
    let output = item.get("output").filter(|output| !output.is_null());
    ContentBlock::ShellCallOutput(ShellCallOutputContent {
        id: json::string(item, "id").map(str::to_owned),
        call_id: json::string(item, "call_id").map(str::to_owned),
        output: output
            .map(|output| Map::from_iter([("output".to_owned(), output.clone())]))
            .into_iter()
            .collect(),
        status: json::string(item, "status").map(str::to_owned),
    })
}

/// Converts a reasoning item: its summary or its text, and its encrypted content. Returns `None` if it has
/// neither.
fn thought(item: &Object) -> Option<ContentBlock> {
    let texts: Vec<&str> = ["summary", "content"]
        .into_iter()
        .filter_map(|key| item.get(key)?.as_array())
        .flatten()
        .filter_map(|part| part.as_str().or_else(|| part.get("text")?.as_str()))
        .filter(|text| !text.is_empty())
        .collect();
    let signature = json::string(item, "encrypted_content").map(str::to_owned);
    if texts.is_empty() && signature.is_none() {
        return None;
    }
    Some(ContentBlock::Thinking(ThinkingContent {
        thinking: texts.join("\n\n"),
        signature,
        id: json::string(item, "id").map(str::to_owned),
    }))
}

/// Converts a function call, whose arguments are a JSON string, or a call of a custom tool, whose input is
/// any text.
fn call(item: &Object, arguments: &str) -> ToolCall {
    let arguments = match item.get(arguments) {
        None | Some(Value::Null) => String::new(),
        Some(Value::String(text)) => text.clone(),
        // Some servers send an object instead of a JSON string.
        Some(other) => other.to_string(),
    };
    let mut call = ToolCall::new(call_id(item), json::string(item, "name").unwrap_or_default(), arguments);
    // An item has an id of its own in addition to the id that the result refers to.
    call.tool_id = json::string(item, "id").filter(|id| *id != call.id).map(str::to_owned);
    call
}

/// Converts a computer call, which the application executes.
fn computer_call(item: &Object) -> ToolCall {
    const INPUT: &[&str] = &["action", "actions", "pending_safety_checks"];
    let input = INPUT.iter().filter_map(|key| {
        let value = item.get(*key).filter(|value| !value.is_null())?;
        Some(((*key).to_owned(), value.clone()))
    });
    let arguments = Value::Object(input.collect());
    ToolCall::new(call_id(item), COMPUTER, arguments.to_string())
}
