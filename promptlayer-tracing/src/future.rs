//! A future that is one call.

use std::future::Future;
use std::pin::Pin;
use std::task::{Context, Poll};

use futures_core::future::FusedFuture;
use pin_project_lite::pin_project;

use crate::call::Call;

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
            let _entered = this.call.span().enter();
            this.future.set(None);
        }
    }
}

impl<F, E> Traced<F, E> {
    /// A future whose call has begun.
    pub(crate) fn begun(call: Call, future: F, end: E) -> Self {
        Self { call, end: Some(end), is_begun: true, future: Some(future) }
    }
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
            let _entered = call.span().enter();
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
