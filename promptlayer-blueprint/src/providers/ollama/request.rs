//! Requests of `chat` and `generate`.

use serde_json::{Map, Value};

use super::{CHAT, GENERATE, has_settings};
use crate::blueprint::{
    AssistantMessage, ChatPrompt, CompletionPrompt, ContentBlock, Message, Prompt, ToolCall, ToolMessage,
};
use crate::providers::call_ids::CallIds;
use crate::providers::reading::{self, Request};
use crate::providers::shape::Object;
use crate::providers::{json, messages, openai_chat};

/// Returns `true` if an object is a `chat` request. OpenAI's requests have a model and messages too, so the
/// object must also have a field or a value that only Ollama accepts.
pub(super) fn is_chat(object: &Object) -> bool {
    let messages = object.get("messages");
    object.get("model").is_some_and(Value::is_string)
        && messages.is_some_and(messages::is_messages)
        && (has_settings(object)
            || is_switch(object, "think")
            || messages.and_then(Value::as_array).is_some_and(|messages| messages.iter().any(is_message)))
}

/// Returns `true` if a field is a boolean or a string. `think` may be a level instead of a boolean.
fn is_switch(object: &Object, name: &str) -> bool {
    matches!(object.get(name), Some(Value::Bool(_) | Value::String(_)))
}

/// Returns `true` if a message has a form that only Ollama uses.
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

/// Returns a list field, or an empty list if the field has another type.
pub(super) fn list<'a>(object: &'a Object, name: &str) -> &'a [Value] {
    object.get(name).and_then(Value::as_array).map(Vec::as_slice).unwrap_or_default()
}

/// Reads a `chat` request.
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

/// Reads a message of the model, in a request or a response. Older versions of Ollama send no tool call
/// ids.
pub(super) fn assistant(object: &Object, ids: &mut CallIds) -> AssistantMessage {
    AssistantMessage {
        content: content(object),
        tool_calls: list(object, "tool_calls").iter().map(|call| tool_call(call, ids)).collect(),
        ..AssistantMessage::default()
    }
}

/// Returns the thinking, the text and the images of a message.
fn content(object: &Object) -> Vec<ContentBlock> {
    let thinking = json::string(object, "thinking").map(ContentBlock::from_thinking);
    let text = match object.get("content") {
        None | Some(Value::Null) => None,
        Some(Value::String(text)) if text.is_empty() => None,
        Some(said) => Some(ContentBlock::from_text(json::readable(said))),
    };
    thinking.into_iter().chain(text).chain(images(object)).collect()
}

/// Returns the images of a message or a request. They are base64 without a MIME type.
fn images(object: &Object) -> impl Iterator<Item = ContentBlock> {
    list(object, "images").iter().map(|image| match image.as_str() {
        Some(image) => ContentBlock::from_image_url(url(image)),
        None => ContentBlock::from_text(json::readable(image)),
    })
}

/// Converts an image to a `data:` URL. The MIME type is detected from the first bytes.
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

/// Reads a tool call. Its arguments are an object on the wire and a JSON string in the blueprint.
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

/// Returns `true` if an object is a `generate` request. OpenAI's legacy completions have a model and a
/// prompt too. Its image edits have `images`, but as objects.
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

/// Reads a `generate` request. Ollama handles it as a chat, except for a raw prompt or a prompt with a
/// suffix.
pub(super) fn generate(object: Object) -> Request {
    let text = json::string(&object, "prompt").map(ContentBlock::from_text);
    let said: Vec<ContentBlock> = text.into_iter().chain(images(&object)).collect();
    let is_raw = object.get("raw").and_then(Value::as_bool).unwrap_or_default();
    let system = json::string(&object, "system").map(Message::system);
    // `context` holds the tokens of earlier turns, which are not readable.
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
