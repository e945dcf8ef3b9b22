//! What the tests of the export pipeline share: a layer that logs to a server of the test.

use std::thread;
use std::time::{Duration, Instant};

use promptlayer_tracing::{BatchLimits, Env, Guard, LayerBuilder, Ledger, PromptLayer, RetryPolicy, Stats};
use tracing::Dispatch;
use tracing_subscriber::Layer;
use tracing_subscriber::prelude::*;
use tracing_subscriber::registry::Registry;

/// The key that the tests send.
pub const KEY: &str = "pl_test_key";

/// The most spans that [`layer_to`] sends together.
pub const BATCH: usize = 10;

/// A layer that logs to the server at `url`, and knows nothing of the process's environment.
///
/// Nothing goes out by time: only as the pipeline starts, by full batches of [`BATCH`], a flush, or the end.
pub fn layer_to(url: &str) -> LayerBuilder {
    promptlayer_tracing::layer()
        .env(Env::empty())
        .api_key(KEY)
        .base_url(url)
        .batch(BatchLimits::default().spans(BATCH).interval(Duration::from_secs(600)))
}

/// Waits that a test can wait for.
pub fn quick() -> RetryPolicy {
    let moment = Duration::from_millis(20);
    RetryPolicy::default().first_delay(moment).probe_interval(moment).settling_time(moment)
}

/// A subscriber of this layer alone, which threads and futures can be given.
pub fn dispatch(layer: impl Layer<Registry> + Send + Sync) -> Dispatch {
    Dispatch::new(tracing_subscriber::registry().with(layer))
}

/// Waits until something is so that nothing tells of.
///
/// # Panics
///
/// If it is not so within a minute.
#[track_caller]
pub fn eventually(is_so: impl Fn() -> bool) {
    let begun = Instant::now();
    while !is_so() {
        assert!(begun.elapsed() < Duration::from_secs(60), "it is not so after a minute");
        thread::yield_now();
    }
}

/// Checks that every item is counted once, and once only.
///
/// # Panics
///
/// If one is not.
#[track_caller]
pub fn assert_balanced(ledger: &Ledger) {
    let settled = ledger.delivered + ledger.rejected() + ledger.dropped() + ledger.outcome_unknown;
    assert_eq!(ledger.accepted, settled + ledger.pending(), "{ledger:#?}");
}

/// Builds the pipeline that takes over what another one of this process left on disk.
///
/// The other one keeps its folder until its last hook has run, which may be after its shutdown.
///
/// # Panics
///
/// If it is not taken over within a minute.
#[track_caller]
pub fn take_over(left: &Stats, builder: impl Fn() -> LayerBuilder) -> (PromptLayer, Guard) {
    let begun = Instant::now();
    loop {
        let (layer, guard) = match builder().build() {
            Ok(built) => built,
            Err(error) => panic!("the second pipeline cannot be built: {error}"),
        };
        let taken = guard.stats();
        if taken.spans.accepted >= left.spans.pending() && taken.tracking.accepted >= left.tracking.pending()
        {
            return (layer, guard);
        }
        assert!(begun.elapsed() < Duration::from_secs(60), "what was left is not taken over: {left:#?}");
        drop((layer, guard));
        thread::yield_now();
    }
}
