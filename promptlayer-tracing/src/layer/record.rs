//! What the layer keeps in a span's extensions while the span is open.

use std::sync::Arc;
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
    /// Whether a call of a model began inside, so that this one logs none of its own.
    pub(crate) contains_request: bool,
    /// What is known of a span that another crate made of what a model did.
    pub(crate) foreign: Option<Foreign>,
    pub(crate) fields: Map<String, Value>,
}

impl SpanRecord {
    /// Sets the beginning to now.
    pub(crate) fn restart(&mut self) {
        self.started = SystemTime::now();
        self.started_at = Instant::now();
    }
}

/// Tells the spans around that a request of a model is made in this one, and not by them.
pub(crate) fn announce<'registry, R>(span: &SpanRef<'registry, R>)
where
    R: LookupSpan<'registry>,
{
    for around in span.scope().skip(1) {
        if let Some(record) = around.extensions_mut().get_mut::<SpanRecord>() {
            if record.contains_request {
                break;
            }
            record.contains_request = true;
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
    span.with_subscriber(|(id, dispatch)| read(dispatch.downcast_ref::<Registry>()?.span(id)?)).flatten()
}
