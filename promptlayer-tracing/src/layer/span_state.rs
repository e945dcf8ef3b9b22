//! The state that the layer keeps in the extensions of an open span.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;
use std::time::{Instant, SystemTime};

use serde_json::{Map, Value};
use tracing_subscriber::registry::{LookupSpan, Registry, SpanRef};

use crate::layer::external_span::ExternalSpan;
use crate::layer::model_calls::{Function, ModelCall, ModelCalls};
use crate::process::SpanProcessor;
use crate::span::call_site::CallSite;
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
    /// The call site, if a call of the attribute owns the span.
    #[cfg_attr(not(feature = "middleware"), allow(dead_code, reason = "an exchange reads it"))]
    pub(crate) site: Option<&'static CallSite>,
    /// The model calls inside this span. If there are any, this span makes no request log.
    pub(crate) calls: Arc<ModelCalls>,
    /// Whether this span is a model call, as the spans around it count it.
    pub(crate) model_call: ModelCall,
    /// The annotated function around this model call, if this is one of another crate.
    pub(crate) around: Option<Function>,
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
