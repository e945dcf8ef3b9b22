//! A stream that follows a script and records how it is read.

use std::collections::VecDeque;
use std::fmt;
use std::panic::panic_any;
use std::pin::Pin;
use std::sync::atomic::AtomicUsize;
use std::sync::atomic::Ordering::SeqCst;
use std::sync::{Arc, Mutex};
use std::task::{Context, Poll, Waker};

use futures_core::Stream;
use futures_core::stream::FusedStream;

/// One poll of a script.
pub(crate) enum Step<T> {
    Pending,
    Item(T),
    Panic,
}

/// What a stream recorded about its reader.
#[derive(Default)]
pub(crate) struct Seen {
    pub(crate) polls: AtomicUsize,
    pub(crate) drops: AtomicUsize,
    /// The names of the current spans, at each poll and at the drop.
    pub(crate) spans: Mutex<Vec<Option<&'static str>>>,
    pub(crate) waker: Mutex<Option<Waker>>,
}

impl Seen {
    fn note_span(&self) {
        let name = tracing::Span::current().metadata().map(tracing::Metadata::name);
        self.spans.lock().unwrap().push(name);
    }
}

/// A stream that follows a script. It implements the traits of streams and no other public trait.
pub(crate) struct Script<T> {
    steps: VecDeque<Step<T>>,
    /// The error that the function returns instead of a stream.
    pub(crate) refusal: Option<Fault>,
    pub(crate) seen: Arc<Seen>,
}

/// A panic payload that contains no message.
pub(crate) struct Payload(pub(crate) u32);

impl<T> Script<T> {
    pub(crate) fn new(steps: impl IntoIterator<Item = Step<T>>) -> Self {
        Self { steps: steps.into_iter().collect(), refusal: None, seen: Arc::default() }
    }

    pub(crate) fn of(items: impl IntoIterator<Item = T>) -> Self {
        Self::new(items.into_iter().map(Step::Item))
    }

    /// Returns an unusual size hint, so that a made-up hint does not pass the test.
    pub(crate) fn hint(steps: usize) -> (usize, Option<usize>) {
        (steps / 2, Some(steps + 7))
    }
}

impl<T> Unpin for Script<T> {}

impl<T> Stream for Script<T> {
    type Item = T;

    fn poll_next(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Option<T>> {
        self.seen.polls.fetch_add(1, SeqCst);
        self.seen.note_span();
        match self.steps.pop_front() {
            None => Poll::Ready(None),
            Some(Step::Item(item)) => Poll::Ready(Some(item)),
            Some(Step::Pending) => {
                *self.seen.waker.lock().unwrap() = Some(context.waker().clone());
                Poll::Pending
            }
            Some(Step::Panic) => panic_any(Payload(7)),
        }
    }

    fn size_hint(&self) -> (usize, Option<usize>) {
        Self::hint(self.steps.len())
    }
}

impl<T> FusedStream for Script<T> {
    fn is_terminated(&self) -> bool {
        self.steps.is_empty()
    }
}

impl<T> Drop for Script<T> {
    fn drop(&mut self) {
        self.seen.drops.fetch_add(1, SeqCst);
        self.seen.note_span();
    }
}

#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Fault(pub(crate) &'static str);

impl fmt::Display for Fault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.0)
    }
}

impl std::error::Error for Fault {}

/// An item without any trait.
pub(crate) struct Opaque(pub(crate) String);
