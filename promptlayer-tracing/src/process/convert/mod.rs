//! Converts finished spans into request logs and the prompt blueprint.
//!
//! The conversion is pure: it reads a finished span and returns the data to export.

mod captured;
mod secrets;

use std::borrow::Cow;

use promptlayer_blueprint::providers::gen_ai::{self, Answered};
use promptlayer_blueprint::providers::{
    self, FINISH_REASON, Finish, PROVIDER_FINISH_REASON, Reply, Request, TIME_TO_FIRST_CHUNK, UNKNOWN_MODEL,
    UNKNOWN_PROVIDER, errors,
};
use promptlayer_blueprint::{
    ChatPrompt, CompletionPrompt, ErrorType, LogRequest, Message, Prompt, RequestStatus, semconv,
};
use serde_json::{Map, Value};

use crate::capture::Failure;
use crate::kind::SpanKind;
use crate::span::finished::{FinishedSpan, Output};
use crate::span::input_output::{Ending, Input};

/// The converted form of a model call.
#[derive(Debug)]
pub(crate) struct ConvertedRequest {
    pub(crate) log: LogRequest,
    /// Arguments that have no field in the log, as JSON.
    pub(crate) unplaced: Option<String>,
    /// The error of the call, in one line.
    pub(crate) problem: Option<String>,
    /// OpenTelemetry `gen_ai.*` attributes of the call, without content.
    pub(crate) attributes: Map<String, Value>,
}

/// Converts the span of a model call into a request log and its attributes.
///
/// `default_provider` is the default provider of the layer.
pub(crate) fn request(span: &FinishedSpan, default_provider: Option<&str>) -> ConvertedRequest {
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
    // The first that is known decides.
    let providers = [
        span.provider.as_deref(),
        // An external span names its provider itself, like the `provider` argument of the attribute does.
        request.provider.as_deref().filter(|_| span.is_external),
        default_provider,
        reply.provider.as_deref(),
        reply.shape.and_then(providers::Shape::only_speaker),
        request.provider.as_deref(),
        shape.and_then(providers::Shape::only_speaker),
        providers::provider_of_model(model),
        shape.map(|shape| shape.family),
    ];
    let provider = providers.into_iter().flatten().next().unwrap_or(UNKNOWN_PROVIDER);

    let mut log = LogRequest::new(provider, model, input, output);
    log.request_start_time = Some(span.started);
    log.request_end_time = Some(span.ended());
    log.parameters = request.parameters;
    secrets::hide(&mut log);
    log.parameters
        .extend(span.parameters.iter().map(|(name, value)| ((*name).to_owned(), captured::value(value))));
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
    // The response determines the API type: a response always identifies its API, some requests do not.
    log.api_type = shape.map(|shape| shape.api_type.to_owned());
    if span.is_external {
        log.api_type = gen_ai::api_type(&span.fields).map(str::to_owned);
    }
    let answered = Answered::from_reply(&reply);
    let is_whole = is_whole(span, &reply);
    let ending = if is_whole { &Ending::Returned } else { &span.ending };
    let of_call = if is_whole { None } else { problem(span) };
    set_status(&mut log, span, ending, reply);
    let of_answer = || Some(log.error_message().filter(|_| log.status == RequestStatus::Error)?.to_owned());
    let problem = of_call.or_else(of_answer);
    let attributes = gen_ai::of_log(&log, is_embedding(span), &answered);
    let unplaced = request.unplaced;
    let unplaced = (!unplaced.is_empty()).then(|| Value::Object(unplaced).to_string());
    ConvertedRequest { log, unplaced, problem, attributes }
}

/// Returns `true` if a stream was dropped after it reported its finish reason. The consumer stopped
/// reading, but the response is complete.
fn is_whole(span: &FinishedSpan, reply: &Reply) -> bool {
    let is_stream = matches!(span.output, Some(Output::Chunks(_)));
    span.ending == Ending::Cancelled && is_stream && reply.finish.is_some()
}

/// Reads the request and the response of a call. An external span is read from its fields.
fn read(span: &FinishedSpan) -> (Request, Reply) {
    if span.is_external {
        return (gen_ai::request(&span.fields), gen_ai::response(&span.fields, span.lacks_an_answer));
    }
    let input = span.input.as_ref().and_then(|input| captured::input(input, &span.types));
    let output = span.output.as_ref().map(|output| captured::output(output, is_embedding(span)));
    (input.map(providers::request).unwrap_or_default(), output.map(providers::response).unwrap_or_default())
}

/// Returns the OpenTelemetry `gen_ai.*` attributes of a span that has no request log.
pub(crate) fn function_attributes(span: &FinishedSpan) -> Map<String, Value> {
    let (operation, named) = match (span.function, span.kind) {
        (Some(_), Some(SpanKind::Tool)) => ("execute_tool", Some(semconv::GEN_AI_TOOL_NAME)),
        (Some(_), Some(SpanKind::Agent)) => ("invoke_agent", Some(semconv::AGENT_NAME)),
        (Some(_), Some(SpanKind::Chain)) => ("invoke_workflow", Some(semconv::WORKFLOW_NAME)),
        (Some(_), Some(SpanKind::Retriever)) => ("retrieval", None),
        // Another crate's span says this itself.
        _ => return Map::new(),
    };
    let name = named.map(|named| (named.to_owned(), Value::from(span.function_name())));
    name.into_iter().chain([(semconv::OPERATION_NAME.to_owned(), operation.into())]).collect()
}

/// Returns the OpenTelemetry `gen_ai.*` attributes of a model call that can be derived from its request
/// log.
pub(crate) fn attributes_of_log(span: &FinishedSpan, log: &LogRequest) -> Map<String, Value> {
    gen_ai::of_log(log, is_embedding(span), &Answered::from_log(log))
}

fn is_embedding(span: &FinishedSpan) -> bool {
    span.kind == Some(SpanKind::Embedding)
}

/// The problem that the fields of another crate's span tell.
fn problem_by_fields(span: &FinishedSpan) -> Option<gen_ai::Problem> {
    gen_ai::problem(&span.fields, span.lacks_an_answer).filter(|_| span.is_external)
}

/// Classifies the error that a function returned.
pub(crate) fn error_type(failure: &Failure) -> ErrorType {
    errors::kind(&errors::ReturnedError {
        type_name: failure.type_name,
        name: failure.evidence.name.as_deref().unwrap_or_default(),
        status: failure.evidence.status,
        is_timeout: failure.evidence.is_timeout,
        is_of_http: failure.evidence.is_of_http,
        message: &failure.chain.join("\n"),
    })
}

/// Returns the error of a span, in one line.
pub(crate) fn problem(span: &FinishedSpan) -> Option<String> {
    let by_fields = || problem_by_fields(span).map(|problem| problem.message);
    span.problem().map(Cow::into_owned).or_else(by_fields)
}

/// Returns the error of a span, in one line, without any content of the call.
pub(crate) fn problem_without_content(span: &FinishedSpan) -> Option<String> {
    let by_fields = || problem_by_fields(span).map(|problem| problem.without_content);
    span.problem_without_content().map(str::to_owned).or_else(by_fields)
}

/// Returns the request log of a call.
#[cfg(test)]
fn log_request(span: &FinishedSpan, default_provider: Option<&str>) -> LogRequest {
    request(span, default_provider).log
}

/// Returns the output in the form of the input: if the input is a completion and the output is a single
/// text message, the output becomes a completion too.
fn alike(input: &Prompt, output: Option<Prompt>) -> Prompt {
    match (input, output) {
        (_, None) => match input {
            Prompt::Completion(_) => CompletionPrompt::default().into(),
            _ => ChatPrompt::default().into(),
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

/// Adds response data that has no field in the log to the metadata. Keys that the user has set are not
/// overwritten.
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
        Ending::Failed(failure) => (RequestStatus::Error, error_type(failure), failure.chain.join(": ")),
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

/// Returns the input of a span that has no request log, as readable JSON or text.
pub(crate) fn function_input(span: &FinishedSpan) -> Option<String> {
    if span.is_external {
        return gen_ai::function_input(&span.fields);
    }
    match span.input.as_ref()? {
        Input::Arguments(arguments) => {
            let arguments = captured::arguments(arguments, &span.types);
            let arguments: Map<String, Value> =
                arguments.map(|(name, _, value)| (name.to_owned(), value)).collect();
            Some(Value::Object(arguments).to_string())
        }
        Input::Value(value) => Some(captured::text(value)),
    }
}

/// Returns the output of a span that has no request log, as readable JSON or text.
pub(crate) fn function_output(span: &FinishedSpan) -> Option<String> {
    if span.is_external {
        return gen_ai::function_output(&span.fields);
    }
    match span.output.as_ref()? {
        Output::Value(value) => Some(captured::text(value)),
        Output::Chunks(chunks) => {
            let chunks = chunks.iter().map(captured::readable_value).collect();
            Some(providers::readable(&providers::joined(chunks)))
        }
    }
}

#[cfg(test)]
mod tests;
