//! When the calls that have not ended are sent as unfinished: at a time that the application sets, or when a thread
//! panics. The export thread does it, because it may run the user's closures for redaction, and a panic in a panic hook
//! aborts the process.

use std::fmt;
use std::panic::{self, AssertUnwindSafe};
use std::sync::atomic::Ordering::SeqCst;
use std::sync::{Arc, Weak};
use std::time::{Duration, Instant};

use promptlayer_client::exporter::clock::deadline_in;

use crate::export::is_silent;
use crate::export::pipeline::Pipeline;
use crate::export::shutdown::Shutdown;
use crate::hooks;

/// A timer that sends the calls that are still open when its time has passed. Dropping it before stops it.
///
/// Created by [`ShutdownGuard::send_open_calls_in`](crate::ShutdownGuard::send_open_calls_in), which has an example.
#[must_use = "dropping the timer at once stops it: hold it until the handler returns"]
pub struct OpenCallsTimer {
    pipeline: Weak<Pipeline>,
    number: u64,
}

impl fmt::Debug for OpenCallsTimer {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.debug_struct("OpenCallsTimer").finish_non_exhaustive()
    }
}

impl OpenCallsTimer {
    /// Starts a timer. Without a pipeline, it does nothing.
    pub(crate) fn start(pipeline: Option<&Arc<Pipeline>>, time: Duration) -> Self {
        // In a forked process, the thread that would send the calls does not exist.
        let Some(pipeline) = pipeline.filter(|pipeline| !pipeline.is_forked()) else {
            return Self { pipeline: Weak::new(), number: 0 };
        };
        let number = pipeline.open_calls.start_timer(deadline_in(time));
        // The thread now waits for less time.
        pipeline.wake.notify_one();
        Self { pipeline: Arc::downgrade(pipeline), number }
    }
}

impl Drop for OpenCallsTimer {
    fn drop(&mut self) {
        if let Some(pipeline) = self.pipeline.upgrade().filter(|pipeline| !pipeline.is_forked()) {
            pipeline.open_calls.stop_timer(self.number);
        }
    }
}

impl Pipeline {
    /// Sends the open calls, if this was asked for, or if a timer is due. Runs on the export thread.
    pub(crate) fn send_open_calls_if_asked(&self) {
        let asked = self.open_calls.asked.load(SeqCst);
        let is_asked = asked != self.open_calls.seen.load(SeqCst);
        if !(self.open_calls.take_due(Instant::now()) || is_asked) {
            return;
        }
        if let Some(processor) = self.processor() {
            // A panic, which is a bug in this crate, must not be repeated forever.
            let sent = panic::catch_unwind(AssertUnwindSafe(|| processor.send_open_calls()));
            self.counters.panics.fetch_add(sent.is_err().into(), SeqCst);
        }
        if is_asked {
            self.open_calls.seen.store(asked, SeqCst);
            self.progress.notify();
        }
    }
}

impl Shutdown {
    /// Has the open calls sent, and waits for at most this time until they are.
    fn send_open_calls(&self, wait: Duration) {
        let Pipeline { open_calls, wake, progress, .. } = &**self.first();
        let number = open_calls.asked.fetch_add(1, SeqCst) + 1;
        wake.notify_one();
        if wait.is_zero() {
            return;
        }
        let deadline = deadline_in(wait);
        let has_seen = || open_calls.seen.load(SeqCst) >= number;
        if progress.wait_until(deadline, |state| has_seen() || state.sender_gone) {
            self.flush_until(deadline, false, hooks::is_hook_thread());
        }
    }
}

/// Sets a panic hook that has the open calls sent, and then calls the hook that was set before.
pub(crate) fn send_on_panic(shutdown: &Arc<Shutdown>, wait: Duration) {
    let shutdown = Arc::downgrade(shutdown);
    let before = panic::take_hook();
    panic::set_hook(Box::new(move |info| {
        let shutdown = shutdown.upgrade().filter(|shutdown| !shutdown.is_forked());
        // The threads of the export cannot wait for themselves.
        if let Some(shutdown) = shutdown.filter(|_| !is_silent()) {
            shutdown.send_open_calls(wait);
        }
        before(info);
    }));
}
