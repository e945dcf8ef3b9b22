//! The events of a streamed interaction.
//!
//! Until May 2026, events were about contents (`content.delta`) and not about steps (`step.delta`).

use serde_json::{Value, json};

use super::interactions::is_content;
use crate::providers::json::{Fields, Object};
use crate::providers::merge::{self, Op, Rules};

/// The last event may repeat the steps. They are `outputs` here, which count only if there are no other steps.
const INTERACTION: Rules = &[("steps", Op::Items(STEP)), ("outputs", Op::Set)];
const STEP: Rules = &[
    ("type", Op::First),
    ("content", Op::With(add_contents)),
    ("summary", Op::With(add_contents)),
    ("signature", Op::First),
    ("arguments", Op::Append),
];
const TEXT: Rules = &[("type", Op::First), ("text", Op::Append), ("annotations", Op::Extend)];

/// Returns `true` if an object is an event of a streamed interaction.
pub(super) fn is_event(object: &Object) -> bool {
    let has = |name: &str| object.object(name).is_some();
    match object.text("event_type").unwrap_or_default() {
        "step.start" | "content.start" => has("step") || has("content"),
        "step.delta" | "content.delta" => has("delta"),
        kind => kind.starts_with("interaction.") && has("interaction"),
    }
}

/// Assembles the events into the whole interaction.
pub(super) fn sum(events: Vec<Value>) -> Object {
    let mut whole = merge::sum(events.into_iter().filter_map(piece), INTERACTION);
    let steps = whole.get_mut("steps").and_then(Value::as_array_mut);
    let steps = steps.into_iter().flatten().filter_map(Value::as_object_mut);
    steps.for_each(|step| merge::parse(step, "arguments"));
    whole
}

/// Converts an event to a piece of the interaction.
fn piece(event: Value) -> Option<Object> {
    let Value::Object(mut event) = event else { return None };
    let kind = event.owned("event_type")?;
    let mut take = |name: &str| match event.remove(name) {
        Some(Value::Object(object)) => Some(object),
        _ => None,
    };
    let step = match kind.as_str() {
        "step.start" | "content.start" => take("step").or_else(|| take("content")).map(step),
        "step.delta" | "content.delta" => take("delta").map(delta),
        _ => {
            let mut interaction = take("interaction").unwrap_or_default();
            let steps = interaction.remove("steps").or_else(|| interaction.remove("outputs"));
            interaction.extend(steps.map(|steps| ("outputs".to_owned(), steps)));
            let own = event.into_iter().filter(|(name, _)| matches!(name.as_str(), "status" | "usage"));
            interaction.extend(own);
            return Some(interaction);
        }
    };
    let mut step = step?;
    step.extend(event.remove("index").map(|index| ("index".to_owned(), index)));
    Some(field("steps", list(step.into())))
}

/// Returns the step that a step or a content is.
fn step(item: Object) -> Object {
    if !is_content(&item) {
        return item;
    }
    let mut step = field("content", list(item.into()));
    step.insert("type".to_owned(), "model_output".into());
    step
}

/// Converts a change of a step to a piece of the step.
fn delta(mut delta: Object) -> Object {
    let kind = match delta.text("type") {
        None | Some("text_annotation_delta") => "model_output",
        Some("thought_summary" | "thought_signature") => "thought",
        Some("arguments_delta") => "function_call",
        Some(_) => return step(delta),
    };
    delta.remove("type");
    let mut piece = match (kind, delta.remove("content")) {
        ("model_output", _) => field("content", list(delta.into())),
        (_, Some(summary)) => field("summary", list(summary)),
        (_, None) => delta,
    };
    piece.insert("type".to_owned(), kind.into());
    piece
}

fn field(name: &str, value: Value) -> Object {
    Object::from_iter([(name.to_owned(), value)])
}

fn list(item: Value) -> Value {
    Value::Array(vec![item])
}

/// Adds contents. A text, or its annotations, extends the text before it.
fn add_contents(known: &mut Value, later: Value) {
    if !known.is_array() {
        *known = json!([]);
    }
    let (Value::Array(contents), Value::Array(more)) = (known, later) else { return };
    let is_text = |content: &Object| matches!(content.text("type"), None | Some("text"));
    for content in more {
        match (contents.last_mut(), content) {
            (Some(Value::Object(last)), Value::Object(content)) if is_text(last) && is_text(&content) => {
                merge::add(last, content, TEXT);
            }
            (_, content) => contents.push(content),
        }
    }
}
