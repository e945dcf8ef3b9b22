//! The guard that an application holds: it flushes, shuts down and returns statistics.

use std::fmt;
use std::sync::Arc;
use std::sync::atomic::AtomicBool;
use std::sync::atomic::Ordering::SeqCst;
use std::time::{Duration, Instant};

use promptlayer_client::exporter::clock::deadline_in;
use tokio::sync::watch;

use crate::export::at_exit;
use crate::export::pipeline::Pipeline;
use crate::export::queue::ledger::{DropReason, Ledger};
use crate::export::spool::SpoolMode;
use crate::export::spool::store::Store;
use crate::hooks::progress::State;
use crate::hooks::{self, HookStats};

/// The shutdown state that the worker receives.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct Stop {
    /// When the worker cancels everything that is in progress.
    pub(crate) deadline: Option<Instant>,
    /// Whether the worker ends once the queue is empty.
    pub(crate) finish: bool,
}

/// Statistics of everything that was recorded by the layer.
///
/// The two ledgers are a snapshot of one instant. The other counters are read one after another.
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
    /// Spans that were left out with their trace by [`sample`](crate::LayerBuilder::sample). They are not
    /// counted in any ledger.
    pub sampled_out: u64,
    /// Files and parts of files of the spool that could not be read when it was opened. They are quarantined
    /// in its folder `set-quarantine` for a limited time.
    pub set_aside: u64,
    /// Batches that were lost to a panic in the pipeline. The outcome of their items is unknown.
    pub panics: u64,
}

/// The result of a flush: counts of the spans and tracking calls that were settled during it.
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
    is_complete: bool,
}

impl FlushReport {
    /// Returns `true` if everything that was recorded before the flush is settled, and every hook that it
    /// triggered has run. The flush does not wait for items that are on disk after a failure.
    pub fn is_complete(&self) -> bool {
        self.is_complete
    }
}

/// A guard that keeps the export pipeline running. Dropping it shuts the pipeline down.
///
/// Hold it until the end of `main`. Both [`flush`](Self::flush) and [`shutdown`](Self::shutdown) block the
/// calling thread. The pipeline has threads of its own, so they work with any runtime and without one.
///
/// A process that is forked from this one has no pipeline. There, `flush`, `shutdown` and the drop return at
/// once, and calls are counted as dropped ([`DropReason::Forked`]). Build the layer after the fork instead.
#[must_use = "dropping the guard at once shuts the pipeline down: hold it until the program ends"]
pub struct ShutdownGuard {
    shutdown: Arc<Shutdown>,
    is_shut_down: bool,
}

impl fmt::Debug for ShutdownGuard {
    /// Prints the statistics, and none of the recorded content.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ShutdownGuard").field("stats", &self.stats()).finish()
    }
}

/// The share of the shutdown timeout that is reserved for writing to the spool, if there is one. It gives a
/// busy machine the time to write everything that is left.
const SPOOLING_SHARE: f64 = 0.2;
/// The maximum time that is reserved for writing to the spool.
const LONGEST_SPOOLING: Duration = Duration::from_secs(1);

/// The shutdown of a pipeline. It runs once: for the guard, or at the end of the process.
pub(crate) struct Shutdown {
    pipeline: Arc<Pipeline>,
    stop: watch::Sender<Stop>,
    is_shut_down: AtomicBool,
}

impl ShutdownGuard {
    /// The shutdown timeout when the guard is dropped: 5 s.
    pub const SHUTDOWN_TIMEOUT: Duration = Duration::from_secs(5);
    /// The maximum time that a shutdown takes beyond its timeout, to count what it cancelled: 0.2 s.
    pub const GRACE: Duration = Duration::from_millis(200);

    pub(crate) fn new(pipeline: Arc<Pipeline>, stop: watch::Sender<Stop>) -> Self {
        let shutdown = Shutdown { pipeline, stop, is_shut_down: AtomicBool::new(false) };
        Self { shutdown: Arc::new(shutdown), is_shut_down: false }
    }

    /// Sends everything that has been recorded so far, and waits for the results.
    ///
    /// It waits for the responses, for the hooks that receive the request ids, and for the tracking calls
    /// that these hooks enqueue. It can be called any number of times. It can also be called from a hook, and
    /// does not wait for hooks there.
    ///
    /// It does not wait for spans that other threads record in the meantime. It returns after `timeout` at
    /// the latest. Delivery of the remaining items continues after that.
    pub fn flush(&self, timeout: Duration) -> FlushReport {
        self.shutdown.flush(timeout)
    }

    /// Stops accepting spans, flushes, then ends the pipeline.
    ///
    /// What is not sent after `timeout` is written to the spool, if there is one. Without a spool it is
    /// counted as dropped, or as of unknown outcome if it was being sent. With a spool, the shutdown does not
    /// wait for a destination that fails, or that does not respond for 2 s: it returns as soon as everything
    /// is on disk. Counting takes up to [`GRACE`](Self::GRACE) more.
    ///
    /// The returned statistics are final: nothing in them is queued or in flight. If the export thread does
    /// not end in time, for example because the machine is too busy, the calling thread counts what is left.
    pub fn shutdown(mut self, timeout: Duration) -> Stats {
        self.shutdown.end(deadline_in(timeout), hooks::is_hook_thread());
        // The drop has nothing left to wait for.
        self.is_shut_down = true;
        self.stats()
    }

    /// Registers a shutdown, with the timeout [`SHUTDOWN_TIMEOUT`](Self::SHUTDOWN_TIMEOUT), for the end of
    /// the process.
    ///
    /// It covers [`std::process::exit`], which runs no destructors, and a guard that is still alive when
    /// `main` returns, for example in a `static`. It uses the C library's `atexit`, which does not run when a
    /// process aborts or is killed. See [`SpoolMode`] for what is preserved in that case.
    pub fn flush_on_exit(self) -> Self {
        at_exit::register(&self.shutdown);
        self
    }

    /// Returns the statistics so far. In a process that was forked from the one that built the layer, they
    /// count only the calls made in the fork, which are all dropped.
    pub fn stats(&self) -> Stats {
        self.shutdown.pipeline.stats()
    }
}

impl Shutdown {
    /// Returns `true` if this process is a fork of the one that owns the pipeline.
    pub(crate) fn is_forked(&self) -> bool {
        self.pipeline.is_forked()
    }

    fn flush(&self, timeout: Duration) -> FlushReport {
        if self.pipeline.is_forked() {
            // Every call in a forked process was dropped immediately.
            return FlushReport { is_complete: true, ..FlushReport::default() };
        }
        let before = self.pipeline.stats();
        let is_complete = self.flush_until(deadline_in(timeout), false, hooks::is_hook_thread());
        let after = self.pipeline.stats();
        let grown = |read: &dyn Fn(&Ledger) -> u64| {
            (read(&after.spans) + read(&after.tracking))
                .saturating_sub(read(&before.spans) + read(&before.tracking))
        };
        FlushReport {
            delivered: grown(&|ledger| ledger.delivered),
            lost: grown(&|ledger| ledger.total_rejected() + ledger.total_dropped()),
            outcome_unknown: grown(&|ledger| ledger.outcome_unknown),
            left: after.spans.total_pending() + after.tracking.total_pending(),
            is_complete,
        }
    }

    /// Flushes until `deadline`, and returns `true` if everything is settled.
    ///
    /// With `is_end`, it waits for items on disk in every [`SpoolMode`]. Without it, it does not wait for them
    /// in [`SpoolMode::OnFailure`]. With `in_hook`, it waits for no hooks, because a hook that flushes would
    /// wait for itself.
    fn flush_until(&self, deadline: Instant, is_end: bool, in_hook: bool) -> bool {
        let Pipeline { queue, store, progress, wake, .. } = &*self.pipeline;
        let store = store.as_ref().filter(|store| is_end || store.mode() != SpoolMode::OnFailure);
        // Runs twice: first for the recorded items, then for what their hooks enqueued. These tracking calls
        // trigger no hooks.
        for _ in 0..2 {
            let last = queue.next_number();
            wake.notify_one();
            progress.wait_until(deadline, |state| queue.is_settled_before(last) || state.sender_gone);
            // Queued items that go to disk are on disk only now.
            let stored = store.and_then(Store::last_open);
            let is_settled =
                || queue.is_settled_before(last) && store.is_none_or(|store| store.is_settled_to(stored));
            progress.wait_until(deadline, |state| is_settled() || state.sender_gone);
            let hooks = progress.read(|state| state.next_hook);
            let hooks_are_through = |state: &State| in_hook || state.hooks_are_through(hooks);
            progress.wait_until(deadline, hooks_are_through);
            if !progress.read(|state| is_settled() && hooks_are_through(state)) {
                return false;
            }
        }
        true
    }

    /// Shuts the pipeline down on the first call. When it returns, every item is counted.
    ///
    /// `in_hook` is `true` if the calling thread runs hooks. The shutdown must not wait for hooks then.
    pub(crate) fn end(&self, deadline: Instant, in_hook: bool) {
        if self.pipeline.is_forked() {
            // The threads to wait for, and the owners of the locks, exist only in the parent process.
            return;
        }
        let Pipeline { queue, progress, store, .. } = &*self.pipeline;
        // The worker cancels what is in progress at the deadline, and needs a moment to count it.
        let last = deadline.checked_add(ShutdownGuard::GRACE).unwrap_or(deadline);
        if self.is_shut_down.swap(true, SeqCst) {
            // Another thread is shutting down. The process must not end before it is done.
            progress.wait_until(last, |state| state.ended);
            return;
        }
        // Reject new spans from now on. Hooks may still enqueue tracking calls.
        queue.close_to_spans();
        let end_of_sending = end_of_sending(Instant::now(), deadline, store.is_some());
        self.stop.send_modify(|stop| stop.deadline = Some(end_of_sending));
        self.flush_until(deadline, true, in_hook);
        queue.close();
        self.stop.send_modify(|stop| stop.finish = true);
        progress.wait_until(last, |state| state.sender_gone);
        // Count everything here, whether or not the worker has ended.
        queue.finish(DropReason::Deadline);
        if !in_hook {
            let hooks = progress.read(|state| state.next_hook);
            progress.wait_until(deadline, |state| state.hooks_are_through(hooks));
        }
        progress.update(|state| state.ended = true);
    }
}

/// Returns when a shutdown with this deadline stops sending.
fn end_of_sending(now: Instant, deadline: Instant, has_spool: bool) -> Instant {
    let time = deadline.saturating_duration_since(now);
    let for_disk =
        if has_spool { time.mul_f64(SPOOLING_SHARE).min(LONGEST_SPOOLING) } else { Duration::ZERO };
    deadline.checked_sub(for_disk).unwrap_or(deadline)
}

impl Pipeline {
    pub(crate) fn stats(&self) -> Stats {
        if self.is_forked() {
            return self.stats_after_fork();
        }
        let (spans, tracking) = self.queue.ledgers();
        let read = |counter: &std::sync::atomic::AtomicU64| counter.load(SeqCst);
        Stats {
            spans,
            tracking,
            hooks: self.hooks.read(),
            retries: read(&self.counters.retries),
            possible_duplicates: read(&self.counters.possible_duplicates),
            skipped_requests: read(&self.counters.skipped),
            shrunk: read(&self.counters.shrunk),
            sampled_out: read(&self.counters.left_out),
            set_aside: self.store.as_ref().map_or(0, Store::set_aside),
            panics: read(&self.counters.panics),
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

impl Drop for ShutdownGuard {
    fn drop(&mut self) {
        if self.shutdown.is_forked() {
            // The destructor of the shutdown wakes the export thread and takes a lock for that. The thread is
            // in the parent process.
            std::mem::forget(Arc::clone(&self.shutdown));
            return;
        }
        if !self.is_shut_down {
            self.shutdown.end(deadline_in(Self::SHUTDOWN_TIMEOUT), hooks::is_hook_thread());
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn shutdown_reserves_a_fifth_of_its_time_for_the_spool() {
        let now = Instant::now();
        for (time, with_spool) in [(0, 0), (100, 80), (5_000, 4_000), (60_000, 59_000)] {
            let deadline = now + Duration::from_millis(time);
            assert_eq!(
                end_of_sending(now, deadline, true),
                now + Duration::from_millis(with_spool),
                "{time}"
            );
            assert_eq!(end_of_sending(now, deadline, false), deadline, "{time}");
            assert_eq!(end_of_sending(deadline, now, true), now, "a deadline that is over: {time}");
        }
    }
}
