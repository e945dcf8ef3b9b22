//! What the pipeline promises of deliveries: proven by an answer, never repeated without need, in a sensible order, and
//! ended without losing anything.
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
use std::fmt;
use std::path::Path;
use std::thread;
use std::time::{Duration, Instant};

use promptlayer_tracing::{
    BatchLimits, Env, Guard, LayerBuilder, RetryPolicy, SpoolMode, SpoolSettings, Stats, Wire, promptlayer,
};
use tests::Recorder;
use tests::pipeline::{KEY, assert_balanced, dispatch};
use tracing::dispatcher;

const LONG: Duration = Duration::from_secs(60);
/// A time that no test waits for.
const HOUR: Duration = Duration::from_secs(60 * 60);

const SPOOLED: [SpoolMode; 3] = [SpoolMode::OnFailure, SpoolMode::WriteAhead, SpoolMode::Synchronous];
const WIRES: [Wire; 2] = [Wire::SpansBulk, Wire::LogRequest];

#[promptlayer]
fn ask(text: &str) -> usize {
    text.len()
}

/// Makes calls whose texts are these numbers.
fn ask_each(numbers: impl IntoIterator<Item = usize>) {
    for number in numbers {
        let _ = ask(&number.to_string());
    }
}

/// A layer that logs to the server at `url`, tries again soon, and gives nothing up.
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

/// A spool in a folder.
fn spool(folder: &Path, mode: SpoolMode) -> SpoolSettings {
    SpoolSettings::new(folder).mode(mode)
}

/// Waits until the statistics are as they should be, and says what they were where they never are.
#[track_caller]
fn wait_until(guard: &Guard, what: &str, is_so: impl Fn(&Stats) -> bool) {
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

/// How often the server took in each text, over either wire.
fn stored(recorder: &Recorder) -> BTreeMap<String, usize> {
    let (spans, logs) = (recorder.accepted_spans(), recorder.accepted_logs());
    let mut times = BTreeMap::new();
    for log in spans.iter().map(|span| &span["log_request"]).chain(&logs).filter(|log| !log.is_null()) {
        let text = log["input"]["messages"][0]["content"][0]["text"].as_str().unwrap_or_default();
        *times.entry(text.to_owned()).or_default() += 1;
    }
    times
}

/// Checks that the server has these numbers, each once, and nothing else.
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

/// How many requests with spans, or with a request of their own, the server got.
fn posts(recorder: &Recorder) -> usize {
    let requests = recorder.requests();
    requests.iter().filter(|request| matches!(&*request.path, "/spans-bulk" | "/log-request")).count()
}

/// How many readings of traces the server got.
fn readings(recorder: &Recorder) -> usize {
    recorder.requests().iter().filter(|request| request.method == "GET").count()
}

/// A case of a test, for messages.
struct Case<T>(T);

impl<T: fmt::Debug> fmt::Display for Case<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}
