//! The bounded queue between the calling threads and the export thread, with the ledger of its items.
//!
//! A calling thread takes no lock: it counts the item as arrived and passes it through a channel. One lock guards
//! what happens to an item afterwards. It is held for a few additions, and never while other code runs.
//!
//! The ledger's equation holds at every instant because the number of waiting items is not counted, but derived: what
//! arrived, was not refused, and was not taken out is waiting. Each of these numbers only grows, and the number of
//! arrived items grows first.

use std::collections::BTreeSet;
use std::iter;

use super::arrivals::{Arrivals, ORDER};
use super::ledger::{DropReason, End, Ledger};
use super::sync::{AtomicUsize, Mutex, MutexGuard, PoisonError, Receiver, Sender, channel, yield_now};

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

/// A rejected item, with the reason.
#[derive(Debug)]
pub(crate) enum Refused<T> {
    Full(T),
    Closed(T),
}

/// The state behind the lock.
#[derive(Debug)]
struct State<T> {
    /// The waiting items.
    arriving: Receiver<(Weight, T)>,
    /// The oldest waiting item, if it was looked at.
    oldest: Option<(Weight, T)>,
    /// The number of the next item that is taken out. That many were taken out before.
    first: u64,
    /// The numbers of items that were taken out and are not settled yet.
    taken: BTreeSet<u64>,
    spans: Ledger,
    tracking: Ledger,
    /// How many items of each class were ever taken out of the queue.
    spans_taken: u64,
    tracking_taken: u64,
    /// How many of the items that were taken out are also on disk.
    spans_on_disk: u64,
    tracking_on_disk: u64,
    /// The reason for which the waiting items were dropped, if [`Queue::finish`] has settled everything.
    finished: Option<DropReason>,
}

/// The queue and the ledgers of spans and tracking calls.
#[derive(Debug)]
pub(crate) struct Queue<T> {
    limits: QueueLimits,
    entrance: Sender<(Weight, T)>,
    /// Items that wait or were taken out, together.
    items: AtomicUsize,
    bytes: AtomicUsize,
    /// Items that wait.
    waiting: AtomicUsize,
    spans: Arrivals,
    tracking: Arrivals,
    state: Mutex<State<T>>,
}

impl<T> Queue<T> {
    pub(crate) fn new(limits: QueueLimits) -> Self {
        let (entrance, arriving) = channel();
        Self {
            limits,
            entrance,
            items: AtomicUsize::new(0),
            bytes: AtomicUsize::new(0),
            waiting: AtomicUsize::new(0),
            spans: Arrivals::new(),
            tracking: Arrivals::new(),
            state: Mutex::new(State {
                arriving,
                oldest: None,
                first: 0,
                taken: BTreeSet::new(),
                spans: Ledger::default(),
                tracking: Ledger::default(),
                spans_taken: 0,
                tracking_taken: 0,
                spans_on_disk: 0,
                tracking_on_disk: 0,
                finished: None,
            }),
        }
    }

    fn lock(&self) -> MutexGuard<'_, State<T>> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn arrivals(&self, class: Class) -> &Arrivals {
        match class {
            Class::Span => &self.spans,
            Class::Track => &self.tracking,
        }
    }

    /// Appends an item and returns the new content of the queue.
    pub(crate) fn push(&self, weight: Weight, item: T) -> Result<Held, Refused<T>> {
        let arrivals = self.arrivals(weight.class);
        // First of all, so that the ledger has the item in any case.
        if !arrivals.arrive() {
            return Err(Refused::Closed(item));
        }
        let Some(bytes) = self.reserve(weight) else {
            arrivals.refuse_full();
            return Err(Refused::Full(item));
        };
        // Before the item is in the channel, so that a flush that begins afterwards waits for it.
        let waiting = self.waiting.fetch_add(1, ORDER) + 1;
        match self.entrance.send((weight, item)) {
            Ok(()) => Ok(Held { waiting, bytes }),
            // The other end exists as long as this one.
            Err(unsent) => Err(Refused::Closed(unsent.0.1)),
        }
    }

    /// Reserves the space of an item and returns the new number of bytes. Returns `None` if a limit is reached.
    fn reserve(&self, weight: Weight) -> Option<usize> {
        let (most_items, most_bytes) = self.limits.room(weight);
        let one_more = |items: usize| (items < most_items).then_some(items + 1);
        self.items.fetch_update(ORDER, ORDER, one_more).ok()?;
        let added = |bytes: usize| bytes.checked_add(weight.bytes).filter(|bytes| *bytes <= most_bytes);
        match self.bytes.fetch_update(ORDER, ORDER, added) {
            Ok(bytes) => Some(bytes + weight.bytes),
            Err(_) => {
                self.items.fetch_sub(1, ORDER);
                None
            }
        }
    }

    /// Takes out the oldest item. It counts towards the limits until it is settled.
    pub(crate) fn take(&self) -> Option<(Taken, T)> {
        let mut state = self.lock();
        let (weight, item) = state.next()?;
        self.waiting.fetch_sub(1, ORDER);
        let number = state.first;
        state.first += 1;
        state.taken.insert(number);
        *state.taken_of(weight.class) += 1;
        state.ledger(weight.class).pending.in_flight += 1;
        Some((Taken { number, class: weight.class, bytes: weight.bytes }, item))
    }

    /// Releases the space of an item.
    fn free(&self, bytes: usize) {
        let less = |by: usize| move |value: usize| Some(value.saturating_sub(by));
        let _ = self.items.fetch_update(ORDER, ORDER, less(1));
        let _ = self.bytes.fetch_update(ORDER, ORDER, less(bytes));
    }

    /// Updates the number of bytes that an item is counted with.
    pub(crate) fn resize(&self, taken: &mut Taken, bytes: usize) {
        let changed = |all: usize| Some(all.saturating_sub(taken.bytes).saturating_add(bytes));
        let _ = self.bytes.fetch_update(ORDER, ORDER, changed);
        taken.bytes = bytes;
    }

    /// Records the outcome of an item.
    pub(crate) fn settle(&self, taken: Taken, end: End) {
        self.free(taken.bytes);
        if let Some(ledger) = self.lock().release(taken) {
            ledger.settle(end);
        }
    }

    /// Records that an item is on disk now.
    pub(crate) fn spool(&self, taken: Taken) {
        self.free(taken.bytes);
        if let Some(ledger) = self.lock().release(taken) {
            ledger.pending.spooled += 1;
        }
    }

    /// Records an item that was written to disk without passing through the queue.
    pub(crate) fn admit_to_spool(&self, class: Class) -> Result<(), DropReason> {
        let mut state = self.lock();
        if self.is_closed_to(class) {
            state.ledger(class).refuse(DropReason::Closed, 1);
            return Err(DropReason::Closed);
        }
        let ledger = state.ledger(class);
        ledger.accepted += 1;
        ledger.pending.spooled += 1;
        Ok(())
    }

    /// Records items that were dropped before they could be queued.
    pub(crate) fn refuse(&self, class: Class, reason: DropReason, count: u64) {
        self.lock().ledger(class).refuse(reason, count);
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
        self.items.fetch_add(1, ORDER);
        self.bytes.fetch_add(bytes, ORDER);
        let mut state = self.lock();
        if state.finished.is_none() {
            let ledger = state.ledger(class);
            ledger.pending.spooled -= 1;
            ledger.pending.in_flight += 1;
            *state.on_disk(class) += 1;
        }
        Taken { number: Taken::ON_DISK, class, bytes }
    }

    /// Records the outcome of items that are on disk and were not taken out of the spool.
    pub(crate) fn settle_spooled(&self, class: Class, end: End, count: u64) {
        let mut state = self.lock();
        if state.finished.is_some() {
            return;
        }
        let ledger = state.ledger(class);
        for _ in 0..count.min(ledger.pending.spooled) {
            ledger.pending.spooled -= 1;
            ledger.settle(end);
        }
    }

    /// Drops all waiting items, and counts them. If the queue is closed, none comes afterwards.
    pub(crate) fn drop_waiting(&self, reason: DropReason) {
        loop {
            while let Some((taken, item)) = self.take() {
                drop(item);
                self.settle(taken, End::Dropped(reason));
            }
            let is_closed = self.spans.is_closed() && self.tracking.is_closed();
            if !is_closed || self.lock().are_all_taken(self) {
                return;
            }
            // Another thread is just putting an item in, which takes a few instructions. The loop ends at the latest
            // when a shutdown reaches its deadline and finishes the queue.
            yield_now();
        }
    }

    /// Settles every pending item and closes the queue. Later outcomes are ignored.
    ///
    /// Waiting items are dropped with this reason. Items that were taken out may have been sent, so their
    /// outcome is unknown. Those that are on disk stay there for the next run.
    pub(crate) fn finish(&self, reason: DropReason) {
        self.close();
        let mut state = self.lock();
        let waiting: Vec<_> = iter::from_fn(|| state.next()).collect();
        for class in [Class::Span, Class::Track] {
            let on_disk = std::mem::take(state.on_disk(class));
            let ledger = state.ledger(class);
            let taken = std::mem::take(&mut ledger.pending.in_flight);
            ledger.pending.spooled += on_disk;
            ledger.outcome_unknown += taken - on_disk;
        }
        state.taken.clear();
        state.finished.get_or_insert(reason);
        drop(state);
        // Outside the lock: types of the application may have destructors.
        drop(waiting);
    }

    /// Reads the oldest item.
    pub(crate) fn oldest<R>(&self, read: impl FnOnce(&T) -> R) -> Option<R> {
        let mut state = self.lock();
        state.oldest = state.next();
        state.oldest.as_ref().map(|(_, item)| read(item))
    }

    /// Returns the number of the oldest waiting item, or the number of the next item if none waits.
    pub(crate) fn first_number(&self) -> u64 {
        self.lock().first
    }

    /// Returns the current content.
    pub(crate) fn held(&self) -> Held {
        Held { waiting: self.waiting.load(ORDER), bytes: self.bytes.load(ORDER) }
    }

    /// Returns `true` if waiting and in-flight items take more than half of the limits.
    pub(crate) fn is_half_full(&self) -> bool {
        self.items.load(ORDER) > self.limits.items / 2 || self.bytes.load(ORDER) > self.limits.bytes / 2
    }

    /// Returns the number that the next item will have.
    pub(crate) fn next_number(&self) -> u64 {
        let state = self.lock();
        state.first + self.waiting.load(ORDER) as u64
    }

    /// Returns `true` if every item with a smaller number is settled.
    pub(crate) fn is_settled_before(&self, number: u64) -> bool {
        let state = self.lock();
        let is_taken = state.first >= number && state.taken.first().is_none_or(|first| *first >= number);
        is_taken || state.finished.is_some()
    }

    /// Returns the ledgers of spans and of tracking calls, as a snapshot of one instant.
    pub(crate) fn ledgers(&self) -> (Ledger, Ledger) {
        let state = self.lock();
        let (mut spans, mut tracking) = (state.spans.clone(), state.tracking.clone());
        self.spans.enter(&mut spans, state.spans_taken, state.finished);
        self.tracking.enter(&mut tracking, state.tracking_taken, state.finished);
        (spans, tracking)
    }

    /// Returns `true` if the queue no longer accepts items of this class.
    pub(crate) fn is_closed_to(&self, class: Class) -> bool {
        self.arrivals(class).is_closed()
    }

    /// Stops accepting spans.
    pub(crate) fn close_to_spans(&self) {
        self.spans.close();
    }

    /// Stops accepting items of any class.
    pub(crate) fn close(&self) {
        self.spans.close();
        self.tracking.close();
    }
}

impl<T> State<T> {
    /// Removes the oldest item that waits. Returns `None` after [`Queue::finish`], which has settled those that wait.
    fn next(&mut self) -> Option<(Weight, T)> {
        if self.finished.is_some() {
            return None;
        }
        self.oldest.take().or_else(|| self.arriving.try_recv().ok())
    }

    /// Returns `true` if no item waits, and no thread is putting one in.
    fn are_all_taken(&self, queue: &Queue<T>) -> bool {
        let (spans, ..) = queue.spans.read();
        let (tracking, ..) = queue.tracking.read();
        self.finished.is_some() || spans + tracking == self.spans_taken + self.tracking_taken
    }

    fn ledger(&mut self, class: Class) -> &mut Ledger {
        match class {
            Class::Span => &mut self.spans,
            Class::Track => &mut self.tracking,
        }
    }

    /// Returns how many items were ever taken out of the queue.
    fn taken_of(&mut self, class: Class) -> &mut u64 {
        match class {
            Class::Span => &mut self.spans_taken,
            Class::Track => &mut self.tracking_taken,
        }
    }

    /// Returns how many of the items that were taken out are also on disk.
    fn on_disk(&mut self, class: Class) -> &mut u64 {
        match class {
            Class::Span => &mut self.spans_on_disk,
            Class::Track => &mut self.tracking_on_disk,
        }
    }

    /// Returns the ledger for the outcome of an item. Returns `None` if the item is already settled.
    fn release(&mut self, taken: Taken) -> Option<&mut Ledger> {
        self.taken.remove(&taken.number);
        if self.finished.is_some() {
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
