//! The events of a streamed chat response.

use std::collections::BTreeMap;

use serde_json::{Value, json};

use crate::providers::json as read;
use crate::providers::shape::Object;

/// Event types of a chat stream. No other API uses them.
const EVENTS: &[&str] = &[
    "message-start",
    "content-start",
    "content-delta",
    "content-end",
    "tool-plan-delta",
    "tool-call-start",
    "tool-call-delta",
    "tool-call-end",
    "citation-start",
    "citation-end",
    "message-end",
];

/// Returns `true` if an object is an event: it has one of these types, and a delta or an index.
pub(super) fn is_chunk(object: &Object) -> bool {
    let is_event = read::string(object, "type").is_some_and(|kind| EVENTS.contains(&kind));
    is_event
        && (object.get("delta").is_some_and(Value::is_object)
            || object.get("index").is_some_and(Value::is_u64))
}

/// Assembles the events into the whole response.
pub(super) fn sum(chunks: &[Value]) -> Object {
    let mut message = Message::default();
    let mut whole = Object::new();
    for chunk in chunks.iter().filter_map(Value::as_object) {
        let delta = chunk.get("delta").and_then(Value::as_object);
        match (read::string(chunk, "type"), delta) {
            (Some("message-start"), Some(delta)) => {
                whole.extend(chunk.get("id").map(|id| ("id".to_owned(), id.clone())));
                let role = delta.get("message").and_then(|message| message.get("role"));
                message.role = role.and_then(Value::as_str).map(str::to_owned);
            }
            (Some("message-end"), Some(delta)) => {
                whole.extend(delta.iter().map(|(name, value)| (name.clone(), value.clone())));
            }
            (Some("debug") | None, _) => {}
            (Some(_), delta) => {
                if let Some(more) = delta.and_then(|delta| delta.get("message")?.as_object()) {
                    message.add(chunk, more);
                }
            }
        }
    }
    // An interrupted stream has no finish reason.
    whole.entry("finish_reason").or_insert(Value::Null);
    whole.insert("message".to_owned(), message.into_value());
    whole
}

/// A message that is assembled from its events. Its parts are identified by their index.
#[derive(Debug, Default)]
struct Message {
    role: Option<String>,
    plan: String,
    content: BTreeMap<u64, Content>,
    calls: BTreeMap<u64, Call>,
    citations: BTreeMap<u64, Value>,
}

/// A part of the content.
#[derive(Debug, Default)]
struct Content {
    text: String,
    is_thought: bool,
    /// Fields other than the text.
    rest: Object,
}

/// A tool call.
#[derive(Debug, Default)]
struct Call {
    name: String,
    arguments: String,
    rest: Object,
}

impl Message {
    fn add(&mut self, event: &Object, more: &Object) {
        let index = event.get("index").and_then(Value::as_u64).unwrap_or_default();
        self.plan.push_str(more.get("tool_plan").and_then(Value::as_str).unwrap_or_default());
        for content in objects(more.get("content")) {
            self.content.entry(index).or_default().add(content);
        }
        for call in objects(more.get("tool_calls")) {
            self.calls.entry(index).or_default().add(call);
        }
        for citation in objects(more.get("citations")) {
            self.citations.insert(index, Value::Object(citation.clone()));
        }
    }

    fn into_value(self) -> Value {
        let mut message = Object::new();
        message.insert("role".to_owned(), self.role.unwrap_or_else(|| "assistant".to_owned()).into());
        if !self.plan.is_empty() {
            message.insert("tool_plan".to_owned(), self.plan.into());
        }
        if !self.content.is_empty() {
            message
                .insert("content".to_owned(), self.content.into_values().map(Content::into_value).collect());
        }
        if !self.calls.is_empty() {
            message.insert("tool_calls".to_owned(), self.calls.into_values().map(Call::into_value).collect());
        }
        if !self.citations.is_empty() {
            message.insert("citations".to_owned(), self.citations.into_values().collect());
        }
        Value::Object(message)
    }
}

/// Returns the objects in a field of an event: one object, or a list of objects.
fn objects(value: Option<&Value>) -> impl Iterator<Item = &Object> {
    let values = match value {
        Some(Value::Array(several)) => several.as_slice(),
        Some(one) => std::slice::from_ref(one),
        None => &[],
    };
    values.iter().filter_map(Value::as_object)
}

impl Content {
    fn add(&mut self, more: &Object) {
        for (name, value) in more {
            match (name.as_str(), value) {
                ("text" | "thinking", Value::String(piece)) => {
                    self.is_thought |= name == "thinking";
                    self.text.push_str(piece);
                }
                (_, Value::Null) => {}
                _ => {
                    self.rest.insert(name.clone(), value.clone());
                }
            }
        }
    }

    fn into_value(self) -> Value {
        let mut content = self.rest;
        let is_thought = self.is_thought || content.get("type").is_some_and(|kind| kind == "thinking");
        let kind = if is_thought { "thinking" } else { "text" };
        content.insert("type".to_owned(), kind.into());
        content.insert(kind.to_owned(), self.text.into());
        Value::Object(content)
    }
}

impl Call {
    fn add(&mut self, more: &Object) {
        for (name, value) in more.iter().filter(|(_, value)| !value.is_null()) {
            if name == "function" {
                let text = |name: &str| value.get(name).and_then(Value::as_str).unwrap_or_default();
                self.name.push_str(text("name"));
                self.arguments.push_str(text("arguments"));
            } else {
                self.rest.insert(name.clone(), value.clone());
            }
        }
    }

    fn into_value(self) -> Value {
        let mut call = self.rest;
        call.insert("function".to_owned(), json!({"name": self.name, "arguments": self.arguments}));
        Value::Object(call)
    }
}
