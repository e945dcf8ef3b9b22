//! The `tracing` layer, its builder, and the state that it keeps for open spans.

mod announce;
mod builder;
pub(crate) mod calls_inside;
mod destinations;
mod disabled;
pub(crate) mod external_span;
pub(crate) mod gen_ai_fields;
pub(crate) mod hand_over;
pub(crate) mod innermost;
#[cfg(feature = "middleware")]
pub(crate) mod joined;
mod model_calls;
pub(crate) mod open_call;
pub(crate) mod open_span;
#[cfg(feature = "tracing-opentelemetry")]
pub(crate) mod otel;
mod own_span;
pub(crate) mod recording;
pub(crate) mod said;
pub(crate) mod so_far;
mod visitor;

use std::iter;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;
#[cfg(feature = "tracing-opentelemetry")]
use std::sync::OnceLock;
use std::sync::atomic::{AtomicBool, Ordering};

use promptlayer_blueprint::providers::gen_ai;
use serde_json::Value;
#[cfg(feature = "tracing-opentelemetry")]
use tracing::dispatcher::{self, Dispatch, WeakDispatch};
use tracing::span::{Attributes, Id, Record};
use tracing::{Event, Level, Metadata, Subscriber};
use tracing_subscriber::layer::{Context, Layer};
use tracing_subscriber::registry::{LookupSpan, SpanRef};

use self::announce::announce;
pub use self::builder::LayerBuilder;
use self::calls_inside::Closed;
use self::external_span::ExternalSpan;
use self::hand_over::{hand_over, hand_over_ended};
use self::model_calls::ModelCall;
use self::open_span::{OpenSpan, Owner, keep_for_call, unless_poisoned};
#[cfg(feature = "tracing-opentelemetry")]
use self::otel::OtelSpan;
use self::visitor::FieldVisitor;
use crate::error::Repr;
use crate::kind::SpanKind;
use crate::process::SpanProcessor;
use crate::propagation::remote::Remote;
use crate::propagation::traceparent::Parent;
use crate::scope::carried::{Carried, LayerExists};
use crate::span::call_site::MARK;
use crate::span::fields::Fields;
use crate::span::finished::{FinishedSpan, Inherited, Place};
use crate::span::input_output::Ending;
use crate::{export, random};

/// Selects the spans of other code that are exported as spans of the trace.
pub(crate) type SpanFilter = Box<dyn Fn(&Metadata<'_>) -> bool + Send + Sync>;

/// The `tracing` layer, which records the spans of annotated functions and hands each one over when it ends.
///
/// It also records spans of other crates (rig, genai, langchain-rust, swiftide) and your own spans, if they have the
/// field `gen_ai.operation.name` of OpenTelemetry's conventions. An operation of a model (`chat`,
/// `generate_content`, `text_completion`, `realtime_inference`, `embeddings`) makes a request log, any other makes
/// a span of the trace. An agent of rig enters its own span only when it streams. To get one trace for a whole agent
/// run, call it from an annotated function.
///
/// If the span of a model call lacks the input, the output or the message of an error, it takes them from the
/// annotated function around it, provided that it is the only model call inside. For this, it waits until the
/// function ends: at most five minutes, and at most until the shutdown.
///
/// Install one layer per subscriber. A second layer records nothing and reports [`ErrorKind::SecondLayer`](crate::ErrorKind::SecondLayer) once.
///
/// The start of a span is read from the wall clock, and its duration from a monotonic clock. If the wall
/// clock is before 1971, or in 2200 or later, the start is computed again from the wall clock at the end of
/// the span. If that time is invalid too, the start of 2025 is used.
///
/// Created by [`layer`](crate::layer()). The layer works at any position in a subscriber that is based on
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
    processor: Arc<SpanProcessor>,
    export_spans: Option<SpanFilter>,
    /// Scopes carry data as long as there is a layer that records. `None` if this layer records nothing.
    exists: Option<LayerExists>,
    /// `true` if it has been reported that another layer records the spans.
    is_second: AtomicBool,
    /// The subscriber of which this layer is a part.
    #[cfg(feature = "tracing-opentelemetry")]
    dispatch: OnceLock<WeakDispatch>,
}

impl std::fmt::Debug for PromptLayer {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter.debug_struct("PromptLayer").field("sink", &self.processor).finish_non_exhaustive()
    }
}

/// What is known of a span when it begins.
struct Beginning {
    /// The nearest recorded span around it, in the same trace.
    outer: Option<Arc<OpenSpan>>,
    scope: Option<Arc<Carried>>,
    place: Place,
    inherited: Arc<Inherited>,
}

impl PromptLayer {
    pub(crate) fn new(processor: Arc<SpanProcessor>, export_spans: Option<SpanFilter>) -> Self {
        let (exists, is_second) = (Some(LayerExists::new()), AtomicBool::new(false));
        Self {
            processor,
            export_spans,
            exists,
            is_second,
            #[cfg(feature = "tracing-opentelemetry")]
            dispatch: OnceLock::new(),
        }
    }

    /// Makes the layer record nothing.
    pub(crate) fn disable(mut self) -> Self {
        self.exists = None;
        self
    }

    pub(crate) fn processor(&self) -> &Arc<SpanProcessor> {
        &self.processor
    }

    /// Reports, once, that another layer of this crate was installed before this one.
    fn report_second(&self) {
        if !self.is_second.swap(true, Ordering::Relaxed) {
            self.processor.exporter.report(Repr::SecondLayer.into());
        }
    }

    /// Returns `true` if `export_spans` selects spans with this metadata.
    fn exports(&self, metadata: &Metadata<'_>) -> bool {
        self.export_spans.as_ref().is_some_and(|wanted| {
            // If the closure panics, the span is not exported.
            catch_unwind(AssertUnwindSafe(|| wanted(metadata))).unwrap_or(false)
        })
    }

    /// Returns the subscriber of which this layer is a part.
    #[cfg(feature = "tracing-opentelemetry")]
    fn dispatch(&self) -> WeakDispatch {
        // A layer that is put into place later, by `reload`, is not told of it.
        let by_thread = || dispatcher::get_default(Dispatch::downgrade);
        self.dispatch.get().cloned().unwrap_or_else(by_thread)
    }

    /// Returns the position of a new span in its trace and what it inherits, from the nearest recorded span around it
    /// and from the scope in which this thread runs.
    fn begin(&self, outer: Option<Arc<OpenSpan>>) -> Beginning {
        let Some(current) = Carried::current() else {
            let scope = outer.as_ref().and_then(|outer| outer.scope.clone());
            let (place, inherited) = self.inside(outer.as_deref());
            return Beginning { outer, scope, place, inherited };
        };
        let remote = innermost::continued(&current, outer.as_ref());
        let (outer, (place, inherited)) = match remote {
            Some(remote) => (None, self.continuing(remote)),
            None => {
                let inside = self.inside(outer.as_deref());
                (outer, inside)
            }
        };
        let scope = current.scope;
        if let Some(refused) = scope.take_refused() {
            self.processor.exporter.report(refused);
        }
        let around = outer.as_ref().and_then(|outer| outer.scope.as_ref());
        if let Some(around) = around.filter(|around| scope.holds(around)) {
            let scope = Some(Arc::clone(around));
            return Beginning { outer, scope, place, inherited };
        }
        let inherited = Arc::new(scope.add_to(&inherited));
        Beginning { outer, scope: Some(scope), place, inherited }
    }

    /// Returns the position of a span and what it inherits, inside another span or at the start of a trace.
    fn inside(&self, outer: Option<&OpenSpan>) -> (Place, Arc<Inherited>) {
        match outer {
            Some(outer) => {
                let place = outer.place_for_inner();
                (place.inside(random::span_id()), Arc::clone(&outer.lock().inherited))
            }
            None => {
                let trace_id = random::trace_id();
                let is_sampled = self.processor.samples(trace_id);
                (Place::root(trace_id, random::span_id(), is_sampled), Arc::clone(&self.processor.root))
            }
        }
    }

    /// Returns the position of a span whose parent is in another process, and what it inherits.
    fn continuing(&self, remote: &Remote) -> (Place, Arc<Inherited>) {
        let (place, mut inherited) = match remote.parent {
            Some(Parent { trace_id, span_id, is_sampled }) => {
                let place = Place::root(trace_id, span_id, is_sampled).inside(random::span_id());
                (place, Arc::clone(&self.processor.root))
            }
            None => self.inside(None),
        };
        let accepted = &self.processor.propagation.accepted;
        if !accepted.is_empty() {
            Arc::make_mut(&mut inherited).add(&remote.baggage.accepted(accepted));
        }
        (place, inherited)
    }

    /// Returns `true` if this layer made the record, and the span has such an owner.
    fn is_mine(&self, record: &OpenSpan, is_owner: impl FnOnce(Owner) -> bool) -> bool {
        Arc::ptr_eq(&record.processor, &self.processor) && is_owner(record.lock().owner)
    }
}

impl<S> Layer<S> for PromptLayer
where
    S: Subscriber + for<'lookup> LookupSpan<'lookup>,
{
    #[cfg(feature = "tracing-opentelemetry")]
    fn on_register_dispatch(&self, subscriber: &Dispatch) {
        // A layer belongs to one subscriber.
        let _ = self.dispatch.set(subscriber.downgrade());
    }

    fn on_new_span(&self, attributes: &Attributes<'_>, id: &Id, context: Context<'_, S>) {
        if self.exists.is_none() || export::is_silent() {
            return;
        }
        let is_of_attribute = attributes.metadata().fields().field(MARK).is_some();
        let external =
            if is_of_attribute { None } else { ExternalSpan::from_metadata(attributes.metadata()) };
        if !is_of_attribute && external.is_none() && !self.exports(attributes.metadata()) {
            return;
        }
        let Some(span) = context.span(id) else { return };
        let mut visitor = FieldVisitor::default();
        attributes.record(&mut visitor);
        let mut fields = Fields::default();
        fields.record(visitor.fields);
        if let Some(external) = external {
            fields = external.declared(fields.into_by_name()).into();
        }

        let outer = iter::successors(span.parent(), SpanRef::parent).find_map(|outer| OpenSpan::of(&outer));
        let Beginning { outer, scope, place, inherited } = self.begin(outer);
        let is_request =
            external.is_some() && external_span::kind(&fields.by_name()).is_some_and(SpanKind::is_request);
        let processor = Arc::clone(&self.processor);
        #[cfg_attr(
            not(feature = "tracing-opentelemetry"),
            allow(unused_mut, reason = "nothing is beside the span")
        )]
        let mut record =
            OpenSpan::new(processor, (outer, scope), (span.name(), place), inherited, external, fields);
        #[cfg(feature = "tracing-opentelemetry")]
        {
            record.otel = Some(OtelSpan::new(id, self.dispatch()));
        }
        let record = Arc::new(record);
        let is_recorded = unless_poisoned(|| {
            let mut extensions = span.extensions_mut();
            // If there is a second layer of this crate, the first layer keeps the span.
            let is_first = extensions.get_mut::<Arc<OpenSpan>>().is_none();
            if is_first {
                extensions.insert(Arc::clone(&record));
            }
            is_first
        });
        match is_recorded {
            Some(true) if is_of_attribute => keep_for_call(id, attributes.metadata(), &record),
            Some(true) => {
                if self.processor.records(place) {
                    open_call::list(&record, None);
                }
                if is_request {
                    hand_over_ended(&self.processor, announce(&record, ModelCall::UnlessOuter));
                }
            }
            Some(false) => self.report_second(),
            _ => {}
        }
    }

    fn on_record(&self, id: &Id, values: &Record<'_>, context: Context<'_, S>) {
        if self.exists.is_none() || own_span::is_own(id, &self.processor) || export::is_silent() {
            return;
        }
        let Some(span) = context.span(id) else { return };
        // Ignore fields recorded after the end of the call, such as the call's own attributes.
        let Some(record) =
            OpenSpan::of(&span).filter(|record| self.is_mine(record, |owner| owner != Owner::Gone))
        else {
            return;
        };
        let mut visitor = FieldVisitor::default();
        values.record(&mut visitor);
        add_fields(&record, visitor.fields);
        // When the span is closed, the other layer may have forgotten it already.
        #[cfg(feature = "tracing-opentelemetry")]
        record.place();
    }

    /// Reads the place of the span, because the other layer may forget it before this one hears of its end.
    #[cfg(feature = "tracing-opentelemetry")]
    fn on_exit(&self, id: &Id, context: Context<'_, S>) {
        if self.exists.is_none() || export::is_silent() {
            return;
        }
        if let Some(record) = context.span(id).and_then(|span| OpenSpan::of(&span)) {
            record.place();
        }
    }

    /// Adds the fields of an event to the span in which it occurred, if the crate that made the span records
    /// its calls in events.
    fn on_event(&self, event: &Event<'_>, context: Context<'_, S>) {
        if self.exists.is_none() {
            return;
        }
        let is_of_call = |name: &str| name.starts_with(gen_ai::LANGFUSE);
        let fields = event.metadata().fields();
        let is_error = *event.metadata().level() == Level::ERROR && fields.field(EVENT_ERROR).is_some();
        if !(is_error || fields.iter().any(|field| is_of_call(field.name()))) || export::is_silent() {
            return;
        }
        let Some(scope) = context.event_scope(event) else { return };
        for span in scope {
            let Some(record) = OpenSpan::of(&span) else { continue };
            let has_events = record.external.is_some_and(ExternalSpan::has_events);
            if has_events && self.is_mine(&record, |owner| owner == Owner::Layer) {
                let mut visitor = FieldVisitor::default();
                event.record(&mut visitor);
                visitor.fields.retain(|(name, _)| is_of_call(name) || (is_error && *name == EVENT_ERROR));
                return add_fields(&record, visitor.fields);
            }
        }
    }

    /// Ends a span that is not owned by a call of the attribute.
    fn on_close(&self, id: Id, context: Context<'_, S>) {
        if self.exists.is_none() || own_span::is_own(&id, &self.processor) || export::is_silent() {
            return;
        }
        let Some(span) = context.span(&id) else { return };
        let Some(record) =
            OpenSpan::of(&span).filter(|record| Arc::ptr_eq(&record.processor, &self.processor))
        else {
            return;
        };
        let (fields, inherited, function) = {
            let mut state = record.lock();
            if state.owner != Owner::Layer {
                return;
            }
            state.owner = Owner::Gone;
            (std::mem::take(&mut state.fields), Arc::clone(&state.inherited), state.function.take())
        };
        let mut finished = finished(&record, fields, inherited);
        record.complete(&mut finished);
        let finished = match record.calls.exchange.close(finished, || None) {
            Closed::Own(finished) => finished,
            Closed::Separate(mut finished) => {
                if finished.is_request {
                    finished.surrounds_a_call();
                }
                finished
            }
            Closed::Waiting => return,
        };
        match function {
            Some(function) => function.calls.call_ended(finished, function.place().span_id, &self.processor),
            None => hand_over(&self.processor, finished, None),
        }
    }
}

/// The field in which `#[tracing::instrument(err)]` records an error.
const EVENT_ERROR: &str = "error";

/// Adds fields to the record of a span.
fn add_fields(record: &OpenSpan, recorded: Vec<(&'static str, Value)>) {
    let Some(external) = record.external else {
        let mut state = record.lock();
        state.fields.record(recorded);
        state.changed();
        return;
    };
    let mut fields = Fields::default();
    fields.record(recorded);
    let fields = external.attributes(fields.into_by_name());
    let is_request = external_span::kind(&fields).is_some_and(SpanKind::is_request);
    {
        let mut state = record.lock();
        state.fields.by_name_mut().extend(fields);
        state.changed();
    }
    if is_request {
        hand_over_ended(&record.processor, announce(record, ModelCall::UnlessOuter));
    }
}

/// Returns the data of a span that is not owned by a call of the attribute.
fn finished(record: &OpenSpan, fields: Fields, inherited: Arc<Inherited>) -> Box<FinishedSpan> {
    let kind = record.external.and_then(|_| external_span::kind(&fields.by_name()));
    let calls_a_model = kind.is_some_and(SpanKind::is_request);
    // A model call inside this span makes the request log, so this span makes none.
    let surrounds_a_call = calls_a_model && record.calls.any();
    let is_request = calls_a_model && !surrounds_a_call;
    let told = record.external.filter(|_| is_request);
    let mut finished = Box::new(FinishedSpan::new(record.name, record.place(), record.started, inherited));
    finished.local_root = record.undecided_root();
    finished.list_key = Some(record.list_key());
    finished.kind = kind;
    finished.is_request = is_request;
    finished.is_external = record.external.is_some();
    finished.lacks_an_answer = told.is_some_and(|external| external.lacks_an_answer(&fields.by_name()));
    finished.duration = record.started_at.elapsed();
    finished.ending = told.map_or(Ending::Returned, |external| external.ending(&fields.by_name()));
    finished.fields = fields;
    finished
}
