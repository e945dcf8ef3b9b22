//! Fields of a span, whichever way they were recorded.

use std::borrow::Cow;

use serde_json::{Map, Value};

/// A field as text. One that was recorded by the `Debug` of a string loses its quotes.
pub(super) fn text<'a>(fields: &'a Map<String, Value>, name: &str) -> Option<Cow<'a, str>> {
    let text = match fields.get(name)? {
        Value::String(text) if text.starts_with('"') => match serde_json::from_str(text) {
            Ok(unquoted) => Cow::Owned(unquoted),
            Err(_) => Cow::Borrowed(text.as_str()),
        },
        Value::String(text) => Cow::Borrowed(text.as_str()),
        Value::Null => return None,
        other => Cow::Owned(other.to_string()),
    };
    (!text.is_empty()).then_some(text)
}

/// A field's value: where it is a text that is JSON, what that says.
pub(super) fn value(field: &Value) -> Value {
    field.as_str().and_then(|text| serde_json::from_str(text).ok()).unwrap_or_else(|| field.clone())
}

/// The same of a field that is there.
pub(super) fn parsed(fields: &Map<String, Value>, name: &str) -> Option<Value> {
    fields.get(name).map(value).filter(|value| !value.is_null() && value.as_str() != Some(""))
}

/// What a field says that holds messages or a text: its text, and where that is JSON, what it says.
pub(super) struct Said<'a> {
    pub(super) text: Cow<'a, str>,
    pub(super) value: Option<Value>,
}

/// The field of messages, else the one of a text. No messages are none; a text may read so and be one.
pub(super) fn said<'a>(fields: &'a Map<String, Value>, messages: &str, otherwise: &str) -> Option<Said<'a>> {
    let read = |name| text(fields, name).map(|text| Said { value: serde_json::from_str(&text).ok(), text });
    let is_nothing = |said: &Said<'_>| match &said.value {
        Some(Value::Array(messages)) => messages.is_empty(),
        Some(value) => value.is_null(),
        None => false,
    };
    read(messages).filter(|said| !is_nothing(said)).or_else(|| read(otherwise))
}

/// The first of these fields that is a count. What is less than nothing counts as nothing said.
pub(super) fn count(fields: &Map<String, Value>, names: &[&str]) -> Option<u64> {
    names.iter().find_map(|name| value(fields.get(*name)?).as_u64())
}

/// A field that is a number.
pub(super) fn seconds(fields: &Map<String, Value>, name: &str) -> Option<f64> {
    value(fields.get(name)?).as_f64()
}

/// A field that is a list of texts, or the one text in it.
pub(super) fn list(fields: &Map<String, Value>, name: &str) -> Vec<String> {
    match parsed(fields, name) {
        Some(Value::Array(items)) => items.iter().filter_map(Value::as_str).map(str::to_owned).collect(),
        Some(Value::String(text)) => vec![text],
        _ => Vec::new(),
    }
}
