//! Faults between a program and PromptLayer, or in the program itself, and what happens to the spans.
//!
//! Each test is a row, or a part of one, of the table in `docs/reliability.md`. In each test the ledger is
//! exact, and the test compares it with the server's own count: every span that is counted as delivered is
//! stored exactly once.

#![allow(clippy::unwrap_used, reason = "a test fails where it cannot go on")]

#[path = "faults/asked_to_wait.rs"]
mod asked_to_wait;
#[path = "faults/broken_answers.rs"]
mod broken_answers;
#[path = "faults/connections.rs"]
mod connections;
#[path = "faults/contents.rs"]
mod contents;
#[path = "faults/documented.rs"]
mod documented;
#[path = "faults/ends.rs"]
mod ends;
#[path = "faults/extremes.rs"]
mod extremes;
#[path = "faults/hooks.rs"]
mod hooks;
#[path = "../../promptlayer-client/src/redact/leaks.rs"]
mod leaks;
#[path = "faults/secrets.rs"]
mod secrets;
#[path = "faults/tls.rs"]
mod tls;

use std::collections::BTreeMap;
use std::time::Duration;

use promptlayer_tracing::export::Stats;
use promptlayer_tracing::{LayerBuilder, promptlayer};
use tests::Recorder;
use tests::pipeline::{WAYS, Way, assert_balanced, dispatch, layer_to, quick};
use tracing::dispatcher;

const LONG: Duration = Duration::from_secs(60);

#[promptlayer]
fn ask(number: usize) -> usize {
    number
}

fn ask_times(count: usize) {
    for number in 0..count {
        assert_eq!(ask(number), number);
    }
}

/// Builds a layer that logs to the server at `url`, retries after short delays, and ignores errors.
fn layer_for(url: &str) -> LayerBuilder {
    layer_to(url).retry(quick()).timeout(Duration::from_secs(2)).on_error(|_| {})
}

/// Builds the same layer, which sends its spans over this wire.
fn layer_over(way: Way, url: &str) -> LayerBuilder {
    way.of(layer_for(url))
}

/// Makes calls and returns the final statistics.
fn after(builder: LayerBuilder, calls: impl FnOnce()) -> Stats {
    let (layer, guard) = builder.build().unwrap();
    dispatcher::with_default(&dispatch(layer), calls);
    let stats = guard.shutdown(LONG);
    assert_balanced(&stats.spans);
    assert_balanced(&stats.tracking);
    assert_eq!(stats.spans.total_pending(), 0, "{stats:#?}");
    stats
}

/// Checks that the server stored each delivered span exactly once. Other stored spans must have an unknown
/// outcome.
#[track_caller]
fn assert_counts_match(recorder: &Recorder, stats: &Stats) {
    let mut times = BTreeMap::new();
    for span in recorder.accepted_spans() {
        *times.entry(span["context"]["span_id"].to_string()).or_insert(0) += 1;
    }
    assert!(times.values().all(|times| *times == 1), "twice: {times:#?}");
    let has = times.len() as u64;
    let delivered = stats.spans.delivered;
    assert!(
        (delivered..=delivered + stats.spans.outcome_unknown).contains(&has),
        "the server has {has}: {stats:#?}"
    );
}

/// Makes ten calls and checks that each one arrives once.
#[track_caller]
fn assert_all_arrive(recorder: &Recorder, builder: LayerBuilder) -> Stats {
    let stats = after(builder, || ask_times(10));
    assert_eq!((stats.spans.accepted, stats.spans.delivered), (10, 10), "{stats:#?}");
    assert_counts_match(recorder, &stats);
    stats
}
