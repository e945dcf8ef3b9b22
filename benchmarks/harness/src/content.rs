//! What the workloads pass to the subjects, and what the measured functions return.
//!
//! The functions return references to content that exists already, so that a call costs what the subject does
//! and nothing else.

use std::future::Future;
use std::hint::black_box;
use std::pin::pin;
use std::sync::LazyLock;
use std::task::{Context, Poll, Waker};

use futures_util::{Stream, StreamExt, stream};
use serde::Serialize;

use crate::chat::{Chunk, Reply, Request};

/// The length of the streams.
pub const ITEMS: usize = 200;

/// Returns a text of this many bytes with what prompts have: line breaks and quotation marks.
pub fn text(bytes: usize) -> String {
    const LINE: &str = "Answer the \"question\" below in two sentences, and name your source.\n";
    LINE.chars().cycle().take(bytes).collect()
}

/// The request of the chat workloads: six messages and two tools.
pub static REQUEST: LazyLock<Request> = LazyLock::new(Request::example);
/// Its reply.
pub static REPLY: LazyLock<Reply> = LazyLock::new(Reply::example);
static CHUNKS: LazyLock<Vec<Chunk>> = LazyLock::new(|| WORDS.iter().map(|word| Chunk::new(word)).collect());
static WORDS: LazyLock<Vec<String>> = LazyLock::new(|| (0..ITEMS).map(|n| format!("word{n} ")).collect());

/// Makes what is made on first use.
pub fn prepare() {
    LazyLock::force(&REQUEST);
    LazyLock::force(&REPLY);
    LazyLock::force(&CHUNKS);
}

/// Returns a stream of the chunks of a chat completion.
pub fn chunks() -> impl Stream<Item = &'static Chunk> + Send {
    stream::iter(CHUNKS.iter())
}

/// Returns a stream of words.
pub fn words() -> impl Stream<Item = &'static str> + Send {
    stream::iter(WORDS.iter().map(String::as_str))
}

/// The argument of the tool workload.
#[derive(Debug, Clone, Copy, Serialize)]
pub struct Place {
    pub city: &'static str,
    pub days: u32,
}

/// Its result.
#[derive(Debug, Clone, Copy, Serialize)]
pub struct Forecast {
    pub celsius: f64,
    pub wind_kmh: u32,
    pub summary: &'static str,
}

pub const PLACE: Place = Place { city: "Reykjavík", days: 3 };
pub const FORECAST: Forecast = Forecast { celsius: 7.5, wind_kmh: 32, summary: "rain, then snow" };

/// Polls a future once, which must be enough.
pub fn now<F: Future>(future: F) -> F::Output {
    match pin!(future).poll(&mut Context::from_waker(Waker::noop())) {
        Poll::Ready(value) => value,
        Poll::Pending => panic!("the futures of the workloads are ready at once"),
    }
}

/// Uses a value, so that the compiler does not leave out what made it.
pub fn consume<T>(value: T) {
    drop(black_box(value));
}

/// Takes all items of a stream.
pub fn drain<S: Stream>(items: S) {
    now(items.for_each(|item| {
        consume(item);
        std::future::ready(())
    }));
}
