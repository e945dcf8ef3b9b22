//! Requests of chat and generate.

use serde_json::{Map, Value};

use super::{CHAT, GENERATE, has_settings};
use crate::blueprint::{
    AssistantMessage, ChatPrompt, CompletionPrompt, ContentBlock, Message, Prompt, ToolCall, ToolMessage,
};
use crate::providers::call_ids::CallIds;
use crate::providers::messages;
use crate::providers::reading::{self, Request};
use crate::providers::shape::Object;
use crate::providers::{json, openai_chat};

/// Whether an object is a request for a chat. OpenAI's has a model and messages, too: something must be
/// there that only Ollama understands.
pub(super) fn is_chat(object: &Object) -> bool {
    let messages = object.get("messages");
    object.get("model").is_some_and(Value::is_string)
        && messages.is_some_and(messages::is_messages)
        && (has_settings(object)
            || is_switch(object, "think")
            || messages.and_then(Value::as_array).is_some_and(|messages| messages.iter().any(is_message)))
}

/// Whether a field turns something on or off; of thinking, it may also say how much.
fn is_switch(object: &Object, name: &str) -> bool {
    matches!(object.get(name), Some(Value::Bool(_) | Value::String(_)))
}

/// Whether a message is in a form that only Ollama has.
fn is_message(message: &Value) -> bool {
    let Some(message) = message.as_object() else { return false };
    let has_object_arguments = |call: &Value| {
        call.get("function").and_then(|function| function.get("arguments")).is_some_and(Value::is_object)
    };
    let is_text = |value: &Value| value.is_string();
    json::string(message, "tool_name").is_some()
        || list(message, "images").iter().any(is_text)
        || list(message, "tool_calls").iter().any(has_object_arguments)
}

/// A field that is a list; nothing where it is anything else.
pub(super) fn list<'a>(object: &'a Object, name: &str) -> &'a [Value] {
    object.get(name).and_then(Value::as_array).map(Vec::as_slice).unwrap_or_default()
}

/// Reads a request for a chat.
pub(super) fn chat(object: Object) -> Request {
    let mut ids = CallIds::default();
    let messages: Vec<Message> = match object.get("messages") {
        Some(Value::Array(messages)) => messages.iter().map(|item| message(item, &mut ids)).collect(),
        _ => Vec::new(),
    };
    let mut prompt = ChatPrompt::new(messages);
    let mut prompt_fields = vec!["model", "messages"];
    if let Some(tools) = object.get("tools").and_then(openai_chat::tools) {
        prompt.tools = tools;
        prompt_fields.push("tools");
    }
    Request {
        shape: Some(&CHAT),
        provider: None,
        model: json::string(&object, "model").map(str::to_owned),
        prompt: Some(prompt.into()),
        parameters: reading::parameters(object, &prompt_fields),
        unplaced: Map::new(),
    }
}

fn message(value: &Value, ids: &mut CallIds) -> Message {
    let Some(object) = value.as_object() else { return openai_chat::message(value) };
    match json::string(object, "role").unwrap_or_default() {
        "system" => Message::system(content(object)),
        "assistant" => Message::Assistant(assistant(object, ids)),
        "tool" => {
            let name = json::string(object, "tool_name").or_else(|| json::string(object, "name"));
            Message::Tool(ToolMessage {
                content: content(object),
                tool_call_id: ids.result(json::string(object, "tool_call_id"), name),
                name: name.map(str::to_owned),
                ..ToolMessage::default()
            })
        }
        _ => Message::user(content(object)),
    }
}

/// What the model says, in a request or a reply. Ollama tells no ids of calls in older versions.
pub(super) fn assistant(object: &Object, ids: &mut CallIds) -> AssistantMessage {
    AssistantMessage {
        content: content(object),
        tool_calls: list(object, "tool_calls").iter().map(|call| tool_call(call, ids)).collect(),
        ..AssistantMessage::default()
    }
}

/// What a message thinks, says and shows.
fn content(object: &Object) -> Vec<ContentBlock> {
    let thinking = json::string(object, "thinking").map(ContentBlock::from_thinking);
    let text = match object.get("content") {
        None | Some(Value::Null) => None,
        Some(Value::String(text)) if text.is_empty() => None,
        Some(said) => Some(ContentBlock::from_text(json::readable(said))),
    };
    thinking.into_iter().chain(text).chain(images(object)).collect()
}

/// The images of a message or a request: their bytes in base64, whose kind is not told.
fn images(object: &Object) -> impl Iterator<Item = ContentBlock> {
    list(object, "images").iter().map(|image| match image.as_str() {
        Some(image) => ContentBlock::from_image_url(url(image)),
        None => ContentBlock::from_text(json::readable(image)),
    })
}

/// An image as a `data:` URL, its kind told by the bytes that it begins with.
fn url(image: &str) -> String {
    const KINDS: &[(&str, &str)] =
        &[("/9j/", "jpeg"), ("iVBOR", "png"), ("R0lGOD", "gif"), ("UklGR", "webp"), ("Qk", "bmp")];
    if image.starts_with("data:") || image.contains("://") {
        return image.to_owned();
    }
    let kind =
        KINDS.iter().find(|(beginning, _)| image.starts_with(beginning)).map_or("png", |(_, kind)| kind);
    format!("data:image/{kind};base64,{image}")
}

/// A call of a tool. Its arguments are an object on the wire, and a text in the blueprint.
fn tool_call(call: &Value, ids: &mut CallIds) -> ToolCall {
    let function = call.get("function").unwrap_or(call);
    let name = function.get("name").and_then(Value::as_str).unwrap_or_default();
    let arguments = match function.get("arguments") {
        Some(Value::String(text)) => text.clone(),
        Some(Value::Null) | None => "{}".to_owned(),
        Some(arguments) => arguments.to_string(),
    };
    ToolCall::new(ids.call(call.get("id").and_then(Value::as_str), name), name, arguments)
}

/// Whether an object is a request to generate. A legacy completion of OpenAI's has a model and a prompt,
/// too, and a request to change images has images, which are objects there.
pub(super) fn is_generate(object: &Object) -> bool {
    object.get("model").is_some_and(Value::is_string)
        && object.get("prompt").is_some_and(Value::is_string)
        && (has_settings(object)
            || is_switch(object, "think")
            || json::string(object, "system").is_some()
            || json::string(object, "template").is_some()
            || object.get("raw").is_some_and(Value::is_boolean)
            || object.get("context").is_some_and(Value::is_array)
            || object.get("images").is_some_and(are_texts))
}

fn are_texts(value: &Value) -> bool {
    value.as_array().is_some_and(|items| items.iter().all(Value::is_string))
}

/// Reads a request to generate. Ollama makes a chat of it, unless it is to be taken as it is, or filled
/// in between a beginning and an end.
pub(super) fn generate(object: Object) -> Request {
    let text = json::string(&object, "prompt").map(ContentBlock::from_text);
    let said: Vec<ContentBlock> = text.into_iter().chain(images(&object)).collect();
    let is_raw = object.get("raw").and_then(Value::as_bool).unwrap_or_default();
    let system = json::string(&object, "system").map(Message::system);
    // The context is the tokens of the turns before, which no one can read.
    let mut prompt_fields = vec!["model", "prompt", "images", "context"];
    let prompt: Prompt = if system.is_none() && (is_raw || json::string(&object, "suffix").is_some()) {
        CompletionPrompt::new(said).into()
    } else {
        prompt_fields.push("system");
        let user = (!said.is_empty()).then(|| Message::user(said));
        ChatPrompt::new(system.into_iter().chain(user)).into()
    };
    Request {
        shape: Some(&GENERATE),
        provider: None,
        model: json::string(&object, "model").map(str::to_owned),
        prompt: Some(prompt),
        parameters: reading::parameters(object, &prompt_fields),
        unplaced: Map::new(),
    }
}
