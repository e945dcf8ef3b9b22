//! Hands finished spans from the calling thread to the exporter.

pub(crate) mod convert;
pub(crate) mod in_memory;

use std::borrow::Cow;
use std::fmt;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;
use std::time::SystemTime;

use serde_json::{Map, Value};

use crate::error::Error;
use crate::hooks;
use crate::process::convert::ConvertedRequest;
use crate::span::finished::{FinishedSpan, Inherited};
use promptlayer_blueprint::TraceId;
use promptlayer_blueprint::semconv;
use promptlayer_blueprint::{ChatPrompt, LogRequest, RequestStatus};
use promptlayer_client::exporter::clock;

/// A user's closure that rewrites a text.
pub(crate) type RedactText = Box<dyn for<'a> Fn(&'a str) -> Cow<'a, str> + Send + Sync>;
/// A user's closure that rewrites a request.
pub(crate) type RedactRequest = Box<dyn Fn(&mut LogRequest) + Send + Sync>;

/// The user's closures that rewrite spans before they leave the calling thread.
#[derive(Default)]
pub(crate) struct Redact {
    pub(crate) request: Option<RedactRequest>,
    pub(crate) text: Option<RedactText>,
}

impl Redact {
    fn is_asked_for(&self) -> bool {
        self.request.is_some() || self.text.is_some()
    }
}

/// Prepares the finished spans of a layer and hands them to its destination.
pub(crate) struct SpanProcessor {
    pub(crate) exporter: Box<dyn SpanExporter>,
    /// The data that a call inherits if there is no call around it: the layer's tags and metadata.
    pub(crate) root: Arc<Inherited>,
    /// The provider of calls for which the attribute gives none.
    pub(crate) provider: Option<String>,
    pub(crate) capture_content: bool,
    pub(crate) redact: Redact,
    /// The share of traces that are recorded, from 0 to 1.
    pub(crate) sample: f64,
    /// `true` if calls record their `gen_ai` attributes on their own spans.
    pub(crate) gen_ai_fields: bool,
    /// `true` if the destination accepts spans that make no request log.
    pub(crate) keeps_trace: bool,
}

/// The receiver of finished spans: the export pipeline, or the in-memory store of a test.
pub(crate) trait SpanExporter: Send + Sync {
    /// Takes a span. Does not block and does not fail.
    fn take(&self, processed: ProcessedSpan);

    /// Counts a span that was left out because its trace is not sampled.
    fn left_out(&self) {}

    /// Reports an error that no caller receives.
    fn report(&self, error: Error) {
        hooks::write_line(&error, 0);
    }
}

/// A finished span on its way to the destination, with its converted form once there is one.
#[derive(Debug)]
pub(crate) struct ProcessedSpan {
    pub(crate) span: FinishedSpan,
    /// `None` until the export thread converts the span.
    pub(crate) converted: Option<ConvertedSpan>,
    /// The approximate size in bytes.
    pub(crate) size: usize,
    /// `true` if a hook made the span.
    pub(crate) is_of_hook: bool,
}

/// The converted form of a span, ready to encode for PromptLayer.
#[derive(Debug, Clone)]
pub(crate) struct ConvertedSpan {
    pub(crate) log: Option<Box<LogRequest>>,
    pub(crate) function_input: Option<String>,
    pub(crate) function_output: Option<String>,
    pub(crate) problem: Option<String>,
    /// OpenTelemetry attributes of the span, without content.
    pub(crate) attributes: Map<String, Value>,
}

impl ProcessedSpan {
    /// Clears the data from which the span was converted.
    fn forget_source(&mut self) {
        self.span.input = None;
        self.span.output = None;
        self.span.parameters.clear();
    }
}

impl fmt::Debug for SpanProcessor {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.debug_struct("Sink").field("provider", &self.provider).finish_non_exhaustive()
    }
}

impl SpanProcessor {
    /// Takes a finished span. Does not block and does not fail: a span for which there is no room is counted.
    pub(crate) fn submit(&self, span: FinishedSpan) {
        if let Some(processed) = self.prepare(span) {
            self.hand_over(processed);
        }
    }

    /// Prepares a finished span for leaving the calling thread. Returns `None` if the span is not exported.
    pub(crate) fn prepare(&self, mut span: FinishedSpan) -> Option<ProcessedSpan> {
        if !span.is_request && !self.keeps_trace {
            return None;
        }
        if !self.samples(span.place.trace_id) {
            self.exporter.left_out();
            return None;
        }
        // The span has just ended. If the clock was wrong when it started, it may be correct now.
        span.started = clock::start_of(span.started, span.duration, SystemTime::now);
        let size = span.size();
        let mut processed =
            ProcessedSpan { span, converted: None, size, is_of_hook: hooks::is_hook_thread() };
        if self.redact.is_asked_for() || !self.capture_content {
            // Rewrite before the content leaves this thread.
            self.rewrite(&mut processed);
        }
        Some(processed)
    }

    /// Returns the converted form of a span, and converts it if that has not been done.
    ///
    /// The conversion runs on the calling thread, so it must not panic into the user's code.
    pub(crate) fn converted<'a>(&self, processed: &'a mut ProcessedSpan) -> Option<&'a mut ConvertedSpan> {
        if processed.converted.is_none() {
            let convert = || ConvertedSpan::from_span(&processed.span, self.provider.as_deref());
            processed.converted = catch_unwind(AssertUnwindSafe(convert)).ok();
            if processed.converted.is_some() {
                processed.forget_source();
            }
        }
        processed.converted.as_mut()
    }

    /// Hands a span to the destination.
    pub(crate) fn hand_over(&self, processed: ProcessedSpan) {
        self.exporter.take(processed);
    }

    /// Returns `true` if the trace is sampled. The result depends only on the trace id, so all spans of a
    /// trace have the same.
    pub(crate) fn samples(&self, trace: TraceId) -> bool {
        if self.sample >= 1.0 {
            return true;
        }
        let [.., a, b, c, d] = trace.to_bytes();
        f64::from(u32::from_be_bytes([a, b, c, d])) / (f64::from(u32::MAX) + 1.0) < self.sample
    }

    /// Converts the span immediately, rewrites the result, and clears the data from which it was converted.
    fn rewrite(&self, processed: &mut ProcessedSpan) {
        if self.converted(processed).is_none() {
            // A span that cannot be converted cannot be rewritten either, so none of its content is sent.
            processed.forget_source();
            processed.span.fields.clear();
        }
        let Some(mut converted) = processed.converted.take() else { return };
        if !self.capture_content {
            converted.drop_content(&processed.span);
            processed.span.drop_content_fields();
        }
        let span = &mut processed.span;
        let redacted = catch_unwind(AssertUnwindSafe(|| {
            if let Some(redact) = &self.redact.request {
                converted.redact_request(redact, span);
            }
            if let Some(redact) = &self.redact.text {
                converted.redact(redact);
                span.fields.values_mut().for_each(|value| rewrite(value, redact, &[]));
            }
        }));
        if redacted.is_err() {
            // If the user's closure panics, the texts that it has not rewritten are dropped. The call is
            // still logged.
            converted.drop_texts(&processed.span);
            processed.span.fields.clear();
        }
        processed.converted = Some(converted);
    }
}

impl ConvertedSpan {
    /// Converts the data of a span.
    pub(crate) fn from_span(span: &FinishedSpan, default_provider: Option<&str>) -> Self {
        if span.is_request {
            let ConvertedRequest { log, unplaced, problem, attributes } =
                convert::request(span, default_provider);
            let log = Some(Box::new(log));
            Self { log, function_input: unplaced, function_output: None, problem, attributes }
        } else {
            Self {
                log: None,
                function_input: convert::function_input(span),
                function_output: convert::function_output(span),
                problem: convert::problem(span),
                attributes: convert::function_attributes(span),
            }
        }
    }

    /// Removes content. The operation, the model, numeric parameters, the outcome and the usage remain.
    fn drop_content(&mut self, span: &FinishedSpan) {
        self.function_input = None;
        self.function_output = None;
        // An error message may quote content, so only the error type is kept.
        self.problem = self.problem.take().and_then(|_| convert::problem_without_content(span));
        self.attributes.remove(semconv::REQUEST_STOP_SEQUENCES);
        if let Some(log) = &mut self.log {
            log.input = ChatPrompt::default().into();
            log.output = ChatPrompt::default().into();
            log.prompt_input_variables.clear();
            log.parameters.retain(|_, value| value.is_number() || value.is_boolean());
            if let Some(kind) = log.error_type
                && log.status == RequestStatus::Error
            {
                // If the call itself has no error, the provider's error response is the error.
                let problem =
                    self.problem.get_or_insert_with(|| "the provider answered with an error".to_owned());
                log.set_error(kind, problem);
            }
        }
    }

    /// Removes every text that comes from the user.
    fn drop_texts(&mut self, span: &FinishedSpan) {
        self.drop_content(span);
        self.attributes.remove(semconv::RESPONSE_ID);
        if let Some(log) = &mut self.log {
            log.parameters.clear();
            log.metadata.clear();
        }
    }

    /// Applies the user's closure to the request and derives the other data of the span from the result.
    ///
    /// Data that cannot be derived from the request is dropped.
    fn redact_request(&mut self, redact: &RedactRequest, span: &mut FinishedSpan) {
        let Some(log) = &mut self.log else { return };
        let before = Told::from_log(log);
        redact(log);
        self.function_input = None;
        self.problem = self.problem.take().and_then(|_| log.error_message().map(str::to_owned));
        let reply = std::mem::take(&mut self.attributes);
        self.attributes = convert::attributes_of_log(span, log);
        before.keep(log, reply, &mut self.attributes);
        span.drop_told_fields();
    }

    fn redact(&mut self, redact: &RedactText) {
        for text in
            [&mut self.function_input, &mut self.function_output, &mut self.problem].into_iter().flatten()
        {
            *text = redact(text).into_owned();
        }
        for name in [semconv::REQUEST_STOP_SEQUENCES, semconv::RESPONSE_ID] {
            if let Some(value) = self.attributes.get_mut(name) {
                rewrite(value, redact, &[]);
            }
        }
        let Some(log) = &mut self.log else { return };
        for prompt in [&mut log.input, &mut log.output] {
            let rewritten = serde_json::to_value(&*prompt).ok().and_then(|mut value| {
                rewrite(&mut value, redact, STRUCTURE);
                serde_json::from_value(value).ok()
            });
            // If a prompt cannot be rewritten, it is dropped.
            *prompt = rewritten.unwrap_or_else(|| ChatPrompt::default().into());
        }
        log.parameters.values_mut().for_each(|value| rewrite(value, redact, &[]));
        log.prompt_input_variables.values_mut().for_each(|value| rewrite(value, redact, &[]));
        log.metadata.values_mut().for_each(|value| *value = redact(value).into_owned());
        if let (Some(kind), Some(message)) = (log.error_type, log.error_message().map(str::to_owned)) {
            log.set_error(kind, &redact(&message));
        }
    }
}

/// The values of a request log from before the user's closure ran. They are compared with the rewritten
/// values to decide which attributes of the response are kept.
struct Told {
    model: String,
    input_tokens: Option<u64>,
    output_tokens: Option<u64>,
}

impl Told {
    fn from_log(log: &LogRequest) -> Self {
        Self { model: log.model.clone(), input_tokens: log.input_tokens, output_tokens: log.output_tokens }
    }

    /// Adds the attributes that only the response contains, if the user's closure left the corresponding
    /// values unchanged.
    fn keep(&self, log: &LogRequest, reply: Map<String, Value>, attributes: &mut Map<String, Value>) {
        let is_kept = |name: &str| match name {
            semconv::RESPONSE_MODEL => log.model == self.model,
            semconv::USAGE_INPUT_TOKENS
            | semconv::USAGE_PROMPT_TOKENS
            | semconv::USAGE_CACHE_READ
            | semconv::USAGE_CACHE_CREATION => log.input_tokens == self.input_tokens,
            semconv::USAGE_OUTPUT_TOKENS | semconv::USAGE_COMPLETION_TOKENS | semconv::USAGE_REASONING => {
                log.output_tokens == self.output_tokens
            }
            _ => false,
        };
        attributes.extend(reply.into_iter().filter(|(name, _)| is_kept(name)));
    }
}

/// The keys of a prompt blueprint whose values are keywords of the API and not user text.
const STRUCTURE: &[&str] = &["type", "role", "template_format", "format", "media_type", "mime_type"];

/// Rewrites every text of a JSON value, except those under the keys in `kept`.
fn rewrite(value: &mut Value, redact: &RedactText, kept: &[&str]) {
    match value {
        Value::String(text) => *text = redact(text).into_owned(),
        Value::Array(items) => items.iter_mut().for_each(|item| rewrite(item, redact, kept)),
        Value::Object(object) => object
            .iter_mut()
            .filter(|(key, value)| !(value.is_string() && kept.contains(&key.as_str())))
            .for_each(|(_, value)| rewrite(value, redact, kept)),
        Value::Null | Value::Bool(_) | Value::Number(_) => {}
    }
}
