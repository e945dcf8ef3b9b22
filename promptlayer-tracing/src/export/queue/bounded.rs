//! The bounded queue between the calling threads and the export thread, with the ledger of its items.
//!
//! One lock guards the queue and the ledger, so that the ledger's equation holds at every instant. It is held
//! for a few additions, and never while other code runs. `push` checks the limits before it takes the lock:
//! when the queue is full, the lock is most contended.

use std::collections::{BTreeSet, VecDeque};

use super::ledger::{DropReason, End, Ledger};
use super::sync::{AtomicU64, AtomicUsize, Mutex, MutexGuard, Ordering, PoisonError};

/// Limits for the items that wait, are in flight, or wait for a retry, all together.
///
/// An item that arrives when a limit is reached is dropped and counted under
/// [`QueueFull`](crate::export::DropReason::QueueFull). The last quarter of both limits is reserved for spans
/// with a request log.
///
/// ```
/// use promptlayer_tracing::export::QueueLimits;
///
/// // A service with little memory: at most 1,000 items, which hold at most 8 MiB.
/// let limits = QueueLimits::default().items(1_000).bytes(8 << 20);
/// # let builder =
/// promptlayer_tracing::layer().queue(limits);
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct QueueLimits {
    pub(crate) items: usize,
    pub(crate) bytes: usize,
}

impl QueueLimits {
    /// The default of [`items`](Self::items): 8,192.
    pub const DEFAULT_ITEMS: usize = 8_192;
    /// The default of [`bytes`](Self::bytes): 64 MiB.
    pub const DEFAULT_BYTES: usize = 64 << 20;

    /// Sets the maximum number of spans and enqueued tracking calls together, at least 1. Defaults to
    /// [`DEFAULT_ITEMS`](Self::DEFAULT_ITEMS).
    #[must_use]
    pub fn items(mut self, items: usize) -> Self {
        self.items = items.max(1);
        self
    }

    /// Sets the maximum number of bytes that these items hold. Items larger than the limit are dropped, so 0
    /// drops everything. Defaults to [`DEFAULT_BYTES`](Self::DEFAULT_BYTES).
    #[must_use]
    pub fn bytes(mut self, bytes: usize) -> Self {
        self.bytes = bytes;
        self
    }

    /// Returns the limits for an item. The last quarter is reserved for spans with a request log.
    fn room(self, weight: Weight) -> (usize, usize) {
        if weight.yields {
            (self.items - self.items / 4, self.bytes - self.bytes / 4)
        } else {
            (self.items, self.bytes)
        }
    }
}

impl Default for QueueLimits {
    fn default() -> Self {
        Self { items: Self::DEFAULT_ITEMS, bytes: Self::DEFAULT_BYTES }
    }
}

/// The class of an item, which selects its ledger.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Class {
    Span,
    Track,
}

/// The class of an item, and the space that it takes.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Weight {
    pub(crate) class: Class,
    pub(crate) bytes: usize,
    /// Whether the item may not use the last quarter: a span without a request log, or a tracking call.
    pub(crate) yields: bool,
}

/// An item that was taken out of the queue and is not settled yet.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Taken {
    /// The position of the item in the order of all items.
    pub(crate) number: u64,
    pub(crate) class: Class,
    /// The number of bytes that the item is counted with.
    pub(crate) bytes: usize,
}

impl Taken {
    /// The `number` of every item that came from disk. No flush waits for these items.
    const ON_DISK: u64 = u64::MAX;
}

/// The current content of the queue.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Held {
    /// The number of waiting items.
    pub(crate) waiting: usize,
    /// The bytes of the waiting items, and of items that were taken out and are not settled yet.
    pub(crate) bytes: usize,
}

/// A rejected item, with the reason. The item is returned so that the caller drops it outside the lock.
#[derive(Debug)]
pub(crate) enum Refused<T> {
    Full(T),
    Closed(T),
}

/// The state behind the lock.
#[derive(Debug)]
struct State<T> {
    waiting: VecDeque<(Weight, T)>,
    /// The number of the first waiting item.
    first: u64,
    /// The numbers of items that were taken out and are not settled yet.
    taken: BTreeSet<u64>,
    spans: Ledger,
    tracking: Ledger,
    /// The number of items that wait or were taken out, together.
    items: usize,
    bytes: usize,
    /// How many of the items that were taken out are also on disk.
    spans_on_disk: u64,
    tracking_on_disk: u64,
    closed_to_spans: bool,
    closed: bool,
    /// Whether [`Queue::finish`] has settled everything.
    finished: bool,
}

/// The queue and the ledgers of spans and tracking calls.
#[derive(Debug)]
pub(crate) struct Queue<T> {
    state: Mutex<State<T>>,
    limits: QueueLimits,
    /// Copies of the counts in `state`, to check the limits without the lock.
    items: AtomicUsize,
    bytes: AtomicUsize,
    /// Items that were rejected before the lock was taken. Each one counts as accepted and dropped.
    refused_spans: AtomicU64,
    refused_tracking: AtomicU64,
}

impl<T> Queue<T> {
    pub(crate) fn new(limits: QueueLimits) -> Self {
        Self {
            state: Mutex::new(State {
                waiting: VecDeque::new(),
                first: 0,
                taken: BTreeSet::new(),
                spans: Ledger::default(),
                tracking: Ledger::default(),
                items: 0,
                bytes: 0,
                spans_on_disk: 0,
                tracking_on_disk: 0,
                closed_to_spans: false,
                closed: false,
                finished: false,
            }),
            limits,
            items: AtomicUsize::new(0),
            bytes: AtomicUsize::new(0),
            refused_spans: AtomicU64::new(0),
            refused_tracking: AtomicU64::new(0),
        }
    }

    fn lock(&self) -> MutexGuard<'_, State<T>> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Copies the counts to the atomics that [`push`](Self::push) checks without the lock.
    fn publish(&self, state: &State<T>) {
        self.items.store(state.items, Ordering::Relaxed);
        self.bytes.store(state.bytes, Ordering::Relaxed);
    }

    /// Appends an item and returns the new content of the queue.
    pub(crate) fn push(&self, weight: Weight, item: T) -> Result<Held, Refused<T>> {
        let (most_items, most_bytes) = self.limits.room(weight);
        let is_full = |items: usize, bytes: usize| {
            items >= most_items || bytes.saturating_add(weight.bytes) > most_bytes
        };
        if is_full(self.items.load(Ordering::Relaxed), self.bytes.load(Ordering::Relaxed)) {
            let refused = match weight.class {
                Class::Span => &self.refused_spans,
                Class::Track => &self.refused_tracking,
            };
            refused.fetch_add(1, Ordering::Relaxed);
            return Err(Refused::Full(item));
        }
        let mut state = self.lock();
        if state.closed || (state.closed_to_spans && weight.class == Class::Span) {
            state.ledger(weight.class).refuse(DropReason::Closed, 1);
            drop(state);
            return Err(Refused::Closed(item));
        }
        if is_full(state.items, state.bytes) {
            state.ledger(weight.class).refuse(DropReason::QueueFull, 1);
            drop(state);
            return Err(Refused::Full(item));
        }
        let ledger = state.ledger(weight.class);
        ledger.accepted += 1;
        ledger.pending.queued += 1;
        state.items += 1;
        state.bytes += weight.bytes;
        state.waiting.push_back((weight, item));
        self.publish(&state);
        Ok(Held { waiting: state.waiting.len(), bytes: state.bytes })
    }

    /// Takes out the oldest item. It counts towards the limits until it is settled.
    pub(crate) fn take(&self) -> Option<(Taken, T)> {
        let mut state = self.lock();
        let (weight, item) = state.waiting.pop_front()?;
        let number = state.first;
        state.first += 1;
        state.taken.insert(number);
        let ledger = state.ledger(weight.class);
        ledger.pending.queued -= 1;
        ledger.pending.in_flight += 1;
        Some((Taken { number, class: weight.class, bytes: weight.bytes }, item))
    }

    /// Updates the number of bytes that an item is counted with.
    pub(crate) fn resize(&self, taken: &mut Taken, bytes: usize) {
        let mut state = self.lock();
        state.bytes = state.bytes.saturating_sub(taken.bytes) + bytes;
        taken.bytes = bytes;
        self.publish(&state);
    }

    /// Records the outcome of an item.
    pub(crate) fn settle(&self, taken: Taken, end: End) {
        let mut state = self.lock();
        if let Some(ledger) = state.release(taken) {
            ledger.settle(end);
        }
        self.publish(&state);
    }

    /// Records that an item is on disk now.
    pub(crate) fn spool(&self, taken: Taken) {
        let mut state = self.lock();
        if let Some(ledger) = state.release(taken) {
            ledger.pending.spooled += 1;
        }
        self.publish(&state);
    }

    /// Records an item that was written to disk without passing through the queue.
    pub(crate) fn admit_to_spool(&self, class: Class) -> Result<(), DropReason> {
        let mut state = self.lock();
        if state.closed || (state.closed_to_spans && class == Class::Span) {
            state.ledger(class).refuse(DropReason::Closed, 1);
            return Err(DropReason::Closed);
        }
        let ledger = state.ledger(class);
        ledger.accepted += 1;
        ledger.pending.spooled += 1;
        Ok(())
    }

    /// Records items that an earlier run left on disk.
    pub(crate) fn adopt(&self, class: Class, count: u64) {
        let mut state = self.lock();
        let ledger = state.ledger(class);
        ledger.accepted += count;
        ledger.pending.spooled += count;
    }

    /// Records that an item on disk is being sent. No flush waits for it.
    pub(crate) fn unspool(&self, class: Class, bytes: usize) -> Taken {
        let mut state = self.lock();
        if !state.finished {
            let ledger = state.ledger(class);
            ledger.pending.spooled -= 1;
            ledger.pending.in_flight += 1;
            *state.on_disk(class) += 1;
        }
        state.items += 1;
        state.bytes += bytes;
        self.publish(&state);
        Taken { number: Taken::ON_DISK, class, bytes }
    }

    /// Records the outcome of items that are on disk and were not taken out of the spool.
    pub(crate) fn settle_spooled(&self, class: Class, end: End, count: u64) {
        let mut state = self.lock();
        if state.finished {
            return;
        }
        let ledger = state.ledger(class);
        for _ in 0..count.min(ledger.pending.spooled) {
            ledger.pending.spooled -= 1;
            ledger.settle(end);
        }
    }

    /// Drops all waiting items, and counts them.
    pub(crate) fn drop_waiting(&self, reason: DropReason) {
        while let Some((taken, item)) = self.take() {
            drop(item);
            self.settle(taken, End::Dropped(reason));
        }
    }

    /// Settles every pending item and closes the queue. Later outcomes are ignored.
    ///
    /// Waiting items are dropped with this reason. Items that were taken out may have been sent, so their
    /// outcome is unknown. Those that are on disk stay there for the next run.
    pub(crate) fn finish(&self, reason: DropReason) {
        let mut state = self.lock();
        (state.closed_to_spans, state.closed) = (true, true);
        let waiting = std::mem::take(&mut state.waiting);
        state.first += waiting.len() as u64;
        for (weight, _) in &waiting {
            state.items = state.items.saturating_sub(1);
            state.bytes = state.bytes.saturating_sub(weight.bytes);
            let ledger = state.ledger(weight.class);
            ledger.pending.queued -= 1;
            ledger.settle(End::Dropped(reason));
        }
        for class in [Class::Span, Class::Track] {
            let on_disk = std::mem::take(state.on_disk(class));
            let ledger = state.ledger(class);
            let taken = std::mem::take(&mut ledger.pending.in_flight);
            ledger.pending.spooled += on_disk;
            ledger.outcome_unknown += taken - on_disk;
        }
        state.taken.clear();
        state.finished = true;
        self.publish(&state);
        drop(state);
        // Outside the lock: types of the application may have destructors.
        drop(waiting);
    }

    /// Reads the oldest item.
    pub(crate) fn oldest<R>(&self, read: impl FnOnce(&T) -> R) -> Option<R> {
        self.lock().waiting.front().map(|(_, item)| read(item))
    }

    /// Returns the number of the oldest waiting item, or the number of the next item if none waits.
    pub(crate) fn first_number(&self) -> u64 {
        self.lock().first
    }

    /// Returns `true` if waiting and in-flight items take more than half of the limits.
    pub(crate) fn is_half_full(&self) -> bool {
        let state = self.lock();
        state.items > self.limits.items / 2 || state.bytes > self.limits.bytes / 2
    }

    /// Returns the number that the next item will have.
    pub(crate) fn next_number(&self) -> u64 {
        let state = self.lock();
        state.first + state.waiting.len() as u64
    }

    /// Returns `true` if every item with a smaller number is settled.
    pub(crate) fn is_settled_before(&self, number: u64) -> bool {
        let state = self.lock();
        state.first >= number && state.taken.first().is_none_or(|first| *first >= number)
    }

    /// Returns the ledgers of spans and of tracking calls, as a snapshot of one instant.
    pub(crate) fn ledgers(&self) -> (Ledger, Ledger) {
        let state = self.lock();
        let (mut spans, mut tracking) = (state.spans.clone(), state.tracking.clone());
        drop(state);
        spans.refuse(DropReason::QueueFull, self.refused_spans.load(Ordering::Relaxed));
        tracking.refuse(DropReason::QueueFull, self.refused_tracking.load(Ordering::Relaxed));
        (spans, tracking)
    }

    /// Returns `true` if the queue no longer accepts items of this class.
    pub(crate) fn is_closed_to(&self, class: Class) -> bool {
        let state = self.lock();
        state.closed || (state.closed_to_spans && class == Class::Span)
    }

    /// Stops accepting spans.
    pub(crate) fn close_to_spans(&self) {
        self.lock().closed_to_spans = true;
    }

    /// Stops accepting items of any class.
    pub(crate) fn close(&self) {
        self.lock().closed = true;
    }
}

impl<T> State<T> {
    fn ledger(&mut self, class: Class) -> &mut Ledger {
        match class {
            Class::Span => &mut self.spans,
            Class::Track => &mut self.tracking,
        }
    }

    /// Returns how many of the items that were taken out are also on disk.
    fn on_disk(&mut self, class: Class) -> &mut u64 {
        match class {
            Class::Span => &mut self.spans_on_disk,
            Class::Track => &mut self.tracking_on_disk,
        }
    }

    /// Releases the space of an item and returns the ledger for its outcome. Returns `None` if the item is
    /// already settled.
    fn release(&mut self, taken: Taken) -> Option<&mut Ledger> {
        self.taken.remove(&taken.number);
        self.items = self.items.saturating_sub(1);
        self.bytes = self.bytes.saturating_sub(taken.bytes);
        if self.finished {
            return None;
        }
        if taken.number == Taken::ON_DISK {
            *self.on_disk(taken.class) -= 1;
        }
        let ledger = self.ledger(taken.class);
        ledger.pending.in_flight -= 1;
        Some(ledger)
    }
}
