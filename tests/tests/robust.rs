//! Unusual values, endings and nestings: the function behaves as if it had no attribute, and the log contains
//! what can be captured.
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

use promptlayer_tracing::in_memory::CapturedSpan;
use tests::in_memory::{block_on, captured, captured_with, pause, poll_once, request_of};

/// Returns the only span that a function makes. It must not have a request.
fn span_of(run: impl FnOnce()) -> CapturedSpan {
    let spans = captured(run).spans();
    assert_eq!(spans.len(), 1, "{spans:#?}");
    let span = spans.into_iter().next().unwrap();
    assert!(span.request.is_none(), "{span:#?}");
    span
}
