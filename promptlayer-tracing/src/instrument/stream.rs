//! A stream that keeps its call open, collects its chunks, and ends the call exactly once.
//!
//! Items pass through unchanged. Each item is inspected by reference, and the next one is polled only when
//! the consumer polls.

use std::any::type_name;
use std::convert::Infallible;
use std::fmt;
use std::pin::Pin;
use std::task::{Context, Poll};

use futures_core::Stream;
use futures_core::stream::FusedStream;
use pin_project_lite::pin_project;

use crate::capture::{Chunk, Failure};
use crate::instrument::call::Call;

pin_project! {
    /// A stream whose end ends its call.
    ///
    /// The attribute generates the closure `chunk`, because only the attribute knows the type of the items.
    pub struct Streamed<S, C> {
        call: Call,
        chunk: C,
        #[pin]
        stream: Option<S>,
    }

    impl<S, C> PinnedDrop for Streamed<S, C> {
        fn drop(this: Pin<&mut Self>) {
            let mut this = this.project();
            let _entered = this.call.span().enter();
            this.stream.set(None);
        }
    }
}

impl<S: Stream, C: FnMut(&S::Item) -> Chunk> Streamed<S, C> {
    /// Takes over the call of the function that returned the stream.
    pub fn new(mut call: Call, stream: S, chunk: C) -> Self {
        call.returned_type(type_name::<S::Item>());
        Self { call, chunk, stream: Some(stream) }
    }
}

impl<S: fmt::Debug, C> fmt::Debug for Streamed<S, C> {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.debug_struct("Streamed").field("stream", &self.stream).finish_non_exhaustive()
    }
}

impl<S: Stream, C: FnMut(&S::Item) -> Chunk> Stream for Streamed<S, C> {
    type Item = S::Item;

    fn poll_next(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Option<S::Item>> {
        let this = self.project();
        let Some(stream) = this.stream.as_pin_mut() else { return Poll::Ready(None) };
        let polled = this.call.run(|| stream.poll_next(context));
        match &polled {
            Poll::Pending => {}
            Poll::Ready(Some(item)) => {
                if this.call.is_recording() {
                    let chunk = (this.chunk)(item);
                    this.call.chunk(chunk);
                }
            }
            Poll::Ready(None) => this.call.finished(),
        }
        polled
    }

    fn size_hint(&self) -> (usize, Option<usize>) {
        self.stream.as_ref().map_or((0, Some(0)), Stream::size_hint)
    }
}

impl<S: FusedStream, C: FnMut(&S::Item) -> Chunk> FusedStream for Streamed<S, C> {
    fn is_terminated(&self) -> bool {
        self.stream.as_ref().is_none_or(FusedStream::is_terminated)
    }
}

/// Returns the stream unchanged, with its item type fixed to `T`.
pub fn stream_of<T, S: Stream<Item = T>>(stream: S) -> S {
    stream
}

/// A type that contains a stream and keeps its type when the stream is traced: a boxed stream, or a `Result`
/// of one.
#[diagnostic::on_unimplemented(
    message = "`#[promptlayer]` cannot trace `{Self}` as a stream",
    note = "it traces `impl Stream`, `Pin<Box<dyn Stream>>` (`BoxStream`), and `Result` of either"
)]
pub trait TraceStream: Sized {
    /// The item type of the stream.
    type Item;
    /// The error type, for a value that may hold an error in place of the stream.
    type Error;

    /// Wraps the stream so that it keeps the call open. If there is no stream, ends the call as failed.
    #[must_use]
    fn trace<C, E>(self, call: Call, chunk: C, error: E) -> Self
    where
        C: FnMut(&Self::Item) -> Chunk + Send + Sync + Unpin + 'static,
        E: FnOnce(&Self::Error) -> Failure;
}

macro_rules! trace_boxed {
    ($($stream:ty),*) => {$(
        impl<'a, T: 'a> TraceStream for Pin<Box<$stream>> {
            type Item = T;
            type Error = Infallible;

            fn trace<C, E>(self, call: Call, chunk: C, _: E) -> Self
            where
                C: FnMut(&T) -> Chunk + Send + Sync + Unpin + 'static,
                E: FnOnce(&Infallible) -> Failure,
            {
                // Adds another box only if the span is enabled.
                if call.span().is_disabled() { self } else { Box::pin(Streamed::new(call, self, chunk)) }
            }
        }
    )*};
}

trace_boxed!(
    dyn Stream<Item = T> + 'a,
    dyn Stream<Item = T> + Send + 'a,
    dyn Stream<Item = T> + Sync + 'a,
    dyn Stream<Item = T> + Unpin + 'a,
    dyn Stream<Item = T> + Send + Sync + 'a,
    dyn Stream<Item = T> + Send + Unpin + 'a,
    dyn Stream<Item = T> + Sync + Unpin + 'a,
    dyn Stream<Item = T> + Send + Sync + Unpin + 'a
);

impl<S: TraceStream, F> TraceStream for Result<S, F> {
    type Item = S::Item;
    type Error = F;

    fn trace<C, E>(self, call: Call, chunk: C, error: E) -> Self
    where
        C: FnMut(&S::Item) -> Chunk + Send + Sync + Unpin + 'static,
        E: FnOnce(&F) -> Failure,
    {
        match self {
            // For a `Result` inside a `Result`, the inner error is recorded only by its type.
            Ok(stream) => Ok(stream.trace(call, chunk, |_| Failure::from_type::<S::Error>())),
            Err(failed) => {
                if call.is_recording() {
                    call.failed(error(&failed));
                }
                Err(failed)
            }
        }
    }
}
