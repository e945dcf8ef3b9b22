//! Runs functions under a layer that sends nothing, and futures without a waker.

use std::future::Future;
use std::pin::{Pin, pin};
use std::task::{Context, Poll, Waker};

use promptlayer_tracing::blueprint::LogRequest;
use promptlayer_tracing::in_memory::InMemory;
use promptlayer_tracing::{LayerBuilder, layer};
use tracing_subscriber::prelude::*;

/// Runs a function under its own layer and returns what the layer received.
///
/// # Panics
///
/// Panics if the layer cannot be built.
#[track_caller]
pub fn captured_with(builder: LayerBuilder, run: impl FnOnce()) -> InMemory {
    let (layer, captured) = match builder.in_memory() {
        Ok(built) => built,
        Err(error) => panic!("the layer cannot be built: {error}"),
    };
    tracing::subscriber::with_default(tracing_subscriber::registry().with(layer), run);
    captured
}

/// Runs a function under its own layer with default settings and returns what the layer received.
#[track_caller]
pub fn captured(run: impl FnOnce()) -> InMemory {
    captured_with(layer(), run)
}

/// Runs a function and returns the one request log that it makes.
///
/// # Panics
///
/// Panics if it makes no request log, or several.
#[track_caller]
pub fn request_of(run: impl FnOnce()) -> LogRequest {
    match <[LogRequest; 1]>::try_from(captured(run).requests()) {
        Ok([request]) => request,
        Err(requests) => panic!("not one request, but {}: {requests:#?}", requests.len()),
    }
}

/// Polls a future until it is ready, without a waker.
pub fn block_on<F: Future>(future: F) -> F::Output {
    let mut future = pin!(future);
    loop {
        if let Poll::Ready(value) = poll_once(future.as_mut()) {
            return value;
        }
    }
}

/// Polls a future once, with a waker that does nothing.
pub fn poll_once<F: Future>(future: Pin<&mut F>) -> Poll<F::Output> {
    future.poll(&mut Context::from_waker(Waker::noop()))
}

/// Returns `Pending` once.
pub async fn pause() {
    let mut paused = false;
    std::future::poll_fn(
        |_| if std::mem::replace(&mut paused, true) { Poll::Ready(()) } else { Poll::Pending },
    )
    .await;
}
