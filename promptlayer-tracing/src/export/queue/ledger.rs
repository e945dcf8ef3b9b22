//! The ledger: counts the outcome of every item, so that no loss goes unnoticed.

use std::collections::BTreeMap;

/// Names the variants of an enumeration, and lists them. A variant without a name does not compile.
macro_rules! named {
    ($type:ident { $($variant:ident => $name:literal,)* }) => {
        impl $type {
            /// All reasons, in the order of their declaration.
            pub const ALL: &'static [Self] = &[$(Self::$variant),*];

            /// Returns the reason in lower case with underscores, as metrics write it.
            pub fn as_str(self) -> &'static str {
                match self {
                    $(Self::$variant => $name,)*
                }
            }
        }
    };
}

/// The reason why an item was dropped before PromptLayer accepted it. The keys of [`Ledger::dropped`].
///
/// ```
/// use promptlayer_tracing::export::{DropReason, Stats};
///
/// /// Says which setting loses fewer calls.
/// fn advice(stats: &Stats) -> Option<&'static str> {
///     stats.spans.dropped.keys().find_map(|reason| match reason {
///         DropReason::QueueFull => Some("give the queue more room, or let more requests be in flight"),
///         DropReason::Expired => Some("keep undelivered calls on disk, with a spool"),
///         DropReason::Deadline => Some("give the shutdown more time"),
///         _ => None,
///     })
/// }
///
/// let mut stats = Stats::default();
/// assert_eq!(advice(&stats), None);
/// stats.spans.dropped.insert(DropReason::Deadline, 3);
/// assert_eq!(advice(&stats), Some("give the shutdown more time"));
/// assert_eq!(DropReason::Deadline.as_str(), "deadline"); // as metrics write it
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[non_exhaustive]
pub enum DropReason {
    /// The queue had reached its limit of items or bytes.
    QueueFull,
    /// The item reached its maximum age before PromptLayer could be reached.
    Expired,
    /// The shutdown timeout expired.
    Deadline,
    /// The pipeline was already shut down.
    Closed,
    /// The spool had reached its size limit, and this was the oldest item in it.
    SpoolFull,
    /// The item could not be read from the spool any more, or its file was deleted.
    SpoolDamaged,
    /// The item could not be converted or serialized as JSON. This is a bug in this crate.
    Unwritable,
    /// The item is a score of a call that made no request log, or whose request log got no id.
    NoRequest,
    /// The call was made in a process that was forked from the one that built the layer. The fork has no
    /// pipeline.
    Forked,
}

named!(DropReason {
    QueueFull => "queue_full",
    Expired => "expired",
    Deadline => "deadline",
    Closed => "closed",
    SpoolFull => "spool_full",
    SpoolDamaged => "spool_damaged",
    Unwritable => "unwritable",
    NoRequest => "no_request",
    Forked => "forked",
});

/// The reason why PromptLayer rejected an item. The keys of [`Ledger::rejected`].
///
/// ```
/// use promptlayer_tracing::export::{RejectReason, Stats};
///
/// /// Returns `true` if the API key or the base URL is wrong.
/// fn is_misconfigured(stats: &Stats) -> bool {
///     let rejected = &stats.spans.rejected;
///     [RejectReason::Unauthorized, RejectReason::WrongAddress].iter().any(|reason| rejected.contains_key(reason))
/// }
///
/// let mut stats = Stats::default();
/// assert!(!is_misconfigured(&stats));
/// stats.spans.rejected.insert(RejectReason::Unauthorized, 1);
/// assert!(is_misconfigured(&stats));
/// assert_eq!(RejectReason::Unauthorized.as_str(), "unauthorized"); // as metrics write it
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[non_exhaustive]
pub enum RejectReason {
    /// The API key is missing, wrong, or lacks the permission (401, 403), or a filter in front of PromptLayer
    /// rejects this item alone.
    Unauthorized,
    /// PromptLayer found the content invalid (400, 422), or rejected it for another reason.
    Invalid,
    /// The item by itself is larger than PromptLayer accepts (413), even without its media and long texts.
    TooLarge,
    /// The trace was closed before the span arrived.
    TraceClosed,
    /// The base URL is not that of PromptLayer: the response was a redirect, or the path does not exist.
    WrongAddress,
    /// PromptLayer was busy or failed (408, 425, 429, 500 and above, no response) each time this item was
    /// sent, for [`RetryPolicy::max_age`](crate::export::RetryPolicy::max_age), while it accepted other items.
    Failing,
}

named!(RejectReason {
    Unauthorized => "unauthorized",
    Invalid => "invalid",
    TooLarge => "too_large",
    TraceClosed => "trace_closed",
    WrongAddress => "wrong_address",
    Failing => "failing",
});

/// Counts of the items that are not settled yet. See [`Ledger::pending`].
///
/// ```
/// use promptlayer_tracing::export::Stats;
///
/// let stats = Stats::default(); // or that of `ShutdownGuard::stats`
/// let pending = stats.spans.pending;
/// println!("{} wait, {} are being sent, {} are on disk", pending.queued, pending.in_flight, pending.spooled);
/// assert_eq!(pending.total(), pending.queued + pending.in_flight + pending.spooled);
/// ```
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct Pending {
    /// Items that wait in the queue.
    pub queued: u64,
    /// Items in a request that is being sent, retried, or read back.
    pub in_flight: u64,
    /// Items on disk, to be sent later or by the next run.
    pub spooled: u64,
}

impl Pending {
    /// Returns the total number of pending items.
    pub fn total(&self) -> u64 {
        self.queued + self.in_flight + self.spooled
    }
}

/// The outcomes of all accepted items.
///
/// At every instant, `accepted = delivered + rejected + dropped + outcome_unknown + pending`.
///
/// ```
/// use promptlayer_tracing::export::Ledger;
///
/// /// Writes one line for a log of the program.
/// fn line(ledger: &Ledger) -> String {
///     let mut line = format!("{} of {} delivered", ledger.delivered, ledger.accepted);
///     if !ledger.is_complete() {
///         let (rejected, dropped) = (ledger.total_rejected(), ledger.total_dropped());
///         line += &format!(", {rejected} rejected, {dropped} dropped {:?}", ledger.dropped);
///         line += &format!(", {} unknown, {} pending", ledger.outcome_unknown, ledger.total_pending());
///     }
///     line
/// }
///
/// assert_eq!(line(&Ledger::default()), "0 of 0 delivered");
/// ```
#[derive(Debug, Clone, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct Ledger {
    /// Items that were passed to the pipeline, and items that it found in the spool of an earlier run.
    pub accepted: u64,
    /// Items that PromptLayer confirmed in its response, or that were found when their trace was read back.
    pub delivered: u64,
    /// Items that PromptLayer rejected, by reason.
    pub rejected: BTreeMap<RejectReason, u64>,
    /// Items that were dropped, by reason.
    pub dropped: BTreeMap<DropReason, u64>,
    /// Items that were sent, but no response confirmed them and they could not be read back.
    pub outcome_unknown: u64,
    /// Items that are not settled yet.
    pub pending: Pending,
}

impl Ledger {
    /// Returns the number of rejected items, for all reasons.
    pub fn total_rejected(&self) -> u64 {
        self.rejected.values().sum()
    }

    /// Returns the number of dropped items, for all reasons.
    pub fn total_dropped(&self) -> u64 {
        self.dropped.values().sum()
    }

    /// Returns the number of items that are not settled yet.
    pub fn total_pending(&self) -> u64 {
        self.pending.total()
    }

    /// Returns `true` if every accepted item has been delivered.
    pub fn is_complete(&self) -> bool {
        self.accepted == self.delivered
    }

    /// Records the outcome of an item. The caller removes it from the pending counts.
    pub(crate) fn settle(&mut self, end: End) {
        match end {
            End::Delivered => self.delivered += 1,
            End::Rejected(reason) => *self.rejected.entry(reason).or_default() += 1,
            End::Dropped(reason) => *self.dropped.entry(reason).or_default() += 1,
            End::Unknown => self.outcome_unknown += 1,
        }
    }

    /// Records items that were dropped before they were queued, as accepted and dropped.
    pub(crate) fn refuse(&mut self, reason: DropReason, count: u64) {
        if count > 0 {
            self.accepted += count;
            *self.dropped.entry(reason).or_default() += count;
        }
    }
}

/// The outcome of an item.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum End {
    Delivered,
    Rejected(RejectReason),
    Dropped(DropReason),
    /// The item was sent, and it is not known whether it arrived.
    Unknown,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reasons_are_listed_once_under_names_of_their_own() {
        let drops: BTreeMap<_, _> = DropReason::ALL.iter().map(|reason| (reason.as_str(), reason)).collect();
        let rejects: BTreeMap<_, _> =
            RejectReason::ALL.iter().map(|reason| (reason.as_str(), reason)).collect();
        assert_eq!((drops.len(), rejects.len()), (DropReason::ALL.len(), RejectReason::ALL.len()));
        assert!(DropReason::ALL.is_sorted() && RejectReason::ALL.is_sorted());
        // The name is that of the variant, in lower case.
        for (name, debug) in drops
            .iter()
            .map(|(name, reason)| (name, format!("{reason:?}")))
            .chain(rejects.iter().map(|(name, reason)| (name, format!("{reason:?}"))))
        {
            assert_eq!(name.replace('_', ""), debug.to_lowercase());
        }
    }

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
        assert_eq!((ledger.total_rejected(), ledger.total_dropped()), (1, 5));
    }
}
