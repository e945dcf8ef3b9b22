//! Counts the refusals of a batch and derives a verdict from them.
//!
//! A refusal may be caused by the destination, which then refuses all requests, or by one span in the batch.
//! The two cases differ in whether other batches pass between two refusals of this one.

use std::time::Duration;

use tokio::time::Instant;

use crate::export::delivery::gate::RequestNumber;
use crate::export::queue::ledger::RejectReason;

/// The kind of a refusal.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Refusal {
    /// The settings are wrong, or something in front of the service blocks this request.
    Settings(RejectReason),
    /// The service responded that it is busy (408, 425, 429, 503).
    Busy,
    /// The service failed (500 and above), or did not respond.
    Failure,
}

impl Refusal {
    /// Returns the ledger's reason for a span that is always refused in this way.
    pub(crate) fn reason(self) -> RejectReason {
        match self {
            Self::Settings(reason) => reason,
            Self::Busy | Self::Failure => RejectReason::Failing,
        }
    }

    /// Returns two limits: the number of consecutive refusals that splits a batch while others pass, and the
    /// number that splits it if nothing else passes. Temporary kinds of refusal have higher limits.
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

/// The verdict on a batch, derived from its refusals.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Verdict {
    /// No conclusion yet: retry the batch as it is.
    Again,
    /// Others pass and this batch does not: halve it. A single span may be at fault.
    AtFault,
    /// Nothing passes, including this batch: send one of its spans alone.
    Stuck,
}

/// The refusals of a batch. Its parts inherit them.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Refusals {
    pub(crate) kind: Refusal,
    /// The number of consecutive refusals of this kind.
    times: u32,
    since: Instant,
    first: RequestNumber,
    pub(crate) last: RequestNumber,
    /// Whether another request passed between the last two refusals.
    others_passed: bool,
}

impl Refusals {
    /// Counts the refusal of a request. `passed_since` returns `true` if another request to the same path
    /// passed that was sent after the given one.
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

    /// Returns the initial refusals of a part of the batch. Temporary kinds are counted from zero, so that a
    /// service that is only busy does not split a large batch into many small ones.
    pub(crate) fn of_part(self) -> Self {
        match self.kind {
            Refusal::Settings(_) => self,
            Refusal::Busy | Refusal::Failure => Self { times: 0, ..self },
        }
    }

    /// Returns `true` if a single span is given up: it was refused just before and just after another request
    /// passed. For temporary kinds, the span must also have been refused for `max_age`.
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

    /// Returns the verdicts on a batch that is refused `times` times. `others_pass` says whether another
    /// request passes before each refusal.
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
