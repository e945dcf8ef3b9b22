//! The Chat API: requests, responses and the events of streams.

use serde_json::{Value, json};

use super::{CHAT, USAGE};
use crate::blueprint::{
    Annotation, AssistantMessage, ChatPrompt, ContentBlock, FileAnnotation, Message, ToolChoice,
    WebAnnotation,
};
use crate::providers::blocks::{self, text_at};
use crate::providers::finish::Finish;
use crate::providers::json::{Fields, Object};
use crate::providers::merge::{self, Op, Rules};
use crate::providers::reading::{Reply, Request};
use crate::providers::words::{Words, words};
use crate::providers::{errors, messages, openai_chat};

/// Prefixes of the names of Cohere's models.
const MODELS: &[&str] = &["command", "c4ai"];

/// Finish reasons. Any other that begins with `ERROR_` is one too.
const REASONS: &[&str] =
    &["COMPLETE", "STOP_SEQUENCE", "MAX_TOKENS", "TOOL_CALL", "USER_CANCEL", "TIMEOUT", "ERROR"];

/// Cohere's tool choices, and the common words for them.
pub(super) const CHOICES: &[(&str, &str)] = &[("REQUIRED", "required"), ("NONE", "none")];

/// OpenAI's requests have a model and messages too. One of Cohere has a field or a value that only Cohere accepts.
pub(super) fn is_request(object: &Object) -> bool {
    // vLLM accepts documents too, for any model.
    let is_of_cohere =
        || MODELS.iter().any(|name| object.text("model").unwrap_or_default().starts_with(name));
    // SDKs also serialize empty fields.
    let has_plan = |message: &Value| message.get("tool_plan").is_some() && message.get("role").is_some();
    object.has_a("model", Value::is_string)
        && object.has_a("messages", messages::is_messages)
        && (object.has_a("citation_options", Value::is_object)
            || object.has_a("safety_mode", Value::is_string)
            || object.has_a("strict_tools", Value::is_boolean)
            || object.has_a("k", Value::is_number)
            || object.has_a("p", Value::is_number)
            || tool_choice(object).is_some()
            || (object.has_a("documents", Value::is_array) && is_of_cohere())
            || object.list("messages").iter().any(has_plan))
}

fn tool_choice(object: &Object) -> Option<ToolChoice> {
    let choice = object.text("tool_choice")?;
    let (_, mode) = CHOICES.iter().find(|(name, _)| *name == choice)?;
    Some(ToolChoice::Mode((*mode).to_owned()))
}

pub(super) fn request(object: Object) -> Request {
    let mut prompt = ChatPrompt::new(object.list("messages").iter().map(message));
    let mut prompt_fields = vec!["model", "messages"];
    if let Some(tools) = object.get("tools").and_then(openai_chat::tools) {
        prompt.tools = tools;
        prompt_fields.push("tools");
    }
    if let Some(choice) = tool_choice(&object) {
        prompt.tool_choice = Some(choice);
        prompt_fields.push("tool_choice");
    }
    Request::new(&CHAT, prompt, object, &prompt_fields)
}

fn message(value: &Value) -> Message {
    let Some(object) = value.as_object() else { return openai_chat::message(value) };
    match object.text("role").unwrap_or_default() {
        "assistant" => Message::Assistant(assistant(object)),
        "tool" => Message::tool(object.text("tool_call_id").unwrap_or_default(), content(object)),
        "system" => Message::system(content(object)),
        _ => Message::user(content(object)),
    }
}

/// Reads a message of the model. Its plan for tool calls becomes a thinking block.
fn assistant(object: &Object) -> AssistantMessage {
    let plan = object.text("tool_plan").map(ContentBlock::from_thinking);
    let mut content = content(object);
    annotate(object.list("citations"), &mut content);
    content.splice(0..0, plan);
    // The calls have OpenAI's format, so they are read by the same function.
    let calls = object
        .get("tool_calls")
        .map(|calls| openai_chat::message(&json!({"role": "assistant", "tool_calls": calls})));
    match calls {
        Some(Message::Assistant(calls)) => AssistantMessage { content, ..calls },
        _ => AssistantMessage { content, ..AssistantMessage::default() },
    }
}

/// Reads the content of a message: a text, or a list of parts.
pub(super) fn content(object: &Object) -> Vec<ContentBlock> {
    match object.field("content") {
        None => Vec::new(),
        Some(Value::String(text)) if text.is_empty() => Vec::new(),
        Some(Value::Array(parts)) => parts.iter().filter_map(part).collect(),
        Some(other) => vec![blocks::readable(other)],
    }
}

/// Reads one part of a content. Empty texts are omitted. A part that the blueprint has no block for, such as a
/// document, is kept as readable text.
fn part(part: &Value) -> Option<ContentBlock> {
    let text = |name: &str| part.str(name);
    let block = match text("type").unwrap_or_default() {
        kind @ ("text" | "thinking") => match text(kind) {
            Some("") => return None,
            Some(text) if kind == "thinking" => Some(ContentBlock::from_thinking(text)),
            text => text.map(ContentBlock::from_text),
        },
        "image_url" => part.get("image_url").and_then(|image| {
            let detail = image.str("detail").map(str::to_owned);
            Some(blocks::image(image.get("url").unwrap_or(image).as_str()?, detail))
        }),
        _ => None,
    };
    Some(block.unwrap_or_else(|| blocks::readable(part)))
}

/// A response has a message of the model, with one of Cohere's finish reasons or Cohere's usage. A choice in a response
/// of OpenAI has a message and a finish reason too, but with other values.
pub(super) fn is_reply(object: &Object) -> bool {
    let is_of_model = |message: &Value| {
        message.is("role", "assistant") && message.field("content").is_none_or(Value::is_array)
    };
    let is_ended = match object.get("finish_reason") {
        Some(Value::String(word)) => REASONS.contains(&word.as_str()) || word.starts_with("ERROR_"),
        // An interrupted stream: see `sum`.
        Some(Value::Null) => !object.contains_key("index"),
        _ => object.get("usage").is_some_and(|usage| usage.get("billed_units").is_some()),
    };
    object.has_a("message", is_of_model) && is_ended
}

pub(super) fn reply(object: &Object) -> Reply {
    let message = object.object("message");
    let cited = message.map(|message| message.list("citations")).unwrap_or_default();
    let mut metadata = object.texts_at(&[("response_id", "id")]);
    metadata.extend(unplaced(cited).map(|citations| ("citations", citations)));
    Reply {
        shape: Some(&CHAT),
        prompt: Some(ChatPrompt::new(message.map(|message| Message::Assistant(assistant(message)))).into()),
        usage: USAGE.within(object, "usage"),
        finish: object.text("finish_reason").map(Finish::from_word),
        error: object.field("error").map(errors::of_reply),
        metadata,
        ..Reply::default()
    }
}

/// Adds citations to the text blocks that they belong to. Citations of a plan or a thought are skipped,
/// since their blocks cannot hold annotations.
pub(super) fn annotate(citations: &[Value], content: &mut [ContentBlock]) {
    for citation in citations.iter().filter(|citation| is_of_text(citation)) {
        let at =
            citation.get("content_index").and_then(Value::as_u64).and_then(|at| usize::try_from(at).ok());
        let Some(text) = text_at(content, at) else { continue };
        text.annotations.extend(citation.list("sources").iter().map(|source| annotation(citation, source)));
    }
}

/// Returns all citations as JSON, if annotations cannot hold some of them completely.
pub(super) fn unplaced(citations: &[Value]) -> Option<String> {
    let is_page = |source: &Value| url(source).is_some();
    let is_held = |citation: &Value| {
        let sources = citation.get("sources").and_then(Value::as_array);
        is_of_text(citation) && sources.is_some_and(|sources| sources.iter().all(is_page))
    };
    let is_lost = citations.iter().any(|citation| !is_held(citation));
    is_lost.then(|| Value::from(citations.to_vec()).to_string())
}

/// Returns `true` if a citation belongs to the answer, not to the plan or to a thought.
fn is_of_text(citation: &Value) -> bool {
    citation.str("type").is_none_or(|kind| kind == "TEXT_CONTENT")
}

/// Returns the URL of a source, if the source is a web page.
fn url(source: &Value) -> Option<&str> {
    source.get("document")?.str("url").filter(|url| !url.is_empty())
}

/// Converts a source of a citation: to a web page if it has a URL, else to a file with the source's id. The
/// id refers to a document or to the result of a tool.
fn annotation(citation: &Value, source: &Value) -> Annotation {
    let text = |value: &Value, name: &str| value.str(name).map(str::to_owned);
    let number = |name: &str| citation.get(name).and_then(Value::as_i64).unwrap_or_default();
    let id = text(source, "id").unwrap_or_default();
    let title = source.get("document").and_then(|document| text(document, "title"));
    match url(source) {
        Some(url) => Annotation::Web(WebAnnotation {
            title: title.unwrap_or_else(|| url.to_owned()),
            url: url.to_owned(),
            start_index: number("start"),
            end_index: number("end"),
            cited_text: text(citation, "text"),
            encrypted_index: None,
        }),
        None => Annotation::File(FileAnnotation {
            index: number("start"),
            filename: title.unwrap_or_else(|| id.clone()),
            file_id: id,
        }),
    }
}

/// Event types of a chat stream. No other API uses them.
const EVENTS: Words = words!(
    "message-start content-start content-delta content-end tool-plan-delta tool-call-start tool-call-delta \
     tool-call-end citation-start citation-end message-end"
);

/// The parts of a message that have an index.
const LISTS: &[&str] = &["content", "tool_calls", "citations"];

const MESSAGE: Rules = &[
    ("tool_plan", Op::Append),
    ("content", Op::Items(&[("text", Op::Append), ("thinking", Op::Append)])),
    (
        "tool_calls",
        Op::Items(&[("function", Op::Fields(&[("name", Op::Append), ("arguments", Op::Append)]))]),
    ),
    ("citations", Op::Items(&[("*", Op::Set)])),
];

/// Returns `true` if an object is an event: it has one of these types, and a delta or an index.
pub(super) fn is_event(object: &Object) -> bool {
    object.text("type").is_some_and(|kind| EVENTS.contains(kind))
        && (object.object("delta").is_some() || object.has_a("index", Value::is_u64))
}

pub(super) fn sum(events: Vec<Value>) -> Object {
    let (mut whole, mut message) = (Object::new(), Object::new());
    for mut event in events {
        let Some(kind) = event.owned("type") else { continue };
        let index = event.count("index").unwrap_or_default();
        let Some(Value::Object(mut delta)) = event.get_mut("delta").map(Value::take) else { continue };
        match kind.as_str() {
            "message-end" => whole.extend(delta),
            "message-start" => {
                whole.extend(event.get_mut("id").map(|id| ("id".to_owned(), id.take())));
                let role = delta.get("message").and_then(|message| message.text("role"));
                message.extend(role.map(|role| ("role".to_owned(), role.into())));
            }
            "debug" => {}
            _ => {
                if let Some(Value::Object(piece)) = delta.remove("message") {
                    merge::add(&mut message, with_index(piece, index), MESSAGE);
                }
            }
        }
    }
    message.entry("role").or_insert_with(|| "assistant".into());
    finish_parts(&mut message);
    // An interrupted stream has no finish reason.
    whole.entry("finish_reason").or_insert(Value::Null);
    whole.insert("message".to_owned(), message.into());
    whole
}

/// Returns the piece of a message that an event has. A part is an object, or a list of objects, without an index.
fn with_index(mut piece: Object, index: u64) -> Object {
    piece.retain(|key, _| key == "tool_plan" || LISTS.contains(&key.as_str()));
    for list in LISTS {
        let Some(parts) = piece.get_mut(*list) else { continue };
        if parts.is_object() {
            *parts = Value::Array(vec![parts.take()]);
        }
        for part in parts.as_array_mut().into_iter().flatten().filter_map(Value::as_object_mut) {
            part.insert("index".to_owned(), index.into());
        }
    }
    piece
}

/// Completes the parts of an assembled message.
fn finish_parts(message: &mut Object) {
    for list in LISTS {
        for part in message.get_mut(*list).and_then(Value::as_array_mut).into_iter().flatten() {
            let Some(part) = part.as_object_mut() else { continue };
            part.remove("index");
            match *list {
                "content" => {
                    let is_thought = part.contains_key("thinking") || part.is("type", "thinking");
                    let kind = if is_thought { "thinking" } else { "text" };
                    part.insert("type".to_owned(), kind.into());
                    part.entry(kind).or_insert_with(|| "".into());
                }
                "tool_calls" => {
                    part.entry("function").or_insert_with(|| json!({"name": "", "arguments": ""}));
                }
                _ => {}
            }
        }
    }
    message.retain(|key, value| key != "tool_plan" || value.as_str().is_some_and(|plan| !plan.is_empty()));
}
