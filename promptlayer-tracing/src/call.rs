//! What the attribute's code calls.
//!
//! [`Call::begin`] tells whether anybody listens; only then does the attribute capture arguments.
//! From there a [`Call`] is the one owner of what its function said, until it ends: returned,
//! failed, panicked, or dropped before it was ready. It then hands the whole to its layer, once.

use std::any::Any;
use std::fmt::Display;
use std::panic::{AssertUnwindSafe, catch_unwind, resume_unwind};

use tracing::Span;

use crate::capture::{self, Captured, Chunk, Failure};
use crate::exchange::{Ending, Input};
#[cfg(feature = "reqwest-middleware")]
use crate::kind::Kind;
use crate::prompt_link::ToPromptLink;
use crate::site::CallSite;

#[cfg(not(feature = "export"))]
use crate::inactive::Active;
#[cfg(feature = "export")]
use crate::layer::active::Active;

/// One run of an annotated function.
#[derive(Debug)]
pub struct Call {
    span: Span,
    /// What is recorded; nothing where no layer listens.
    active: Option<Box<Active>>,
}

impl Call {
    /// Begins a call in its span.
    #[inline]
    pub fn begin(span: Span, site: &'static CallSite) -> Self {
        let call = Self::prepare(span, site);
        call.begin_prepared();
        call
    }

    /// A call in its span, which begins when its future is first polled.
    #[inline]
    pub fn prepare(span: Span, site: &'static CallSite) -> Self {
        // Where nobody listens this is all there is to do, and it is done in place.
        let active = if span.is_disabled() { None } else { Active::claim(&span, site) };
        Self { span, active }
    }

    /// A call of which nothing is recorded.
    #[inline]
    pub fn nothing() -> Self {
        Self { span: Span::none(), active: None }
    }

    /// Whether a layer listens, so that anything need be captured at all.
    #[inline]
    pub fn is_recording(&self) -> bool {
        self.active.is_some()
    }

    /// The call's span.
    pub fn span(&self) -> &Span {
        &self.span
    }

    /// The request's input.
    pub fn input(&mut self, input: Input) {
        if let Some(active) = &mut self.active {
            active.input(input);
        }
    }

    /// What the call is where it makes a request, and no call inside does.
    #[cfg(feature = "reqwest-middleware")]
    pub(crate) fn request_kind(&mut self, kind: Kind) {
        if let Some(active) = &mut self.active {
            active.request_kind(kind);
        }
    }

    /// The most that is kept of its stream, in bytes.
    #[cfg(feature = "reqwest-middleware")]
    pub(crate) fn keep_of_stream(&mut self, bytes: usize) {
        if let Some(active) = &mut self.active {
            active.keep_of_stream(bytes);
        }
    }

    /// Whether its stream was longer than what is kept.
    #[cfg(feature = "reqwest-middleware")]
    pub(crate) fn has_passed_by(&self) -> bool {
        self.active.as_ref().is_some_and(|active| active.has_passed_by())
    }

    /// The attribute's `provider`, instead of the one that is detected.
    pub fn provider(&mut self, provider: &dyn Display) {
        if let Some(active) = &mut self.active
            && let Some(provider) = capture::shown(provider)
        {
            active.provider(provider);
        }
    }

    /// The attribute's `model`, instead of the one that is detected.
    pub fn model(&mut self, model: &dyn Display) {
        if let Some(active) = &mut self.active
            && let Some(model) = capture::shown(model)
        {
            active.model(model);
        }
    }

    /// One of the attribute's `parameters`, instead of the one that is detected.
    pub fn parameter(&mut self, name: &'static str, value: Captured) {
        if let Some(active) = &mut self.active {
            active.parameter(name, value);
        }
    }

    /// One of the attribute's `metadata`.
    pub fn metadata(&mut self, key: &'static str, value: &dyn Display) {
        if let Some(active) = &mut self.active
            && let Some(value) = capture::shown(value)
        {
            active.metadata(key, value);
        }
    }

    /// The attribute's `prompt`.
    pub fn prompt(&mut self, prompt: &(impl ToPromptLink + ?Sized)) {
        if let Some(active) = &mut self.active
            && let Some(prompt) = capture::guarded(|| prompt.to_prompt_link())
        {
            active.prompt(prompt);
        }
    }

    /// All that the calls inside inherit is known: tags, metadata and prompt.
    pub fn ready(&mut self) {
        if let Some(active) = &mut self.active {
            active.share(&self.span);
        }
    }

    /// Begins a call that was prepared for a future, and is none.
    #[inline]
    pub(crate) fn begin_prepared(&self) {
        if let Some(active) = &self.active {
            active.announce(&self.span);
        }
    }

    /// Begins at the first poll of a future that was made earlier.
    pub(crate) fn restart(&mut self) {
        if let Some(active) = &mut self.active {
            active.restart(&self.span);
        }
    }

    /// What it does has ended; its log may be made later.
    #[cfg(feature = "reqwest-middleware")]
    pub(crate) fn stop(&mut self) {
        if let Some(active) = &mut self.active {
            active.stop();
        }
    }

    /// Forgets the call: what was never polled was never called.
    pub(crate) fn forget(&mut self) {
        self.active = None;
    }

    /// A chunk of a stream.
    pub(crate) fn chunk(&mut self, chunk: Chunk) {
        if let Some(active) = &mut self.active {
            active.chunk(chunk);
        }
    }

    /// The stream has no more chunks.
    pub(crate) fn finished(&mut self) {
        self.end(None, Ending::Returned);
    }

    /// The body stands in the function itself, for the sake of `#[track_caller]`: an early return
    /// passes the value by.
    pub fn inline(self) -> InlineCall {
        InlineCall { call: self, otherwise: Some(Ending::Unseen), was_panicking: std::thread::panicking() }
    }

    /// The body stands in the function itself, since the compiler would not know its type elsewhere: the
    /// value always passes by.
    pub fn in_tail(self) -> InlineCall {
        let mut inline = self.inline();
        inline.otherwise = Some(Ending::Returned);
        inline
    }

    /// The function returned `value`, or the `Ok` that holds it.
    pub fn returned(mut self, value: Captured) {
        self.end(Some(value), Ending::Returned);
    }

    /// The function returned an `Err`.
    pub fn failed(mut self, failure: Failure) {
        self.end(None, Ending::Failed(failure));
    }

    /// The body panicked; the payload goes on to the caller as it is.
    fn panicked(&mut self, payload: &(dyn Any + Send)) {
        let message = payload
            .downcast_ref::<&'static str>()
            .map(|text| (*text).to_owned())
            .or_else(|| payload.downcast_ref::<String>().cloned());
        self.end(None, Ending::Panicked(message));
    }

    fn end(&mut self, output: Option<Captured>, ending: Ending) {
        if let Some(active) = self.active.take() {
            active.end(&self.span, output, ending);
        }
    }

    /// Runs a synchronous body, or one poll of an asynchronous one, inside the span.
    ///
    /// The body is a closure, so that its `return` and `?` come back here.
    #[inline]
    pub fn run<R>(&mut self, body: impl FnOnce() -> R) -> R {
        if !self.is_recording() {
            let _entered = self.span.enter();
            return body();
        }
        let (mut body, mut given) = (Some(body), None);
        self.run_recorded(&mut || given = body.take().map(|body| body()));
        match given {
            Some(given) => given,
            None => unreachable!("a body that gives nothing has panicked"),
        }
    }

    /// The same, where `look` sees what the body gave before the span is left.
    #[inline]
    pub fn run_seen<R>(&mut self, body: impl FnOnce() -> R, look: impl FnOnce(&R)) -> R {
        self.run(|| {
            let given = body();
            look(&given);
            given
        })
    }

    /// Not generic, so that it is compiled once and not for every annotated function.
    fn run_recorded(&mut self, body: &mut dyn FnMut()) {
        let outcome = {
            let _entered = self.span.enter();
            catch_unwind(AssertUnwindSafe(body))
        };
        if let Err(payload) = outcome {
            self.panicked(&*payload);
            resume_unwind(payload);
        }
    }
}

impl Drop for Call {
    /// A call that nobody ended was dropped before it was ready.
    #[inline]
    fn drop(&mut self) {
        if self.is_recording() {
            self.end(None, Ending::Cancelled);
        }
    }
}

/// A call whose body is not a closure.
#[derive(Debug)]
pub struct InlineCall {
    call: Call,
    /// How the call ended if nobody says, and nothing panicked.
    otherwise: Option<Ending>,
    /// Whether the thread was panicking when the call began: it runs in a destructor.
    was_panicking: bool,
}

impl InlineCall {
    /// Takes the call back, to end it with the value.
    pub fn into_call(mut self) -> Call {
        std::mem::replace(&mut self.call, Call::nothing())
    }

    /// The call's span.
    pub fn span(&self) -> &Span {
        self.call.span()
    }
}

impl Drop for InlineCall {
    fn drop(&mut self) {
        let panicked = std::thread::panicking() && !self.was_panicking;
        let ending = self.otherwise.take().filter(|_| !panicked).unwrap_or(Ending::Panicked(None));
        self.call.end(None, ending);
    }
}
