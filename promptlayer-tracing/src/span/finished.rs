//! A finished span: owned data, without types of `tracing`.

use std::borrow::Cow;
use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::{Duration, SystemTime};

use promptlayer_blueprint::{Score, SpanId, Tags, TraceId, semconv};
use serde_json::{Map, Value};

use crate::capture::type_names::TypeNames;
use crate::capture::{Captured, CapturedItems, Failure, Unseen};
use crate::hooks::subscription::Attached;
use crate::kind::SpanKind;
use crate::prompt_link::PromptLink;
use crate::span::call_site::OnRequestId;
use crate::span::fields::Fields;
use crate::span::input_output::{Ending, Input};

/// The error message of a call that was dropped.
const CANCELLED: &str = "the call was dropped before it was ready";
/// The error message of an external span whose stream ended with only the start of a response.
const UNFINISHED: &str = "the stream ended before the answer did";

/// The position of a span in its trace.
#[allow(clippy::struct_field_names, reason = "they are the names of the field")]
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Place {
    pub(crate) trace_id: TraceId,
    pub(crate) span_id: SpanId,
    pub(crate) parent_id: Option<SpanId>,
    /// Whether the trace is sampled. All spans of a trace have the same value.
    pub(crate) is_sampled: bool,
}

impl Place {
    /// Returns the place of a span that starts a trace.
    pub(crate) fn root(trace_id: TraceId, span_id: SpanId, is_sampled: bool) -> Self {
        Self { trace_id, span_id, parent_id: None, is_sampled }
    }

    /// Returns the place of a span directly inside this one.
    pub(crate) fn inside(self, span_id: SpanId) -> Self {
        Self { span_id, parent_id: Some(self.span_id), ..self }
    }
}

/// The tags, metadata and prompt that a call inherits from the layer and from the calls around it.
#[derive(Debug, Clone, Default)]
pub(crate) struct Inherited {
    pub(crate) tags: Tags,
    pub(crate) metadata: BTreeMap<String, String>,
    pub(crate) prompt: Option<PromptLink>,
}

impl Inherited {
    /// Adds what is said further inside. Its metadata and its prompt take precedence.
    pub(crate) fn add(&mut self, inner: &Self) {
        self.tags.merge(&inner.tags);
        self.metadata.extend(inner.metadata.iter().map(|(key, value)| (key.clone(), value.clone())));
        if inner.prompt.is_some() {
            self.prompt = inner.prompt.clone();
        }
    }
}

/// The output of a call.
#[derive(Debug, Clone)]
pub(crate) enum Output {
    /// One value.
    Value(Captured),
    /// The items of a stream, in order.
    Chunks(CapturedItems),
}

/// A span that has ended, with everything that was captured for it.
#[allow(clippy::struct_excessive_bools, reason = "they do not depend on each other")]
#[derive(Debug)]
pub(crate) struct FinishedSpan {
    pub(crate) place: Place,
    /// The outermost span of the trace in this process, if the trace is not sampled and may be kept.
    pub(crate) local_root: Option<SpanId>,
    /// The span's name.
    pub(crate) name: &'static str,
    /// The name of the annotated function. `None` for a span that the attribute did not open.
    pub(crate) function: Option<&'static str>,
    /// The kind of the function. `None` for a span that the attribute did not open.
    pub(crate) kind: Option<SpanKind>,
    /// `true` if the span makes a request log.
    pub(crate) is_request: bool,
    /// `true` for an external span: another crate made it and recorded a model operation in its fields.
    pub(crate) is_external: bool,
    /// `true` if an external span of a model call ended without a response, although it declares fields for
    /// one.
    pub(crate) lacks_an_answer: bool,
    /// `true` if the call has not ended. The span with the rest follows under the same ids.
    pub(crate) is_unfinished: bool,
    /// The start time by the wall clock.
    pub(crate) started: SystemTime,
    pub(crate) duration: Duration,
    pub(crate) ending: Ending,
    pub(crate) input: Option<Input>,
    /// The types of the arguments and of the returned value. They are kept if the input is replaced or skipped.
    pub(crate) types: TypeNames,
    pub(crate) output: Option<Output>,
    /// `true` if the attribute's `output` chose what is logged.
    pub(crate) is_output_chosen: bool,
    /// For a stream, the time from the start of the call to the first item.
    pub(crate) time_to_first_chunk: Option<Duration>,
    pub(crate) provider: Option<String>,
    pub(crate) model: Option<String>,
    pub(crate) parameters: Vec<(&'static str, Captured)>,
    pub(crate) inherited: Arc<Inherited>,
    /// The fields of the span itself.
    pub(crate) fields: Fields,
    /// The HTTP exchange of this call, as an interceptor saw it. The request log is made from it.
    pub(crate) exchange: Option<Box<FinishedSpan>>,
    /// The hook of this function only.
    pub(crate) on_request_id: Option<OnRequestId>,
    /// The key of the call in the list of open calls, if the layer has one.
    pub(crate) list_key: Option<SpanId>,
    /// The score of the request log.
    pub(crate) score: Option<Score>,
    /// Those who wait for the request id: at this call, and at calls around it.
    pub(crate) subscriptions: Vec<Attached>,
    /// `true` if the first subscription is that of this call. The others are those of calls around it.
    pub(crate) has_own_subscription: bool,
}

impl FinishedSpan {
    /// Returns a span that returned, and of which nothing else is known: no function, no content, and no request log.
    pub(crate) fn new(
        name: &'static str,
        place: Place,
        started: SystemTime,
        inherited: Arc<Inherited>,
    ) -> Self {
        Self {
            place,
            local_root: None,
            name,
            function: None,
            kind: None,
            is_request: false,
            is_external: false,
            lacks_an_answer: false,
            is_unfinished: false,
            started,
            duration: Duration::ZERO,
            ending: Ending::Returned,
            input: None,
            types: TypeNames::default(),
            output: None,
            is_output_chosen: false,
            time_to_first_chunk: None,
            provider: None,
            model: None,
            parameters: Vec::new(),
            inherited,
            fields: Fields::default(),
            exchange: None,
            on_request_id: None,
            list_key: None,
            score: None,
            subscriptions: Vec::new(),
            has_own_subscription: false,
        }
    }

    /// Adds the exchange of this call. The exchange determines what the request log contains, and how the call
    /// ended if the call itself returned, also if its value leads to the output without showing it.
    #[cfg_attr(not(feature = "middleware"), allow(dead_code, reason = "an exchange does"))]
    pub(crate) fn complete(&mut self, mut exchange: Box<Self>) {
        self.kind = exchange.kind;
        self.lacks_an_answer = false;
        // The fields of an external span tell its own problem.
        let is_of_exchange = self.is_external
            || matches!(exchange.ending, Ending::Failed(_))
            || match self.ending {
                Ending::Returned => true,
                // The function may have failed.
                Ending::Unseen(unseen) => unseen != Unseen::EarlyReturn,
                _ => false,
            };
        if is_of_exchange {
            self.ending = exchange.ending.clone();
        }
        self.time_to_first_chunk = exchange.time_to_first_chunk.or(self.time_to_first_chunk);
        if !exchange.fields.is_empty() {
            let own = self.fields.by_name_mut();
            for (name, value) in std::mem::take(&mut exchange.fields).into_by_name() {
                own.entry(name).or_insert(value);
            }
        }
        let inherited = &self.inherited.metadata;
        if exchange.inherited.metadata.keys().any(|key| !inherited.contains_key(key)) {
            let own = Arc::make_mut(&mut self.inherited);
            for (key, value) in &exchange.inherited.metadata {
                own.metadata.entry(key.clone()).or_insert_with(|| value.clone());
            }
        }
        // If two interceptors saw the exchange, the inner one saw what was sent.
        self.exchange = Some(exchange.exchange.take().unwrap_or(exchange));
    }

    /// Makes the span of a model call one that only surrounds model calls.
    pub(crate) fn surrounds_a_call(&mut self) {
        self.is_request = false;
        self.kind = Some(SpanKind::Chain);
        if self.is_external {
            self.lacks_an_answer = false;
            self.ending = Ending::Returned;
        }
    }

    /// Returns when the model call began and ended: the exchange if there is one, or else the span.
    pub(crate) fn called(&self) -> (SystemTime, SystemTime) {
        let call = self.exchange.as_deref().unwrap_or(self);
        (call.started, call.ended())
    }

    /// Returns the end time of the span.
    pub(crate) fn ended(&self) -> SystemTime {
        self.started.checked_add(self.duration).unwrap_or(self.started)
    }

    /// Returns the function name for the request log: the name of the function, or else the name of the span.
    pub(crate) fn function_name(&self) -> &'static str {
        self.function.unwrap_or(self.name)
    }

    /// Returns the name of the operation: the annotated function, or the name in the fields of an external
    /// span.
    pub(crate) fn stands_for(&self) -> Option<&str> {
        let named = || {
            let names = [semconv::GEN_AI_TOOL_NAME, semconv::AGENT_NAME, semconv::WORKFLOW_NAME];
            names.iter().find_map(|name| self.fields.get(name)?.as_str())
        };
        self.function.or_else(|| if self.is_external && !self.is_request { named() } else { None })
    }

    /// Returns the span's own fields. For an external span, leaves out the fields that are already part of
    /// its request log or of its function's input and output.
    pub(crate) fn own_fields(&self) -> Map<String, Value> {
        let mut fields = self.fields.by_name().into_owned();
        if self.is_external {
            let said: &[&[&str]] = if self.is_request {
                &[semconv::SAID_BY_LOG]
            } else {
                &[semconv::FUNCTION_INPUTS, semconv::FUNCTION_OUTPUTS]
            };
            fields.retain(|name, _| {
                !said.iter().any(|said| said.contains(&name.as_str())) && !self.is_prompt_variable(name)
            });
        }
        fields
    }

    /// Removes the fields that hold content, from spans of the attribute and from external spans.
    pub(crate) fn drop_content_fields(&mut self) {
        let of_foreign: &[&[&str]] =
            if self.is_external { &[semconv::ERROR_TEXT, &[semconv::REQUEST_STOP_SEQUENCES]] } else { &[] };
        let mut fields = std::mem::take(&mut self.fields).into_by_name();
        fields.retain(|name, _| {
            !semconv::CONTENT.contains(&name.as_str())
                && !of_foreign.iter().any(|names| names.contains(&name.as_str()))
                && !self.is_prompt_variable(name)
        });
        self.fields = fields.into();
    }

    /// Returns `true` if a field of an external span holds a variable of the prompt template.
    fn is_prompt_variable(&self, name: &str) -> bool {
        self.is_external && name.starts_with(semconv::PROMPT_VARIABLE_PREFIX)
    }

    /// Removes the fields in which an external span recorded its input. Something else was chosen to be logged.
    pub(crate) fn drop_recorded_input(&mut self) {
        self.drop_fields(&[semconv::FUNCTION_INPUTS, &[semconv::SYSTEM_INSTRUCTIONS]]);
    }

    /// Removes the fields in which an external span recorded its output. Something else was chosen to be logged.
    pub(crate) fn drop_recorded_output(&mut self) {
        self.drop_fields(&[semconv::FUNCTION_OUTPUTS]);
    }

    fn drop_fields(&mut self, names: &[&[&str]]) {
        if self.is_external {
            let is_named = |name: &str| names.iter().any(|names| names.contains(&name));
            self.fields.by_name_mut().retain(|name, _| !is_named(name));
        }
    }

    /// Gives the score that belongs to this call to its request log.
    pub(crate) fn take_score(&mut self) {
        if self.is_request && self.has_own_subscription {
            self.score = self.subscriptions.first().and_then(|own| own.subscription.take_unnamed());
        }
    }

    /// Removes the content and the text fields of an external span's request. The request log was made from
    /// them and replaces them.
    pub(crate) fn drop_told_fields(&mut self) {
        if !self.is_external {
            return;
        }
        self.drop_content_fields();
        self.fields
            .by_name_mut()
            .retain(|name, value| !(name.starts_with(semconv::PREFIX) && is_text(value)));
    }

    /// Returns the approximate size of the span, in bytes. The limit of the queue counts it.
    pub(crate) fn size(&self) -> usize {
        let input = self.input.as_ref().map_or(0, Input::size);
        let ending = match &self.ending {
            Ending::Failed(Failure { chain, .. }) => chain.iter().map(String::len).sum(),
            Ending::Panicked(Some(message)) => message.len(),
            Ending::Returned
            | Ending::Panicked(None)
            | Ending::Unseen(_)
            | Ending::Cancelled
            | Ending::Unfinished => 0,
        };
        let parameters: usize = self.parameters.iter().map(|(name, value)| name.len() + value.size()).sum();
        let metadata: usize =
            self.inherited.metadata.iter().map(|(key, value)| key.len() + value.len()).sum();
        let named =
            self.provider.as_ref().map_or(0, String::len) + self.model.as_ref().map_or(0, String::len);
        let output = match &self.output {
            Some(Output::Value(value)) => value.size(),
            Some(Output::Chunks(chunks)) => chunks.size(),
            None => 0,
        };
        let exchange = self.exchange.as_ref().map_or(0, |exchange| exchange.size());
        size_of::<Self>()
            + exchange
            + input
            + output
            + ending
            + self.fields.size()
            + parameters
            + metadata
            + named
    }

    /// Returns the error without any content of the call.
    pub(crate) fn problem_without_content(&self) -> Option<&'static str> {
        match &self.ending {
            Ending::Returned => None,
            Ending::Failed(failure) => Some(failure.type_name),
            Ending::Panicked(_) => Some("panicked"),
            Ending::Unseen(unseen) => Some(unseen.message()),
            Ending::Cancelled => Some(CANCELLED),
            Ending::Unfinished => Some(UNFINISHED),
        }
    }

    /// Returns the error in one line: the error with its sources, the panic message, or that the call was
    /// dropped.
    pub(crate) fn problem(&self) -> Option<Cow<'_, str>> {
        match &self.ending {
            Ending::Returned => None,
            Ending::Failed(failure) => Some(Cow::Owned(failure.chain.join(": "))),
            Ending::Panicked(Some(message)) => Some(Cow::Owned(format!("panicked: {message}"))),
            Ending::Panicked(None) => Some(Cow::Borrowed("panicked")),
            Ending::Unseen(unseen) => Some(Cow::Borrowed(unseen.message())),
            Ending::Cancelled => Some(Cow::Borrowed(CANCELLED)),
            Ending::Unfinished => Some(Cow::Borrowed(UNFINISHED)),
        }
    }
}

fn is_text(value: &Value) -> bool {
    !(value.is_number() || value.is_boolean())
}
