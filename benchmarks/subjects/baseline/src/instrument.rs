//! `#[tracing::instrument]` and a registry without layers, without content: the least that a span costs.

use futures_util::Stream;
use harness::chat::{Reply, Request};
use harness::content::{self, FORECAST, Forecast, PLACE, Place, REPLY, REQUEST, consume, drain, now};
use harness::subject::{NoExport, Subject};
use tracing::{info_span, instrument};

pub(crate) const SUBJECT: Subject = Subject {
    name: "instrument",
    start: |_| {
        tracing::subscriber::set_global_default(tracing_subscriber::registry())?;
        Ok(Box::new(NoExport))
    },
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
        ("stream_chat", |_| now(streamed(content::chunks()))),
        ("stream_words", |_| now(streamed(content::words()))),
    ],
};

#[instrument]
fn idle_sync(prompt: &str) -> usize {
    prompt.len()
}

#[instrument]
async fn idle_async(prompt: &str) -> usize {
    prompt.len()
}

#[instrument(skip_all)]
async fn empty() {}

#[instrument(skip_all)]
async fn ask(prompt: &str) -> &str {
    prompt
}

#[instrument(skip_all)]
async fn chat(_request: &Request) -> &'static Reply {
    &REPLY
}

#[instrument(skip_all)]
async fn forecast(_place: Place) -> Forecast {
    FORECAST
}

#[instrument(skip_all)]
async fn streamed(items: impl Stream) {
    drain(items);
}
