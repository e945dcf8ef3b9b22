//! Hooks: your closures, which receive the id of each logged request.
//!
//! Hooks run on their own thread, one after the other and in the order of the ids. A hook that panics, hangs
//! or is slow delays only the hooks after it. It never delays your calls or their delivery. At most 8,192 ids wait
//! for hooks; further ids are counted in [`HookStats::skipped`] and passed to no hook.
//!
//! | set by | is called for |
//! |---|---|
//! | [`LayerBuilder::on_request_id`](crate::LayerBuilder::on_request_id) | every request |
//! | [`LayerBuilder::on_request_id_async`](crate::LayerBuilder::on_request_id_async) | every request; its future is awaited, for at most 30 s by default |
//! | the attribute's `on_request_id` | the requests of one function |
//!
//! ```
//! use promptlayer_tracing::hooks::LoggedRequest;
//! use promptlayer_tracing::promptlayer;
//!
//! fn store(request: &LoggedRequest) {
//!     println!("request {} of the trace {}", request.id(), request.trace_id());
//! }
//!
//! #[promptlayer(on_request_id = store)]
//! fn ask(question: &str) -> String {
//!     format!("You asked: {question}")
//! }
//! ```

mod async_runtime;
mod logged_request;
pub(crate) mod progress;
mod reporter;
mod stats;
pub(crate) mod subscription;

use std::cell::Cell;
use std::future::Future;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::Ordering::SeqCst;
use std::thread;
use std::time::Duration;

use promptlayer_client::exporter::Redactor;
use tokio::sync::mpsc::{Receiver, Sender, channel};
use tokio::time::timeout;

use self::async_runtime::HookRuntime;
pub(crate) use self::logged_request::Logged;
pub use self::logged_request::LoggedRequest;
use self::reporter::{Connection, ErrorHandler, Lines};
pub(crate) use self::reporter::{Reporter, write_line};
pub(crate) use self::stats::HookCounters;
pub use self::stats::HookStats;
use crate::error::{Error, Repr};
use crate::hooks::progress::Progress;

/// The name of the hook thread.
const THREAD: &str = "pl-hooks";
/// The maximum number of ids that wait for a hook. Ids beyond it are counted as skipped and passed to no
/// hook.
const CAPACITY: usize = 8_192;

/// A hook that is called for every request.
pub(crate) type Hook = Box<dyn Fn(&LoggedRequest) + Send + Sync>;
/// A hook of one function.
pub(crate) type OwnHook = fn(&LoggedRequest);
/// A hook whose future is awaited before the next hook runs.
pub(crate) type AsyncHook =
    Box<dyn Fn(LoggedRequest) -> Pin<Box<dyn Future<Output = ()> + Send>> + Send + Sync>;
/// The user's handler for errors that no caller receives.
pub(crate) type OnError = Arc<dyn Fn(&Error) + Send + Sync>;

std::thread_local! {
    /// `true` on threads that run hooks.
    static RUNS_HOOKS: Cell<bool> = const { Cell::new(false) };
}

/// Returns `true` if the current thread runs hooks.
///
/// Waiting for hooks on such a thread would deadlock. Requests logged on it are passed to no hook.
pub(crate) fn is_hook_thread() -> bool {
    // The thread-local value is gone only while the thread exits, when it runs no more hooks.
    RUNS_HOOKS.try_with(Cell::get).unwrap_or(false)
}

/// The hooks of a layer.
#[derive(Default)]
pub(crate) struct Hooks {
    pub(crate) synchronous: Vec<Hook>,
    pub(crate) asynchronous: Vec<AsyncHook>,
    /// The time limit for the future of one asynchronous hook. `None` means [`DEFAULT_TIMEOUT`].
    pub(crate) timeout: Option<Duration>,
    /// The user's error handler. `None` writes a line to standard error.
    pub(crate) on_error: Option<OnError>,
    /// Removes secrets from every error before it is shown.
    pub(crate) redactor: Redactor,
    /// Reports errors from other threads, once the hook thread has been started.
    pub(crate) reporter: Arc<Reporter>,
}

#[cfg(feature = "otlp")]
impl Hooks {
    /// Returns hooks that only report errors, in the same way. They are for a second destination, since ids come from
    /// one.
    pub(crate) fn only_errors(&self) -> Self {
        Self { on_error: self.on_error.clone(), redactor: self.redactor.clone(), ..Self::default() }
    }
}

/// The default time limit for an asynchronous hook: 30 s.
pub(crate) const DEFAULT_TIMEOUT: Duration = Duration::from_secs(30);

/// A message to the hook thread.
#[derive(Debug)]
pub(crate) enum News {
    /// A logged request, and the hook of its function.
    Logged(LoggedRequest, Option<OwnHook>, Announced),
    Failed(Error, Announced),
}

/// A registered message for the hook thread. A flush waits until it is processed or dropped.
#[derive(Debug)]
pub(crate) struct Announced {
    number: u64,
    progress: Arc<Progress>,
}

/// Registers a message for the hook thread.
pub(crate) fn announce(progress: &Arc<Progress>) -> Announced {
    let mut number = 0;
    progress.update(|state| {
        number = state.next_hook;
        state.next_hook += 1;
        state.open_hooks.insert(number);
    });
    Announced { number, progress: Arc::clone(progress) }
}

impl Drop for Announced {
    fn drop(&mut self) {
        self.progress.update(|state| {
            state.open_hooks.remove(&self.number);
        });
    }
}

/// The sending side of the hook thread's channel.
#[derive(Debug)]
pub(crate) struct HookSender {
    news: Sender<News>,
    /// `true` if the layer has a hook for every request.
    has_hooks: bool,
    counters: Arc<HookCounters>,
    progress: Arc<Progress>,
}

impl HookSender {
    /// Registers a message for a request before the request is counted as finished. A flush that waits for
    /// the request then also waits for its hooks.
    pub(crate) fn announce(&self) -> Announced {
        announce(&self.progress)
    }

    /// Returns `true` if a hook is called with the id of a request that has this hook of its own.
    #[cfg(feature = "otlp")]
    pub(crate) fn wants_id_of(&self, of_function: Option<OwnHook>) -> bool {
        self.has_hooks || of_function.is_some()
    }

    /// Counts the id of a request. Returns `true` if a hook is to be called for it.
    pub(crate) fn received(&self, of_function: Option<OwnHook>, is_of_hook: bool) -> bool {
        self.counters.received.fetch_add(1, SeqCst);
        if is_of_hook {
            self.counters.of_hooks.fetch_add(1, SeqCst);
        }
        !is_of_hook && (self.has_hooks || of_function.is_some())
    }

    /// Sends a request to the hook thread. If too many are waiting, the request is counted as skipped.
    pub(crate) fn logged(&self, request: LoggedRequest, of_function: Option<OwnHook>, announced: Announced) {
        if self.news.try_send(News::Logged(request, of_function, announced)).is_err() {
            self.counters.skipped.fetch_add(1, SeqCst);
        }
    }

    /// Counts a request that was delivered without a readable id.
    pub(crate) fn missing(&self) {
        self.counters.missing.fetch_add(1, SeqCst);
    }

    /// Sends an error to the hook thread.
    ///
    /// The hook thread reports it, because the user's handler may log the error, and logs of the export
    /// thread are suppressed.
    pub(crate) fn failed(&self, error: Error) {
        // If the channel is full, enough errors are reported already.
        let _ = self.news.try_send(News::Failed(error, self.announce()));
    }
}

/// Starts the hook thread. The thread ends when the sender is dropped.
pub(crate) fn start(
    mut hooks: Hooks,
    counters: Arc<HookCounters>,
    progress: Arc<Progress>,
) -> Result<HookSender, Error> {
    let failed = |source| Error::from(Repr::ThreadStart { name: THREAD, source });
    let runtime = if hooks.asynchronous.is_empty() { None } else { Some(HookRuntime::start()?) };
    let (news, inbox) = channel(CAPACITY);
    let has_hooks = !hooks.synchronous.is_empty() || !hooks.asynchronous.is_empty();
    let handler = ErrorHandler { on_error: hooks.on_error.take(), redactor: hooks.redactor.clone() };
    let handler = Arc::new(handler);
    let way = Connection {
        news: news.downgrade(),
        progress: Arc::clone(&progress),
        handler: Arc::downgrade(&handler),
    };
    // Hooks are started only once, so the value is not set yet.
    let _ = hooks.reporter.connection.set(way);
    let runner = Runner {
        hooks,
        handler,
        runtime,
        counters: Arc::clone(&counters),
        progress: Arc::clone(&progress),
        lines: Lines::default(),
    };
    thread::Builder::new().name(THREAD.to_owned()).spawn(move || runner.run(inbox)).map_err(failed)?;
    Ok(HookSender { news, has_hooks, counters, progress })
}

/// The state of the hook thread.
struct Runner {
    hooks: Hooks,
    handler: Arc<ErrorHandler>,
    runtime: Option<HookRuntime>,
    counters: Arc<HookCounters>,
    progress: Arc<Progress>,
    lines: Lines,
}

impl Runner {
    fn run(mut self, mut inbox: Receiver<News>) {
        RUNS_HOOKS.set(true);
        while let Some(news) = inbox.blocking_recv() {
            // `_announced` is dropped after the message is processed, which lets a flush continue.
            match news {
                News::Logged(request, of_function, _announced) => self.call(&request, of_function),
                News::Failed(error, _announced) => self.tell(error),
            }
        }
    }

    fn call(&self, request: &LoggedRequest, of_function: Option<OwnHook>) {
        if let Some(hook) = of_function {
            self.guarded(|| hook(request));
        }
        for hook in &self.hooks.synchronous {
            self.guarded(|| hook(request));
        }
        if let Some(runtime) = &self.runtime {
            for hook in &self.hooks.asynchronous {
                let limit = self.hooks.timeout.unwrap_or(DEFAULT_TIMEOUT);
                // Create the time-out inside the runtime, which provides the timers.
                let in_time = self.guarded(|| {
                    runtime.handle.block_on(async { timeout(limit, hook(request.clone())).await.is_ok() })
                });
                if in_time == Some(false) {
                    self.counters.timed_out.fetch_add(1, SeqCst);
                }
            }
        }
    }

    fn tell(&mut self, error: Error) {
        let error = &error.redacted(&self.handler.redactor);
        match &self.handler.on_error {
            Some(on_error) => {
                if catch_unwind(AssertUnwindSafe(|| on_error(error))).is_err() {
                    self.counters.panicked.fetch_add(1, SeqCst);
                }
            }
            None => self.lines.write(error),
        }
    }

    /// Runs a user's hook and catches its panic.
    fn guarded<R>(&self, run: impl FnOnce() -> R) -> Option<R> {
        let given = catch_unwind(AssertUnwindSafe(run)).ok();
        let counter = if given.is_some() { &self.counters.run } else { &self.counters.panicked };
        counter.fetch_add(1, SeqCst);
        given
    }
}

impl Drop for Runner {
    fn drop(&mut self) {
        self.progress.update(|state| state.hooks_gone = true);
    }
}
