//! Converts a message into spans to store.

use std::collections::BTreeSet;
use std::fmt::Write as _;

use serde::Serialize;
use serde_json::json;

use super::attributes::{Attributes, TOO_LONG, Texts, into_map};
use super::message::{Event, ExportTraceServiceRequest, Link, Resource, Scope, Span};
use super::request_log::{self, SpanWithLog};
use crate::api::error::ApiError;
use crate::json_text::JsonText;
use crate::store::{NewSpan, SpanContext, SpanStatus};

/// The spans of a message that can be stored, and the number of the others.
pub(super) struct Received {
    pub(super) spans: Vec<SpanWithLog>,
    pub(super) rejections: Rejections,
}

/// The spans that are not stored, with the reasons.
#[derive(Debug, Default)]
pub(super) struct Rejections {
    spans: usize,
    reasons: BTreeSet<String>,
}

impl Rejections {
    fn add(&mut self, reason: &str) {
        self.spans += 1;
        self.reasons.insert(reason.to_owned());
    }

    /// Adds the spans of closed traces.
    pub(super) fn add_closed(&mut self, spans: usize, traces: &BTreeSet<String>) {
        self.spans += spans;
        if let Some(trace) = traces.first() {
            let others = match traces.len() {
                1 => String::new(),
                all => format!(" and {} more", all - 1),
            };
            self.reasons.insert(format!("Trace already closed: {trace}{others}"));
        }
    }

    /// Returns the number of spans and the reasons, or `None` if there are none.
    pub(super) fn summary(&self) -> Option<(usize, String)> {
        let reasons: Vec<&str> = self.reasons.iter().map(String::as_str).collect();
        (self.spans > 0).then(|| (self.spans, reasons.join("; ")))
    }
}

/// The limits of the lengths of the texts that spans are stored as.
///
/// The texts are longer than the body: a request log repeats the messages, each span repeats its resource, and JSON has
/// six bytes for a control character. SQLite copies each text twice.
#[derive(Debug, Clone, Copy)]
pub(super) struct TextLimits {
    /// The limit of one text.
    one: usize,
    /// The limit of all texts of a body together.
    all: usize,
}

impl TextLimits {
    /// The limit of all texts, if that of a body is low.
    const LEAST: usize = 32 * 1024 * 1024;

    pub(super) fn new(body_limit: usize) -> Self {
        let all = body_limit.saturating_mul(2).max(Self::LEAST);
        Self { one: all / 4 * 3, all }
    }
}

/// Converts a message.
pub(super) fn received(message: ExportTraceServiceRequest, limits: TextLimits) -> Result<Received, ApiError> {
    let mut converter = Converter { spans: Vec::new(), rejections: Rejections::default(), length: 0, limits };
    for of_resource in message.resource_spans {
        let resource = resource(of_resource.resource.as_ref(), &of_resource.schema_url, limits.one)
            .ok_or(ApiError::TooMuchText { limit: limits.all })?;
        for of_scope in of_resource.scope_spans {
            let scope = of_scope.scope.unwrap_or_default();
            for span in of_scope.spans {
                converter.add(span, &scope, &of_scope.schema_url, &resource)?;
            }
        }
    }
    Ok(Received { spans: converter.spans, rejections: converter.rejections })
}

struct Converter {
    spans: Vec<SpanWithLog>,
    rejections: Rejections,
    length: usize,
    limits: TextLimits,
}

impl Converter {
    fn add(
        &mut self,
        span: Span,
        scope: &Scope,
        schema_url: &str,
        resource: &JsonText,
    ) -> Result<(), ApiError> {
        // The texts of a span are about as long as its attributes, of which those of the scope are a part.
        self.length = self.length.saturating_add(resource.len());
        match converted(span, scope, schema_url, resource, self.limits.one) {
            Ok(span) => {
                self.length = self.length.saturating_add(span.text_length());
                self.spans.push(span);
            }
            Err(reason) => self.rejections.add(reason),
        }
        let limit = self.limits.all;
        if self.length > limit { Err(ApiError::TooMuchText { limit }) } else { Ok(()) }
    }
}

/// Converts one span.
///
/// # Errors
///
/// Returns the reason if the span cannot be stored.
fn converted(
    span: Span,
    scope: &Scope,
    schema_url: &str,
    resource: &JsonText,
    limit: usize,
) -> Result<SpanWithLog, &'static str> {
    let context = SpanContext {
        trace_id: hex(&span.trace_id, 16)
            .ok_or("Invalid traceId: it should be 16 bytes, not all of them 0")?,
        span_id: hex(&span.span_id, 8).ok_or("Invalid spanId: it should be 8 bytes, not all of them 0")?,
        trace_state: span.trace_state,
    };
    let parent_id = match span.parent_span_id.as_slice() {
        [] | [0, 0, 0, 0, 0, 0, 0, 0] => None,
        parent => Some(hex(parent, 8).ok_or("Invalid parentSpanId: it should be 8 bytes, or empty")?),
    };
    let time =
        |nanoseconds: u64| i64::try_from(nanoseconds).map_err(|_| "Invalid time: it is after the year 2261");
    let start_time = time(span.start_time_unix_nano)?;
    let end_time = match span.end_time_unix_nano {
        // A span without an end has no duration.
        0 => start_time,
        end => time(end)?,
    };

    let mut attributes = Attributes::new(&span.attributes);
    attributes.add_text("otel.scope.name", &scope.name);
    attributes.add_text("otel.scope.version", &scope.version);
    attributes.add_text("otel.scope.schema_url", schema_url);
    attributes.add_prefixed("otel.scope.", &scope.attributes);
    attributes.add_count("otel.dropped_attributes_count", span.dropped_attributes_count);
    attributes.add_count("otel.dropped_events_count", span.dropped_events_count);
    attributes.add_count("otel.dropped_links_count", span.dropped_links_count);
    let attributes = JsonText::within(&attributes, limit).ok_or(TOO_LONG)?;
    let events = span.events.iter().map(StoredEvent::from).collect::<Vec<_>>();
    let events = JsonText::within(&events, limit).ok_or(TOO_LONG)?;
    let links = span.links.iter().map(StoredLink::from).collect::<Vec<_>>();
    let links = JsonText::within(&links, limit).ok_or(TOO_LONG)?;

    let status = span.status.unwrap_or_default();
    let fields = request_log::with_events(into_map(span.attributes), span.events, &status);
    let mut converted = SpanWithLog {
        label: None,
        span: NewSpan {
            name: span.name,
            context,
            kind: kind(span.kind).to_owned(),
            parent_id,
            start_time,
            end_time,
            status: SpanStatus {
                status_code: status_code(status.code).to_owned(),
                description: Some(status.message).filter(|message| !message.is_empty()),
            },
            attributes,
            events,
            links,
            resource: resource.clone(),
            log_request: None,
        },
    };
    if request_log::is_logged(&fields) {
        request_log::add(&mut converted, fields, limit)?;
    }
    Ok(converted)
}

/// Returns an id as text, or `None` if it is invalid.
fn hex(id: &[u8], length: usize) -> Option<String> {
    if id.len() != length || id.iter().all(|byte| *byte == 0) {
        return None;
    }
    Some(text_of_id(id))
}

fn text_of_id(id: &[u8]) -> String {
    let mut text = String::with_capacity(2 * id.len());
    for byte in id {
        // Writing to a `String` does not fail.
        let _ = write!(text, "{byte:02x}");
    }
    text
}

#[derive(Serialize)]
struct StoredResource<'a> {
    attributes: Texts<'a>,
    schema_url: &'a str,
}

/// Returns the resource in the form of `POST /spans-bulk`, in which attributes are texts.
fn resource(resource: Option<&Resource>, schema_url: &str, limit: usize) -> Option<JsonText> {
    let attributes = resource.map(|resource| resource.attributes.as_slice()).unwrap_or_default();
    JsonText::within(&StoredResource { attributes: Texts(attributes), schema_url }, limit)
}

fn kind(kind: i32) -> &'static str {
    match kind {
        2 => "SpanKind.SERVER",
        3 => "SpanKind.CLIENT",
        4 => "SpanKind.PRODUCER",
        5 => "SpanKind.CONSUMER",
        // The protocol allows to treat a span without a kind as an internal one.
        _ => "SpanKind.INTERNAL",
    }
}

fn status_code(code: i32) -> &'static str {
    match code {
        1 => "StatusCode.OK",
        request_log::ERROR => "StatusCode.ERROR",
        _ => "StatusCode.UNSET",
    }
}

/// An event in the form in which PromptLayer's clients send it to `POST /spans-bulk`.
#[derive(Serialize)]
struct StoredEvent<'a> {
    name: &'a str,
    timestamp: u64,
    attributes: Attributes<'a>,
}

impl<'a> From<&'a Event> for StoredEvent<'a> {
    fn from(event: &'a Event) -> Self {
        Self {
            name: &event.name,
            timestamp: event.time_unix_nano,
            attributes: Attributes::new(&event.attributes),
        }
    }
}

#[derive(Serialize)]
struct StoredLink<'a> {
    context: serde_json::Value,
    attributes: Attributes<'a>,
}

impl<'a> From<&'a Link> for StoredLink<'a> {
    fn from(link: &'a Link) -> Self {
        let context = json!({
            "trace_id": text_of_id(&link.trace_id),
            "span_id": text_of_id(&link.span_id),
            "trace_state": link.trace_state,
        });
        Self { context, attributes: Attributes::new(&link.attributes) }
    }
}
