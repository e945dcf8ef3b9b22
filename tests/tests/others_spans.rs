//! External spans: those of rig, of genai, and of the application that use OpenTelemetry's attributes for
//! generative AI. Also the same attributes on the spans of annotated functions.
#![allow(clippy::unwrap_used, clippy::expect_used, reason = "a test stops where it finds what should not be")]

#[path = "others_spans/around.rs"]
mod around;
#[path = "others_spans/dialects.rs"]
mod dialects;
#[path = "others_spans/genai.rs"]
mod genai;
#[path = "others_spans/outliving.rs"]
mod outliving;
#[path = "others_spans/own.rs"]
mod own;
#[path = "others_spans/rig.rs"]
mod rig;
#[allow(dead_code, reason = "the tests of the middleware use all of it")]
#[path = "middleware/server.rs"]
mod server;
#[path = "others_spans/shown.rs"]
mod shown;
#[path = "others_spans/wire.rs"]
mod wire;

use std::future::Future;
use std::pin::Pin;
use std::task::{Context, Poll};

use futures_core::Stream;
use promptlayer_tracing::LayerBuilder;
use promptlayer_tracing::blueprint::{ErrorType, LogRequest, RequestStatus};
use promptlayer_tracing::in_memory::CapturedSpan;
use serde_json::{Value, json};
use tests::in_memory::captured_with;

/// Runs a future on this thread and returns the spans that a layer receives.
fn spans_of(builder: LayerBuilder, run: impl Future<Output = ()>) -> Vec<CapturedSpan> {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    captured_with(builder, || runtime.block_on(run)).spans()
}

/// Returns the first chunk of a streamed response.
fn first_chunk() -> String {
    let chunk = json!({
        "id": "chatcmpl-1",
        "object": "chat.completion.chunk",
        "created": 1,
        "model": "gpt-4o-mini",
        "choices": [{"index": 0, "delta": {"role": "assistant", "content": "Be"}, "finish_reason": null}],
    });
    format!("data: {chunk}\n\n")
}

/// Checks that the log reports a stream that ended before the response was complete.
#[track_caller]
fn assert_unfinished(span: &CapturedSpan) {
    let log = span.request.as_ref().unwrap();
    let partial = (RequestStatus::Warning, Some(ErrorType::ProviderPartialResponse));
    assert_eq!((log.status, log.error_type), partial, "{log:#?}");
    let told = Some("the stream ended before the answer did");
    assert_eq!((log.error_message(), span.error.as_deref()), (told, told));
}

/// Returns a request log without its times.
fn timeless(log: &LogRequest) -> Value {
    let mut log = serde_json::to_value(log).unwrap();
    let fields = log.as_object_mut().unwrap();
    for time in ["request_start_time", "request_end_time"] {
        assert!(fields.remove(time).is_some_and(|time| time.is_string()), "{fields:?}");
    }
    log
}

/// Returns the only span with this name.
#[track_caller]
fn named<'a>(spans: &'a [CapturedSpan], name: &str) -> &'a CapturedSpan {
    let found: Vec<_> = spans.iter().filter(|span| span.name == name).collect();
    assert_eq!(found.len(), 1, "{name} among {:?}", names(spans));
    found[0]
}

fn names(spans: &[CapturedSpan]) -> Vec<&str> {
    spans.iter().map(|span| span.name.as_str()).collect()
}

/// A future for the next item of a stream.
struct Next<'a, S>(&'a mut S);

impl<S: Stream + Unpin> Future for Next<'_, S> {
    type Output = Option<S::Item>;

    fn poll(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Self::Output> {
        Pin::new(&mut *self.0).poll_next(context)
    }
}

/// Returns the remaining items of a stream.
async fn collected<S: Stream + Unpin>(mut stream: S) -> Vec<S::Item> {
    let mut items = Vec::new();
    while let Some(item) = Next(&mut stream).await {
        items.push(item);
    }
    items
}
