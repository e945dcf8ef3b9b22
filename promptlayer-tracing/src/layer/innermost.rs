//! Finds where in a trace this thread runs.

use std::iter;
use std::sync::Arc;

use tracing::dispatcher;
use tracing_subscriber::registry::{LookupSpan as _, Registry, SpanRef};

use crate::layer::open_span::OpenSpan;
#[cfg(feature = "tracing-opentelemetry")]
use crate::layer::otel;
use crate::propagation::baggage::Baggage;
use crate::propagation::remote::Remote;
use crate::propagation::traceparent::Parent;
use crate::scope::carried::{Carried, Current};
use crate::span::finished::Inherited;

/// A place in a trace, as other processes see it.
#[derive(Debug)]
pub(crate) struct Context {
    pub(crate) parent: Parent,
    pub(crate) state: String,
    pub(crate) baggage: Baggage,
}

/// Returns the innermost recorded span in which this thread runs.
pub(crate) fn span() -> Option<Arc<OpenSpan>> {
    dispatcher::get_default(|dispatch| {
        let current = dispatch.current_span();
        let registry = dispatch.downcast_ref::<Registry>()?;
        let span = registry.span(current.id()?)?;
        iter::successors(Some(span), SpanRef::parent).find_map(|span| OpenSpan::of(&span))
    })
}

/// Returns the continued trace that a span directly inside the current scope belongs to, if the scope is further inside
/// than `outer`, the nearest recorded span around that span.
pub(crate) fn continued<'a>(current: &'a Current, outer: Option<&Arc<OpenSpan>>) -> Option<&'a Arc<Remote>> {
    let remote = current.scope.remote.as_ref()?;
    let Some(outer) = outer else { return Some(remote) };
    let is_in_trace = outer.scope.as_ref().and_then(|scope| scope.remote.as_ref());
    let is_in_trace = is_in_trace.is_some_and(|of_outer| Arc::ptr_eq(of_outer, remote));
    (!is_in_trace && current.is_entered_in(outer)).then_some(remote)
}

/// Returns the place in the trace that calls of other processes continue from.
pub(crate) fn context() -> Option<Context> {
    let (current, span) = (Carried::current(), span());
    let remote = current.as_ref().and_then(|current| continued(current, span.as_ref()));
    let context = match (remote, span.as_deref()) {
        (Some(remote), _) => remote.parent.map(|parent| Context {
            parent,
            state: remote.state.clone(),
            baggage: remote.baggage.clone(),
        }),
        (None, Some(span)) => Some(context_in(span)),
        (None, None) => None,
    };
    #[cfg(feature = "tracing-opentelemetry")]
    let context = {
        match (remote, span) {
            (Some(_), _) => with_otel(context, otel::active()),
            // OpenTelemetry may be in use without knowing this span.
            (None, Some(span)) if !span.is_in_otel() => context,
            (None, _) => with_otel(context, otel::innermost()),
        }
    };
    context
}

/// Replaces the place by that of a span further inside, which only OpenTelemetry records.
#[cfg(feature = "tracing-opentelemetry")]
fn with_otel(context: Option<Context>, innermost: Option<(Parent, String)>) -> Option<Context> {
    let Some((parent, state)) = innermost else { return context };
    match context {
        Some(context) if context.parent.trace_id == parent.trace_id => {
            Some(Context { parent, state, ..context })
        }
        Some(context) => Some(context),
        None => Some(Context { parent, state, baggage: Baggage::default() }),
    }
}

/// Returns the place in the trace that calls of other processes continue from, inside this span.
pub(crate) fn context_in(span: &OpenSpan) -> Context {
    let place = span.place_for_inner();
    let inherited = Arc::clone(&span.lock().inherited);
    let remote = span.scope.as_ref().and_then(|scope| scope.remote.as_deref());
    // The state belongs to the trace of the caller, and baggage to the request.
    let is_of_trace = |remote: &Remote| remote.parent.is_some_and(|parent| parent.trace_id == place.trace_id);
    let state = remote.filter(|remote| is_of_trace(remote)).map(|remote| remote.state.clone());
    let mut baggage = remote.map(|remote| remote.baggage.clone()).unwrap_or_default();
    let sent = &span.processor.propagation.sent;
    if !sent.is_empty() {
        baggage.set(&without(&inherited, &span.processor.root), sent);
    }
    let parent = Parent { trace_id: place.trace_id, span_id: place.span_id, is_sampled: place.is_sampled };
    Context { parent, state: state.unwrap_or_default(), baggage }
}

/// Returns tags and metadata without those of the layer, which describe this process.
fn without(inherited: &Inherited, root: &Inherited) -> Inherited {
    let mut rest = Inherited::default();
    for tag in inherited.tags.iter().filter(|tag| !root.tags.contains(tag)) {
        // It is a valid tag.
        let _ = rest.tags.push(tag.to_owned());
    }
    let of_root = |key: &String, value: &String| root.metadata.get(key) == Some(value);
    let metadata = inherited.metadata.iter().filter(|(key, value)| !of_root(key, value));
    rest.metadata = metadata.map(|(key, value)| (key.clone(), value.clone())).collect();
    rest
}
