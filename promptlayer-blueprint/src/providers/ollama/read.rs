//! Reads `chat`, `generate` and `embed`.

use serde_json::Value;

use super::{CHAT, EMBED, GENERATE};
use crate::blueprint::{
    AssistantMessage, ChatPrompt, CompletionPrompt, ContentBlock, Message, Prompt, ToolCall, ToolMessage,
};
use crate::providers::call_ids::CallIds;
use crate::providers::finish::Finish;
use crate::providers::json::{self, Fields, Object};
use crate::providers::reading::{Reply, Request, Shape, UsagePaths};
use crate::providers::{blocks, messages, openai_chat, vectors};

/// Returns `true` if a request has a field that only Ollama accepts.
fn has_settings(object: &Object) -> bool {
    object.object("options").is_some() || object.has("keep_alive")
}

/// OpenAI's requests have a model and messages too. One of Ollama has a field or a value that only Ollama accepts.
pub(super) fn is_chat_request(object: &Object) -> bool {
    object.has_a("model", Value::is_string)
        && object.has_a("messages", messages::is_messages)
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

pub(super) fn chat_request(object: Object) -> Request {
    let mut ids = CallIds::default();
    let messages = object.list("messages").iter().map(|message| read_message(message, &mut ids));
    let mut prompt = ChatPrompt::new(messages);
    let mut prompt_fields = vec!["model", "messages"];
    if let Some(tools) = object.get("tools").and_then(openai_chat::tools) {
        prompt.tools = tools;
        prompt_fields.push("tools");
    }
    Request::new(&CHAT, prompt, object, &prompt_fields)
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

/// Older versions of Ollama send no tool call ids.
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
        None => blocks::readable(image),
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

/// OpenAI's legacy completions have a model and a prompt too. Its image edits have `images`, but as objects.
pub(super) fn is_generate_request(object: &Object) -> bool {
    let are_texts = |value: &Value| value.as_array().is_some_and(|items| items.iter().all(Value::is_string));
    object.has_a("model", Value::is_string)
        && object.has_a("prompt", Value::is_string)
        && (has_settings(object)
            || is_switch(object, "think")
            || object.text("system").is_some()
            || object.text("template").is_some()
            || object.has_a("raw", Value::is_boolean)
            || object.has_a("context", Value::is_array)
            || object.get("images").is_some_and(are_texts))
}

/// Ollama handles it as a chat, except for a raw prompt or a prompt with a suffix.
pub(super) fn generate_request(object: Object) -> Request {
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
    Request::new(&GENERATE, prompt, object, &prompt_fields)
}

/// Returns `true` if an object is an `embed` request. OpenAI's requests have a model and an input too.
pub(super) fn is_embed_request(object: &Object) -> bool {
    object.has_a("model", Value::is_string)
        && matches!(object.get("input"), Some(Value::String(_) | Value::Array(_)))
        && (has_settings(object) || object.has_a("truncate", Value::is_boolean))
}

/// Reads an `embed` request. Each text becomes a block of the user message.
pub(super) fn embed_request(object: Object) -> Request {
    let texts = match object.get("input") {
        Some(Value::Array(texts)) => texts.as_slice(),
        text => text.map(std::slice::from_ref).unwrap_or_default(),
    };
    let blocks: Vec<ContentBlock> = texts.iter().map(blocks::readable).collect();
    Request::new(&EMBED, Prompt::user(blocks), object, &["model", "input"])
}

/// Ollama omits the prompt count if the whole prompt was cached.
const USAGE: UsagePaths =
    UsagePaths { input: &["prompt_eval_count"], output: &["eval_count"], ..UsagePaths::NONE };

/// A response, or a line of a streamed one, has a message and a `done` flag.
pub(super) fn is_chat_reply(object: &Object) -> bool {
    object.has_a("done", Value::is_boolean) && object.at("message.role").is_some_and(Value::is_string)
}

/// A response, or a line of a streamed one, has a text and a `done` flag.
pub(super) fn is_generate_reply(object: &Object) -> bool {
    object.has_a("done", Value::is_boolean)
        && object.has_a("response", Value::is_string)
        && object.has_a("model", Value::is_string)
}

pub(super) fn chat_reply(object: &Object) -> Reply {
    let message = object.object("message");
    chat_or_generate(object, message.map(|message| read_assistant(message, &mut CallIds::default())), &CHAT)
}

pub(super) fn generate_reply(object: &Object) -> Reply {
    let thinking = object.text("thinking").map(ContentBlock::from_thinking);
    let text = object.text("response").map(ContentBlock::from_text);
    let content = thinking.into_iter().chain(text).collect();
    chat_or_generate(object, Some(AssistantMessage { content, ..AssistantMessage::default() }), &GENERATE)
}

/// Reads the fields that both responses have.
fn chat_or_generate(object: &Object, message: Option<AssistantMessage>, shape: &'static Shape) -> Reply {
    let has_calls = message.as_ref().is_some_and(|message| !message.tool_calls.is_empty());
    Reply {
        prompt: Some(ChatPrompt::new(message.map(Message::Assistant)).into()),
        finish: object.text("done_reason").map(|word| Finish::from_word(word).or_tool_calls(has_calls)),
        ..counts(object, shape)
    }
}

/// Returns `true` if an object is an `embed` response: it has vectors, and a duration or a token count.
pub(super) fn is_embed_reply(object: &Object) -> bool {
    let vectors = object.list("embeddings");
    (object.contains_key("total_duration") || object.contains_key("prompt_eval_count"))
        && vectors.iter().all(Value::is_array)
        && vectors.iter().any(|vector| vectors::dimensions(vector).is_some())
}

pub(super) fn embed_reply(object: &Object) -> Reply {
    let vectors = object.list("embeddings");
    let prompt = vectors::said(vectors.len(), vectors.iter().filter_map(vectors::dimensions));
    Reply { prompt: Some(prompt), ..counts(object, &EMBED) }
}

/// Reads the counts and the durations. Ollama reports these in nanoseconds; the log has milliseconds.
fn counts(object: &Object, shape: &'static Shape) -> Reply {
    let durations = [
        ("total_duration", "total_duration_ms"),
        ("load_duration", "load_duration_ms"),
        ("prompt_eval_duration", "prompt_eval_duration_ms"),
        ("eval_duration", "eval_duration_ms"),
    ];
    let milliseconds = |(name, key)| {
        let nanoseconds = object.count(name)?;
        Some((key, format!("{}.{:03}", nanoseconds / 1_000_000, nanoseconds / 1_000 % 1_000)))
    };
    Reply {
        shape: Some(shape),
        model: object.owned("model"),
        usage: USAGE.read(object),
        metadata: durations.into_iter().filter_map(milliseconds).collect(),
        ..Reply::default()
    }
}
