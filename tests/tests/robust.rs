//! What the attribute makes of values, endings and nestings that nobody planned for: the function
//! behaves as if the attribute were not there, and the log says what can be said.
#![allow(clippy::unwrap_used, clippy::expect_used, reason = "a test stops where it finds what should not be")]

#[path = "robust/endings.rs"]
mod endings;
#[path = "robust/errors.rs"]
mod errors;
#[path = "robust/nesting.rs"]
mod nesting;
#[path = "robust/secrets.rs"]
mod secrets;
#[path = "robust/values.rs"]
mod values;

use promptlayer_tracing::CapturedSpan;
use tests::in_memory::{block_on, captured, captured_with, pause, poll_once, request_of};

/// The one span that a function makes, which makes no request.
fn span_of(run: impl FnOnce()) -> CapturedSpan {
    let spans = captured(run).spans();
    assert_eq!(spans.len(), 1, "{spans:#?}");
    let span = spans.into_iter().next().unwrap();
    assert!(span.request.is_none(), "{span:#?}");
    span
}
