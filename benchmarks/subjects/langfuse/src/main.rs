//! `langfuse-sdk`, an unofficial SDK of Langfuse, with its attribute `observe` and its exporter, which sends
//! OTLP over HTTP.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use futures_util::Stream;
use harness::Error;
use harness::chat::{Chunk, Reply, Request};
use harness::content::{self, FORECAST, Forecast, PLACE, Place, REPLY, REQUEST, consume, drain, now};
use harness::subject::{Session, Setup, Subject};
use langfuse::langfuse_tracing::exporter::LangfuseTracing;
use langfuse::observe;
use langfuse_core::LangfuseConfig;

const SUBJECT: Subject = Subject {
    name: "langfuse",
    start,
    runs: &[
        ("span", |_| step(7)),
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

fn main() -> Result<(), Error> {
    harness::subject::run(&[SUBJECT])
}

fn start(setup: &Setup<'_>) -> Result<Box<dyn Session>, Error> {
    let ended = Arc::new(AtomicU64::new(0));
    let of_filter = Arc::clone(&ended);
    let config = LangfuseConfig::builder()
        .public_key("any")
        .secret_key("any")
        .base_url(setup.sink)
        // The queue has four times this size: more than a round makes, so that nothing is dropped.
        .flush_at(1 << 14)
        .timeout(Duration::from_secs(60))
        .should_export_span(move |_| {
            of_filter.fetch_add(1, Ordering::Relaxed);
            true
        })
        .build()?;
    let tracing = LangfuseTracing::builder(&config).build()?;
    opentelemetry::global::set_tracer_provider(tracing.provider().clone());
    Ok(Box::new(Installed { tracing, ended }))
}

struct Installed {
    tracing: LangfuseTracing,
    /// Spans that were passed to the queue.
    ended: Arc<AtomicU64>,
}

impl Session for Installed {
    fn flush(&self) -> Result<(), Error> {
        Ok(self.tracing.provider().force_flush()?)
    }

    fn end(self: Box<Self>) -> Result<Option<u64>, Error> {
        self.tracing.shutdown()?;
        Ok(Some(self.ended.load(Ordering::Relaxed)))
    }
}

#[observe(capture_output = false)]
fn step(number: u32) {
    std::hint::black_box(number);
}

#[observe(capture_input = false, capture_output = false)]
async fn empty() {}

#[observe(as_type = "generation")]
async fn ask(prompt: &str) -> &str {
    prompt
}

#[observe(as_type = "generation")]
async fn chat(request: &Request) -> &'static Reply {
    &*REPLY
}

#[observe(as_type = "tool")]
async fn forecast(place: Place) -> Forecast {
    FORECAST
}

// As spans: a stream of a generation does not compile with this version.
#[observe]
fn chunks(prompt: &str) -> impl Stream<Item = &'static Chunk> {
    content::chunks()
}

#[observe]
fn words(prompt: &str) -> impl Stream<Item = &'static str> {
    content::words()
}
