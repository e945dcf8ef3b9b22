//! Provider shapes to the prompt blueprint. Pure: what a finished span holds in, what is sent out.

mod anthropic;
mod bedrock;
mod call_ids;
mod cohere;
mod detect;
mod failure;
mod finish;
pub(crate) mod frames;
mod gemini;
mod gen_ai;
mod json;
mod messages;
mod ollama;
mod openai_chat;
mod openai_completions;
mod openai_embeddings;
mod openai_images;
mod openai_responses;
mod plain;
mod reading;
mod secrets;
mod shape;
mod vectors;
mod vendor;

use std::borrow::Cow;

use serde_json::{Map, Value};

#[cfg(feature = "reqwest-middleware")]
pub(crate) use self::failure::of_answer as answered;
use self::finish::Finish;
use self::gen_ai::attributes::Answered;
use self::reading::{Reply, Request, Usage};
use crate::blueprint::{ChatPrompt, CompletionPrompt, ErrorType, LogRequest, Message, Prompt, RequestStatus};
use crate::exchange::{Ending, Input};
use crate::record::{FinishedSpan, Output};

/// The provider where nothing tells it.
const UNKNOWN_PROVIDER: &str = "custom";
/// The model where nothing tells it.
const UNKNOWN_MODEL: &str = "unknown";
/// The metadata key that the reason for ending goes by, in one word for all providers.
const FINISH_REASON: &str = "finish_reason";
/// The metadata key that the provider's own word for it goes by, where it is another.
const PROVIDER_FINISH_REASON: &str = "provider_finish_reason";
/// The metadata key that the time from a call's beginning to its first chunk goes by, in milliseconds.
const TIME_TO_FIRST_CHUNK: &str = "time_to_first_chunk_ms";
/// The metadata key that the provider's id of a reply goes by.
const RESPONSE_ID: &str = "response_id";

/// What a model's call says.
#[derive(Debug)]
pub(crate) struct Converted {
    pub(crate) log: LogRequest,
    /// As JSON, the arguments that have no place in the log.
    pub(crate) unplaced: Option<String>,
    /// What went wrong, in one line.
    pub(crate) problem: Option<String>,
    /// What it says of itself in OpenTelemetry's words, without content.
    pub(crate) attributes: Map<String, Value>,
}

/// What a model's call says. `default_provider` is the layer's.
pub(crate) fn request(span: &FinishedSpan, default_provider: Option<&str>) -> Converted {
    let (request, mut reply) = read(span);
    let input = request.prompt.unwrap_or_else(|| ChatPrompt::default().into());
    let output = alike(&input, reply.prompt.take());

    let model = span
        .model
        .as_deref()
        .or(request.model.as_deref())
        .or(reply.model.as_deref())
        .unwrap_or(UNKNOWN_MODEL);
    let shape = reply.shape.or(request.shape);
    let provider = span
        .provider
        .as_deref()
        // Another crate's span names its own, as the attribute does.
        .or(request.provider.as_deref().filter(|_| span.is_foreign))
        .or(default_provider)
        .or(reply.provider.as_deref())
        .or_else(|| reply.shape?.only_speaker())
        .or(request.provider.as_deref())
        .or_else(|| shape?.only_speaker())
        .or_else(|| vendor::of_model(model))
        .or_else(|| shape.map(|shape| shape.family))
        .unwrap_or(UNKNOWN_PROVIDER);

    let mut log = LogRequest::new(provider, model, input, output);
    log.request_start_time = json::timestamp(span.started);
    log.request_end_time = json::timestamp(span.ended());
    log.parameters = request.parameters;
    secrets::hide(&mut log);
    log.parameters
        .extend(span.parameters.iter().map(|(name, value)| ((*name).to_owned(), json::value(value))));
    log.tags = span.inherited.tags.clone();
    log.metadata = span.inherited.metadata.clone();
    if let Some(time) = span.time_to_first_chunk {
        let milliseconds = time.as_secs_f64() * 1e3;
        log.metadata.entry(TIME_TO_FIRST_CHUNK.to_owned()).or_insert_with(|| format!("{milliseconds:.3}"));
    }
    add_metadata(&mut log, &reply);
    if let Some(prompt) = &span.inherited.prompt {
        log.prompt_name = Some(prompt.name.clone());
        log.prompt_version_number = prompt.version;
        log.prompt_input_variables = prompt.variables.clone();
    }
    log.input_tokens = reply.usage.input;
    log.output_tokens = reply.usage.output;
    log.price = reply.price;
    log.function_name = Some(span.function_name().to_owned());
    // A reply tells its interface surely; some requests are alike.
    log.api_type = shape.map(|shape| shape.api_type.to_owned());
    if span.is_foreign {
        log.api_type = gen_ai::api_type(&span.fields).map(str::to_owned);
    }
    let answered = Answered::of(&reply);
    let is_whole = is_whole(span, &reply);
    let ending = if is_whole { &Ending::Returned } else { &span.ending };
    let of_call = if is_whole { None } else { problem(span) };
    set_status(&mut log, span, ending, reply);
    let of_answer = || Some(log.error_message().filter(|_| log.status == RequestStatus::Error)?.to_owned());
    let problem = of_call.or_else(of_answer);
    let attributes = gen_ai::attributes::of_request(span, &log, &answered);
    let unplaced = request.unplaced;
    let unplaced = (!unplaced.is_empty()).then(|| Value::Object(unplaced).to_string());
    Converted { log, unplaced, problem, attributes }
}

/// Whether a stream had told why it ended when it was dropped: its reader wanted no more, and nothing is missing.
fn is_whole(span: &FinishedSpan, reply: &Reply) -> bool {
    let is_stream = matches!(span.output, Some(Output::Chunks(_)));
    span.ending == Ending::Cancelled && is_stream && reply.finish.is_some()
}

/// Reads what a call was given and gave: of another crate's span, by its fields.
fn read(span: &FinishedSpan) -> (Request, Reply) {
    if span.is_foreign {
        return (gen_ai::request(&span.fields), gen_ai::reply(span));
    }
    let request = span.input.as_ref().map(plain::request).unwrap_or_default();
    (request, span.output.as_ref().map(plain::reply).unwrap_or_default())
}

/// What a span that makes no request log says of itself in OpenTelemetry's words.
pub(crate) fn function_attributes(span: &FinishedSpan) -> Map<String, Value> {
    gen_ai::attributes::of_function(span)
}

/// What a model's call says of itself in OpenTelemetry's words, as far as its log tells.
pub(crate) fn attributes_of_log(span: &FinishedSpan, log: &LogRequest) -> Map<String, Value> {
    let usage = Usage { input: log.input_tokens, output: log.output_tokens, ..Usage::default() };
    gen_ai::attributes::of_request(span, log, &Answered::of(&Reply { usage, ..Reply::default() }))
}

/// What went wrong in a span, in one line.
pub(crate) fn problem(span: &FinishedSpan) -> Option<String> {
    let by_fields = || gen_ai::problem(span).filter(|_| span.is_foreign).map(|problem| problem.message);
    span.problem().map(Cow::into_owned).or_else(by_fields)
}

/// The same, without anything that the call was about.
pub(crate) fn problem_without_content(span: &FinishedSpan) -> Option<String> {
    let by_fields =
        || gen_ai::problem(span).filter(|_| span.is_foreign).map(|problem| problem.without_content);
    span.problem_without_content().map(str::to_owned).or_else(by_fields)
}

/// The request log of a call.
#[cfg(test)]
fn log_request(span: &FinishedSpan, default_provider: Option<&str>) -> LogRequest {
    request(span, default_provider).log
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

/// Adds what the log has no field for. What the user said stays.
fn add_metadata(log: &mut LogRequest, reply: &Reply) {
    let mut add = |key: &str, value: String| {
        log.metadata.entry(key.to_owned()).or_insert(value);
    };
    if let Some(finish) = &reply.finish {
        let normalized = finish.normalized();
        add(FINISH_REASON, normalized.to_owned());
        if finish.word != normalized {
            add(PROVIDER_FINISH_REASON, finish.word.clone());
        }
    }
    for (key, count) in reply.usage.metadata() {
        add(key, count.to_string());
    }
    for (key, value) in &reply.metadata {
        add(key, value.clone());
    }
}

fn set_status(log: &mut LogRequest, span: &FinishedSpan, ending: &Ending, reply: Reply) {
    let (status, kind, message) = match ending {
        Ending::Returned => match (reply.error, reply.finish.as_ref().and_then(Finish::problem)) {
            (Some((kind, message)), _) => (RequestStatus::Error, kind, message),
            (None, Some((status, kind, message))) => (status, kind, message.to_owned()),
            (None, None) => return,
        },
        Ending::Failed(failure) => (RequestStatus::Error, failure::kind(failure), failure.chain.join(": ")),
        Ending::Panicked(_) => {
            (RequestStatus::Error, ErrorType::UnknownError, span.problem().unwrap_or_default().into_owned())
        }
        Ending::Unseen => {
            (RequestStatus::Warning, ErrorType::UnknownError, span.problem().unwrap_or_default().into_owned())
        }
        Ending::Cancelled | Ending::Unfinished => (
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
    if span.is_foreign {
        return gen_ai::function_input(&span.fields);
    }
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
    if span.is_foreign {
        return gen_ai::function_output(&span.fields);
    }
    match span.output.as_ref()? {
        Output::Value(value) => Some(json::text(value)),
        Output::Chunks(chunks) => Some(json::readable(&plain::joined(chunks))),
    }
}

#[cfg(test)]
mod tests;
