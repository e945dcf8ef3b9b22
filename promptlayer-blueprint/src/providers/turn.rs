//! Reads messages of the formats that have tool calls and tool results among their content blocks: Anthropic's,
//! Bedrock's and OpenTelemetry's.
//!
//! In the blueprint, tool calls are separate from the content and tool results are separate messages, so one
//! message may become several.

use std::collections::HashMap;
use std::mem;

use serde_json::Value;

use super::blocks;
use super::json::{self, Fields, Object};
use super::messages::{self, Role};
use crate::blueprint::{AssistantMessage, ContentBlock, Function, McpCallContent, Message, Tool, ToolCall};

/// The MIME type of a plain text document.
pub(super) const PLAIN_TEXT: &str = "text/plain";

/// What a content block is in the blueprint.
pub(super) enum Part {
    /// Blocks of the message's content.
    Content(Vec<ContentBlock>),
    Call(ToolCall),
    /// The id of a tool call, and its result.
    Result(String, Vec<ContentBlock>),
    /// The id of a call of an MCP tool, with its output or error.
    McpResult(McpCallContent),
}

/// Reads a content block. The flag is `true` in a message of the model. Only the model calls tools.
pub(super) type Read = fn(&Value, bool) -> Part;

/// Reads the system prompt and the messages of a request.
pub(super) fn read_messages(request: &Object, read: Read) -> Vec<Message> {
    let system = read_blocks(request.get("system"), read);
    let mut messages = if system.is_empty() { Vec::new() } else { vec![Message::system(system)] };
    for message in items(request.get("messages")) {
        let role = match message.text("role") {
            _ if !message.is_object() => {
                messages.push(Message::user(json::readable(message)));
                continue;
            }
            Some("assistant") => Role::Assistant,
            Some("system") => Role::System,
            _ => Role::User,
        };
        messages.extend(read_message(role, None, message.get("content"), read));
    }
    messages
}

/// Reads a message, with the name of the participant. An empty message stays one message.
pub(super) fn read_message(
    role: Role,
    name: Option<&str>,
    content: Option<&Value>,
    read: Read,
) -> Vec<Message> {
    let new = |content: &mut Vec<ContentBlock>, calls: &mut Vec<ToolCall>| {
        let mut message = message(role, mem::take(content), mem::take(calls));
        messages::set_name(&mut message, name.map(str::to_owned));
        message
    };
    let (mut all, mut blocks, mut calls) = (Vec::new(), Vec::new(), Vec::new());
    // Positions of the MCP calls among the blocks, by id.
    let mut mcp_calls: HashMap<String, usize> = HashMap::new();
    for item in items(content) {
        match read_item(item, role == Role::Assistant, read) {
            Part::Content(more) => {
                blocks.extend(more);
                if let Some(ContentBlock::McpCall(McpCallContent { id: Some(id), .. })) = blocks.last() {
                    mcp_calls.insert(id.clone(), blocks.len() - 1);
                }
            }
            Part::Call(call) => calls.push(call),
            Part::Result(id, result) => {
                if !(blocks.is_empty() && calls.is_empty()) {
                    all.push(new(&mut blocks, &mut calls));
                    mcp_calls.clear();
                }
                all.push(Message::tool(id, result));
            }
            Part::McpResult(result) => {
                let place = result.id.as_ref().and_then(|id| mcp_calls.get(id));
                match place.and_then(|place| blocks.get_mut(*place)) {
                    Some(ContentBlock::McpCall(call)) => {
                        call.output = result.output.or(call.output.take());
                        call.error = result.error.or(call.error.take());
                    }
                    _ => blocks.push(ContentBlock::McpCall(result)),
                }
            }
        }
    }
    if all.is_empty() || !(blocks.is_empty() && calls.is_empty()) {
        all.push(new(&mut blocks, &mut calls));
    }
    all
}

/// Creates a message. One with calls is of the model.
pub(super) fn message(role: Role, content: Vec<ContentBlock>, tool_calls: Vec<ToolCall>) -> Message {
    if role == Role::Assistant || !tool_calls.is_empty() {
        Message::Assistant(AssistantMessage { content, tool_calls, ..AssistantMessage::default() })
    } else {
        role.message(content)
    }
}

/// Reads content that cannot contain tool calls: the system prompt, or the result of a tool.
pub(super) fn read_blocks(content: Option<&Value>, read: Read) -> Vec<ContentBlock> {
    let blocks = items(content).iter().flat_map(|item| match read_item(item, false, read) {
        Part::Content(blocks) => blocks,
        _ => vec![whole(item)],
    });
    blocks.collect()
}

/// Reads the result of a tool. If the tool failed, a block says so: the blueprint has no field for this.
pub(super) fn read_result(id: String, content: Option<&Value>, is_failed: bool, read: Read) -> Part {
    let mut content = read_blocks(content, read);
    content.extend(is_failed.then(failed));
    Part::Result(id, content)
}

/// Returns the block that marks a tool result as failed.
pub(super) fn failed() -> ContentBlock {
    ContentBlock::from_text(r#"{"is_error": true}"#)
}

/// Returns the items of a list. Another value is the only item.
fn items(value: Option<&Value>) -> &[Value] {
    match value {
        None | Some(Value::Null) => &[],
        Some(Value::Array(items)) => items,
        Some(other) => std::slice::from_ref(other),
    }
}

/// Reads a block or a text. An empty text is no content.
fn read_item(item: &Value, is_model: bool, read: Read) -> Part {
    match item.as_str() {
        Some("") => Part::Content(Vec::new()),
        Some(text) => Part::Content(vec![ContentBlock::from_text(text)]),
        None => read(item, is_model),
    }
}

/// Reads a thought. Data that only the provider can read is stored as the signature.
pub(super) fn read_thought(text: Option<&str>, signature: Option<String>) -> Option<Vec<ContentBlock>> {
    let signature = signature.filter(|signature| !signature.is_empty());
    let thinking = text.or(signature.as_ref().map(|_| ""))?;
    let is_empty = thinking.is_empty() && signature.is_none();
    let thought = blocks::thought(thinking, signature, None);
    Some(if is_empty { Vec::new() } else { vec![thought] })
}

/// Returns the arguments of a call as a JSON string. Incomplete JSON is kept as received.
pub(super) fn arguments(input: Option<&Value>) -> String {
    input.filter(|input| !input.is_null()).map(json::compact).unwrap_or_default()
}

/// Converts a block that the blueprint has no type for to text. Omits `cache_control`, which is not content.
pub(super) fn whole(block: &Value) -> ContentBlock {
    let mut block = block.clone();
    block.as_object_mut().map(|fields| fields.remove("cache_control"));
    blocks::readable(&block)
}

/// Returns the position of the end of a text: a citation in these APIs refers to a whole text.
pub(super) fn end_index(text: &str) -> i64 {
    i64::try_from(text.chars().count()).unwrap_or(i64::MAX)
}

/// Reads a function that the model may call. The schema of its arguments is in a field of its own in each format.
pub(super) fn function(tool: &impl Fields, schema: Option<&Object>) -> Option<Function> {
    Some(Function {
        name: tool.owned("name")?,
        description: tool.string("description"),
        strict: tool.field("strict") == Some(&Value::Bool(true)),
        parameters: schema.cloned(),
    })
}

/// Moves the tools out of an object. Tools that the blueprint cannot hold stay.
pub(super) fn take_tools(object: &mut Object, read: fn(&Value) -> Option<Tool>) -> Vec<Tool> {
    let mut taken = Vec::new();
    if let Some(Value::Array(tools)) = object.get_mut("tools") {
        tools.retain(|tool| match read(tool) {
            Some(tool) => {
                taken.push(tool);
                false
            }
            None => true,
        });
        if tools.is_empty() {
            object.remove("tools");
        }
    }
    taken
}

/// Returns the fields of an object.
pub(super) fn into_object(value: Value) -> Option<Object> {
    match value {
        Value::Object(fields) => Some(fields),
        _ => None,
    }
}
