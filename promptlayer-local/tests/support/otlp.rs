//! OTLP bodies: written as JSON, and encoded to protobuf from that JSON.
//!
//! The encoder has its own table of field numbers, from OpenTelemetry's `.proto` files, so that it does not share a
//! mistake with the decoder of the server.

use std::io::Write;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use flate2::Compression;
use flate2::write::GzEncoder;
use reqwest::{Method, RequestBuilder};
use serde_json::{Value, json};

use super::Local;

/// The fields of a message: the name in JSON, the number, and the type.
type Fields = &'static [(&'static str, u64, Type)];

/// How a field is encoded.
enum Type {
    Message(&'static Fields),
    Text,
    Hex,
    Base64,
    Varint,
    Fixed64,
    Double,
}

static REQUEST: Fields = &[("resourceSpans", 1, Type::Message(&RESOURCE_SPANS))];
static RESOURCE_SPANS: Fields = &[
    ("resource", 1, Type::Message(&RESOURCE)),
    ("scopeSpans", 2, Type::Message(&SCOPE_SPANS)),
    ("schemaUrl", 3, Type::Text),
];
static RESOURCE: Fields = &[("attributes", 1, Type::Message(&KEY_VALUE))];
static SCOPE_SPANS: Fields =
    &[("scope", 1, Type::Message(&SCOPE)), ("spans", 2, Type::Message(&SPAN)), ("schemaUrl", 3, Type::Text)];
static SCOPE: Fields =
    &[("name", 1, Type::Text), ("version", 2, Type::Text), ("attributes", 3, Type::Message(&KEY_VALUE))];
static SPAN: Fields = &[
    ("traceId", 1, Type::Hex),
    ("spanId", 2, Type::Hex),
    ("traceState", 3, Type::Text),
    ("parentSpanId", 4, Type::Hex),
    ("name", 5, Type::Text),
    ("kind", 6, Type::Varint),
    ("startTimeUnixNano", 7, Type::Fixed64),
    ("endTimeUnixNano", 8, Type::Fixed64),
    ("attributes", 9, Type::Message(&KEY_VALUE)),
    ("droppedAttributesCount", 10, Type::Varint),
    ("events", 11, Type::Message(&EVENT)),
    ("droppedEventsCount", 12, Type::Varint),
    ("links", 13, Type::Message(&LINK)),
    ("droppedLinksCount", 14, Type::Varint),
    ("status", 15, Type::Message(&STATUS)),
    // A field of a later version of the protocol.
    ("unknown", 900, Type::Text),
];
static EVENT: Fields = &[
    ("timeUnixNano", 1, Type::Fixed64),
    ("name", 2, Type::Text),
    ("attributes", 3, Type::Message(&KEY_VALUE)),
];
static LINK: Fields = &[
    ("traceId", 1, Type::Hex),
    ("spanId", 2, Type::Hex),
    ("traceState", 3, Type::Text),
    ("attributes", 4, Type::Message(&KEY_VALUE)),
];
static STATUS: Fields = &[("message", 2, Type::Text), ("code", 3, Type::Varint)];
static KEY_VALUE: Fields = &[("key", 1, Type::Text), ("value", 2, Type::Message(&ANY_VALUE))];
static ANY_VALUE: Fields = &[
    ("stringValue", 1, Type::Text),
    ("boolValue", 2, Type::Varint),
    ("intValue", 3, Type::Varint),
    ("doubleValue", 4, Type::Double),
    ("arrayValue", 5, Type::Message(&ARRAY)),
    ("kvlistValue", 6, Type::Message(&OBJECT)),
    ("bytesValue", 7, Type::Base64),
];
static ARRAY: Fields = &[("values", 1, Type::Message(&ANY_VALUE))];
static OBJECT: Fields = &[("values", 1, Type::Message(&KEY_VALUE))];

/// Encodes the JSON form of a request to protobuf.
pub(crate) fn protobuf(request: &Value) -> Vec<u8> {
    message(request, &REQUEST)
}

fn message(value: &Value, fields: &Fields) -> Vec<u8> {
    let mut bytes = Vec::new();
    for (name, number, kind) in *fields {
        let items = match &value[*name] {
            Value::Null => continue,
            Value::Array(items) => items.as_slice(),
            one => std::slice::from_ref(one),
        };
        for item in items {
            field(&mut bytes, *number, kind, item);
        }
    }
    bytes
}

fn field(bytes: &mut Vec<u8>, number: u64, kind: &Type, value: &Value) {
    let integer = || match value {
        Value::Bool(flag) => i64::from(*flag),
        Value::String(text) => text.parse().unwrap(),
        number => number.as_i64().unwrap(),
    };
    let content = match kind {
        Type::Message(fields) => message(value, fields),
        Type::Text => value.as_str().unwrap().as_bytes().to_vec(),
        Type::Hex => {
            let text = value.as_str().unwrap();
            (0..text.len() / 2).map(|at| u8::from_str_radix(&text[2 * at..2 * at + 2], 16).unwrap()).collect()
        }
        Type::Base64 => STANDARD.decode(value.as_str().unwrap()).unwrap(),
        Type::Varint => {
            varint(bytes, number << 3);
            return varint(bytes, integer().cast_unsigned());
        }
        Type::Fixed64 => {
            varint(bytes, number << 3 | 1);
            return bytes.extend(integer().to_le_bytes());
        }
        Type::Double => {
            varint(bytes, number << 3 | 1);
            let number = value.as_f64().unwrap_or_else(|| value.as_str().unwrap().parse().unwrap());
            return bytes.extend(number.to_le_bytes());
        }
    };
    length_delimited(bytes, number, &content);
}

/// Appends a field that has a length.
pub(crate) fn length_delimited(bytes: &mut Vec<u8>, number: u64, content: &[u8]) {
    varint(bytes, number << 3 | 2);
    varint(bytes, u64::try_from(content.len()).unwrap());
    bytes.extend(content);
}

fn varint(bytes: &mut Vec<u8>, mut value: u64) {
    while value >= 0x80 {
        bytes.push(u8::try_from(value & 0x7f).unwrap() | 0x80);
        value >>= 7;
    }
    bytes.push(u8::try_from(value).unwrap());
}

pub(crate) fn gzip(bytes: &[u8]) -> Vec<u8> {
    let mut encoder = GzEncoder::new(Vec::new(), Compression::default());
    encoder.write_all(bytes).unwrap();
    encoder.finish().unwrap()
}

pub(crate) const TRACE: &str = "5b8efff798038103d269b633813fc60c";
pub(crate) const SPAN_ID: &str = "eee19b7ec3c1b174";

/// Returns a list of attributes, whose values are texts, numbers, flags and lists of them.
pub(crate) fn attributes(attributes: &Value) -> Value {
    let attributes = attributes.as_object().unwrap().iter();
    attributes.map(|(key, value)| json!({ "key": key, "value": any_value(value) })).collect()
}

fn any_value(value: &Value) -> Value {
    match value {
        Value::String(text) => json!({ "stringValue": text }),
        Value::Bool(flag) => json!({ "boolValue": flag }),
        Value::Number(number) if number.is_i64() => json!({ "intValue": number.to_string() }),
        Value::Number(number) => json!({ "doubleValue": number }),
        Value::Array(items) => {
            json!({ "arrayValue": { "values": items.iter().map(any_value).collect::<Vec<_>>() } })
        }
        Value::Object(_) => json!({ "kvlistValue": { "values": attributes(value) } }),
        Value::Null => json!({}),
    }
}

/// Returns a span of the trace [`TRACE`] from 1 s to 2 s after an arbitrary time.
pub(crate) fn span(span_id: &str, fields: &Value) -> Value {
    let span = json!({
        "traceId": TRACE,
        "spanId": span_id,
        "name": "step",
        "kind": 1,
        "startTimeUnixNano": "1768473001000000000",
        "endTimeUnixNano": "1768473002000000000",
        "attributes": [],
        "status": {},
    });
    super::merged(span, fields)
}

/// Returns a request with these spans.
pub(crate) fn request(spans: &[Value]) -> Value {
    json!({ "resourceSpans": [{
        "resource": { "attributes": attributes(&json!({ "service.name": "test" })) },
        "scopeSpans": [{ "scope": { "name": "tests", "version": "1.0" }, "spans": spans }],
    }] })
}

/// A response to a protobuf request.
#[derive(Debug)]
pub(crate) struct Answer {
    pub(crate) status: u16,
    pub(crate) content_type: String,
    pub(crate) body: Vec<u8>,
}

impl Local {
    /// Returns a request with a body, and with the right key.
    pub(crate) fn traces(&self, content_type: &str, body: Vec<u8>) -> RequestBuilder {
        self.request(Method::POST, "/v1/traces")
            .header("Content-Type", content_type)
            .header("X-API-KEY", "key")
            .body(body)
    }

    pub(crate) async fn post_protobuf(&self, body: Vec<u8>) -> Answer {
        send(self.traces("application/x-protobuf", body)).await
    }

    pub(crate) async fn post_otlp_json(&self, body: &Value) -> super::Answer {
        self.post("/v1/traces", body).await
    }
}

pub(crate) async fn send(request: RequestBuilder) -> Answer {
    let response = request.send().await.unwrap();
    Answer {
        status: response.status().as_u16(),
        content_type: response.headers()["content-type"].to_str().unwrap().to_owned(),
        body: response.bytes().await.unwrap().to_vec(),
    }
}

impl Answer {
    /// Returns the text fields of the message, and those of the messages in it.
    pub(crate) fn texts(&self) -> String {
        String::from_utf8_lossy(&self.body).into_owned()
    }
}
