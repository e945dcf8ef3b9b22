//! The state that the layer keeps in the extensions of an open span.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Instant, SystemTime};

use serde_json::{Map, Value};
use tracing_subscriber::registry::{LookupSpan, Registry, SpanRef};

use crate::layer::external_span::ExternalSpan;
use crate::process::SpanProcessor;
use crate::span::finished::{Inherited, Place};

/// The owner of a span, which ends it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Owner {
    /// The layer. It ends the span when `tracing` closes it.
    Layer,
    /// A call of the attribute. It ends the span when the call ends.
    Call,
    /// None: the span was handed over already.
    Gone,
}

/// The state of an open span.
///
/// Its place and its inherited data stay until `tracing` closes the span, because spans inside may outlive
/// the call.
#[derive(Debug)]
pub(crate) struct SpanState {
    pub(crate) processor: Arc<SpanProcessor>,
    pub(crate) owner: Owner,
    pub(crate) place: Place,
    pub(crate) started: SystemTime,
    pub(crate) started_at: Instant,
    /// The data that spans inside inherit.
    pub(crate) inherited: Arc<Inherited>,
    /// `true` if a model call began inside this span, so that this span makes no request log.
    ///
    /// It is shared with the call of the attribute, which reads it even if the record is not accessible.
    pub(crate) contains_request: Arc<AtomicBool>,
    /// What the callsite of an external span reveals about the model call.
    pub(crate) external: Option<ExternalSpan>,
    pub(crate) fields: Map<String, Value>,
}

/// Accesses the extensions of a span. Returns `None` if the lock is poisoned.
///
/// The lock is poisoned if a user's `Debug` panicked while another layer held it, and then the registry
/// panics. That panic would replace the user's panic or occur in a destructor. Therefore such a span is
/// skipped.
pub(crate) fn unless_poisoned<R>(look: impl FnOnce() -> R) -> Option<R> {
    catch_unwind(AssertUnwindSafe(look)).ok()
}

/// Marks the spans around this one: a model request is made inside, so they make no request log.
pub(crate) fn announce<'registry, R>(span: &SpanRef<'registry, R>)
where
    R: LookupSpan<'registry>,
{
    for around in span.scope().skip(1) {
        let was_told = unless_poisoned(|| {
            let extensions = around.extensions();
            Some(extensions.get::<SpanState>()?.contains_request.swap(true, Ordering::Relaxed))
        });
        if was_told.flatten() == Some(true) {
            break;
        }
    }
}

/// Calls `read` with the registry's data of `span`.
///
/// The record is found through the registry and not through the layer. This works at any position of the
/// layer: behind a filter, a box, an `Option`, or a `reload::Layer`, which gives no access to the layer
/// inside it.
pub(crate) fn in_registry<R>(
    span: &tracing::Span,
    read: impl FnOnce(SpanRef<'_, Registry>) -> Option<R>,
) -> Option<R> {
    span.with_subscriber(|(id, dispatch)| {
        let span = dispatch.downcast_ref::<Registry>()?.span(id)?;
        unless_poisoned(|| read(span)).flatten()
    })
    .flatten()
}
