//! Functions run under a layer that sends nowhere, and futures that nothing wakes.

use std::future::Future;
use std::pin::{Pin, pin};
use std::task::{Context, Poll, Waker};

use promptlayer_tracing::blueprint::LogRequest;
use promptlayer_tracing::{InMemory, LayerBuilder, layer};
use tracing_subscriber::prelude::*;

/// Runs a function under a layer of its own, and gives what the layer received.
///
/// # Panics
///
/// If the layer cannot be built.
#[track_caller]
pub fn captured_with(builder: LayerBuilder, run: impl FnOnce()) -> InMemory {
    let (layer, captured) = match builder.in_memory() {
        Ok(built) => built,
        Err(error) => panic!("the layer cannot be built: {error}"),
    };
    tracing::subscriber::with_default(tracing_subscriber::registry().with(layer), run);
    captured
}

/// The same, under a layer without settings.
#[track_caller]
pub fn captured(run: impl FnOnce()) -> InMemory {
    captured_with(layer(), run)
}

/// The one request that a function makes.
///
/// # Panics
///
/// If it makes none, or more.
#[track_caller]
pub fn request_of(run: impl FnOnce()) -> LogRequest {
    match <[LogRequest; 1]>::try_from(captured(run).requests()) {
        Ok([request]) => request,
        Err(requests) => panic!("not one request, but {}: {requests:#?}", requests.len()),
    }
}

/// Runs a future that is never woken by anything else.
pub fn block_on<F: Future>(future: F) -> F::Output {
    let mut future = pin!(future);
    loop {
        if let Poll::Ready(value) = poll_once(future.as_mut()) {
            return value;
        }
    }
}

/// Polls a future, and wakes nobody.
pub fn poll_once<F: Future>(future: Pin<&mut F>) -> Poll<F::Output> {
    future.poll(&mut Context::from_waker(Waker::noop()))
}

/// Is pending once.
pub async fn pause() {
    let mut paused = false;
    std::future::poll_fn(
        |_| if std::mem::replace(&mut paused, true) { Poll::Ready(()) } else { Poll::Pending },
    )
    .await;
}
