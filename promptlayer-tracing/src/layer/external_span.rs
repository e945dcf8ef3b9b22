//! Spans of other crates that describe a model call with OpenTelemetry's `gen_ai` fields.
//!
//! Such a span is recognized by the field `gen_ai.operation.name`. It is declared when the span is created.
//! Its value may be recorded later and more than once: the last value counts.

use promptlayer_blueprint::semconv;
use serde_json::{Map, Value};
use tracing::Metadata;

use crate::kind::SpanKind;
use crate::span::call_site::MARK;
use crate::span::input_output::Ending;

/// The fields for the beginning of a response. A stream records them with its first chunk.
///
/// A failed call of rig records none of them.
const BEGINNING: &[&str] =
    &[semconv::RESPONSE_ID, semconv::RESPONSE_MODEL, semconv::RESPONSE_TIME_TO_FIRST_CHUNK];

/// The fields that are recorded only at the end of a response.
const END: &[&str] = &[
    semconv::RESPONSE_FINISH_REASONS,
    semconv::OUTPUT_MESSAGES,
    semconv::USAGE_INPUT_TOKENS,
    semconv::USAGE_OUTPUT_TOKENS,
    semconv::USAGE_PROMPT_TOKENS,
    semconv::USAGE_COMPLETION_TOKENS,
    semconv::COMPLETION,
];

/// The fields in which a span records that it failed or succeeded.
const STATUS: &[&str] = &[semconv::STATUS_CODE, semconv::ERROR_TYPE];

/// What the callsite reveals about an external span.
#[derive(Debug, Clone, Copy)]
pub(crate) struct ExternalSpan {
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
    /// Reads a callsite. Returns `None` if the span is one of the attribute, or is not about a model.
    pub(crate) fn from_metadata(metadata: &Metadata<'_>) -> Option<Self> {
        let fields = metadata.fields();
        let declares = |name: &&str| fields.field(*name).is_some();
        let room = match (BEGINNING.iter().any(declares), END.iter().any(declares)) {
            (_, true) => Room::Whole,
            (true, false) => Room::Beginning,
            (false, false) => Room::None,
        };
        (declares(&semconv::OPERATION_NAME) && !declares(&MARK)).then(|| Self {
            room,
            has_room_for_a_failure: STATUS.iter().any(declares),
            is_named_streaming: metadata.name().ends_with(STREAMING),
        })
    }

    /// Returns `true` if the span ended without a response and without a reason, although it declares fields
    /// for a response.
    ///
    /// A stream whose span declares fields for a failure is excluded: it would have recorded the failure.
    pub(crate) fn lacks_an_answer(self, fields: &Map<String, Value>) -> bool {
        let has_answered = has_any(fields, BEGINNING) || has_any(fields, END);
        let would_tell = self.streams(fields) && self.has_room_for_a_failure;
        self.room != Room::None && !has_answered && !would_tell
    }

    /// Returns how the call ended, if the span does not record it itself.
    ///
    /// A stream that was dropped, or that failed inside rig, leaves only the beginning of a response.
    pub(crate) fn ending(self, fields: &Map<String, Value>) -> Ending {
        let is_unfinished = self.room == Room::Whole
            && self.streams(fields)
            && !has_any(fields, END)
            && !has_any(fields, STATUS)
            && !self.lacks_an_answer(fields);
        if is_unfinished { Ending::Unfinished } else { Ending::Returned }
    }

    fn streams(self, fields: &Map<String, Value>) -> bool {
        self.is_named_streaming
            || fields.get(semconv::REQUEST_STREAM) == Some(&Value::Bool(true))
            || operation(fields).is_some_and(|operation| operation.ends_with(STREAMING))
    }
}

fn has_any(fields: &Map<String, Value>, names: &[&str]) -> bool {
    names.iter().any(|name| fields.contains_key(*name))
}

/// The suffix of the span names and operations of rig's streams.
const STREAMING: &str = "_streaming";

fn operation(fields: &Map<String, Value>) -> Option<&str> {
    Some(fields.get(semconv::OPERATION_NAME)?.as_str()?.trim_matches('"'))
}

/// Returns the kind of the operation in the span's fields. Returns `None` if there is none or it is unknown.
pub(crate) fn kind(fields: &Map<String, Value>) -> Option<SpanKind> {
    match operation(fields)? {
        // The last three are the names that rig used before 0.43.
        "chat"
        | "generate_content"
        | "text_completion"
        | "chat_streaming"
        | "interactions"
        | "interactions_streaming" => Some(SpanKind::Llm),
        "embeddings" => Some(SpanKind::Embedding),
        "execute_tool" => Some(SpanKind::Tool),
        "invoke_agent" | "create_agent" => Some(SpanKind::Agent),
        "invoke_workflow" => Some(SpanKind::Chain),
        "retrieval" => Some(SpanKind::Retriever),
        _ => None,
    }
}
