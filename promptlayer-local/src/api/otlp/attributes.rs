//! Attributes as JSON: written to text, or moved into values.

use std::borrow::Cow;
use std::collections::BTreeMap;
use std::fmt::Display;

use base64::engine::general_purpose::STANDARD;
use serde::ser::{Serialize, Serializer};
use serde_json::{Map, Value};

use super::message::{AnyValue, KeyValue, Kind};

/// The reason for a span whose attributes, events or messages are too long as JSON.
pub(super) const TOO_LONG: &str = "The attributes of a span are too long";

/// Attributes as a JSON object. Of attributes with the same key, the last one counts.
pub(super) struct Attributes<'a>(BTreeMap<Cow<'a, str>, Attribute<'a>>);

enum Attribute<'a> {
    Sent(&'a Option<AnyValue>),
    Text(&'a str),
    Count(u32),
}

impl<'a> Attributes<'a> {
    pub(super) fn new(attributes: &'a [KeyValue]) -> Self {
        let attributes = attributes.iter();
        Self(
            attributes.map(|sent| (Cow::Borrowed(sent.key.as_str()), Attribute::Sent(&sent.value))).collect(),
        )
    }

    /// Adds attributes with a prefix, unless they are present.
    pub(super) fn add_prefixed(&mut self, prefix: &str, attributes: &'a [KeyValue]) {
        for sent in attributes {
            let key = Cow::Owned(format!("{prefix}{}", sent.key));
            self.0.entry(key).or_insert(Attribute::Sent(&sent.value));
        }
    }

    /// Adds a text, unless it is empty or the attribute is present.
    pub(super) fn add_text(&mut self, key: &'a str, text: &'a str) {
        if !text.is_empty() {
            self.0.entry(key.into()).or_insert(Attribute::Text(text));
        }
    }

    /// Adds a count, unless it is 0 or the attribute is present.
    pub(super) fn add_count(&mut self, key: &'a str, count: u32) {
        if count > 0 {
            self.0.entry(key.into()).or_insert(Attribute::Count(count));
        }
    }
}

impl Serialize for Attributes<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_map(&self.0)
    }
}

impl Serialize for Attribute<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        match self {
            Self::Sent(value) => value.serialize(serializer),
            Self::Text(text) => serializer.serialize_str(text),
            Self::Count(count) => serializer.serialize_u32(*count),
        }
    }
}

impl Serialize for AnyValue {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        match &self.kind {
            None => serializer.serialize_unit(),
            Some(Kind::Text(text)) => serializer.serialize_str(text),
            Some(Kind::Bool(value)) => serializer.serialize_bool(*value),
            Some(Kind::Int(value)) => serializer.serialize_i64(*value),
            Some(Kind::Double(value)) if value.is_finite() => serializer.serialize_f64(*value),
            Some(Kind::Double(value)) => serializer.serialize_str(name_of(*value)),
            Some(Kind::Array(array)) => serializer.collect_seq(&array.values),
            Some(Kind::Object(object)) => Attributes::new(&object.values).serialize(serializer),
            Some(Kind::Bytes(bytes)) => serializer.collect_str(&Base64(bytes)),
        }
    }
}

/// Bytes, displayed in base64.
struct Base64<'a>(&'a [u8]);

impl Display for Base64<'_> {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        base64::display::Base64Display::new(self.0, &STANDARD).fmt(formatter)
    }
}

/// Returns protobuf's name of a number that JSON does not have.
fn name_of(number: f64) -> &'static str {
    if number.is_nan() {
        "NaN"
    } else if number > 0.0 {
        "Infinity"
    } else {
        "-Infinity"
    }
}

/// Attributes as a JSON object whose values are texts. Values of other types are written as JSON.
pub(super) struct Texts<'a>(pub(super) &'a [KeyValue]);

impl Serialize for Texts<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let texts: BTreeMap<&str, Cow<'_, str>> =
            self.0.iter().map(|sent| (sent.key.as_str(), text_of(sent.value.as_ref()))).collect();
        serializer.collect_map(&texts)
    }
}

fn text_of(value: Option<&AnyValue>) -> Cow<'_, str> {
    match value {
        Some(AnyValue { kind: Some(Kind::Text(text)) }) => Cow::Borrowed(text),
        Some(AnyValue { kind: Some(_) }) => match value.map(serde_json::to_value) {
            Some(Ok(Value::String(text))) => Cow::Owned(text),
            Some(Ok(value)) => Cow::Owned(value.to_string()),
            _ => Cow::Borrowed(""),
        },
        _ => Cow::Borrowed(""),
    }
}

/// Moves attributes into a map of JSON values.
pub(super) fn into_map(attributes: Vec<KeyValue>) -> Map<String, Value> {
    attributes.into_iter().map(|sent| (sent.key, sent.value.map(into_value).unwrap_or_default())).collect()
}

fn into_value(value: AnyValue) -> Value {
    match value.kind {
        Some(Kind::Text(text)) => Value::String(text),
        Some(Kind::Array(array)) => array.values.into_iter().map(into_value).collect(),
        Some(Kind::Object(object)) => Value::Object(into_map(object.values)),
        // Writing one of the other kinds to a value does not fail.
        kind => serde_json::to_value(AnyValue { kind }).unwrap_or_default(),
    }
}
