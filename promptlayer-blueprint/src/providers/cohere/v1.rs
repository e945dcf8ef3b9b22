//! Version 1 of the Chat API: one message, with the chat history in a separate field.

use std::collections::BTreeMap;

use serde_json::Value;

use super::chat::{annotate, unplaced};
use super::{CHAT_V1, USAGE};
use crate::blueprint::{AssistantMessage, ChatPrompt, ContentBlock, Message, ToolCall};
use crate::providers::call_ids::CallIds;
use crate::providers::finish::Finish;
use crate::providers::json::{self, Fields, Object};
use crate::providers::reading::{Reply, Request};

/// Returns `true` if an object is a request: it has a message and a field that only this API has.
pub(super) fn is_request(object: &Object) -> bool {
    object.has_a("message", Value::is_string)
        && (object.has_a("chat_history", is_history)
            || object.has_a("preamble", Value::is_string)
            || object.has_a("connectors", Value::is_array)
            || object.has_a("tool_results", Value::is_array))
}

/// Other APIs have a field with this name too, but with other roles.
fn is_history(value: &Value) -> bool {
    let is_turn = |turn: &Value| {
        let role = turn.str("role");
        matches!(role, Some("USER" | "CHATBOT" | "SYSTEM" | "TOOL"))
            && (turn.has_a("message", Value::is_string)
                || turn.has_a("tool_calls", Value::is_array)
                || turn.has_a("tool_results", Value::is_array))
    };
    value.as_array().is_some_and(|turns| !turns.is_empty() && turns.iter().all(is_turn))
}

/// `tools` is not one of them: their declarations have a different format.
const PROMPT_FIELDS: &[&str] = &["model", "message", "chat_history", "preamble", "tool_results"];

pub(super) fn request(object: Object) -> Request {
    let mut ids = CallIds::default();
    let preamble = object.text("preamble").map(Message::system);
    let before = object.list("chat_history").iter().map(|turn| turn_before(turn, &mut ids));
    let mut messages: Vec<Message> = preamble.into_iter().chain(before).collect();
    messages.extend(object.text("message").map(Message::user));
    messages.extend(object.list("tool_results").iter().map(|result| tool_result(result, &mut ids)));
    Request::new(&CHAT_V1, ChatPrompt::new(messages), object, PROMPT_FIELDS)
}

fn turn_before(turn: &Value, ids: &mut CallIds) -> Message {
    let Some(object) = turn.as_object() else { return Message::user(json::readable(turn)) };
    let text = object.text("message").map(ContentBlock::from_text);
    match object.text("role") {
        Some("CHATBOT") => Message::Assistant(AssistantMessage {
            content: text.into_iter().collect(),
            tool_calls: tool_calls(object, ids),
            ..AssistantMessage::default()
        }),
        Some("SYSTEM") => Message::system(Vec::from_iter(text)),
        Some("USER") => Message::user(Vec::from_iter(text)),
        _ => Message::user(json::readable(turn)),
    }
}

/// Reads a tool result, together with its call.
fn tool_result(result: &Value, ids: &mut CallIds) -> Message {
    let name = result.get("call").and_then(|call| call.str("name"));
    let outputs = result.get("outputs").unwrap_or(result);
    Message::tool(ids.result(None, name), json::readable(outputs))
}

/// Reads tool calls, which have no ids in this API.
fn tool_calls(object: &Object, ids: &mut CallIds) -> Vec<ToolCall> {
    let calls = object.objects("tool_calls").map(|call| {
        let name = call.text("name").unwrap_or_default();
        let arguments = call.get("parameters").map_or_else(|| "{}".to_owned(), Value::to_string);
        ToolCall::new(ids.call(call.text("id"), name), name, arguments)
    });
    calls.collect()
}

pub(super) fn is_reply(object: &Object) -> bool {
    object.has_a("text", Value::is_string) && object.has_a("generation_id", Value::is_string)
}

/// Reads a response. It repeats the chat history, which is skipped.
pub(super) fn reply(object: &Object) -> Reply {
    let mut content: Vec<ContentBlock> =
        object.text("text").map(ContentBlock::from_text).into_iter().collect();
    // A citation has only the ids of its documents. The documents are in a separate field.
    let cited = with_documents(object);
    annotate(&cited, &mut content);
    let message = AssistantMessage {
        content,
        tool_calls: tool_calls(object, &mut CallIds::default()),
        ..AssistantMessage::default()
    };
    // Of two paths with one key, the last counts.
    let mut metadata = object.texts_at(&[("response_id", "generation_id"), ("response_id", "response_id")]);
    metadata.extend(unplaced(&cited).map(|citations| ("citations", citations)));
    Reply {
        shape: Some(&CHAT_V1),
        prompt: Some(ChatPrompt::new([Message::Assistant(message)]).into()),
        usage: USAGE.within(object, "meta"),
        finish: object.text("finish_reason").map(Finish::from_word),
        metadata,
        ..Reply::default()
    }
}

/// Returns the citations in the format of version 2, each with its documents.
fn with_documents(object: &Object) -> Vec<Value> {
    let by_id: BTreeMap<&str, &Value> = object
        .list("documents")
        .iter()
        .filter_map(|document| Some((document.str("id")?, document)))
        .collect();
    let source = |id: &Value| {
        let document = id.as_str().and_then(|id| by_id.get(id)).copied().cloned().unwrap_or_default();
        Value::Object(Object::from_iter([("id".to_owned(), id.clone()), ("document".to_owned(), document)]))
    };
    let whole = |citation: &Object| {
        let mut citation = citation.clone();
        if let Some(Value::Array(ids)) = citation.remove("document_ids") {
            citation.insert("sources".to_owned(), ids.iter().map(source).collect());
        }
        Value::Object(citation)
    };
    object.objects("citations").map(whole).collect()
}

pub(super) fn is_event(object: &Object) -> bool {
    object.has_a("is_finished", Value::is_boolean) && object.has_a("event_type", Value::is_string)
}

/// The last event contains the whole response, unless the stream was interrupted. It has the finish reason too, which
/// is not always in the response.
pub(super) fn sum(events: &[Value]) -> Object {
    let events = || events.iter().filter_map(Value::as_object).filter(|event| is_event(event));
    if let Some((last, whole)) = events().rev().find_map(|event| Some((event, event.object("response")?))) {
        let mut whole = whole.clone();
        if let Some(finish) = last.field("finish_reason").filter(|_| !whole.has("finish_reason")) {
            whole.insert("finish_reason".to_owned(), finish.clone());
        }
        return whole;
    }
    let text: String = events().filter_map(|event| event.str("text")).collect();
    let id = events().find_map(|event| event.text("generation_id")).unwrap_or_default();
    Object::from_iter([("text".to_owned(), text.into()), ("generation_id".to_owned(), id.into())])
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn finish_reason_of_the_last_event_counts() {
        let end = |finish: &str, response: Value| {
            json!({
                "event_type": "stream-end", "is_finished": true, "finish_reason": finish, "response": response,
            })
        };
        let finish = |event| reply(&sum(&[event])).finish.unwrap().word;
        assert_eq!(finish(end("MAX_TOKENS", json!({"text": "Hi", "generation_id": "g"}))), "MAX_TOKENS");
        let response = json!({"text": "Hi", "generation_id": "g", "finish_reason": "COMPLETE"});
        assert_eq!(finish(end("", response)), "COMPLETE");
    }
}
