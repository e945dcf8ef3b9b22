//! Converts finished spans into request logs and the prompt blueprint.
//!
//! The conversion is pure: it reads a finished span and returns the data to export.

mod captured;
mod exchange;
mod secrets;

use std::borrow::Cow;

use promptlayer_blueprint::providers::gen_ai::{self, Answered};
use promptlayer_blueprint::providers::{
    self, Reply, Request, SESSION_ID, TIME_TO_FIRST_CHUNK, UNKNOWN_MODEL, UNKNOWN_PROVIDER, USER_ID, errors,
};
use promptlayer_blueprint::{ChatPrompt, ErrorType, LogRequest, RequestStatus, semconv};
use serde_json::{Map, Value};

use crate::capture::Failure;
use crate::kind::SpanKind;
use crate::span::finished::{FinishedSpan, Output};
use crate::span::input_output::{Ending, Input};

/// The converted form of a model call.
#[derive(Debug)]
pub(crate) struct ConvertedRequest {
    pub(crate) log: LogRequest,
    /// The arguments that are not part of the log, as JSON.
    pub(crate) function_input: Option<String>,
    /// The returned value, if an interceptor saw another reply.
    pub(crate) function_output: Option<String>,
    /// The error of the call, in one line.
    pub(crate) problem: Option<String>,
    /// OpenTelemetry `gen_ai.*` attributes of the call, without content.
    pub(crate) attributes: Map<String, Value>,
}

/// Converts the span of a model call into a request log and its attributes.
///
/// `default_provider` is the default provider of the layer.
pub(crate) fn request(span: &FinishedSpan, default_provider: Option<&str>) -> ConvertedRequest {
    let Exchanged { mut request, mut reply, function_input, function_output } = match span.exchange.as_deref()
    {
        Some(exchange) => exchange::read(span, exchange),
        None => read(span),
    };
    let input = request.prompt.take().unwrap_or_else(|| ChatPrompt::default().into());
    let output = providers::log::output_like(&input, reply.prompt.take());

    let model = span
        .model
        .as_deref()
        .or(request.model.as_deref())
        .or(span.exchange.as_ref().and_then(|exchange| exchange.model.as_deref()))
        .or(reply.model.as_deref())
        .unwrap_or(UNKNOWN_MODEL);
    let shape = reply.shape.or(request.shape);
    let types = type_names(span);
    let evidence = providers::Evidence { request: &request, reply: &reply, model, types: &types };
    let provider = span
        .provider
        .as_deref()
        .or(span.exchange.as_ref().and_then(|exchange| exchange.provider.as_deref()))
        // An external span names its provider itself, like the `provider` argument of the attribute does.
        .or(request.provider.as_deref().filter(|_| span.is_external))
        .or(default_provider)
        .or_else(|| evidence.provider())
        .unwrap_or(UNKNOWN_PROVIDER);

    let mut log = LogRequest::new(provider, model, input, output);
    let (started, ended) = span.called();
    log.request_start_time = Some(started);
    log.request_end_time = Some(ended);
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
    providers::log::add_metadata(&mut log, &reply);
    link_prompt(&mut log, span);
    log.input_tokens = reply.usage.input;
    log.output_tokens = reply.usage.output;
    log.price = reply.price;
    log.score = span.score;
    log.function_name = Some(span.function_name().to_owned());
    // The response determines the API type: a response always identifies its API, some requests do not.
    log.api_type = shape.map(|shape| shape.api_type.to_owned());
    if span.is_external
        && span.exchange.is_none()
        && let Some(api_type) = gen_ai::api_type(&span.fields.by_name())
    {
        log.api_type = Some(api_type.to_owned());
    }
    let answered = Answered::from_reply(&reply, &log, || {
        span.output.as_ref().map(|output| captured::output(output, is_embedding(span)))
    });
    let is_whole = is_whole(span, &reply);
    let ending = if is_whole { &Ending::Returned } else { &span.ending };
    let of_call = if is_whole { None } else { problem(span) };
    set_status(&mut log, span, ending, &reply);
    let of_answer = || Some(log.error_message().filter(|_| log.status == RequestStatus::Error)?.to_owned());
    let problem = of_call.or_else(of_answer);
    let attributes = gen_ai::of_log(&log, is_embedding(span), &answered);
    ConvertedRequest { log, function_input, function_output, problem, attributes }
}

/// Returns `true` if a stream was dropped after it reported its finish reason. The consumer stopped
/// reading, but the response is complete.
fn is_whole(span: &FinishedSpan, reply: &Reply) -> bool {
    let call = span.exchange.as_deref().unwrap_or(span);
    let is_stream = matches!(call.output, Some(Output::Chunks(_)));
    let is_answered = is_stream || (span.exchange.is_some() && call.ending == Ending::Returned);
    span.ending == Ending::Cancelled && is_answered && reply.finish.is_some()
}

/// The request and the response of a call.
struct Exchanged {
    request: Request,
    reply: Reply,
    /// The arguments that are not part of the request, as JSON.
    function_input: Option<String>,
    /// The returned value, if it is not the reply.
    function_output: Option<String>,
}

/// Reads the request and the response of a call. An external span is read from its fields, and then from
/// what it took over from the function around it.
fn read(span: &FinishedSpan) -> Exchanged {
    let input = span.input.as_ref().and_then(|input| captured::input(input, &span.types));
    let mut request = input.map(providers::request).unwrap_or_default().with_types(&type_names(span));
    let output = span.output.as_ref().map(|output| captured::output(output, is_embedding(span)));
    let mut reply = output.map(|output| providers::response_to(&request, output)).unwrap_or_default();
    let json = |fields: Map<String, Value>| (!fields.is_empty()).then(|| Value::Object(fields).to_string());
    let mut function_input = json(std::mem::take(&mut request.unplaced));
    let function_output = json(std::mem::take(&mut reply.unplaced));
    if span.is_external {
        let mut fields = gen_ai::request(&span.fields.by_name());
        // The arguments that have no place in a request are with the function.
        function_input = json(std::mem::take(&mut fields.unplaced));
        request = fields.or(request);
        reply = gen_ai::response(&span.fields.by_name(), span.lacks_an_answer).or(reply);
    }
    Exchanged { request, reply, function_input, function_output }
}

/// Links the log to the prompt template of the calls around it, or else to the one that an external span
/// names.
fn link_prompt(log: &mut LogRequest, span: &FinishedSpan) {
    let (name, version, variables) = match &span.inherited.prompt {
        Some(prompt) => (prompt.name.clone(), prompt.version, prompt.variables.clone()),
        None if !span.is_external => return,
        None => match gen_ai::prompt_template(&span.fields.by_name()) {
            Some(template) => (template.name, template.version, template.variables),
            None => return,
        },
    };
    log.prompt_name = Some(name);
    log.prompt_version_number = version;
    log.prompt_input_variables = variables;
}

/// The arguments of a tool that hold the id of its call.
const TOOL_CALL_IDS: &[&str] = &["tool_call_id", "call_id", "tool_use_id"];
/// The arguments of a tool that hold its whole call, and the fields of a call that hold its id.
const TOOL_CALLS: &[&str] = &["tool_call", "call", "tool_use"];
const ID_FIELDS: &[&str] = &["id", "call_id", "tool_call_id"];

/// Returns the id of the call that a tool answers, if one of its arguments has it.
fn tool_call_id(span: &FinishedSpan) -> Option<String> {
    let Some(Input::Arguments(arguments)) = &span.input else { return None };
    arguments.iter().find_map(|(name, value)| {
        if TOOL_CALL_IDS.contains(name) {
            return captured::value(value).as_str().map(str::to_owned);
        }
        let call = TOOL_CALLS.contains(name).then(|| captured::value(value))?;
        ID_FIELDS.iter().find_map(|field| call.get(*field)?.as_str()).map(str::to_owned)
    })
}

/// Returns the names of the types that may tell which client made the call: those of the arguments, of the returned
/// value, and of the error.
fn type_names(span: &FinishedSpan) -> Vec<&str> {
    let of_error = match &span.ending {
        Ending::Failed(failure) => Some(failure.type_name),
        _ => None,
    };
    [span.types.arguments, span.types.returned].into_iter().chain(of_error).collect()
}

/// Returns the OpenTelemetry attributes of a span that has no request log.
pub(crate) fn function_attributes(span: &FinishedSpan) -> Map<String, Value> {
    let mut attributes = operation_attributes(span);
    for (name, key) in [(semconv::USER_ID, USER_ID), (semconv::CONVERSATION_ID, SESSION_ID)] {
        if let Some(value) = span.inherited.metadata.get(key) {
            attributes.insert(name.to_owned(), value.as_str().into());
        }
    }
    attributes
}

/// Returns the attributes of a function that calls no model itself.
fn operation_attributes(span: &FinishedSpan) -> Map<String, Value> {
    let (operation, named) = match (span.function, span.kind) {
        (Some(_), Some(SpanKind::Tool)) => ("execute_tool", Some(semconv::GEN_AI_TOOL_NAME)),
        (Some(_), Some(SpanKind::Agent)) => ("invoke_agent", Some(semconv::AGENT_NAME)),
        (Some(_), Some(SpanKind::Chain)) => ("invoke_workflow", Some(semconv::WORKFLOW_NAME)),
        (Some(_), Some(SpanKind::Retriever)) => ("retrieval", None),
        // Another crate's span says this itself.
        _ => return Map::new(),
    };
    let call_id = if span.kind == Some(SpanKind::Tool) { tool_call_id(span) } else { None };
    [
        Some((semconv::OPERATION_NAME, Value::from(operation))),
        named.map(|named| (named, Value::from(span.function_name()))),
        call_id.map(|id| (semconv::TOOL_CALL_ID, Value::from(id))),
    ]
    .into_iter()
    .flatten()
    .map(|(name, value)| (name.to_owned(), value))
    .collect()
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
    if !span.is_external {
        return None;
    }
    gen_ai::problem(&span.fields.by_name(), span.lacks_an_answer)
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

/// Returns the type of the error with which a call ended. If the error does not show it, the fields of another
/// crate's span may name it.
fn kind_of_failure(span: &FinishedSpan, failure: &Failure) -> ErrorType {
    match error_type(failure) {
        ErrorType::UnknownError => {
            problem_by_fields(span).map_or(ErrorType::UnknownError, |problem| problem.kind)
        }
        kind => kind,
    }
}

/// Returns the error of a span, in one line.
pub(crate) fn problem(span: &FinishedSpan) -> Option<String> {
    let by_fields = || problem_by_fields(span).map(|problem| problem.message);
    let of_tool =
        || problem_of_tool(span).map(|text| if text.is_empty() { TOOL_ERROR.to_owned() } else { text });
    span.problem().map(Cow::into_owned).or_else(by_fields).or_else(of_tool)
}

/// Returns the error of a span, in one line, without any content of the call.
pub(crate) fn problem_without_content(span: &FinishedSpan) -> Option<String> {
    let by_fields = || problem_by_fields(span).map(|problem| problem.without_content);
    let of_tool = || problem_of_tool(span).map(|_| TOOL_ERROR.to_owned());
    span.problem_without_content().map(str::to_owned).or_else(by_fields).or_else(of_tool)
}

/// The error of a tool whose result is an error without a text.
const TOOL_ERROR: &str = "the tool answered with an error";

/// Returns the text of a tool's result that says that it is an error, as results of the Model Context Protocol do.
/// The text may be empty.
fn problem_of_tool(span: &FinishedSpan) -> Option<String> {
    let (Some(SpanKind::Tool), Some(Output::Value(output))) = (span.kind, &span.output) else { return None };
    let value = captured::value(output);
    let content = value.get("content")?.as_array()?;
    let texts = || content.iter().filter_map(|part| part.get("text")?.as_str()).collect::<Vec<_>>().join(" ");
    value.get("isError")?.as_bool()?.then(texts)
}

/// Returns the request log of a call.
#[cfg(test)]
fn log_request(span: &FinishedSpan, default_provider: Option<&str>) -> LogRequest {
    request(span, default_provider).log
}

fn set_status(log: &mut LogRequest, span: &FinishedSpan, ending: &Ending, reply: &Reply) {
    let (status, kind, message) = match ending {
        Ending::Returned => return providers::log::set_outcome(log, reply),
        Ending::Failed(failure) => {
            (RequestStatus::Error, kind_of_failure(span, failure), failure.chain.join(": "))
        }
        Ending::Panicked(_) => {
            (RequestStatus::Error, ErrorType::UnknownError, span.problem().unwrap_or_default().into_owned())
        }
        Ending::Unseen(_) => {
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
    // If a program chose another input, the fields have none.
    if span.is_external && span.input.is_none() {
        return gen_ai::function_input(&span.fields.by_name());
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
    if span.is_external && span.output.is_none() {
        return gen_ai::function_output(&span.fields.by_name());
    }
    match span.output.as_ref()? {
        Output::Value(value) => Some(captured::text(value)),
        Output::Chunks(chunks) => {
            let chunks = chunks.iter().map(|chunk| captured::readable_value(&chunk)).collect();
            Some(providers::readable(&providers::joined(chunks)))
        }
    }
}

#[cfg(test)]
pub(crate) mod tests;
