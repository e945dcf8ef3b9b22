//! A disabled layer costs nothing, sends nothing, and hides nothing from other layers.
#![allow(clippy::unwrap_used, reason = "a test fails where it cannot go on")]

#[path = "disabled/allocations.rs"]
mod allocations;

use std::cell::Cell;
use std::fs;
use std::time::{Duration, Instant};

use promptlayer_tracing::client::Env;
use promptlayer_tracing::export::{FlushReport, SpoolMode, SpoolSettings, Stats};
use promptlayer_tracing::{LayerBuilder, layer, promptlayer};
use serde::{Serialize, Serializer};
use tests::Beside;
use tests::ear::Ear;
use tests::pipeline::dispatch;
use tracing::Dispatch;
use tracing::dispatcher::with_default;
use tracing_subscriber::prelude::*;

const HOUR: Duration = Duration::from_secs(3600);

std::thread_local! {
    static SERIALIZED: Cell<u64> = const { Cell::new(0) };
}

/// A value that counts how often it is serialized.
#[derive(Clone, Copy)]
struct Watched;

impl Serialize for Watched {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        SERIALIZED.set(SERIALIZED.get() + 1);
        serializer.serialize_str("watched")
    }
}

#[promptlayer(tags = ["test"], model = "gpt-5")]
fn ask(question: Watched) -> Watched {
    let _ = tool(question);
    question
}

#[promptlayer(kind = "tool")]
fn tool(question: Watched) -> Watched {
    question
}

/// An environment that disables the layer and has no key.
fn off() -> LayerBuilder {
    layer().env(Env::new([("PROMPTLAYER_DISABLED", "true")]))
}

/// Returns how often the current thread allocates in a call, after the first calls.
fn allocations_of_a_call(dispatch: &Dispatch) -> u64 {
    with_default(dispatch, || {
        for _ in 0..10 {
            ask(Watched);
        }
        allocations::during(|| {
            ask(Watched);
        })
    })
}

/// Returns the number of threads of this process that belong to a pipeline.
#[cfg(target_os = "linux")]
fn threads_of_pipelines() -> usize {
    fs::read_dir("/proc/self/task")
        .unwrap()
        .filter_map(|thread| fs::read_to_string(thread.ok()?.path().join("comm")).ok())
        .filter(|name| name.starts_with("pl-"))
        .count()
}

#[test]
fn disabled_layer_needs_no_key_and_counts_nothing() {
    let (layer, guard) = off().build().unwrap();
    with_default(&dispatch(layer), || ask(Watched));
    let begun = Instant::now();
    let report = guard.flush(HOUR);
    assert!(report.is_complete());
    let FlushReport { delivered, lost, outcome_unknown, left, .. } = report;
    assert_eq!((delivered, lost, outcome_unknown, left), (0, 0, 0, 0));
    assert_eq!(guard.stats(), Stats::default());
    assert_eq!(guard.flush_on_exit().shutdown(HOUR), Stats::default());
    assert!(begun.elapsed() < HOUR / 60, "nothing is waited for");
}

#[cfg(target_os = "linux")]
#[test]
fn disabled_layer_starts_no_thread() {
    async fn hook(_: promptlayer_tracing::LoggedRequest) {}
    let (layer, guard) = off().on_request_id(|_| {}).on_request_id_async(hook).build().unwrap();
    with_default(&dispatch(layer), || ask(Watched));
    let _ = guard.flush(HOUR);
    assert_eq!(threads_of_pipelines(), 0);
    drop(guard);
    // Without the off switch, there are some.
    let (layer, guard) =
        off().disabled(false).api_key("pl_1").base_url("http://127.0.0.1:9").build().unwrap();
    assert!(threads_of_pipelines() > 0);
    drop((layer, guard));
}

#[test]
fn disabled_layer_opens_no_spool() {
    let folder = tempfile::tempdir().unwrap();
    let spool = folder.path().join("spool");
    let (layer, guard) =
        off().spool(SpoolSettings::new(&spool).mode(SpoolMode::Synchronous)).build().unwrap();
    with_default(&dispatch(layer), || ask(Watched));
    drop(guard);
    assert!(!spool.exists());
}

#[test]
fn disabled_layer_serializes_and_allocates_nothing_more() {
    let (layer, guard) = off().export_spans(|_| true).build().unwrap();
    let with_layer = dispatch(layer);
    let without = Dispatch::new(tracing_subscriber::registry());
    let (with_layer, without) = (allocations_of_a_call(&with_layer), allocations_of_a_call(&without));
    assert_eq!(with_layer, without);
    assert_eq!(SERIALIZED.get(), 0);

    let (layer, captured) = promptlayer_tracing::layer().in_memory().unwrap();
    let enabled = allocations_of_a_call(&dispatch(layer));
    assert!(enabled > with_layer && SERIALIZED.get() > 0, "the counts see an enabled layer: {enabled}");
    drop((captured, guard));
}

#[test]
fn other_layers_see_the_spans_of_a_disabled_one() {
    let (layer, guard) = off().build().unwrap();
    let (ear, beside) = (Ear::default(), Beside::default());
    let subscriber = tracing_subscriber::registry().with(layer).with(ear.clone()).with(beside.clone());
    with_default(&Dispatch::new(subscriber), || ask(Watched));
    drop(guard);
    assert_eq!(ear.count(module_path!()), 2, "the call and the tool inside it");
    assert_eq!(beside.fields("ask"), serde_json::json!({}), "the call is not converted for its attributes");
}

#[test]
fn enabled_layer_beside_a_disabled_one_records_the_calls() {
    let (disabled, guard) = off().build().unwrap();
    let (enabled, captured) = layer().in_memory().unwrap();
    let both = tracing_subscriber::registry().with(disabled).with(enabled);
    with_default(&Dispatch::new(both), || ask(Watched));
    drop(guard);
    assert_eq!(captured.requests().len(), 1);
}

#[test]
fn in_memory_ignores_the_variable_and_obeys_the_setting() {
    for (builder, requests) in
        [(off(), 1), (off().disabled(false), 1), (layer().env(Env::empty()).disabled(true), 0)]
    {
        let (layer, captured) = builder.in_memory().unwrap();
        with_default(&dispatch(layer), || ask(Watched));
        assert_eq!(captured.requests().len(), requests);
    }
}
