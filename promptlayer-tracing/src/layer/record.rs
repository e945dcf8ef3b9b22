//! What the layer keeps in a span's extensions while the span is open.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Instant, SystemTime};

use serde_json::{Map, Value};
use tracing_subscriber::registry::{LookupSpan, Registry, SpanRef};

use crate::layer::foreign::Foreign;
use crate::record::{Inherited, Place};
use crate::sink::Sink;

/// Who ends the span.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Owner {
    /// Nobody yet: the layer, when `tracing` closes the span.
    Layer,
    /// A call of the attribute, when it ends.
    Call,
    /// It was handed over already.
    Gone,
}

/// One open span. Its place and what it passes on stay until `tracing` closes it, since spans
/// inside may outlive the call.
#[derive(Debug)]
pub(crate) struct SpanRecord {
    pub(crate) sink: Arc<Sink>,
    pub(crate) owner: Owner,
    pub(crate) place: Place,
    pub(crate) started: SystemTime,
    pub(crate) started_at: Instant,
    /// What the spans inside take over.
    pub(crate) inherited: Arc<Inherited>,
    /// Whether a call of a model began inside, so that this one logs none of its own. A call of the attribute asks
    /// for it too where the record is out of reach.
    pub(crate) contains_request: Arc<AtomicBool>,
    /// What is known of a span that another crate made of what a model did.
    pub(crate) foreign: Option<Foreign>,
    pub(crate) fields: Map<String, Value>,
}

/// Looks at spans' extensions. Where a user's `Debug` panicked while another layer was at them, their lock is poisoned,
/// and so the registry panics: it would be instead of the user's panic, or in a destructor. Such a span is left alone.
pub(crate) fn unless_poisoned<R>(look: impl FnOnce() -> R) -> Option<R> {
    catch_unwind(AssertUnwindSafe(look)).ok()
}

/// Tells the spans around that a request of a model is made in this one, and not by them.
pub(crate) fn announce<'registry, R>(span: &SpanRef<'registry, R>)
where
    R: LookupSpan<'registry>,
{
    for around in span.scope().skip(1) {
        let was_told = unless_poisoned(|| {
            let extensions = around.extensions();
            Some(extensions.get::<SpanRecord>()?.contains_request.swap(true, Ordering::Relaxed))
        });
        if was_told.flatten() == Some(true) {
            break;
        }
    }
}

/// Runs `read` on the span of the registry behind `span`.
///
/// The way to the record is the registry and not the layer, so that it is found wherever the layer
/// sits: behind a filter, a box, an `Option`, or a `reload::Layer`, which lets no one through.
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
