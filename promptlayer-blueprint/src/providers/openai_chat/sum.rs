//! What the chunks of chat completions and of the legacy completions have in common.

use std::collections::BTreeMap;

use serde_json::Value;

use crate::providers::shape::Object;

/// What the chunks of one choice add up to.
pub(in crate::providers) trait Choice<'a>: Default {
    /// Adds the part of the choice that a chunk has.
    fn add(&mut self, choice: &'a Object);
    /// The choice of the whole reply.
    fn whole(self) -> Object;
}

/// Choices by their index, whatever the order that their parts come in.
pub(in crate::providers) struct Choices<C> {
    whole: Object,
    choices: BTreeMap<u64, C>,
}

impl<'a, C: Choice<'a>> Choices<C> {
    /// Adds chunks up to a reply, which calls itself `kind` if the chunks call themselves something. Copilot's do not.
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
                // Noise of Mistral's and of OpenAI's, which hides how long a chunk is.
                "p" | "obfuscation" => {}
                // The first that is said is of the whole reply. Azure begins with a chunk that leaves them empty.
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

/// Whether a value says nothing.
fn is_empty(value: &Value) -> bool {
    match value {
        Value::Null => true,
        Value::String(text) => text.is_empty(),
        Value::Number(number) => number.as_u64() == Some(0),
        _ => false,
    }
}

/// Sets a field to what a later chunk says of it. Of an object, the fields that are not told again stay: usage is
/// told as the sum so far.
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

/// Appends the lists that an object holds: the log probabilities of a choice.
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
