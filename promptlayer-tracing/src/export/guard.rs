//! The guard that an application holds: it flushes, shuts down and returns statistics.

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use crate::export::at_exit;
use crate::export::open_calls::{self, OpenCallsTimer};
use crate::export::shutdown::{self, Homes, Shutdown};
use crate::export::stats::{FlushReport, Stats};
use crate::hooks;
use promptlayer_client::exporter::clock::deadline_in;

/// A guard that keeps the export pipeline running. Dropping it shuts the pipeline down.
///
/// Hold it until the end of `main`. Both [`flush`](Self::flush) and [`shutdown`](Self::shutdown) block the
/// calling thread. The pipeline has threads of its own, so they work with any runtime and without one.
///
/// A process that is forked from this one has no pipeline. There, `flush`, `shutdown` and the drop return at
/// once, and calls are counted as dropped ([`Forked`](crate::export::DropReason::Forked)). Build the layer
/// after the fork instead. The guard of a [disabled](crate::LayerBuilder::disabled) layer does nothing either.
///
/// ```
/// use std::time::Duration;
///
/// use tracing_subscriber::prelude::*;
///
/// # fn main() -> Result<(), promptlayer_tracing::Error> {
/// let (layer, guard) = promptlayer_tracing::layer()
///     .api_key("pl_123")
/// #   .base_url("http://127.0.0.1:9")
///     .build()?;
/// tracing_subscriber::registry().with(layer).init();
///
/// // … the program. After a job, for example, wait until its calls are logged:
/// let report = guard.flush(Duration::from_secs(10));
/// if !report.is_complete() {
///     eprintln!("{} calls are not logged yet", report.left);
/// }
/// println!("{} spans so far", guard.stats().spans.accepted);
///
/// // At the end of `main`:
/// let stats = guard.shutdown(Duration::from_secs(5));
/// assert!(stats.spans.is_complete(), "lost calls: {:?}", stats.spans);
/// # Ok(())
/// # }
/// ```
#[must_use = "dropping the guard at once shuts the pipeline down: hold it until the program ends"]
pub struct ShutdownGuard {
    /// `None` if the layer is disabled. It has no pipeline then.
    shutdown: Option<Arc<Shutdown>>,
    is_shut_down: bool,
}

impl fmt::Debug for ShutdownGuard {
    /// Prints the statistics, and none of the recorded content.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ShutdownGuard").field("stats", &self.stats()).finish()
    }
}

impl ShutdownGuard {
    /// The shutdown timeout when the guard is dropped: 5 s.
    pub const SHUTDOWN_TIMEOUT: Duration = shutdown::TIMEOUT;
    /// The maximum time that a shutdown takes beyond its timeout, to count what it cancelled: 0.2 s.
    pub const GRACE: Duration = shutdown::GRACE;

    pub(crate) fn new(homes: Homes) -> Self {
        Self { shutdown: Some(Arc::new(Shutdown::new(homes))), is_shut_down: false }
    }

    /// Returns the guard of a disabled layer.
    pub(crate) fn disabled() -> Self {
        Self { shutdown: None, is_shut_down: true }
    }

    /// Sends everything that has been recorded so far, and waits for the results. With
    /// [`LayerBuilder::open_calls`](crate::LayerBuilder::open_calls), it also sends the calls that have not ended, as
    /// unfinished.
    ///
    /// It waits for the responses, for the hooks that receive the request ids, and for the tracking calls
    /// that these hooks enqueue. It can be called any number of times. It can also be called from a hook, and
    /// does not wait for hooks there.
    ///
    /// With two destinations (feature `otlp`), it waits for both destinations, and the report has the sums
    /// of both.
    ///
    /// It does not wait for spans that other threads record in the meantime. It returns after `timeout` at
    /// the latest. Delivery of the remaining items continues after that.
    pub fn flush(&self, timeout: Duration) -> FlushReport {
        match &self.shutdown {
            Some(shutdown) => shutdown.flush(timeout),
            None => FlushReport { is_complete: true, ..FlushReport::default() },
        }
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
        if let Some(shutdown) = &self.shutdown {
            shutdown.end(deadline_in(timeout), hooks::is_hook_thread());
        }
        // The drop has nothing left to wait for.
        self.is_shut_down = true;
        self.stats()
    }

    /// Registers a shutdown, with the timeout [`SHUTDOWN_TIMEOUT`](Self::SHUTDOWN_TIMEOUT), for the end of
    /// the process.
    ///
    /// It covers [`std::process::exit`], which runs no destructors, and a guard that is still alive when
    /// `main` returns, for example in a `static`. It uses the C library's `atexit`, which does not run when a
    /// process aborts or is killed. See [`SpoolMode`](crate::export::SpoolMode) for what is preserved in that case.
    ///
    /// ```
    /// # fn main() -> Result<(), promptlayer_tracing::Error> {
    /// let (layer, guard) = promptlayer_tracing::layer()
    ///     .api_key("pl_123")
    /// #   .base_url("http://127.0.0.1:9")
    ///     .build()?;
    /// let guard = guard.flush_on_exit();
    /// # drop(layer);
    ///
    /// // … the program …
    ///
    /// std::process::exit(0); // sends what is left, although `guard` is not dropped
    /// # }
    /// ```
    pub fn flush_on_exit(self) -> Self {
        if let Some(shutdown) = &self.shutdown {
            at_exit::register(shutdown);
        }
        self
    }

    /// Starts a timer that sends the calls that are still open when `time` has passed, as unfinished.
    ///
    /// Use it in a serverless function, whose process is frozen or killed at the deadline of the invocation. Leave some
    /// time for sending. Dropping the timer stops it. It does nothing without
    /// [`LayerBuilder::open_calls`](crate::LayerBuilder::open_calls), and in a forked process. A `time` above ten years is
    /// reduced to ten years.
    ///
    /// ```
    /// use std::time::Duration;
    ///
    /// use promptlayer_tracing::ShutdownGuard;
    ///
    /// fn handle(guard: &ShutdownGuard, time_left: Duration) {
    ///     let _timer = guard.send_open_calls_in(time_left.saturating_sub(Duration::from_millis(500)));
    ///     // … call models …
    ///     guard.flush(Duration::from_secs(2));
    /// }
    /// # fn main() -> Result<(), promptlayer_tracing::Error> {
    /// # let builder = promptlayer_tracing::layer().api_key("pl_123").base_url("http://127.0.0.1:9");
    /// # let (layer, guard) = builder.serverless().build()?;
    /// # handle(&guard, Duration::from_secs(30));
    /// # drop(layer);
    /// # Ok(())
    /// # }
    /// ```
    pub fn send_open_calls_in(&self, time: Duration) -> OpenCallsTimer {
        let shutdown = self.shutdown.as_ref();
        OpenCallsTimer::start(shutdown.map(|shutdown| shutdown.first()), time)
    }

    /// Sets a panic hook that sends the calls that have not ended, as unfinished, and then calls the hook that was set
    /// before.
    ///
    /// The panicking thread waits for at most `wait` until they are sent. [`Duration::ZERO`] does not wait. It is right
    /// if the process goes on after a panic; with `panic = "abort"`, wait for a second or two. A call that fails by the
    /// panic is sent again when it has ended. The hook does nothing without
    /// [`LayerBuilder::open_calls`](crate::LayerBuilder::open_calls), in a forked process, and after the shutdown.
    ///
    /// # Panics
    ///
    /// Like [`std::panic::set_hook`], it panics if it is called from a panicking thread.
    ///
    /// ```
    /// use std::time::Duration;
    ///
    /// # fn main() -> Result<(), promptlayer_tracing::Error> {
    /// # let builder = promptlayer_tracing::layer().api_key("pl_123").base_url("http://127.0.0.1:9");
    /// let (layer, guard) = builder.open_calls(true).build()?;
    /// let guard = guard.send_open_calls_on_panic(Duration::ZERO);
    /// # drop((layer, guard));
    /// # Ok(())
    /// # }
    /// ```
    pub fn send_open_calls_on_panic(self, wait: Duration) -> Self {
        if let Some(shutdown) = &self.shutdown {
            open_calls::send_on_panic(shutdown, wait);
        }
        self
    }

    /// Returns the statistics so far. In a process that was forked from the one that built the layer, they
    /// count only the calls made in the fork, which are all dropped.
    pub fn stats(&self) -> Stats {
        self.shutdown.as_ref().map_or_else(Stats::default, |shutdown| shutdown.stats())
    }
}

impl Drop for ShutdownGuard {
    fn drop(&mut self) {
        let Some(shutdown) = &self.shutdown else { return };
        if shutdown.is_forked() {
            // The destructor of the shutdown wakes the export thread and takes a lock for that. The thread is
            // in the parent process.
            std::mem::forget(Arc::clone(shutdown));
            return;
        }
        if !self.is_shut_down {
            shutdown.end(deadline_in(Self::SHUTDOWN_TIMEOUT), hooks::is_hook_thread());
        }
    }
}
