//! Futures behind a type that stays itself: `Pin<Box<dyn Future>>`, and aliases of it.
//!
//! The attribute sees a name, and a name may be anybody's: as in [`capture`](crate::capture), method
//! resolution finds out whether a future is behind it. A type that hides none is a value.

use std::cell::Cell;
use std::future::Future;
use std::pin::Pin;

use crate::call::{Call, future};

/// Holds what a function gave while method resolution picks what it is.
pub struct Slot<T>(Cell<Option<T>>);

impl<T> Slot<T> {
    /// Holds `given`.
    pub fn new(given: T) -> Self {
        Self(Cell::new(Some(given)))
    }

    fn take(&self) -> T {
        match self.0.take() {
            Some(given) => given,
            None => unreachable!("the expansion takes it once"),
        }
    }
}

/// A type that hides a future.
pub trait HiddenFuture: Sized {
    /// What the future gives.
    type Output;

    /// Lets the future be the call.
    #[must_use]
    fn trace<E>(self, call: Call, end: E) -> Self
    where
        E: FnOnce(Call, Self::Output) -> Self::Output + Send + Sync + Unpin + 'static;
}

macro_rules! hidden_futures {
    ($($future:ty),*) => {$(
        impl<'a, T: 'a> HiddenFuture for Pin<Box<$future>> {
            type Output = T;

            fn trace<E>(self, call: Call, end: E) -> Self
            where
                E: FnOnce(Call, T) -> T + Send + Sync + Unpin + 'static,
            {
                Box::pin(future(call, self, end))
            }
        }
    )*};
}

hidden_futures!(
    dyn Future<Output = T> + 'a,
    dyn Future<Output = T> + Send + 'a,
    dyn Future<Output = T> + Sync + 'a,
    dyn Future<Output = T> + Unpin + 'a,
    dyn Future<Output = T> + Send + Sync + 'a,
    dyn Future<Output = T> + Send + Unpin + 'a,
    dyn Future<Output = T> + Sync + Unpin + 'a,
    dyn Future<Output = T> + Send + Sync + Unpin + 'a
);

/// A future, found.
pub struct Found<F>(F);

impl<F: HiddenFuture> Found<F> {
    /// Lets the future be the call.
    pub fn trace<E>(self, call: Call, end: E) -> F
    where
        E: FnOnce(Call, F::Output) -> F::Output + Send + Sync + Unpin + 'static,
    {
        self.0.trace(call, end)
    }
}

/// No future, but a value.
pub struct Value<T>(T);

impl<T> Value<T> {
    /// Ends the call with the value.
    pub fn trace<E>(self, call: Call, end: E) -> T
    where
        E: FnOnce(Call, T) -> T,
    {
        call.begin_prepared();
        end(call, self.0)
    }
}

/// A future is behind the type.
pub trait HidesFuture<F> {
    #[doc(hidden)]
    fn __promptlayer_hidden(&self) -> Found<F>;
}

impl<F: HiddenFuture> HidesFuture<F> for &Slot<F> {
    fn __promptlayer_hidden(&self) -> Found<F> {
        Found(self.take())
    }
}

/// Nothing is behind the type.
pub trait HidesNothing<T> {
    #[doc(hidden)]
    fn __promptlayer_hidden(&self) -> Value<T>;
}

impl<T> HidesNothing<T> for Slot<T> {
    fn __promptlayer_hidden(&self) -> Value<T> {
        Value(self.take())
    }
}
