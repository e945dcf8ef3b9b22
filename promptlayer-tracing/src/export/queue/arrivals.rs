//! The items that calling threads put into the queue, counted without a lock.

use super::ledger::{DropReason, Ledger};
use super::sync::{AtomicU64, Ordering};

/// The order of all accesses. Weaker ones are not faster on the processors that servers have.
pub(super) const ORDER: Ordering = Ordering::SeqCst;

/// What calling threads count, for one class of items.
#[derive(Debug)]
pub(super) struct Arrivals {
    /// The number of all items, before anything else is known of them, and [`CLOSED`]. Both are in one value, so that an
    /// item either arrives before the queue is closed, or is refused.
    arrived: AtomicU64,
    /// Items that were refused because a limit was reached. Each one counts as accepted and dropped.
    full: AtomicU64,
    /// Items that were refused because the queue is closed. Each one counts as accepted and dropped.
    closed: AtomicU64,
}

/// The bit of [`Arrivals::arrived`] that says that the queue is closed to the class.
const CLOSED: u64 = 1 << 63;

impl Arrivals {
    pub(super) fn new() -> Self {
        Self { arrived: AtomicU64::new(0), full: AtomicU64::new(0), closed: AtomicU64::new(0) }
    }

    /// Counts an item. Returns `false` if it is refused, because the queue is closed.
    pub(super) fn arrive(&self) -> bool {
        let is_open = self.arrived.fetch_add(1, ORDER) & CLOSED == 0;
        if !is_open {
            self.closed.fetch_add(1, ORDER);
        }
        is_open
    }

    /// Counts an item that arrived as refused, because a limit was reached.
    pub(super) fn refuse_full(&self) {
        self.full.fetch_add(1, ORDER);
    }

    /// Refuses all items from now on.
    pub(super) fn close(&self) {
        self.arrived.fetch_or(CLOSED, ORDER);
    }

    /// Returns `true` if items are refused.
    pub(super) fn is_closed(&self) -> bool {
        self.arrived.load(ORDER) & CLOSED != 0
    }

    /// Returns the numbers of items that arrived and were not refused, and of items that were refused because a limit was
    /// reached, or because the queue is closed.
    pub(super) fn read(&self) -> (u64, u64, u64) {
        // The number of arrived items is read last, so that it includes all others.
        let (full, closed) = (self.full.load(ORDER), self.closed.load(ORDER));
        ((self.arrived.load(ORDER) & !CLOSED) - full - closed, full, closed)
    }

    /// Enters the items into the ledger. `taken` of them were taken out.
    pub(super) fn enter(&self, ledger: &mut Ledger, taken: u64, finished: Option<DropReason>) {
        let (passed, full, closed) = self.read();
        ledger.refuse(DropReason::QueueFull, full);
        ledger.refuse(DropReason::Closed, closed);
        ledger.accepted += taken;
        match finished {
            Some(reason) => ledger.refuse(reason, passed - taken),
            None => {
                ledger.accepted += passed - taken;
                ledger.pending.queued = passed - taken;
            }
        }
    }
}
