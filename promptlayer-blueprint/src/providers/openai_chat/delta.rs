//! Assembles the message of a choice from its deltas.

use serde_json::{Value, json};

use super::calls::Calls;
use super::details::Details;
use super::sum::{add_pieces, append, merge};
use crate::providers::shape::Object;

/// Fields of a delta that replace the earlier value and are not fragments. Routers repeat the role in every
/// chunk.
const TOLD_ANEW: &[&str] = &["role", "name", "id", "type", "padding"];

/// Fields of a spoken answer that arrive in fragments.
const SPOKEN: &[&str] = &["data", "transcript"];

/// A message that is assembled from its deltas.
#[derive(Default)]
pub(super) struct Delta {
    content: Content,
    calls: Calls,
    details: Details,
    function: Object,
    audio: Object,
    fields: Object,
}

impl Delta {
    /// Adds a delta.
    pub(super) fn add(&mut self, delta: &Object) {
        for (key, value) in delta {
            match (key.as_str(), value) {
                (_, Value::Null) => {}
                ("content", content) => self.content.add(content),
                ("tool_calls", Value::Array(calls)) => {
                    for call in calls {
                        self.calls.add(call);
                    }
                }
                ("reasoning_details", Value::Array(details)) => {
                    for detail in details {
                        self.details.add(detail);
                    }
                }
                ("function_call", Value::Object(call)) => {
                    add_pieces(&mut self.function, call, &["arguments"]);
                }
                ("audio", Value::Object(audio)) => add_pieces(&mut self.audio, audio, SPOKEN),
                ("tool_calls" | "reasoning_details" | "function_call" | "audio", _) => {}
                (key, Value::String(piece)) if !TOLD_ANEW.contains(&key) => {
                    append(&mut self.fields, key, piece);
                }
                (key, Value::Array(more)) => match self.fields.get_mut(key) {
                    Some(Value::Array(known)) => known.extend_from_slice(more),
                    _ => merge(&mut self.fields, key, value),
                },
                (key, value) => merge(&mut self.fields, key, value),
            }
        }
    }

    /// Returns `true` if no delta had content.
    pub(super) fn says_nothing(&self) -> bool {
        self.content.says_nothing()
            && self.calls.is_empty()
            && self.details.is_empty()
            && self.function.is_empty()
            && self.audio.is_empty()
            && self.fields.keys().all(|key| TOLD_ANEW.contains(&key.as_str()))
    }

    /// Returns the whole message.
    pub(super) fn message(self) -> Object {
        let mut message = self.fields;
        let said = [
            ("content", self.content.whole()),
            ("tool_calls", self.calls.whole()),
            ("reasoning_details", self.details.whole()),
            ("function_call", (!self.function.is_empty()).then(|| self.function.into())),
            ("audio", (!self.audio.is_empty()).then(|| self.audio.into())),
        ];
        message.extend(said.into_iter().filter_map(|(key, value)| Some((key.to_owned(), value?))));
        message.entry("role").or_insert_with(|| "assistant".into());
        message
    }
}

/// The content of a message: a text, unless the deltas contained parts.
#[derive(Default)]
struct Content {
    parts: Vec<Part>,
    /// `true` if the deltas contained parts. Mistral sends parts when its model thinks.
    in_parts: bool,
}

/// A part of a content.
enum Part {
    Text(String),
    Thinking { text: String, fields: Object },
    Other(Value),
}

impl Content {
    fn add(&mut self, value: &Value) {
        match value {
            Value::String(text) => self.text(text),
            Value::Array(parts) => {
                self.in_parts = true;
                for part in parts {
                    self.part(part);
                }
            }
            _ => {}
        }
    }

    fn text(&mut self, piece: &str) {
        match self.parts.last_mut() {
            Some(Part::Text(text)) => text.push_str(piece),
            // A message that starts with a thought has no empty text before it.
            _ => self.parts.push(Part::Text(piece.to_owned())),
        }
    }

    fn part(&mut self, part: &Value) {
        let kind = part.get("type").and_then(Value::as_str);
        match (kind, part.get("text"), part.get("thinking")) {
            (Some("text"), Some(Value::String(text)), _) => self.text(text),
            (Some("thinking"), _, Some(thinking)) => self.thinking(part, thinking),
            _ => self.parts.push(Part::Other(part.clone())),
        }
    }

    fn thinking(&mut self, part: &Value, thinking: &Value) {
        if !matches!(self.parts.last(), Some(Part::Thinking { .. })) {
            self.parts.push(Part::Thinking { text: String::new(), fields: Object::new() });
        }
        let Some(Part::Thinking { text, fields }) = self.parts.last_mut() else { return };
        match thinking {
            Value::String(piece) => text.push_str(piece),
            Value::Array(pieces) => {
                pieces
                    .iter()
                    .filter_map(|piece| piece.get("text")?.as_str())
                    .for_each(|it| text.push_str(it));
            }
            _ => {}
        }
        let others = part.as_object().into_iter().flatten();
        for (key, value) in others.filter(|(key, _)| *key != "type" && *key != "thinking") {
            merge(fields, key, value);
        }
    }

    fn says_nothing(&self) -> bool {
        self.parts.iter().all(|part| matches!(part, Part::Text(text) if text.is_empty()))
    }

    fn whole(mut self) -> Option<Value> {
        if self.in_parts {
            self.parts.retain(|part| !matches!(part, Part::Text(text) if text.is_empty()));
            return Some(self.parts.into_iter().map(Part::whole).collect());
        }
        match self.parts.pop() {
            Some(Part::Text(text)) => Some(text.into()),
            _ => None,
        }
    }
}

impl Part {
    fn whole(self) -> Value {
        match self {
            Self::Text(text) => json!({"type": "text", "text": text}),
            Self::Thinking { text, mut fields } => {
                fields.insert("type".to_owned(), "thinking".into());
                fields.insert("thinking".to_owned(), json!([{"type": "text", "text": text}]));
                fields.into()
            }
            Self::Other(part) => part,
        }
    }
}
