//! The chunks of a streamed response. Each one is a partial response.

use serde_json::{Number, Value, json};

use super::wire;
use crate::providers::json::{Fields, Object};
use crate::providers::merge::{self, Op, Rules};

/// Later chunks may add or update fields of the usage and of grounding data. The latest value is kept.
const REPLY: Rules =
    &[("candidates", Op::Items(CANDIDATE)), ("usageMetadata", Op::Fields(&[("*", Op::Set)])), ("*", Op::Set)];
const CANDIDATE: Rules = &[
    ("content", Op::Fields(&[("parts", Op::With(add_parts))])),
    ("citationMetadata", Op::Fields(&[("*", Op::Extend)])),
];
const CALL: Rules = &[("partialArgs", Op::Extend), ("id", Op::Set), ("args", Op::Set), ("*", Op::Drop)];

/// The maximum number of list items that a path may skip. A path with a larger index is rejected.
const MOST_LEFT_OUT: usize = 64;
/// The maximum depth of a path.
const DEEPEST: usize = 64;

/// Assembles the chunks into the whole response, in the form of the wire. A chunk may contain only grounding
/// data or safety ratings of a candidate.
pub(super) fn sum(chunks: Vec<Value>) -> Object {
    let pieces = chunks.into_iter().filter_map(|chunk| {
        let Value::Object(mut chunk) = chunk else { return None };
        wire::convert(&mut chunk);
        let is_piece = ["candidates", "usageMetadata", "promptFeedback"].iter().any(|name| chunk.has(name));
        is_piece.then_some(chunk)
    });
    let mut whole = merge::sum(pieces, REPLY);
    let candidates = whole.get_mut("candidates").and_then(Value::as_array_mut);
    for candidate in candidates.into_iter().flatten().filter_map(Value::as_object_mut) {
        let Some(content) = merge::within(candidate, "content") else { continue };
        content.entry("role").or_insert_with(|| "model".into());
        let parts = content.entry("parts").or_insert_with(|| json!([])).as_array_mut();
        parts.into_iter().flatten().filter_map(open_call).for_each(finish_call);
    }
    whole
}

/// Adds parts. Extends the last part if a part continues it.
fn add_parts(known: &mut Value, later: Value) {
    if !known.is_array() {
        *known = json!([]);
    }
    let (Value::Array(parts), Value::Array(more)) = (known, later) else { return };
    for mut part in more {
        let mut last = parts.last_mut();
        if last.as_mut().is_some_and(|last| extend_text(last, &part) || extend_call(last, &part)) {
            continue;
        }
        let is_thought = is_thought(&part);
        if let Some(text) = part.as_object_mut().filter(|part| part.has_a("text", Value::is_string)) {
            text.retain(|name, _| match name.as_str() {
                "thought" => is_thought,
                name => matches!(name, "text" | "thoughtSignature"),
            });
        }
        parts.push(part);
    }
}

/// Extends a text by another one. The last fragment has the signature. It often has no text, and is not
/// marked as a thought again.
fn extend_text(last: &mut Value, part: &Value) -> bool {
    let Some(more) = part.field("text").and_then(Value::as_str) else { return false };
    let is_same = more.is_empty() || is_thought(last) == is_thought(part);
    let last = last.as_object_mut().filter(|last| is_same && last.text("thoughtSignature").is_none());
    let Some(last) = last.filter(|last| last.has_a("text", Value::is_string)) else { return false };
    let rules = &[("text", Op::Append), ("thoughtSignature", Op::Set), ("*", Op::Drop)];
    merge::add(last, part.as_object().cloned().unwrap_or_default(), rules);
    true
}

/// Returns `true` if a part is a thought.
pub(super) fn is_thought(part: &Value) -> bool {
    part.field("thought") == Some(&Value::Bool(true))
}

/// Extends a function call by fragments of its arguments. They have no name.
fn extend_call(last: &mut Value, part: &Value) -> bool {
    let more = part.object("functionCall").filter(|call| call.text("name").is_none());
    let (Some(call), Some(more)) = (open_call(last), more) else { return false };
    merge::add(call, more.clone(), CALL);
    true
}

/// Returns the function call of a part, if it announced more fragments.
fn open_call(part: &mut Value) -> Option<&mut Object> {
    let call = part.get_mut("functionCall")?.as_object_mut()?;
    Some(call).filter(|call| call.get("willContinue") == Some(&Value::Bool(true)))
}

/// Replaces the fragments of a call's arguments by the arguments.
fn finish_call(call: &mut Object) {
    if !call.has("args") {
        call.insert("args".to_owned(), Value::Object(arguments(call.list("partialArgs"))));
    }
    call.retain(|name, _| !matches!(name.as_str(), "willContinue" | "partialArgs"));
}

/// Assembles function arguments from fragments with the paths of their targets
/// (`streamFunctionCallArguments`, on Vertex AI). Texts with the same path are concatenated. A fragment with
/// an invalid path is skipped.
pub(super) fn arguments(pieces: &[Value]) -> Object {
    let mut whole = json!({});
    for piece in pieces {
        let path = piece.text("jsonPath").and_then(steps);
        let place = path.and_then(|path| path.into_iter().try_fold(&mut whole, within));
        match (place, value(piece)) {
            (Some(Value::String(text)), Some(Value::String(more))) => text.push_str(&more),
            (Some(place), Some(value)) => *place = value,
            _ => {}
        }
    }
    match whole {
        Value::Object(whole) => whole,
        _ => Object::new(),
    }
}

/// Parses a path such as `$.places[0].name` or `$['places'][0]` into names and indexes.
fn steps(path: &str) -> Option<Vec<&str>> {
    let path = path.strip_prefix(['$']).filter(|path| path.starts_with(['.', '[']))?;
    let is_closed = path.matches('[').count() == path.matches(']').count();
    let steps = path.split(['.', '[', ']']).filter(|step| !step.is_empty());
    let steps: Vec<&str> = steps.map(|step| step.trim_matches(['\'', '"'])).collect();
    (is_closed && !steps.is_empty() && steps.len() <= DEEPEST).then_some(steps)
}

/// Returns the value that a step refers to. Creates it if it does not exist.
fn within<'a>(place: &'a mut Value, step: &str) -> Option<&'a mut Value> {
    let index = step.parse::<usize>().ok();
    if place.is_null() {
        *place = if index.is_some() { json!([]) } else { json!({}) };
    }
    match (place, index) {
        (Value::Object(fields), _) => Some(fields.entry(step).or_insert(Value::Null)),
        (Value::Array(items), Some(at)) if at <= items.len().saturating_add(MOST_LEFT_OUT) => {
            items.resize(items.len().max(at.saturating_add(1)), Value::Null);
            items.get_mut(at)
        }
        _ => None,
    }
}

/// Returns the value of a fragment. A number without a fractional part becomes an integer.
fn value(piece: &Value) -> Option<Value> {
    let value = ["stringValue", "numberValue", "boolValue"].into_iter().find_map(|name| piece.field(name));
    match value.and_then(Value::as_f64) {
        // `f64` represents every whole number up to this limit exactly.
        #[allow(clippy::cast_possible_truncation)]
        Some(float) if float.fract() == 0.0 && float.abs() < 9e15 => Some(Number::from(float as i64).into()),
        // An absent value and `nullValue` mean the same.
        _ => value.or(piece.get("nullValue")).cloned(),
    }
}
