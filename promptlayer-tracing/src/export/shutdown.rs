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
use crate::export::stats::{FlushReport, Stats};
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

/// A pipeline whose threads run, and the way to stop them.
pub(crate) struct Home {
    pub(crate) pipeline: Arc<Pipeline>,
    pub(crate) stop: watch::Sender<Stop>,
}

/// The pipelines of a layer: one, or one for each of two destinations.
pub(crate) struct Homes {
    pub(crate) first: Home,
    pub(crate) second: Option<Home>,
}

impl Homes {
    fn all(&self) -> impl Iterator<Item = &Home> {
        std::iter::once(&self.first).chain(&self.second)
    }
}

/// The shutdown of the pipelines of a layer. It runs once: for the guard, or at the end of the process.
pub(crate) struct Shutdown {
    homes: Homes,
    is_shut_down: AtomicBool,
}

impl Shutdown {
    pub(crate) fn new(homes: Homes) -> Self {
        Self { homes, is_shut_down: AtomicBool::new(false) }
    }

    /// Returns `true` if this process is a fork of the one that owns the pipelines.
    pub(crate) fn is_forked(&self) -> bool {
        self.homes.first.pipeline.is_forked()
    }

    /// Returns the first pipeline.
    pub(crate) fn first(&self) -> &Arc<Pipeline> {
        &self.homes.first.pipeline
    }

    /// Returns the statistics of the first pipeline, with those of the second one in them.
    pub(crate) fn stats(&self) -> Stats {
        let mut stats = self.homes.first.pipeline.stats();
        self.homes.add_second(&mut stats);
        stats
    }

    pub(crate) fn flush(&self, timeout: Duration) -> FlushReport {
        if self.is_forked() {
            // Every call in a forked process was dropped immediately.
            return FlushReport { is_complete: true, ..FlushReport::default() };
        }
        let ledgers = || -> Vec<Ledger> {
            let stats = self.homes.all().map(|home| home.pipeline.stats());
            stats.flat_map(|stats| [stats.spans, stats.tracking]).collect()
        };
        let before = ledgers();
        if let Some(processor) = self.homes.first.pipeline.processor() {
            processor.release_expired();
            processor.send_open_calls();
        }
        let is_complete = self.flush_until(deadline_in(timeout), false, hooks::is_hook_thread());
        let after = ledgers();
        let sum = |ledgers: &[Ledger], read: &dyn Fn(&Ledger) -> u64| ledgers.iter().map(read).sum::<u64>();
        let grown = |read: &dyn Fn(&Ledger) -> u64| sum(&after, read).saturating_sub(sum(&before, read));
        FlushReport {
            delivered: grown(&|ledger| ledger.delivered),
            lost: grown(&|ledger| ledger.total_rejected() + ledger.total_dropped()),
            outcome_unknown: grown(&|ledger| ledger.outcome_unknown),
            left: sum(&after, &Ledger::total_pending),
            is_complete,
        }
    }

    /// Flushes all pipelines until `deadline`, and returns `true` if everything is settled. See
    /// [`Pipeline::flush_round`] for the arguments.
    pub(crate) fn flush_until(&self, deadline: Instant, is_end: bool, in_hook: bool) -> bool {
        // Runs twice: first for the recorded items, then for what their hooks enqueued. These tracking calls
        // trigger no hooks.
        for _ in 0..2 {
            // All of them send at once. One that is slow does not hold up another.
            let last: Vec<_> = self.homes.all().map(|home| home.pipeline.flush_now()).collect();
            let rounds = self.homes.all().zip(last);
            let settled =
                rounds.map(|(home, last)| home.pipeline.flush_round(last, deadline, is_end, in_hook));
            // Waits for each of them, also if one is not settled in time.
            if settled.filter(|is_settled| !is_settled).count() > 0 {
                return false;
            }
        }
        true
    }

    /// Shuts the pipelines down on the first call. When it returns, every item is counted.
    ///
    /// `in_hook` is `true` if the calling thread runs hooks. The shutdown must not wait for hooks then.
    pub(crate) fn end(&self, deadline: Instant, in_hook: bool) {
        if self.is_forked() {
            // The threads to wait for, and the owners of the locks, exist only in the parent process.
            return;
        }
        // The worker cancels what is in progress at the deadline, and needs a moment to count it.
        let last = deadline.checked_add(GRACE).unwrap_or(deadline);
        if self.is_shut_down.swap(true, SeqCst) {
            // Another thread is shutting down. The process must not end before it is done.
            for Home { pipeline, .. } in self.homes.all() {
                pipeline.progress.wait_until(last, |state| state.ended);
            }
            return;
        }
        if let Some(processor) = self.homes.first.pipeline.processor() {
            // What ends later is not sent.
            processor.send_open_calls();
            // The functions that these calls wait for may never end.
            processor.release_all();
        }
        for Home { pipeline, stop } in self.homes.all() {
            // Reject new spans from now on. Hooks may still enqueue tracking calls.
            pipeline.queue.close_to_spans();
            let end_of_sending = end_of_sending(Instant::now(), deadline, pipeline.store.is_some());
            stop.send_modify(|stop| stop.deadline = Some(end_of_sending));
        }
        self.flush_until(deadline, true, in_hook);
        for Home { pipeline, stop } in self.homes.all() {
            // What waits for the ids of requests on disk waits no longer. Scores for them are counted as dropped.
            pipeline.drop_follow_ups(true);
            pipeline.queue.close();
            stop.send_modify(|stop| stop.finish = true);
        }
        for Home { pipeline, .. } in self.homes.all() {
            pipeline.count_rest(deadline, last, in_hook);
        }
    }
}

impl Homes {
    #[cfg(feature = "otlp")]
    fn add_second(&self, stats: &mut Stats) {
        stats.otlp = self.second.as_ref().map(|second| Box::new(second.pipeline.stats()));
    }

    #[cfg(not(feature = "otlp"))]
    #[allow(clippy::unused_self, reason = "there is no second pipeline")]
    fn add_second(&self, _: &mut Stats) {}
}

impl Pipeline {
    /// Starts to send what is queued. Returns the number of the next item.
    fn flush_now(&self) -> u64 {
        let last = self.queue.next_number();
        self.wake.notify_one();
        last
    }

    /// Waits until the items before `last` and their hooks are done, at the longest until `deadline`. Returns `true` if
    /// they are.
    ///
    /// With `is_end`, it waits for items on disk in every [`SpoolMode`]. Without it, it does not wait for them
    /// in [`SpoolMode::OnFailure`]. With `in_hook`, it waits for no hooks, because a hook that flushes would
    /// wait for itself.
    fn flush_round(&self, last: u64, deadline: Instant, is_end: bool, in_hook: bool) -> bool {
        let Self { queue, store, progress, .. } = self;
        let store = store.as_ref().filter(|store| is_end || store.mode() != SpoolMode::OnFailure);
        progress.wait_until(deadline, |state| queue.is_settled_before(last) || state.sender_gone);
        // Queued items that go to disk are on disk only now.
        let stored = store.and_then(Store::last_open);
        let is_settled =
            || queue.is_settled_before(last) && store.is_none_or(|store| store.is_settled_to(stored));
        progress.wait_until(deadline, |state| is_settled() || state.sender_gone);
        let hooks = progress.read(|state| state.next_hook);
        let hooks_are_through = |state: &State| in_hook || state.hooks_are_through(hooks);
        progress.wait_until(deadline, hooks_are_through);
        progress.read(|state| is_settled() && hooks_are_through(state))
    }

    /// Waits until the export thread has ended, and counts what is left.
    fn count_rest(&self, deadline: Instant, last: Instant, in_hook: bool) {
        let Self { queue, progress, .. } = self;
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
