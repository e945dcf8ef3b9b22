//! The items of requests and responses, and the content of those that are messages.

use serde_json::{Value, json};

use super::server;
use crate::blueprint::{
    AssistantMessage, ContentBlock, MediaFormat, Message, ShellCallOutputContent, TextContent, ToolCall,
};
use crate::providers::blocks;
use crate::providers::json::{self, Fields, Object};
use crate::providers::words::{Words, words};

/// Items that wait for the result of one of the application's tools.
const AWAITED: Words = words!(
    "function_call custom_tool_call computer_call local_shell_call apply_patch_call mcp_approval_request"
);

/// Items of the model that are neither messages nor calls.
const OF_MODEL: Words = words!(
    "reasoning compaction item_reference mcp_list_tools mcp_approval_request program program_output \
     tool_search_output"
);

/// Consecutive items of the model form one message: reasoning, text and tool calls.
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
            None => turn.message.content.push(blocks::readable(item)),
        }
    }
    turn.message
}

/// Returns `true` if an item waits for the result of one of the application's tools.
pub(super) fn is_awaited(item: &Value) -> bool {
    match item.as_object().map(kind) {
        // A shell may also run at the provider.
        Some("shell_call") => item.at("environment.type").and_then(Value::as_str) == Some("local"),
        Some(kind) => AWAITED.contains(kind),
        None => false,
    }
}

/// Returns the type of an item. Messages and item references may omit it.
fn kind(item: &Object) -> &str {
    let by_role = || if item.has_a("role", Value::is_string) { "message" } else { "item_reference" };
    item.text("type").unwrap_or_else(by_role)
}

/// Collects consecutive items of the model.
#[derive(Default)]
struct Turn {
    message: AssistantMessage,
    /// `true` if an item was added, even one without content.
    has_item: bool,
    /// `true` if one of the items is a message.
    has_message: bool,
}

impl Turn {
    fn end(&mut self, messages: &mut Vec<Message>) {
        let turn = std::mem::take(self);
        if turn.has_item {
            messages.push(Message::Assistant(turn.message));
        }
    }

    fn add(&mut self, item: &Object) {
        self.has_item = true;
        let AssistantMessage { content: known, tool_calls, .. } = &mut self.message;
        match kind(item) {
            "message" => {
                self.has_message = true;
                known.extend(content(item.get("content"), item.text("id")));
            }
            "reasoning" => known.extend(thinking(item)),
            "function_call" => tool_calls.push(call(item, item.get("arguments"))),
            "custom_tool_call" => tool_calls.push(call(item, item.get("input"))),
            "computer_call" => {
                let input = ["action", "actions", "pending_safety_checks"].map(|key| item.get_key_value(key));
                let input = input.into_iter().flatten().filter(|(_, value)| !value.is_null());
                let input: Value = input.map(|(key, value)| (key.clone(), value.clone())).collect();
                tool_calls.push(ToolCall::new(call_id(item), "computer", input.to_string()));
            }
            kind => known.extend(server::read(kind, item)),
        }
    }
}

/// Returns the message of an item that is not from the model: a message of the user or the application, or
/// a tool result.
fn message_of_others(item: &Object) -> Option<Message> {
    let read = || content(item.get("content"), item.text("id"));
    match (kind(item), item.text("role").unwrap_or_default()) {
        ("message", "assistant") => None,
        ("message", "system") => Some(Message::system(read())),
        ("message", "developer") => Some(Message::developer(read())),
        ("message", "tool") => Some(Message::tool(call_id(item), read())),
        ("message", _) => Some(Message::user(read())),
        (kind @ ("shell_call_output" | "apply_patch_call_output"), _) => {
            Some(Message::tool(call_id(item), server::read(kind, item)))
        }
        ("local_shell_call_output", _) => Some(Message::tool(call_id(item), local_shell_output(item))),
        (kind @ "mcp_approval_response", _) => Some(Message::user(server::read(kind, item))),
        (kind, _) if kind.ends_with("_call_output") => {
            let mut message = Message::tool(call_id(item), content(item.get("output"), None));
            if let Message::Tool(tool) = &mut message {
                tool.name = item.owned("name");
            }
            Some(message)
        }
        (kind, _) if OF_MODEL.contains(kind) || kind.ends_with("_call") => None,
        _ => Some(Message::user(blocks::readable(&item.clone().into()))),
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

/// Converts the summary or the text of a reasoning item, and its encrypted content.
fn thinking(item: &Object) -> Option<ContentBlock> {
    let parts = item.list("summary").iter().chain(item.list("content"));
    let texts: Vec<&str> = parts
        .filter_map(|part| part.as_str().or_else(|| part.text("text")))
        .filter(|text| !text.is_empty())
        .collect();
    let signature = item.owned("encrypted_content");
    let is_empty = texts.is_empty() && signature.is_none();
    (!is_empty).then(|| blocks::thought(texts.join("\n\n"), signature, item.owned("id")))
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

/// Reads a content. `id` is the provider's id of the message, which the blueprint keeps with each text.
pub(super) fn content(value: Option<&Value>, id: Option<&str>) -> Vec<ContentBlock> {
    match value {
        None | Some(Value::Null) => Vec::new(),
        Some(Value::String(text)) if text.is_empty() => Vec::new(),
        Some(Value::String(text)) => vec![text_block(text, id)],
        Some(Value::Array(parts)) => parts.iter().flat_map(|one| part(one, id)).collect(),
        Some(one) => part(one, id),
    }
}

fn text_block(text: &str, id: Option<&str>) -> ContentBlock {
    let id = id.map(str::to_owned);
    ContentBlock::Text(TextContent { text: text.to_owned(), id, ..TextContent::default() })
}

fn part(value: &Value, id: Option<&str>) -> Vec<ContentBlock> {
    let Some(object) = value.as_object() else { return vec![blocks::readable(value)] };
    let block = match object.text("type").unwrap_or_default() {
        "input_text" | "output_text" | "text" | "summary_text" | "reasoning_text" => {
            return text_with_annotations(object, id).unwrap_or_else(|| vec![blocks::readable(value)]);
        }
        "refusal" => object.str("refusal").map(|text| text_block(text, id)),
        "input_image" | "image_url" | "computer_screenshot" => image(object),
        "input_file" => file(object),
        "input_audio" => object.object("input_audio").and_then(audio),
        _ => None,
    };
    vec![block.unwrap_or_else(|| blocks::readable(value))]
}

/// Reads a text with its citations. Citations that the blueprint has no type for follow as readable text.
fn text_with_annotations(object: &Object, id: Option<&str>) -> Option<Vec<ContentBlock>> {
    let mut text = TextContent {
        text: object.str("text")?.to_owned(),
        id: id.map(str::to_owned),
        ..TextContent::default()
    };
    let mut others = Vec::new();
    for item in object.list("annotations") {
        match blocks::citation(item) {
            Some(annotation) => text.annotations.push(annotation),
            None => others.push(blocks::readable(item)),
        }
    }
    others.insert(0, ContentBlock::Text(text));
    Some(others)
}

/// Reads an image by its URL, its data or the provider's file id.
fn image(object: &Object) -> Option<ContentBlock> {
    // Chat completions nest the URL in an object. Some servers accept both forms.
    let nested = object.object("image_url");
    let url = object.str("image_url").or_else(|| nested?.text("url"));
    let Some(url) = url else {
        return Some(blocks::file(None, None, object.text("file_id")?, MediaFormat::Neither));
    };
    let detail = object.owned("detail").or_else(|| nested?.owned("detail"));
    Some(blocks::image(url, detail))
}

/// Reads a file by its data, its URL or the provider's file id.
fn file(object: &Object) -> Option<ContentBlock> {
    let name = object.text("filename");
    let by_name = |name: Option<&str>| name.and_then(blocks::mime_by_name).unwrap_or(blocks::UNKNOWN);
    if let Some(data) = object.text("file_data") {
        let (mime, data) = match data.strip_prefix("data:").and_then(|url| url.split_once(";base64,")) {
            Some((mime, data)) => (Some(mime).filter(|mime| !mime.is_empty()), data),
            None => (None, data),
        };
        return Some(blocks::file(name, mime.unwrap_or_else(|| by_name(name)), data, MediaFormat::Base64));
    }
    if let Some(url) = object.text("file_url") {
        return Some(blocks::file(name, by_name(name.or(Some(url))), url, MediaFormat::Url));
    }
    Some(blocks::file(name, by_name(name), object.text("file_id")?, MediaFormat::Neither))
}

fn audio(object: &Object) -> Option<ContentBlock> {
    let mime = object.text("format").map(|format| format!("audio/{format}"));
    Some(blocks::file(None, mime.as_deref(), object.text("data")?, MediaFormat::Base64))
}
