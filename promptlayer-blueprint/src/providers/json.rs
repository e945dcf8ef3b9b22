//! Reads the fields of JSON objects.

use std::collections::BTreeMap;

use serde_json::{Map, Value};

/// A JSON object.
pub(super) type Object = Map<String, Value>;

/// The fields of a JSON object, by name and type. A value that is not an object has no fields, and a field of
/// another type than the one asked for counts as absent.
pub(super) trait Fields {
    /// Returns a field.
    fn any(&self, key: &str) -> Option<&Value>;

    /// Returns a field, unless it is `null`.
    fn field(&self, key: &str) -> Option<&Value> {
        self.any(key).filter(|value| !value.is_null())
    }

    /// Returns a text that is not empty.
    fn text(&self, key: &str) -> Option<&str> {
        self.field(key)?.as_str().filter(|text| !text.is_empty())
    }

    /// Returns a copy of a text that is not empty.
    fn owned(&self, key: &str) -> Option<String> {
        self.text(key).map(str::to_owned)
    }

    /// Returns a copy of a text, or an empty text.
    fn string(&self, key: &str) -> String {
        self.owned(key).unwrap_or_default()
    }

    /// Returns a number of things.
    fn count(&self, key: &str) -> Option<u64> {
        whole_number(self.field(key)?)
    }

    /// Returns an object.
    fn object(&self, key: &str) -> Option<&Object> {
        self.field(key)?.as_object()
    }

    /// Returns the items of a list, or no items.
    fn list(&self, key: &str) -> &[Value] {
        self.field(key).and_then(Value::as_array).map(Vec::as_slice).unwrap_or_default()
    }

    /// Returns the objects in a list.
    fn objects(&self, key: &str) -> impl Iterator<Item = &Object> {
        self.list(key).iter().filter_map(Value::as_object)
    }

    /// Returns the field at a path of names with dots between them: `usage.input_tokens`.
    fn at(&self, path: &str) -> Option<&Value> {
        // Most paths are one short name, for which this is faster than `split_once`.
        match path.bytes().position(|byte| byte == b'.') {
            None => self.field(path),
            Some(dot) => self.field(path.get(..dot)?)?.at(path.get(dot + 1..)?),
        }
    }

    /// Returns the text at a path.
    fn text_at(&self, path: &str) -> Option<&str> {
        self.at(path)?.as_str().filter(|text| !text.is_empty())
    }

    /// Returns the texts at paths, by the key of each path.
    fn texts_at(&self, paths: &[(&'static str, &str)]) -> BTreeMap<&'static str, String> {
        paths.iter().filter_map(|(key, path)| Some((*key, self.text_at(path)?.to_owned()))).collect()
    }

    /// Returns `true` if a field has this text.
    fn is(&self, key: &str, text: &str) -> bool {
        self.field(key).and_then(Value::as_str) == Some(text)
    }

    /// Returns `true` if a field is present, also with `null`, and passes a test.
    fn has_a(&self, key: &str, is: impl FnOnce(&Value) -> bool) -> bool {
        self.any(key).is_some_and(is)
    }

    /// Returns a text, which may be empty.
    fn str(&self, key: &str) -> Option<&str> {
        self.any(key)?.as_str()
    }

    /// Returns `true` if a field is present and not `null`.
    fn has(&self, key: &str) -> bool {
        self.field(key).is_some()
    }
}

impl Fields for Object {
    fn any(&self, key: &str) -> Option<&Value> {
        self.get(key)
    }
}

impl Fields for Value {
    fn any(&self, key: &str) -> Option<&Value> {
        self.get(key)
    }
}

/// Reads a number of things. Cohere's API reference defines its counts as floats, and SDKs serialize them as such.
pub(super) fn whole_number(value: &Value) -> Option<u64> {
    let float = || value.as_f64().filter(|float| (0.0..9e15).contains(float) && float.fract() == 0.0);
    // The float is a whole number that `f64` represents exactly.
    #[allow(clippy::cast_possible_truncation, clippy::cast_sign_loss)]
    value.as_u64().or_else(|| float().map(|float| float as u64))
}

/// Returns an object without its fields that are `null`.
pub(super) fn without_nulls(mut object: Value) -> Value {
    if let Value::Object(fields) = &mut object {
        fields.retain(|_, value| !value.is_null());
    }
    object
}

/// Converts a value to text for human readers.
pub fn readable(value: &Value) -> String {
    match value {
        Value::String(text) => text.clone(),
        Value::Array(_) | Value::Object(_) => {
            serde_json::to_string_pretty(value).unwrap_or_else(|_| value.to_string())
        }
        other => other.to_string(),
    }
}

/// Converts a value to text for human readers, without a copy of a text.
pub(super) fn into_readable(value: Value) -> String {
    match value {
        Value::String(text) => text,
        other => readable(&other),
    }
}

/// Returns a text that is JSON, such as the arguments of a tool call: a text as it is, any other value
/// serialized.
pub(super) fn compact(value: &Value) -> String {
    value.as_str().map_or_else(|| value.to_string(), str::to_owned)
}

/// Parses the arguments of a tool call. An empty text is an object without fields.
pub(super) fn arguments(text: &str) -> Option<Object> {
    if text.is_empty() { Some(Object::new()) } else { serde_json::from_str(text).ok() }
}
