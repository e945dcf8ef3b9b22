//! Assembles streamed responses.

use std::collections::BTreeMap;

use serde_json::{Value, json};

use super::EXCEPTIONS;
use crate::providers::json::{Fields, Object};
use crate::providers::merge::{self, Op, Rules};
use crate::providers::turn::into_object;
use crate::providers::words::{Words, words};

/// Fields of the last events that belong to the response.
const LATE_FIELDS: Words =
    words!("stopReason additionalModelResponseFields usage metrics trace performanceConfig serviceTier");

const APPEND: Op = Op::With(append);
/// How a delta extends its block.
static BLOCK: Rules = &[
    ("text", APPEND),
    ("toolUse", Op::Fields(&[("input", APPEND), ("*", Op::Drop)])),
    (
        "reasoningContent",
        Op::Fields(&[
            ("redactedContent", APPEND),
            ("reasoningText", Op::Fields(&[("*", APPEND)])),
            ("*", Op::Drop),
        ]),
    ),
    ("citations", Op::Extend),
    ("image", Op::Fields(&[("source", Op::Fields(&[("bytes", APPEND)]))])),
    ("toolResult", Op::Fields(&[("content", Op::Extend)])),
    ("*", Op::Drop),
];

/// Appends a text, or a list of bytes. Any other value changes nothing.
fn append(known: &mut Value, piece: Value) {
    match (known, piece) {
        (Value::String(text), Value::String(piece)) => text.push_str(&piece),
        (Value::Array(bytes), Value::Array(piece)) => bytes.extend(piece),
        // The first event of a call may contain an empty input.
        (known @ (Value::Null | Value::Object(_)), piece @ (Value::String(_) | Value::Array(_))) => {
            *known = piece;
        }
        _ => {}
    }
}

/// Assembles the events of a stream into the response. If the stream was interrupted, the response contains
/// what arrived. An exception event in the stream is added as a field.
pub(super) fn sum(events: Vec<Value>) -> Object {
    let mut reply = Object::new();
    let mut blocks: BTreeMap<u64, Object> = BTreeMap::new();
    for (name, event) in events.into_iter().filter_map(into_object).flatten() {
        let Some(mut event) = into_object(event) else { continue };
        let index = event.count("contentBlockIndex");
        match (name.as_str(), index) {
            ("contentBlockStart", Some(index)) => {
                if let Some(start) = event.remove("start").and_then(into_object) {
                    blocks.insert(index, start);
                }
            }
            ("contentBlockDelta", Some(index)) => {
                if let Some(delta) = event.remove("delta").and_then(into_object) {
                    merge::add(blocks.entry(index).or_default(), piece(delta), BLOCK);
                }
            }
            ("contentBlockStop", Some(index)) => {
                // A call whose block is complete has no arguments if none arrived.
                if let Some(Value::Object(call)) =
                    blocks.get_mut(&index).and_then(|block| block.get_mut("toolUse"))
                    && call.get("input").is_none_or(|input| input == "")
                {
                    call.insert("input".to_owned(), json!({}));
                }
            }
            ("messageStop" | "metadata", _) => {
                let is_late = |name: &str, value: &Value| LATE_FIELDS.contains(name) && !value.is_null();
                reply.extend(event.into_iter().filter(|(name, value)| is_late(name, value)));
            }
            (exception, _) if EXCEPTIONS.contains(&exception) => {
                reply.insert(name, Value::Object(event));
            }
            _ => {}
        }
    }
    let content = blocks.into_values().map(finish).filter(|block| !block.is_empty());
    let message = json!({"role": "assistant", "content": content.collect::<Vec<Object>>()});
    reply.insert("output".to_owned(), json!({ "message": message }));
    reply
}

/// Converts a delta to a piece of its block.
fn piece(mut delta: Object) -> Object {
    if let Some(Value::Object(thought)) = delta.get_mut("reasoningContent") {
        let texts = ["text", "signature"].iter().filter_map(|key| thought.remove_entry(*key));
        let texts: Object = texts.filter(|(_, text)| text.is_string()).collect();
        if !texts.is_empty() {
            thought.insert("reasoningText".to_owned(), texts.into());
        }
    }
    if let Some(citation @ Value::Object(_)) = delta.remove("citation") {
        delta.insert("citations".to_owned(), vec![citation].into());
    }
    if let Some(content @ Value::Array(_)) = delta.remove("toolResult") {
        delta.insert("toolResult".to_owned(), json!({ "content": content }));
    }
    delta
}

/// Completes a block. If the input of a call is incomplete JSON, it is kept as text.
fn finish(mut block: Object) -> Object {
    if let Some(Value::Object(call)) = block.get_mut("toolUse") {
        merge::parse(call, "input");
    }
    // Blocks of this API have no type. Only Anthropic's own messages do.
    block.remove("type");
    if let Some(citations) = block.remove("citations") {
        let text = block.remove("text").unwrap_or_else(|| "".into());
        let cited = json!({"content": [{ "text": text }], "citations": citations});
        block.insert("citationsContent".to_owned(), cited);
    }
    block
}
