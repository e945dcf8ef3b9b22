//! The errors that answers, and missing answers, stand for.

use std::time::Duration;

use super::{Error, cut};
use crate::client::http::{Answer, Failure, FailureKind};

impl Error {
    /// The error that an answer other than 2xx stands for. `secret` is cut out of what it says.
    pub(crate) fn from_answer(request: String, answer: &Answer, secret: &str) -> Self {
        Self::Status {
            request,
            status: answer.status,
            message: quote(&answer.body, secret),
            retry_after: answer.retry_after,
        }
    }

    /// The error that a 2xx answer stands for which says that nothing was done.
    pub(crate) fn from_declined(request: String, body: &[u8], secret: &str) -> Self {
        Self::Declined { request, message: quote(body, secret) }
    }

    /// The error that a 2xx answer with an unreadable body stands for.
    pub(crate) fn from_unreadable(
        request: String,
        body: &[u8],
        secret: &str,
        source: serde_json::Error,
    ) -> Self {
        Self::UnreadableAnswer { request, body: quote(body, secret), source }
    }

    /// The error that a request without an answer stands for.
    pub(crate) fn from_failure(request: String, timeout: Duration, failure: Failure) -> Self {
        let source = failure.source;
        match failure.kind {
            FailureKind::NotSent => Self::Connect { request, source },
            FailureKind::TimedOut => Self::Timeout { request, timeout, source },
            FailureKind::Broken => Self::Broken { request, source },
            FailureKind::NoRuntime => Self::NoRuntime,
        }
    }
}

/// The beginning of a body as text: lossy, without control characters and without `secret`.
fn quote(body: &[u8], secret: &str) -> String {
    // Only as much is decoded as can be quoted, and a key's length more, lest one be cut in two.
    let window = body.get(..Error::MAX_QUOTED_BYTES * 4).unwrap_or(body);
    let mut text = String::from_utf8_lossy(window).into_owned();
    if !secret.is_empty() {
        text = text.replace(secret, "[redacted]");
    }
    let text: String =
        text.chars().map(|character| if character.is_control() { ' ' } else { character }).collect();
    cut(text.trim(), Error::MAX_QUOTED_BYTES).to_owned()
}
