//! Requests of the Chat API.

use serde_json::{Map, Value};

use super::{CHAT, citations, list};
use crate::blueprint::{AssistantMessage, ChatPrompt, ContentBlock, Message, ThinkingContent, ToolChoice};
use crate::providers::reading::{self, Request};
use crate::providers::shape::Object;
use crate::providers::{json, messages, openai_chat};

/// Returns `true` if an object is a request. OpenAI's requests have a model and messages too, so the object
/// must also have a field or a value that only Cohere accepts.
pub(super) fn is_request(object: &Object) -> bool {
    let has = |name: &str, is: fn(&Value) -> bool| object.get(name).is_some_and(is);
    has("model", Value::is_string)
        && has("messages", messages::is_messages)
        && (has("citation_options", Value::is_object)
            || has("safety_mode", Value::is_string)
            || has("strict_tools", Value::is_boolean)
            || has("k", Value::is_number)
            || has("p", Value::is_number)
            || json::string(object, "tool_choice").is_some_and(|choice| mode(choice).is_some())
            || (has("documents", Value::is_array) && is_of_cohere(object))
            || list(object, "messages").iter().any(is_message))
}

/// Returns `true` if the model is one of Cohere's. vLLM accepts documents too, for any model.
fn is_of_cohere(object: &Object) -> bool {
    let model = json::string(object, "model").unwrap_or_default();
    ["command", "c4ai"].iter().any(|of| model.starts_with(of))
}

/// Returns `true` if a message has a form that only Cohere uses. SDKs also serialize empty fields.
fn is_message(message: &Value) -> bool {
    message.get("tool_plan").is_some() && message.get("role").is_some()
}

/// Converts Cohere's tool choice to the common one.
fn mode(choice: &str) -> Option<&'static str> {
    match choice {
        "REQUIRED" => Some("required"),
        "NONE" => Some("none"),
        _ => None,
    }
}

/// Reads a request.
pub(super) fn request(object: Object) -> Request {
    let messages: Vec<Message> = match object.get("messages") {
        Some(Value::Array(messages)) => messages.iter().map(message).collect(),
        _ => Vec::new(),
    };
    let mut prompt = ChatPrompt::new(messages);
    let mut prompt_fields = vec!["model", "messages"];
    if let Some(tools) = object.get("tools").and_then(openai_chat::tools) {
        prompt.tools = tools;
        prompt_fields.push("tools");
    }
    if let Some(choice) = json::string(&object, "tool_choice").and_then(mode) {
        prompt.tool_choice = Some(ToolChoice::Mode(choice.to_owned()));
        prompt_fields.push("tool_choice");
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

fn message(value: &Value) -> Message {
    let Some(object) = value.as_object() else { return openai_chat::message(value) };
    match json::string(object, "role").unwrap_or_default() {
        "assistant" => Message::Assistant(assistant(object)),
        "tool" => Message::tool(json::string(object, "tool_call_id").unwrap_or_default(), content(object)),
        "system" => Message::system(content(object)),
        _ => Message::user(content(object)),
    }
}

/// Reads a message of the model, in a request or a response. Its plan for tool calls becomes a thinking
/// block.
pub(super) fn assistant(object: &Object) -> AssistantMessage {
    let plan = json::string(object, "tool_plan").map(ContentBlock::from_thinking);
    let mut content = content(object);
    citations::annotate(list(object, "citations"), &mut content);
    content.splice(0..0, plan);
    let calls = object.get("tool_calls").map(|calls| {
        // The calls have OpenAI's format, so they are read by the same function.
        let said = Value::Object(Object::from_iter([
            ("role".to_owned(), "assistant".into()),
            ("tool_calls".to_owned(), calls.clone()),
        ]));
        match openai_chat::message(&said) {
            Message::Assistant(message) => message.tool_calls,
            _ => Vec::new(),
        }
    });
    AssistantMessage { content, tool_calls: calls.unwrap_or_default(), ..AssistantMessage::default() }
}

/// Reads the content of a message: a text, or a list of parts.
pub(super) fn content(object: &Object) -> Vec<ContentBlock> {
    match object.get("content") {
        None | Some(Value::Null) => Vec::new(),
        Some(Value::String(text)) if text.is_empty() => Vec::new(),
        Some(Value::Array(parts)) => parts.iter().filter_map(part).collect(),
        Some(other) => vec![ContentBlock::from_text(json::readable(other))],
    }
}

/// Reads one part of a content. A part that the blueprint has no block for, such as a document, is kept as
/// readable text.
fn part(part: &Value) -> Option<ContentBlock> {
    let text = |name: &str| part.get(name).and_then(Value::as_str);
    let whole = || Some(ContentBlock::from_text(json::readable(part)));
    match text("type") {
        Some("text") => match text("text") {
            Some("") => None,
            Some(said) => Some(ContentBlock::from_text(said)),
            None => whole(),
        },
        Some("thinking") => match text("thinking") {
            Some("") => None,
            Some(thought) => Some(ContentBlock::Thinking(ThinkingContent {
                thinking: thought.to_owned(),
                ..ThinkingContent::default()
            })),
            None => whole(),
        },
        Some("image_url") => {
            let image = part.get("image_url");
            let url = image.and_then(|image| image.get("url").unwrap_or(image).as_str());
            let Some(url) = url else { return whole() };
            let mut block = ContentBlock::from_image_url(url);
            if let ContentBlock::ImageUrl(block) = &mut block {
                let detail = image.and_then(|image| image.get("detail")?.as_str());
                block.image_url.detail = detail.map(str::to_owned);
            }
            Some(block)
        }
        _ => whole(),
    }
}
