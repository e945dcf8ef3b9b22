//! The end of a pipeline: it takes no more spans, sends what it has, and counts the rest.

use std::sync::Arc;
use std::sync::atomic::AtomicBool;
use std::sync::atomic::Ordering::SeqCst;
use std::time::{Duration, Instant};

use promptlayer_client::exporter::clock::deadline_in;
use tokio::sync::watch;

use crate::export::pipeline::Pipeline;
use crate::export::queue::ledger::{DropReason, Ledger};
use crate::export::spool::SpoolMode;
use crate::export::spool::store::Store;
use crate::export::stats::FlushReport;
use crate::hooks;
use crate::hooks::progress::State;

/// The timeout of the shutdown when the guard is dropped.
pub(crate) const TIMEOUT: Duration = Duration::from_secs(5);
/// The most that a shutdown takes longer than its timeout, to count what it cut.
pub(crate) const GRACE: Duration = Duration::from_millis(200);
/// The share of the shutdown timeout that is reserved for writing to the spool, if there is one. It gives a
/// busy machine the time to write everything that is left.
const SPOOLING_SHARE: f64 = 0.2;
/// The maximum time that is reserved for writing to the spool.
const LONGEST_SPOOLING: Duration = Duration::from_secs(1);

/// The shutdown state that the worker receives.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct Stop {
    /// When the worker cancels everything that is in progress.
    pub(crate) deadline: Option<Instant>,
    /// Whether the worker ends once the queue is empty.
    pub(crate) finish: bool,
}

/// The shutdown of a pipeline. It runs once: for the guard, or at the end of the process.
pub(crate) struct Shutdown {
    pub(crate) pipeline: Arc<Pipeline>,
    pub(crate) stop: watch::Sender<Stop>,
    pub(crate) is_shut_down: AtomicBool,
}

impl Shutdown {
    /// Returns `true` if this process is a fork of the one that owns the pipeline.
    pub(crate) fn is_forked(&self) -> bool {
        self.pipeline.is_forked()
    }

    pub(crate) fn flush(&self, timeout: Duration) -> FlushReport {
        if self.pipeline.is_forked() {
            // Every call in a forked process was dropped immediately.
            return FlushReport { is_complete: true, ..FlushReport::default() };
        }
        let before = self.pipeline.stats();
        if let Some(processor) = self.pipeline.processor() {
            processor.release_expired();
        }
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
        let last = deadline.checked_add(GRACE).unwrap_or(deadline);
        if self.is_shut_down.swap(true, SeqCst) {
            // Another thread is shutting down. The process must not end before it is done.
            progress.wait_until(last, |state| state.ended);
            return;
        }
        if let Some(processor) = self.pipeline.processor() {
            // The functions that these calls wait for may never end.
            processor.release_all();
        }
        // Reject new spans from now on. Hooks may still enqueue tracking calls.
        queue.close_to_spans();
        let end_of_sending = end_of_sending(Instant::now(), deadline, store.is_some());
        self.stop.send_modify(|stop| stop.deadline = Some(end_of_sending));
        self.flush_until(deadline, true, in_hook);
        // What waits for the ids of requests on disk waits no longer. Scores for them are counted as dropped.
        self.pipeline.drop_follow_ups(true);
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
