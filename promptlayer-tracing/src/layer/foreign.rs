//! Spans of other crates that say what they do with a model, in OpenTelemetry's words.
//!
//! Such a span is told by its field `gen_ai.operation.name`, which is declared when it is made and may be
//! recorded later, and more than once: the last word counts.

use serde_json::{Map, Value};
use tracing::Metadata;

use crate::exchange::Ending;
use crate::kind::Kind;
use crate::site::MARK;
use promptlayer_blueprint::semconv;

/// The fields that an answer leaves on its span, none of which a failed call of rig records. Of a stream they come with
/// the first chunk.
const BEGINNING: &[&str] =
    &[semconv::RESPONSE_ID, semconv::RESPONSE_MODEL, semconv::RESPONSE_TIME_TO_FIRST_CHUNK];

/// The same that come with the end of an answer only.
const END: &[&str] = &[
    semconv::RESPONSE_FINISH_REASONS,
    semconv::OUTPUT_MESSAGES,
    semconv::USAGE_INPUT_TOKENS,
    semconv::USAGE_OUTPUT_TOKENS,
    semconv::USAGE_PROMPT_TOKENS,
    semconv::USAGE_COMPLETION_TOKENS,
    semconv::COMPLETION,
];

/// The fields in which a span says that it failed, or did not.
const STATUS: &[&str] = &[semconv::STATUS_CODE, semconv::ERROR_TYPE];

/// What is known of such a span by its callsite.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Foreign {
    /// What there are fields for.
    room: Room,
    /// Whether there are fields for a failure.
    has_room_for_a_failure: bool,
    /// Whether its name says that it streams: rig's does, where the operation need not.
    is_named_streaming: bool,
}

/// How much of an answer a span has fields for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Room {
    None,
    /// What its beginning tells, and no more.
    Beginning,
    Whole,
}

impl Foreign {
    /// Reads a callsite; `None` where it is the attribute's, or says nothing of a model.
    pub(crate) fn of(metadata: &Metadata<'_>) -> Option<Self> {
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

    /// Whether the span has ended without the answer that it has room for, and without a word of why: of a stream that
    /// would tell of a failure, nothing failed.
    pub(crate) fn lacks_an_answer(self, fields: &Map<String, Value>) -> bool {
        let has_answered = has_any(fields, BEGINNING) || has_any(fields, END);
        let would_tell = self.streams(fields) && self.has_room_for_a_failure;
        self.room != Room::None && !has_answered && !would_tell
    }

    /// How the call ended, as far as the span does not say it itself. A stream that was dropped, or broke off in rig,
    /// leaves the beginning of an answer.
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

/// What the names and operations of rig's streams end with.
const STREAMING: &str = "_streaming";

fn operation(fields: &Map<String, Value>) -> Option<&str> {
    Some(fields.get(semconv::OPERATION_NAME)?.as_str()?.trim_matches('"'))
}

/// What the operation that a span names is; `None` where it names none, or another.
pub(crate) fn kind(fields: &Map<String, Value>) -> Option<Kind> {
    match operation(fields)? {
        // The last three are the words of rig before 0.43.
        "chat"
        | "generate_content"
        | "text_completion"
        | "chat_streaming"
        | "interactions"
        | "interactions_streaming" => Some(Kind::Llm),
        "embeddings" => Some(Kind::Embedding),
        "execute_tool" => Some(Kind::Tool),
        "invoke_agent" | "create_agent" => Some(Kind::Agent),
        "invoke_workflow" => Some(Kind::Chain),
        "retrieval" => Some(Kind::Retriever),
        _ => None,
    }
}
