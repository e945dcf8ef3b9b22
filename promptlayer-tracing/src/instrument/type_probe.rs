//! Futures and streams behind a type alias, such as `BoxFuture` and `BoxStream`.
//!
//! The attribute only sees the name of a type, and any type can have that name. As in
//! [`capture`](crate::capture), method resolution selects the implementation by the actual type. A type that
//! contains neither a future nor a stream is treated as a value.

use std::any::type_name;
use std::cell::Cell;
use std::convert::Infallible;
use std::future::Future;
use std::pin::Pin;

use crate::capture::{Chunk, Failure, unselected};
use crate::instrument::call::Call;
use crate::instrument::future::{End, Seen, Traced};
use crate::instrument::stream::TraceStream;

/// Holds the value that a function returned while method resolution selects how to treat it.
pub struct Slot<T>(Cell<Option<T>>);

impl<T> Slot<T> {
    /// Stores `given`.
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

/// A type that contains a future.
pub trait HiddenFuture: Sized {
    /// The output type of the future.
    type Output;

    /// Wraps the future so that it is recorded as the call.
    #[must_use]
    fn trace<E>(self, call: Call, end: E) -> Self
    where
        E: End<Self::Output, Output = Self::Output> + Send + Sync + Unpin + 'static;
}

macro_rules! hidden_futures {
    ($($future:ty),*) => {$(
        impl<'a, T: 'a> HiddenFuture for Pin<Box<$future>> {
            type Output = T;

            fn trace<E>(self, call: Call, end: E) -> Self
            where
                E: End<T, Output = T> + Send + Sync + Unpin + 'static,
            {
                Box::pin(Traced::prepared(call, self, end))
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

/// A value that is a future.
pub struct Found<F>(F);

impl<F: HiddenFuture> Found<F> {
    /// Wraps the future so that it is recorded as the call.
    pub fn trace<E>(self, call: Call, end: E) -> F
    where
        E: FnOnce(Call, F::Output) -> F::Output + Send + Sync + Unpin + 'static,
    {
        self.0.trace(call, end)
    }

    /// Does the same as [`Self::trace`], and calls `look` with the value.
    pub fn trace_seen<L, E>(self, call: Call, look: L, end: E) -> F
    where
        L: Fn(&F::Output) + Send + Sync + Unpin + 'static,
        E: FnOnce(Call, F::Output) -> F::Output + Send + Sync + Unpin + 'static,
    {
        self.0.trace(call, Seen::new(look, end))
    }
}

/// A value that is not a future.
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

    /// Does the same as [`Self::trace`], and calls `look` with the value.
    pub fn trace_seen<L, E>(self, call: Call, look: L, end: E) -> T
    where
        L: Fn(&T),
        E: FnOnce(Call, T) -> T,
    {
        call.begin_prepared();
        call.span().in_scope(|| look(&self.0));
        end(call, self.0)
    }
}

/// Selected for a type that contains a future.
pub trait HidesFuture<F> {
    #[doc(hidden)]
    fn __promptlayer_hidden(&self) -> Found<F>;
}

impl<F: HiddenFuture> HidesFuture<F> for &Slot<F> {
    fn __promptlayer_hidden(&self) -> Found<F> {
        Found(self.take())
    }
}

/// Selected for a type that does not contain a future.
pub trait HidesNothing<T> {
    #[doc(hidden)]
    fn __promptlayer_hidden(&self) -> Value<T>;
}

impl<T> HidesNothing<T> for Slot<T> {
    fn __promptlayer_hidden(&self) -> Value<T> {
        Value(self.take())
    }
}

/// A value that is a stream.
pub struct FoundStream<S>(S);

impl<S: TraceStream> FoundStream<S> {
    /// Wraps the stream so that it keeps the call open.
    pub fn trace<C, E>(self, call: Call, chunk: C, error: E) -> S
    where
        C: FnMut(&S::Item) -> Chunk + Send + Sync + Unpin + 'static,
        E: FnOnce(&S::Error) -> Failure,
    {
        self.0.trace(call, chunk, error)
    }
}

/// A value that is not a stream.
pub struct NoStream<T>(T);

impl<T> NoStream<T> {
    /// Ends the call with the value, which has no items to inspect.
    pub fn trace<C, E>(self, call: Call, _: C, _: E) -> T
    where
        C: FnMut(&Infallible) -> Chunk,
        E: FnOnce(&Infallible) -> Failure,
    {
        call.returned_as(type_name::<T>(), unselected(&self.0));
        self.0
    }
}

/// Selected for a type that contains a stream.
pub trait HidesStream<S> {
    #[doc(hidden)]
    fn __promptlayer_hidden_stream(&self) -> FoundStream<S>;
}

impl<S: TraceStream> HidesStream<S> for &Slot<S> {
    fn __promptlayer_hidden_stream(&self) -> FoundStream<S> {
        FoundStream(self.take())
    }
}

/// Selected for a type that does not contain a stream.
pub trait HidesNoStream<T> {
    #[doc(hidden)]
    fn __promptlayer_hidden_stream(&self) -> NoStream<T>;
}

impl<T> HidesNoStream<T> for Slot<T> {
    fn __promptlayer_hidden_stream(&self) -> NoStream<T> {
        NoStream(self.take())
    }
}
