//! Streamed replies.

use std::collections::BTreeMap;

use serde_json::{Value, json};

use super::EXCEPTIONS;
use crate::providers::json;
use crate::providers::shape::Object;

/// What of a reply its last event tells.
const METADATA: &[&str] = &["usage", "metrics", "trace", "performanceConfig", "serviceTier"];

/// Adds the events of a stream up to the reply that they are the parts of. Of one that was cut, that is
/// what came; an exception within it stands beside.
pub(super) fn sum(chunks: &[Value]) -> Object {
    let mut reply = Object::new();
    let mut blocks: BTreeMap<u64, Block> = BTreeMap::new();
    for (name, event) in chunks.iter().filter_map(Value::as_object).flatten() {
        let Some(event) = event.as_object() else {
            continue;
        };
        let index = event.get("contentBlockIndex").and_then(Value::as_u64);
        match (name.as_str(), index) {
            ("contentBlockStart", Some(index)) => {
                if let Some(Value::Object(start)) = event.get("start") {
                    blocks.insert(index, Block { fields: start.clone(), ..Block::default() });
                }
            }
            ("contentBlockDelta", Some(index)) => {
                if let Some(Value::Object(delta)) = event.get("delta") {
                    blocks.entry(index).or_default().add(delta);
                }
            }
            ("contentBlockStop", Some(index)) => {
                if let Some(block) = blocks.get_mut(&index) {
                    block.is_over = true;
                }
            }
            ("messageStop", _) => {
                add_known(&mut reply, event, &["stopReason", "additionalModelResponseFields"]);
            }
            ("metadata", _) => add_known(&mut reply, event, METADATA),
            (name, _) if EXCEPTIONS.contains(&name) => {
                reply.insert(name.to_owned(), Value::Object(event.clone()));
            }
            _ => {}
        }
    }
    let content: Vec<Value> = blocks
        .into_values()
        .map(Block::into_fields)
        .filter(|fields| !fields.is_empty())
        .map(Value::Object)
        .collect();
    reply.insert("output".to_owned(), json!({"message": {"role": "assistant", "content": content}}));
    reply
}

/// Takes over those of these fields that are told.
fn add_known(reply: &mut Object, from: &Object, fields: &[&str]) {
    let told =
        fields.iter().filter_map(|field| from.get_key_value(*field)).filter(|(_, value)| !value.is_null());
    reply.extend(told.map(|(key, value)| (key.clone(), value.clone())));
}

/// A block as far as it has come. One of text has no beginning of its own.
#[derive(Debug, Default)]
struct Block {
    /// What it began with, and what was added since.
    fields: Object,
    /// The input of a tool, as JSON in pieces.
    input: String,
    /// What its text cites.
    citations: Vec<Value>,
    /// Whether all of it came.
    is_over: bool,
}

impl Block {
    /// Adds one piece.
    fn add(&mut self, delta: &Object) {
        for (name, piece) in delta {
            match name.as_str() {
                "text" => append(&mut self.fields, name, Some(piece)),
                "toolUse" => self.add_input(piece),
                "reasoningContent" => self.add_thought(piece),
                "citation" if piece.is_object() => self.citations.push(piece.clone()),
                "image" => {
                    let image = within(&mut self.fields, name);
                    let source = image.and_then(|image| within(image, "source"));
                    if let Some(source) = source {
                        append(source, "bytes", piece.get("source").and_then(|source| source.get("bytes")));
                    }
                }
                "toolResult" => self.add_result(piece),
                _ => {}
            }
        }
    }

    fn add_input(&mut self, piece: &Value) {
        // The block is a call even if its beginning did not come.
        if within(&mut self.fields, "toolUse").is_some()
            && let Some(piece) = piece.get("input").and_then(Value::as_str)
        {
            self.input.push_str(piece);
        }
    }

    fn add_thought(&mut self, piece: &Value) {
        let is_text = |key: &str| piece.get(key).is_some_and(Value::is_string);
        let is_thought = is_text("text") || is_text("signature");
        let redacted = piece.get("redactedContent");
        if !is_thought && redacted.is_none() {
            return;
        }
        let Some(reasoning) = within(&mut self.fields, "reasoningContent") else {
            return;
        };
        append(reasoning, "redactedContent", redacted);
        if is_thought && let Some(thought) = within(reasoning, "reasoningText") {
            append(thought, "text", piece.get("text"));
            append(thought, "signature", piece.get("signature"));
        }
    }

    fn add_result(&mut self, pieces: &Value) {
        let Some(result) = within(&mut self.fields, "toolResult") else {
            return;
        };
        let pieces = pieces.as_array().map(Vec::as_slice).unwrap_or_default();
        match result.get_mut("content") {
            Some(Value::Array(content)) => content.extend_from_slice(pieces),
            _ => drop(result.insert("content".to_owned(), pieces.into())),
        }
    }

    /// The block; without fields if nothing is known of it. An input of which the end is missing stays
    /// the text that came; one of which nothing came until the end is empty.
    fn into_fields(mut self) -> Object {
        let call = self.fields.get("toolUse").and_then(Value::as_object);
        let lacks_input = self.input.is_empty() && call.is_some_and(|call| !call.contains_key("input"));
        if self.is_over && lacks_input {
            self.input = "{}".to_owned();
        }
        if !self.input.is_empty()
            && let Some(call) = within(&mut self.fields, "toolUse")
        {
            let input = serde_json::from_str(&self.input).unwrap_or(Value::String(self.input));
            call.insert("input".to_owned(), input);
        }
        // A block has no type but in Anthropic's own messages.
        self.fields.remove("type");
        if !self.citations.is_empty() {
            let text = json::string(&self.fields, "text").unwrap_or_default();
            let cited = json!({"content": [{"text": text}], "citations": self.citations});
            self.fields.remove("text");
            self.fields.insert("citationsContent".to_owned(), cited);
        }
        self.fields
    }
}

/// The object that stands there, which is made if there is none.
fn within<'a>(object: &'a mut Object, key: &str) -> Option<&'a mut Object> {
    let value = object.entry(key).or_insert(Value::Null);
    if !value.is_object() {
        *value = Value::Object(Object::new());
    }
    value.as_object_mut()
}

/// Adds a piece to the text, or to the list of bytes, that stands there.
fn append(object: &mut Object, key: &str, piece: Option<&Value>) {
    match (object.get_mut(key), piece) {
        (Some(Value::String(text)), Some(Value::String(piece))) => text.push_str(piece),
        (Some(Value::Array(bytes)), Some(Value::Array(piece))) => bytes.extend_from_slice(piece),
        (None | Some(Value::Null), Some(piece @ (Value::String(_) | Value::Array(_)))) => {
            object.insert(key.to_owned(), piece.clone());
        }
        _ => {}
    }
}
