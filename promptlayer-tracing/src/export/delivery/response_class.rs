//! Classification of responses.

use std::time::Duration;

use promptlayer_client::exporter::{Answer, Failure, FailureKind};
use serde::Deserialize;
use serde_json::Value;

use crate::export::queue::ledger::RejectReason;

/// The outcome of a request.
#[derive(Debug)]
pub(crate) enum Outcome {
    /// The status is a success. The response must prove which items were accepted.
    Accepted(Success),
    /// The request was never written to a connection.
    NotSent,
    /// The request was certainly not processed. Retry it, but not before the wait that the service asks for.
    Busy(Option<Duration>),
    /// The request may have been processed.
    Ambiguous,
    /// An item in the request is invalid. Split the request to find it.
    Faulty(RejectReason),
    /// The service, or something in front of it, rejects the request. If it rejects all requests, the
    /// settings are wrong.
    Refused(RejectReason),
}

/// A response with a status of success.
#[derive(Debug)]
pub(crate) struct Success {
    /// The status, if the whole body arrived.
    #[cfg_attr(not(feature = "otlp"), allow(dead_code, reason = "only OTLP depends on it"))]
    pub(crate) status: Option<u16>,
    /// The body. Empty if it did not arrive completely.
    pub(crate) body: Vec<u8>,
}

/// Classifies a response or a failed request. If a tracking call names a request id that does not exist, the
/// call is at fault and not the settings.
pub(crate) fn classify(result: &Result<Answer, Failure>, is_tracking: bool) -> Outcome {
    match result {
        Ok(Answer { status: 404 | 405 | 409, .. }) if is_tracking => Outcome::Faulty(RejectReason::Invalid),
        Ok(answer) => classify_status(answer),
        Err(failure) => match (failure.kind, failure.status) {
            (FailureKind::NotSent | FailureKind::NoRuntime, _) => Outcome::NotSent,
            // A success status arrived, but the body did not arrive completely.
            (_, Some(_)) => Outcome::Accepted(Success { status: None, body: Vec::new() }),
            (FailureKind::TimedOut | FailureKind::Broken, None) => Outcome::Ambiguous,
        },
    }
}

fn classify_status(answer: &Answer) -> Outcome {
    match answer.status {
        200..=299 => Outcome::Accepted(Success { status: Some(answer.status), body: answer.body.clone() }),
        408 | 425 | 429 | 503 => Outcome::Busy(answer.retry_after),
        400 | 422 => Outcome::Faulty(RejectReason::Invalid),
        409 => Outcome::Faulty(RejectReason::TraceClosed),
        413 | 431 => Outcome::Faulty(RejectReason::TooLarge),
        401 | 403 => Outcome::Refused(RejectReason::Unauthorized),
        300..=399 | 404 | 405 | 415 => Outcome::Refused(RejectReason::WrongAddress),
        402..=499 => Outcome::Refused(RejectReason::Invalid),
        // 500 and above, and invalid statuses.
        _ => Outcome::Ambiguous,
    }
}

/// Returns the positions of the spans that a response calls faulty, of `count` that were sent. Returns none
/// if the response names no positions, or impossible ones.
pub(crate) fn faulty_spans(body: &[u8], count: usize) -> Vec<usize> {
    #[derive(Deserialize)]
    struct Answer {
        detail: Vec<Detail>,
    }
    #[derive(Deserialize)]
    struct Detail {
        loc: Vec<Value>,
    }
    let Ok(Answer { detail }) = serde_json::from_slice(body) else { return Vec::new() };
    let place = |detail: &Detail| {
        let after = detail.loc.iter().skip_while(|step| step.as_str() != Some("spans")).nth(1)?;
        usize::try_from(after.as_u64()?).ok().filter(|at| *at < count)
    };
    // If one error has no position, the other positions are not reliable either.
    let mut places: Vec<usize> = detail.iter().map(place).collect::<Option<_>>().unwrap_or_default();
    places.sort_unstable();
    places.dedup();
    places
}

#[cfg(test)]
mod tests {
    use super::*;

    fn outcome_of(status: u16) -> Outcome {
        classify(
            &Ok(Answer { status, retry_after: Some(Duration::from_secs(7)), body: b"{}".to_vec() }),
            false,
        )
    }

    #[test]
    fn only_unprocessed_requests_are_busy_or_not_sent() {
        for status in [408, 425, 429, 503] {
            assert!(matches!(outcome_of(status), Outcome::Busy(Some(wait)) if wait.as_secs() == 7));
        }
        for status in [500, 501, 502, 504, 599, 101] {
            assert!(matches!(outcome_of(status), Outcome::Ambiguous), "{status}");
        }
        let failed = |kind, status| classify(&Err(Failure { kind, status, source: "down".into() }), false);
        assert!(matches!(failed(FailureKind::NotSent, None), Outcome::NotSent));
        assert!(matches!(failed(FailureKind::TimedOut, None), Outcome::Ambiguous));
        assert!(matches!(failed(FailureKind::Broken, None), Outcome::Ambiguous));
        assert!(
            matches!(failed(FailureKind::Broken, Some(201)), Outcome::Accepted(success) if success.status.is_none())
        );
    }

    #[test]
    fn client_error_status_separates_content_from_settings() {
        assert!(matches!(outcome_of(201), Outcome::Accepted(_)));
        assert!(matches!(outcome_of(422), Outcome::Faulty(RejectReason::Invalid)));
        for status in [413, 431] {
            assert!(matches!(outcome_of(status), Outcome::Faulty(RejectReason::TooLarge)), "{status}");
        }
        assert!(matches!(outcome_of(401), Outcome::Refused(RejectReason::Unauthorized)));
        assert!(matches!(outcome_of(402), Outcome::Refused(RejectReason::Invalid)));
        for status in [302, 404, 415] {
            assert!(matches!(outcome_of(status), Outcome::Refused(RejectReason::WrongAddress)));
        }
    }

    #[test]
    fn tracking_call_of_unknown_request_is_faulty() {
        for status in [404, 422] {
            let answer = Ok(Answer { status, retry_after: None, body: Vec::new() });
            assert!(matches!(classify(&answer, true), Outcome::Faulty(RejectReason::Invalid)), "{status}");
        }
        let answer = Ok(Answer { status: 401, retry_after: None, body: Vec::new() });
        assert!(matches!(classify(&answer, true), Outcome::Refused(RejectReason::Unauthorized)));
    }

    #[test]
    fn faulty_spans_are_located_only_if_every_error_has_one() {
        let places = |body: &str| faulty_spans(body.as_bytes(), 5);
        let one =
            r#"{"detail":[{"loc":["body","spans",3,"log_request","provider"],"msg":"Field required"}]}"#;
        assert_eq!(places(one), [3]);
        let two = r#"{"detail":[{"loc":["body","spans",4]},{"loc":["body","spans",1]},{"loc":["body","spans",4,"x"]}]}"#;
        assert_eq!(places(two), [1, 4]);
        let says_nothing = [
            r#"{"detail":[{"loc":["body","spans",5]}]}"#,
            r#"{"detail":[{"loc":["body"]},{"loc":["body","spans",1]}]}"#,
            r#"{"detail":"bad"}"#,
            r#"{"success":false}"#,
            "<html>",
        ];
        for body in says_nothing {
            assert!(places(body).is_empty(), "{body}");
        }
    }
}
