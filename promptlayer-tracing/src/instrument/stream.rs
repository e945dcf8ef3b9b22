//! A stream that keeps its call open, collects its chunks, and ends the call exactly once.
//!
//! Items pass through unchanged. Each item is inspected by reference, and the next one is polled only when
//! the consumer polls.

use std::any::type_name;
use std::fmt;
use std::pin::Pin;
use std::task::{Context, Poll};

use futures_core::Stream;
use futures_core::stream::FusedStream;
use pin_project_lite::pin_project;

use crate::capture::Chunk;
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
