//! Streamed responses.

use std::collections::BTreeMap;

use serde_json::{Value, json};

use super::EXCEPTIONS;
use crate::providers::json;
use crate::providers::shape::Object;

/// Fields of a response that its last event contains.
const METADATA: &[&str] = &["usage", "metrics", "trace", "performanceConfig", "serviceTier"];

/// Assembles the events of a stream into the response. If the stream was interrupted, the response contains
/// what arrived. An exception event in the stream is added as a field.
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

/// Copies the given fields, if they are present and not `null`.
fn add_known(reply: &mut Object, from: &Object, fields: &[&str]) {
    let told =
        fields.iter().filter_map(|field| from.get_key_value(*field)).filter(|(_, value)| !value.is_null());
    reply.extend(told.map(|(key, value)| (key.clone(), value.clone())));
}

/// A content block that is assembled from its events. A text block has no start event.
#[derive(Debug, Default)]
struct Block {
    /// The initial block, and what was appended to it.
    fields: Object,
    /// The input of a tool call, as JSON fragments.
    input: String,
    /// Citations of the text.
    citations: Vec<Value>,
    /// `true` once the stop event arrived.
    is_over: bool,
}

impl Block {
    /// Adds a delta.
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
        // The block is a tool call even if its start event is missing.
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

    /// Returns the fields of the block, or no fields if nothing is known. If the input is incomplete JSON,
    /// it is kept as text. If the block ended without input, the input is empty.
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
        // Blocks of this API have no type. Only Anthropic's own messages do.
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

/// Returns the object in this field. Creates it if it does not exist.
fn within<'a>(object: &'a mut Object, key: &str) -> Option<&'a mut Object> {
    let value = object.entry(key).or_insert(Value::Null);
    if !value.is_object() {
        *value = Value::Object(Object::new());
    }
    value.as_object_mut()
}

/// Appends a piece to the text, or to the list of bytes, in this field.
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
