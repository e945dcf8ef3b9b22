//! Boxed streams and futures: a traced one has the same type.

use std::future::Future;
use std::pin::Pin;

use futures_core::Stream;
use futures_core::future::FusedFuture;
use futures_core::stream::FusedStream;

use crate::capture::Chunk;
use crate::instrument::call::Call;
use crate::instrument::future::{End, Traced};
use crate::instrument::stream::Streamed;

/// A stream in a box.
pub trait BoxedStream: Sized {
    /// The type of the items.
    type Item;

    /// Wraps the stream so that it keeps the call open.
    #[must_use]
    fn streamed<C>(self, call: Call, chunk: C) -> Self
    where
        C: FnMut(&Self::Item) -> Chunk + Send + Sync + Unpin + 'static;
}

/// A future in a box.
pub trait BoxedFuture: Sized {
    /// The type of the output.
    type Output;

    /// Wraps the future so that it is recorded as the call.
    #[must_use]
    fn traced<E>(self, call: Call, end: E) -> Self
    where
        E: End<Self::Output, Output = Self::Output> + Send + Sync + Unpin + 'static;
}

macro_rules! boxed_streams {
    ($($stream:ident $(+ $promise:ident)*;)*) => {$(
        #[diagnostic::do_not_recommend]
        impl<'a, T: 'a> BoxedStream for Pin<Box<dyn $stream<Item = T> $(+ $promise)* + 'a>> {
            type Item = T;

            fn streamed<C>(self, call: Call, chunk: C) -> Self
            where
                C: FnMut(&T) -> Chunk + Send + Sync + Unpin + 'static,
            {
                // Adds another box only if the span is enabled.
                if call.span().is_disabled() { self } else { Box::pin(Streamed::new(call, self, chunk)) }
            }
        }

        #[diagnostic::do_not_recommend]
        impl<'a, T: 'a> BoxedStream for Box<dyn $stream<Item = T> $(+ $promise)* + 'a> {
            type Item = T;

            fn streamed<C>(self, call: Call, chunk: C) -> Self
            where
                C: FnMut(&T) -> Chunk + Send + Sync + Unpin + 'static,
            {
                if call.span().is_disabled() {
                    self
                } else {
                    Box::new(Streamed::new(call, Box::into_pin(self), chunk))
                }
            }
        }
    )*};
}

macro_rules! boxed_futures {
    ($($future:ident $(+ $promise:ident)*;)*) => {$(
        #[diagnostic::do_not_recommend]
        impl<'a, T: 'a> BoxedFuture for Pin<Box<dyn $future<Output = T> $(+ $promise)* + 'a>> {
            type Output = T;

            fn traced<E>(self, call: Call, end: E) -> Self
            where
                E: End<T, Output = T> + Send + Sync + Unpin + 'static,
            {
                Box::pin(Traced::prepared(call, self, end))
            }
        }

        #[diagnostic::do_not_recommend]
        impl<'a, T: 'a> BoxedFuture for Box<dyn $future<Output = T> $(+ $promise)* + 'a> {
            type Output = T;

            fn traced<E>(self, call: Call, end: E) -> Self
            where
                E: End<T, Output = T> + Send + Sync + Unpin + 'static,
            {
                Box::new(Traced::prepared(call, Box::into_pin(self), end))
            }
        }
    )*};
}

/// Repeats a list for every combination of the bounds that a traced stream or future keeps.
macro_rules! with_promises {
    ($list:ident: $($object:ident)*) => {$(
        $list! {
            $object;
            $object + Send;
            $object + Sync;
            $object + Unpin;
            $object + Send + Sync;
            $object + Send + Unpin;
            $object + Sync + Unpin;
            $object + Send + Sync + Unpin;
        }
    )*};
}

with_promises!(boxed_streams: Stream FusedStream);
with_promises!(boxed_futures: Future FusedFuture);
