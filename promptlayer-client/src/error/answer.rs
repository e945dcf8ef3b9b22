//! The errors that answers, and missing answers, stand for.

use std::time::Duration;

use super::{Error, Repr};
use crate::http::{Answer, Failure, FailureKind};
use crate::redact::Redactor;

impl Error {
    /// The error that an answer other than 2xx stands for.
    pub(crate) fn from_answer(request: String, answer: &Answer, redactor: &Redactor) -> Self {
        let (message, status, retry_after) =
            (redactor.quote(&answer.body), answer.status, answer.retry_after);
        Self::from(Repr::Status { request, status, message, retry_after }).redacted(redactor)
    }

    /// The error that a 2xx answer stands for which says that nothing was done.
    pub(crate) fn from_declined(request: String, body: &[u8], redactor: &Redactor) -> Self {
        Self::from(Repr::Declined { request, message: redactor.quote(body) }).redacted(redactor)
    }

    /// The error that a 2xx answer with an unreadable body stands for.
    pub(crate) fn from_unreadable(
        request: String,
        body: &[u8],
        redactor: &Redactor,
        source: serde_json::Error,
    ) -> Self {
        Self::from(Repr::UnreadableAnswer { request, body: redactor.quote(body), source }).redacted(redactor)
    }

    /// The error that a request without an answer stands for.
    pub(crate) fn from_failure(
        request: String,
        timeout: Duration,
        redactor: &Redactor,
        failure: Failure,
    ) -> Self {
        let source = failure.source;
        let repr = match failure.kind {
            FailureKind::NotSent => Repr::Connect { request, source },
            FailureKind::TimedOut => Repr::Timeout { request, timeout, source },
            FailureKind::Broken => Repr::Broken { request, source },
            FailureKind::NoRuntime => Repr::NoRuntime,
        };
        Self::from(repr).redacted(redactor)
    }
}
