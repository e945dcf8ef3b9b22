//! Request bodies and response bodies.

use std::borrow::Cow;
use std::collections::{BTreeMap, BTreeSet};
use std::time::{SystemTime, UNIX_EPOCH};

use promptlayer_blueprint::semconv::{self, SemconvStability};
use promptlayer_blueprint::{RequestId, SpanId, TraceId};
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value, json};

use crate::export::encode::read_id::ReadId;
use crate::kind::SpanKind;
use crate::process::{ConvertedSpan, ProcessedSpan};
use crate::serialize::{Json, Output};
use crate::span::finished::FinishedSpan;

/// The OpenTelemetry resource: attributes that all spans of a process share.
#[derive(Debug)]
pub(crate) struct Resource {
    /// The JSON of the resource, which every span contains.
    json: String,
}

impl Resource {
    pub(crate) fn new(service: &str) -> Self {
        let resource = json!({ "attributes": Self::attributes(service), "schema_url": "" });
        Self { json: resource.to_string() }
    }

    /// Returns the attributes of the resource.
    pub(crate) fn attributes(service: &str) -> Map<String, Value> {
        let attributes = [
            (semconv::SERVICE_NAME, service),
            (semconv::SDK_NAME, env!("CARGO_PKG_NAME")),
            (semconv::SDK_VERSION, env!("CARGO_PKG_VERSION")),
            (semconv::SDK_LANGUAGE, "rust"),
        ];
        attributes.map(|(name, value)| (name.to_owned(), value.into())).into_iter().collect()
    }
}

#[derive(Serialize)]
struct Context {
    trace_id: TraceId,
    span_id: SpanId,
    trace_state: &'static str,
}

#[derive(Serialize)]
struct Status<'a> {
    status_code: &'static str,
    description: Option<&'a str>,
}

/// The value of an attribute.
#[derive(Serialize)]
#[serde(untagged)]
pub(crate) enum Attribute<'a> {
    Text(Cow<'a, str>),
    Value(&'a Value),
}

#[cfg(feature = "otlp")]
impl Attribute<'_> {
    pub(crate) fn into_value(self) -> Value {
        match self {
            Self::Text(text) => text.into_owned().into(),
            Self::Value(value) => value.clone(),
        }
    }
}

/// The start of the body of `POST /spans-bulk`, before the spans.
const OPENING: &[u8] = b"{\"spans\":[";
/// The end of the body of `POST /spans-bulk`.
const CLOSING: &[u8] = b"]}";

/// The size of a body in bytes without its spans and the commas between them.
pub(crate) const FRAME_BYTES: usize = OPENING.len() + CLOSING.len();

/// Serializes one span. The bytes are reused for every attempt.
pub(crate) fn span_bytes(
    processed: &ProcessedSpan,
    converted: &ConvertedSpan,
    resource: &Resource,
    semconv: SemconvStability,
) -> Result<Vec<u8>, serde_json::Error> {
    // The texts are most of a span. With some space for the rest, the buffer seldom grows.
    let capacity = processed.size + processed.size / 8 + 1024;
    let mut output = Output::<Json>::new(String::with_capacity(capacity));
    let mut object = output.object()?;
    let span = &processed.span;
    object.field("name", &name(span))?;
    let context = Context { trace_id: span.place.trace_id, span_id: span.place.span_id, trace_state: "" };
    object.field("context", &context)?;
    object.field("kind", if span.is_request { "SpanKind.CLIENT" } else { "SpanKind.INTERNAL" })?;
    object.field("parent_id", &span.place.parent_id)?;
    object.field("start_time", &nanoseconds(span.started))?;
    object.field("end_time", &nanoseconds(span.ended()))?;
    let status = match &converted.problem {
        Some(problem) => Status { status_code: "StatusCode.ERROR", description: Some(problem) },
        None if span.is_unfinished => Status { status_code: "StatusCode.UNSET", description: None },
        None => Status { status_code: "StatusCode.OK", description: None },
    };
    object.field("status", &status)?;
    object.field("attributes", &attributes(span, &span.own_fields(), converted, semconv))?;
    object.json("resource", &resource.json);
    if let Some(log) = &converted.log {
        object.field("log_request", log)?;
    }
    object.close()?;
    Ok(output.text.into_bytes())
}

/// Returns the body of `POST /spans-bulk` with these spans.
pub(crate) fn spans_bulk<'a>(spans: impl Iterator<Item = &'a [u8]> + Clone) -> Vec<u8> {
    let size = spans.clone().map(|span| span.len() + 1).sum::<usize>();
    let mut body = Vec::with_capacity(FRAME_BYTES + size);
    body.extend_from_slice(OPENING);
    for (at, span) in spans.enumerate() {
        if at > 0 {
            body.push(b',');
        }
        body.extend_from_slice(span);
    }
    body.extend_from_slice(CLOSING);
    body
}

/// The prefix of the names by which PromptLayer's evaluations find tools.
const TOOL_PREFIX: &str = "Tool: ";

/// Returns the name of a span.
pub(crate) fn name(span: &FinishedSpan) -> Cow<'_, str> {
    match span.kind {
        Some(SpanKind::Tool) => {
            let tool = tool_name(span);
            Cow::Owned(format!("{TOOL_PREFIX}{}", tool.strip_prefix(TOOL_PREFIX).unwrap_or(tool)))
        }
        _ => Cow::Borrowed(span.name),
    }
}

fn tool_name(span: &FinishedSpan) -> &str {
    span.stands_for().unwrap_or(span.name)
}

/// Returns nanoseconds since 1970, the time format of spans in the API.
pub(crate) fn nanoseconds(time: SystemTime) -> u64 {
    let since = time.duration_since(UNIX_EPOCH).unwrap_or_default().as_nanos();
    u64::try_from(since).unwrap_or(u64::MAX)
}

/// Returns the attributes of a span: its fields, and its OpenTelemetry attributes. For a span without a
/// request log, they include the input and output of the function.
pub(crate) fn attributes<'a>(
    span: &'a FinishedSpan,
    own_fields: &'a Map<String, Value>,
    converted: &'a ConvertedSpan,
    semconv: SemconvStability,
) -> BTreeMap<&'a str, Attribute<'a>> {
    let named = |(name, value): (&'a String, &'a Value)| (name.as_str(), Attribute::Value(value));
    let mut attributes: BTreeMap<_, _> = own_fields.iter().map(named).collect();
    // Attributes set by the user, or by the crate that made the span, take precedence.
    for (name, value) in converted.attributes.iter().filter(|(name, _)| semconv.writes(name)).map(named) {
        attributes.entry(name).or_insert(value);
    }
    let mut set = |name: &'static str, value: &'a str| {
        attributes.insert(name, Attribute::Text(value.into()));
    };
    set(semconv::TELEMETRY_SOURCE, env!("CARGO_PKG_NAME"));
    if let Some(function) = span.stands_for() {
        set(semconv::FUNCTION_NAME, function);
    }
    if let Some(input) = &converted.function_input {
        set(semconv::FUNCTION_INPUT, input);
    }
    if let Some(output) = &converted.function_output {
        set(semconv::FUNCTION_OUTPUT, output);
    }
    match span.kind {
        Some(SpanKind::Tool) => {
            set(semconv::NODE_TYPE, semconv::NODE_TYPE_TOOL);
            set(semconv::TOOL_NAME, tool_name(span));
        }
        Some(kind) if !span.is_request => {
            attributes.insert(semconv::NODE_TYPE, Attribute::Text(kind.as_str().to_uppercase().into()));
        }
        _ => {}
    }
    attributes
}

/// The response of `POST /spans-bulk`.
#[derive(Debug, Default, Deserialize)]
pub(crate) struct SpansAnswer {
    #[serde(default)]
    success: Option<Value>,
    #[serde(default)]
    spans: Option<Vec<TakenSpan>>,
    #[serde(default)]
    request_logs: Option<Vec<LoggedSpan>>,
    #[serde(default)]
    rejected_span_ids: Option<Vec<ReadId<SpanId>>>,
    #[serde(default)]
    rejected_trace_ids: Option<Vec<ReadId<TraceId>>>,
}

#[derive(Debug, Deserialize)]
struct TakenSpan {
    #[serde(default)]
    span_id: Option<ReadId<SpanId>>,
}

#[derive(Debug, Deserialize)]
struct LoggedSpan {
    id: RequestId,
    span_id: ReadId<SpanId>,
}

/// The spans that were rejected because their trace is closed.
#[derive(Debug)]
pub(crate) struct Rejected {
    spans: BTreeSet<SpanId>,
    /// Used only if the response names no spans: the trace may have accepted some spans before it was closed.
    traces: BTreeSet<TraceId>,
}

impl Rejected {
    pub(crate) fn holds(&self, trace: TraceId, span: SpanId) -> bool {
        self.spans.contains(&span) || (self.spans.is_empty() && self.traces.contains(&trace))
    }
}

impl SpansAnswer {
    pub(crate) fn read(body: &[u8]) -> Result<Self, serde_json::Error> {
        serde_json::from_slice(body)
    }

    /// Returns `true` if the response says that the request failed.
    pub(crate) fn says_failure(&self) -> bool {
        self.success == Some(Value::Bool(false))
    }

    /// Returns the request ids by span.
    pub(crate) fn ids(&self) -> BTreeMap<SpanId, RequestId> {
        let logged = self.request_logs.iter().flatten();
        logged.filter_map(|logged| Some((logged.span_id.0?, logged.id))).collect()
    }

    /// Returns the spans that the service reports as stored.
    pub(crate) fn taken(&self) -> BTreeSet<SpanId> {
        let taken = self.spans.iter().flatten();
        taken.filter_map(|span| span.span_id?.0).collect()
    }

    /// Returns the spans that the service rejected.
    pub(crate) fn rejected(&self) -> Rejected {
        Rejected {
            spans: self.rejected_span_ids.iter().flatten().filter_map(|id| id.0).collect(),
            traces: self.rejected_trace_ids.iter().flatten().filter_map(|id| id.0).collect(),
        }
    }
}

/// The response of `POST /log-request`.
#[derive(Debug, Deserialize)]
pub(crate) struct LogAnswer {
    pub(crate) id: RequestId,
}
