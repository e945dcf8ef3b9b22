//! Streamed responses.

use std::collections::BTreeMap;

use serde_json::{Value, json};

use super::INVOCATION_METRICS;
use crate::providers::json;
use crate::providers::shape::Object;

/// Fields of a message that only its last events contain.
const LATE_FIELDS: &[&str] = &["stop_reason", "stop_sequence", "stop_details", "container"];

/// Assembles the events of a stream into the message. If the stream was interrupted, the message contains
/// what arrived. An error event in the stream is added as the `error` field.
pub(super) fn sum(chunks: &[Value]) -> Object {
    let mut message = Object::new();
    let mut blocks: BTreeMap<u64, Block> = BTreeMap::new();
    for event in chunks.iter().filter_map(Value::as_object) {
        let index = event.get("index").and_then(Value::as_u64);
        match (json::string(event, "type").unwrap_or_default(), index) {
            ("message_start", _) => begin(&mut message, &mut blocks, event.get("message")),
            ("content_block_start", Some(index)) => {
                if let Some(Value::Object(block)) = event.get("content_block") {
                    blocks.insert(index, Block { fields: block.clone(), input: String::new() });
                }
            }
            ("content_block_delta", Some(index)) => {
                if let Some(Value::Object(delta)) = event.get("delta") {
                    blocks.entry(index).or_default().add(delta);
                }
            }
            ("message_delta", _) => add_late_fields(&mut message, event),
            ("message_stop", _) => add_known(&mut message, event, &[INVOCATION_METRICS]),
            ("error", _) => add_known(&mut message, event, &["error"]),
            _ => {}
        }
    }
    // These fields identify a message. They are set here in case the first event is missing.
    message.insert("type".to_owned(), "message".into());
    message.insert("role".to_owned(), "assistant".into());
    message.entry("stop_reason").or_insert(Value::Null);
    let content = blocks.into_values().map(Block::into_value).filter(|block| !block.is_null());
    message.insert("content".to_owned(), content.collect());
    message
}

/// Copies the initial message of the stream: the model and the input tokens, usually without content.
fn begin(message: &mut Object, blocks: &mut BTreeMap<u64, Block>, start: Option<&Value>) {
    let Some(Value::Object(start)) = start else {
        return;
    };
    message.extend(start.iter().map(|(key, value)| (key.clone(), value.clone())));
    let content = start.get("content").and_then(Value::as_array).map(Vec::as_slice).unwrap_or_default();
    for (index, block) in (0..).zip(content) {
        if let Value::Object(fields) = block {
            blocks.insert(index, Block { fields: fields.clone(), input: String::new() });
        }
    }
}

/// Copies the stop reason and the usage. The counts in an event are totals of the message so far, not
/// increments. Counts that an event omits keep their value.
fn add_late_fields(message: &mut Object, event: &Object) {
    if let Some(Value::Object(delta)) = event.get("delta") {
        add_known(message, delta, LATE_FIELDS);
    }
    let Some(Value::Object(late)) = event.get("usage") else {
        return;
    };
    let usage = message.entry("usage").or_insert(Value::Null);
    if !usage.is_object() {
        *usage = json!({});
    }
    if let Value::Object(usage) = usage {
        let told = late.iter().filter(|(_, count)| !count.is_null());
        usage.extend(told.map(|(key, count)| (key.clone(), count.clone())));
    }
}

/// Copies the given fields, if they are present and not `null`.
fn add_known(message: &mut Object, from: &Object, fields: &[&str]) {
    let told =
        fields.iter().filter_map(|field| from.get_key_value(*field)).filter(|(_, value)| !value.is_null());
    message.extend(told.map(|(key, value)| (key.clone(), value.clone())));
}

/// A content block that is assembled from its events.
#[derive(Debug, Default)]
struct Block {
    /// The initial block, and the text that was appended to it.
    fields: Object,
    /// The input of a tool call, as JSON fragments.
    input: String,
}

impl Block {
    /// Adds a delta. If the block's first event is missing, the delta determines the block type.
    fn add(&mut self, delta: &Object) {
        let text = |key: &str| delta.get(key).and_then(Value::as_str);
        match json::string(delta, "type").unwrap_or_default() {
            "text_delta" => self.append("text", "text", text("text")),
            "thinking_delta" => self.append("thinking", "thinking", text("thinking")),
            "compaction_delta" => self.append("compaction", "content", text("content")),
            "signature_delta" => {
                if let Some(signature) = text("signature") {
                    self.begin("thinking");
                    self.fields.insert("signature".to_owned(), signature.into());
                }
            }
            "input_json_delta" => {
                if let Some(piece) = text("partial_json") {
                    self.begin("tool_use");
                    self.input.push_str(piece);
                }
            }
            "citations_delta" => {
                if let Some(citation) = delta.get("citation").filter(|citation| citation.is_object()) {
                    self.begin("text");
                    match self.fields.get_mut("citations") {
                        Some(Value::Array(citations)) => citations.push(citation.clone()),
                        _ => drop(self.fields.insert("citations".to_owned(), json!([citation]))),
                    }
                }
            }
            _ => {}
        }
    }

    fn begin(&mut self, kind: &str) {
        if self.fields.is_empty() {
            self.fields.insert("type".to_owned(), kind.into());
        }
    }

    fn append(&mut self, kind: &str, key: &str, piece: Option<&str>) {
        let Some(piece) = piece else {
            return;
        };
        self.begin(kind);
        match self.fields.get_mut(key) {
            Some(Value::String(text)) => text.push_str(piece),
            _ => drop(self.fields.insert(key.to_owned(), piece.into())),
        }
    }

    /// Returns the block, or `null` if it has no fields. If the input is incomplete JSON, it is kept as
    /// text.
    fn into_value(mut self) -> Value {
        if !self.input.is_empty() {
            let input = serde_json::from_str(&self.input).unwrap_or(Value::String(self.input));
            self.fields.insert("input".to_owned(), input);
        }
        // The first delta of a text block may be a citation.
        if self.fields.get("type").is_some_and(|kind| kind == "text") {
            self.fields.entry("text").or_insert_with(|| "".into());
        }
        if self.fields.is_empty() { Value::Null } else { Value::Object(self.fields) }
    }
}
