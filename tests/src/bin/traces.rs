//! A program whose traces show every kind of span. It sends them by OTLP, to the endpoint that OpenTelemetry's environment
//! variables name. `tests/vendor/phoenix` checks what a backend makes of them.
//!
//! An argument is how many traces there are, 1 by default. Fails if one of the spans is not delivered.
#![allow(
    clippy::print_stdout,
    clippy::unwrap_used,
    reason = "a program of the tests says and stops what went wrong"
)]

use std::collections::VecDeque;
use std::pin::{Pin, pin};
use std::process::ExitCode;
use std::task::{Context, Poll};
use std::time::Duration;

use futures_core::Stream;
use promptlayer_tracing::export::Otlp;
use promptlayer_tracing::promptlayer;
use serde_json::{Value, json};
use tests::in_memory::block_on;
use tracing_subscriber::prelude::*;

const PAUSE: Duration = Duration::from_millis(2);

fn question() -> Value {
    json!({
        "model": "gpt-5", "temperature": 0.5, "max_completion_tokens": 100,
        "messages": [
            {"role": "system", "content": "You know the weather."},
            {"role": "user", "content": "How is it in Oslo? 🌦"},
        ],
        "tools": [{"type": "function", "function": {
            "name": "weather", "description": "The weather of a city.",
            "parameters": {"type": "object", "properties": {"city": {"type": "string"}}},
        }}],
    })
}

/// A response that calls a tool.
#[promptlayer(tags = ["first"])]
fn choose_tool(request: Value) -> Value {
    let _ = request;
    std::thread::sleep(PAUSE);
    json!({
        "id": "chatcmpl-1", "object": "chat.completion", "model": "gpt-5-2025-08-07",
        "choices": [{"index": 0, "finish_reason": "tool_calls", "message": {
            "role": "assistant", "content": null,
            "tool_calls": [{"id": "call_1", "type": "function", "function": {
                "name": "weather", "arguments": "{\"city\":\"Oslo\"}",
            }}],
        }}],
        "usage": {
            "prompt_tokens": 120, "completion_tokens": 30, "total_tokens": 150,
            "prompt_tokens_details": {"cached_tokens": 100}, "completion_tokens_details": {"reasoning_tokens": 20},
        },
    })
}

#[promptlayer(kind = "tool")]
fn weather(city: &str) -> Value {
    json!({"city": city, "sky": "sunny"})
}

#[promptlayer(kind = "retriever")]
fn search(query: &str) -> Vec<String> {
    vec![format!("a page about {query}")]
}

/// A response in pieces.
#[promptlayer]
fn answer(request: Value) -> impl Stream<Item = Value> {
    let _ = request;
    let piece = |choices: Value, usage: Value| {
        json!({
            "id": "chatcmpl-2", "object": "chat.completion.chunk", "model": "gpt-5-2025-08-07",
            "choices": choices, "usage": usage,
        })
    };
    let delta = |text: &str, finish: Value| json!([{"index": 0, "delta": {"role": "assistant", "content": text}, "finish_reason": finish}]);
    Pieces(VecDeque::from([
        piece(delta("Sunny ", Value::Null), Value::Null),
        piece(delta("in Oslo.", "stop".into()), Value::Null),
        piece(json!([]), json!({"prompt_tokens": 50, "completion_tokens": 4, "total_tokens": 54})),
    ]))
}

struct Pieces(VecDeque<Value>);

impl Stream for Pieces {
    type Item = Value;

    fn poll_next(mut self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<Option<Value>> {
        Poll::Ready(self.0.pop_front())
    }
}

#[promptlayer(kind = "embedding")]
fn embed(request: Value) -> Value {
    let _ = request;
    json!({
        "object": "list", "model": "text-embedding-3-small",
        "data": [{"object": "embedding", "index": 0, "embedding": [0.5, 0.25]}],
        "usage": {"prompt_tokens": 8, "total_tokens": 8},
    })
}

#[promptlayer]
fn refused(request: Value) -> Result<Value, std::io::Error> {
    let _ = request;
    Err(std::io::Error::other("the provider refuses"))
}

#[promptlayer(kind = "agent", metadata(customer = "someone"))]
fn weather_agent(city: &str) -> String {
    let _ = embed(json!({"model": "text-embedding-3-small", "input": city}));
    let _ = search(city);
    let _ = choose_tool(question());
    let _ = weather(city);
    let mut pieces = pin!(answer(question()));
    let mut text = String::new();
    block_on(async {
        while let Some(piece) = std::future::poll_fn(|context| pieces.as_mut().poll_next(context)).await {
            text += piece["choices"][0]["delta"]["content"].as_str().unwrap_or_default();
        }
    });
    let _ = refused(question());
    text
}

#[promptlayer(kind = "chain")]
fn handle(city: &str) -> String {
    weather_agent(city)
}

fn main() -> ExitCode {
    let traces: u64 = std::env::args().nth(1).map_or(1, |count| count.parse().unwrap());
    let (layer, guard) =
        promptlayer_tracing::layer().otlp(Otlp::collector()).tags(["traces"]).build().unwrap();
    tracing_subscriber::registry().with(layer).init();
    for _ in 0..traces {
        assert_eq!(handle("Oslo"), "Sunny in Oslo.");
    }
    let stats = guard.shutdown(Duration::from_secs(30));
    println!("{}", stats.to_prometheus());
    if stats.spans.accepted > 0 && stats.spans.is_complete() { ExitCode::SUCCESS } else { ExitCode::FAILURE }
}
