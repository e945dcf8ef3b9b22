//! Spans of other crates that say what they do with a model, in OpenTelemetry's words.
//!
//! Such a span is told by its field `gen_ai.operation.name`, which is declared when it is made and may be
//! recorded later, and more than once: the last word counts.

use serde_json::{Map, Value};
use tracing::Metadata;

use crate::kind::Kind;
use crate::semconv;
use crate::site::MARK;

/// The fields that an answer leaves on its span, none of which a failed call of rig records.
const ANSWER: &[&str] = &[
    semconv::RESPONSE_ID,
    semconv::RESPONSE_MODEL,
    semconv::RESPONSE_FINISH_REASONS,
    semconv::RESPONSE_TIME_TO_FIRST_CHUNK,
    semconv::OUTPUT_MESSAGES,
    semconv::USAGE_INPUT_TOKENS,
    semconv::USAGE_OUTPUT_TOKENS,
    semconv::USAGE_PROMPT_TOKENS,
    semconv::USAGE_COMPLETION_TOKENS,
    semconv::COMPLETION,
];

/// What is known of such a span by its callsite.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Foreign {
    /// Whether there are fields for an answer.
    has_room_for_an_answer: bool,
    /// Whether there are fields for a failure.
    has_room_for_a_failure: bool,
}

impl Foreign {
    /// Reads a callsite; `None` where it is the attribute's, or says nothing of a model.
    pub(crate) fn of(metadata: &Metadata<'_>) -> Option<Self> {
        let fields = metadata.fields();
        let declares = |name: &&str| fields.field(*name).is_some();
        (declares(&semconv::OPERATION_NAME) && !declares(&MARK)).then(|| Self {
            has_room_for_an_answer: ANSWER.iter().any(declares),
            has_room_for_a_failure: declares(&semconv::STATUS_CODE) || declares(&semconv::ERROR_TYPE),
        })
    }

    /// Whether the span has ended without the answer that it has room for. A stream of genai need not leave
    /// one, and would have told of a failure.
    pub(crate) fn lacks_an_answer(self, fields: &Map<String, Value>) -> bool {
        let streams = fields.get(semconv::REQUEST_STREAM) == Some(&Value::Bool(true));
        self.has_room_for_an_answer
            && !(streams && self.has_room_for_a_failure)
            && !ANSWER.iter().any(|name| fields.contains_key(*name))
    }
}

/// What the operation that a span names is; `None` where it names none, or another.
pub(crate) fn kind(fields: &Map<String, Value>) -> Option<Kind> {
    match fields.get(semconv::OPERATION_NAME)?.as_str()?.trim_matches('"') {
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
