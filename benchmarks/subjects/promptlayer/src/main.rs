//! `#[promptlayer]` and its layer, which logs to the server of the runner.

use std::time::Duration;

use futures_util::Stream;
use harness::Error;
use harness::chat::{Chunk, Reply, Request};
use harness::content::{self, FORECAST, Forecast, PLACE, Place, REPLY, REQUEST, consume, drain, now};
use harness::subject::{Session, Setup, Subject};
use promptlayer_tracing::client::Env;
use promptlayer_tracing::export::QueueLimits;
use promptlayer_tracing::{ShutdownGuard, promptlayer};
use tracing::info_span;
use tracing_subscriber::prelude::*;

const SUBJECT: Subject = Subject {
    name: "promptlayer",
    start,
    runs: &[
        ("idle_sync", |prompt| consume(idle_sync(prompt))),
        ("idle_async", |prompt| consume(now(idle_async(prompt)))),
        ("span", |_| drop(info_span!("step", number = 7).entered())),
        ("empty", |_| now(empty())),
        ("call_1k", |prompt| consume(now(ask(prompt)))),
        ("call_8k", |prompt| consume(now(ask(prompt)))),
        ("call_64k", |prompt| consume(now(ask(prompt)))),
        ("chat", |_| consume(now(chat(&REQUEST)))),
        ("tool", |_| consume(now(forecast(PLACE)))),
        ("stream_chat", |prompt| drain(chunks(prompt))),
        ("stream_words", |prompt| drain(words(prompt))),
        ("items_chat", |prompt| drain(chunks(prompt))),
        ("items_words", |prompt| drain(words(prompt))),
    ],
};

/// Much more than a flush takes.
const TIMEOUT: Duration = Duration::from_secs(120);

fn main() -> Result<(), Error> {
    harness::subject::run(&[SUBJECT])
}

fn start(setup: &Setup<'_>) -> Result<Box<dyn Session>, Error> {
    let builder = promptlayer_tracing::layer()
        .env(Env::empty())
        .api_key("any")
        .base_url(setup.sink)
        // More than a round makes, so that nothing is dropped.
        .queue(QueueLimits::default().items(1 << 20).bytes(1 << 30))
        .on_error(|error| eprintln!("promptlayer: {error}"));
    let builder = if setup.work.name == "span" { builder.export_spans(|_| true) } else { builder };
    let (layer, guard) = builder.build()?;
    tracing::subscriber::set_global_default(tracing_subscriber::registry().with(layer))?;
    Ok(Box::new(Installed(guard)))
}

struct Installed(ShutdownGuard);

impl Session for Installed {
    fn flush(&self) -> Result<(), Error> {
        let report = self.0.flush(TIMEOUT);
        if report.is_complete() { Ok(()) } else { Err(format!("not flushed: {report:?}").into()) }
    }

    fn end(self: Box<Self>) -> Result<Option<u64>, Error> {
        let stats = self.0.shutdown(TIMEOUT);
        if !stats.spans.is_complete() {
            return Err(format!("lost spans: {:?}", stats.spans).into());
        }
        Ok(Some(stats.spans.delivered))
    }
}

#[promptlayer]
fn idle_sync(prompt: &str) -> usize {
    prompt.len()
}

#[promptlayer]
async fn idle_async(prompt: &str) -> usize {
    prompt.len()
}

#[promptlayer]
async fn empty() {}

#[promptlayer]
async fn ask(prompt: &str) -> &str {
    prompt
}

#[promptlayer]
async fn chat(request: &Request) -> &'static Reply {
    std::hint::black_box(request);
    &REPLY
}

#[promptlayer(kind = "tool")]
async fn forecast(place: Place) -> Forecast {
    std::hint::black_box(place);
    FORECAST
}

#[promptlayer]
fn chunks(prompt: &str) -> impl Stream<Item = &'static Chunk> {
    std::hint::black_box(prompt);
    content::chunks()
}

#[promptlayer]
fn words(prompt: &str) -> impl Stream<Item = &'static str> {
    std::hint::black_box(prompt);
    content::words()
}
