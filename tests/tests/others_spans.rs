//! Spans that others make: rig's, genai's, and anyone's own that speak of models in OpenTelemetry's words; and the same
//! words on the attribute's own spans.
#![allow(clippy::unwrap_used, clippy::expect_used, reason = "a test stops where it finds what should not be")]

#[path = "others_spans/genai.rs"]
mod genai;
#[path = "others_spans/own.rs"]
mod own;
#[path = "others_spans/rig.rs"]
mod rig;
#[path = "middleware/server.rs"]
mod server;
#[path = "others_spans/shown.rs"]
mod shown;

use std::future::Future;
use std::pin::Pin;
use std::task::{Context, Poll};

use futures_core::Stream;
use promptlayer_tracing::blueprint::{ErrorType, LogRequest, RequestStatus};
use promptlayer_tracing::{CapturedSpan, LayerBuilder};
use serde_json::{Value, json};
use tests::in_memory::captured_with;

/// What a layer receives of a future that runs on this thread alone.
fn spans_of(builder: LayerBuilder, run: impl Future<Output = ()>) -> Vec<CapturedSpan> {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    captured_with(builder, || runtime.block_on(run)).spans()
}

/// The first chunk of a streamed answer.
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

/// Whether a log says that the stream ended before the answer did.
#[track_caller]
fn assert_unfinished(span: &CapturedSpan) {
    let log = span.request.as_ref().unwrap();
    let partial = (RequestStatus::Warning, Some(ErrorType::ProviderPartialResponse));
    assert_eq!((log.status, log.error_type), partial, "{log:#?}");
    let told = Some("the stream ended before the answer did");
    assert_eq!((log.error_message(), span.error.as_deref()), (told, told));
}

/// A request log without its times.
fn timeless(log: &LogRequest) -> Value {
    let mut log = serde_json::to_value(log).unwrap();
    let fields = log.as_object_mut().unwrap();
    for time in ["request_start_time", "request_end_time"] {
        assert!(fields.remove(time).is_some_and(|time| time.is_string()), "{fields:?}");
    }
    log
}

/// The one span of that name.
#[track_caller]
fn named<'a>(spans: &'a [CapturedSpan], name: &str) -> &'a CapturedSpan {
    let found: Vec<_> = spans.iter().filter(|span| span.name == name).collect();
    assert_eq!(found.len(), 1, "{name} among {:?}", names(spans));
    found[0]
}

fn names(spans: &[CapturedSpan]) -> Vec<&str> {
    spans.iter().map(|span| span.name.as_str()).collect()
}

/// The next item of a stream.
struct Next<'a, S>(&'a mut S);

impl<S: Stream + Unpin> Future for Next<'_, S> {
    type Output = Option<S::Item>;

    fn poll(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Self::Output> {
        Pin::new(&mut *self.0).poll_next(context)
    }
}

/// The rest of a stream.
async fn collected<S: Stream + Unpin>(mut stream: S) -> Vec<S::Item> {
    let mut items = Vec::new();
    while let Some(item) = Next(&mut stream).await {
        items.push(item);
    }
    items
}
