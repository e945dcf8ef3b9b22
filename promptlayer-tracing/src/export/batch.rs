//! How much goes out in one request, and how often.

use std::time::Duration;

use crate::client::TrackCall;
use crate::export::queue::{Item, Queue};
use crate::sink::Outgoing;

/// How many spans are sent together, and how long they wait for each other.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct BatchLimits {
    pub(crate) spans: usize,
    pub(crate) bytes: usize,
    pub(crate) interval: Duration,
}

impl BatchLimits {
    /// The default of [`spans`](Self::spans).
    pub const DEFAULT_SPANS: usize = 256;
    /// The default of [`bytes`](Self::bytes): 4 MiB.
    pub const DEFAULT_BYTES: usize = 4 << 20;
    /// The default of [`interval`](Self::interval).
    pub const DEFAULT_INTERVAL: Duration = Duration::from_millis(250);

    /// The greatest number of spans in one request, at least 1. Defaults to
    /// [`DEFAULT_SPANS`](Self::DEFAULT_SPANS).
    #[must_use]
    pub fn spans(mut self, spans: usize) -> Self {
        self.spans = spans.max(1);
        self
    }

    /// The number of captured bytes from which a request takes no further span. Defaults to
    /// [`DEFAULT_BYTES`](Self::DEFAULT_BYTES).
    #[must_use]
    pub fn bytes(mut self, bytes: usize) -> Self {
        self.bytes = bytes;
        self
    }

    /// How long a span waits at most before it is sent, if no full batch goes sooner; at least 1 ms.
    /// Defaults to [`DEFAULT_INTERVAL`](Self::DEFAULT_INTERVAL).
    #[must_use]
    pub fn interval(mut self, interval: Duration) -> Self {
        self.interval = interval.max(Duration::from_millis(1));
        self
    }
}

impl Default for BatchLimits {
    fn default() -> Self {
        Self { spans: Self::DEFAULT_SPANS, bytes: Self::DEFAULT_BYTES, interval: Self::DEFAULT_INTERVAL }
    }
}

/// What goes out next: spans together, or one tracking call.
#[derive(Debug)]
pub(crate) enum Next {
    Spans(Vec<Outgoing>),
    Track(TrackCall),
}

/// Takes items out in order. A tracking call is never sent before a span that was queued earlier.
#[derive(Debug, Default)]
pub(crate) struct Batcher {
    /// Taken out already, but of no use to the batch before it.
    held: Option<Item>,
}

impl Batcher {
    pub(crate) fn next(&mut self, queue: &Queue, limits: BatchLimits) -> Option<Next> {
        let mut spans = Vec::new();
        let mut bytes = 0;
        while spans.len() < limits.spans && bytes < limits.bytes {
            match self.held.take().or_else(|| queue.pop()) {
                Some(Item::Span(outgoing)) => {
                    bytes += outgoing.size;
                    spans.push(*outgoing);
                }
                Some(Item::Track(call)) if spans.is_empty() => return Some(Next::Track(call)),
                held => {
                    self.held = held;
                    break;
                }
            }
        }
        (!spans.is_empty()).then_some(Next::Spans(spans))
    }
}
