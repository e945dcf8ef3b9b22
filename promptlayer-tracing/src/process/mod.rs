//! Hands finished spans from the calling thread to the exporter.

pub(crate) mod around;
pub(crate) mod convert;
pub(crate) mod held;
pub(crate) mod in_memory;
pub(crate) mod keep;
pub(crate) mod open_calls;
mod redact;
#[cfg(test)]
mod sampling_tests;
#[cfg(feature = "otlp")]
pub(crate) mod shared;
pub(crate) mod undecided;
mod unfinished;

use std::fmt;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;
use std::time::{Instant, SystemTime};

use promptlayer_blueprint::semconv::SemconvStability;
use promptlayer_blueprint::{LogRequest, SpanId, TraceId, semconv};
use promptlayer_client::exporter::clock;
use serde_json::{Map, Value};

pub(crate) use self::redact::Redact;
use self::redact::rewrite;
use crate::error::Error;
use crate::hooks;
use crate::hooks::subscription::LostScores;
use crate::process::convert::ConvertedRequest;
use crate::process::held::HeldCalls;
use crate::process::keep::{Evidence, Reason};
use crate::process::open_calls::OpenCalls;
use crate::process::undecided::{Ended, Settled, Undecided};
use crate::propagation::settings::Propagation;
use crate::span::fields::Fields;
use crate::span::finished::{FinishedSpan, Inherited, Place};

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
    /// What is taken from callers and given to other services.
    pub(crate) propagation: Propagation,
    /// `true` if calls record their `gen_ai` attributes on their own spans.
    pub(crate) gen_ai_fields: bool,
    /// The generation of attribute names that these attributes have.
    pub(crate) semconv: SemconvStability,
    /// `true` if the destination accepts spans that make no request log.
    pub(crate) keeps_trace: bool,
    /// The model calls of other crates that wait for the annotated function around them.
    pub(crate) held: HeldCalls,
    /// The spans of traces that are not sampled and may be kept, if the layer's `keep` asks for it.
    pub(crate) undecided: Option<Undecided>,
    /// The calls that have not ended, if the layer's `open_calls` asks for them.
    pub(crate) open_calls: Option<OpenCalls>,
}

/// The receiver of finished spans: the export pipeline, or the in-memory store of a test.
pub(crate) trait SpanExporter: Send + Sync {
    /// Takes a span. Does not block and does not fail.
    fn take(&self, processed: ProcessedSpan);

    /// Counts spans that were left out because their trace is not sampled.
    fn left_out(&self, _spans: usize) {}

    /// Counts spans that were removed while they waited for the decision about their trace.
    fn evicted(&self, _spans: usize) {}

    /// Counts and reports scores of a call that made no request log.
    fn lost_scores(&self, function: &'static str, count: usize) {
        let _ = (function, count);
    }

    /// Sends what waits without delay.
    fn hurry(&self) {}

    /// Reports an error that no caller receives.
    fn report(&self, error: Error) {
        hooks::write_line(&error, 0);
    }
}

/// A finished span on its way to the destination, with its converted form once there is one.
#[derive(Debug)]
pub(crate) struct ProcessedSpan {
    pub(crate) span: Box<FinishedSpan>,
    /// `None` until the export thread converts the span.
    pub(crate) converted: Option<Box<ConvertedSpan>>,
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
        self.span.exchange = None;
    }
}

impl fmt::Debug for SpanProcessor {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.debug_struct("Sink").field("provider", &self.provider).finish_non_exhaustive()
    }
}

impl LostScores for SpanProcessor {
    fn lost(&self, function: &'static str, count: usize) {
        self.exporter.lost_scores(function, count);
    }
}

impl SpanProcessor {
    /// Takes a finished span. Does not block and does not fail: a span for which there is no room is counted.
    pub(crate) fn submit(&self, span: Box<FinishedSpan>) {
        if let Some(processed) = self.prepare(span) {
            self.hand_over(processed);
        }
    }

    /// Prepares a finished span for leaving the calling thread. Returns `None` if the span is not exported.
    pub(crate) fn prepare(&self, mut span: Box<FinishedSpan>) -> Option<ProcessedSpan> {
        if let (Some(open_calls), Some(key)) = (&self.open_calls, span.list_key) {
            open_calls.remove(key);
        }
        let is_exported = span.is_request || self.keeps_trace;
        if !self.records(span.place) {
            self.exporter.left_out(usize::from(is_exported));
            return None;
        }
        if !is_exported {
            self.decide_by_end(&span);
            return None;
        }
        span.take_score();
        // The span has just ended. If the clock was wrong when it started, it may be correct now.
        span.started = clock::start_of(span.started, span.duration, SystemTime::now);
        if let Some(exchange) = &mut span.exchange {
            exchange.started = clock::start_of(exchange.started, exchange.duration, SystemTime::now);
        }
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
            let convert = || Box::new(ConvertedSpan::from_span(&processed.span, self.provider.as_deref()));
            processed.converted = catch_unwind(AssertUnwindSafe(convert)).ok();
            if processed.converted.is_some() {
                processed.forget_source();
            }
        }
        processed.converted.as_deref_mut()
    }

    /// Hands a span to the destination, after the calls that have waited for too long.
    pub(crate) fn hand_over(&self, processed: ProcessedSpan) {
        self.release_expired();
        self.take(processed);
    }

    /// Returns `true` if spans at this place are recorded: those of sampled traces, and those that may be kept.
    pub(crate) fn records(&self, place: Place) -> bool {
        place.is_sampled || self.undecided.is_some()
    }

    /// Hands a span to the destination. If its trace is not sampled, it waits until it is known whether it is kept.
    fn take(&self, processed: ProcessedSpan) {
        match &self.undecided {
            Some(undecided) if !processed.span.place.is_sampled => {
                let evidence = undecided.policy.evidence(&processed, self.provider.as_deref());
                self.settle(undecided.add(Ended::from_span(&processed.span), evidence, Some(processed)));
            }
            _ => self.exporter.take(processed),
        }
    }

    /// Decides about the trace of a span that ended and is not exported.
    fn decide_by_end(&self, span: &FinishedSpan) {
        if let Some(undecided) = self.undecided.as_ref().filter(|_| !span.place.is_sampled) {
            let evidence = Evidence { reason: undecided.policy.known_reason(span), cost: 0.0 };
            self.settle(undecided.add(Ended::from_span(span), evidence, None));
        }
    }

    /// Decides about a trace whose local root is gone without an end.
    pub(crate) fn root_is_gone(&self, root: SpanId) {
        if let Some(undecided) = &self.undecided {
            self.settle(undecided.root_is_gone(root));
        }
    }

    /// Returns the number of spans that wait for the decision about their trace.
    pub(crate) fn waiting_spans(&self) -> u64 {
        self.undecided.as_ref().map_or(0, Undecided::len)
    }

    /// Hands over the spans of a kept trace, and counts the others.
    fn settle(&self, settled: Settled) {
        let Settled { kept, left_out, evicted } = settled;
        if !left_out.is_empty() {
            self.exporter.left_out(left_out.len());
        }
        if !evicted.is_empty() {
            self.exporter.evicted(evicted.len());
        }
        if let Some((reason, spans)) = kept {
            for mut processed in spans {
                mark_kept(&mut processed.span, reason);
                self.exporter.take(processed);
            }
        }
    }

    /// Hands over the model calls that have waited for too long for the function around them.
    pub(crate) fn release_expired(&self) {
        // Usually no call waits, and every span that ends comes here.
        if !self.held.is_empty() {
            self.release(self.held.take_expired(Instant::now()));
        }
    }

    /// Hands over all model calls that wait for the function around them, and decides about the traces that wait. None
    /// waits from now on.
    pub(crate) fn release_all(&self) {
        self.release(self.held.close());
        if let Some(undecided) = &self.undecided {
            self.settle(undecided.close());
        }
    }

    fn release(&self, calls: impl IntoIterator<Item = Box<FinishedSpan>>) {
        for processed in calls.into_iter().filter_map(|call| self.prepare(call)) {
            self.take(processed);
        }
    }

    /// Returns `true` if a trace that starts here is sampled.
    ///
    /// The result depends only on the trace id and the share, by the rule of OpenTelemetry's
    /// `TraceIdRatioBased` sampler: the last eight bytes of the id, without the last bit, are less than the
    /// same share of all such numbers. So every service with the same share decides alike.
    pub(crate) fn samples(&self, trace: TraceId) -> bool {
        if self.sample >= 1.0 {
            return true;
        }
        let [_, _, _, _, _, _, _, _, low @ ..] = trace.to_bytes();
        let number = u64::from_be_bytes(low) >> 1;
        #[allow(
            clippy::cast_precision_loss,
            clippy::cast_possible_truncation,
            clippy::cast_sign_loss,
            reason = "the share is between 0 and 1, and the sampler of OpenTelemetry rounds alike"
        )]
        let limit = (self.sample * (1_u64 << 63) as f64) as u64;
        number < limit
    }

    /// Converts the span immediately, rewrites the result, and clears the data from which it was converted.
    fn rewrite(&self, processed: &mut ProcessedSpan) {
        if self.converted(processed).is_none() {
            // A span that cannot be converted cannot be rewritten either, so none of its content is sent.
            processed.forget_source();
            processed.span.fields = Fields::default();
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
                span.fields.by_name_mut().values_mut().for_each(|value| rewrite(value, redact, &[]));
            }
        }));
        if redacted.is_err() {
            // If the user's closure panics, the texts that it has not rewritten are dropped. The call is
            // still logged.
            converted.drop_texts(&processed.span);
            processed.span.fields = Fields::default();
        }
        processed.converted = Some(converted);
    }
}

/// Marks a span of a trace that is kept although it is not sampled.
fn mark_kept(span: &mut FinishedSpan, reason: Reason) {
    span.fields.by_name_mut().insert(semconv::KEPT.to_owned(), reason.as_str().into());
}

impl ConvertedSpan {
    /// Converts the data of a span.
    pub(crate) fn from_span(span: &FinishedSpan, default_provider: Option<&str>) -> Self {
        if span.is_request {
            let ConvertedRequest { log, function_input, function_output, problem, attributes } =
                convert::request(span, default_provider);
            Self { log: Some(Box::new(log)), function_input, function_output, problem, attributes }
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
}
