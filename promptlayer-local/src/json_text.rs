//! JSON that is stored and returned as text.

use std::io;

use rusqlite::ToSql;
use rusqlite::types::ToSqlOutput;
use serde::de::{Deserialize, Deserializer};
use serde::ser::{Error as _, Serialize, Serializer};
use serde_json::Value;
use serde_json::value::RawValue;

/// A JSON value in its serialized form.
///
/// A tree of [`Value`]s needs up to a hundred times the memory of its text. Content that is only stored is
/// therefore serialized while its body is parsed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct JsonText(String);

impl JsonText {
    /// Returns `{}`.
    pub(crate) fn empty_object() -> Self {
        Self("{}".to_owned())
    }

    /// Returns `[]`.
    pub(crate) fn empty_list() -> Self {
        Self("[]".to_owned())
    }

    /// Returns `null`.
    pub(crate) fn null() -> Self {
        Self("null".to_owned())
    }

    /// Returns the JSON of a column, which [`ToSql`] has written.
    #[cfg(feature = "cli")]
    pub(crate) fn from_stored(text: String) -> Self {
        Self(text)
    }

    /// Serializes a value. Its keys must be texts.
    pub(crate) fn of(value: &impl Serialize) -> Self {
        Self::within(value, usize::MAX).unwrap_or_else(Self::null)
    }

    /// Serializes a value like [`of`](Self::of). Returns `None` if the text is longer than `limit`.
    pub(crate) fn within(value: &impl Serialize, limit: usize) -> Option<Self> {
        // Writing these values does not fail, except for keys that are not texts.
        let mut text = Short(Vec::with_capacity(FIRST_CAPACITY));
        let text = match serde_json::to_writer(&mut text, value) {
            Ok(()) => {
                text.0.shrink_to_fit();
                text.0
            }
            // Measures the length first: a buffer that grows while it is written can allocate twice its length.
            Err(_) => {
                let mut length = Length(0);
                let _ = serde_json::to_writer(&mut length, value);
                if length.0 > limit {
                    return None;
                }
                let mut text = Vec::with_capacity(length.0);
                let _ = serde_json::to_writer(&mut text, value);
                text
            }
        };
        (text.len() <= limit).then(|| Self(String::from_utf8(text).unwrap_or_default()))
    }

    /// Returns the text.
    pub(crate) fn as_str(&self) -> &str {
        &self.0
    }

    /// Returns the length of the text in bytes.
    pub(crate) fn len(&self) -> usize {
        self.0.len()
    }

    /// Parses the text into a [`Value`]. `serde_json` wrote the text, so parsing does not fail.
    pub(crate) fn into_value(self) -> Value {
        serde_json::from_str(&self.0).unwrap_or_default()
    }
}

impl From<&Value> for JsonText {
    fn from(value: &Value) -> Self {
        Self::of(value)
    }
}

/// The capacity of the buffer that a value is written to, and the maximum length of a text that is written to it.
const FIRST_CAPACITY: usize = 512;
const SHORT: usize = 16 * 1024;

/// A buffer that refuses a text that is not short.
struct Short(Vec<u8>);

impl io::Write for Short {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        if self.0.len() + bytes.len() > SHORT {
            return Err(io::ErrorKind::StorageFull.into());
        }
        self.0.extend_from_slice(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

/// Counts the bytes written to it.
struct Length(usize);

impl io::Write for Length {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0 += bytes.len();
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

impl<'de> Deserialize<'de> for JsonText {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        Value::deserialize(deserializer).map(|value| Self::from(&value))
    }
}

impl Serialize for JsonText {
    /// Writes the JSON value itself, not a string.
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let value: &RawValue = serde_json::from_str(&self.0).map_err(S::Error::custom)?;
        value.serialize(serializer)
    }
}

impl ToSql for JsonText {
    fn to_sql(&self) -> rusqlite::Result<ToSqlOutput<'_>> {
        self.0.to_sql()
    }
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::{JsonText, SHORT};

    #[test]
    fn value_survives_being_kept_as_text() {
        let value = json!({ "a": [1, 2.5, null, "ü\n\u{0}"], "b": {} });
        let text: JsonText = serde_json::from_value(value.clone()).unwrap();
        assert_eq!(text.0, value.to_string());
        assert_eq!(JsonText::of(&value), text);
        assert_eq!(text.into_value(), value);
        let long = json!({ "a": "ü\n".repeat(SHORT) });
        assert_eq!(JsonText::of(&long).0, long.to_string());
        let length = long.to_string().len();
        assert_eq!(JsonText::within(&long, length), Some(JsonText::of(&long)));
        assert_eq!(JsonText::within(&long, length - 1), None);
        assert_eq!(JsonText::within(&value, 10), None);
        assert_eq!(JsonText::empty_object().into_value(), Value::Object(serde_json::Map::new()));
    }
}
