//! Spans of other crates that describe a model call.
//!
//! Such a span is recognized by a field that it declares: `gen_ai.operation.name` of OpenTelemetry's
//! conventions, or `mcp.method.name`. Spans of crates with names of their own are recognized by their
//! [`Dialect`]. A value may be recorded later and more than once: the last value counts.

use promptlayer_blueprint::providers::gen_ai::{self, Dialect, Operation};
use promptlayer_blueprint::semconv;
use serde_json::{Map, Value};
use tracing::Metadata;

use crate::kind::SpanKind;
use crate::span::input_output::Ending;

/// The fields in which a span records that it failed or succeeded.
const STATUS: &[&str] = &[semconv::STATUS_CODE, semconv::ERROR_TYPE];

/// What the callsite reveals about an external span.
#[derive(Debug, Clone, Copy)]
pub(crate) struct ExternalSpan {
    /// The names that the span uses, if they are not OpenTelemetry's.
    dialect: Option<&'static Dialect>,
    /// The operation that the name of the span tells.
    operation: Option<&'static str>,
    /// Which fields for a response the span declares.
    room: Room,
    /// `true` if the span declares fields for a failure.
    has_room_for_a_failure: bool,
    /// `true` if the name of the span indicates a stream. rig names its spans so, although the operation may
    /// not say it.
    is_named_streaming: bool,
}

/// The parts of a response for which a span declares fields.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Room {
    None,
    /// Only the beginning.
    Beginning,
    Whole,
}

impl ExternalSpan {
    /// Reads the callsite of a span that the attribute did not open. Returns `None` if the span is not about a model.
    pub(crate) fn from_metadata(metadata: &Metadata<'_>) -> Option<Self> {
        let fields = metadata.fields();
        let declares = |name: &&str| fields.field(*name).is_some();
        let is_named = declares(&semconv::OPERATION_NAME) || declares(&semconv::MCP_METHOD);
        let dialect = if is_named {
            None
        } else {
            Some(Dialect::of_span(metadata.target(), metadata.name(), |name| declares(&name))?)
        };
        let declares_any = |names: &[&str]| names.iter().any(declares);
        let room = match (declares_any(semconv::RESPONSE_BEGINNING), declares_any(semconv::RESPONSE_END)) {
            (_, true) => Room::Whole,
            (true, false) => Room::Beginning,
            // A span that always records its errors has failed only if it recorded one.
            (false, false) if dialect.is_some_and(|dialect| dialect.records_errors) => Room::Whole,
            (false, false) => Room::None,
        };
        Some(Self {
            dialect,
            operation: dialect.and_then(|dialect| dialect.operation(metadata.name())),
            room,
            has_room_for_a_failure: declares_any(STATUS),
            is_named_streaming: metadata.name().ends_with(STREAMING),
        })
    }

    /// Returns the fields of a span that has just been created, as attributes of OpenTelemetry.
    pub(crate) fn declared(self, fields: Map<String, Value>) -> Map<String, Value> {
        let mut fields = self.attributes(fields);
        if let Some(operation) = self.operation {
            fields.insert(semconv::OPERATION_NAME.to_owned(), operation.into());
        }
        fields
    }

    /// Returns recorded fields as attributes of OpenTelemetry.
    pub(crate) fn attributes(self, fields: Map<String, Value>) -> Map<String, Value> {
        match self.dialect {
            Some(dialect) => dialect.read(fields),
            None => fields,
        }
    }

    /// Returns `true` if events inside the span may record the call.
    pub(crate) fn has_events(self) -> bool {
        self.dialect.is_some_and(|dialect| dialect.records_in_events)
    }

    /// Returns `true` if the span ended without a response and without a reason, although it declares fields
    /// for a response.
    ///
    /// A call whose span would have recorded the failure is excluded: every call of a crate that records its
    /// errors, and a stream whose span declares fields for a failure.
    pub(crate) fn lacks_an_answer(self, fields: &Map<String, Value>) -> bool {
        let would_tell = self.dialect.is_some_and(|dialect| dialect.records_errors)
            || (self.streams(fields) && self.has_room_for_a_failure);
        let has_answered =
            has_any(fields, semconv::RESPONSE_BEGINNING) || has_any(fields, semconv::RESPONSE_END);
        self.room != Room::None && !has_answered && !would_tell
    }

    /// Returns how the call ended, if the span does not record it itself.
    ///
    /// A stream that was dropped, or that failed inside rig, leaves only the beginning of a response.
    pub(crate) fn ending(self, fields: &Map<String, Value>) -> Ending {
        let is_unfinished = self.room == Room::Whole
            && self.streams(fields)
            && !has_any(fields, semconv::RESPONSE_END)
            && !has_any(fields, STATUS)
            && !self.lacks_an_answer(fields);
        if is_unfinished { Ending::Unfinished } else { Ending::Returned }
    }

    fn streams(self, fields: &Map<String, Value>) -> bool {
        self.is_named_streaming
            || fields.get(semconv::REQUEST_STREAM) == Some(&Value::Bool(true))
            || text(fields, semconv::OPERATION_NAME).is_some_and(|operation| operation.ends_with(STREAMING))
    }
}

fn has_any(fields: &Map<String, Value>, names: &[&str]) -> bool {
    names.iter().any(|name| fields.contains_key(*name))
}

/// The suffix of the span names and operations of rig's streams.
const STREAMING: &str = "_streaming";

fn text<'a>(fields: &'a Map<String, Value>, name: &str) -> Option<&'a str> {
    Some(fields.get(name)?.as_str()?.trim_matches('"'))
}

/// Returns the kind of the operation in the span's fields. Returns `None` if the fields have no operation, or an
/// unknown one.
pub(crate) fn kind(fields: &Map<String, Value>) -> Option<SpanKind> {
    Some(match gen_ai::operation(fields)? {
        Operation::Inference => SpanKind::Llm,
        Operation::Embedding => SpanKind::Embedding,
        Operation::Tool => SpanKind::Tool,
        Operation::Agent => SpanKind::Agent,
        Operation::Workflow => SpanKind::Chain,
        Operation::Retrieval => SpanKind::Retriever,
        _ => return None,
    })
}
