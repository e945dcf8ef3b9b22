//! Reads model calls from external spans that use OpenTelemetry's `gen_ai.*` attributes.
//!
//! Numbers are numbers, or text if they were recorded with `Debug`. Lists and messages are JSON text,
//! because a `tracing` field holds a single value.

mod attributes;
mod fields;
mod messages;
mod parts;
mod provider;
mod tools;

use std::borrow::Cow;
use std::collections::BTreeMap;

use serde_json::{Map, Value};

pub use self::attributes::{Answered, of_log};
use self::fields::{count, list, parsed, said, seconds, text};
use self::messages::{instructions, messages};
use self::tools::tools;
use super::finish::Finish;
use super::reading::{Reply, Request, Usage};
use super::{FINISH_REASON, RESPONSE_ID, TIME_TO_FIRST_CHUNK, errors};
use crate::blueprint::{ChatPrompt, CompletionPrompt, ErrorType, Message, Prompt, Tool};
use crate::semconv;

/// The error message of an external span that ended without a response. A failed call of rig, for example, records
/// nothing at all.
pub const UNANSWERED: &str = "the call ended without a response";

/// Reads the request from the fields of a span.
pub fn request(fields: &Map<String, Value>) -> Request {
    let (tools, left) =
        parsed(fields, semconv::TOOL_DEFINITIONS).map(|said| tools(&said)).unwrap_or_default();
    let mut parameters = parameters(fields);
    if !left.is_empty() {
        parameters.insert("tools".to_owned(), Value::Array(left));
    }
    Request {
        provider: provider::of(fields),
        model: text(fields, semconv::REQUEST_MODEL).map(Cow::into_owned),
        prompt: input(fields, tools),
        parameters,
        ..Request::default()
    }
}

/// Returns the API type that a span names, or that its operation implies.
pub fn api_type(fields: &Map<String, Value>) -> Option<&'static str> {
    match text(fields, semconv::OPENAI_API_TYPE).as_deref() {
        Some("responses") => return Some("responses"),
        Some("chat_completions") => return Some("chat-completions"),
        _ => {}
    }
    (text(fields, semconv::OPERATION_NAME)? == "generate_content").then_some("generate-content")
}

/// Returns the input of the model.
fn input(fields: &Map<String, Value>, tools: Vec<Tool>) -> Option<Prompt> {
    let said = said(fields, semconv::INPUT_MESSAGES, semconv::PROMPT);
    let mut said = said.map(|said| messages(&said, Message::user)).unwrap_or_default();
    if let Some(system) = parsed(fields, semconv::SYSTEM_INSTRUCTIONS).and_then(|said| instructions(&said))
        && said.first() != Some(&system)
    {
        said.insert(0, system);
    }
    if said.is_empty() && tools.is_empty() {
        return None;
    }
    if text(fields, semconv::OPERATION_NAME).as_deref() == Some("text_completion")
        && let [Message::User(only)] = said.as_slice()
    {
        return Some(CompletionPrompt::new(only.content.clone()).into());
    }
    let mut prompt = ChatPrompt::new(said);
    prompt.tools = tools;
    Some(prompt.into())
}

/// Returns the request parameters, with the names that providers use.
fn parameters(fields: &Map<String, Value>) -> Map<String, Value> {
    let requested = fields.iter().filter_map(|(name, value)| {
        let name = match name.strip_prefix(semconv::REQUEST_PREFIX) {
            Some("model") => return None,
            Some("choice.count") => "n".to_owned(),
            Some(name) => name.replace('.', "_"),
            None if name == semconv::EMBEDDINGS_DIMENSION_COUNT => "dimensions".to_owned(),
            None if name == semconv::OUTPUT_TYPE => "output_type".to_owned(),
            None => return None,
        };
        Some((name, fields::value(value)))
    });
    requested.filter(|(_, value)| !value.is_null()).collect()
}

/// Reads the response from a span.
pub fn response(fields: &Map<String, Value>, lacks_an_answer: bool) -> Reply {
    let said = said(fields, semconv::OUTPUT_MESSAGES, semconv::COMPLETION);
    let prompt = said.as_ref().map(|said| ChatPrompt::new(messages(said, Message::assistant)).into());
    Reply {
        model: text(fields, semconv::RESPONSE_MODEL).map(Cow::into_owned),
        prompt,
        usage: usage(fields),
        finish: finish(fields, said.as_ref().and_then(|said| said.value.as_ref())),
        error: problem(fields, lacks_an_answer).map(|problem| (problem.kind, problem.message)),
        metadata: metadata(fields),
        ..Reply::default()
    }
}

/// Returns the most severe finish reason of the choices. rig writes `unknown` if it does not know the
/// reason.
fn finish(fields: &Map<String, Value>, said: Option<&Value>) -> Option<Finish> {
    let mut reasons = list(fields, semconv::RESPONSE_FINISH_REASONS);
    if reasons.is_empty() {
        let messages = said.and_then(Value::as_array).into_iter().flatten();
        reasons.extend(messages.filter_map(|said| Some(said.get(FINISH_REASON)?.as_str()?.to_owned())));
    }
    let told = reasons.iter().filter(|reason| !reason.is_empty() && *reason != "unknown");
    Finish::worst(told.map(|reason| Finish::from_word(reason)))
}

fn usage(fields: &Map<String, Value>) -> Usage {
    let tool_use = count(fields, &[semconv::USAGE_TOOL_USE_OF_RIG]);
    Usage {
        input: count(fields, &[semconv::USAGE_INPUT_TOKENS, semconv::USAGE_PROMPT_TOKENS]),
        output: count(fields, &[semconv::USAGE_OUTPUT_TOKENS, semconv::USAGE_COMPLETION_TOKENS]),
        cached: count(fields, &[semconv::USAGE_CACHE_READ]),
        cache_creation: count(fields, &[semconv::USAGE_CACHE_CREATION]),
        reasoning: count(fields, &[semconv::USAGE_REASONING, semconv::USAGE_REASONING_OF_RIG]),
        other: tool_use.map(|count| ("tool_use_prompt_tokens", count)).into_iter().collect(),
    }
}

fn metadata(fields: &Map<String, Value>) -> BTreeMap<&'static str, String> {
    let first = seconds(fields, semconv::RESPONSE_TIME_TO_FIRST_CHUNK);
    [
        (RESPONSE_ID, text(fields, semconv::RESPONSE_ID).map(Cow::into_owned)),
        ("conversation_id", text(fields, semconv::CONVERSATION_ID).map(Cow::into_owned)),
        ("agent_name", text(fields, semconv::AGENT_NAME).map(Cow::into_owned)),
        (TIME_TO_FIRST_CHUNK, first.map(|seconds| format!("{:.3}", seconds * 1e3))),
    ]
    .into_iter()
    .filter_map(|(key, value)| Some((key, value?)))
    .collect()
}

/// The error of an external span.
pub struct Problem {
    /// The type of the error.
    pub kind: ErrorType,
    /// The error message.
    pub message: String,
    /// The error message without any content of the call.
    pub without_content: String,
}

/// Returns the error of a span. A span has an error if it set an error status or an error type, or if it
/// has neither and no response.
pub fn problem(fields: &Map<String, Value>, lacks_an_answer: bool) -> Option<Problem> {
    let named = text(fields, semconv::ERROR_TYPE).or_else(|| text(fields, semconv::TOOL_ERROR_TYPE_OF_RIG));
    let has_failed = text(fields, semconv::STATUS_CODE).is_some_and(|status| {
        // As text, or as the `Debug` output of OpenTelemetry's `Status::error(…)`.
        status.get(..5).is_some_and(|status| status.eq_ignore_ascii_case("error"))
    });
    if named.is_none() && !has_failed {
        return lacks_an_answer.then(|| Problem {
            kind: ErrorType::UnknownError,
            message: UNANSWERED.to_owned(),
            without_content: UNANSWERED.to_owned(),
        });
    }
    let described = semconv::ERROR_TEXT.iter().find_map(|name| text(fields, name));
    let without_content = named.as_deref().unwrap_or("the call failed").to_owned();
    let message = match (&named, described) {
        (Some(named), Some(described)) if *named != described => format!("{named}: {described}"),
        (None, Some(described)) => described.into_owned(),
        _ => without_content.clone(),
    };
    let kind = kind_of_error(named.as_deref(), &message);
    Some(Problem { kind, message, without_content })
}

/// Returns the type of an error. By convention, `error.type` is the response's status, or a code of the
/// provider or of the crate.
fn kind_of_error(named: Option<&str>, message: &str) -> ErrorType {
    let status = named.and_then(|named| named.parse::<u16>().ok());
    let mut error = Map::from_iter([("message".to_owned(), Value::from(message))]);
    match (status, named) {
        (Some(status), _) => error.insert("status".to_owned(), status.into()),
        (None, Some(named)) => error.insert("type".to_owned(), named.into()),
        (None, None) => None,
    };
    errors::of_reply(&Value::Object(error)).0
}

/// Returns the input of a tool, an agent or a search, as readable JSON or text.
pub fn function_input(fields: &Map<String, Value>) -> Option<String> {
    semconv::FUNCTION_INPUTS.iter().find_map(|name| text(fields, name)).map(Cow::into_owned)
}

/// Returns the output of a tool, an agent or a search, as readable JSON or text.
pub fn function_output(fields: &Map<String, Value>) -> Option<String> {
    semconv::FUNCTION_OUTPUTS.iter().find_map(|name| text(fields, name)).map(Cow::into_owned)
}
