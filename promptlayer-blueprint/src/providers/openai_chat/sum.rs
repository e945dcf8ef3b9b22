//! Assembles chunks of chat completions and of legacy completions.

use std::collections::BTreeMap;

use serde_json::Value;

use crate::providers::shape::Object;

/// A choice that is assembled from its chunks.
pub(in crate::providers) trait Choice<'a>: Default {
    /// Adds a chunk's part of the choice.
    fn add(&mut self, choice: &'a Object);
    /// Returns the choice of the whole response.
    fn whole(self) -> Object;
}

/// Choices by index. Their parts may arrive in any order.
pub(in crate::providers) struct Choices<C> {
    whole: Object,
    choices: BTreeMap<u64, C>,
}

impl<'a, C: Choice<'a>> Choices<C> {
    /// Assembles chunks into a response. If the chunks have an `object` field, it is set to `kind`.
    /// Copilot's have none.
    pub(in crate::providers) fn sum(chunks: &'a [Value], kind: &str) -> Object {
        let mut sum = Self { whole: Object::new(), choices: BTreeMap::new() };
        for chunk in chunks.iter().filter_map(Value::as_object) {
            sum.add(chunk);
        }
        let choices = sum.choices.into_iter().map(|(index, choice)| {
            let mut choice = choice.whole();
            choice.insert("index".to_owned(), index.into());
            Value::Object(choice)
        });
        sum.whole.insert("choices".to_owned(), choices.collect());
        if let Some(called) = sum.whole.get_mut("object") {
            *called = kind.into();
        }
        sum.whole
    }

    fn add(&mut self, chunk: &'a Object) {
        for (key, value) in chunk {
            match key.as_str() {
                "choices" => self.add_choices(value),
                // Padding that Mistral and OpenAI add to hide the length of a chunk.
                "p" | "obfuscation" => {}
                // The first non-empty value is kept. Azure's first chunk leaves these fields empty.
                "id" | "model" | "created" | "error" => {
                    if self.whole.get(key).is_none_or(is_empty) {
                        self.whole.insert(key.clone(), value.clone());
                    }
                }
                _ => merge(&mut self.whole, key, value),
            }
        }
    }

    fn add_choices(&mut self, choices: &'a Value) {
        let choices = choices.as_array().map(Vec::as_slice).unwrap_or_default();
        for (place, choice) in (0_u64..).zip(choices) {
            let Some(choice) = choice.as_object() else { continue };
            let index = choice.get("index").and_then(Value::as_u64).unwrap_or(place);
            self.choices.entry(index).or_default().add(choice);
        }
    }
}

/// Returns `true` if a value is empty.
fn is_empty(value: &Value) -> bool {
    match value {
        Value::Null => true,
        Value::String(text) => text.is_empty(),
        Value::Number(number) => number.as_u64() == Some(0),
        _ => false,
    }
}

/// Sets a field to the value of a later chunk. Objects are merged, and fields that the later chunk omits
/// are kept: usage counts are totals so far.
pub(in crate::providers) fn merge(into: &mut Object, key: &str, value: &Value) {
    match (into.get_mut(key), value) {
        (_, Value::Null) => {}
        (Some(Value::Object(known)), Value::Object(told)) => {
            let told = told.iter().filter(|(_, value)| !value.is_null());
            known.extend(told.map(|(key, value)| (key.clone(), value.clone())));
        }
        (Some(known), value) => *known = value.clone(),
        (None, value) => {
            into.insert(key.to_owned(), value.clone());
        }
    }
}

/// Appends the lists of an object, such as the log probabilities of a choice.
pub(in crate::providers) fn append_lists(into: &mut Object, from: &Object) {
    for (key, value) in from {
        match (into.get_mut(key), value) {
            (Some(Value::Array(known)), Value::Array(more)) => known.extend_from_slice(more),
            (None, Value::Array(more)) => {
                into.insert(key.clone(), more.as_slice().into());
            }
            _ => {}
        }
    }
}

/// Adds the fields of an object. The fields in `pieces` are fragments and are appended.
pub(super) fn add_pieces(into: &mut Object, from: &Object, pieces: &[&str]) {
    for (key, value) in from {
        match value {
            Value::String(piece) if pieces.contains(&key.as_str()) => append(into, key, piece),
            value => merge(into, key, value),
        }
    }
}

/// Appends a fragment to a text field.
pub(super) fn append(into: &mut Object, key: &str, piece: &str) {
    match into.get_mut(key) {
        Some(Value::String(text)) => text.push_str(piece),
        _ => {
            into.insert(key.to_owned(), piece.into());
        }
    }
}
