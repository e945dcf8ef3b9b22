//! The body of an `async fn`, boxed.
//!
//! A future that awaits it stays the size of its arguments, however deep annotated functions call
//! each other.
//!
//! # Unsafe code
//!
//! The compiler proves that a future is `Send` by going through everything in it, and gives up at its
//! recursion limit. Each box on the way (`Pin`, `Box`, its pointer, `Traced`, `Option`) is a step, and
//! with them thirteen async functions that call each other can be proven `Send` at the default limit.
//! [`Body`] says of itself what the compiler would find, in one step, and twenty can be. The two
//! implementations hold since a `Body` owns a `Traced<F, E>`, by itself and through a box, and a
//! `Traced` owns an `F`, an `E`, a flag and a `Call`; of the last the compiler is asked below.
#![allow(unsafe_code)]

use std::future::Future;
use std::pin::Pin;
use std::task::{Context, Poll};

use crate::call::Call;
use crate::future::{End, Seen, Traced};

/// A boxed [`Traced`].
#[derive(Debug)]
pub struct Body<F, E>(Pin<Box<Traced<F, E>>>);

/// The body of an `async fn`, whose call has begun.
pub fn body<F, E, R>(call: Call, future: F, end: E) -> Body<F, E>
where
    F: Future,
    E: FnOnce(Call, F::Output) -> R,
{
    Body(Box::pin(Traced::begun(call, future, end)))
}

/// The same with a look at the value.
pub fn body_seen<F, L, E, R>(call: Call, future: F, look: L, end: E) -> Body<F, Seen<L, E>>
where
    F: Future,
    L: Fn(&F::Output),
    E: FnOnce(Call, F::Output) -> R,
{
    Body(Box::pin(Traced::begun(call, future, Seen::new(look, end))))
}

// SAFETY: it owns an `F`, an `E` and a `Call`, and the last is `Send`.
unsafe impl<F: Send, E: Send> Send for Body<F, E> {}
// SAFETY: it owns an `F`, an `E` and a `Call`, and the last is `Sync`.
unsafe impl<F: Sync, E: Sync> Sync for Body<F, E> {}

const _: () = {
    const fn is_send_and_sync<T: Send + Sync>() {}
    is_send_and_sync::<Call>();
    // Nothing else in a `Traced` may be less than its two parameters are.
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
