//! Checks the delivery guarantees of the pipeline: a delivery is proven by a response, nothing is resent
//! without need, the order is sensible, and a shutdown loses nothing.
//!
//! Each test is a row, or a part of one, of the table in `docs/reliability.md`.

#![allow(clippy::unwrap_used, reason = "a test fails where it cannot go on")]

#[path = "delivery/held.rs"]
mod held;
#[path = "delivery/proven.rs"]
mod proven;
#[path = "delivery/replay.rs"]
mod replay;
#[path = "delivery/shutdown.rs"]
mod shutdown;
#[path = "delivery/throughput.rs"]
mod throughput;
#[path = "delivery/unsent.rs"]
mod unsent;

use std::collections::BTreeMap;
use std::path::Path;
use std::time::{Duration, Instant};
use std::{fmt, thread};

use promptlayer_tracing::client::Env;
use promptlayer_tracing::export::{BatchLimits, RetryPolicy, SpoolMode, SpoolSettings, Stats, Wire};
use promptlayer_tracing::{LayerBuilder, ShutdownGuard, promptlayer};
use tests::Recorder;
use tests::pipeline::{KEY, assert_balanced, dispatch};
use tracing::dispatcher;

const LONG: Duration = Duration::from_secs(60);
/// A duration so long that no test waits for it.
const HOUR: Duration = Duration::from_secs(60 * 60);

const SPOOLED: [SpoolMode; 3] = [SpoolMode::OnFailure, SpoolMode::WriteAhead, SpoolMode::Synchronous];
const WIRES: [Wire; 3] = [Wire::SpansBulk, Wire::LogRequest, Wire::Otlp];

#[promptlayer]
fn ask(text: &str) -> usize {
    text.len()
}

/// Makes one call per number, with the number as its text.
fn ask_each(numbers: impl IntoIterator<Item = usize>) {
    for number in numbers {
        let _ = ask(&number.to_string());
    }
}

/// Builds a layer that logs to the server at `url`, retries after short delays, and never gives up.
fn layer_for(url: &str) -> LayerBuilder {
    let moment = Duration::from_millis(10);
    let retry = RetryPolicy::default()
        .first_delay(moment)
        .longest_delay(2 * moment)
        .probe_interval(2 * moment)
        .settling_time(3 * moment)
        .max_age(HOUR);
    promptlayer_tracing::layer()
        .env(Env::empty())
        .api_key(KEY)
        .base_url(url)
        .batch(BatchLimits::default().interval(moment))
        .retry(retry)
        .on_error(|_| {})
}

/// Returns spool settings for a folder.
fn spool(folder: &Path, mode: SpoolMode) -> SpoolSettings {
    SpoolSettings::new(folder).mode(mode)
}

/// Waits until the statistics satisfy `is_so`. If they do not in time, panics with the last statistics.
#[track_caller]
fn wait_until(guard: &ShutdownGuard, what: &str, is_so: impl Fn(&Stats) -> bool) {
    let begun = Instant::now();
    loop {
        let stats = guard.stats();
        assert_balanced(&stats.spans);
        if is_so(&stats) {
            return;
        }
        assert!(begun.elapsed() < LONG, "not {what} after {LONG:?}: {stats:#?}");
        thread::sleep(Duration::from_millis(1));
    }
}

/// Returns how often the server stored each text, over either wire format.
fn stored(recorder: &Recorder) -> BTreeMap<String, usize> {
    let (spans, logs) = (recorder.accepted_spans(), recorder.accepted_logs());
    let mut times = BTreeMap::new();
    for log in spans.iter().map(|span| &span["log_request"]).chain(&logs).filter(|log| !log.is_null()) {
        let text = log["input"]["messages"][0]["content"][0]["text"].as_str().unwrap_or_default();
        *times.entry(text.to_owned()).or_default() += 1;
    }
    times
}

/// Checks that the server stored each of these numbers exactly once, and nothing else.
#[track_caller]
fn assert_stored(recorder: &Recorder, numbers: impl IntoIterator<Item = usize>) {
    let expected: BTreeMap<String, usize> =
        numbers.into_iter().map(|number| (number.to_string(), 1)).collect();
    let stored = stored(recorder);
    let twice: Vec<_> = stored.iter().filter(|(_, times)| **times > 1).collect();
    assert!(twice.is_empty(), "stored twice: {twice:?}");
    let missing: Vec<_> = expected.keys().filter(|text| !stored.contains_key(*text)).collect();
    assert!(missing.is_empty(), "missing: {missing:?}");
    assert_eq!(stored.len(), expected.len(), "the server has what was never sent");
}

/// Returns the number of requests with spans or request logs that the server received.
fn posts(recorder: &Recorder) -> usize {
    let requests = recorder.requests();
    requests
        .iter()
        .filter(|request| matches!(&*request.path, "/spans-bulk" | "/log-request" | "/v1/traces"))
        .count()
}

/// Returns the number of requests that read traces back.
fn readings(recorder: &Recorder) -> usize {
    recorder.requests().iter().filter(|request| request.method == "GET").count()
}

/// A test case with a `Display` implementation for failure messages.
struct Case<T>(T);

impl<T: fmt::Debug> fmt::Display for Case<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}
