//! Assembles streamed responses.

use std::collections::BTreeMap;

use serde_json::Value;

use super::INVOCATION_METRICS;
use crate::providers::json::{Fields, Object};
use crate::providers::merge::{self, Op, Rules};
use crate::providers::turn::into_object;

/// The deltas of a block: the type, the field of the piece, and the type of the block if its first event is
/// missing. The field of the block has the same name, except that citations are a list.
const DELTAS: &[(&str, &str, &str)] = &[
    ("text_delta", "text", "text"),
    ("thinking_delta", "thinking", "thinking"),
    ("signature_delta", "signature", "thinking"),
    ("compaction_delta", "content", "compaction"),
    ("input_json_delta", "partial_json", "tool_use"),
    ("citations_delta", "citation", "text"),
];
static BLOCK: Rules = &[("type", Op::First), ("signature", Op::Set), ("*", Op::Append)];

/// The fields of the last events, or of their `delta`, that belong to the message.
const LATE_FIELDS: &[&str] =
    &["stop_reason", "stop_sequence", "stop_details", "container", "usage", "error", INVOCATION_METRICS];
/// Token counts in an event are totals of the message so far. Counts that an event omits keep their value. Some
/// clients write a zero for a count that was omitted.
static MESSAGE: Rules = &[("usage", Op::Fields(&[("*", Op::With(set_count))])), ("*", Op::Set)];

fn set_count(known: &mut Value, later: Value) {
    if later != 0 || known.is_null() {
        *known = later;
    }
}

/// Assembles the events of a stream into the message. If the stream was interrupted, the message contains what
/// arrived. An error event in the stream is added as the `error` field.
pub(super) fn sum(events: Vec<Value>) -> Object {
    let mut message = Object::new();
    let mut blocks: BTreeMap<u64, Object> = BTreeMap::new();
    for event in events {
        let Value::Object(mut event) = event else { continue };
        let kind = event.remove("type").unwrap_or_default();
        let index = event.count("index");
        let mut take = |key: &str| event.remove(key).and_then(into_object);
        match (kind.as_str().unwrap_or_default(), index) {
            ("message_start", _) => {
                if let Some(mut start) = take("message") {
                    if let Some(Value::Array(content)) = start.remove("content") {
                        blocks.extend(
                            (0..)
                                .zip(content)
                                .filter_map(|(index, block)| Some((index, into_object(block)?))),
                        );
                    }
                    message.extend(start);
                }
            }
            ("content_block_start", Some(index)) => {
                if let Some(block) = take("content_block") {
                    blocks.insert(index, block);
                }
            }
            ("content_block_delta", Some(index)) => {
                if let Some(piece) = take("delta").and_then(piece) {
                    merge::add(blocks.entry(index).or_default(), piece, BLOCK);
                }
            }
            ("message_delta" | "message_stop" | "error", _) => {
                let delta = take("delta").unwrap_or_default();
                let fields = event.into_iter().chain(delta);
                let late = fields.filter(|(name, _)| LATE_FIELDS.contains(&name.as_str()));
                merge::add(&mut message, late.collect(), MESSAGE);
            }
            _ => {}
        }
    }
    // These fields identify a message. They are set here in case the first event is missing.
    message.insert("type".to_owned(), "message".into());
    message.insert("role".to_owned(), "assistant".into());
    message.entry("stop_reason").or_insert(Value::Null);
    let content = blocks.into_values().map(finish).filter(|block| !block.is_empty());
    message.insert("content".to_owned(), content.map(Value::Object).collect());
    message
}

/// Converts a delta to a piece of its block.
fn piece(mut delta: Object) -> Option<Object> {
    let (_, field, kind) = DELTAS.iter().find(|(name, ..)| delta.is("type", name))?;
    let (name, value) = match delta.remove(*field)? {
        Value::Object(citation) if *field == "citation" => ("citations", Value::Array(vec![citation.into()])),
        Value::String(text) if *field != "citation" => (*field, Value::String(text)),
        _ => return None,
    };
    Some(Object::from_iter([("type".to_owned(), (*kind).into()), (name.to_owned(), value)]))
}

/// Completes a block. If the input is incomplete JSON, it is kept as text.
fn finish(mut block: Object) -> Object {
    if let Some(input) = block.remove("partial_json").filter(|input| input != "") {
        block.insert("input".to_owned(), input);
        merge::parse(&mut block, "input");
    }
    // The first delta of a text block may be a citation.
    if block.is("type", "text") {
        block.entry("text").or_insert_with(|| "".into());
    }
    block
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use crate::providers::{Output, response};

    #[test]
    fn zero_does_not_replace_a_count_of_a_stream() {
        let events = vec![
            json!({"type": "message_start", "message": {"role": "assistant", "content": [], "usage": {"input_tokens": 21, "output_tokens": 1}}}),
            json!({"type": "message_delta", "delta": {"stop_reason": "end_turn"}, "usage": {"input_tokens": 0, "output_tokens": 4}}),
        ];
        let usage = response(Output::Chunks(events)).usage;
        assert_eq!((usage.input, usage.output), (Some(21), Some(4)));
    }
}
