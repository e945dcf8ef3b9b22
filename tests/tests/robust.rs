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

use std::future::Future;
use std::pin::pin;
use std::task::{Context, Poll, Waker};

use promptlayer_tracing::blueprint::LogRequest;
use promptlayer_tracing::{CapturedSpan, InMemory, LayerBuilder, layer};
use tracing_subscriber::prelude::*;

/// Runs a function under a layer of its own, and gives what the layer received.
fn captured_with(builder: LayerBuilder, run: impl FnOnce()) -> InMemory {
    let (layer, captured) = builder.in_memory().unwrap();
    tracing::subscriber::with_default(tracing_subscriber::registry().with(layer), run);
    captured
}

fn captured(run: impl FnOnce()) -> InMemory {
    captured_with(layer(), run)
}

/// The one request that a function makes.
fn request_of(run: impl FnOnce()) -> LogRequest {
    let requests = captured(run).requests();
    assert_eq!(requests.len(), 1, "{requests:#?}");
    requests.into_iter().next().unwrap()
}

/// The one span that a function makes, which makes no request.
fn span_of(run: impl FnOnce()) -> CapturedSpan {
    let spans = captured(run).spans();
    assert_eq!(spans.len(), 1, "{spans:#?}");
    let span = spans.into_iter().next().unwrap();
    assert!(span.request.is_none(), "{span:#?}");
    span
}

/// Runs a future that is never woken by anything else.
fn block_on<F: Future>(future: F) -> F::Output {
    let mut future = pin!(future);
    loop {
        if let Poll::Ready(value) = poll_once(future.as_mut()) {
            return value;
        }
    }
}

fn poll_once<F: Future>(future: std::pin::Pin<&mut F>) -> Poll<F::Output> {
    future.poll(&mut Context::from_waker(Waker::noop()))
}

/// Is pending once.
async fn pause() {
    let mut paused = false;
    std::future::poll_fn(
        |_| if std::mem::replace(&mut paused, true) { Poll::Ready(()) } else { Poll::Pending },
    )
    .await;
}
