//! The state of one call of an annotated function.
//!
//! The attribute's code starts with [`Call::begin`], which checks whether a layer records the span. Only then
//! does the attribute capture the arguments. The [`Call`] owns everything that is captured until it ends:
//! returned, failed, panicked, or dropped before it completed. It then passes the data to its layer, exactly
//! once.

use std::any::{Any, type_name};
use std::fmt::Display;
use std::panic::{AssertUnwindSafe, catch_unwind, resume_unwind};

use tracing::Span;

use crate::capture::{self, Captured, Chunk, Failure, Unseen};
#[cfg(not(feature = "export"))]
use crate::instrument::disabled::Recording;
#[cfg(feature = "middleware")]
use crate::kind::SpanKind;
#[cfg(feature = "middleware")]
use crate::layer::innermost::Context;
#[cfg(feature = "export")]
use crate::layer::recording::Recording;
use crate::prompt_link::ToPromptLink;
use crate::span::call_site::CallSite;
use crate::span::input_output::{Ending, Input};

/// One execution of an annotated function.
#[derive(Debug)]
pub struct Call {
    span: Span,
    /// The recorded data. `None` if no layer records the span.
    active: Option<Recording>,
}

impl Call {
    /// Begins a call in its span.
    #[inline]
    pub fn begin(span: Span, site: &'static CallSite) -> Self {
        let call = Self::prepare(span, site);
        call.begin_prepared();
        call
    }

    /// Creates a call in its span. The call begins when its future is first polled.
    #[inline]
    pub fn prepare(span: Span, site: &'static CallSite) -> Self {
        // If the span is disabled, this is the only work, and it is inlined.
        let active = if span.is_disabled() { None } else { Recording::claim(&span, site) };
        Self { span, active }
    }

    /// Creates a call that records nothing.
    #[inline]
    pub fn nothing() -> Self {
        Self { span: Span::none(), active: None }
    }

    /// Returns `true` if a layer records this call. If not, nothing needs to be captured.
    #[inline]
    pub fn is_recording(&self) -> bool {
        self.active.is_some()
    }

    /// Drops a call that records nothing. This is inlined, unlike the code that ends a call.
    #[inline]
    pub(crate) fn drop_unrecorded(mut self) {
        debug_assert!(!self.is_recording(), "a call that records must end");
        drop(std::mem::replace(&mut self.span, Span::none()));
        // Nothing is left in it to drop.
        std::mem::forget(self);
    }

    /// Returns the span of the call.
    #[inline]
    pub fn span(&self) -> &Span {
        &self.span
    }

    /// Sets the input of the request.
    pub fn input(&mut self, input: Input) {
        if let Some(active) = &mut self.active {
            active.input(input);
        }
    }

    /// Sets the names of the types of the arguments, which are evidence of the provider.
    pub fn argument_types(&mut self, names: &'static str) {
        if let Some(active) = &mut self.active {
            active.argument_types(names);
        }
    }

    /// Sets the name of the type that the call returns, or of the items of its stream.
    pub(crate) fn returned_type(&mut self, name: &'static str) {
        if let Some(active) = &mut self.active {
            active.returned_type(name);
        }
    }

    /// Begins a call that an interceptor sees. It joins the call around it if it is the exchange of that
    /// call; see [`calls_inside`](crate::layer::calls_inside).
    #[cfg(feature = "middleware")]
    pub(crate) fn begin_exchange(span: Span, site: &'static CallSite, kind: SpanKind) -> Self {
        let mut call = Self::prepare(span, site);
        if let Some(active) = &mut call.active {
            active.begin_exchange(kind);
        }
        call
    }

    /// Returns the place in the trace for a request to `host`, if the layer allows it to receive it.
    #[cfg(feature = "middleware")]
    pub(crate) fn context_for(&self, host: &str) -> Option<Context> {
        self.active.as_ref().and_then(|active| active.context_for(host))
    }

    /// Sets how many bytes of the stream are retained at most.
    #[cfg(feature = "middleware")]
    pub(crate) fn keep_of_stream(&mut self, bytes: usize) {
        if let Some(active) = &mut self.active {
            active.keep_of_stream(bytes);
        }
    }

    /// Returns `true` if the stream was longer than the retained part.
    #[cfg(feature = "middleware")]
    pub(crate) fn has_passed_by(&self) -> bool {
        self.active.as_ref().is_some_and(Recording::has_passed_by)
    }

    /// Sets the provider from the attribute's `provider`. It overrides the detected one.
    pub fn provider(&mut self, provider: &dyn Display) {
        if let Some(active) = &mut self.active
            && let Some(provider) = capture::shown(provider)
        {
            active.provider(provider);
        }
    }

    /// Sets the model from the attribute's `model`. It overrides the detected one.
    pub fn model(&mut self, model: &dyn Display) {
        if let Some(active) = &mut self.active
            && let Some(model) = capture::shown(model)
        {
            active.model(model);
        }
    }

    /// Adds one of the attribute's `parameters`. It overrides the detected one.
    pub fn parameter(&mut self, name: &'static str, value: Captured) {
        if let Some(active) = &mut self.active {
            active.parameter(name, value);
        }
    }

    /// Adds one entry of the attribute's `metadata`.
    pub fn metadata(&mut self, key: &'static str, value: &dyn Display) {
        if let Some(active) = &mut self.active
            && let Some(value) = capture::shown(value)
        {
            active.metadata(key, value);
        }
    }

    /// Sets the prompt template from the attribute's `prompt`.
    pub fn prompt(&mut self, prompt: &(impl ToPromptLink + ?Sized)) {
        if let Some(active) = &mut self.active
            && let Some(prompt) = capture::guarded(|| prompt.to_prompt_link())
        {
            active.prompt(prompt);
        }
    }

    /// Passes tags, metadata and prompt on to the calls inside. Called when all of them are set.
    pub fn ready(&mut self) {
        if let Some(active) = &mut self.active {
            active.share();
        }
    }

    /// Begins a call that was prepared for a future, if the function panicked or returned another value.
    #[inline]
    pub(crate) fn begin_prepared(&self) {
        if let Some(active) = &self.active {
            active.announce();
        }
    }

    /// Lets a call wait for the first poll of its future.
    pub(crate) fn wait_for_poll(&mut self) {
        if let Some(active) = &mut self.active {
            active.wait_for_poll();
        }
    }

    /// Restarts the clock at the first poll of a future that was created earlier.
    pub(crate) fn restart(&mut self) {
        if let Some(active) = &mut self.active {
            active.restart();
        }
    }

    /// Stops the clock. The request log may be made later.
    #[cfg(feature = "middleware")]
    pub(crate) fn stop(&mut self) {
        if let Some(active) = &mut self.active {
            active.stop();
        }
    }

    /// Discards the call. A future that was never polled is not a call.
    pub(crate) fn forget(&mut self) {
        self.active = None;
    }

    /// Adds a chunk of a stream.
    pub(crate) fn chunk(&mut self, chunk: Chunk) {
        if let Some(active) = &mut self.active {
            active.chunk(chunk);
        }
    }

    /// Ends the call of a stream that has no more chunks.
    pub(crate) fn finished(&mut self) {
        self.end(None, Ending::Returned);
    }

    /// Converts the call for a body that is not in a closure, which `#[track_caller]` requires. If such a
    /// body returns early, its return value is not seen.
    pub fn inline(self) -> InlineCall {
        InlineCall {
            call: self,
            otherwise: Some(Ending::Unseen(Unseen::EarlyReturn)),
            was_panicking: std::thread::panicking(),
        }
    }

    /// Converts the call for a body that is not in a closure because only the function itself gives the
    /// compiler its type. The return value is never seen.
    pub fn in_tail(self) -> InlineCall {
        self.in_tail_with(Ending::Returned)
    }

    /// Does the same as [`Self::in_tail`], for a stream.
    #[deprecated(
        note = "`#[promptlayer]` cannot log the items of this stream, because a traced stream does not implement \
                all of its traits; return `impl Stream<Item = …>` with no traits but `FusedStream`, `Send`, \
                `Sync` and `Unpin`"
    )]
    pub fn in_tail_of_stream(self) -> InlineCall {
        self.in_tail_with(Ending::Unseen(Unseen::Stream))
    }

    /// Does the same as [`Self::in_tail`], for a future.
    #[deprecated(
        note = "`#[promptlayer]` cannot log the output of this future, because a traced future does not implement \
                all of its traits; return `impl Future<Output = …>` with no traits but `FusedFuture`, `Send`, \
                `Sync` and `Unpin`"
    )]
    pub fn in_tail_of_future(self) -> InlineCall {
        self.in_tail_with(Ending::Unseen(Unseen::Future))
    }

    fn in_tail_with(self, ending: Ending) -> InlineCall {
        let mut inline = self.inline();
        inline.otherwise = Some(ending);
        inline
    }

    /// Ends the call with the value that the function returned, or that its `Ok` holds.
    pub fn returned(self, value: Captured) {
        let unseen = match value {
            Captured::Type(name) => Unseen::from_type_name(name),
            _ => None,
        };
        self.close(Some(value), unseen.map_or(Ending::Returned, Ending::Unseen));
    }

    /// Ends the call with a value of type `T` whose content is not seen.
    pub(crate) fn unseen<T>(self, unseen: Unseen) {
        self.close(Some(Captured::Type(type_name::<T>())), Ending::Unseen(unseen));
    }

    /// Ends the call with the value that the attribute's `output` chose, of a function that returns this type.
    pub fn returned_chosen(mut self, type_name: &'static str, value: Captured) {
        self.returned_type(type_name);
        if let Some(active) = &mut self.active {
            active.output_is_chosen();
        }
        self.returned(value);
    }

    /// Ends the call with a value, of a function that returns this type.
    pub fn returned_as(mut self, type_name: &'static str, value: Captured) {
        self.returned_type(type_name);
        self.returned(value);
    }

    /// Ends the call with an `Err`, of a function that returns this type.
    pub fn failed_as(mut self, type_name: &'static str, failure: Failure) {
        self.returned_type(type_name);
        self.failed(failure);
    }

    /// Ends the call with the `Err` that the function returned.
    pub fn failed(self, failure: Failure) {
        self.close(None, Ending::Failed(failure));
    }

    /// Ends the call with a panic. The caller resumes the panic with the unchanged payload.
    fn panicked(&mut self, payload: &(dyn Any + Send)) {
        self.begin_prepared();
        let message = payload
            .downcast_ref::<&'static str>()
            .map(|text| (*text).to_owned())
            .or_else(|| payload.downcast_ref::<String>().cloned());
        self.end(None, Ending::Panicked(message));
    }

    /// Ends the call, and drops the handle of its span.
    fn close(mut self, output: Option<Captured>, ending: Ending) {
        if let Some(active) = self.active.take() {
            active.close(std::mem::replace(&mut self.span, Span::none()), output, ending);
        }
    }

    fn end(&mut self, output: Option<Captured>, ending: Ending) {
        if let Some(active) = self.active.take() {
            active.end(&self.span, output, ending);
        }
    }

    /// Runs a synchronous body, or one poll of an asynchronous one, inside the span.
    ///
    /// The body is a closure, so `return` and `?` inside it return to this function.
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

    /// Does the same as [`Self::run`], and calls `look` with the value before the span is exited.
    #[inline]
    pub fn run_seen<R>(&mut self, body: impl FnOnce() -> R, look: impl FnOnce(&R)) -> R {
        self.run(|| {
            let given = body();
            look(&given);
            given
        })
    }

    /// Runs the body and records a panic. Not generic, so that it is compiled only once and not for every
    /// annotated function.
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
    /// Ends a call that is dropped before it completed as cancelled.
    #[inline]
    fn drop(&mut self) {
        if self.is_recording() {
            self.end(None, Ending::Cancelled);
        }
    }
}

/// A call whose body is not in a closure.
#[derive(Debug)]
pub struct InlineCall {
    call: Call,
    /// How the call ended if it was not ended explicitly and did not panic.
    otherwise: Option<Ending>,
    /// `true` if the thread was already panicking when the call began, as in a destructor during unwinding.
    was_panicking: bool,
}

impl InlineCall {
    /// Returns the call, to end it with a value.
    pub fn into_call(mut self) -> Call {
        std::mem::replace(&mut self.call, Call::nothing())
    }

    /// Returns the span of the call.
    #[inline]
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
