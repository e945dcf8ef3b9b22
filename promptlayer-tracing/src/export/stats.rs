//! What became of the items of a pipeline.

use std::sync::atomic::AtomicU64;
use std::sync::atomic::Ordering::SeqCst;

use crate::export::pipeline::Pipeline;
use crate::export::queue::ledger::{DropReason, Ledger};
use crate::export::spool::store::Store;
use crate::hooks::HookStats;

/// Statistics of everything that was recorded by the layer.
///
/// The two ledgers are a snapshot of one instant. The other counters are read one after another.
///
/// ```
/// use std::time::Duration;
///
/// use promptlayer_tracing::export::{DropReason, RetryPolicy};
/// use promptlayer_tracing::promptlayer;
/// use tracing_subscriber::prelude::*;
///
/// #[promptlayer]
/// fn ask(question: &str) -> String {
///     format!("You asked: {question}")
/// }
///
/// # fn main() -> Result<(), promptlayer_tracing::Error> {
/// let (layer, guard) = promptlayer_tracing::layer()
///     .api_key("pl_123")
///     .base_url("http://127.0.0.1:9") // nothing listens there
///     .retry(RetryPolicy::default().max_age(Duration::ZERO)) // one attempt
/// #   .on_error(|_| {})
///     .build()?;
/// tracing::subscriber::with_default(tracing_subscriber::registry().with(layer), || ask("why?"));
///
/// let stats = guard.shutdown(Duration::from_secs(5));
/// assert_eq!(stats.spans.accepted, 1);
/// assert_eq!(stats.spans.delivered, 0);
/// assert_eq!(stats.spans.dropped[&DropReason::Expired], 1);
/// assert_eq!(stats.hooks.received, 0, "there is no id without a delivery");
/// # Ok(())
/// # }
/// ```
#[derive(Debug, Clone, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct Stats {
    /// The spans, including those of requests.
    pub spans: Ledger,
    /// The tracking calls that hooks enqueued.
    pub tracking: Ledger,
    /// The counters of the request ids and their hooks.
    pub hooks: HookStats,
    /// Requests to PromptLayer that were sent again.
    pub retries: u64,
    /// Spans that were sent although an earlier request may have delivered them. Each repetition counts.
    ///
    /// This happens when a response is lost, or when an earlier run of the program may have sent the span.
    /// The span was missing from its trace for
    /// [`RetryPolicy::settling_time`](crate::export::RetryPolicy::settling_time), so a duplicate exists only if
    /// PromptLayer took longer than that to store it. With [`Wire::LogRequest`](crate::export::Wire::LogRequest),
    /// this counts requests that an earlier run left on disk and may have sent.
    pub possible_duplicates: u64,
    /// Requests that PromptLayer did not log although it accepted their span, because the template that they
    /// name does not exist. `on_error` receives the name.
    pub skipped_requests: u64,
    /// Spans that were sent without their media, or with long texts cut, because they were larger than
    /// [`BatchLimits::span_bytes`](crate::export::BatchLimits::span_bytes) or than PromptLayer accepts.
    pub shrunk: u64,
    /// Spans that were left out with their trace by [`sample`](crate::LayerBuilder::sample), and not kept by
    /// [`keep`](crate::LayerBuilder::keep). They are not counted in any ledger.
    pub sampled_out: u64,
    /// Spans that wait in memory until it is known whether [`keep`](crate::LayerBuilder::keep) keeps their trace. They are
    /// not counted in any ledger yet.
    pub undecided: u64,
    /// Spans that were removed with their trace while it was undecided, because of the limits of the
    /// [`KeepPolicy`](crate::export::KeepPolicy). They are not counted in any ledger.
    pub evicted: u64,
    /// Files and parts of files of the spool that could not be read when it was opened. They are quarantined
    /// in its folder `set-aside` for a limited time.
    pub set_aside: u64,
    /// Batches that were lost to a panic in the pipeline. The outcome of their items is unknown.
    pub panics: u64,
    /// The statistics of the OTLP destination, if spans are sent to two destinations
    /// ([`Wire::SpansBulkAndOtlp`](crate::export::Wire::SpansBulkAndOtlp)). The other fields are then those of
    /// `/spans-bulk`. If OTLP is the only destination, they are those of OTLP, and this is `None`.
    #[cfg(feature = "otlp")]
    #[cfg_attr(docsrs, doc(cfg(feature = "otlp")))]
    pub otlp: Option<Box<Self>>,
    /// Model calls whose duration and tokens the meter of the feature `metrics` did not record, because it panicked or
    /// because too many calls waited for the export thread. The calls themselves are not affected.
    pub unmeasured: u64,
}

/// The result of a flush: counts of the spans and tracking calls that were settled during it.
///
/// ```
/// use std::time::Duration;
///
/// use promptlayer_tracing::ShutdownGuard;
///
/// /// Waits until the calls of a job are logged. Returns `true` if none was lost.
/// fn finish_job(guard: &ShutdownGuard) -> bool {
///     let report = guard.flush(Duration::from_secs(10));
///     println!("{} delivered, {} lost, {} left", report.delivered, report.lost, report.left);
///     report.is_complete() && report.lost == 0 && report.outcome_unknown == 0
/// }
/// # fn main() -> Result<(), promptlayer_tracing::Error> {
/// # let builder = promptlayer_tracing::layer().api_key("pl_123").base_url("http://127.0.0.1:9");
/// # let (layer, guard) = builder.build()?;
/// # assert!(finish_job(&guard));
/// # drop(layer);
/// # Ok(())
/// # }
/// ```
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct FlushReport {
    /// Items that PromptLayer accepted.
    pub delivered: u64,
    /// Items that PromptLayer rejected, and items that were dropped.
    pub lost: u64,
    /// Items that were sent but may not have arrived.
    pub outcome_unknown: u64,
    /// Items that are not settled yet: queued, in flight or on disk.
    pub left: u64,
    pub(super) is_complete: bool,
}

impl FlushReport {
    /// Returns `true` if everything that was recorded before the flush is settled, and every hook that it
    /// triggered has run. The flush does not wait for items that are on disk after a failure.
    pub fn is_complete(&self) -> bool {
        self.is_complete
    }
}

impl Pipeline {
    pub(crate) fn stats(&self) -> Stats {
        if self.is_forked() {
            return self.stats_after_fork();
        }
        let (spans, tracking) = self.queue.ledgers();
        let read = |counter: &AtomicU64| counter.load(SeqCst);
        Stats {
            spans,
            tracking,
            hooks: self.hooks.read(),
            retries: read(&self.counters.retries),
            possible_duplicates: read(&self.counters.possible_duplicates),
            skipped_requests: read(&self.counters.skipped),
            shrunk: read(&self.counters.shrunk),
            sampled_out: read(&self.counters.left_out),
            undecided: self.processor().map_or(0, |processor| processor.waiting_spans()),
            evicted: read(&self.counters.evicted),
            set_aside: self.store.as_ref().map_or(0, Store::set_aside),
            panics: read(&self.counters.panics),
            #[cfg(feature = "otlp")]
            otlp: None,
            unmeasured: read(&self.counters.unmeasured),
        }
    }

    /// Returns the statistics since the fork. It takes no lock, because one may have been held at the time of
    /// the fork.
    fn stats_after_fork(&self) -> Stats {
        let mut stats = Stats::default();
        let dropped = [(&mut stats.spans, &self.forked.spans), (&mut stats.tracking, &self.forked.tracking)];
        for (ledger, count) in dropped {
            ledger.refuse(DropReason::Forked, count.load(SeqCst));
        }
        stats
    }
}
