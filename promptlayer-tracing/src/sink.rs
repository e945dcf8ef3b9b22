//! Where a finished span goes from the thread that finished it.

use std::borrow::Cow;
use std::fmt;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;
use std::time::SystemTime;

use serde_json::{Map, Value};

use crate::convert::{self, Converted};
use crate::error::Error;
use crate::hook;
use crate::record::{FinishedSpan, Inherited};
use promptlayer_blueprint::TraceId;
use promptlayer_blueprint::semconv;
use promptlayer_blueprint::{ChatPrompt, LogRequest, RequestStatus};
use promptlayer_client::exporter::clock;

/// A user's rewriting of a text.
pub(crate) type RedactText = Box<dyn for<'a> Fn(&'a str) -> Cow<'a, str> + Send + Sync>;
/// A user's rewriting of a request.
pub(crate) type RedactRequest = Box<dyn Fn(&mut LogRequest) + Send + Sync>;

/// A user's rewriting of what leaves.
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

/// What a layer hands its spans to.
pub(crate) struct Sink {
    pub(crate) destination: Box<dyn Destination>,
    /// What a call without calls around it takes over: the layer's tags and metadata.
    pub(crate) root: Arc<Inherited>,
    /// The provider where the attribute does not tell it.
    pub(crate) provider: Option<String>,
    pub(crate) capture_content: bool,
    pub(crate) redact: Redact,
    /// The share of traces that are recorded, from 0 to 1.
    pub(crate) sample: f64,
    /// Whether calls record on their own spans what they say of themselves.
    pub(crate) gen_ai_fields: bool,
    /// Whether spans that make no request log are of use there.
    pub(crate) keeps_trace: bool,
}

/// The end of the way: the export pipeline, or a test's shelf.
pub(crate) trait Destination: Send + Sync {
    /// Takes a span over. Neither blocks nor fails.
    fn take(&self, outgoing: Outgoing);

    /// A span was left out with its trace, as the layer's `sample` has it.
    fn left_out(&self) {}

    /// Reports an error that no caller receives.
    fn report(&self, error: Error) {
        hook::write_line(&error, 0);
    }
}

/// A finished span on its way, and what it says, once that is converted.
#[derive(Debug)]
pub(crate) struct Outgoing {
    pub(crate) span: FinishedSpan,
    /// `None` until the export thread converts it.
    pub(crate) said: Option<Said>,
    /// Bytes that it holds, nearly.
    pub(crate) size: usize,
    /// Whether a hook made it.
    pub(crate) is_of_hook: bool,
}

/// What a span says, in the service's form.
#[derive(Debug, Clone)]
pub(crate) struct Said {
    pub(crate) log: Option<Box<LogRequest>>,
    pub(crate) function_input: Option<String>,
    pub(crate) function_output: Option<String>,
    pub(crate) problem: Option<String>,
    /// What it says of itself in OpenTelemetry's words, without content.
    pub(crate) attributes: Map<String, Value>,
}

impl Outgoing {
    /// Forgets what the span was converted from.
    fn forget_source(&mut self) {
        self.span.input = None;
        self.span.output = None;
        self.span.parameters.clear();
    }
}

impl fmt::Debug for Sink {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.debug_struct("Sink").field("provider", &self.provider).finish_non_exhaustive()
    }
}

impl Sink {
    /// Takes a finished span over. Neither blocks nor fails; what has no room is counted.
    pub(crate) fn submit(&self, span: FinishedSpan) {
        if let Some(outgoing) = self.prepare(span) {
            self.hand_over(outgoing);
        }
    }

    /// A finished span as it may leave the thread that made the call; `None` where it is of no use.
    pub(crate) fn prepare(&self, mut span: FinishedSpan) -> Option<Outgoing> {
        if !span.is_request && !self.keeps_trace {
            return None;
        }
        if !self.samples(span.place.trace_id) {
            self.destination.left_out();
            return None;
        }
        // It has just ended: if the clock was wrong when it started, it may be right now.
        span.started = clock::start_of(span.started, span.duration, SystemTime::now);
        let size = span.size();
        let mut outgoing = Outgoing { span, said: None, size, is_of_hook: hook::is_hook_thread() };
        if self.redact.is_asked_for() || !self.capture_content {
            // Before the content leaves this thread.
            self.rewrite(&mut outgoing);
        }
        Some(outgoing)
    }

    /// What a span says, converted now if it has not been, on the thread that made the call: nothing that
    /// goes wrong in here may reach it.
    pub(crate) fn said<'a>(&self, outgoing: &'a mut Outgoing) -> Option<&'a mut Said> {
        if outgoing.said.is_none() {
            let convert = || Said::of(&outgoing.span, self.provider.as_deref());
            outgoing.said = catch_unwind(AssertUnwindSafe(convert)).ok();
            if outgoing.said.is_some() {
                outgoing.forget_source();
            }
        }
        outgoing.said.as_mut()
    }

    /// Sends a span on its way.
    pub(crate) fn hand_over(&self, outgoing: Outgoing) {
        self.destination.take(outgoing);
    }

    /// Whether a trace is one of those that are recorded: all of it is, or nothing, whoever asks.
    pub(crate) fn samples(&self, trace: TraceId) -> bool {
        if self.sample >= 1.0 {
            return true;
        }
        let [.., a, b, c, d] = trace.to_bytes();
        f64::from(u32::from_be_bytes([a, b, c, d])) / (f64::from(u32::MAX) + 1.0) < self.sample
    }

    /// Converts the span at once, rewrites what it says, and forgets what it was made from.
    fn rewrite(&self, outgoing: &mut Outgoing) {
        if self.said(outgoing).is_none() {
            // What could not be converted could not be rewritten either: nothing of it leaves.
            outgoing.forget_source();
            outgoing.span.fields.clear();
        }
        let Some(mut said) = outgoing.said.take() else { return };
        if !self.capture_content {
            said.drop_content(&outgoing.span);
            outgoing.span.drop_content_fields();
        }
        let span = &mut outgoing.span;
        let redacted = catch_unwind(AssertUnwindSafe(|| {
            if let Some(redact) = &self.redact.request {
                said.redact_request(redact, span);
            }
            if let Some(redact) = &self.redact.text {
                said.redact(redact);
                span.fields.values_mut().for_each(|value| rewrite(value, redact, &[]));
            }
        }));
        if redacted.is_err() {
            // What a user's closure did not live to rewrite does not leave, and the call is logged.
            said.drop_texts(&outgoing.span);
            outgoing.span.fields.clear();
        }
        outgoing.said = Some(said);
    }
}

impl Said {
    /// Converts what a span holds.
    pub(crate) fn of(span: &FinishedSpan, default_provider: Option<&str>) -> Self {
        if span.is_request {
            let Converted { log, unplaced, problem, attributes } = convert::request(span, default_provider);
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

    /// Leaves what was called, with which model and numbers, how it ended and what it used.
    fn drop_content(&mut self, span: &FinishedSpan) {
        self.function_input = None;
        self.function_output = None;
        // An error quotes what it is about: its type says as much as may be said.
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
                // Without a problem of the call's own, the provider's answer is one.
                let problem =
                    self.problem.get_or_insert_with(|| "the provider answered with an error".to_owned());
                log.set_error(kind, problem);
            }
        }
    }

    /// Leaves nothing that a user wrote.
    fn drop_texts(&mut self, span: &FinishedSpan) {
        self.drop_content(span);
        self.attributes.remove(semconv::RESPONSE_ID);
        if let Some(log) = &mut self.log {
            log.parameters.clear();
            log.metadata.clear();
        }
    }

    /// Rewrites the request, and what the span says beside it: what cannot be told from the request does not leave.
    fn redact_request(&mut self, redact: &RedactRequest, span: &mut FinishedSpan) {
        let Some(log) = &mut self.log else { return };
        let before = Told::of(log);
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
            // What cannot be rewritten does not leave.
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

/// What a log tells of a reply for which there are attributes that it does not tell.
struct Told {
    model: String,
    input_tokens: Option<u64>,
    output_tokens: Option<u64>,
}

impl Told {
    fn of(log: &LogRequest) -> Self {
        Self { model: log.model.clone(), input_tokens: log.input_tokens, output_tokens: log.output_tokens }
    }

    /// Adds what only the reply told, where the user left as it is what the log says of the same.
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

/// The keys of a prompt blueprint whose texts are words of the API.
const STRUCTURE: &[&str] = &["type", "role", "template_format", "format", "media_type", "mime_type"];

/// Rewrites every text of a value but those under the keys that are given.
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
