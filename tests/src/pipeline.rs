//! Helpers for tests of the export pipeline: a layer that logs to a server of the test.

use std::thread;
use std::time::{Duration, Instant};

use promptlayer_tracing::client::Env;
use promptlayer_tracing::export::{BatchLimits, Ledger, RetryPolicy, Stats, Wire};
use promptlayer_tracing::{LayerBuilder, PromptLayer, ShutdownGuard};
use tracing::Dispatch;
use tracing_subscriber::Layer;
use tracing_subscriber::prelude::*;
use tracing_subscriber::registry::Registry;

/// The API key that the tests send.
pub const KEY: &str = "pl_test_key";

/// The maximum number of spans in a batch of [`layer_to`].
pub const BATCH: usize = 10;

/// Creates a layer that logs to the server at `url` and ignores the environment of the process.
///
/// Nothing is sent because of the batch interval. A batch is sent when the pipeline starts, when there are
/// [`BATCH`] spans, on a flush, and at shutdown.
pub fn layer_to(url: &str) -> LayerBuilder {
    promptlayer_tracing::layer()
        .env(Env::empty())
        .api_key(KEY)
        .base_url(url)
        .batch(BatchLimits::default().spans(BATCH).interval(Duration::from_secs(600)))
}

/// The wire over which a layer sends its spans to PromptLayer.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum Way {
    /// `POST /spans-bulk`.
    SpansBulk,
    /// `POST /v1/traces`.
    Otlp,
}

/// All wires that carry a trace. What holds for one holds for all.
pub const WAYS: [Way; 2] = [Way::SpansBulk, Way::Otlp];

impl Way {
    /// The path that takes the spans.
    pub fn path(self) -> &'static str {
        match self {
            Self::SpansBulk => "/spans-bulk",
            Self::Otlp => "/v1/traces",
        }
    }

    /// Makes a layer use this wire, and ask for the ids of its requests.
    pub fn of(self, builder: LayerBuilder) -> LayerBuilder {
        match self {
            Self::SpansBulk => builder,
            // Over OTLP, ids are only read for hooks.
            Self::Otlp => builder.wire(Wire::Otlp).on_request_id(|_| {}),
        }
    }
}

/// Returns a retry policy with delays that are short enough for a test.
pub fn quick() -> RetryPolicy {
    let moment = Duration::from_millis(20);
    RetryPolicy::default().first_delay(moment).probe_interval(moment).settling_time(moment)
}

/// Creates a subscriber with only this layer, to be passed to threads and futures.
pub fn dispatch(layer: impl Layer<Registry> + Send + Sync) -> Dispatch {
    Dispatch::new(tracing_subscriber::registry().with(layer))
}

/// Waits until a condition holds, by polling it.
///
/// # Panics
///
/// Panics if the condition does not hold within a minute.
#[track_caller]
pub fn eventually(is_so: impl Fn() -> bool) {
    let begun = Instant::now();
    while !is_so() {
        assert!(begun.elapsed() < Duration::from_secs(60), "it is not so after a minute");
        thread::yield_now();
    }
}

/// Checks that every item is counted exactly once.
///
/// # Panics
///
/// Panics if the counts do not add up.
#[track_caller]
pub fn assert_balanced(ledger: &Ledger) {
    let settled =
        ledger.delivered + ledger.total_rejected() + ledger.total_dropped() + ledger.outcome_unknown;
    assert_eq!(ledger.accepted, settled + ledger.total_pending(), "{ledger:#?}");
}

/// Builds a pipeline that takes over the items that another pipeline of this process left on disk.
///
/// The other pipeline keeps its folder until its last hook has returned, which may be after its shutdown.
///
/// # Panics
///
/// Panics if the items are not taken over within a minute.
#[track_caller]
pub fn take_over(left: &Stats, builder: impl Fn() -> LayerBuilder) -> (PromptLayer, ShutdownGuard) {
    let begun = Instant::now();
    loop {
        let (layer, guard) = match builder().build() {
            Ok(built) => built,
            Err(error) => panic!("the second pipeline cannot be built: {error}"),
        };
        let taken = guard.stats();
        if taken.spans.accepted >= left.spans.total_pending()
            && taken.tracking.accepted >= left.tracking.total_pending()
        {
            return (layer, guard);
        }
        assert!(begun.elapsed() < Duration::from_secs(60), "what was left is not taken over: {left:#?}");
        drop((layer, guard));
        thread::yield_now();
    }
}
