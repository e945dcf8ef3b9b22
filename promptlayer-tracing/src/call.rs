//! What the attribute's code calls.
//!
//! [`Call::begin`] tells whether anybody listens; only then does the attribute capture arguments.
//! From there a [`Call`] is the one owner of what its function said, until it ends: returned,
//! failed, panicked, or dropped before it was ready. It then hands the whole to its layer, once.

use std::any::Any;
use std::fmt::Display;
use std::future::Future;
use std::panic::{AssertUnwindSafe, catch_unwind, resume_unwind};
use std::pin::Pin;
use std::task::{Context, Poll};

use futures_core::future::FusedFuture;
use pin_project_lite::pin_project;
use tracing::Span;

use crate::body::Body;
use crate::capture::{self, Captured, Chunk, Failure};
use crate::kind::Kind;
use crate::prompt_link::ToPromptLink;

#[cfg(not(feature = "export"))]
use crate::inactive::Active;
#[cfg(feature = "export")]
use crate::layer::active::Active;

#[cfg_attr(not(feature = "export"), allow(dead_code, reason = "its reader is the layer"))]
/// The field that every span of the attribute declares, never records, and its layer looks for.
pub(crate) const MARK: &str = "promptlayer.call";

/// What is known of an annotated function when it is compiled.
#[derive(Debug)]
pub struct CallSite {
    /// The attribute's `kind`; `None` where it has none.
    pub kind: Option<Kind>,
    /// The attribute's `tags`.
    pub tags: &'static [&'static str],
    /// The function's own name.
    pub function: &'static str,
    /// The attribute's `on_request_id`.
    pub on_request_id: Option<OnRequestId>,
}

/// A hook for the requests of one function.
#[cfg(feature = "export")]
pub type OnRequestId = fn(&crate::hook::LoggedRequest);

/// The attribute's `on_request_id`.
#[cfg(feature = "export")]
#[allow(clippy::unnecessary_wraps, reason = "it stands where there may be none")]
pub const fn on_request_id(hook: OnRequestId) -> Option<OnRequestId> {
    Some(hook)
}

/// A hook for the requests of one function: without the feature `export` there are none.
#[cfg(not(feature = "export"))]
#[derive(Debug, Clone, Copy)]
pub enum OnRequestId {}

/// The attribute's `on_request_id`, of which without the feature `export` nothing is left.
#[doc(hidden)]
#[macro_export]
#[cfg(feature = "export")]
macro_rules! __promptlayer_hook {
    ($hook:expr) => {
        $crate::__private::on_request_id($hook)
    };
}

/// The attribute's `on_request_id`, of which without the feature `export` nothing is left.
#[doc(hidden)]
#[macro_export]
#[cfg(not(feature = "export"))]
macro_rules! __promptlayer_hook {
    ($hook:expr) => {
        ::core::option::Option::None
    };
}

/// What goes into the log as the request's input.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Input {
    /// The function's arguments, by name and in order.
    Arguments(Vec<(&'static str, Captured)>),
    /// What the attribute's `input` gave.
    Value(Captured),
}

impl Input {
    /// No arguments yet, and room for `count`.
    pub fn arguments(count: usize) -> Self {
        Self::Arguments(Vec::with_capacity(count))
    }

    /// Adds the argument `name`.
    pub fn argument(&mut self, name: &'static str, value: Captured) {
        if let Self::Arguments(arguments) = self {
            arguments.push((name, value));
        }
    }
}

/// How a call ended.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Ending {
    /// It gave a value, or the `Ok` that holds it.
    Returned,
    /// It gave an `Err`.
    Failed(Failure),
    /// It panicked, with this message if the payload is text.
    Panicked(Option<String>),
    /// It was dropped before it was ready.
    Cancelled,
}

/// One run of an annotated function.
#[derive(Debug)]
pub struct Call {
    span: Span,
    /// What is recorded; nothing where no layer listens.
    active: Option<Box<Active>>,
}

impl Call {
    /// Begins a call in its span.
    pub fn begin(span: Span, site: &'static CallSite) -> Self {
        let call = Self::prepare(span, site);
        call.begin_prepared();
        call
    }

    /// A call in its span, which begins when its future is first polled.
    pub fn prepare(span: Span, site: &'static CallSite) -> Self {
        Self { active: Active::claim(&span, site), span }
    }

    /// A call of which nothing is recorded.
    pub(crate) fn nothing() -> Self {
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
        if let Some(active) = &mut self.active {
            active.prompt(prompt.to_prompt_link());
        }
    }

    /// All that the calls inside inherit is known: tags, metadata and prompt.
    pub fn ready(&mut self) {
        if let Some(active) = &mut self.active {
            active.share(&self.span);
        }
    }

    /// Begins a call that was prepared for a future, and is none.
    pub(crate) fn begin_prepared(&self) {
        if let Some(active) = &self.active {
            active.announce(&self.span);
        }
    }

    /// Begins at the first poll of a future that was made earlier.
    fn restart(&mut self) {
        if let Some(active) = &self.active {
            active.restart(&self.span);
        }
    }

    /// Forgets the call: what was never polled was never called.
    fn forget(&mut self) {
        self.active = None;
    }

    /// A chunk of a stream.
    pub(crate) fn chunk(&mut self, chunk: Chunk) {
        if let Some(active) = &mut self.active {
            active.chunk(chunk, &self.span);
        }
    }

    /// The stream has no more chunks.
    pub(crate) fn finished(&mut self) {
        self.end(None, Ending::Returned);
    }

    /// The body stands in the function itself, for the sake of `#[track_caller]`. Where it returns
    /// early the call ends without the value.
    pub fn inline(self) -> InlineCall {
        InlineCall(self)
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
    fn drop(&mut self) {
        self.end(None, Ending::Cancelled);
    }
}

/// A call whose body is not a closure.
#[derive(Debug)]
pub struct InlineCall(Call);

impl InlineCall {
    /// Takes the call back, to end it with the value.
    pub fn into_call(mut self) -> Call {
        std::mem::replace(&mut self.0, Call::nothing())
    }

    /// The call's span.
    pub fn span(&self) -> &Span {
        self.0.span()
    }
}

impl Drop for InlineCall {
    fn drop(&mut self) {
        let ending = if std::thread::panicking() { Ending::Panicked(None) } else { Ending::Returned };
        self.0.end(None, ending);
    }
}

pin_project! {
    /// A future that is one call: its span is entered whenever it runs or is dropped, and `end`,
    /// which the attribute wrote and so knows the value's type, ends it.
    #[derive(Debug)]
    pub struct Traced<F, E> {
        call: Call,
        end: Option<E>,
        is_begun: bool,
        #[pin]
        future: Option<F>,
    }

    impl<F, E> PinnedDrop for Traced<F, E> {
        fn drop(this: Pin<&mut Self>) {
            let mut this = this.project();
            if !*this.is_begun {
                this.call.forget();
            }
            let _entered = this.call.span.enter();
            this.future.set(None);
        }
    }
}

/// The body of an `async fn`.
pub fn body<F, E, R>(call: Call, future: F, end: E) -> Body<F, E>
where
    F: Future,
    E: FnOnce(Call, F::Output) -> R,
{
    Body::new(Traced { call, end: Some(end), is_begun: true, future: Some(future) })
}

/// A future that a function returned. Its call begins when it is first polled.
pub fn future<F, E, R>(call: Call, future: F, end: E) -> Traced<F, E>
where
    F: Future,
    E: FnOnce(Call, F::Output) -> R,
{
    Traced { call, end: Some(end), is_begun: false, future: Some(future) }
}

/// The same, boxed.
pub fn boxed_future<F, E, R>(call: Call, given: F, end: E) -> Pin<Box<Traced<F, E>>>
where
    F: Future,
    E: FnOnce(Call, F::Output) -> R,
{
    Box::pin(future(call, given, end))
}

/// The future, of which the type that it gives is told.
pub fn future_of<T, F: Future<Output = T>>(future: F) -> F {
    future
}

impl<F, E, R> Future for Traced<F, E>
where
    F: Future,
    E: FnOnce(Call, F::Output) -> R,
{
    type Output = R;

    /// # Panics
    ///
    /// When polled after it was ready, as every `async fn` does.
    fn poll(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<R> {
        let mut this = self.project();
        let call = this.call;
        if !std::mem::replace(this.is_begun, true) {
            call.restart();
        }
        let (Some(future), true) = (this.future.as_mut().as_pin_mut(), this.end.is_some()) else {
            panic!("`async fn` resumed after completion");
        };
        let value = match call.run(|| future.poll(context)) {
            Poll::Pending => return Poll::Pending,
            Poll::Ready(value) => value,
        };
        {
            let _entered = call.span.enter();
            this.future.set(None);
        }
        let call = std::mem::replace(call, Call::nothing());
        match this.end.take() {
            Some(end) => Poll::Ready(end(call, value)),
            None => unreachable!("it was there before the poll"),
        }
    }
}

impl<F, E, R> FusedFuture for Traced<F, E>
where
    F: FusedFuture,
    E: FnOnce(Call, F::Output) -> R,
{
    fn is_terminated(&self) -> bool {
        self.future.as_ref().is_none_or(FusedFuture::is_terminated)
    }
}
