//! What an answer means for what was sent.

use std::time::Duration;

use crate::client::{Answer, Failure, FailureKind};
use crate::export::ledger::RejectReason;

/// What became of a request.
#[derive(Debug)]
pub(crate) enum Outcome {
    /// It was taken; the body of the answer.
    Taken(Vec<u8>),
    /// It was surely not processed: try again, not before the wait that the service asks for.
    NotProcessed(Option<Duration>),
    /// Nobody knows whether it was processed.
    Ambiguous,
    /// Something in it is wrong: part it, and find what.
    Faulty(RejectReason),
    /// It will not be taken as long as the settings are what they are.
    Misconfigured(RejectReason),
}

/// Reads an answer, or the lack of one.
pub(crate) fn of(result: &Result<Answer, Failure>) -> Outcome {
    match result {
        Ok(answer) => of_status(answer),
        Err(failure) => match (failure.kind, failure.status) {
            (FailureKind::NotSent | FailureKind::NoRuntime, _) => Outcome::NotProcessed(None),
            // The status of success came and the body broke: it was taken.
            (_, Some(_)) => Outcome::Taken(Vec::new()),
            (FailureKind::TimedOut | FailureKind::Broken, None) => Outcome::Ambiguous,
        },
    }
}

fn of_status(answer: &Answer) -> Outcome {
    match answer.status {
        200..=299 => Outcome::Taken(answer.body.clone()),
        408 | 425 | 429 | 503 => Outcome::NotProcessed(answer.retry_after),
        400 | 422 => Outcome::Faulty(RejectReason::Invalid),
        413 => Outcome::Faulty(RejectReason::TooLarge),
        401 | 403 => Outcome::Misconfigured(RejectReason::Unauthorized),
        300..=399 | 404 | 405 | 415 => Outcome::Misconfigured(RejectReason::WrongAddress),
        402..=499 => Outcome::Misconfigured(RejectReason::Invalid),
        // 500, 502, 504, and what no server should answer.
        _ => Outcome::Ambiguous,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn outcome_of(status: u16) -> Outcome {
        of(&Ok(Answer { status, retry_after: Some(Duration::from_secs(7)), body: b"{}".to_vec() }))
    }

    #[test]
    fn only_what_was_surely_not_processed_is_sent_again() {
        for status in [429, 503] {
            assert!(matches!(outcome_of(status), Outcome::NotProcessed(Some(wait)) if wait.as_secs() == 7));
        }
        for status in [500, 502, 504, 599] {
            assert!(matches!(outcome_of(status), Outcome::Ambiguous), "{status}");
        }
        let failed = |kind, status| of(&Err(Failure { kind, status, source: "down".into() }));
        assert!(matches!(failed(FailureKind::NotSent, None), Outcome::NotProcessed(None)));
        assert!(matches!(failed(FailureKind::TimedOut, None), Outcome::Ambiguous));
        assert!(matches!(failed(FailureKind::Broken, None), Outcome::Ambiguous));
        assert!(matches!(failed(FailureKind::Broken, Some(201)), Outcome::Taken(body) if body.is_empty()));
    }

    #[test]
    fn a_status_of_the_client_tells_content_from_configuration() {
        assert!(matches!(outcome_of(201), Outcome::Taken(_)));
        assert!(matches!(outcome_of(422), Outcome::Faulty(RejectReason::Invalid)));
        assert!(matches!(outcome_of(413), Outcome::Faulty(RejectReason::TooLarge)));
        assert!(matches!(outcome_of(401), Outcome::Misconfigured(RejectReason::Unauthorized)));
        assert!(matches!(outcome_of(402), Outcome::Misconfigured(RejectReason::Invalid)));
        for status in [302, 404, 415] {
            assert!(matches!(outcome_of(status), Outcome::Misconfigured(RejectReason::WrongAddress)));
        }
    }
}
