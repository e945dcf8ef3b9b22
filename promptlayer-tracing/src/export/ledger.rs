//! Nothing is lost without being counted.

use std::collections::BTreeMap;

/// Why something was dropped before the service took it.
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
    /// The spool held as many bytes as it may, and this was the oldest in it.
    SpoolFull,
    /// It could not be read from the spool any more, or its file was deleted.
    SpoolDamaged,
    /// It could not be converted or written as JSON: a fault of this library's own.
    Unwritable,
    /// The call was made in a process that was forked from the one that built the layer: the pipeline stayed there.
    Forked,
}

/// Why the service did not take something.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[non_exhaustive]
pub enum RejectReason {
    /// The key is missing, wrong, or may not do this (401, 403); or a filter before the service refuses this item alone.
    Unauthorized,
    /// The service found the content invalid (400, 422), or refused it for another reason.
    Invalid,
    /// One item alone is larger than the service takes (413), even without its media and long texts.
    TooLarge,
    /// The trace was closed before the span came.
    TraceClosed,
    /// The address is not that of the service: a redirect, or a path that it does not have.
    WrongAddress,
    /// The service was busy or failed (408, 425, 429, 500 and above, no answer) each time this item was sent, for
    /// [`RetryPolicy::max_age`](crate::RetryPolicy::max_age), while it took other items.
    Failing,
}

/// What has no end yet.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct Pending {
    /// Items that wait in the queue.
    pub queued: u64,
    /// Items in a request that is being sent, sent again, or read back.
    pub in_flight: u64,
    /// Items that were put on disk, to be sent later or by the next run.
    pub spooled: u64,
}

impl Pending {
    /// All of them.
    pub fn total(&self) -> u64 {
        self.queued + self.in_flight + self.spooled
    }
}

/// What became of the items that were accepted. At every instant
/// `accepted = delivered + rejected + dropped + outcome_unknown + pending`.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct Ledger {
    /// Items that were handed to the pipeline, and those that it found in the spool of an earlier run.
    pub accepted: u64,
    /// Items of which the service said that it took them, or which were read back and are there.
    pub delivered: u64,
    /// Items that the service did not take, by reason.
    pub rejected: BTreeMap<RejectReason, u64>,
    /// Items that were given up, by reason.
    pub dropped: BTreeMap<DropReason, u64>,
    /// Items that were sent without an answer that tells whether they arrived, and could not be read
    /// back either.
    pub outcome_unknown: u64,
    /// Items that are on their way.
    pub pending: Pending,
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

    /// How many are on their way.
    pub fn pending(&self) -> u64 {
        self.pending.total()
    }

    /// Whether every item that was accepted has been delivered.
    pub fn is_complete(&self) -> bool {
        self.accepted == self.delivered
    }

    /// Enters the end of an item that was counted as pending.
    pub(crate) fn settle(&mut self, end: End) {
        match end {
            End::Delivered => self.delivered += 1,
            End::Rejected(reason) => *self.rejected.entry(reason).or_default() += 1,
            End::Dropped(reason) => *self.dropped.entry(reason).or_default() += 1,
            End::Unknown => self.outcome_unknown += 1,
        }
    }

    /// Enters items that had no place at all.
    pub(crate) fn refuse(&mut self, reason: DropReason, count: u64) {
        if count > 0 {
            self.accepted += count;
            *self.dropped.entry(reason).or_default() += count;
        }
    }
}

/// What an item came to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum End {
    Delivered,
    Rejected(RejectReason),
    Dropped(DropReason),
    /// It was sent, and nobody knows whether it arrived.
    Unknown,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_end_is_entered_under_its_reason() {
        let mut ledger = Ledger::default();
        ledger.settle(End::Delivered);
        ledger.settle(End::Rejected(RejectReason::TooLarge));
        ledger.settle(End::Dropped(DropReason::Expired));
        ledger.settle(End::Dropped(DropReason::Expired));
        ledger.settle(End::Unknown);
        ledger.refuse(DropReason::QueueFull, 3);
        ledger.refuse(DropReason::Closed, 0);

        assert_eq!((ledger.delivered, ledger.outcome_unknown, ledger.accepted), (1, 1, 3));
        assert_eq!(ledger.rejected, [(RejectReason::TooLarge, 1)].into());
        assert_eq!(ledger.dropped, [(DropReason::Expired, 2), (DropReason::QueueFull, 3)].into());
        assert_eq!((ledger.rejected(), ledger.dropped()), (1, 5));
    }
}
