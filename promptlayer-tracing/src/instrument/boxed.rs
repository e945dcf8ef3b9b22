//! The boxed body of an `async fn`.
//!
//! A future that awaits it stays as small as its arguments, even if annotated functions call each other many
//! levels deep.
//!
//! # Unsafe code
//!
//! To prove that a future is `Send`, the compiler visits every type inside it, and it gives up at its
//! recursion limit. Each wrapper (`Pin`, `Box`, its pointer, `Traced`, `Option`) is one step. With these
//! steps, the compiler can prove `Send` for a chain of only thirteen async functions at the default limit.
//! [`Body`] declares the result itself, in one step, so that a chain can have twenty. The two implementations
//! are sound because a `Body` only owns a `Traced<F, E>` through a box, and a `Traced` only owns an `F`, an
//! `E`, a flag and a `Call`. The assertion below checks that `Call` is `Send` and `Sync`.
#![allow(unsafe_code)]

use std::future::Future;
use std::pin::Pin;
use std::task::{Context, Poll};

use crate::instrument::call::Call;
use crate::instrument::future::{End, Seen, Traced};

/// A boxed [`Traced`].
#[derive(Debug)]
pub struct Body<F, E>(Pin<Box<Traced<F, E>>>);

/// Wraps the body of an `async fn` whose call has begun.
pub fn body<F, E, R>(call: Call, future: F, end: E) -> Body<F, E>
where
    F: Future,
    E: FnOnce(Call, F::Output) -> R,
{
    Body(Box::pin(Traced::begun(call, future, end)))
}

/// Does the same as [`body`], and calls `look` with the value.
pub fn body_seen<F, L, E, R>(call: Call, future: F, look: L, end: E) -> Body<F, Seen<L, E>>
where
    F: Future,
    L: Fn(&F::Output),
    E: FnOnce(Call, F::Output) -> R,
{
    Body(Box::pin(Traced::begun(call, future, Seen::new(look, end))))
}

// SAFETY: it owns an `F`, an `E` and a `Call`, and `Call` is `Send`.
unsafe impl<F: Send, E: Send> Send for Body<F, E> {}
// SAFETY: it owns an `F`, an `E` and a `Call`, and `Call` is `Sync`.
unsafe impl<F: Sync, E: Sync> Sync for Body<F, E> {}

const _: () = {
    const fn is_send_and_sync<T: Send + Sync>() {}
    is_send_and_sync::<Call>();
    // With `Send` and `Sync` parameters, everything else in a `Traced` must be `Send` and `Sync` too.
    is_send_and_sync::<Traced<(), ()>>();
};

impl<F, E> Future for Body<F, E>
where
    F: Future,
    E: End<F::Output>,
{
    type Output = E::Output;

    fn poll(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<E::Output> {
        self.0.as_mut().poll(context)
    }
}
