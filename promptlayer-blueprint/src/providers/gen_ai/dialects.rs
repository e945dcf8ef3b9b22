//! Spans of crates that describe a model call with names of their own, read as `gen_ai.*` attributes.
//!
//! A crate is a row of [`DIALECTS`]. langchain-rust names its spans `llm.generate`, `embed.query` and so on.
//! swiftide uses the names of Langfuse, most of them in events inside the span.

use serde_json::{Map, Value};

use super::super::json::Fields;
use super::fields;
use crate::blueprint::{AssistantMessage, ContentBlock, Message, ToolCall};
use crate::semconv;

/// The names that a crate uses.
#[derive(Debug)]
pub struct Dialect {
    /// The prefix of the spans' targets.
    target: &'static str,
    /// A field that every span has, if the names of the spans do not identify them.
    mark: Option<&'static str>,
    /// The operations of spans, by the names of the spans.
    operations: &'static [(&'static str, &'static str)],
    fields: &'static [(&'static str, Read)],
    /// `true` if a failed call always records its error, so that a call without one has not failed.
    pub records_errors: bool,
    /// `true` if the crate records a call in events inside its span, in fields with the prefix [`LANGFUSE`].
    pub records_in_events: bool,
}

/// How a field is read.
#[derive(Debug)]
enum Read {
    /// It has the same value as this attribute.
    As(&'static str),
    /// It has the same meaning as this attribute, with other words for some values.
    Word(&'static str, &'static [(&'static str, &'static str)]),
    /// It is a JSON object. Its values are these attributes.
    Object(&'static [(&'static str, &'static str)]),
    /// It is a JSON object. Its keys, with this prefix, are attributes.
    Prefixed(&'static str),
    /// It is the message of an error.
    Error,
}

const DIALECTS: &[Dialect] = &[
    Dialect {
        target: "langchain_rust",
        mark: None,
        operations: &[
            ("llm.generate", "chat"),
            ("embed.documents", "embeddings"),
            ("embed.query", "embeddings"),
            ("tool.call", "execute_tool"),
            ("agent.run", "invoke_agent"),
            ("agent.plan", "plan"),
            ("chain.call", "invoke_workflow"),
        ],
        fields: &[
            ("provider", Read::Word(semconv::PROVIDER_NAME, &[("claude", "anthropic")])),
            ("model", Read::As(semconv::REQUEST_MODEL)),
            ("stream", Read::As(semconv::REQUEST_STREAM)),
            ("prompt_tokens", Read::As(semconv::USAGE_INPUT_TOKENS)),
            ("completion_tokens", Read::As(semconv::USAGE_OUTPUT_TOKENS)),
            ("tool", Read::As(semconv::GEN_AI_TOOL_NAME)),
            ("chain", Read::As(semconv::WORKFLOW_NAME)),
            ("error", Read::Error),
        ],
        records_errors: true,
        records_in_events: false,
    },
    Dialect {
        target: "",
        mark: Some(LANGFUSE_TYPE),
        operations: &[],
        fields: &[
            (
                LANGFUSE_TYPE,
                Read::Word(
                    semconv::OPERATION_NAME,
                    &[
                        ("GENERATION", "chat"),
                        ("EMBEDDING", "embeddings"),
                        ("TOOL", "execute_tool"),
                        ("AGENT", "invoke_agent"),
                        ("CHAIN", "invoke_workflow"),
                        ("RETRIEVER", "retrieval"),
                    ],
                ),
            ),
            ("langfuse.model", Read::As(semconv::REQUEST_MODEL)),
            ("langfuse.model_parameters", Read::Prefixed(semconv::REQUEST_PREFIX)),
            ("langfuse.input", Read::As(semconv::PROMPT)),
            ("langfuse.output", Read::As(semconv::COMPLETION)),
            (
                "langfuse.usage",
                Read::Object(&[
                    ("prompt_tokens", semconv::USAGE_INPUT_TOKENS),
                    ("completion_tokens", semconv::USAGE_OUTPUT_TOKENS),
                ]),
            ),
            ("langfuse.status_message", Read::As(semconv::STATUS_DESCRIPTION)),
            // What `#[instrument(err)]` writes.
            ("error", Read::Error),
        ],
        records_errors: false,
        records_in_events: true,
    },
];

/// The prefix of Langfuse's fields.
pub const LANGFUSE: &str = "langfuse.";
/// The field for the kind of a span. A span with other fields of Langfuse alone is not about a model.
const LANGFUSE_TYPE: &str = "langfuse.type";

impl Dialect {
    /// Returns the dialect of a span, by its target and its name. `has_field` returns `true` if the span
    /// declares a field of that name.
    pub fn of_span(target: &str, name: &str, has_field: impl Fn(&str) -> bool) -> Option<&'static Self> {
        DIALECTS.iter().find(|dialect| {
            target.starts_with(dialect.target)
                && dialect.mark.map_or_else(|| dialect.operation(name).is_some(), &has_field)
        })
    }

    /// Returns the operation of the spans with this name.
    pub fn operation(&self, name: &str) -> Option<&'static str> {
        self.operations.iter().find(|(known, _)| *known == name).map(|(_, operation)| *operation)
    }

    /// Converts fields. A field that the dialect has no row for is kept.
    pub fn read(&self, recorded: Map<String, Value>) -> Map<String, Value> {
        let mut attributes = Map::new();
        for (name, value) in recorded {
            let mut set = |name: &str, value: Value| attributes.insert(name.to_owned(), value);
            match self.fields.iter().find(|(known, _)| *known == name).map(|(_, read)| read) {
                None => drop(set(&name, value)),
                Some(Read::As(attribute)) => drop(set(attribute, value)),
                Some(Read::Word(attribute, words)) => {
                    let word = value.as_str().map(|word| word.trim_matches('"'));
                    let known = words.iter().find(|(theirs, _)| Some(*theirs) == word);
                    set(attribute, known.map_or(value.clone(), |(_, ours)| Value::from(*ours)));
                }
                Some(Read::Error) => {
                    set(semconv::STATUS_CODE, "error".into());
                    set(semconv::STATUS_DESCRIPTION, value);
                }
                Some(Read::Object(keys)) => {
                    let object = fields::value(&value);
                    for (key, attribute) in *keys {
                        object.get(*key).map(|value| set(attribute, value.clone()));
                    }
                }
                Some(Read::Prefixed(prefix)) => {
                    if let Value::Object(object) = fields::value(&value) {
                        for (key, value) in object {
                            set(&format!("{prefix}{key}"), value);
                        }
                    }
                }
            }
        }
        attributes
    }
}

/// Reads a response in swiftide's own form: the model's text beside its tool calls.
pub(super) fn message(said: &Value) -> Option<Message> {
    let said = said.as_object()?;
    if !["message", "tool_calls", "delta"].iter().all(|key| said.contains_key(*key)) {
        return None;
    }
    let mut message = AssistantMessage::default();
    message.content.extend(said.text("message").map(ContentBlock::from_text));
    for call in said.list("tool_calls") {
        let [id, name, arguments] = ["id", "name", "args"].map(|key| call.str(key).unwrap_or_default());
        message.tool_calls.push(ToolCall::new(id, name, arguments));
    }
    Some(Message::Assistant(message))
}
