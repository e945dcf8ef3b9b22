//! The items that a request and a reply are lists of.

use serde_json::{Map, Value};

use super::super::json;
use super::super::shape::Object;
use super::{parts, server};
use crate::blueprint::{
    AssistantMessage, ContentBlock, Message, ShellCallOutputContent, ThinkingContent, ToolCall,
};

/// The name that the call of a computer goes by, which has none of its own.
const COMPUTER: &str = "computer";

/// Reads the items of a request. Those of the model that stand together are one message: its thoughts,
/// what it said, and the tools that it called then.
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
            // Two messages of the model are two, and what it said after a call was not said before it.
            if kind == "message" && turn.has_spoken() {
                turn.end(&mut messages);
            }
            turn.add(object);
        }
    }
    turn.end(&mut messages);
    messages
}

/// Reads the items of a reply as the one message that they are.
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

/// Whether an item of a reply waits for what the user's own tools give.
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
        // A shell may be the provider's own.
        "shell_call" => item.pointer("/environment/type").and_then(Value::as_str) == Some("local"),
        kind => AWAITED.contains(&kind),
    }
}

/// What an item is. A message may come without its type, and so may a reference to an item.
pub(super) fn kind(item: &Object) -> &str {
    match json::string(item, "type") {
        Some(kind) => kind,
        None if item.get("role").is_some_and(Value::is_string) => "message",
        None => "item_reference",
    }
}

/// What the model says without a break.
#[derive(Default)]
struct Turn {
    /// What there is of it.
    message: AssistantMessage,
    /// Whether there is anything of it, be it empty.
    begun: bool,
    /// Whether a message is part of it.
    spoken: bool,
}

impl Turn {
    /// Whether it holds a message or a call already.
    fn has_spoken(&self) -> bool {
        self.spoken || !self.message.tool_calls.is_empty()
    }

    /// Ends it: what comes next is another message.
    fn end(&mut self, messages: &mut Vec<Message>) {
        let ended = std::mem::take(self);
        if ended.begun {
            messages.push(Message::Assistant(ended.message));
        }
    }

    /// Adds an item of the model's.
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

/// The message of an item that is not the model's: what the user or the application said, and what
/// its tools returned.
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

/// A message; `None` of the model's own.
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

/// The id that a call and what it returned share.
fn call_id(item: &Object) -> &str {
    ["call_id", "tool_call_id", "id"].into_iter().find_map(|key| json::string(item, key)).unwrap_or_default()
}

/// What a tool returned: a text, parts, or JSON of its own.
fn returned(item: &Object) -> Message {
    let mut message = Message::tool(call_id(item), parts::content(item.get("output"), None));
    if let Message::Tool(tool) = &mut message {
        tool.name = json::string(item, "name").map(str::to_owned);
    }
    message
}

/// What a command printed, in the form that came before `shell_call_output`: one text.
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

/// A thought: its summary or itself, and what only the provider can read of it. `None` of one that says
/// nothing of either.
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

/// The call of a function, whose arguments are JSON in a text, or of a tool that takes any text.
fn call(item: &Object, arguments: &str) -> ToolCall {
    let arguments = match item.get(arguments) {
        None | Some(Value::Null) => String::new(),
        Some(Value::String(text)) => text.clone(),
        // Some servers send the object itself.
        Some(other) => other.to_string(),
    };
    let mut call = ToolCall::new(call_id(item), json::string(item, "name").unwrap_or_default(), arguments);
    // The item has an id of its own, beside that by which its result refers to it.
    call.tool_id = json::string(item, "id").filter(|id| *id != call.id).map(str::to_owned);
    call
}

/// What the model would do with a computer, which a program does for it.
fn computer_call(item: &Object) -> ToolCall {
    const INPUT: &[&str] = &["action", "actions", "pending_safety_checks"];
    let input = INPUT.iter().filter_map(|key| {
        let value = item.get(*key).filter(|value| !value.is_null())?;
        Some(((*key).to_owned(), value.clone()))
    });
    let arguments = Value::Object(input.collect());
    ToolCall::new(call_id(item), COMPUTER, arguments.to_string())
}
