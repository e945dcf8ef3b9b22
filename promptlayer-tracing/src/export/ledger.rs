//! Nothing is lost without being counted.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicU64, Ordering::SeqCst};

/// Why something was dropped before it was sent.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[non_exhaustive]
pub enum DropReason {
    /// The queue held as many items, or bytes, as it may.
    QueueFull,
    /// PromptLayer could not be reached for as long as one waits for it.
    Expired,
    /// The time that the shutdown gave was over.
    Deadline,
    /// The pipeline had been shut down.
    Closed,
}

/// Why the service did not take something.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[non_exhaustive]
pub enum RejectReason {
    /// The key is missing, wrong, or may not do this (401, 403).
    Unauthorized,
    /// The service found the content invalid (400, 422), refused it for another reason, or it could not
    /// be written as JSON.
    Invalid,
    /// One item alone is larger than the service takes (413).
    TooLarge,
    /// The trace was closed before the span came.
    TraceClosed,
    /// The address is not that of the service: a redirect, or a path that it does not have.
    WrongAddress,
}

/// How many reasons there are of either kind.
const REASONS: usize = 5;
const DROP_REASONS: [DropReason; 4] =
    [DropReason::QueueFull, DropReason::Expired, DropReason::Deadline, DropReason::Closed];
const REJECT_REASONS: [RejectReason; 5] = [
    RejectReason::Unauthorized,
    RejectReason::Invalid,
    RejectReason::TooLarge,
    RejectReason::TraceClosed,
    RejectReason::WrongAddress,
];

/// What became of the items that were accepted. At every instant
/// `accepted = delivered + rejected + dropped + outcome_unknown + pending`.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct Ledger {
    /// Items that were handed to the pipeline.
    pub accepted: u64,
    /// Items that the service took.
    pub delivered: u64,
    /// Items that the service did not take, by reason.
    pub rejected: BTreeMap<RejectReason, u64>,
    /// Items that were never sent, by reason.
    pub dropped: BTreeMap<DropReason, u64>,
    /// Items that were sent without an answer that tells whether they arrived.
    pub outcome_unknown: u64,
    /// Items that are on their way.
    pub pending: u64,
}

impl Ledger {
    /// How many were rejected, for any reason.
    pub fn rejected(&self) -> u64 {
        self.rejected.values().sum()
    }

    /// How many were dropped, for any reason.
    pub fn dropped(&self) -> u64 {
        self.dropped.values().sum()
    }

    /// Whether every item that was accepted has been delivered.
    pub fn is_complete(&self) -> bool {
        self.accepted == self.delivered
    }
}

/// The counters behind a [`Ledger`].
#[derive(Debug, Default)]
pub(crate) struct Counters {
    accepted: AtomicU64,
    delivered: AtomicU64,
    rejected: [AtomicU64; REASONS],
    dropped: [AtomicU64; REASONS],
    outcome_unknown: AtomicU64,
}

impl Counters {
    pub(crate) fn accept(&self) {
        self.accepted.fetch_add(1, SeqCst);
    }

    pub(crate) fn deliver(&self, count: u64) {
        self.delivered.fetch_add(count, SeqCst);
    }

    pub(crate) fn reject(&self, reason: RejectReason, count: u64) {
        if let Some(counter) = self.rejected.get(reason as usize) {
            counter.fetch_add(count, SeqCst);
        }
    }

    pub(crate) fn drop(&self, reason: DropReason, count: u64) {
        if let Some(counter) = self.dropped.get(reason as usize) {
            counter.fetch_add(count, SeqCst);
        }
    }

    pub(crate) fn lose_sight(&self, count: u64) {
        self.outcome_unknown.fetch_add(count, SeqCst);
    }

    /// The ledger now. Every item is accepted before it is anything else, so what became of items is
    /// read first: what was accepted can then only be more, and the rest is pending.
    pub(crate) fn read(&self) -> Ledger {
        let delivered = self.delivered.load(SeqCst);
        let outcome_unknown = self.outcome_unknown.load(SeqCst);
        let rejected = read_reasons(&REJECT_REASONS, &self.rejected);
        let dropped = read_reasons(&DROP_REASONS, &self.dropped);
        let accepted = self.accepted.load(SeqCst);
        let settled =
            delivered + outcome_unknown + rejected.values().sum::<u64>() + dropped.values().sum::<u64>();
        Ledger {
            accepted,
            delivered,
            rejected,
            dropped,
            outcome_unknown,
            pending: accepted.saturating_sub(settled),
        }
    }
}

/// The reasons that have a count, in the order of their discriminants.
fn read_reasons<R: Copy + Ord>(reasons: &[R], counters: &[AtomicU64]) -> BTreeMap<R, u64> {
    reasons
        .iter()
        .zip(counters)
        .map(|(reason, counter)| (*reason, counter.load(SeqCst)))
        .filter(|(_, count)| *count > 0)
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_reason_has_a_counter_of_its_own() {
        let counters = Counters::default();
        for (count, reason) in (1..).zip(DROP_REASONS) {
            counters.drop(reason, count);
        }
        for (count, reason) in (1..).zip(REJECT_REASONS) {
            counters.reject(reason, count);
        }
        let ledger = counters.read();
        assert_eq!(ledger.dropped, (1..).zip(DROP_REASONS).map(|(count, reason)| (reason, count)).collect());
        assert_eq!(
            ledger.rejected,
            (1..).zip(REJECT_REASONS).map(|(count, reason)| (reason, count)).collect()
        );
    }

    #[test]
    fn what_is_accepted_and_has_no_end_yet_is_pending() {
        let counters = Counters::default();
        (0..10).for_each(|_| counters.accept());
        counters.deliver(4);
        counters.reject(RejectReason::Invalid, 1);
        counters.drop(DropReason::QueueFull, 2);
        counters.lose_sight(1);
        let ledger = counters.read();
        assert_eq!(ledger.pending, 2);
        assert!(!ledger.is_complete());
        assert_eq!((ledger.rejected(), ledger.dropped()), (1, 2));
    }
}
