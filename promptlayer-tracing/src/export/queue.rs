//! The bounded queue between the threads that call and the one that sends, and the ledger of both.
//!
//! One lock is over the queue and the ledger, so that the ledger's equation holds at every instant. It is
//! held for a few additions and never while other code runs. What finds the queue full is turned away
//! before the lock: then, of all times, it is contended.

use std::collections::{BTreeSet, VecDeque};

use super::ledger::{DropReason, End, Ledger};
use super::sync::{AtomicU64, AtomicUsize, Mutex, MutexGuard, Ordering, PoisonError};

/// How much may wait to be sent, be on its way, and wait to be sent again, all together. What comes when
/// that is full is dropped and counted.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct QueueLimits {
    pub(crate) items: usize,
    pub(crate) bytes: usize,
}

impl QueueLimits {
    /// The default of [`items`](Self::items).
    pub const DEFAULT_ITEMS: usize = 8_192;
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

    /// What there is room for. The last quarter is kept for what carries a request.
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

/// Which ledger an item is in.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Class {
    Span,
    Track,
}

/// What an item takes up.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Weight {
    pub(crate) class: Class,
    pub(crate) bytes: usize,
    /// Whether it leaves the last quarter to others: a span that makes no request log, and a tracking call.
    pub(crate) yields: bool,
}

/// An item that was taken out and has no end yet.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Taken {
    /// Its place in the order of all items.
    pub(crate) number: u64,
    pub(crate) class: Class,
    /// The bytes that it is counted with.
    pub(crate) bytes: usize,
}

impl Taken {
    /// The number of those that came from disk, for which no flush waits.
    const ON_DISK: u64 = u64::MAX;
}

/// What the queue holds.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Held {
    /// Items that wait.
    pub(crate) waiting: usize,
    /// Bytes of those, and of what was taken out and has no end yet.
    pub(crate) bytes: usize,
}

/// Why an item has no place. It comes back, to be dropped outside the lock.
#[derive(Debug)]
pub(crate) enum Refused<T> {
    Full(T),
    Closed(T),
}

/// What is behind the lock.
#[derive(Debug)]
struct State<T> {
    waiting: VecDeque<(Weight, T)>,
    /// The number of the first of them.
    first: u64,
    /// The numbers of those that were taken out and have no end yet.
    taken: BTreeSet<u64>,
    spans: Ledger,
    tracking: Ledger,
    /// What waits and what was taken, together.
    items: usize,
    bytes: usize,
    /// Of those that were taken, the ones that are on disk too.
    spans_on_disk: u64,
    tracking_on_disk: u64,
    closed_to_spans: bool,
    closed: bool,
    /// Whether everything has been given an end by [`Queue::finish`].
    finished: bool,
}

/// The queue and the ledgers.
#[derive(Debug)]
pub(crate) struct Queue<T> {
    state: Mutex<State<T>>,
    limits: QueueLimits,
    /// Copies of the state's own, to turn away by.
    items: AtomicUsize,
    bytes: AtomicUsize,
    /// What was turned away before the lock: accepted and dropped in one addition.
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

    /// Shows those that are turned away what is held now.
    fn publish(&self, state: &State<T>) {
        self.items.store(state.items, Ordering::Relaxed);
        self.bytes.store(state.bytes, Ordering::Relaxed);
    }

    /// Puts an item in, and tells what is held now.
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

    /// Takes the oldest item out. It counts towards the limits until it is settled.
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

    /// Counts an item with the bytes that it has now.
    pub(crate) fn resize(&self, taken: &mut Taken, bytes: usize) {
        let mut state = self.lock();
        state.bytes = state.bytes.saturating_sub(taken.bytes) + bytes;
        taken.bytes = bytes;
        self.publish(&state);
    }

    /// Enters what an item came to.
    pub(crate) fn settle(&self, taken: Taken, end: End) {
        let mut state = self.lock();
        if let Some(ledger) = state.release(taken) {
            ledger.settle(end);
        }
        self.publish(&state);
    }

    /// Enters that an item is on disk now.
    pub(crate) fn spool(&self, taken: Taken) {
        let mut state = self.lock();
        if let Some(ledger) = state.release(taken) {
            ledger.pending.spooled += 1;
        }
        self.publish(&state);
    }

    /// Enters an item that is on disk without having been in the queue.
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

    /// Enters items that an earlier run left on disk.
    pub(crate) fn adopt(&self, class: Class, count: u64) {
        let mut state = self.lock();
        let ledger = state.ledger(class);
        ledger.accepted += count;
        ledger.pending.spooled += count;
    }

    /// Enters that an item on disk is being sent. Nobody who flushes waits for it.
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

    /// Enters what items on disk came to that were not taken out of it.
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

    /// Drops all that waits, and counts it.
    pub(crate) fn drop_waiting(&self, reason: DropReason) {
        while let Some((taken, item)) = self.take() {
            drop(item);
            self.settle(taken, End::Dropped(reason));
        }
    }

    /// Gives an end to everything that has none and lets nothing more in; from here on no end is changed.
    ///
    /// What waits is dropped for this reason. What was taken out may have been sent, so its outcome is unknown, unless
    /// it is on disk: then it is left there for the next run.
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
        // Outside the lock: a user's types may have destructors.
        drop(waiting);
    }

    /// Reads the oldest item.
    pub(crate) fn oldest<R>(&self, read: impl FnOnce(&T) -> R) -> Option<R> {
        self.lock().waiting.front().map(|(_, item)| read(item))
    }

    /// The number of the oldest item that waits, or else the one that the next will have.
    pub(crate) fn first_number(&self) -> u64 {
        self.lock().first
    }

    /// Whether what waits, and what is on its way, takes more than half of the room.
    pub(crate) fn is_half_full(&self) -> bool {
        let state = self.lock();
        state.items > self.limits.items / 2 || state.bytes > self.limits.bytes / 2
    }

    /// The number that the next item will have.
    pub(crate) fn next_number(&self) -> u64 {
        let state = self.lock();
        state.first + state.waiting.len() as u64
    }

    /// Whether every item with a smaller number has an end.
    pub(crate) fn is_settled_before(&self, number: u64) -> bool {
        let state = self.lock();
        state.first >= number && state.taken.first().is_none_or(|first| *first >= number)
    }

    /// The ledgers of the spans and of the tracking calls, of one instant.
    pub(crate) fn ledgers(&self) -> (Ledger, Ledger) {
        let state = self.lock();
        let (mut spans, mut tracking) = (state.spans.clone(), state.tracking.clone());
        drop(state);
        spans.refuse(DropReason::QueueFull, self.refused_spans.load(Ordering::Relaxed));
        tracking.refuse(DropReason::QueueFull, self.refused_tracking.load(Ordering::Relaxed));
        (spans, tracking)
    }

    /// Whether nothing more of this class is let in.
    pub(crate) fn is_closed_to(&self, class: Class) -> bool {
        let state = self.lock();
        state.closed || (state.closed_to_spans && class == Class::Span)
    }

    /// Lets no more spans in.
    pub(crate) fn close_to_spans(&self) {
        self.lock().closed_to_spans = true;
    }

    /// Lets nothing more in.
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

    /// How many of those that were taken are on disk too.
    fn on_disk(&mut self, class: Class) -> &mut u64 {
        match class {
            Class::Span => &mut self.spans_on_disk,
            Class::Track => &mut self.tracking_on_disk,
        }
    }

    /// Gives up the room of an item that was taken, and the ledger to enter its end in; `None` if it has one already.
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
