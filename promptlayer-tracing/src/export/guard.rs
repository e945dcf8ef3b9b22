//! What the application holds: it flushes, shuts down, and tells what became of everything.

use std::fmt;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering::SeqCst};
use std::time::{Duration, Instant};

use tokio::sync::watch;

use super::exit;
use super::ledger::{DropReason, Ledger};
use super::pipeline::Pipeline;
use super::store::{SpoolMode, Store};
use crate::hook::{self, HookStats};
use crate::progress::State;
use promptlayer_client::exporter::clock::deadline_in;

/// What the worker is told of the end.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct Stop {
    /// When whatever is under way is cut.
    pub(crate) deadline: Option<Instant>,
    /// Whether to end once the queue is empty.
    pub(crate) finish: bool,
}

/// What became of everything that the layer was given: the two ledgers at one instant, the counters beside them as they
/// are read.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct Stats {
    /// The spans, those of requests among them.
    pub spans: Ledger,
    /// The tracking calls that hooks enqueued.
    pub tracking: Ledger,
    /// The request ids.
    pub hooks: HookStats,
    /// Requests to the service that were sent again.
    pub retries: u64,
    /// Spans that were sent after an answer was lost, or that an earlier run of the program may have sent, each time
    /// counted anew. They were missing from their trace for as long as
    /// [`RetryPolicy::settling_time`](crate::RetryPolicy::settling_time): a service that was slower than
    /// that has them twice. With [`Wire::LogRequest`](crate::Wire::LogRequest), what an earlier run left on disk.
    pub possible_duplicates: u64,
    /// Requests that the service left out of a span it took, since it does not have the template they
    /// name. `on_error` was told the name.
    pub skipped_requests: u64,
    /// Spans that went without their media, or with long texts cut, since they were larger than
    /// [`BatchLimits::span_bytes`](crate::BatchLimits::span_bytes), or than the service takes.
    pub shrunk: u64,
    /// Spans that were left out with their trace, as [`sample`](crate::LayerBuilder::sample) has it. They are in
    /// no ledger.
    pub sampled_out: u64,
    /// Files, and parts of files, of the spool that could not be read when it was opened. They are kept in its
    /// folder `set-aside` for a while.
    pub set_aside: u64,
    /// Batches that a panic of the pipeline's own cost; what was in them is of unknown outcome.
    pub panics: u64,
}

/// What a flush came to: what became, while it lasted, of spans and tracking calls.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct Flushed {
    /// Items that the service took.
    pub delivered: u64,
    /// Items that the service refused, and items that were given up.
    pub lost: u64,
    /// Items of which nobody knows whether they arrived.
    pub outcome_unknown: u64,
    /// Items that are on their way still, or on disk.
    pub left: u64,
    is_complete: bool,
}

impl Flushed {
    /// Whether everything that had been recorded when the flush began has an end, and every hook that it
    /// led to has run. What is on disk after a failure is not waited for.
    pub fn is_complete(&self) -> bool {
        self.is_complete
    }
}

/// Keeps the export pipeline running; dropping it shuts the pipeline down.
///
/// A process that is forked from this one has no pipeline: in it, `flush`, `shutdown` and the drop return at once, and
/// calls are counted as dropped ([`DropReason::Forked`]). Build a layer after the fork instead.
///
/// Hold it until the end of `main`. Both [`flush`](Self::flush) and [`shutdown`](Self::shutdown)
/// block the thread that calls them; the pipeline has threads of its own, so they work with any
/// runtime and without one.
#[must_use = "dropping the guard at once shuts the pipeline down: hold it until the program ends"]
pub struct Guard {
    ender: Arc<Ender>,
    is_shut_down: bool,
}

impl fmt::Debug for Guard {
    /// What became of everything so far, and nothing of what is in it.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Guard").field("stats", &self.stats()).finish()
    }
}

/// The share of a shutdown's time that is kept for the disk where there is a spool, so that a busy machine can write all
/// that is left.
const SPOOLING_SHARE: f64 = 0.2;
/// The most that is kept for the disk.
const LONGEST_SPOOLING: Duration = Duration::from_secs(1);

/// Ends a pipeline, once: for its guard, or at the end of the process.
pub(crate) struct Ender {
    pipeline: Arc<Pipeline>,
    stop: watch::Sender<Stop>,
    is_shut_down: AtomicBool,
}

impl Guard {
    /// The timeout of the shutdown when the guard is dropped: 5 s.
    pub const SHUTDOWN_TIMEOUT: Duration = Duration::from_secs(5);
    /// How much longer than its timeout a shutdown takes at most, to count what it cut: 0.2 s.
    pub const GRACE: Duration = Duration::from_millis(200);

    pub(crate) fn new(pipeline: Arc<Pipeline>, stop: watch::Sender<Stop>) -> Self {
        let ender = Ender { pipeline, stop, is_shut_down: AtomicBool::new(false) };
        Self { ender: Arc::new(ender), is_shut_down: false }
    }

    /// Sends what has been recorded so far, at once, and waits for the answers, for the hooks that
    /// receive the ids, and for the tracking calls that these enqueue. It can be called any number of
    /// times, and from a hook too, where it waits for no hook.
    ///
    /// Spans that other threads record meanwhile are not waited for. It takes no longer than `timeout`; what
    /// is not sent by then stays on its way.
    pub fn flush(&self, timeout: Duration) -> Flushed {
        self.ender.flush(timeout)
    }

    /// Takes no more spans, flushes, then ends the pipeline. What is not sent after `timeout` is put into the
    /// spool, if there is one; else it is counted as dropped, or, if it was being sent, as of unknown
    /// outcome. With a spool it does not wait for a destination that fails or, for 2 s, does not answer: it returns as
    /// soon as everything is on disk. To count it takes up to [`GRACE`](Self::GRACE) more.
    ///
    /// The statistics that it returns are final: nothing in them is queued or in flight. If the export thread does not
    /// end in time, because the machine is too busy say, this thread counts what is left in its place.
    pub fn shutdown(mut self, timeout: Duration) -> Stats {
        self.ender.end(deadline_in(timeout), hook::is_hook_thread());
        // There is nothing left for the drop to wait for.
        self.is_shut_down = true;
        self.stats()
    }

    /// Has the pipeline shut down, within [`SHUTDOWN_TIMEOUT`](Self::SHUTDOWN_TIMEOUT), when the process ends
    /// by [`std::process::exit`], which drops nothing, or by the return of `main` while the guard is held
    /// elsewhere, in a `static` say.
    ///
    /// It is registered with the C library's `atexit`. A process that aborts, or is killed, does not come by
    /// there: see [`SpoolMode`] for what does not get lost then.
    pub fn flush_on_exit(self) -> Self {
        exit::register(&self.ender);
        self
    }

    /// What became of everything so far. In a process that was forked from the one that built the layer: of the
    /// calls that were made there, which are all dropped.
    pub fn stats(&self) -> Stats {
        self.ender.pipeline.stats()
    }
}

impl Ender {
    /// Whether this process is a fork of the one with the pipeline.
    pub(super) fn is_forked(&self) -> bool {
        self.pipeline.is_forked()
    }

    fn flush(&self, timeout: Duration) -> Flushed {
        if self.pipeline.is_forked() {
            // Every call that was made here was dropped at once.
            return Flushed { is_complete: true, ..Flushed::default() };
        }
        let before = self.pipeline.stats();
        let is_complete = self.flush_until(deadline_in(timeout), false, hook::is_hook_thread());
        let after = self.pipeline.stats();
        let grown = |read: &dyn Fn(&Ledger) -> u64| {
            (read(&after.spans) + read(&after.tracking))
                .saturating_sub(read(&before.spans) + read(&before.tracking))
        };
        Flushed {
            delivered: grown(&|ledger| ledger.delivered),
            lost: grown(&|ledger| ledger.rejected() + ledger.dropped()),
            outcome_unknown: grown(&|ledger| ledger.outcome_unknown),
            left: after.spans.pending() + after.tracking.pending(),
            is_complete,
        }
    }

    /// `is_end` has it wait for what is on disk too, whatever that is there for. A hook that flushes would wait for
    /// itself, so `in_hook` has it wait for no hooks.
    fn flush_until(&self, deadline: Instant, is_end: bool, in_hook: bool) -> bool {
        let Pipeline { queue, store, progress, wake, .. } = &*self.pipeline;
        let store = store.as_ref().filter(|store| is_end || store.mode() != SpoolMode::OnFailure);
        // Twice: what was recorded, and then what the hooks that it led to have enqueued, which leads to none.
        for _ in 0..2 {
            let last = queue.next_number();
            wake.notify_one();
            progress.wait_until(deadline, |state| queue.is_settled_before(last) || state.sender_gone);
            // Only now is all that was queued on disk, where it goes there.
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

    /// Shuts the pipeline down, the first time it is called. When it returns, everything is counted.
    ///
    /// `in_hook` says whether the thread that asks for it runs hooks, which it must not wait for.
    pub(crate) fn end(&self, deadline: Instant, in_hook: bool) {
        if self.pipeline.is_forked() {
            // The threads that it would wait for, and those that hold its locks, are in the parent.
            return;
        }
        let Pipeline { queue, progress, store, .. } = &*self.pipeline;
        // The worker cuts what is under way at the deadline, and needs a moment to count it.
        let last = deadline.checked_add(Guard::GRACE).unwrap_or(deadline);
        if self.is_shut_down.swap(true, SeqCst) {
            // Another thread does it, and the process must not end before that.
            progress.wait_until(last, |state| state.ended);
            return;
        }
        // Spans that come from now on are too late; what hooks enqueue is not.
        queue.close_to_spans();
        let end_of_sending = end_of_sending(Instant::now(), deadline, store.is_some());
        self.stop.send_modify(|stop| stop.deadline = Some(end_of_sending));
        self.flush_until(deadline, true, in_hook);
        queue.close();
        self.stop.send_modify(|stop| stop.finish = true);
        progress.wait_until(last, |state| state.sender_gone);
        // Whether or not the worker came to its end.
        queue.finish(DropReason::Deadline);
        if !in_hook {
            let hooks = progress.read(|state| state.next_hook);
            progress.wait_until(deadline, |state| state.hooks_are_through(hooks));
        }
        progress.update(|state| state.ended = true);
    }
}

/// When a shutdown that ends by `deadline` stops sending.
fn end_of_sending(now: Instant, deadline: Instant, has_spool: bool) -> Instant {
    let time = deadline.saturating_duration_since(now);
    let for_disk =
        if has_spool { time.mul_f64(SPOOLING_SHARE).min(LONGEST_SPOOLING) } else { Duration::ZERO };
    deadline.checked_sub(for_disk).unwrap_or(deadline)
}

impl Pipeline {
    pub(super) fn stats(&self) -> Stats {
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

    /// What became of what was recorded since the fork: no lock is touched, one may have been held at the fork.
    fn stats_after_fork(&self) -> Stats {
        let mut stats = Stats::default();
        let dropped = [(&mut stats.spans, &self.forked.spans), (&mut stats.tracking, &self.forked.tracking)];
        for (ledger, count) in dropped {
            ledger.refuse(DropReason::Forked, count.load(SeqCst));
        }
        stats
    }
}

impl Drop for Guard {
    fn drop(&mut self) {
        if self.ender.is_forked() {
            // Its destructor wakes the export thread, which is in the parent, and takes a lock for that.
            std::mem::forget(Arc::clone(&self.ender));
            return;
        }
        if !self.is_shut_down {
            self.ender.end(deadline_in(Self::SHUTDOWN_TIMEOUT), hook::is_hook_thread());
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn shutdown_with_a_spool_keeps_a_fifth_of_its_time_and_at_most_a_second_for_the_disk() {
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
