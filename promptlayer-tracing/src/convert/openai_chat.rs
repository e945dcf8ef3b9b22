//! OpenAI chat completions, and every server that speaks the same.

use serde_json::{Map, Value};

use super::{Reply, Request, json};
use crate::blueprint::{
    AssistantMessage, ChatPrompt, ContentBlock, FunctionCall, FunctionMessage, Message, Prompt, Tool,
    ToolCall, ToolChoice,
};

pub(super) const PROVIDER: &str = "openai";
const API_TYPE: &str = "chat-completions";

/// Reads a request. A tool or a choice that the blueprint has no form for stays among the parameters.
pub(super) fn request(object: Map<String, Value>) -> Request {
    let mut prompt = ChatPrompt::new(object.get("messages").map(messages).unwrap_or_default());
    let mut prompt_fields = vec!["model", "messages"];
    if let Some(tools) = object.get("tools").and_then(tools) {
        prompt.tools = tools;
        prompt_fields.push("tools");
    }
    if let Some(functions) = object.get("functions").and_then(read) {
        prompt.functions = functions;
        prompt_fields.push("functions");
    }
    if let Some(choice @ (ToolChoice::Mode(_) | ToolChoice::Function(_))) =
        object.get("tool_choice").and_then(read)
    {
        prompt.tool_choice = Some(choice);
        prompt_fields.push("tool_choice");
    }
    if let Some(choice) = object.get("function_call").and_then(read) {
        prompt.function_call = Some(choice);
        prompt_fields.push("function_call");
    }
    Request {
        provider: Some(PROVIDER),
        api_type: Some(API_TYPE),
        model: json::string(&object, "model").map(str::to_owned),
        prompt: Some(prompt.into()),
        parameters: parameters(object, &prompt_fields),
        unplaced: Map::new(),
    }
}

/// The tools, if every one of them is a function.
pub(super) fn tools(value: &Value) -> Option<Vec<Tool>> {
    let tools: Vec<Tool> = read(value)?;
    tools.iter().all(|tool| matches!(tool, Tool::Function(_))).then_some(tools)
}

/// What of a request is not its prompt. What is absent or `null` was not asked for.
pub(super) fn parameters(object: Map<String, Value>, prompt_fields: &[&str]) -> Map<String, Value> {
    object
        .into_iter()
        .filter(|(name, value)| !value.is_null() && !prompt_fields.contains(&name.as_str()))
        .collect()
}

/// Reads a reply: every choice is a message.
pub(super) fn reply(object: &Map<String, Value>) -> Reply {
    let choices = object.get("choices").and_then(Value::as_array).map(Vec::as_slice).unwrap_or_default();
    // Whatever its role is called, a reply is the model's.
    let messages = choices
        .iter()
        .filter_map(|choice| choice.get("message")?.as_object())
        .map(|message| Message::Assistant(assistant(message, content(message.get("content")))));
    Reply { prompt: Some(Prompt::from(ChatPrompt::new(messages))), ..common_reply(object, choices, API_TYPE) }
}

/// What replies of both OpenAI interfaces have.
pub(super) fn common_reply(object: &Map<String, Value>, choices: &[Value], api_type: &'static str) -> Reply {
    let usage = object.get("usage");
    let tokens = |name: &str| usage.and_then(|usage| usage.get(name)).and_then(Value::as_u64);
    Reply {
        provider: Some(PROVIDER),
        api_type: Some(api_type),
        model: json::string(object, "model").map(str::to_owned),
        input_tokens: tokens("prompt_tokens"),
        output_tokens: tokens("completion_tokens"),
        finish_reason: choices
            .iter()
            .find_map(|choice| choice.get("finish_reason")?.as_str())
            .map(str::to_owned),
        ..Reply::default()
    }
}

/// Reads a list of messages; a bare string in it is the user's.
pub(super) fn messages(value: &Value) -> Vec<Message> {
    match value {
        Value::Array(items) => items.iter().map(message).collect(),
        other => vec![message(other)],
    }
}

/// Reads one message.
pub(super) fn message(value: &Value) -> Message {
    let Some(object) = value.as_object() else {
        return Message::user(json::readable(value));
    };
    let text = |key: &str| json::string(object, key).map(str::to_owned);
    let blocks = content(object.get("content"));
    let mut message = match json::string(object, "role").unwrap_or_default() {
        "system" => Message::system(blocks),
        "developer" => Message::developer(blocks),
        "assistant" => Message::Assistant(assistant(object, blocks)),
        "tool" => Message::tool(text("tool_call_id").unwrap_or_default(), blocks),
        "function" => {
            let name = text("name").unwrap_or_default();
            Message::Function(FunctionMessage { content: blocks, name, ..FunctionMessage::default() })
        }
        _ => Message::user(blocks),
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

fn assistant(object: &Map<String, Value>, mut blocks: Vec<ContentBlock>) -> AssistantMessage {
    // Servers with models that think say it under either name.
    let thought = ["reasoning_content", "reasoning"].into_iter().find_map(|key| json::string(object, key));
    if let Some(thought) = thought {
        blocks.insert(0, ContentBlock::from_thinking(thought));
    }
    if let Some(refusal) = json::string(object, "refusal") {
        blocks.push(ContentBlock::from_text(refusal));
    }
    let spoken = object.get("audio").and_then(|audio| audio.get("transcript")).and_then(Value::as_str);
    if let Some(spoken) = spoken {
        blocks.push(ContentBlock::from_text(spoken));
    }
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
    // A custom tool has its name and input beside each other.
    let function = call.get("function").or_else(|| call.get("custom")).and_then(function_call);
    match function {
        Some(function) => ToolCall::new(id, function.name, function.arguments),
        None => ToolCall::new(id, "", call.to_string()),
    }
}

fn function_call(function: &Value) -> Option<FunctionCall> {
    let name = function.get("name")?.as_str()?;
    let arguments = function.get("arguments").or_else(|| function.get("input"));
    // Some servers send the object itself where OpenAI sends it as text.
    let arguments = arguments.map(|value| value.as_str().map_or_else(|| value.to_string(), str::to_owned));
    Some(FunctionCall::new(name, arguments.unwrap_or_default()))
}

/// The content of a message: a text, or parts.
fn content(value: Option<&Value>) -> Vec<ContentBlock> {
    match value {
        None | Some(Value::Null) => Vec::new(),
        Some(Value::String(text)) if text.is_empty() => Vec::new(),
        Some(Value::Array(parts)) => parts.iter().map(part).collect(),
        Some(other) => vec![ContentBlock::from_text(json::readable(other))],
    }
}

/// One part of a content.
fn part(part: &Value) -> ContentBlock {
    let text = |key: &str| part.get(key).and_then(Value::as_str);
    match text("type") {
        Some("text" | "input_text" | "output_text") => {
            ContentBlock::from_text(text("text").unwrap_or_default())
        }
        Some("refusal") => ContentBlock::from_text(text("refusal").unwrap_or_default()),
        Some("image_url") => match part.get("image_url") {
            // A bare address, as some servers take it.
            Some(Value::String(url)) => ContentBlock::from_image_url(url.as_str()),
            _ => match read(part) {
                Some(image @ ContentBlock::ImageUrl(_)) => image,
                _ => ContentBlock::from_text(json::readable(part)),
            },
        },
        // What the blueprint has no block for (audio, files) is kept whole, to be read.
        _ => match part.as_str() {
            Some(text) => ContentBlock::from_text(text),
            None => ContentBlock::from_text(json::readable(part)),
        },
    }
}

fn read<T: serde::de::DeserializeOwned>(value: &Value) -> Option<T> {
    T::deserialize(value).ok()
}
