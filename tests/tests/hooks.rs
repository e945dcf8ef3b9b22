//! Request ids reach the user's hooks, even if a hook fails or blocks.

#![allow(clippy::unwrap_used, reason = "a test fails where it cannot go on")]

use std::collections::BTreeMap;
use std::panic::resume_unwind;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::mpsc::channel;
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use promptlayer_tracing::export::{BatchLimits, Stats};
use promptlayer_tracing::{LayerBuilder, LoggedRequest, RequestId, promptlayer};
use serde_json::{Value, json};
use tests::pipeline::{BATCH, assert_balanced, eventually, layer_to};
use tests::{Gate, Recorder, Reply};
use tracing_subscriber::prelude::*;

const LONG: Duration = Duration::from_secs(60);

#[promptlayer(tags = ["chat"], metadata(customer = 7))]
fn ask(question: &str) -> String {
    question.to_uppercase()
}

fn ask_times(count: usize) {
    for _ in 0..count {
        ask("why?");
    }
}

/// Makes calls and flushes them.
fn flushed(builder: LayerBuilder, calls: impl FnOnce()) -> Stats {
    let (layer, guard) = builder.build().unwrap();
    tracing::subscriber::with_default(tracing_subscriber::registry().with(layer), calls);
    assert!(guard.flush(LONG).is_complete(), "{:#?}", guard.stats());
    let stats = guard.stats();
    assert_balanced(&stats.spans);
    assert_balanced(&stats.tracking);
    stats
}

#[test]
fn hook_receives_the_logged_request() {
    let recorder = Recorder::start().unwrap();
    let (sender, told) = channel::<LoggedRequest>();
    let hook = move |request: &LoggedRequest| sender.send(request.clone()).unwrap();
    let builder = layer_to(recorder.url()).tags(["service"]).metadata([("version", "1")]).on_request_id(hook);
    flushed(builder, || drop(ask("why?")));

    let request = told.try_recv().unwrap();
    let span = &recorder.accepted_spans()[0];
    assert_eq!(request.id(), RequestId::new(1001));
    assert_eq!(span["context"]["trace_id"], request.trace_id().to_string());
    assert_eq!(span["context"]["span_id"], request.span_id().to_string());
    assert_eq!(request.name(), "ask");
    assert_eq!(request.tags().iter().collect::<Vec<_>>(), ["service", "chat"]);
    let metadata =
        [("customer", "7"), ("version", "1")].map(|(key, value)| (key.to_owned(), value.to_owned()));
    assert_eq!(*request.metadata(), BTreeMap::from(metadata));
    assert!(told.try_recv().is_err(), "it is told once");
}

#[test]
fn flush_waits_for_hooks_and_their_tracking_calls() {
    let recorder = Recorder::start().unwrap();
    let done = Arc::new(AtomicUsize::new(0));
    let count = Arc::clone(&done);
    let builder = layer_to(recorder.url()).on_request_id(move |request| {
        request.track().score(100).enqueue().unwrap();
        request.track().metadata([("foo", "bar")]).enqueue().unwrap();
        count.fetch_add(1, Ordering::SeqCst);
    });
    let stats = flushed(builder, || ask_times(3 * BATCH));

    let calls = 3 * BATCH;
    assert_eq!(done.load(Ordering::SeqCst), calls);
    assert_eq!((stats.tracking.accepted, stats.tracking.delivered), (2 * calls as u64, 2 * calls as u64));
    for (path, what, value) in
        [("score", "score", json!(100)), ("metadata", "metadata", json!({ "foo": "bar" }))]
    {
        let bodies = recorder.bodies(&format!("/rest/track-{path}"));
        assert!(bodies.iter().all(|body| body[what] == value), "{bodies:#?}");
        let mut ids: Vec<u64> = bodies.iter().map(|body| body["request_id"].as_u64().unwrap()).collect();
        ids.sort_unstable();
        assert_eq!(ids, (1001..1001 + calls as u64).collect::<Vec<_>>());
    }
}

#[test]
fn failed_tracking_is_counted_and_reported() {
    let recorder = Recorder::start().unwrap();
    recorder.script("/rest/track-score", [Reply::status(404), Reply::status(503).header("Retry-After", "0")]);
    let (sender, errors) = channel();
    let builder = layer_to(recorder.url())
        .on_request_id(|request| request.track().score(1).enqueue().unwrap())
        .on_error(move |error| sender.send(error.to_string()).unwrap());
    let stats = flushed(builder, || ask_times(2));

    assert_eq!((stats.tracking.delivered, stats.tracking.total_rejected()), (1, 1), "{:#?}", stats.tracking);
    assert!(stats.spans.is_complete());
    assert_eq!(recorder.bodies("/rest/track-score").len(), 3);
    assert_eq!(errors.try_iter().count(), 2);
}

#[test]
fn invalid_tracking_value_is_an_error_in_the_hook() {
    let recorder = Recorder::start().unwrap();
    let (sender, errors) = channel();
    let builder = layer_to(recorder.url()).on_request_id(move |request| {
        sender.send(request.track().score(101).enqueue().unwrap_err()).unwrap();
    });
    let stats = flushed(builder, || ask_times(1));

    assert!(errors.try_recv().unwrap().is_invalid_input());
    assert_eq!(stats.tracking.accepted, 0);
}

#[test]
fn panicking_hook_does_not_affect_other_hooks() {
    let recorder = Recorder::start().unwrap();
    let (sender, ids) = channel();
    let late = sender.clone();
    let builder = layer_to(recorder.url())
        .on_request_id(|_| resume_unwind(Box::new("this hook is broken")))
        .on_request_id(move |request| sender.send(request.id()).unwrap())
        .on_request_id_async(|_| async { resume_unwind(Box::new("this one too")) })
        .on_request_id_async(move |request| {
            late.send(request.id()).unwrap();
            std::future::ready(())
        });
    let stats = flushed(builder, || ask_times(BATCH + 1));

    let calls = BATCH as u64 + 1;
    assert!(stats.spans.is_complete());
    assert_eq!((stats.hooks.received, stats.hooks.panicked), (calls, 2 * calls));
    let each_twice: Vec<_> = (1001..1001 + calls).flat_map(|id| [RequestId::new(id); 2]).collect();
    assert_eq!(ids.try_iter().collect::<Vec<_>>(), each_twice);
}

/// Builds a layer that sends a batch every few milliseconds.
fn prompt_layer_to(recorder: &Recorder) -> LayerBuilder {
    layer_to(recorder.url()).batch(BatchLimits::default().interval(Duration::from_millis(5)))
}

#[test]
fn blocking_hook_does_not_delay_the_export() {
    let recorder = Recorder::start().unwrap();
    let (open, gate) = channel::<()>();
    let gate = Mutex::new(gate);
    let (entered, entries) = channel();
    let hook = move |request: &LoggedRequest| {
        entered.send(request.id()).unwrap();
        // Returns once the sender is dropped.
        assert!(gate.lock().unwrap().recv().is_err());
    };
    let (layer, guard) = prompt_layer_to(&recorder).on_request_id(hook).build().unwrap();
    tracing::subscriber::with_default(tracing_subscriber::registry().with(layer), || {
        ask_times(BATCH);
        assert_eq!(entries.recv_timeout(LONG), Ok(RequestId::new(1001)));
        ask_times(2 * BATCH);
    });
    eventually(|| guard.stats().hooks.received == 3 * BATCH as u64);
    assert!(guard.stats().spans.is_complete());
    assert!(!guard.flush(Duration::from_millis(50)).is_complete(), "the hooks are not through");
    assert!(entries.try_recv().is_err(), "one hook at a time");

    drop(open);
    assert!(guard.flush(LONG).is_complete());
    assert_eq!(entries.try_iter().count(), 3 * BATCH - 1);
}

#[test]
fn hook_that_blocks_forever_does_not_delay_shutdown() {
    let recorder = Recorder::start().unwrap();
    let (_open, gate) = channel::<()>();
    let gate = Mutex::new(gate);
    let builder =
        prompt_layer_to(&recorder).on_request_id(move |_| assert!(gate.lock().unwrap().recv().is_err()));
    let (layer, guard) = builder.build().unwrap();
    tracing::subscriber::with_default(tracing_subscriber::registry().with(layer), || ask_times(3));
    eventually(|| guard.stats().hooks.received == 3);
    let begun = Instant::now();
    drop(guard.shutdown(Duration::from_millis(100)));
    assert!(begun.elapsed() < Duration::from_secs(1), "{:?}", begun.elapsed());
}

#[test]
fn async_hook_can_await_its_tracking_calls() {
    let recorder = Recorder::start().unwrap();
    let failed = Arc::new(AtomicBool::new(false));
    let noted = Arc::clone(&failed);
    let builder = layer_to(recorder.url()).on_request_id_async(move |request| {
        let noted = Arc::clone(&noted);
        async move {
            let track = request.track();
            let tracked = async {
                tokio::time::timeout(LONG, tokio::task::yield_now()).await.unwrap();
                track.score(80).name("tone").await?;
                track.prompt("example").version(1).variables([("product", "toasters")]).await
            };
            noted.fetch_or(tracked.await.is_err(), Ordering::SeqCst);
        }
    });
    let stats = flushed(builder, || ask_times(BATCH));

    assert!(!failed.load(Ordering::SeqCst));
    assert_eq!(stats.tracking.accepted, 0, "what is awaited does not ride the pipeline");
    let mut paths: Vec<String> = recorder.requests().iter().map(|request| request.path.clone()).collect();
    paths.retain(|path| path != "/spans-bulk");
    assert_eq!(paths, ["/rest/track-score", "/rest/track-prompt"].repeat(BATCH));
    let ids: Vec<Value> =
        recorder.bodies("/rest/track-prompt").iter().map(|body| body["request_id"].clone()).collect();
    assert_eq!(ids, (1001..1001 + BATCH as u64).map(Value::from).collect::<Vec<_>>());
}

#[test]
fn endless_async_hook_delays_neither_export_nor_shutdown() {
    let recorder = Recorder::start().unwrap();
    let builder = prompt_layer_to(&recorder).on_request_id_async(|_| std::future::pending());
    let (layer, guard) = builder.build().unwrap();
    tracing::subscriber::with_default(tracing_subscriber::registry().with(layer), || ask_times(3 * BATCH));
    eventually(|| guard.stats().spans.is_complete());
    assert_eq!(recorder.accepted_spans().len(), 3 * BATCH);
    let begun = Instant::now();
    drop(guard.shutdown(Duration::from_millis(100)));
    assert!(begun.elapsed() < Duration::from_secs(1), "{:?}", begun.elapsed());
}

#[test]
fn unfinished_tracking_at_the_shutdown_deadline_is_counted() {
    let recorder = Recorder::start().unwrap();
    let gate = Gate::new();
    let hang = gate.clone();
    recorder.decide(move |request| request.path.starts_with("/rest/").then(|| Reply::service().hang(&hang)));
    let builder =
        prompt_layer_to(&recorder).on_request_id(|request| request.track().score(1).enqueue().unwrap());
    let (layer, guard) = builder.build().unwrap();
    tracing::subscriber::with_default(tracing_subscriber::registry().with(layer), || ask_times(3));
    assert!(!guard.flush(Duration::from_millis(1)).is_complete());
    recorder
        .wait_for(|requests| requests.iter().any(|request| request.path == "/rest/track-score"), LONG)
        .unwrap();
    let stats = guard.shutdown(Duration::from_millis(100));

    assert_balanced(&stats.spans);
    assert_balanced(&stats.tracking);
    assert_eq!((stats.spans.total_pending(), stats.tracking.total_pending()), (0, 0), "{stats:#?}");
    let sent = recorder.bodies("/rest/track-score").len() as u64;
    assert_eq!(stats.tracking.outcome_unknown, sent, "{:#?}", stats.tracking);
    assert_eq!(stats.tracking.total_dropped(), stats.tracking.accepted - sent);
    gate.open();
}
