//! Conversions from HTTP responses and transport failures to [`Error`].

use std::time::Duration;

use super::{Error, Repr};
use crate::http::{Answer, Failure, FailureKind};
use crate::redact::Redactor;

impl Error {
    /// Creates the error for a response with a status other than 2xx.
    pub(crate) fn from_answer(request: String, answer: &Answer, redactor: &Redactor) -> Self {
        let (message, status, retry_after) =
            (redactor.quote(&answer.body), answer.status, answer.retry_after);
        Self::from(Repr::Status { request, status, message, retry_after }).redacted(redactor)
    }

    /// Creates the error for a 2xx response whose body says that the request failed.
    pub(crate) fn from_declined(request: String, body: &[u8], redactor: &Redactor) -> Self {
        Self::from(Repr::Declined { request, message: redactor.quote(body) }).redacted(redactor)
    }

    /// Creates the error for a 2xx response whose body cannot be parsed.
    pub(crate) fn from_unreadable(
        request: String,
        body: &[u8],
        redactor: &Redactor,
        source: serde_json::Error,
    ) -> Self {
        Self::from(Repr::UnreadableAnswer { request, body: redactor.quote(body), source }).redacted(redactor)
    }

    /// Creates the error for a request without a complete response.
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
