//! Random schedules of faults: every item is counted, no item is lost, and no item arrives twice.
//!
//! A seed determines the wire format, the spool mode, the load and the response to each request. At the end of
//! a schedule the server is healthy, so that everything can settle.
//!
//! - `FAULT_SCHEDULES` is the number of schedules to run. Defaults to 50.
//! - `FAULT_SEED` is the seed of the first schedule. Each following schedule uses the next seed. A failure
//!   prints its seed: `FAULT_SCHEDULES=1 FAULT_SEED=… cargo test -p tests --test schedules` runs it again.

#![allow(clippy::unwrap_used, reason = "a test fails where it cannot go on")]

#[path = "schedules/checks.rs"]
mod checks;
#[path = "schedules/plan.rs"]
mod plan;
#[path = "schedules/server.rs"]
mod server;

use std::sync::atomic::AtomicBool;
use std::sync::atomic::Ordering::SeqCst;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::thread;
use std::time::{Duration, Instant};

use promptlayer_tracing::client::Env;
use promptlayer_tracing::export::{BatchLimits, RetryPolicy, SpoolSettings, Stats};
use promptlayer_tracing::{LayerBuilder, PromptLayer, RequestId, ShutdownGuard, SpanId, promptlayer};
use tempfile::TempDir;
use tests::cells::check_cells;
use tests::pipeline::{KEY, assert_balanced, dispatch, take_over};
use tests::random::number_from_env;
use tracing::dispatcher;

use crate::plan::Plan;
use crate::server::Server;

/// Number of schedules that run at the same time.
const WORKERS: usize = 6;
/// The time limit for a schedule to settle, and the maximum age of an item. Much longer than any schedule
/// takes.
const LIMIT: Duration = Duration::from_secs(60);

#[promptlayer]
fn ask(text: &str) -> usize {
    text.len()
}

/// What the layer reported through its hook and its error handler.
#[derive(Debug, Default)]
struct Seen {
    requests: Mutex<Vec<(RequestId, SpanId)>>,
    errors: Mutex<Vec<String>>,
}

/// The result of a schedule.
struct Outcome {
    /// The statistics of each run. The last run is settled.
    runs: Vec<Stats>,
    seen: Arc<Seen>,
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

fn builder(plan: &Plan, server: &Arc<Server>, folder: &TempDir, seen: &Arc<Seen>) -> LayerBuilder {
    let (of_ids, of_errors) = (Arc::clone(seen), Arc::clone(seen));
    let (tracks, at_error) = (plan.tracks, Arc::clone(server));
    let retry = RetryPolicy::default()
        .first_delay(Duration::from_millis(5))
        .longest_delay(Duration::from_millis(40))
        .probe_interval(Duration::from_millis(20))
        .settling_time(Duration::from_millis(100))
        .max_age(LIMIT);
    let limits =
        BatchLimits::default().spans(plan.batch).in_flight(plan.in_flight).interval(Duration::from_millis(5));
    let builder = promptlayer_tracing::layer()
        .env(Env::empty())
        .timeout(Duration::from_millis(400))
        .batch(limits)
        .retry(retry)
        .on_request_id(move |request| {
            lock(&of_ids.requests).push((request.id(), request.span_id()));
            if tracks {
                let _ = request.track().score(100).enqueue();
            }
        })
        .on_error(move |error| {
            lock(&of_errors.errors).push(error.to_string());
            // An error shows that the layer has met the closed door, so the door can open now.
            at_error.open();
        });
    let builder = plan.wire.of(builder, server.url(), KEY);
    match plan.mode {
        Some(mode) => builder.spool(SpoolSettings::new(folder.path()).mode(mode)),
        None => builder,
    }
}

/// Makes calls in several threads and checks the ledgers all the time, until `is_over` returns `true`.
fn run(
    (layer, guard): (PromptLayer, ShutdownGuard),
    plan: &Plan,
    calls: &[usize],
    is_over: impl Fn(&Stats) -> bool,
) -> ShutdownGuard {
    let dispatch = dispatch(layer);
    let is_done = AtomicBool::new(false);
    let dispatch = &dispatch;
    thread::scope(|scope| {
        let sampler = scope.spawn(|| {
            while !is_done.load(SeqCst) {
                let stats = guard.stats();
                assert_balanced(&stats.spans);
                assert_balanced(&stats.tracking);
                thread::sleep(Duration::from_micros(500));
            }
        });
        thread::scope(|callers| {
            for part in calls.chunks(calls.len().div_ceil(plan.threads).max(1)) {
                callers.spawn(move || {
                    dispatcher::with_default(dispatch, || {
                        for number in part {
                            let _ = ask(&number.to_string());
                        }
                    });
                });
            }
        });
        let begun = Instant::now();
        while !is_over(&guard.stats()) && begun.elapsed() < LIMIT && !sampler.is_finished() {
            thread::sleep(Duration::from_micros(500));
        }
        is_done.store(true, SeqCst);
        // A ledger that does not balance fails the schedule with its own panic message.
        if let Err(panic) = sampler.join() {
            std::panic::resume_unwind(panic);
        }
    });
    guard
}

fn check(plan: &Plan) {
    let (server, folder, seen) =
        (Server::start(plan).unwrap(), TempDir::new().unwrap(), Arc::new(Seen::default()));
    let calls: Vec<usize> = (0..plan.calls).collect();
    let (first, second) = calls.split_at(plan.calls_before_restart());
    let mut runs = Vec::new();
    let build = || builder(plan, &server, &folder, &seen);
    if let Some(restart) = plan.restart {
        let guard = run(build().build().unwrap(), plan, first, |stats| {
            stats.spans.total_pending() == 0 || server.requests() >= restart.after_requests
        });
        runs.push(guard.shutdown(restart.timeout));
    }
    let is_settled = |stats: &Stats| {
        let awaits_tracking = plan.tracks && stats.tracking.accepted < stats.hooks.run;
        stats.spans.total_pending() + stats.tracking.total_pending() == 0 && !awaits_tracking
    };
    let left = runs.last().cloned().unwrap_or_default();
    let guard = run(take_over(&left, build), plan, second, is_settled);
    runs.push(guard.shutdown(LIMIT));
    checks::check(plan, &server, &Outcome { runs, seen });
}

#[test]
fn random_faults_lose_and_duplicate_nothing() {
    let (seed, count) = (number_from_env("FAULT_SEED", 1), number_from_env("FAULT_SCHEDULES", 50));
    let plans: Vec<Plan> = (seed..seed + count).map(Plan::new).collect();
    check_cells(WORKERS, &plans, check);
}
