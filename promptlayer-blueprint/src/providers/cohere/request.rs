//! Requests of the chat.

use serde_json::{Map, Value};

use super::{CHAT, citations, list};
use crate::blueprint::{AssistantMessage, ChatPrompt, ContentBlock, Message, ThinkingContent, ToolChoice};
use crate::providers::messages;
use crate::providers::reading::{self, Request};
use crate::providers::shape::Object;
use crate::providers::{json, openai_chat};

/// Whether an object is a request. OpenAI's has a model and messages, too: something must be there that
/// only Cohere understands.
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

/// Whether the model is one of Cohere's. vLLM takes documents, too, for whichever it serves.
fn is_of_cohere(object: &Object) -> bool {
    let model = json::string(object, "model").unwrap_or_default();
    ["command", "c4ai"].iter().any(|of| model.starts_with(of))
}

/// Whether a message is in a form that only Cohere has. SDKs write the fields with nothing in them, too.
fn is_message(message: &Value) -> bool {
    message.get("tool_plan").is_some() && message.get("role").is_some()
}

/// Cohere's word for which tool must be called as everyone's.
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

/// What the model says, in a request or a reply: its plan of which tools to call is a thought.
pub(super) fn assistant(object: &Object) -> AssistantMessage {
    let plan = json::string(object, "tool_plan").map(ContentBlock::from_thinking);
    let mut content = content(object);
    citations::annotate(list(object, "citations"), &mut content);
    content.splice(0..0, plan);
    let calls = object.get("tool_calls").map(|calls| {
        // The calls are those of OpenAI, and so is what reads them.
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

/// The content of a message: a text, or parts.
pub(super) fn content(object: &Object) -> Vec<ContentBlock> {
    match object.get("content") {
        None | Some(Value::Null) => Vec::new(),
        Some(Value::String(text)) if text.is_empty() => Vec::new(),
        Some(Value::Array(parts)) => parts.iter().filter_map(part).collect(),
        Some(other) => vec![ContentBlock::from_text(json::readable(other))],
    }
}

/// One part of a content; one that there is no block for, such as a document, is kept whole, to be read.
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
