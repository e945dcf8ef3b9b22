//! Checks that a few items that the service refuses do not affect other items, for every status. If the service
//! refuses everything, all items are held and delivered later.
//!
//! Each cell of the matrix is a combination of a status, a wire format and a spool mode. The server refuses
//! every request that contains a poison item and stores every other request completely.

#![allow(clippy::unwrap_used, reason = "a test fails where it cannot go on")]

#[path = "poison/matrix.rs"]
mod matrix;
#[path = "poison/refused.rs"]
mod refused;
#[path = "poison/tracking.rs"]
mod tracking;

use std::collections::{BTreeMap, BTreeSet};
use std::io::ErrorKind;
use std::net::TcpListener;
use std::path::Path;
use std::sync::atomic::AtomicUsize;
use std::sync::atomic::Ordering::SeqCst;
use std::sync::{Arc, LazyLock, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};
use std::{fmt, thread};

use promptlayer_tracing::client::Env;
use promptlayer_tracing::export::{BatchLimits, Ledger, RetryPolicy, SpoolMode, SpoolSettings, Stats, Wire};
use promptlayer_tracing::{LayerBuilder, RequestId, ShutdownGuard, promptlayer};
use serde_json::Value;
use tests::pipeline::{KEY, assert_balanced};
use tests::{Recorder, Reply, Request};

/// Number of cells that run at the same time.
const WORKERS: usize = 12;
/// The age at which an item is dropped if the service is too busy for it or fails on it. Without a spool, the
/// other items of a cell must arrive before this age.
const MAX_AGE: Duration = Duration::from_secs(40);
/// The maximum age with a spool. It can be shorter because the spool keeps the other items for longer.
const SPOOLED_MAX_AGE: Duration = Duration::from_secs(6);
/// The time limit for one cell, and the maximum age of an item on disk.
const LIMIT: Duration = Duration::from_secs(120);
/// The shortest delay.
const MOMENT: Duration = Duration::from_millis(5);
/// The interval between extra calls while poison items settle.
const NOW_AND_THEN: Duration = Duration::from_millis(250);
/// The timeout of the shutdown in the middle of a cell. It is long enough to write everything to disk while
/// many cells do the same.
const SHORT: Duration = Duration::from_secs(5);

/// The spool modes to test. `None` means no spool.
const MODES: [Option<SpoolMode>; 4] =
    [None, Some(SpoolMode::OnFailure), Some(SpoolMode::WriteAhead), Some(SpoolMode::Synchronous)];

/// One cell of the matrix.
#[derive(Debug, Clone, Copy)]
struct Cell {
    status: u16,
    mode: Option<SpoolMode>,
    wire: Wire,
}

impl fmt::Display for Cell {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { status, mode, wire } = self;
        match mode {
            Some(mode) => write!(f, "{status}, {mode:?}, {wire:?}"),
            None => write!(f, "{status}, no spool, {wire:?}"),
        }
    }
}

/// Returns a policy with short delays.
fn retry_for(max_age: Duration) -> RetryPolicy {
    RetryPolicy::default()
        .first_delay(MOMENT)
        // Many cells run at once, so items that wait for their maximum age must not cause much load.
        .longest_delay(200 * MOMENT)
        .probe_interval(4 * MOMENT)
        .settling_time(4 * MOMENT)
        .max_age(max_age)
}

impl Cell {
    /// Returns the cells for every combination of status and mode.
    fn all(statuses: &[u16], modes: &[Option<SpoolMode>], wire: Wire) -> Vec<Self> {
        let mut cells = Vec::new();
        // Cells without a spool take longest, so they run first.
        for &mode in modes {
            cells.extend(statuses.iter().map(|&status| Self { status, mode, wire }));
        }
        cells
    }

    /// Builds a layer for the server at `url` with the spool in `folder`.
    fn builder(self, url: &str, folder: &Path, seen: &Arc<Seen>) -> LayerBuilder {
        let max_age = if self.mode.is_some() { SPOOLED_MAX_AGE } else { MAX_AGE };
        let (of_ids, of_errors) = (Arc::clone(seen), Arc::clone(seen));
        let builder = promptlayer_tracing::layer()
            .env(Env::empty())
            .api_key(KEY)
            .base_url(url)
            .batch(BatchLimits::default().interval(MOMENT))
            .retry(retry_for(max_age))
            .wire(self.wire)
            .on_request_id(move |request| lock(&of_ids.ids).push(request.id()))
            .on_error(move |error| lock(&of_errors.errors).push((error.status(), error.to_string())));
        match self.mode {
            Some(mode) => builder.spool(SpoolSettings::new(folder).mode(mode).max_age(LIMIT)),
            None => builder,
        }
    }
}

/// What the layer reported through its hook and its error handler.
#[derive(Debug, Default)]
struct Seen {
    ids: Mutex<Vec<RequestId>>,
    errors: Mutex<Vec<(Option<u16>, String)>>,
}

impl Seen {
    /// Returns the errors with this status.
    fn errors_of(&self, status: u16) -> Vec<String> {
        let errors = lock(&self.errors);
        errors.iter().filter(|(of, _)| *of == Some(status)).map(|(_, text)| text.clone()).collect()
    }
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

#[promptlayer]
fn ask(text: &str) -> usize {
    text.len()
}

/// The target of redirects. No request may arrive here.
static ELSEWHERE: LazyLock<TcpListener> = LazyLock::new(|| {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    listener.set_nonblocking(true).unwrap();
    listener
});

fn assert_no_redirect_was_followed() {
    let error = ELSEWHERE.accept().unwrap_err();
    assert_eq!(error.kind(), ErrorKind::WouldBlock, "a redirect was followed");
}

/// Returns a response that refuses the request with this status.
fn refusal(status: u16) -> Reply {
    let reply = Reply::status(status);
    if (300..400).contains(&status) {
        let address = ELSEWHERE.local_addr().unwrap();
        return reply.header("Location", &format!("http://{address}/spans-bulk"));
    }
    reply
}

/// Refuses the requests that match `is_refused` and counts them.
fn refuse(
    recorder: &Recorder,
    status: u16,
    is_refused: impl Fn(&Request) -> bool + Send + 'static,
) -> Arc<AtomicUsize> {
    let refused = Arc::new(AtomicUsize::new(0));
    let counter = Arc::clone(&refused);
    recorder.decide(move |request| {
        is_refused(request).then(|| {
            counter.fetch_add(1, SeqCst);
            refusal(status)
        })
    });
    refused
}

/// Waits until the statistics satisfy `is_so`. If they do not within the limit, panics with the last ledger.
#[track_caller]
fn wait_until(guard: &ShutdownGuard, what: &str, is_so: impl Fn(&Stats) -> bool) {
    let begun = Instant::now();
    loop {
        let stats = guard.stats();
        assert_balanced(&stats.spans);
        assert_balanced(&stats.tracking);
        if is_so(&stats) {
            return;
        }
        assert!(begun.elapsed() < LIMIT, "not {what} after {LIMIT:?}: {}", brief(&stats.spans));
        thread::sleep(Duration::from_millis(1));
    }
}

/// Makes calls from time to time until `given_up` items were given up and no item is pending. Returns the
/// number of calls.
///
/// The calls are necessary: only if other items pass can the pipeline tell one bad item from a failing
/// destination.
#[track_caller]
fn settle(
    guard: &ShutdownGuard,
    given_up: u64,
    read: impl Fn(&Stats) -> &Ledger,
    mut call: impl FnMut(u64),
) -> u64 {
    let (begun, mut calls) = (Instant::now(), 0_u32);
    loop {
        let stats = guard.stats();
        assert_balanced(&stats.spans);
        assert_balanced(&stats.tracking);
        let ledger = read(&stats);
        let is_over = ledger.total_rejected() + ledger.total_dropped() + ledger.outcome_unknown >= given_up;
        if is_over && stats.spans.total_pending() + stats.tracking.total_pending() == 0 {
            return calls.into();
        }
        assert!(begun.elapsed() < LIMIT, "not settled after {LIMIT:?}: {}", brief(ledger));
        if !is_over && begun.elapsed() > calls * NOW_AND_THEN {
            call(calls.into());
            calls += 1;
        }
        thread::sleep(4 * MOMENT);
    }
}

/// Formats the ledger on one line.
fn brief(ledger: &Ledger) -> String {
    let Ledger { accepted, delivered, rejected, dropped, outcome_unknown, pending, .. } = ledger;
    format!(
        "accepted {accepted}, delivered {delivered}, rejected {rejected:?}, dropped {dropped:?}, \
         unknown {outcome_unknown}, {pending:?}"
    )
}

/// The sum of the ledgers of two runs. The second run accepts again what the first run left on disk.
#[derive(Debug, Default)]
struct Sum {
    accepted: u64,
    delivered: u64,
    rejected: u64,
    expired: u64,
    otherwise_dropped: u64,
    unknown: u64,
    pending: u64,
}

impl Sum {
    fn of<'a>(runs: impl IntoIterator<Item = &'a Ledger>) -> Self {
        let mut sum = Self::default();
        for ledger in runs {
            // Only what the previous run left pending is accepted again.
            sum.accepted = (sum.accepted + ledger.accepted).saturating_sub(sum.pending);
            sum.pending = ledger.total_pending();
            sum.delivered += ledger.delivered;
            sum.rejected += ledger.total_rejected();
            let expired = ledger.dropped.get(&promptlayer_tracing::export::DropReason::Expired).copied();
            sum.expired += expired.unwrap_or_default();
            sum.otherwise_dropped += ledger.total_dropped() - expired.unwrap_or_default();
            sum.unknown += ledger.outcome_unknown;
        }
        sum
    }
}

/// Returns how often the server stored each text.
fn texts(items: &[Value]) -> BTreeMap<String, usize> {
    let mut times = BTreeMap::new();
    for item in items {
        let log = item.get("log_request").unwrap_or(item);
        let text = log["input"]["messages"][0]["content"][0]["text"].as_str().unwrap_or_default();
        *times.entry(text.to_owned()).or_default() += 1;
    }
    times
}

/// Returns the ids that hooks received. Panics if an id came twice.
fn unique_ids(seen: &Seen) -> BTreeSet<RequestId> {
    let ids = lock(&seen.ids).clone();
    let unique: BTreeSet<RequestId> = ids.iter().copied().collect();
    assert_eq!(unique.len(), ids.len(), "a hook was given an id twice");
    unique
}
