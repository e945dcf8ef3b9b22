//! The bounded queue between the threads that call and the one that sends.

use std::sync::atomic::{AtomicBool, AtomicU64, AtomicUsize, Ordering::SeqCst};

use crossbeam_queue::ArrayQueue;
use tokio::sync::Notify;

use crate::client::TrackCall;
use crate::export::batch::BatchLimits;
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
    /// The greatest [`items`](Self::items), for which the room is taken at once.
    pub const MOST_ITEMS: usize = 1 << 20;

    /// The greatest number of spans and of enqueued tracking calls together, from 1 to
    /// [`MOST_ITEMS`](Self::MOST_ITEMS). Defaults to [`DEFAULT_ITEMS`](Self::DEFAULT_ITEMS).
    #[must_use]
    pub fn items(mut self, items: usize) -> Self {
        self.items = items.clamp(1, Self::MOST_ITEMS);
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
    closed_to_spans: AtomicBool,
    closed: AtomicBool,
    /// Whether nobody takes anything out any more.
    abandoned: AtomicBool,
    /// The sender is woken for each so many items, or bytes.
    batch: BatchLimits,
    pub(crate) wake: Notify,
}

impl Queue {
    pub(crate) fn new(limits: QueueLimits, batch: BatchLimits) -> Self {
        Self {
            items: ArrayQueue::new(limits.items),
            limits,
            bytes: AtomicUsize::new(0),
            pushed: AtomicU64::new(0),
            closed_to_spans: AtomicBool::new(false),
            closed: AtomicBool::new(false),
            abandoned: AtomicBool::new(false),
            batch,
            wake: Notify::new(),
        }
    }

    /// Puts an item in.
    pub(crate) fn push(&self, item: Item) -> Result<(), Refused> {
        let is_span = matches!(item, Item::Span(_));
        if self.closed.load(SeqCst) || (is_span && self.closed_to_spans.load(SeqCst)) {
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
        // Counted before it can be settled.
        let earlier = self.pushed.fetch_add(1, SeqCst);
        if let Err(item) = self.items.push(item) {
            self.pushed.fetch_sub(1, SeqCst);
            self.bytes.fetch_sub(size, SeqCst);
            return Err(Refused::Full(item));
        }
        // Waking the sender costs more than a span: only where a batch is full.
        let batch_of_items = (earlier + 1).is_multiple_of(self.batch.spans as u64);
        let batch_of_bytes = held < self.batch.bytes && held + size >= self.batch.bytes;
        if batch_of_items || batch_of_bytes {
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

    /// Lets no more spans in.
    pub(crate) fn close_to_spans(&self) {
        self.closed_to_spans.store(true, SeqCst);
    }

    /// Nobody takes anything out any more: who puts something in, does.
    pub(crate) fn abandon(&self) {
        self.close();
        self.abandoned.store(true, SeqCst);
    }

    pub(crate) fn is_abandoned(&self) -> bool {
        self.abandoned.load(SeqCst)
    }

    /// Lets nothing more in.
    pub(crate) fn close(&self) {
        self.closed.store(true, SeqCst);
    }
}
