//! What the application holds: it flushes, shuts down, and tells what became of everything.

use std::sync::Arc;
use std::time::{Duration, Instant};

use tokio::sync::watch;

use crate::export::Pipeline;
use crate::export::ledger::Ledger;
use crate::hook::HookStats;
use crate::progress::State;

/// What the worker is told of the end.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct Stop {
    /// When whatever is under way is cut.
    pub(crate) deadline: Option<Instant>,
    /// Whether to end once the queue is empty.
    pub(crate) finish: bool,
}

/// What became of everything that the layer was given.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct Stats {
    /// The spans, those of requests among them.
    pub spans: Ledger,
    /// The tracking calls that hooks enqueued.
    pub tracking: Ledger,
    /// The request ids.
    pub hooks: HookStats,
}

/// Keeps the export pipeline running; dropping it shuts the pipeline down.
///
/// Hold it until the end of `main`. Both [`flush`](Self::flush) and [`shutdown`](Self::shutdown)
/// block the thread that calls them; the pipeline has threads of its own, so they work with any
/// runtime and without one.
#[derive(Debug)]
#[must_use = "dropping the guard at once shuts the pipeline down: hold it until the program ends"]
pub struct Guard {
    pipeline: Arc<Pipeline>,
    stop: watch::Sender<Stop>,
    is_shut_down: bool,
}

impl Guard {
    /// The timeout of the shutdown when the guard is dropped: 5 s.
    pub const SHUTDOWN_TIMEOUT: Duration = Duration::from_secs(5);
    /// How much longer than its timeout a shutdown takes at most, to count what it cut.
    const GRACE: Duration = Duration::from_millis(500);

    pub(crate) fn new(pipeline: Arc<Pipeline>, stop: watch::Sender<Stop>) -> Self {
        Self { pipeline, stop, is_shut_down: false }
    }

    /// Sends what has been recorded so far, at once, and waits for the answers, for the hooks that
    /// receive the ids, and for the tracking calls that these enqueue.
    ///
    /// Spans that other threads record meanwhile are not waited for. `false` if it took longer than
    /// `timeout`; what is not sent by then stays on its way.
    pub fn flush(&self, timeout: Duration) -> bool {
        self.flush_until(deadline_in(timeout))
    }

    /// Takes no more spans, flushes, then ends the pipeline. What is not sent after `timeout` is counted
    /// as dropped, or, if it was being sent, as of unknown outcome; to count it takes up to 0.5 s more.
    /// Gives the last statistics.
    pub fn shutdown(mut self, timeout: Duration) -> Stats {
        self.end(timeout);
        self.stats()
    }

    /// What became of everything so far.
    pub fn stats(&self) -> Stats {
        Stats {
            spans: self.pipeline.spans.read(),
            tracking: self.pipeline.tracking.read(),
            hooks: self.pipeline.hooks.read(),
        }
    }

    fn flush_until(&self, deadline: Instant) -> bool {
        let Pipeline { queue, tracking, progress, .. } = &*self.pipeline;
        loop {
            let (target, tracked) = (queue.pushed(), tracking.read().accepted);
            queue.wake.notify_one();
            // What was counted and then found no place is counted out again.
            let is_settled = |state: &State| state.settled >= target.min(queue.pushed());
            progress.wait_until(deadline, |state| is_settled(state) || state.sender_gone);
            let hooks_sent = progress.read(|state| state.hooks_sent);
            progress.wait_until(deadline, |state| state.hooks_done >= hooks_sent || state.hooks_gone);
            let is_through = progress
                .read(|state| is_settled(state) && (state.hooks_done >= hooks_sent || state.hooks_gone));
            // Hooks may have enqueued more. Spans that others record meanwhile are not waited for.
            if !is_through || tracking.read().accepted == tracked {
                return is_through;
            }
        }
    }

    fn end(&mut self, timeout: Duration) {
        if std::mem::replace(&mut self.is_shut_down, true) {
            return;
        }
        let Pipeline { queue, progress, .. } = &*self.pipeline;
        let deadline = deadline_in(timeout);
        // Spans that come from now on are too late; what hooks enqueue is not.
        queue.close_to_spans();
        self.stop.send_modify(|stop| stop.deadline = Some(deadline));
        self.flush_until(deadline);
        queue.close();
        self.stop.send_modify(|stop| stop.finish = true);
        // The worker cuts what is under way at the deadline, and needs a moment to count it.
        progress.wait_until(deadline + Self::GRACE, |state| state.sender_gone);
        let hooks_sent = progress.read(|state| state.hooks_sent);
        progress.wait_until(deadline, |state| state.hooks_done >= hooks_sent || state.hooks_gone);
    }
}

/// The instant after a time, however long that is.
fn deadline_in(timeout: Duration) -> Instant {
    const FOR_EVER: Duration = Duration::from_secs(365 * 24 * 60 * 60);
    let now = Instant::now();
    now.checked_add(timeout.min(FOR_EVER)).unwrap_or(now)
}

impl Drop for Guard {
    fn drop(&mut self) {
        self.end(Self::SHUTDOWN_TIMEOUT);
    }
}
