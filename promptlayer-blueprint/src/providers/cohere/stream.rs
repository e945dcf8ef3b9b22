//! The events of a streamed chat response.

use serde_json::{Value, json};

use crate::providers::json::{Fields, Object, Words};
use crate::providers::merge::{self, Op, Rules};

/// Event types of a chat stream. No other API uses them.
const EVENTS: Words = Words(
    "message-start content-start content-delta content-end tool-plan-delta tool-call-start tool-call-delta \
     tool-call-end citation-start citation-end message-end",
);

/// The parts of a message that have an index.
const LISTS: &[&str] = &["content", "tool_calls", "citations"];

/// How a message is assembled.
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
        && (object.object("delta").is_some() || object.get("index").is_some_and(Value::is_u64))
}

/// Assembles the events into the whole response.
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
    finish(&mut message);
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
fn finish(message: &mut Object) {
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
