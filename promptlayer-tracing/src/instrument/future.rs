//! A future that is recorded as one call.

use std::future::Future;
use std::pin::Pin;
use std::task::{Context, Poll};

use futures_core::future::FusedFuture;
use pin_project_lite::pin_project;

use crate::instrument::call::Call;

pin_project! {
    /// A future that is recorded as one call. Its span is entered whenever the future is polled or dropped.
    /// The closure `end` ends the call. The attribute generates it, because only the attribute knows the type
    /// of the value.
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
            let _entered = this.call.span().enter();
            this.future.set(None);
        }
    }
}

/// How to end a call with the value of its future.
pub trait End<T> {
    /// The type that the value is converted to.
    type Output;

    /// Inspects the value before the span is exited.
    fn look(&self, value: &T);

    /// Ends the call with the value.
    fn end(self, call: Call, value: T) -> Self::Output;
}

impl<E, T, R> End<T> for E
where
    E: FnOnce(Call, T) -> R,
{
    type Output = R;

    #[inline]
    fn look(&self, _: &T) {}

    #[inline]
    fn end(self, call: Call, value: T) -> R {
        self(call, value)
    }
}

/// An [`End`] that also inspects the value. It emits the events of `err` and `ret`.
#[derive(Debug)]
pub struct Seen<L, E> {
    look: L,
    end: E,
}

impl<L, E> Seen<L, E> {
    pub(crate) fn new(look: L, end: E) -> Self {
        Self { look, end }
    }
}

impl<L, E, T, R> End<T> for Seen<L, E>
where
    L: Fn(&T),
    E: FnOnce(Call, T) -> R,
{
    type Output = R;

    fn look(&self, value: &T) {
        (self.look)(value);
    }

    fn end(self, call: Call, value: T) -> R {
        (self.end)(call, value)
    }
}

impl<F, E> Traced<F, E> {
    /// Creates a future whose call has begun.
    pub(crate) fn begun(call: Call, future: F, end: E) -> Self {
        Self { call, end: Some(end), is_begun: true, future: Some(future) }
    }

    /// Creates a future whose call begins when it is first polled.
    pub(crate) fn prepared(mut call: Call, future: F, end: E) -> Self {
        call.wait_for_poll();
        Self { call, end: Some(end), is_begun: false, future: Some(future) }
    }
}

// The `FnOnce` bounds let the compiler infer the parameter types of the closures. A bound on `End` alone does
// not.

/// Wraps a future that a function returned. Its call begins when it is first polled.
pub fn future<F, E, R>(call: Call, future: F, end: E) -> Traced<F, E>
where
    F: Future,
    E: FnOnce(Call, F::Output) -> R,
{
    Traced::prepared(call, future, end)
}

/// Does the same as [`future`], and calls `look` with the value.
pub fn future_seen<F, L, E, R>(call: Call, future: F, look: L, end: E) -> Traced<F, Seen<L, E>>
where
    F: Future,
    L: Fn(&F::Output),
    E: FnOnce(Call, F::Output) -> R,
{
    Traced::prepared(call, future, Seen::new(look, end))
}

/// Does the same as [`future`], boxed.
pub fn boxed_future<F, E, R>(call: Call, given: F, end: E) -> Pin<Box<Traced<F, E>>>
where
    F: Future,
    E: FnOnce(Call, F::Output) -> R,
{
    Box::pin(future(call, given, end))
}

/// Does the same as [`future_seen`], boxed.
pub fn boxed_future_seen<F, L, E, R>(call: Call, given: F, look: L, end: E) -> Pin<Box<Traced<F, Seen<L, E>>>>
where
    F: Future,
    L: Fn(&F::Output),
    E: FnOnce(Call, F::Output) -> R,
{
    Box::pin(future_seen(call, given, look, end))
}

/// Returns the future unchanged, with its output type fixed to `T`.
pub fn future_of<T, F: Future<Output = T>>(future: F) -> F {
    future
}

impl<F, E> Future for Traced<F, E>
where
    F: Future,
    E: End<F::Output>,
{
    type Output = E::Output;

    /// # Panics
    ///
    /// Panics if it is polled after it completed, like every `async fn`.
    fn poll(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<E::Output> {
        let mut this = self.project();
        let call = this.call;
        if !std::mem::replace(this.is_begun, true) {
            call.restart();
        }
        let (Some(future), Some(end)) = (this.future.as_mut().as_pin_mut(), this.end.as_ref()) else {
            panic!("`async fn` resumed after completion");
        };
        let polled = call.run(|| {
            let polled = future.poll(context);
            if let Poll::Ready(value) = &polled {
                end.look(value);
            }
            polled
        });
        let Poll::Ready(value) = polled else { return Poll::Pending };
        {
            let _entered = call.span().enter();
            this.future.set(None);
        }
        let call = std::mem::replace(call, Call::nothing());
        match this.end.take() {
            Some(end) => Poll::Ready(end.end(call, value)),
            None => unreachable!("it was there before the poll"),
        }
    }
}

impl<F, E> FusedFuture for Traced<F, E>
where
    F: FusedFuture,
    E: End<F::Output>,
{
    fn is_terminated(&self) -> bool {
        self.future.as_ref().is_none_or(FusedFuture::is_terminated)
    }
}
