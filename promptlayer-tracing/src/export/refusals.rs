//! How often a batch was refused, and what that says of it.
//!
//! A refusal may be due to the destination, which then refuses everything, or to one span in the batch. What tells them
//! apart is whether other batches pass between two refusals of this one.

use std::time::Duration;

use tokio::time::Instant;

use super::gate::RequestNumber;
use super::ledger::RejectReason;

/// How a batch was refused.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Refusal {
    /// The settings are wrong, or something before the service does not let this request pass.
    Settings(RejectReason),
    /// The service said that it is busy (408, 425, 429, 503).
    Busy,
    /// The service failed (500 and above), or gave no answer.
    Failure,
}

impl Refusal {
    /// The reason that the ledger gives for a span that is always refused so.
    pub(crate) fn reason(self) -> RejectReason {
        match self {
            Self::Settings(reason) => reason,
            Self::Busy | Self::Failure => RejectReason::Failing,
        }
    }

    /// How many refusals in a row part a batch while others pass, and how many part it if nothing else passes. What
    /// often ends by itself is given more tries.
    fn limits(self) -> (u32, u32) {
        match self {
            Self::Settings(_) => (2, 4),
            Self::Busy | Self::Failure => (3, 8),
        }
    }

    fn is_alike(self, other: Self) -> bool {
        std::mem::discriminant(&self) == std::mem::discriminant(&other)
    }
}

/// What the refusals of a batch say of it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Verdict {
    /// Nothing yet: try it again as it is.
    Again,
    /// Others pass and this does not: halve it. A single span may be at fault.
    AtFault,
    /// Nothing passes, this batch the least: try one of its spans by itself.
    Stuck,
}

/// The refusals of a batch. Its parts inherit them.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Refusals {
    pub(crate) kind: Refusal,
    /// How many of this kind in a row.
    times: u32,
    since: Instant,
    first: RequestNumber,
    pub(crate) last: RequestNumber,
    /// Whether another request passed between the last two refusals.
    others_passed: bool,
}

impl Refusals {
    /// Enters the refusal of a request. `passed_since` says whether another request to the same path got through that
    /// was sent after the given one.
    pub(crate) fn enter(
        before: Option<Self>,
        kind: Refusal,
        request: RequestNumber,
        passed_since: impl Fn(RequestNumber) -> bool,
    ) -> (Self, Verdict) {
        let times = before.filter(|before| before.kind.is_alike(kind)).map_or(0, |before| before.times) + 1;
        let (while_others_pass, alone) = kind.limits();
        let verdict = if times >= while_others_pass && before.is_some_and(|before| passed_since(before.first))
        {
            Verdict::AtFault
        } else if times >= alone {
            Verdict::Stuck
        } else {
            Verdict::Again
        };
        let refusals = Self {
            kind,
            times,
            since: before.map_or_else(Instant::now, |before| before.since),
            first: before.map_or(request, |before| before.first),
            last: request,
            others_passed: before.is_some_and(|before| passed_since(before.last)),
        };
        (refusals, verdict)
    }

    /// The refusals that a part of the batch begins with. What often ends by itself is counted anew, so that a service
    /// which is only busy does not make many small batches of a large one.
    pub(crate) fn of_part(self) -> Self {
        match self.kind {
            Refusal::Settings(_) => self,
            Refusal::Busy | Refusal::Failure => Self { times: 0, ..self },
        }
    }

    /// Returns whether a single span is given up: it was refused just before and just after another request passed.
    /// What often ends by itself has as long as a span waits in memory.
    pub(crate) fn are_final(self, max_age: Duration) -> bool {
        let is_over = match self.kind {
            Refusal::Settings(_) => true,
            Refusal::Busy | Refusal::Failure => self.since.elapsed() >= max_age,
        };
        self.others_passed && is_over
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The verdicts on a batch that is refused so often, with another passing before each or not.
    fn verdicts(kind: Refusal, others_pass: bool, times: usize) -> Vec<Verdict> {
        let mut refusals = None;
        (0..times)
            .map(|_| {
                let (after, verdict) =
                    Refusals::enter(refusals, kind, RequestNumber::default(), |_| others_pass);
                refusals = Some(after);
                verdict
            })
            .collect()
    }

    #[test]
    fn batch_is_at_fault_only_while_others_pass() {
        use Verdict::{Again, AtFault, Stuck};
        let settings = Refusal::Settings(RejectReason::Unauthorized);
        assert_eq!(verdicts(settings, true, 2), [Again, AtFault]);
        assert_eq!(verdicts(settings, false, 4), [Again, Again, Again, Stuck]);
        assert_eq!(verdicts(Refusal::Busy, true, 3), [Again, Again, AtFault]);
        assert_eq!(verdicts(Refusal::Failure, false, 8)[6..], [Again, Stuck]);
    }

    #[test]
    fn refusals_of_different_kinds_are_counted_apart() {
        let request = RequestNumber::default();
        let (first, _) = Refusals::enter(None, Refusal::Busy, request, |_| true);
        let settings = Refusal::Settings(RejectReason::Unauthorized);
        let (_, verdict) = Refusals::enter(Some(first), settings, request, |_| true);
        assert_eq!(verdict, Verdict::Again);
    }

    #[test]
    fn half_of_a_busy_batch_is_counted_anew() {
        let request = RequestNumber::default();
        let mut refusals = None;
        for _ in 0..3 {
            refusals = Some(Refusals::enter(refusals, Refusal::Busy, request, |_| true).0);
        }
        let half = refusals.map(Refusals::of_part);
        assert_eq!(Refusals::enter(half, Refusal::Busy, request, |_| true).1, Verdict::Again);
    }
}
