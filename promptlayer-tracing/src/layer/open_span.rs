//! The record of an open span. Its layer, the call that owns it, and the spans inside share it.
//!
//! The layer makes the record once and keeps it in the extensions of the span. The call receives it directly, without
//! another look into the registry. A span inside holds the record of the nearest recorded span around it, so that
//! the way outwards needs no registry either.

use std::cell::Cell;
use std::iter;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::{Arc, Mutex, MutexGuard, OnceLock, PoisonError, Weak};
use std::time::{Instant, SystemTime};

use promptlayer_blueprint::SpanId;
use tracing::Metadata;
use tracing::callsite::Identifier;
use tracing::span::Id;
use tracing_subscriber::registry::{LookupSpan, Registry, SpanRef};

use crate::hooks::subscription::{Attached, Subscription};
use crate::layer::external_span::ExternalSpan;
use crate::layer::model_calls::{ModelCall, ModelCalls};
#[cfg(feature = "tracing-opentelemetry")]
use crate::layer::otel::OtelSpan;
use crate::layer::said::{IdLink, Said};
use crate::layer::so_far::SoFar;
use crate::process::SpanProcessor;
use crate::scope::carried::Carried;
use crate::span::call_site::CallSite;
use crate::span::fields::Fields;
use crate::span::finished::{FinishedSpan, Inherited, Place};

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

/// The record of an open span.
///
/// It stays until `tracing` closes the span and all spans inside, because spans inside may outlive the call.
#[derive(Debug)]
pub(crate) struct OpenSpan {
    pub(crate) processor: Arc<SpanProcessor>,
    /// The nearest recorded span around this one. Spans in between may not be recorded.
    pub(crate) outer: Option<Arc<Self>>,
    /// The scope whose data the spans inside inherit by way of this span.
    pub(crate) scope: Option<Arc<Carried>>,
    pub(crate) name: &'static str,
    /// The place of the span, unless another layer determines it.
    own_place: Place,
    #[cfg(feature = "tracing-opentelemetry")]
    pub(crate) otel: Option<OtelSpan>,
    pub(crate) started: SystemTime,
    pub(crate) started_at: Instant,
    /// What the callsite of an external span reveals about the model call.
    pub(crate) external: Option<ExternalSpan>,
    /// The model calls inside this span. If there are any, this span makes no request log.
    pub(crate) calls: ModelCalls,
    /// The link from the handles of the call to its request ids, once there is a handle.
    pub(crate) link: OnceLock<IdLink>,
    state: Mutex<State>,
}

/// The part of the record that changes while the span is open.
#[derive(Debug)]
pub(crate) struct State {
    pub(crate) owner: Owner,
    /// The call site, if a call of the attribute owns the span.
    #[cfg_attr(not(feature = "middleware"), allow(dead_code, reason = "an exchange reads it"))]
    pub(crate) site: Option<&'static CallSite>,
    /// The place of the parent of spans inside, if it is not the span itself: if the span is the exchange of the call
    /// around it, the call's span stands for both.
    pub(crate) place_for_inner: Option<Place>,
    /// The data that spans inside inherit.
    pub(crate) inherited: Arc<Inherited>,
    /// Whether this span is a model call, as the spans around it count it.
    pub(crate) model_call: ModelCall,
    /// The annotated function around this model call, if this is one of another crate that may take something from it.
    pub(crate) function: Option<Arc<OpenSpan>>,
    pub(crate) fields: Fields,
    /// What the program said about the call through its handle, once there is a handle.
    pub(crate) said: Option<Box<Said>>,
    /// What an unfinished span needs of the call, if the layer's `open_calls` asks for it.
    pub(crate) so_far: Option<Box<SoFar>>,
}

impl OpenSpan {
    /// Creates the record of a span that its layer owns, and that starts now.
    pub(crate) fn new(
        processor: Arc<SpanProcessor>,
        (outer, scope): (Option<Arc<Self>>, Option<Arc<Carried>>),
        (name, place): (&'static str, Place),
        inherited: Arc<Inherited>,
        external: Option<ExternalSpan>,
        fields: Fields,
    ) -> Self {
        Self {
            processor,
            outer,
            scope,
            name,
            own_place: place,
            #[cfg(feature = "tracing-opentelemetry")]
            otel: None,
            started: SystemTime::now(),
            started_at: Instant::now(),
            external,
            calls: ModelCalls::default(),
            link: OnceLock::new(),
            state: Mutex::new(State {
                owner: Owner::Layer,
                site: None,
                place_for_inner: None,
                inherited,
                model_call: ModelCall::No,
                function: None,
                fields,
                said: None,
                so_far: None,
            }),
        }
    }

    /// Locks the changing part. No other code may run while it is locked.
    pub(crate) fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Makes the subscription to the request logs of this call, unless it has one or the call has ended.
    pub(crate) fn subscribe(&self) {
        if self.link.get().is_some() {
            return;
        }
        let (subscription, receiver) = Subscription::new(self.name, Arc::clone(&self.processor) as _);
        let link = IdLink { subscription: Arc::downgrade(&subscription), receiver };
        let mut state = self.lock();
        // Another thread may have been faster.
        if state.owner != Owner::Gone && self.link.set(link).is_ok() {
            state.said = Some(Box::new(Said::new(subscription)));
        }
    }

    /// Completes the data of this span with what the program said about it, and attaches the subscriptions to its
    /// request log: those of this call, and of the functions around it.
    pub(crate) fn complete(&self, finished: &mut FinishedSpan) {
        if self.link.get().is_some() {
            let (said, inherited) = {
                let mut state = self.lock();
                (state.said.take(), Arc::clone(&state.inherited))
            };
            finished.inherited = inherited;
            if let Some(said) = said {
                finished.say(*said);
            }
        }
        if !finished.is_request || (finished.kind.is_none() && self.calls.any()) {
            return;
        }
        self.attach_followers(finished);
        for outer in self.outers() {
            // A function around the call may get a handle only now, to score what the model answered.
            if outer.lock().owner == Owner::Call {
                outer.subscribe();
            }
            let subscription = outer.link.get().and_then(|link| link.subscription.upgrade());
            finished.subscriptions.extend(subscription.map(|subscription| subscription.attach()));
            outer.attach_followers(finished);
        }
    }

    /// Attaches those who wait for the ids of the calls in this span's scope.
    fn attach_followers(&self, finished: &mut FinishedSpan) {
        let followers = self.scope.iter().flat_map(|scope| &scope.followers);
        for follower in followers.filter_map(Weak::upgrade) {
            let known = |attached: &Attached| Arc::ptr_eq(&attached.subscription, &follower);
            if !finished.subscriptions.iter().any(known) {
                finished.subscriptions.push(follower.attach());
            }
        }
    }

    /// Returns the place of the span in its trace. It is the same from the first time on.
    #[cfg(not(feature = "tracing-opentelemetry"))]
    pub(crate) fn place(&self) -> Place {
        self.own_place
    }

    /// Returns the place of the span in its trace. It is the same from the first time on. No lock may be held.
    #[cfg(feature = "tracing-opentelemetry")]
    pub(crate) fn place(&self) -> Place {
        match &self.otel {
            Some(otel) => otel.known_place().unwrap_or_else(|| {
                let outer = self.outer.as_ref().map(|outer| outer.place_for_inner());
                otel.place(self.own_place, outer)
            }),
            None => self.own_place,
        }
    }

    /// Returns `true` if the place of the span is that of OpenTelemetry's span beside it.
    #[cfg(feature = "tracing-opentelemetry")]
    pub(crate) fn is_in_otel(&self) -> bool {
        self.place().span_id != self.own_place.span_id
    }

    /// Returns the key of the span in the list of open calls. Unlike its place, it is known from the beginning.
    pub(crate) fn list_key(&self) -> SpanId {
        self.own_place.span_id
    }

    /// Returns the place that the span had so far.
    fn known_place(&self) -> Place {
        #[cfg(feature = "tracing-opentelemetry")]
        if let Some(place) = self.otel.as_ref().and_then(OtelSpan::known_place) {
            return place;
        }
        self.own_place
    }

    /// Returns the place of the parent of spans inside.
    pub(crate) fn place_for_inner(&self) -> Place {
        let place = self.lock().place_for_inner;
        place.unwrap_or_else(|| self.place())
    }

    /// Returns the recorded spans around this one, from the inside out.
    pub(crate) fn outers(&self) -> impl Iterator<Item = &Arc<Self>> {
        iter::successors(self.outer.as_ref(), |span| span.outer.as_ref())
    }

    /// Returns the id of the local root, the outermost recorded span of the trace in this process, if the trace is not
    /// sampled and may be kept.
    pub(crate) fn undecided_root(&self) -> Option<SpanId> {
        let place = self.place();
        if place.is_sampled || self.processor.undecided.is_none() {
            return None;
        }
        Some(self.outers().last().map_or(place.span_id, |root| root.place().span_id))
    }

    /// Returns the record in the extensions of a span.
    pub(crate) fn of<'registry, R>(span: &SpanRef<'registry, R>) -> Option<Arc<Self>>
    where
        R: LookupSpan<'registry>,
    {
        unless_poisoned(|| span.extensions().get::<Arc<Self>>().cloned()).flatten()
    }
}

impl Drop for OpenSpan {
    /// Takes a call that was never handed over off the list of open calls, and decides about the trace if this was its
    /// local root.
    fn drop(&mut self) {
        let place = self.known_place();
        if let Some(open_calls) = &self.processor.open_calls {
            open_calls.remove(self.list_key());
        }
        if self.outer.is_none() && !place.is_sampled {
            self.processor.root_is_gone(place.span_id);
        }
    }
}

/// Accesses the extensions of a span. Returns `None` if the lock is poisoned.
///
/// The lock is poisoned if a user's `Debug` panicked while another layer held it, and then the registry
/// panics. That panic would replace the user's panic or occur in a destructor. Therefore such a span is
/// skipped.
pub(crate) fn unless_poisoned<R>(look: impl FnOnce() -> R) -> Option<R> {
    catch_unwind(AssertUnwindSafe(look)).ok()
}

/// A span of the attribute that was just opened.
struct JustOpened {
    id: Id,
    callsite: Identifier,
    record: Arc<OpenSpan>,
}

std::thread_local! {
    /// The record of the span that this thread opened last, until the call takes it.
    static JUST_OPENED: Cell<Option<JustOpened>> = const { Cell::new(None) };
}

/// Keeps the record of a span of the attribute for the call, which takes it as soon as the span is open.
pub(crate) fn keep_for_call(id: &Id, metadata: &Metadata<'_>, record: &Arc<OpenSpan>) {
    let opened = JustOpened { id: id.clone(), callsite: metadata.callsite(), record: Arc::clone(record) };
    // It fails while the thread ends. The call then finds the record in the registry.
    let _ = JUST_OPENED.try_with(|just_opened| just_opened.set(Some(opened)));
}

/// Returns the record of a span of the attribute that this thread has just opened.
pub(crate) fn take_for_call(span: &tracing::Span) -> Option<Arc<OpenSpan>> {
    let opened = JUST_OPENED.try_with(Cell::take).ok().flatten();
    let is_of_span = |opened: &JustOpened| {
        span.metadata().is_some_and(|metadata| metadata.callsite() == opened.callsite)
            && span.id().as_ref() == Some(&opened.id)
    };
    match opened.filter(is_of_span) {
        Some(opened) => Some(opened.record),
        // Another layer opened a span of the attribute in between.
        None => in_registry(span),
    }
}

/// Returns the record of a span from the registry.
///
/// The record is found through the registry and not through the layer. This works at any position of the
/// layer: behind a filter, a box, an `Option`, or a `reload::Layer`, which gives no access to the layer
/// inside it.
fn in_registry(span: &tracing::Span) -> Option<Arc<OpenSpan>> {
    span.with_subscriber(|(id, dispatch)| OpenSpan::of(&dispatch.downcast_ref::<Registry>()?.span(id)?))
        .flatten()
}
