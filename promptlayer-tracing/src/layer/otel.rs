//! The span of `tracing-opentelemetry` beside a recorded span: both have the same place in the trace.
//!
//! The other layer sets the ids of its span when it starts it. It may start it later than this layer opens its record,
//! since a program may first set the parent. Therefore the place is read when it is first needed: when a call takes the
//! span over, when a span is opened inside, when the span is exited or ends, and when its place is injected.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::str::FromStr as _;
use std::sync::OnceLock;

use opentelemetry::trace::{SpanContext, TraceContextExt as _, TraceFlags, TraceState};
use opentelemetry::{Context, ContextGuard, KeyValue};
use promptlayer_blueprint::{SpanId, TraceId, semconv};
use tracing::Dispatch;
use tracing::dispatcher::{self, WeakDispatch};
use tracing::span::Id;
use tracing_opentelemetry::get_otel_context;
use tracing_subscriber::registry::{LookupSpan as _, Registry};

use crate::propagation::remote::Remote;
use crate::propagation::traceparent::Parent;
use crate::span::finished::Place;

/// Where to find the span of the other layer.
#[derive(Debug)]
pub(crate) struct OtelSpan {
    id: Id,
    dispatch: WeakDispatch,
    /// What was around the span when it was opened, in OpenTelemetry's view.
    around: Option<Parent>,
    place: OnceLock<Place>,
}

impl OtelSpan {
    pub(crate) fn new(id: &Id, dispatch: WeakDispatch) -> Self {
        let around = Context::map_current(|context| parent(context.span().span_context()));
        Self { id: id.clone(), dispatch, around, place: OnceLock::new() }
    }

    /// Returns the place of the span if it was needed before.
    pub(crate) fn known_place(&self) -> Option<Place> {
        self.place.get().copied()
    }

    /// Returns the place of the span in the trace of the other layer, or `own` if that layer has no span.
    ///
    /// `outer` is the place of the recorded span around it. No lock may be held, since samplers and processors of
    /// OpenTelemetry may run.
    pub(crate) fn place(&self, own: Place, outer: Option<Place>) -> Place {
        if let Some(place) = self.known_place() {
            return place;
        }
        let place = self.read(own, outer).unwrap_or(own);
        // Another thread may have read it too, and then it is the same.
        *self.place.get_or_init(|| place)
    }

    fn read(&self, own: Place, outer: Option<Place>) -> Option<Place> {
        let dispatch = self.dispatch.upgrade()?;
        let context = context_of(&self.id, &dispatch)?;
        let Parent { trace_id, span_id, is_sampled } = parent(context.span().span_context())?;
        // If OpenTelemetry's exporter sends the span to PromptLayer too, it makes no second request log.
        context.span().set_attribute(KeyValue::new(semconv::LOG_MANAGED, true));
        let in_trace = |place: Place| Some(place).filter(|place| place.trace_id == trace_id);
        let parent_id = match outer.and_then(in_trace) {
            Some(outer) => Some(outer.span_id),
            None => {
                in_trace(own).and_then(|own| own.parent_id).or_else(|| self.parent_in(trace_id, &dispatch))
            }
        };
        Some(Place { trace_id, span_id, parent_id, is_sampled })
    }

    /// Returns the parent of a span in the trace, if no recorded span of the trace is around it: a span that only
    /// OpenTelemetry records, or one of another process.
    fn parent_in(&self, trace_id: TraceId, dispatch: &Dispatch) -> Option<SpanId> {
        let registry = dispatch.downcast_ref::<Registry>()?;
        let mut outers = registry.span(&self.id)?.scope().skip(1).map(|span| span.id());
        let around = outers.find_map(|id| of_span(&id, dispatch)).or(self.around);
        around.filter(|parent| parent.trace_id == trace_id).map(|parent| parent.span_id)
    }
}

/// Returns the context of the other layer's span, and starts the span if it was not started.
fn context_of(id: &Id, dispatch: &Dispatch) -> Option<Context> {
    // The other layer panics if a panic of a sampler or a processor has poisoned its lock.
    catch_unwind(AssertUnwindSafe(|| get_otel_context(id, dispatch))).ok().flatten()
}

/// Returns the ids of the other layer's span, and starts it if it was not started.
fn of_span(id: &Id, dispatch: &Dispatch) -> Option<Parent> {
    parent(context_of(id, dispatch)?.span().span_context())
}

fn parent(context: &SpanContext) -> Option<Parent> {
    Some(Parent {
        trace_id: TraceId::from_bytes(context.trace_id().to_bytes())?,
        span_id: SpanId::from_bytes(context.span_id().to_bytes())?,
        is_sampled: context.is_sampled(),
    })
}

/// Returns the active span in OpenTelemetry's view, with its `tracestate`: what its own propagator injects.
pub(crate) fn active() -> Option<(Parent, String)> {
    Context::map_current(|context| with_state(context.span().span_context()))
}

fn with_state(context: &SpanContext) -> Option<(Parent, String)> {
    Some((parent(context)?, context.trace_state().header()))
}

/// Returns the innermost span in OpenTelemetry's view, with its `tracestate`.
///
/// The active context is that span, unless the other layer is set not to activate contexts: then it is that of a span of
/// `tracing`.
pub(crate) fn innermost() -> Option<(Parent, String)> {
    let is_of_process = Context::map_current(|context| {
        let span = context.span();
        span.span_context().is_valid() && !span.span_context().is_remote()
    });
    if is_of_process {
        return active();
    }
    let of_tracing = dispatcher::get_default(|dispatch| {
        let current = dispatch.current_span();
        let id = current.id()?;
        let context = context_of(id, dispatch)?;
        with_state(context.span().span_context())
    });
    of_tracing.or_else(active)
}

/// Makes the span of the caller the parent of the spans that OpenTelemetry opens next. If there is none, the next span
/// starts a trace.
pub(crate) fn attach(remote: &Remote) -> ContextGuard {
    let Some(Parent { trace_id, span_id, is_sampled }) = remote.parent else {
        // A sampler would take an invalid parent for one that is not sampled.
        return Context::new().attach();
    };
    let trace_id = opentelemetry::TraceId::from_bytes(trace_id.to_bytes());
    let span_id = opentelemetry::SpanId::from_bytes(span_id.to_bytes());
    let flags = TraceFlags::default().with_sampled(is_sampled);
    let state = TraceState::from_str(&remote.state).unwrap_or_default();
    let context = SpanContext::new(trace_id, span_id, flags, true, state);
    Context::map_current(|current| current.with_remote_span_context(context)).attach()
}
