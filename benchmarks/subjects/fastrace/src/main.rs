//! `fastrace`, with a root span for each call and a reporter that does nothing.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use fastrace::collector::{Config, Reporter, SpanContext, SpanRecord};
use fastrace::future::FutureExt as _;
use fastrace::local::LocalSpan;
use fastrace::prelude::{Event, Span};
use futures_util::{Stream, StreamExt as _};
use harness::Error;
use harness::chat::{Reply, Request};
use harness::content::{self, FORECAST, Forecast, PLACE, Place, REPLY, REQUEST, consume, now};
use harness::subject::{Session, Subject};
use std::pin::pin;

const SUBJECT: Subject = Subject {
    name: "fastrace",
    start: |_| start(),
    runs: &[
        ("span", |_| drop(root("step").with_property(|| ("number", "7")))),
        ("empty", |_| now(async {}.in_span(root("empty")))),
        ("call_1k", |prompt| consume(now(ask(prompt).in_span(root("ask"))))),
        ("call_8k", |prompt| consume(now(ask(prompt).in_span(root("ask"))))),
        ("call_64k", |prompt| consume(now(ask(prompt).in_span(root("ask"))))),
        ("chat", |_| consume(now(chat(&REQUEST).in_span(root("chat"))))),
        ("tool", |_| consume(now(forecast(PLACE).in_span(root("forecast"))))),
        ("stream_chat", |prompt| {
            let taken = streamed(prompt, content::chunks(), |chunk| chunk.content());
            now(taken.in_span(root("streamed")));
        }),
        ("stream_words", |prompt| {
            let taken = streamed(prompt, content::words(), |word| word);
            now(taken.in_span(root("streamed")));
        }),
        ("items_chat", |prompt| {
            now(each(prompt, content::chunks(), |chunk| json(chunk)).in_span(root("each")));
        }),
        ("items_words", |prompt| {
            now(each(prompt, content::words(), |word| (*word).to_owned()).in_span(root("each")));
        }),
    ],
};

fn main() -> Result<(), Error> {
    harness::subject::run(&[SUBJECT])
}

fn start() -> Result<Box<dyn Session>, Error> {
    let reported = Arc::new(AtomicU64::new(0));
    fastrace::set_reporter(Discard(Arc::clone(&reported)), Config::default());
    Ok(Box::new(Installed(reported)))
}

struct Discard(Arc<AtomicU64>);

impl Reporter for Discard {
    fn report(&mut self, spans: Vec<SpanRecord>) {
        self.0.fetch_add(spans.len() as u64, Ordering::Relaxed);
    }
}

struct Installed(Arc<AtomicU64>);

impl Session for Installed {
    fn flush(&self) -> Result<(), Error> {
        fastrace::flush();
        Ok(())
    }

    fn end(self: Box<Self>) -> Result<Option<u64>, Error> {
        fastrace::flush();
        Ok(Some(self.0.load(Ordering::Relaxed)))
    }
}

fn root(name: &'static str) -> Span {
    Span::root(name, SpanContext::random())
}

const INPUT: &str = "gen_ai.input.messages";
const OUTPUT: &str = "gen_ai.output.messages";

async fn ask(prompt: &str) -> &str {
    LocalSpan::add_properties(|| [(INPUT, prompt.to_owned()), (OUTPUT, prompt.to_owned())]);
    prompt
}

async fn chat(request: &Request) -> &'static Reply {
    LocalSpan::add_properties(|| [(INPUT, json(request)), (OUTPUT, json(&*REPLY))]);
    &REPLY
}

async fn forecast(place: Place) -> Forecast {
    LocalSpan::add_properties(|| {
        [("gen_ai.tool.call.arguments", json(&place)), ("gen_ai.tool.call.result", json(&FORECAST))]
    });
    FORECAST
}

async fn streamed<T>(prompt: &str, items: impl Stream<Item = T>, text_of: fn(&T) -> &str) {
    let mut items = pin!(items);
    let mut text = String::new();
    while let Some(item) = items.next().await {
        text.push_str(text_of(&item));
    }
    LocalSpan::add_properties(|| [(INPUT, prompt.to_owned()), (OUTPUT, text)]);
}

/// Takes all items, and records each in an event of the span.
async fn each<T>(prompt: &str, items: impl Stream<Item = T>, text_of: fn(&T) -> String) {
    LocalSpan::add_property(|| (INPUT, prompt.to_owned()));
    let mut items = pin!(items);
    while let Some(item) = items.next().await {
        LocalSpan::add_event(Event::new("item").with_property(|| (OUTPUT, text_of(&item))));
    }
}

fn json(value: &impl serde::Serialize) -> String {
    serde_json::to_string(value).unwrap_or_default()
}
