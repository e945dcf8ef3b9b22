//! Reads model calls from external spans that use OpenTelemetry's `gen_ai.*` attributes, and writes these attributes
//! for a request log.
//!
//! Numbers are numbers, or text if they were recorded with `Debug`. Lists and messages are JSON text,
//! because a `tracing` field holds a single value.
//!
//! The fields of a span are read with [`request`], [`response`], [`problem`] and the functions beside them. [`Dialect`]
//! first converts the fields of crates that use other names. [`of_log`], [`content_of_log`] and [`log_fields`] write
//! attributes.
//!
//! ```
//! use promptlayer_blueprint::providers::gen_ai;
//! use serde_json::{Map, json};
//!
//! let fields = Map::from_iter([
//!     ("gen_ai.provider.name".to_owned(), json!("openai")),
//!     ("gen_ai.request.model".to_owned(), json!("gpt-4o")),
//!     ("gen_ai.usage.output_tokens".to_owned(), json!(12)),
//! ]);
//! let request = gen_ai::request(&fields);
//! assert_eq!((request.provider.as_deref(), request.model.as_deref()), (Some("openai"), Some("gpt-4o")));
//! assert_eq!(gen_ai::response(&fields, false).usage.output, Some(12));
//! ```

mod attributes;
mod dialects;
mod fields;
mod indexed;
mod log_fields;
mod messages;
mod operations;
mod tools;
mod write;

use std::borrow::Cow;
use std::collections::BTreeMap;

use serde_json::{Map, Value};

pub use self::attributes::{Answered, of_log};
pub use self::dialects::{Dialect, LANGFUSE};
use self::fields::{Said, count, list, parsed, said, seconds, text};
pub use self::log_fields::log_fields;
use self::messages::{instructions, messages};
pub use self::operations::{Operation, is_model_call, operation};
use self::tools::tools;
pub use self::write::content_of_log;
use super::finish::Finish;
use super::json::Fields;
use super::reading::{Reply, Request, Usage};
use super::{
    Evidence, FINISH_REASON, RESPONSE_ID, TIME_TO_FIRST_CHUNK, UNKNOWN_MODEL, UNKNOWN_PROVIDER, detect,
    errors, log,
};
use crate::blueprint::{ChatPrompt, CompletionPrompt, ErrorType, LogRequest, Message, Prompt, Tool};
use crate::semconv;

/// The metadata key of the conversation's id.
const CONVERSATION_ID: &str = "conversation_id";

/// The error message of an external span that ended without a response. A failed call of rig, for example, records
/// nothing at all.
pub const UNANSWERED: &str = "the call ended without a response";

/// Reads the request from the fields of a span.
pub fn request(fields: &Map<String, Value>) -> Request {
    let (tools, left) =
        parsed(fields, semconv::TOOL_DEFINITIONS).map(|said| tools(&said)).unwrap_or_default();
    let said = said(fields, semconv::INPUT_MESSAGES, semconv::PROMPT);
    // The body of a provider's request, as some crates record it.
    let body = said.as_ref().and_then(|said| said.value.as_ref()?.as_object());
    let mut request = body.and_then(detect::read_request).unwrap_or_default();
    if request.shape.is_none() {
        request.prompt = input(fields, said, tools);
    }
    request.provider = fields::provider(fields).or(request.provider);
    request.model = text(fields, semconv::REQUEST_MODEL).map(Cow::into_owned).or(request.model);
    request.parameters.extend(parameters(fields));
    if !left.is_empty() {
        request.parameters.insert("tools".to_owned(), Value::Array(left));
    }
    request
}

/// Returns the request log of a call that a finished span describes.
///
/// The log has no times, and its function name is empty: these are not in the fields. If the fields have
/// [`semconv::LOG_FIELDS`], the log has those times, that name, and no metadata.
///
/// ```
/// use promptlayer_blueprint::providers::gen_ai;
/// use serde_json::{Map, json};
///
/// let fields = Map::from_iter([
///     ("gen_ai.operation.name".to_owned(), json!("chat")),
///     ("gen_ai.provider.name".to_owned(), json!("gcp.gemini")),
///     ("gen_ai.request.model".to_owned(), json!("gemini-2.5-pro")),
///     ("gen_ai.prompt.0.role".to_owned(), json!("user")),
///     ("gen_ai.prompt.0.content".to_owned(), json!("Hello")),
/// ]);
/// let log = gen_ai::log_request(&fields);
/// assert_eq!((log.provider.as_str(), log.input.text().as_str()), ("google", "Hello"));
/// ```
pub fn log_request(fields: &Map<String, Value>) -> LogRequest {
    let fields = &*indexed::with_messages(fields);
    let (mut request, mut reply) = (request(fields), response(fields, false));
    let input = request.prompt.take().unwrap_or_else(|| ChatPrompt::default().into());
    let output = log::output_like(&input, reply.prompt.take());
    let model = request.model.as_deref().or(reply.model.as_deref()).unwrap_or(UNKNOWN_MODEL);
    let evidence = Evidence { request: &request, reply: &reply, model, types: &[] };
    let provider = request.provider.as_deref().or_else(|| evidence.provider()).unwrap_or(UNKNOWN_PROVIDER);
    let mut log = LogRequest::new(provider, model, input, output);
    log.api_type = api_type(fields)
        .or_else(|| reply.shape.or(request.shape).map(|shape| shape.api_type))
        .map(str::to_owned);
    log.parameters = request.parameters;
    log.input_tokens = reply.usage.input;
    log.output_tokens = reply.usage.output;
    log.price = reply.price;
    log::add_metadata(&mut log, &reply);
    log::set_outcome(&mut log, &reply);
    if let Some(template) = prompt_template(fields) {
        log.prompt_name = Some(template.name);
        log.prompt_version_number = template.version;
        log.prompt_input_variables = template.variables;
    }
    let fields = fields.get(semconv::LOG_FIELDS).and_then(Value::as_str);
    fields.and_then(|fields| log_fields::with_log_fields(fields, &mut log)).unwrap_or(log)
}

/// A prompt template that a span names.
#[derive(Debug, PartialEq)]
pub struct PromptTemplate {
    /// The name of the template.
    pub name: String,
    /// The version, if it is a number.
    pub version: Option<u32>,
    /// The variables that the template was rendered with.
    pub variables: Map<String, Value>,
}

/// Returns the prompt template that a span names.
pub fn prompt_template(fields: &Map<String, Value>) -> Option<PromptTemplate> {
    let variables = fields.iter().filter_map(|(name, value)| {
        Some((name.strip_prefix(semconv::PROMPT_VARIABLE_PREFIX)?.to_owned(), value.clone()))
    });
    Some(PromptTemplate {
        name: text(fields, semconv::PROMPT_NAME)?.into_owned(),
        version: text(fields, semconv::PROMPT_VERSION).and_then(|version| version.parse().ok()),
        variables: variables.collect(),
    })
}

/// The parts of a call that a span records.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Recorded {
    /// `true` if the span has the input.
    pub input: bool,
    /// `true` if the span has the output.
    pub output: bool,
    /// The outcome.
    pub outcome: Outcome,
}

/// The outcome of a call, as far as a span records it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Outcome {
    /// Nothing.
    Unknown,
    /// A part of a response, for example its id or its usage.
    Response,
    /// A failure, without the message of the error.
    Failure,
    /// A failure, with the message of the error.
    FailureWithMessage,
}

/// Returns which parts of a call a span records.
pub fn recorded(fields: &Map<String, Value>) -> Recorded {
    let has = |names: &[&str]| names.iter().any(|name| fields.contains_key(*name));
    let has_text = |names: &[&str]| {
        let mut texts = names.iter().filter_map(|name| text(fields, name));
        texts.any(|text| !matches!(text.trim(), "" | "[]" | "null"))
    };
    let outcome = match problem(fields, false) {
        Some(_) if has_text(semconv::ERROR_TEXT) => Outcome::FailureWithMessage,
        Some(_) => Outcome::Failure,
        None if has(semconv::RESPONSE_BEGINNING) || has(semconv::RESPONSE_END) => Outcome::Response,
        None => Outcome::Unknown,
    };
    Recorded {
        input: has_text(&[semconv::INPUT_MESSAGES, semconv::PROMPT]),
        output: has_text(&[semconv::OUTPUT_MESSAGES, semconv::COMPLETION]),
        outcome,
    }
}

/// Returns the API type that a span names, or that its operation implies.
pub fn api_type(fields: &Map<String, Value>) -> Option<&'static str> {
    match text(fields, semconv::OPENAI_API_TYPE).as_deref() {
        Some("responses") => return Some("responses"),
        Some("chat_completions") => return Some("chat-completions"),
        _ => {}
    }
    // PromptLayer's clients name the API with the provider.
    if text(fields, semconv::PROVIDER_NAME).as_deref() == Some("openai.responses") {
        return Some("responses");
    }
    (text(fields, semconv::OPERATION_NAME)? == "generate_content").then_some("generate-content")
}

fn input(fields: &Map<String, Value>, said: Option<Said<'_>>, tools: Vec<Tool>) -> Option<Prompt> {
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
    let value = said.as_ref().and_then(|said| said.value.as_ref());
    // The body of a provider's response, as some crates record it.
    let body = value.and_then(Value::as_object);
    let mut reply = body.and_then(detect::read_reply).unwrap_or_default();
    if reply.shape.is_none() {
        let own = value.and_then(dialects::message).map(|message| vec![message]);
        let said = || said.as_ref().map(|said| messages(said, Message::assistant));
        reply.prompt = own.or_else(said).map(|messages| ChatPrompt::new(messages).into());
    }
    reply.model = text(fields, semconv::RESPONSE_MODEL).map(Cow::into_owned).or(reply.model);
    if reply.usage == Usage::default() {
        reply.usage = usage(fields);
    }
    reply.finish = finish(fields, value).or(reply.finish);
    let problem = problem(fields, lacks_an_answer);
    reply.error = problem.map(|problem| (problem.kind, problem.message)).or(reply.error);
    reply.metadata.extend(metadata(fields));
    reply
}

/// Returns the most severe reason of the choices. rig writes `unknown` if it does not know the reason.
fn finish(fields: &Map<String, Value>, said: Option<&Value>) -> Option<Finish> {
    let mut reasons = list(fields, semconv::RESPONSE_FINISH_REASONS);
    if reasons.is_empty() {
        let messages = said.and_then(Value::as_array).into_iter().flatten();
        reasons.extend(messages.filter_map(|said| Some(said.str(FINISH_REASON)?.to_owned())));
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
        cache_creation: count(fields, &[semconv::USAGE_CACHE_WRITE, semconv::USAGE_CACHE_CREATION]),
        reasoning: count(fields, &[semconv::USAGE_REASONING, semconv::USAGE_REASONING_OF_RIG]),
        other: tool_use.map(|count| ("tool_use_prompt_tokens", count)).into_iter().collect(),
    }
}

fn metadata(fields: &Map<String, Value>) -> BTreeMap<&'static str, String> {
    let first = seconds(fields, semconv::RESPONSE_TIME_TO_FIRST_CHUNK);
    [
        (RESPONSE_ID, text(fields, semconv::RESPONSE_ID).map(Cow::into_owned)),
        (CONVERSATION_ID, text(fields, semconv::CONVERSATION_ID).map(Cow::into_owned)),
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
