//! Captured values as JSON, and the small readings that every provider's shape needs.

use std::time::SystemTime;

use jiff::Timestamp;
use serde_json::{Map, Value};

use crate::capture::Captured;
pub(super) use crate::secrets::REDACTED;

/// A captured value as JSON.
pub(super) fn value(captured: &Captured) -> Value {
    match captured {
        Captured::Json(json) => match serde_json::from_str(json) {
            // A number with more digits than a float has is kept as the text that it is.
            Ok(Value::Number(number)) if number.is_f64() && !json.contains(['.', 'e', 'E']) => {
                Value::from(json.as_str())
            }
            Ok(value) => value,
            Err(_) => Value::from(json.as_str()),
        },
        Captured::Text(text) => Value::from(text.as_str()),
        Captured::Type(name) => Value::from(format!("[{name}]")),
        Captured::Redacted => Value::from(REDACTED),
    }
}

/// A captured value as text: a string without its quotes, anything else as it is.
pub(super) fn text(captured: &Captured) -> String {
    match value(captured) {
        Value::String(text) => text,
        other => other.to_string(),
    }
}

/// A value as text that a person reads.
pub(super) fn readable(value: &Value) -> String {
    match value {
        Value::String(text) => text.clone(),
        Value::Array(_) | Value::Object(_) => {
            serde_json::to_string_pretty(value).unwrap_or_else(|_| value.to_string())
        }
        other => other.to_string(),
    }
}

/// A text field that is there and not empty.
pub(super) fn string<'a>(object: &'a Map<String, Value>, key: &str) -> Option<&'a str> {
    object.get(key)?.as_str().filter(|text| !text.is_empty())
}

/// A time as the API takes it; `None` outside the years that it can say.
pub(super) fn timestamp(time: SystemTime) -> Option<Timestamp> {
    Timestamp::try_from(time).ok()
}
