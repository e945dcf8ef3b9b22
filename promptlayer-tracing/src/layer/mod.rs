//! What `tracing` calls.

pub(crate) mod active;
mod builder;
pub(crate) mod fields;
pub(crate) mod foreign;
mod record;
mod visitor;

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Instant, SystemTime};

use tracing::span::{Attributes, Id, Record};
use tracing::{Metadata, Subscriber};
use tracing_subscriber::layer::{Context, Layer};
use tracing_subscriber::registry::LookupSpan;

pub use self::builder::LayerBuilder;
use self::foreign::Foreign;
use self::record::{Owner, SpanRecord, announce, unless_poisoned};
use self::visitor::FieldVisitor;
use crate::error::Repr;
use crate::exchange::Ending;
use crate::export;
use crate::kind::Kind;
use crate::random;
use crate::record::{FinishedSpan, Place};
use crate::sink::Sink;
use crate::site::MARK;

/// Which spans that are not of the attribute become spans of the trace.
pub(crate) type SpanFilter = Box<dyn Fn(&Metadata<'_>) -> bool + Send + Sync>;

/// The `tracing` layer: records the spans of annotated functions, and hands each over as it ends.
///
/// A span of another crate that says what it does with a model is recorded too, told by its field
/// `gen_ai.operation.name`, as in OpenTelemetry's conventions: rig's, genai's, or your own. A model's operation
/// (`chat`, `generate_content`, `text_completion`, `embeddings`) makes a request log, any other a span of the trace.
/// An agent of rig enters its own span only where it streams: let an annotated function be around its run, and all of
/// it is one trace.
///
/// Install one layer a subscriber: a second one records nothing, and reports [`ErrorKind::SecondLayer`](crate::ErrorKind::SecondLayer) once. Times are those
/// of the wall clock when a span starts, and of a clock that cannot jump from there on. If the wall clock tells a time
/// before 1971 or from 2200 on, the present is used when the span ends, or the start of 2025 if that is no better.
///
/// Made by [`layer`](crate::layer()). It works anywhere in a subscriber that ends in
/// [`tracing_subscriber::Registry`]: behind a filter, boxed, optional, or reloadable.
///
/// ```
/// use tracing_subscriber::prelude::*;
///
/// # fn main() -> Result<(), promptlayer_tracing::Error> {
/// let (layer, requests) = promptlayer_tracing::layer().in_memory()?;
/// let _default = tracing_subscriber::registry().with(layer).set_default();
/// # let _ = requests;
/// # Ok(())
/// # }
/// ```
pub struct PromptLayer {
    sink: Arc<Sink>,
    export_spans: Option<SpanFilter>,
    /// Whether it has been reported that another layer records the spans.
    is_second: AtomicBool,
}

impl std::fmt::Debug for PromptLayer {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter.debug_struct("PromptLayer").field("sink", &self.sink).finish_non_exhaustive()
    }
}

impl PromptLayer {
    pub(crate) fn new(sink: Arc<Sink>, export_spans: Option<SpanFilter>) -> Self {
        Self { sink, export_spans, is_second: AtomicBool::new(false) }
    }

    /// Reports, once, that another layer was there first.
    fn report_second(&self) {
        if !self.is_second.swap(true, Ordering::Relaxed) {
            self.sink.destination.report(Repr::SecondLayer.into());
        }
    }

    /// Whether a span with this metadata, which is no call of a model's made elsewhere, becomes a span of the
    /// trace.
    fn records(&self, metadata: &Metadata<'_>) -> bool {
        metadata.fields().field(MARK).is_some()
            || self.export_spans.as_ref().is_some_and(|wanted| {
                // A closure that panics wants nothing.
                catch_unwind(AssertUnwindSafe(|| wanted(metadata))).unwrap_or(false)
            })
    }
}

impl<S> Layer<S> for PromptLayer
where
    S: Subscriber + for<'lookup> LookupSpan<'lookup>,
{
    fn on_new_span(&self, attributes: &Attributes<'_>, id: &Id, context: Context<'_, S>) {
        if export::is_silent() {
            return;
        }
        let foreign = Foreign::of(attributes.metadata());
        if foreign.is_none() && !self.records(attributes.metadata()) {
            return;
        }
        let Some(span) = context.span(id) else { return };
        let mut visitor = FieldVisitor::default();
        attributes.record(&mut visitor);

        // Spans that are not recorded stand between: the parent is the nearest that is.
        let around = span.scope().skip(1).find_map(|around| {
            unless_poisoned(|| {
                let extensions = around.extensions();
                let record = extensions.get::<SpanRecord>()?;
                Some((record.place, Arc::clone(&record.inherited)))
            })
            .flatten()
        });
        let (place, inherited) = match around {
            Some((around, inherited)) => (
                Place {
                    trace_id: around.trace_id,
                    span_id: random::span_id(),
                    parent_id: Some(around.span_id),
                },
                inherited,
            ),
            None => (
                Place { trace_id: random::trace_id(), span_id: random::span_id(), parent_id: None },
                Arc::clone(&self.sink.root),
            ),
        };
        let is_request = foreign.is_some() && foreign::kind(&visitor.fields).is_some_and(Kind::is_request);
        let record = SpanRecord {
            sink: Arc::clone(&self.sink),
            owner: Owner::Layer,
            place,
            started: SystemTime::now(),
            started_at: Instant::now(),
            inherited,
            contains_request: Arc::new(AtomicBool::new(false)),
            foreign,
            fields: visitor.fields,
        };
        let is_recorded = unless_poisoned(|| {
            let mut extensions = span.extensions_mut();
            // A second layer of this crate leaves the span to the first.
            let is_first = extensions.get_mut::<SpanRecord>().is_none();
            if is_first {
                extensions.insert(record);
            }
            is_first
        });
        match is_recorded {
            Some(true) if is_request => announce(&span),
            Some(false) => self.report_second(),
            _ => {}
        }
    }

    fn on_record(&self, id: &Id, values: &Record<'_>, context: Context<'_, S>) {
        if export::is_silent() {
            return;
        }
        let Some(span) = context.span(id) else { return };
        // What is recorded after the end comes too late; the call's own attributes do.
        let is_mine =
            |record: &SpanRecord| Arc::ptr_eq(&record.sink, &self.sink) && record.owner != Owner::Gone;
        if unless_poisoned(|| span.extensions().get::<SpanRecord>().is_some_and(is_mine)) != Some(true) {
            return;
        }
        let mut visitor = FieldVisitor::default();
        values.record(&mut visitor);
        let names_request = foreign::kind(&visitor.fields).is_some_and(Kind::is_request);
        let is_foreign = unless_poisoned(|| {
            let mut extensions = span.extensions_mut();
            let record = extensions.get_mut::<SpanRecord>()?;
            record.fields.extend(visitor.fields);
            Some(record.foreign.is_some())
        });
        if is_foreign.flatten() == Some(true) && names_request {
            announce(&span);
        }
    }

    /// Ends a span that no call of the attribute owns.
    fn on_close(&self, id: Id, context: Context<'_, S>) {
        if export::is_silent() {
            return;
        }
        let Some(span) = context.span(&id) else { return };
        let finished = unless_poisoned(|| {
            let mut extensions = span.extensions_mut();
            let record = extensions.get_mut::<SpanRecord>()?;
            if record.owner != Owner::Layer || !Arc::ptr_eq(&record.sink, &self.sink) {
                return None;
            }
            record.owner = Owner::Gone;
            Some(finished(record, span.name()))
        });
        if let Some(finished) = finished.flatten() {
            self.sink.submit(finished);
        }
    }
}

/// What has been recorded of a span that no call of the attribute owned.
fn finished(record: &mut SpanRecord, name: &'static str) -> FinishedSpan {
    let fields = std::mem::take(&mut record.fields);
    let kind = record.foreign.and_then(|_| foreign::kind(&fields));
    let calls_a_model = kind.is_some_and(Kind::is_request);
    // The request is that of the call inside.
    let surrounds_a_call = calls_a_model && record.contains_request.load(Ordering::Relaxed);
    let is_request = calls_a_model && !surrounds_a_call;
    let told = record.foreign.filter(|_| is_request);
    FinishedSpan {
        place: record.place,
        name,
        function: None,
        kind: if surrounds_a_call { Some(Kind::Chain) } else { kind },
        is_request,
        is_foreign: record.foreign.is_some(),
        lacks_an_answer: told.is_some_and(|foreign| foreign.lacks_an_answer(&fields)),
        started: record.started,
        duration: record.started_at.elapsed(),
        ending: told.map_or(Ending::Returned, |foreign| foreign.ending(&fields)),
        input: None,
        output: None,
        time_to_first_chunk: None,
        provider: None,
        model: None,
        parameters: Vec::new(),
        inherited: Arc::clone(&record.inherited),
        fields,
        on_request_id: None,
    }
}
