//! A first example: three model calls in one trace, one of which fails.
//!
//!     cargo run --example quickstart
//!
//! It needs no account. See the crate documentation of `examples`. The model is called with plain JSON. The
//! examples in `integrations` use the types of async-openai and rig.
#![allow(clippy::print_stdout, reason = "an example speaks on standard output")]

use std::error::Error;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use examples::{ChatClient, ChatError};
use promptlayer_tracing::client::SpanDetail;
use promptlayer_tracing::{LoggedRequest, SpanId, TraceId, promptlayer};
use serde_json::{Value, json};
use tracing_subscriber::prelude::*;

/// A model call. The request is logged as it is. The text, model and token usage are logged from the
/// response.
#[promptlayer(tags = ["quickstart"])]
async fn explain(model: &ChatClient, request: Value) -> Result<Value, ChatError> {
    model.create(&request).await
}

/// A model call that takes and returns plain text.
#[promptlayer(tags = ["quickstart"], provider = "openai", model = "gpt-4o-mini")]
async fn name_company(model: &ChatClient, prompt: &str) -> Result<String, ChatError> {
    let reply = model.create(&chat("gpt-4o-mini", prompt)).await?;
    Ok(text(&reply).to_owned())
}

/// A call with an unknown model, which is logged as an error.
#[promptlayer(tags = ["quickstart", "broken"])]
async fn ask_nobody(model: &ChatClient, request: Value) -> Result<Value, ChatError> {
    model.create(&request).await
}

/// A step around a model call. It becomes a span of the trace, and the call inside inherits its tags and
/// metadata.
#[promptlayer(kind = "chain", tags = ["branding"], metadata(product = product))]
async fn brand(model: &ChatClient, product: &str) -> Result<String, ChatError> {
    name_company(model, &format!("What is a good name for a company that makes {product}?")).await
}

/// Makes all calls in one trace.
#[promptlayer(kind = "chain")]
async fn tour(model: &ChatClient) -> Result<(), ChatError> {
    let reply = explain(model, chat("gpt-4o-mini", "What comes after 1,2,3 ?")).await?;
    println!("explain      said {:?}", text(&reply));
    println!("name_company said {:?}", brand(model, "toasters").await?);
    if let Err(error) = ask_nobody(model, chat("no-such-model", "Is anybody there?")).await {
        println!("ask_nobody   failed: {error}");
    }
    Ok(())
}

/// Creates a chat completion request.
fn chat(model: &str, question: &str) -> Value {
    json!({ "model": model, "messages": [{ "role": "user", "content": question }] })
}

/// Returns the text of a chat completion.
fn text(reply: &Value) -> &str {
    reply["choices"][0]["message"]["content"].as_str().unwrap_or_default()
}

#[tokio::main]
async fn main() -> Result<(), Box<dyn Error>> {
    let service = examples::promptlayer()?;
    let (endpoint, _offline) = examples::endpoint()?;
    let model = ChatClient::new(endpoint);

    let trace: Arc<Mutex<Option<TraceId>>> = Arc::default();
    let seen = Arc::clone(&trace);
    let (layer, guard) = service
        .layer()
        .on_request_id(move |request: &LoggedRequest| {
            println!("request id {} is {}", request.id(), request.name());
            *seen.lock().unwrap_or_else(std::sync::PoisonError::into_inner) = Some(request.trace_id());
        })
        .build()?;
    tracing_subscriber::registry().with(layer).init();

    tour(&model).await?;
    println!();
    guard.flush(Duration::from_secs(10));

    let trace = trace.lock().unwrap_or_else(std::sync::PoisonError::into_inner).take();
    if let Some(trace) = trace {
        println!("\ntrace {trace}");
        let spans = service.client()?.requests().trace(trace).await?.spans;
        print_tree(&spans, None, "");
    }
    let stats = guard.shutdown(Duration::from_secs(5));
    println!("\n{} spans delivered of {}", stats.spans.delivered, stats.spans.accepted);
    service.say_where_to_look();
    Ok(())
}

/// Prints the spans below `parent`, each with the id of its request.
fn print_tree(spans: &[SpanDetail], parent: Option<SpanId>, indent: &str) {
    let mut children: Vec<&SpanDetail> = spans.iter().filter(|span| span.parent_id == parent).collect();
    children.sort_by_key(|span| span.start_time);
    for (position, span) in children.iter().enumerate() {
        let (branch, below) =
            if position + 1 == children.len() { ("└─ ", "   ") } else { ("├─ ", "│  ") };
        let request = span.request_log_id.map(|id| format!("  request {id}")).unwrap_or_default();
        println!("{indent}{branch}{}{request}", span.name);
        if span.span_id.is_some() {
            print_tree(spans, span.span_id, &format!("{indent}{below}"));
        }
    }
}
