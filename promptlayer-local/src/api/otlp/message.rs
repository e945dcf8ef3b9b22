//! The messages of OTLP that this server reads, for protobuf and for JSON.
//!
//! The numbers and types are those of OpenTelemetry's `trace/v1/trace.proto` and `common/v1/common.proto`. Fields that
//! are not stored are left out: both decoders skip unknown fields.
//!
//! OTLP's JSON has hex ids, integers of 64 bits as text or as numbers, enums as numbers, and base64 bytes. As in all
//! JSON of protobuf, `null` is the default value. An id that is not hex becomes an invalid id, so that it costs only
//! its own span.

use base64::Engine as _;
use base64::engine::general_purpose::{STANDARD, STANDARD_NO_PAD, URL_SAFE, URL_SAFE_NO_PAD};
use serde::de::Error as _;
use serde::{Deserialize, Deserializer};
use serde_json::Value;

#[derive(Clone, PartialEq, prost::Message, Deserialize)]
#[serde(default, rename_all = "camelCase")]
pub(super) struct ExportTraceServiceRequest {
    #[prost(message, repeated, tag = "1")]
    #[serde(deserialize_with = "or_default")]
    pub(super) resource_spans: Vec<ResourceSpans>,
}

#[derive(Clone, PartialEq, prost::Message, Deserialize)]
#[serde(default, rename_all = "camelCase")]
pub(super) struct ResourceSpans {
    #[prost(message, optional, tag = "1")]
    pub(super) resource: Option<Resource>,
    #[prost(message, repeated, tag = "2")]
    #[serde(deserialize_with = "or_default")]
    pub(super) scope_spans: Vec<ScopeSpans>,
    #[prost(string, tag = "3")]
    #[serde(deserialize_with = "or_default")]
    pub(super) schema_url: String,
}

#[derive(Clone, PartialEq, prost::Message, Deserialize)]
#[serde(default, rename_all = "camelCase")]
pub(super) struct Resource {
    #[prost(message, repeated, tag = "1")]
    #[serde(deserialize_with = "or_default")]
    pub(super) attributes: Vec<KeyValue>,
}

#[derive(Clone, PartialEq, prost::Message, Deserialize)]
#[serde(default, rename_all = "camelCase")]
pub(super) struct ScopeSpans {
    #[prost(message, optional, tag = "1")]
    pub(super) scope: Option<Scope>,
    #[prost(message, repeated, tag = "2")]
    #[serde(deserialize_with = "or_default")]
    pub(super) spans: Vec<Span>,
    #[prost(string, tag = "3")]
    #[serde(deserialize_with = "or_default")]
    pub(super) schema_url: String,
}

#[derive(Clone, PartialEq, prost::Message, Deserialize)]
#[serde(default, rename_all = "camelCase")]
pub(super) struct Scope {
    #[prost(string, tag = "1")]
    #[serde(deserialize_with = "or_default")]
    pub(super) name: String,
    #[prost(string, tag = "2")]
    #[serde(deserialize_with = "or_default")]
    pub(super) version: String,
    #[prost(message, repeated, tag = "3")]
    #[serde(deserialize_with = "or_default")]
    pub(super) attributes: Vec<KeyValue>,
}

#[derive(Clone, PartialEq, prost::Message, Deserialize)]
#[serde(default, rename_all = "camelCase")]
#[expect(clippy::struct_field_names, reason = "the names of the protocol")]
pub(super) struct Span {
    #[prost(bytes = "vec", tag = "1")]
    #[serde(deserialize_with = "id")]
    pub(super) trace_id: Vec<u8>,
    #[prost(bytes = "vec", tag = "2")]
    #[serde(deserialize_with = "id")]
    pub(super) span_id: Vec<u8>,
    #[prost(string, tag = "3")]
    #[serde(deserialize_with = "or_default")]
    pub(super) trace_state: String,
    #[prost(bytes = "vec", tag = "4")]
    #[serde(deserialize_with = "id")]
    pub(super) parent_span_id: Vec<u8>,
    #[prost(string, tag = "5")]
    #[serde(deserialize_with = "or_default")]
    pub(super) name: String,
    #[prost(int32, tag = "6")]
    #[serde(deserialize_with = "or_default")]
    pub(super) kind: i32,
    #[prost(fixed64, tag = "7")]
    #[serde(deserialize_with = "integer")]
    pub(super) start_time_unix_nano: u64,
    #[prost(fixed64, tag = "8")]
    #[serde(deserialize_with = "integer")]
    pub(super) end_time_unix_nano: u64,
    #[prost(message, repeated, tag = "9")]
    #[serde(deserialize_with = "or_default")]
    pub(super) attributes: Vec<KeyValue>,
    #[prost(uint32, tag = "10")]
    #[serde(deserialize_with = "or_default")]
    pub(super) dropped_attributes_count: u32,
    #[prost(message, repeated, tag = "11")]
    #[serde(deserialize_with = "or_default")]
    pub(super) events: Vec<Event>,
    #[prost(uint32, tag = "12")]
    #[serde(deserialize_with = "or_default")]
    pub(super) dropped_events_count: u32,
    #[prost(message, repeated, tag = "13")]
    #[serde(deserialize_with = "or_default")]
    pub(super) links: Vec<Link>,
    #[prost(uint32, tag = "14")]
    #[serde(deserialize_with = "or_default")]
    pub(super) dropped_links_count: u32,
    #[prost(message, optional, tag = "15")]
    pub(super) status: Option<Status>,
}

#[derive(Clone, PartialEq, prost::Message, Deserialize)]
#[serde(default, rename_all = "camelCase")]
pub(super) struct Event {
    #[prost(fixed64, tag = "1")]
    #[serde(deserialize_with = "integer")]
    pub(super) time_unix_nano: u64,
    #[prost(string, tag = "2")]
    #[serde(deserialize_with = "or_default")]
    pub(super) name: String,
    #[prost(message, repeated, tag = "3")]
    #[serde(deserialize_with = "or_default")]
    pub(super) attributes: Vec<KeyValue>,
}

#[derive(Clone, PartialEq, prost::Message, Deserialize)]
#[serde(default, rename_all = "camelCase")]
pub(super) struct Link {
    #[prost(bytes = "vec", tag = "1")]
    #[serde(deserialize_with = "id")]
    pub(super) trace_id: Vec<u8>,
    #[prost(bytes = "vec", tag = "2")]
    #[serde(deserialize_with = "id")]
    pub(super) span_id: Vec<u8>,
    #[prost(string, tag = "3")]
    #[serde(deserialize_with = "or_default")]
    pub(super) trace_state: String,
    #[prost(message, repeated, tag = "4")]
    #[serde(deserialize_with = "or_default")]
    pub(super) attributes: Vec<KeyValue>,
}

#[derive(Clone, PartialEq, prost::Message, Deserialize)]
#[serde(default, rename_all = "camelCase")]
pub(super) struct Status {
    #[prost(string, tag = "2")]
    #[serde(deserialize_with = "or_default")]
    pub(super) message: String,
    #[prost(int32, tag = "3")]
    #[serde(deserialize_with = "or_default")]
    pub(super) code: i32,
}

#[derive(Clone, PartialEq, prost::Message, Deserialize)]
#[serde(default, rename_all = "camelCase")]
pub(super) struct KeyValue {
    #[prost(string, tag = "1")]
    #[serde(deserialize_with = "or_default")]
    pub(super) key: String,
    #[prost(message, optional, tag = "2")]
    pub(super) value: Option<AnyValue>,
}

#[derive(Clone, PartialEq, prost::Message, Deserialize)]
#[serde(from = "AnyValueJson")]
pub(super) struct AnyValue {
    #[prost(oneof = "Kind", tags = "1, 2, 3, 4, 5, 6, 7")]
    pub(super) kind: Option<Kind>,
}

#[derive(Clone, PartialEq, prost::Oneof)]
pub(super) enum Kind {
    #[prost(string, tag = "1")]
    Text(String),
    #[prost(bool, tag = "2")]
    Bool(bool),
    #[prost(int64, tag = "3")]
    Int(i64),
    #[prost(double, tag = "4")]
    Double(f64),
    #[prost(message, tag = "5")]
    Array(ArrayValue),
    #[prost(message, tag = "6")]
    Object(KeyValueList),
    #[prost(bytes, tag = "7")]
    Bytes(Vec<u8>),
}

#[derive(Clone, PartialEq, prost::Message, Deserialize)]
#[serde(default, rename_all = "camelCase")]
pub(super) struct ArrayValue {
    #[prost(message, repeated, tag = "1")]
    #[serde(deserialize_with = "or_default")]
    pub(super) values: Vec<AnyValue>,
}

#[derive(Clone, PartialEq, prost::Message, Deserialize)]
#[serde(default, rename_all = "camelCase")]
pub(super) struct KeyValueList {
    #[prost(message, repeated, tag = "1")]
    #[serde(deserialize_with = "or_default")]
    pub(super) values: Vec<KeyValue>,
}

/// The JSON form of [`AnyValue`]. One of its fields is set.
#[derive(Default, Deserialize)]
#[serde(default, rename_all = "camelCase")]
#[expect(clippy::struct_field_names, reason = "the names of the protocol")]
struct AnyValueJson {
    string_value: Option<String>,
    bool_value: Option<bool>,
    int_value: Option<Integer<i64>>,
    double_value: Option<Double>,
    array_value: Option<ArrayValue>,
    kvlist_value: Option<KeyValueList>,
    bytes_value: Option<Base64>,
}

impl From<AnyValueJson> for AnyValue {
    fn from(json: AnyValueJson) -> Self {
        let kind = (json.string_value.map(Kind::Text))
            .or(json.bool_value.map(Kind::Bool))
            .or(json.int_value.map(|value| Kind::Int(value.0)))
            .or(json.double_value.map(|value| Kind::Double(value.0)))
            .or(json.array_value.map(Kind::Array))
            .or(json.kvlist_value.map(Kind::Object))
            .or(json.bytes_value.map(|value| Kind::Bytes(value.0)));
        Self { kind }
    }
}

fn or_default<'de, D: Deserializer<'de>, T: Deserialize<'de> + Default>(
    deserializer: D,
) -> Result<T, D::Error> {
    Option::deserialize(deserializer).map(Option::unwrap_or_default)
}

/// Reads an id. Anything that is not hex becomes one byte, which no id has.
fn id<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Vec<u8>, D::Error> {
    let text: String = or_default(deserializer)?;
    Ok(from_hex(&text).unwrap_or_else(|| vec![0xff]))
}

/// The length of the longest id in hex.
const LONGEST_ID: usize = 32;

fn from_hex(text: &str) -> Option<Vec<u8>> {
    if text.len() > LONGEST_ID || !text.len().is_multiple_of(2) {
        return None;
    }
    let digits: Vec<u32> = text.chars().map(|digit| digit.to_digit(16)).collect::<Option<_>>()?;
    digits
        .chunks_exact(2)
        .map(|pair| u8::try_from(pair.iter().fold(0, |sum, digit| sum * 16 + digit)).ok())
        .collect()
}

fn integer<'de, D: Deserializer<'de>>(deserializer: D) -> Result<u64, D::Error> {
    or_default::<D, Integer<u64>>(deserializer).map(|integer| integer.0)
}

/// An integer of 64 bits, as text or as a number.
#[derive(Default)]
struct Integer<T>(T);

impl<'de, T: TryFrom<i128>> Deserialize<'de> for Integer<T> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let value = Value::deserialize(deserializer)?;
        let integer = match &value {
            Value::String(text) => text.parse().ok(),
            Value::Number(number) => {
                number.as_u64().map(i128::from).or_else(|| crate::integer::read(&value).map(i128::from))
            }
            _ => None,
        };
        let integer = integer.and_then(|integer: i128| T::try_from(integer).ok());
        integer
            .map(Self)
            .ok_or_else(|| D::Error::custom("expected an integer of 64 bits, as text or as a number"))
    }
}

/// A number, or the name of a value that JSON has no number for.
struct Double(f64);

impl<'de> Deserialize<'de> for Double {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let value = Value::deserialize(deserializer)?;
        let number = match &value {
            // `parse` knows `NaN`, `Infinity` and `-Infinity`.
            Value::String(text) => text.parse().ok(),
            value => value.as_f64(),
        };
        number.map(Self).ok_or_else(|| D::Error::custom("expected a number"))
    }
}

/// Bytes in base64.
struct Base64(Vec<u8>);

impl<'de> Deserialize<'de> for Base64 {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = String::deserialize(deserializer)?;
        // Both alphabets are allowed, with padding or without.
        [STANDARD, URL_SAFE, STANDARD_NO_PAD, URL_SAFE_NO_PAD]
            .iter()
            .find_map(|engine| engine.decode(&text).ok())
            .map(Self)
            .ok_or_else(|| D::Error::custom("expected bytes in base64"))
    }
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::{AnyValue, Kind, Span};

    fn span(fields: Value) -> serde_json::Result<Span> {
        serde_json::from_value(fields)
    }

    #[test]
    fn id_that_is_not_hex_has_the_wrong_length() {
        for (id, length) in
            [("", 0), ("0102", 2), ("0g", 1), ("012", 1), ("+1", 1), ("é", 1), (&"0".repeat(34), 1)]
        {
            assert_eq!(span(json!({ "spanId": id })).unwrap().span_id.len(), length, "{id}");
        }
        assert_eq!(span(json!({ "spanId": "0aFf" })).unwrap().span_id, [0x0a, 0xff]);
    }

    #[test]
    fn integers_are_text_or_numbers() {
        for (time, expected) in [
            (json!("18446744073709551615"), Some(u64::MAX)),
            (json!(u64::MAX), Some(u64::MAX)),
            (json!(5.0), Some(5)),
            (json!(null), Some(0)),
            (json!("-1"), None),
            (json!(1.5), None),
            (json!("1e3"), None),
        ] {
            let read = span(json!({ "startTimeUnixNano": time })).ok().map(|span| span.start_time_unix_nano);
            assert_eq!(read, expected, "{time}");
        }
    }

    #[test]
    fn values_of_every_kind_are_read() {
        for (json, expected) in [
            (json!({ "intValue": "-9223372036854775808" }), Kind::Int(i64::MIN)),
            (json!({ "intValue": -7 }), Kind::Int(-7)),
            (json!({ "doubleValue": 7 }), Kind::Double(7.0)),
            (json!({ "doubleValue": "-Infinity" }), Kind::Double(f64::NEG_INFINITY)),
            (json!({ "bytesValue": "+/8=" }), Kind::Bytes(vec![0xfb, 0xff])),
            (json!({ "bytesValue": "-_8" }), Kind::Bytes(vec![0xfb, 0xff])),
            (json!({ "boolValue": false, "intValue": null }), Kind::Bool(false)),
        ] {
            let value: AnyValue = serde_json::from_value(json.clone()).unwrap();
            assert_eq!(value.kind, Some(expected), "{json}");
        }
        for json in [json!({ "bytesValue": "~" }), json!({ "intValue": "9223372036854775808" })] {
            assert!(serde_json::from_value::<AnyValue>(json.clone()).is_err(), "{json}");
        }
    }
}
