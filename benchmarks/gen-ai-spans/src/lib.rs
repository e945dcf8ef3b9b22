//! The workloads as spans of `tracing`, for subjects that are layers: with the fields in which the
//! conventions of OpenTelemetry put prompts and replies.

use std::borrow::Cow;
use std::pin::pin;

use futures_util::{Stream, StreamExt};
use harness::chat::{Reply, Request};
use harness::content::{self, FORECAST, Forecast, PLACE, Place, REPLY, REQUEST, consume, now};
use harness::subject::Run;
use serde::Serialize;
use tracing::field::Empty;
use tracing::{Span, info, info_span, instrument};

/// The workloads, by name.
pub const RUNS: &[(&str, Run)] = &[
    ("span", |_| drop(info_span!("step", number = 7).entered())),
    ("empty", |_| now(empty())),
    ("call_1k", |prompt| consume(now(ask(prompt)))),
    ("call_8k", |prompt| consume(now(ask(prompt)))),
    ("call_64k", |prompt| consume(now(ask(prompt)))),
    ("chat", |_| consume(now(chat(&REQUEST)))),
    ("tool", |_| consume(now(forecast(PLACE)))),
    ("stream_chat", |prompt| now(streamed(prompt, content::chunks(), |chunk| chunk.content()))),
    ("stream_words", |prompt| now(streamed(prompt, content::words(), |word| word))),
    ("items_chat", |prompt| now(each(prompt, content::chunks(), |chunk| Cow::Owned(json(&chunk))))),
    ("items_words", |prompt| now(each(prompt, content::words(), Cow::Borrowed))),
];

#[instrument(skip_all)]
async fn empty() {}

#[instrument(skip_all, fields(
    otel.kind = "client",
    gen_ai.operation.name = "chat",
    gen_ai.input.messages = prompt,
    gen_ai.output.messages = Empty,
))]
async fn ask(prompt: &str) -> &str {
    Span::current().record("gen_ai.output.messages", prompt);
    prompt
}

#[instrument(skip_all, fields(
    otel.kind = "client",
    gen_ai.operation.name = "chat",
    gen_ai.input.messages = json(request),
    gen_ai.output.messages = Empty,
))]
async fn chat(request: &Request) -> &'static Reply {
    Span::current().record("gen_ai.output.messages", json(&*REPLY));
    &REPLY
}

#[instrument(skip_all, fields(
    gen_ai.operation.name = "execute_tool",
    gen_ai.tool.name = "forecast",
    gen_ai.tool.call.arguments = json(&place),
    gen_ai.tool.call.result = Empty,
))]
async fn forecast(place: Place) -> Forecast {
    Span::current().record("gen_ai.tool.call.result", json(&FORECAST));
    FORECAST
}

/// Takes all items, and records the text that they make, as the conventions want it.
#[instrument(skip_all, fields(
    otel.kind = "client",
    gen_ai.operation.name = "chat",
    gen_ai.input.messages = prompt,
    gen_ai.output.messages = Empty,
))]
async fn streamed<T>(prompt: &str, items: impl Stream<Item = T>, text_of: fn(&T) -> &str) {
    let mut items = pin!(items);
    let mut text = String::new();
    while let Some(item) = items.next().await {
        text.push_str(text_of(&item));
    }
    Span::current().record("gen_ai.output.messages", text);
}

/// Takes all items, and records each in an event of the span.
#[instrument(skip_all, fields(
    otel.kind = "client",
    gen_ai.operation.name = "chat",
    gen_ai.input.messages = prompt,
))]
async fn each<T>(prompt: &str, items: impl Stream<Item = T>, text_of: fn(T) -> Cow<'static, str>) {
    let mut items = pin!(items);
    while let Some(item) = items.next().await {
        info!(gen_ai.output.messages = &*text_of(item));
    }
}

fn json(value: &impl Serialize) -> String {
    serde_json::to_string(value).unwrap_or_default()
}
