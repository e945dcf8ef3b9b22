//! A stream that keeps its call open, sums its chunks, and closes it once, however it ends.
//!
//! Items pass through untouched: one is looked at by reference on its way out, and the next is asked
//! for only when the reader asks.

use std::convert::Infallible;
use std::fmt;
use std::pin::Pin;
use std::task::{Context, Poll};

use futures_core::Stream;
use futures_core::stream::FusedStream;
use pin_project_lite::pin_project;

use crate::call::Call;
use crate::capture::{Chunk, Failure};

pin_project! {
    /// A stream whose end ends its call.
    ///
    /// `chunk` is of the attribute's code, which alone knows what an item can do.
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
    /// Takes over the call of the function that gave the stream.
    pub fn new(call: Call, stream: S, chunk: C) -> Self {
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

/// The stream, of which the type of its items is told.
pub fn stream_of<T, S: Stream<Item = T>>(stream: S) -> S {
    stream
}

/// A type that hides a stream, and stays itself when the stream is traced: a boxed stream, or a
/// `Result` of one.
#[diagnostic::on_unimplemented(
    message = "`#[promptlayer]` cannot trace `{Self}` as a stream",
    note = "it traces `impl Stream`, `Pin<Box<dyn Stream>>` (`BoxStream`), and `Result` of either"
)]
pub trait TraceStream: Sized {
    /// What the stream gives.
    type Item;
    /// What stands in the stream's place where there is none.
    type Error;

    /// Lets the stream keep the call open; where there is none, the call failed.
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
                // A box more only where somebody sees the span.
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
            // Of a `Result` in a `Result` the inner error is not told apart.
            Ok(stream) => Ok(stream.trace(call, chunk, |_| Failure::of_type::<S::Error>())),
            Err(failed) => {
                if call.is_recording() {
                    call.failed(error(&failed));
                }
                Err(failed)
            }
        }
    }
}
