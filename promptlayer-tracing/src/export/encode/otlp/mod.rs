//! Spans in OpenTelemetry's protocol: OTLP over HTTP, as protobuf.
//!
//! An item is a `ResourceSpans` with one span, so that it says by itself which resource it belongs to, also on disk.
//! [`body`] joins items with the same resource.

pub(crate) mod answer;
mod attributes;
pub(crate) mod body;
pub(crate) mod stored;

use opentelemetry_proto::tonic::common::v1::InstrumentationScope;
use opentelemetry_proto::tonic::resource::v1::Resource;
use opentelemetry_proto::tonic::trace::v1::span::SpanKind;
use opentelemetry_proto::tonic::trace::v1::status::StatusCode;
use opentelemetry_proto::tonic::trace::v1::{ResourceSpans, ScopeSpans, Span, Status};
use promptlayer_blueprint::semconv::SemconvStability;
use prost::Message as _;
use serde_json::{Map, Value};

use self::attributes::key_value;
use crate::export::encode::spans_bulk;
use crate::process::{ConvertedSpan, ProcessedSpan};

/// The trace flags of a span that is sent: its trace is sampled.
const SAMPLED: u32 = 1;

/// The settings of the encoding.
#[derive(Debug)]
pub(crate) struct Encoding {
    resource: Resource,
    /// `true` if spans carry the messages of their model calls.
    messages: bool,
    /// `true` if bodies of [`body::LEAST_GZIPPED`] bytes or more are compressed.
    pub(crate) gzip: bool,
    /// `true` if the destination is PromptLayer, where the spans of a trace can be read back.
    pub(crate) is_promptlayer: bool,
}

impl Encoding {
    /// Returns an encoding with these attributes of the resource.
    pub(crate) fn new(
        resource: &Map<String, Value>,
        messages: bool,
        gzip: bool,
        is_promptlayer: bool,
    ) -> Self {
        let attributes = resource.iter().map(|(name, value)| key_value(name, value)).collect();
        let resource = Resource { attributes, ..Resource::default() };
        Self { resource, messages, gzip, is_promptlayer }
    }

    /// Serializes one span. The bytes are reused for every attempt.
    pub(crate) fn span_bytes(
        &self,
        processed: &ProcessedSpan,
        converted: &ConvertedSpan,
        semconv: SemconvStability,
    ) -> Vec<u8> {
        let span = &processed.span;
        let own_fields = span.own_fields();
        let kind = if span.is_request { SpanKind::Client } else { SpanKind::Internal };
        let status = match &converted.problem {
            Some(problem) => Status { code: StatusCode::Error.into(), message: problem.clone() },
            None if span.is_unfinished => Status { code: StatusCode::Unset.into(), message: String::new() },
            None => Status { code: StatusCode::Ok.into(), message: String::new() },
        };
        let of_span = spans_bulk::attributes(span, &own_fields, converted, semconv);
        let span = Span {
            trace_id: span.place.trace_id.to_bytes().to_vec(),
            span_id: span.place.span_id.to_bytes().to_vec(),
            parent_span_id: span.place.parent_id.map(|id| id.to_bytes().to_vec()).unwrap_or_default(),
            flags: SAMPLED,
            name: spans_bulk::name(span).into_owned(),
            kind: kind.into(),
            start_time_unix_nano: spans_bulk::nanoseconds(span.started),
            end_time_unix_nano: spans_bulk::nanoseconds(span.ended()),
            attributes: attributes::of_span(of_span, converted.log.as_deref(), self.messages),
            status: Some(status),
            ..Span::default()
        };
        let scope = InstrumentationScope {
            name: env!("CARGO_PKG_NAME").to_owned(),
            version: env!("CARGO_PKG_VERSION").to_owned(),
            ..InstrumentationScope::default()
        };
        let spans = ScopeSpans { scope: Some(scope), spans: vec![span], ..ScopeSpans::default() };
        let of_resource = ResourceSpans {
            resource: Some(self.resource.clone()),
            scope_spans: vec![spans],
            ..ResourceSpans::default()
        };
        of_resource.encode_to_vec()
    }
}
