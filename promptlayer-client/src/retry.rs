//! When a call is sent again, and after which wait.
//!
//! | outcome | idempotent call | other call |
//! |---|---|---|
//! | no connection was made | again | again |
//! | status 429 | again | again |
//! | status 408 or 5xx, except 501 | again | error |
//! | time-out, or a broken connection | again | error |
//! | any other status | result | result |
//!
//! An outcome in the first two rows means that the call was not processed.

use std::time::Duration;

use crate::http::{Answer, Failure, FailureKind};

/// The maximum wait before the second attempt. It doubles for each further attempt.
const FIRST_WAIT: Duration = Duration::from_millis(500);
/// The maximum wait that is not asked for by the service.
const LONGEST_WAIT: Duration = Duration::from_secs(8);
/// The maximum wait that the service may ask for. If it asks for a longer one, the caller gets the error.
const LONGEST_RETRY_AFTER: Duration = Duration::from_secs(30);

/// Returns the wait before the next attempt, or `None` if another attempt cannot help or is not allowed. `attempts` is
/// the number of attempts so far.
pub(crate) fn wait(outcome: &Result<Answer, Failure>, idempotent: bool, attempts: u32) -> Option<Duration> {
    if !can_pass(outcome) || (may_be_done(outcome) && !idempotent) {
        return None;
    }
    match outcome {
        Ok(Answer { retry_after: Some(wait), .. }) => (*wait <= LONGEST_RETRY_AFTER).then_some(*wait),
        _ => Some(random_wait(attempts)),
    }
}

/// Returns `true` if the service may have processed the call, although it did not confirm it.
pub(crate) fn may_be_done(outcome: &Result<Answer, Failure>) -> bool {
    match outcome {
        Ok(answer) => answer.status != 429,
        Err(failure) => matches!(failure.kind, FailureKind::TimedOut | FailureKind::Broken),
    }
}

/// Returns `true` if the outcome can be another one next time.
fn can_pass(outcome: &Result<Answer, Failure>) -> bool {
    match outcome {
        Ok(answer) => matches!(answer.status, 408 | 429 | 500 | 502..=599),
        Err(failure) => failure.kind != FailureKind::NoRuntime,
    }
}

/// Returns a random wait, so that clients that failed together do not come back together.
fn random_wait(attempts: u32) -> Duration {
    let doublings = attempts.saturating_sub(1).min(16);
    let longest = FIRST_WAIT.saturating_mul(1 << doublings).min(LONGEST_WAIT);
    longest.mul_f64(fastrand::f64())
}

#[cfg(test)]
mod tests {
    use super::*;

    type Outcome = Result<Answer, Failure>;

    #[allow(clippy::unnecessary_wraps, reason = "like `failure`")]
    fn answer(status: u16, retry_after: Option<u64>) -> Outcome {
        Ok(Answer { status, retry_after: retry_after.map(Duration::from_secs), body: Vec::new() })
    }

    fn failure(kind: FailureKind) -> Outcome {
        Err(Failure { kind, status: None, source: "it failed".into() })
    }

    #[test]
    fn call_that_may_be_done_twice_is_repeated_only_if_idempotent() {
        let unsure = [answer(408, None), answer(500, None), answer(503, Some(1)), answer(599, None)];
        let unsure = unsure.into_iter().chain([failure(FailureKind::TimedOut), failure(FailureKind::Broken)]);
        for outcome in unsure {
            assert!(wait(&outcome, true, 1).is_some(), "{outcome:?}");
            assert_eq!(wait(&outcome, false, 1), None, "{outcome:?}");
        }
        for outcome in [answer(429, None), failure(FailureKind::NotSent)] {
            assert!(wait(&outcome, true, 1).is_some() && wait(&outcome, false, 1).is_some(), "{outcome:?}");
        }
    }

    #[test]
    fn outcome_that_cannot_change_is_not_repeated() {
        let sure = [200, 201, 301, 400, 401, 403, 404, 409, 422, 501].map(|status| answer(status, None));
        for outcome in sure.into_iter().chain([failure(FailureKind::NoRuntime)]) {
            assert_eq!(wait(&outcome, true, 1), None, "{outcome:?}");
        }
    }

    #[test]
    fn wait_of_the_service_is_kept_exactly_up_to_30_seconds() {
        assert_eq!(wait(&answer(429, Some(30)), false, 1), Some(Duration::from_secs(30)));
        assert_eq!(wait(&answer(503, Some(0)), true, 1), Some(Duration::ZERO));
        assert_eq!(wait(&answer(429, Some(31)), false, 1), None);
    }

    #[test]
    fn random_wait_doubles_up_to_8_seconds() {
        for (attempts, longest) in [(1, 500), (2, 1000), (3, 2000), (5, 8000), (9, 8000), (u32::MAX, 8000)] {
            let waits: Vec<_> = (0..1000).map(|_| random_wait(attempts)).collect();
            let longest = Duration::from_millis(longest);
            assert!(waits.iter().all(|wait| *wait <= longest));
            assert!(waits.iter().any(|wait| *wait > longest / 2), "they spread over the whole range");
            assert!(waits.iter().any(|wait| *wait < longest / 2), "they spread over the whole range");
        }
    }
}
