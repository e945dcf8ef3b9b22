//! Requests and responses of the Chat API, and their citations.

use serde_json::{Value, json};

use super::{CHAT, USAGE};
use crate::blueprint::{
    Annotation, AssistantMessage, ChatPrompt, ContentBlock, FileAnnotation, Message, ToolChoice,
    WebAnnotation,
};
use crate::providers::blocks::{self, text_at};
use crate::providers::finish::Finish;
use crate::providers::json::{Fields, Object};
use crate::providers::reading::{Reply, Request};
use crate::providers::{errors, messages, openai_chat};

/// Prefixes of the names of Cohere's models.
const MODELS: &[&str] = &["command", "c4ai"];

/// Finish reasons. Any other that begins with `ERROR_` is one too.
const REASONS: &[&str] =
    &["COMPLETE", "STOP_SEQUENCE", "MAX_TOKENS", "TOOL_CALL", "USER_CANCEL", "TIMEOUT", "ERROR"];

/// Cohere's tool choices, and the common words for them.
pub(super) const CHOICES: &[(&str, &str)] = &[("REQUIRED", "required"), ("NONE", "none")];

/// Returns `true` if an object is a request. OpenAI's requests have a model and messages too, so the object
/// must also have a field or a value that only Cohere accepts.
pub(super) fn is_request(object: &Object) -> bool {
    let has = |name: &str, is: fn(&Value) -> bool| object.get(name).is_some_and(is);
    // vLLM accepts documents too, for any model.
    let is_of_cohere =
        || MODELS.iter().any(|name| object.text("model").unwrap_or_default().starts_with(name));
    // SDKs also serialize empty fields.
    let has_plan = |message: &Value| message.get("tool_plan").is_some() && message.get("role").is_some();
    has("model", Value::is_string)
        && has("messages", messages::is_messages)
        && (has("citation_options", Value::is_object)
            || has("safety_mode", Value::is_string)
            || has("strict_tools", Value::is_boolean)
            || has("k", Value::is_number)
            || has("p", Value::is_number)
            || tool_choice(object).is_some()
            || (has("documents", Value::is_array) && is_of_cohere())
            || object.list("messages").iter().any(has_plan))
}

fn tool_choice(object: &Object) -> Option<ToolChoice> {
    let choice = object.text("tool_choice")?;
    let (_, mode) = CHOICES.iter().find(|(name, _)| *name == choice)?;
    Some(ToolChoice::Mode((*mode).to_owned()))
}

/// Reads a request.
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

/// Reads a message of the model, in a request or a response. Its plan for tool calls becomes a thinking
/// block.
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
    let text = |name: &str| part.get(name).and_then(Value::as_str);
    let block = match text("type").unwrap_or_default() {
        kind @ ("text" | "thinking") => match text(kind) {
            Some("") => return None,
            Some(text) if kind == "thinking" => Some(ContentBlock::from_thinking(text)),
            text => text.map(ContentBlock::from_text),
        },
        "image_url" => part.get("image_url").and_then(|image| {
            let detail = image.get("detail").and_then(Value::as_str).map(str::to_owned);
            Some(blocks::image(image.get("url").unwrap_or(image).as_str()?, detail))
        }),
        _ => None,
    };
    Some(block.unwrap_or_else(|| blocks::readable(part)))
}

/// Returns `true` if an object is a response: it has an assistant message, with one of Cohere's finish
/// reasons or Cohere's usage. A choice in a response of OpenAI has a message and a finish reason too, but
/// with other values.
pub(super) fn is_reply(object: &Object) -> bool {
    let is_of_model = |message: &Value| {
        message.is("role", "assistant") && message.field("content").is_none_or(Value::is_array)
    };
    let is_ended = match object.get("finish_reason") {
        Some(Value::String(word)) => REASONS.contains(&word.as_str()) || word.starts_with("ERROR_"),
        // An interrupted stream: see `stream`.
        Some(Value::Null) => !object.contains_key("index"),
        _ => object.get("usage").is_some_and(|usage| usage.get("billed_units").is_some()),
    };
    object.get("message").is_some_and(is_of_model) && is_ended
}

/// Reads a response.
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
    citation.get("type").and_then(Value::as_str).is_none_or(|kind| kind == "TEXT_CONTENT")
}

/// Returns the URL of a source, if the source is a web page.
fn url(source: &Value) -> Option<&str> {
    source.get("document")?.get("url")?.as_str().filter(|url| !url.is_empty())
}

/// Converts a source of a citation: to a web page if it has a URL, else to a file with the source's id. The
/// id refers to a document or to the result of a tool.
fn annotation(citation: &Value, source: &Value) -> Annotation {
    let text = |value: &Value, name: &str| value.get(name).and_then(Value::as_str).map(str::to_owned);
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
