//! What the attribute logs of the streams that functions give.
//!
//! Every shape that a stream comes in meets every end that it can have. A shape is a function that
//! wraps a [`Script`](script::Script) as its signature says; an end is what the script does and what
//! its reader does.
#![allow(clippy::unwrap_used, clippy::expect_used, reason = "a test stops where it finds what should not be")]

#[path = "streams/ends.rs"]
mod ends;
#[path = "streams/items.rs"]
mod items;
#[path = "streams/promises.rs"]
mod promises;
#[path = "streams/script.rs"]
mod script;
#[path = "streams/shapes.rs"]
mod shapes;

use std::future::Future;
use std::pin::{Pin, pin};
use std::task::{Context, Poll, Waker};

use futures_core::Stream;
use promptlayer_tracing::{InMemory, layer};
use tests::in_memory::{block_on, pause, request_of};
use tracing_subscriber::prelude::*;

use crate::script::Fault;

/// As `futures` calls it.
type BoxStream<'a, T> = Pin<Box<dyn Stream<Item = T> + Send + 'a>>;
/// As `futures` calls it.
type BoxFuture<'a, T> = Pin<Box<dyn Future<Output = T> + Send + 'a>>;
/// A stream whose name does not say so.
type Answer<T> = BoxStream<'static, T>;
/// The same, if there is one.
type Attempt<T> = Result<BoxStream<'static, T>, Fault>;

/// Runs a function under a layer of its own, and gives what the layer received.
fn captured(run: impl FnOnce(&InMemory)) -> InMemory {
    let (layer, captured) = layer().in_memory().unwrap();
    tracing::subscriber::with_default(tracing_subscriber::registry().with(layer), || run(&captured));
    captured
}

/// All items of a stream that is always ready.
fn collect<S: Stream>(stream: S) -> Vec<S::Item> {
    let mut stream = pin!(stream);
    let mut context = Context::from_waker(Waker::noop());
    let mut items = Vec::new();
    while let Poll::Ready(Some(item)) = stream.as_mut().poll_next(&mut context) {
        items.push(item);
    }
    items
}
