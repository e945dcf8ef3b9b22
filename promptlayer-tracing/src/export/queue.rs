//! The bounded queue between the threads that call and the one that sends.

use std::sync::atomic::{AtomicBool, AtomicU64, AtomicUsize, Ordering::SeqCst};

use crossbeam_queue::ArrayQueue;
use tokio::sync::Notify;

use crate::client::TrackCall;
use crate::sink::Outgoing;

/// How much may wait to be sent. What comes when the queue is full is dropped and counted.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct QueueLimits {
    pub(crate) items: usize,
    pub(crate) bytes: usize,
}

impl QueueLimits {
    /// The default of [`items`](Self::items).
    pub const DEFAULT_ITEMS: usize = 32_768;
    /// The default of [`bytes`](Self::bytes): 64 MiB.
    pub const DEFAULT_BYTES: usize = 64 << 20;

    /// The greatest number of spans and of enqueued tracking calls together, at least 1. Defaults to
    /// [`DEFAULT_ITEMS`](Self::DEFAULT_ITEMS).
    #[must_use]
    pub fn items(mut self, items: usize) -> Self {
        self.items = items.max(1);
        self
    }

    /// The greatest number of bytes that they hold. Defaults to
    /// [`DEFAULT_BYTES`](Self::DEFAULT_BYTES).
    #[must_use]
    pub fn bytes(mut self, bytes: usize) -> Self {
        self.bytes = bytes;
        self
    }
}

impl Default for QueueLimits {
    fn default() -> Self {
        Self { items: Self::DEFAULT_ITEMS, bytes: Self::DEFAULT_BYTES }
    }
}

/// One thing to send.
#[derive(Debug)]
pub(crate) enum Item {
    Span(Box<Outgoing>),
    Track(TrackCall),
}

impl Item {
    fn size(&self) -> usize {
        match self {
            Self::Span(outgoing) => outgoing.size,
            Self::Track(call) => call.body.len(),
        }
    }

    /// A span that makes no request log yields its place first.
    fn is_first_to_drop(&self) -> bool {
        matches!(self, Self::Span(outgoing) if !outgoing.span.is_request)
    }
}

/// Why an item has no place. The item comes back, to be counted and dropped by the one that came
/// with it.
#[derive(Debug)]
pub(crate) enum Refused {
    Full(Item),
    Closed(Item),
}

/// The queue. Pushing takes no lock and never waits.
#[derive(Debug)]
pub(crate) struct Queue {
    items: ArrayQueue<Item>,
    limits: QueueLimits,
    bytes: AtomicUsize,
    /// Items ever pushed; the sender counts those that it has settled against it.
    pushed: AtomicU64,
    closed: AtomicBool,
    /// Wakes the sender when this many wait.
    threshold: usize,
    pub(crate) wake: Notify,
}

impl Queue {
    pub(crate) fn new(limits: QueueLimits, threshold: usize) -> Self {
        Self {
            items: ArrayQueue::new(limits.items),
            limits,
            bytes: AtomicUsize::new(0),
            pushed: AtomicU64::new(0),
            closed: AtomicBool::new(false),
            threshold: threshold.clamp(1, limits.items),
            wake: Notify::new(),
        }
    }

    /// Puts an item in.
    pub(crate) fn push(&self, item: Item) -> Result<(), Refused> {
        if self.closed.load(SeqCst) {
            return Err(Refused::Closed(item));
        }
        let size = item.size();
        // An eighth of either limit is kept for what carries a request.
        let (most_items, most_bytes) = if item.is_first_to_drop() {
            (self.limits.items - self.limits.items / 8, self.limits.bytes - self.limits.bytes / 8)
        } else {
            (self.limits.items, self.limits.bytes)
        };
        if self.items.len() >= most_items {
            return Err(Refused::Full(item));
        }
        let held = self.bytes.fetch_add(size, SeqCst);
        if held + size > most_bytes {
            self.bytes.fetch_sub(size, SeqCst);
            return Err(Refused::Full(item));
        }
        if let Err(item) = self.items.push(item) {
            self.bytes.fetch_sub(size, SeqCst);
            return Err(Refused::Full(item));
        }
        self.pushed.fetch_add(1, SeqCst);
        // Waking the sender costs more than a span: only when a batch is there, and once.
        if self.items.len() == self.threshold {
            self.wake.notify_one();
        }
        Ok(())
    }

    /// Takes the oldest item out.
    pub(crate) fn pop(&self) -> Option<Item> {
        let item = self.items.pop()?;
        self.bytes.fetch_sub(item.size(), SeqCst);
        Some(item)
    }

    /// Items ever pushed.
    pub(crate) fn pushed(&self) -> u64 {
        self.pushed.load(SeqCst)
    }

    /// Lets nothing more in.
    pub(crate) fn close(&self) {
        self.closed.store(true, SeqCst);
    }

    pub(crate) fn is_closed(&self) -> bool {
        self.closed.load(SeqCst)
    }
}
