//! Bodies of `POST /v1/traces`, as the spans of `POST /spans-bulk` that they stand for.

use std::fmt::Write as _;
use std::io::Read as _;

use axum::http::header::{CONTENT_ENCODING, CONTENT_TYPE};
use axum::http::request::Parts;
use opentelemetry_proto::tonic::collector::trace::v1::ExportTraceServiceRequest;
use opentelemetry_proto::tonic::common::v1::any_value::Value as OneOf;
use opentelemetry_proto::tonic::common::v1::{AnyValue, KeyValue};
use opentelemetry_proto::tonic::trace::v1::span::SpanKind;
use opentelemetry_proto::tonic::trace::v1::status::StatusCode;
use opentelemetry_proto::tonic::trace::v1::{ResourceSpans, Span};
use promptlayer_tracing::blueprint::providers::gen_ai;
use promptlayer_tracing::blueprint::semconv;
use prost::Message as _;
use serde_json::{Map, Value, json};

/// Reads a body, if the head says that it is protobuf. Returns `None` for one that cannot be decoded.
pub(super) fn read(head: &Parts, raw: &[u8]) -> Option<Value> {
    let has = |name, value: &str| head.headers.get(name).is_some_and(|given| given == value);
    if !has(CONTENT_TYPE, "application/x-protobuf") {
        return None;
    }
    let mut plain = Vec::new();
    let body = if has(CONTENT_ENCODING, "gzip") {
        flate2::read::GzDecoder::new(raw).read_to_end(&mut plain).ok()?;
        plain.as_slice()
    } else {
        raw
    };
    let request = ExportTraceServiceRequest::decode(body).ok()?;
    let spans: Vec<Value> = request.resource_spans.into_iter().flat_map(spans).collect();
    Some(json!({ "spans": spans }))
}

fn spans(of_resource: ResourceSpans) -> Vec<Value> {
    let resource = of_resource.resource.unwrap_or_default();
    let resource = json!({ "attributes": fields(resource.attributes), "schema_url": of_resource.schema_url });
    let spans = of_resource.scope_spans.into_iter().flat_map(|of_scope| of_scope.spans);
    spans.map(|sent| span(sent, &resource)).collect()
}

fn span(span: Span, resource: &Value) -> Value {
    let kind = match span.kind() {
        SpanKind::Client => "SpanKind.CLIENT",
        SpanKind::Internal => "SpanKind.INTERNAL",
        _ => "another kind",
    };
    let status = span.status.clone().unwrap_or_default();
    let status_code = match status.code() {
        StatusCode::Ok => "StatusCode.OK",
        StatusCode::Error => "StatusCode.ERROR",
        StatusCode::Unset => "StatusCode.UNSET",
    };
    let attributes = fields(span.attributes);
    let log = attributes.contains_key(semconv::LOG_FIELDS).then(|| log_request(&attributes));
    let mut json = json!({
        "name": span.name,
        "context": {
            "trace_id": hex(&span.trace_id),
            "span_id": hex(&span.span_id),
            "trace_state": span.trace_state,
        },
        "kind": kind,
        "parent_id": (!span.parent_span_id.is_empty()).then(|| hex(&span.parent_span_id)),
        "start_time": span.start_time_unix_nano,
        "end_time": span.end_time_unix_nano,
        "status": {
            "status_code": status_code,
            "description": (!status.message.is_empty()).then_some(status.message),
        },
        "attributes": attributes,
        "resource": resource,
    });
    if let Some(log) = log {
        json["log_request"] = log;
    }
    json
}

/// Returns the request log that the attributes stand for.
fn log_request(attributes: &Map<String, Value>) -> Value {
    let mut log = serde_json::to_value(gen_ai::log_request(attributes)).unwrap_or_default();
    if let Some(tags) = attributes.get(semconv::TAGS) {
        log["tags"] = tags.clone();
    }
    let metadata: Map<String, Value> = attributes
        .iter()
        .filter_map(|(name, value)| {
            Some((name.strip_prefix(semconv::METADATA_PREFIX)?.to_owned(), value.clone()))
        })
        .collect();
    if !metadata.is_empty() {
        log["metadata"] = Value::Object(metadata);
    }
    log
}

fn fields(attributes: Vec<KeyValue>) -> Map<String, Value> {
    attributes.into_iter().map(|field| (field.key, field.value.map(value).unwrap_or_default())).collect()
}

fn value(any: AnyValue) -> Value {
    match any.value {
        Some(OneOf::StringValue(text)) => text.into(),
        Some(OneOf::BoolValue(flag)) => flag.into(),
        Some(OneOf::IntValue(number)) => number.into(),
        Some(OneOf::DoubleValue(number)) => number.into(),
        Some(OneOf::ArrayValue(list)) => list.values.into_iter().map(value).collect(),
        Some(OneOf::KvlistValue(list)) => Value::Object(fields(list.values)),
        None | Some(OneOf::BytesValue(_) | OneOf::StringValueStrindex(_)) => Value::Null,
    }
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().fold(String::new(), |mut text, byte| {
        // Writing to a `String` does not fail.
        let _ = write!(text, "{byte:02x}");
        text
    })
}
