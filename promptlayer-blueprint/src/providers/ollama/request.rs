//! Requests of `chat`, `generate` and `embed`.

use serde_json::{Map, Value};

use super::{CHAT, EMBED, GENERATE, has_settings};
use crate::blueprint::{
    AssistantMessage, ChatPrompt, CompletionPrompt, ContentBlock, Message, Prompt, ToolCall, ToolMessage,
};
use crate::providers::call_ids::CallIds;
use crate::providers::json::{self, Fields, Object};
use crate::providers::reading::{self, Request, Shape};
use crate::providers::{messages, openai_chat};

/// Returns `true` if an object is a `chat` request. OpenAI's requests have a model and messages too, so the
/// object must also have a field or a value that only Ollama accepts.
pub(super) fn is_chat(object: &Object) -> bool {
    object.get("model").is_some_and(Value::is_string)
        && object.get("messages").is_some_and(messages::is_messages)
        && (has_settings(object) || is_switch(object, "think") || object.objects("messages").any(is_message))
}

/// Returns `true` if a field is a boolean or a string. `think` may be a level instead of a boolean.
fn is_switch(object: &Object, name: &str) -> bool {
    matches!(object.get(name), Some(Value::Bool(_) | Value::String(_)))
}

/// Returns `true` if a message has a form that only Ollama uses.
fn is_message(message: &Object) -> bool {
    let has_object = |call: &Value| call.at("function.arguments").is_some_and(Value::is_object);
    message.text("tool_name").is_some()
        || message.list("images").iter().any(Value::is_string)
        || message.list("tool_calls").iter().any(has_object)
}

/// Reads a `chat` request.
pub(super) fn read_chat(object: Object) -> Request {
    let mut ids = CallIds::default();
    let messages = object.list("messages").iter().map(|message| read_message(message, &mut ids));
    let mut prompt = ChatPrompt::new(messages);
    let mut prompt_fields = vec!["model", "messages"];
    if let Some(tools) = object.get("tools").and_then(openai_chat::tools) {
        prompt.tools = tools;
        prompt_fields.push("tools");
    }
    new_request(&CHAT, prompt, object, &prompt_fields)
}

fn new_request(
    shape: &'static Shape,
    prompt: impl Into<Prompt>,
    object: Object,
    prompt_fields: &[&str],
) -> Request {
    Request {
        shape: Some(shape),
        provider: None,
        model: object.owned("model"),
        prompt: Some(prompt.into()),
        parameters: reading::parameters(object, prompt_fields),
        unplaced: Map::new(),
    }
}

fn read_message(value: &Value, ids: &mut CallIds) -> Message {
    let Some(object) = value.as_object() else { return openai_chat::message(value) };
    match object.text("role").unwrap_or_default() {
        "system" => Message::system(read_content(object)),
        "assistant" => Message::Assistant(read_assistant(object, ids)),
        "tool" => {
            let name = object.text("tool_name").or_else(|| object.text("name"));
            Message::Tool(ToolMessage {
                content: read_content(object),
                tool_call_id: ids.result(object.text("tool_call_id"), name),
                name: name.map(str::to_owned),
                ..ToolMessage::default()
            })
        }
        _ => Message::user(read_content(object)),
    }
}

/// Reads a message of the model, in a request or a response. Older versions of Ollama send no tool call
/// ids.
pub(super) fn read_assistant(object: &Object, ids: &mut CallIds) -> AssistantMessage {
    AssistantMessage {
        content: read_content(object),
        tool_calls: object.list("tool_calls").iter().map(|call| read_call(call, ids)).collect(),
        ..AssistantMessage::default()
    }
}

/// Returns the thinking, the text and the images of a message.
pub(super) fn read_content(object: &Object) -> Vec<ContentBlock> {
    let thinking = object.text("thinking").map(ContentBlock::from_thinking);
    let text = object.field("content").map(json::readable).filter(|text| !text.is_empty());
    thinking.into_iter().chain(text.map(ContentBlock::from_text)).chain(read_images(object)).collect()
}

/// Returns the images of a message or a request. They are base64 without a MIME type.
fn read_images(object: &Object) -> impl Iterator<Item = ContentBlock> {
    object.list("images").iter().map(|image| match image.as_str() {
        Some(image) => ContentBlock::from_image_url(image_url(image)),
        None => ContentBlock::from_text(json::readable(image)),
    })
}

/// Converts an image to a `data:` URL. The MIME type is detected from the first bytes.
pub(super) fn image_url(image: &str) -> String {
    const KINDS: &[(&str, &str)] =
        &[("/9j/", "jpeg"), ("iVBOR", "png"), ("R0lGOD", "gif"), ("UklGR", "webp"), ("Qk", "bmp")];
    if image.starts_with("data:") || image.contains("://") {
        return image.to_owned();
    }
    let kind = KINDS.iter().find(|(start, _)| image.starts_with(start)).map_or("png", |(_, kind)| kind);
    format!("data:image/{kind};base64,{image}")
}

/// Reads a tool call. Its arguments are an object on the wire and a JSON string in the blueprint.
fn read_call(call: &Value, ids: &mut CallIds) -> ToolCall {
    let function = call.get("function").unwrap_or(call);
    let name = function.text("name").unwrap_or_default();
    let arguments = function.field("arguments").map_or_else(|| "{}".to_owned(), json::compact);
    ToolCall::new(ids.call(call.text("id"), name), name, arguments)
}

/// Returns `true` if an object is a `generate` request. OpenAI's legacy completions have a model and a
/// prompt too. Its image edits have `images`, but as objects.
pub(super) fn is_generate(object: &Object) -> bool {
    let are_texts = |value: &Value| value.as_array().is_some_and(|items| items.iter().all(Value::is_string));
    object.get("model").is_some_and(Value::is_string)
        && object.get("prompt").is_some_and(Value::is_string)
        && (has_settings(object)
            || is_switch(object, "think")
            || object.text("system").is_some()
            || object.text("template").is_some()
            || object.get("raw").is_some_and(Value::is_boolean)
            || object.get("context").is_some_and(Value::is_array)
            || object.get("images").is_some_and(are_texts))
}

/// Reads a `generate` request. Ollama handles it as a chat, except for a raw prompt or a prompt with a
/// suffix.
pub(super) fn read_generate(object: Object) -> Request {
    let text = object.text("prompt").map(ContentBlock::from_text);
    let blocks: Vec<ContentBlock> = text.into_iter().chain(read_images(&object)).collect();
    let is_raw = object.get("raw") == Some(&Value::Bool(true)) || object.text("suffix").is_some();
    let system = object.text("system").map(Message::system);
    let is_completion = system.is_none() && is_raw;
    // `context` holds the tokens of earlier turns, which are not readable.
    let mut prompt_fields = vec!["model", "prompt", "images", "context"];
    let prompt: Prompt = if is_completion {
        CompletionPrompt::new(blocks).into()
    } else {
        prompt_fields.push("system");
        let user = (!blocks.is_empty()).then(|| Message::user(blocks));
        ChatPrompt::new(system.into_iter().chain(user)).into()
    };
    new_request(&GENERATE, prompt, object, &prompt_fields)
}

/// Returns `true` if an object is an `embed` request. OpenAI's requests have a model and an input too.
pub(super) fn is_embed(object: &Object) -> bool {
    object.get("model").is_some_and(Value::is_string)
        && matches!(object.get("input"), Some(Value::String(_) | Value::Array(_)))
        && (has_settings(object) || object.get("truncate").is_some_and(Value::is_boolean))
}

/// Reads an `embed` request. Each text becomes a block of the user message.
pub(super) fn read_embed(object: Object) -> Request {
    let texts = match object.get("input") {
        Some(Value::Array(texts)) => texts.as_slice(),
        text => text.map(std::slice::from_ref).unwrap_or_default(),
    };
    let blocks: Vec<ContentBlock> =
        texts.iter().map(|text| ContentBlock::from_text(json::readable(text))).collect();
    new_request(&EMBED, ChatPrompt::new([Message::user(blocks)]), object, &["model", "input"])
}
