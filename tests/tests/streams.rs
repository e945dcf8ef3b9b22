//! What the attribute logs of streams that functions return.
//!
//! The tests combine every shape of a stream with every ending. A shape is a function with a certain signature
//! that wraps a [`Script`](script::Script). An ending is a script together with the behavior of the reader.
#![allow(clippy::unwrap_used, clippy::expect_used, reason = "a test stops where it finds what should not be")]

#[path = "streams/ends.rs"]
mod ends;
#[path = "streams/futures.rs"]
mod futures;
#[path = "streams/items.rs"]
mod items;
#[path = "streams/promises.rs"]
mod promises;
#[path = "streams/script.rs"]
mod script;
#[path = "streams/shapes.rs"]
mod shapes;
#[path = "streams/unlogged.rs"]
mod unlogged;

use std::future::Future;
use std::pin::{Pin, pin};
use std::task::{Context, Poll, Waker};

use futures_core::Stream;
use promptlayer_tracing::in_memory::InMemory;
use promptlayer_tracing::layer;
use tests::in_memory::{block_on, pause, request_of};
use tracing_subscriber::prelude::*;

use crate::script::Fault;

/// `BoxStream` as in the `futures` crate.
type BoxStream<'a, T> = Pin<Box<dyn Stream<Item = T> + Send + 'a>>;
/// `BoxFuture` as in the `futures` crate.
type BoxFuture<'a, T> = Pin<Box<dyn Future<Output = T> + Send + 'a>>;
/// An alias whose name does not show that it is a stream.
type Answer<T> = BoxStream<'static, T>;
/// An alias for a stream or an error.
type Attempt<T> = Result<BoxStream<'static, T>, Fault>;

/// Runs a function under a layer of its own and returns what the layer received.
fn captured(run: impl FnOnce(&InMemory)) -> InMemory {
    let (layer, captured) = layer().in_memory().unwrap();
    tracing::subscriber::with_default(tracing_subscriber::registry().with(layer), || run(&captured));
    captured
}

/// Returns all items of a stream that is always ready.
fn collect<S: Stream>(stream: S) -> Vec<S::Item> {
    let mut stream = pin!(stream);
    let mut context = Context::from_waker(Waker::noop());
    let mut items = Vec::new();
    while let Poll::Ready(Some(item)) = stream.as_mut().poll_next(&mut context) {
        items.push(item);
    }
    items
}
