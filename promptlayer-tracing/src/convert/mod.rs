//! Provider shapes to the prompt blueprint. Pure: what a finished span holds in, what is sent out.

mod detect;
mod failure;
mod json;
mod openai_chat;
mod openai_completions;
mod plain;

use serde_json::{Map, Value};

use crate::blueprint::{ChatPrompt, CompletionPrompt, ErrorType, LogRequest, Message, Prompt, RequestStatus};
use crate::exchange::{Ending, Input};
use crate::record::{FinishedSpan, Output};

/// The provider where nothing tells it.
const UNKNOWN_PROVIDER: &str = "custom";
/// The model where nothing tells it.
const UNKNOWN_MODEL: &str = "unknown";
/// The metadata key that the provider's reason for ending goes by.
const FINISH_REASON: &str = "finish_reason";
/// The metadata key that the time from a call's beginning to its first chunk goes by, in milliseconds.
const TIME_TO_FIRST_CHUNK: &str = "time_to_first_chunk_ms";

/// What an input says of the request.
#[derive(Debug, Default)]
pub(crate) struct Request {
    pub(crate) provider: Option<&'static str>,
    pub(crate) api_type: Option<&'static str>,
    pub(crate) model: Option<String>,
    pub(crate) prompt: Option<Prompt>,
    pub(crate) parameters: Map<String, Value>,
    /// Arguments that have no place in a request: a customer, a limit of the caller's own.
    pub(crate) unplaced: Map<String, Value>,
}

/// What an output says of the reply.
#[derive(Debug, Default)]
pub(crate) struct Reply {
    pub(crate) provider: Option<&'static str>,
    pub(crate) api_type: Option<&'static str>,
    pub(crate) model: Option<String>,
    pub(crate) prompt: Option<Prompt>,
    pub(crate) input_tokens: Option<u64>,
    pub(crate) output_tokens: Option<u64>,
    /// Why the model ended, in the provider's own word.
    pub(crate) finish_reason: Option<String>,
    /// The provider answered with an error, which the function passed on as a value.
    pub(crate) error: Option<(ErrorType, String)>,
}

/// What a call says: its request log, and as JSON the arguments that have no place in it.
/// `default_provider` is the layer's.
pub(crate) fn request(span: &FinishedSpan, default_provider: Option<&str>) -> (LogRequest, Option<String>) {
    let request = span.input.as_ref().map(plain::request).unwrap_or_default();
    let reply = span.output.as_ref().map(plain::reply).unwrap_or_default();
    let input = request.prompt.unwrap_or_else(|| ChatPrompt::default().into());
    let output = alike(&input, reply.prompt);

    let provider = span
        .provider
        .as_deref()
        .or(default_provider)
        .or(request.provider)
        .or(reply.provider)
        .unwrap_or(UNKNOWN_PROVIDER);
    let model = span
        .model
        .as_deref()
        .or(request.model.as_deref())
        .or(reply.model.as_deref())
        .unwrap_or(UNKNOWN_MODEL);

    let mut log = LogRequest::new(provider, model, input, output);
    log.request_start_time = json::timestamp(span.started);
    log.request_end_time = json::timestamp(span.ended());
    log.parameters = request.parameters;
    log.parameters
        .extend(span.parameters.iter().map(|(name, value)| ((*name).to_owned(), json::value(value))));
    log.tags = span.inherited.tags.clone();
    log.metadata = span.inherited.metadata.clone();
    if let Some(time) = span.time_to_first_chunk {
        let milliseconds = time.as_secs_f64() * 1e3;
        log.metadata.entry(TIME_TO_FIRST_CHUNK.to_owned()).or_insert_with(|| format!("{milliseconds:.3}"));
    }
    if let Some(reason) = &reply.finish_reason {
        log.metadata.entry(FINISH_REASON.to_owned()).or_insert_with(|| reason.clone());
    }
    if let Some(prompt) = &span.inherited.prompt {
        log.prompt_name = Some(prompt.name.clone());
        log.prompt_version_number = prompt.version;
        log.prompt_input_variables = prompt.variables.clone();
    }
    log.input_tokens = reply.input_tokens;
    log.output_tokens = reply.output_tokens;
    log.function_name = Some(span.function_name().to_owned());
    log.api_type = request.api_type.or(reply.api_type).map(str::to_owned);
    set_status(&mut log, span, reply.error, reply.finish_reason.as_deref());
    let unplaced = request.unplaced;
    (log, (!unplaced.is_empty()).then(|| Value::Object(unplaced).to_string()))
}

/// The request log of a call.
#[cfg(test)]
fn log_request(span: &FinishedSpan, default_provider: Option<&str>) -> LogRequest {
    request(span, default_provider).0
}

/// An output in the form of its input: a completion that was reduced to its text is one still.
fn alike(input: &Prompt, output: Option<Prompt>) -> Prompt {
    match (input, output) {
        (_, None) => match input {
            Prompt::Completion(_) => CompletionPrompt::default().into(),
            Prompt::Chat(_) => ChatPrompt::default().into(),
        },
        (Prompt::Completion(_), Some(Prompt::Chat(chat))) => match chat.messages.as_slice() {
            [Message::Assistant(only)] if only.tool_calls.is_empty() => {
                CompletionPrompt::new(only.content.clone()).into()
            }
            _ => chat.into(),
        },
        (_, Some(output)) => output,
    }
}

fn set_status(
    log: &mut LogRequest,
    span: &FinishedSpan,
    answered: Option<(ErrorType, String)>,
    finish_reason: Option<&str>,
) {
    let (status, kind, message) = match &span.ending {
        Ending::Returned => match (answered, finish_reason) {
            (Some((kind, message)), _) => (RequestStatus::Error, kind, message),
            (None, Some("length" | "max_tokens")) => (
                RequestStatus::Warning,
                ErrorType::ProviderPartialResponse,
                "the answer was cut at the greatest number of tokens".to_owned(),
            ),
            (None, Some("content_filter")) => (
                RequestStatus::Warning,
                ErrorType::ProviderPartialResponse,
                "the provider's content filter cut the answer".to_owned(),
            ),
            _ => return,
        },
        Ending::Failed(failure) => (RequestStatus::Error, failure::kind(failure), failure.chain.join(": ")),
        Ending::Panicked(_) => {
            (RequestStatus::Error, ErrorType::UnknownError, span.problem().unwrap_or_default().into_owned())
        }
        Ending::Unseen => {
            (RequestStatus::Warning, ErrorType::UnknownError, span.problem().unwrap_or_default().into_owned())
        }
        Ending::Cancelled => (
            RequestStatus::Warning,
            ErrorType::ProviderPartialResponse,
            span.problem().unwrap_or_default().into_owned(),
        ),
    };
    log.status = status;
    log.set_error(kind, &message);
}

/// What a span that makes no request log was called with, as readable JSON or text.
pub(crate) fn function_input(span: &FinishedSpan) -> Option<String> {
    match span.input.as_ref()? {
        Input::Arguments(arguments) => {
            let arguments: Map<String, Value> =
                arguments.iter().map(|(name, value)| ((*name).to_owned(), json::value(value))).collect();
            Some(Value::Object(arguments).to_string())
        }
        Input::Value(value) => Some(json::text(value)),
    }
}

/// What a span that makes no request log gave, as readable JSON or text.
pub(crate) fn function_output(span: &FinishedSpan) -> Option<String> {
    match span.output.as_ref()? {
        Output::Value(value) => Some(json::text(value)),
        Output::Chunks(chunks) => Some(json::readable(&plain::joined(chunks))),
    }
}

#[cfg(test)]
mod tests;
