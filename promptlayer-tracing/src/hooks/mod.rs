//! Calls the user's hooks with the ids of logged requests.
//!
//! Hooks run on their own thread, one after the other and in the order of the ids. A hook that panics, hangs
//! or is slow delays only the hooks after it.

pub(crate) mod progress;

use std::borrow::Cow;
use std::cell::Cell;
use std::collections::BTreeMap;
use std::fmt;
use std::future::Future;
use std::io::{self, Write as _};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::pin::Pin;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering::SeqCst};
use std::sync::mpsc::sync_channel;
use std::sync::{Arc, OnceLock, Weak};
use std::thread;
use std::time::{Duration, Instant};

use tokio::runtime::{self, Handle};
use tokio::sync::mpsc::{Receiver, Sender, WeakSender, channel};
use tokio::sync::oneshot;
use tokio::time::timeout;

use crate::error::{self, Error, Repr};
use crate::hooks::progress::Progress;
use promptlayer_blueprint::Tags;
use promptlayer_blueprint::{RequestId, SpanId, TraceId};
use promptlayer_client::exporter::{Enqueue, Redactor};
use promptlayer_client::{Client, TrackRequest};

/// The name of the hook thread.
const THREAD: &str = "pl-hooks";
/// The name of the thread that drives the connections of asynchronous hooks.
const IO_THREAD: &str = "pl-hooks-io";
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
pub(crate) type OnError = Box<dyn Fn(&Error) + Send + Sync>;

/// A request that PromptLayer has logged, with its id.
///
/// Hooks set with [`on_request_id`](crate::LayerBuilder::on_request_id) receive it.
///
/// ```no_run
/// use promptlayer_tracing::LoggedRequest;
///
/// # fn main() -> Result<(), promptlayer_tracing::Error> {
/// let (layer, guard) = promptlayer_tracing::layer()
///     .on_request_id(|request: &LoggedRequest| {
///         println!("{} is request {}", request.name(), request.id());
///         if let Err(error) = request.track().score(100).enqueue() {
///             eprintln!("the score is lost: {error}");
///         }
///     })
///     .build()?;
/// # drop((layer, guard));
/// # Ok(())
/// # }
/// ```
#[derive(Clone)]
pub struct LoggedRequest(Arc<Logged>);

/// The data of a [`LoggedRequest`].
pub(crate) struct Logged {
    pub(crate) id: RequestId,
    pub(crate) trace_id: TraceId,
    pub(crate) span_id: SpanId,
    pub(crate) name: Cow<'static, str>,
    pub(crate) tags: Tags,
    pub(crate) metadata: BTreeMap<String, String>,
    pub(crate) is_replayed: bool,
    pub(crate) client: Client,
    pub(crate) enqueue: Arc<dyn Enqueue>,
}

impl LoggedRequest {
    pub(crate) fn new(logged: Logged) -> Self {
        Self(Arc::new(logged))
    }

    /// Returns the id of the request in PromptLayer.
    pub fn id(&self) -> RequestId {
        self.0.id
    }

    /// Returns the id of the request's trace. [`Wire::LogRequest`](crate::Wire::LogRequest) does not send the
    /// trace.
    pub fn trace_id(&self) -> TraceId {
        self.0.trace_id
    }

    /// Returns the id of the request's span in the trace.
    pub fn span_id(&self) -> SpanId {
        self.0.span_id
    }

    /// Returns the name of the function that made the request.
    pub fn name(&self) -> &str {
        &self.0.name
    }

    /// Returns the tags of the request, including inherited ones.
    pub fn tags(&self) -> &Tags {
        &self.0.tags
    }

    /// Returns the metadata of the request, including inherited entries.
    pub fn metadata(&self) -> &BTreeMap<String, String> {
        &self.0.metadata
    }

    /// Returns `true` if an earlier run of the program made the request, and this run delivered it from the
    /// [spool](crate::LayerBuilder::spool).
    ///
    /// The hook of the request's own function is not called for such a request.
    pub fn replayed(&self) -> bool {
        self.0.is_replayed
    }

    /// Returns a handle that adds a score, metadata, a prompt or a group to this request.
    ///
    /// Each operation is either awaited, or enqueued to be sent by the export pipeline.
    pub fn track(&self) -> TrackRequest {
        TrackRequest::new(self.0.client.clone(), self.0.id, Arc::clone(&self.0.enqueue))
    }
}

impl fmt::Debug for LoggedRequest {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter
            .debug_struct("LoggedRequest")
            .field("id", &self.0.id)
            .field("trace_id", &self.0.trace_id)
            .field("span_id", &self.0.span_id)
            .field("name", &self.0.name)
            .field("replayed", &self.0.is_replayed)
            .field("tags", &self.0.tags)
            .field("metadata", &self.0.metadata)
            .finish_non_exhaustive()
    }
}

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

/// Reports errors that occur on the threads of the application.
///
/// These threads cannot handle such an error and must not be blocked by it, so the hook thread reports it.
#[derive(Default)]
pub(crate) struct Reporter {
    way: OnceLock<Way>,
    /// `true` if it has been reported that the process was forked.
    told_of_fork: AtomicBool,
}

/// The connection of a [`Reporter`] to the hook thread.
struct Way {
    /// Weak, because the hook thread ends with the pipeline, and the layer may live longer.
    news: WeakSender<News>,
    progress: Arc<Progress>,
    /// Weak for the same reason. In a forked process the value is still available, because the thread that
    /// would drop it does not exist there.
    told: Weak<Told>,
}

/// The error handler and the redactor for its errors.
struct Told {
    on_error: Option<OnError>,
    redactor: Redactor,
}

impl fmt::Debug for Reporter {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.debug_struct("Reporter").finish_non_exhaustive()
    }
}

impl Reporter {
    /// Sends an error to the hook thread, which reports it. Does not block.
    pub(crate) fn report(&self, error: Error) {
        if let Some(Way { news, progress, .. }) = self.way.get()
            && let Some(news) = news.upgrade()
        {
            // If the channel is full, enough errors are reported already.
            let _ = news.try_send(News::Failed(error, announce(progress)));
        }
    }

    /// Reports an error on the current thread, at most once.
    ///
    /// In a forked process the hook thread does not exist, and a lock that it held is never released.
    pub(crate) fn report_after_fork(&self, error: Error) {
        if self.told_of_fork.swap(true, SeqCst) {
            return;
        }
        match self.way.get().and_then(|way| way.told.upgrade()).as_deref() {
            Some(Told { on_error: Some(on_error), redactor }) => {
                let error = error.redacted(redactor);
                let _ = catch_unwind(AssertUnwindSafe(|| on_error(&error)));
            }
            _ => write_line(&error, 0),
        }
    }
}

/// The default time limit for an asynchronous hook: 30 s.
pub(crate) const DEFAULT_TIMEOUT: Duration = Duration::from_secs(30);

/// Counters of request ids and hook calls.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct HookStats {
    /// Ids received from PromptLayer. Each is passed to every hook, except those counted as `skipped` or
    /// `of_hooks`.
    pub received: u64,
    /// Hook calls that returned or reached their time limit.
    pub run: u64,
    /// Hook calls that panicked, including calls of `on_error`.
    pub panicked: u64,
    /// Calls of asynchronous hooks that were dropped at their time limit.
    pub timed_out: u64,
    /// Ids that were passed to no hook, because too many were waiting.
    pub skipped: u64,
    /// Ids of requests made by hooks. They are passed to no hook, because hooks would otherwise cause further
    /// hook calls endlessly.
    pub of_hooks: u64,
    /// Requests that were delivered, but whose response contained no readable id.
    pub missing: u64,
}

/// The counters behind [`HookStats`].
#[derive(Debug, Default)]
pub(crate) struct HookCounters {
    received: AtomicU64,
    run: AtomicU64,
    panicked: AtomicU64,
    timed_out: AtomicU64,
    skipped: AtomicU64,
    of_hooks: AtomicU64,
    missing: AtomicU64,
}

impl HookCounters {
    pub(crate) fn read(&self) -> HookStats {
        HookStats {
            received: self.received.load(SeqCst),
            run: self.run.load(SeqCst),
            panicked: self.panicked.load(SeqCst),
            timed_out: self.timed_out.load(SeqCst),
            skipped: self.skipped.load(SeqCst),
            of_hooks: self.of_hooks.load(SeqCst),
            missing: self.missing.load(SeqCst),
        }
    }
}

/// A message to the hook thread.
#[derive(Debug)]
enum News {
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
fn announce(progress: &Arc<Progress>) -> Announced {
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

    /// Sends a request to the hook thread. If too many are waiting, the request is counted as skipped.
    pub(crate) fn logged(
        &self,
        request: LoggedRequest,
        of_function: Option<OwnHook>,
        is_of_hook: bool,
        announced: Announced,
    ) {
        self.counters.received.fetch_add(1, SeqCst);
        if is_of_hook {
            self.counters.of_hooks.fetch_add(1, SeqCst);
            return;
        }
        if !self.has_hooks && of_function.is_none() {
            return;
        }
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
    let told = Told { on_error: hooks.on_error.take(), redactor: hooks.redactor.clone() };
    let told = Arc::new(told);
    let way = Way { news: news.downgrade(), progress: Arc::clone(&progress), told: Arc::downgrade(&told) };
    // Hooks are started only once, so the value is not set yet.
    let _ = hooks.reporter.way.set(way);
    let runner = Runner {
        hooks,
        told,
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
    told: Arc<Told>,
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
        let error = &error.redacted(&self.told.redactor);
        match &self.told.on_error {
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

/// The runtime of asynchronous hooks.
///
/// A later hook may reuse a connection that an earlier hook left open. Therefore the runtime's own thread
/// drives the connections, even while no hook is awaited. tokio could start such a thread by itself, but
/// panics if it cannot.
struct HookRuntime {
    handle: Handle,
    /// Ends the thread when it is dropped.
    _end: oneshot::Sender<()>,
}

impl HookRuntime {
    fn start() -> Result<Self, Error> {
        let failed = |source| Error::from(Repr::ThreadStart { name: IO_THREAD, source });
        let (end, ended) = oneshot::channel();
        let (begun, begins) = sync_channel(1);
        // Create the runtime on its own thread. Dropping a runtime inside another one panics.
        let run = move || {
            RUNS_HOOKS.set(true);
            let built = runtime::Builder::new_current_thread()
                .on_thread_start(|| RUNS_HOOKS.set(true))
                .enable_all()
                .build();
            let runtime = match built {
                Ok(runtime) => runtime,
                Err(error) => return drop(begun.send(Err(error))),
            };
            let _ = begun.send(Ok(runtime.handle().clone()));
            // Tasks that hooks spawn run here. Their panics stay inside the tasks. `shutdown_background` does
            // not wait for tasks that hang.
            let _ = runtime.block_on(ended);
            runtime.shutdown_background();
        };
        thread::Builder::new().name(IO_THREAD.to_owned()).spawn(run).map_err(failed)?;
        let handle =
            begins.recv().unwrap_or_else(|_| Err(io::Error::other("it ended at once"))).map_err(failed)?;
        Ok(Self { handle, _end: end })
    }
}

impl Drop for Runner {
    fn drop(&mut self) {
        self.progress.update(|state| state.hooks_gone = true);
    }
}

/// The default error handler: rate-limited lines on standard error.
#[derive(Debug, Default)]
struct Lines {
    last: Option<Instant>,
    /// The number of errors since the last line.
    kept_back: u64,
}

impl Lines {
    /// The minimum time between two lines: 10 s.
    const INTERVAL: Duration = Duration::from_secs(10);

    fn write(&mut self, error: &Error) {
        if self.last.is_some_and(|last| last.elapsed() < Self::INTERVAL) {
            self.kept_back += 1;
            return;
        }
        self.last = Some(Instant::now());
        write_line(error, std::mem::take(&mut self.kept_back));
    }
}

/// Writes an error to standard error, with the number of errors suppressed before it.
pub(crate) fn write_line(error: &Error, kept_back: u64) {
    let kept_back = match kept_back {
        0 => String::new(),
        count => format!(" (and {count} more errors before)"),
    };
    // Ignore the result, because standard error may be closed.
    let _ = writeln!(io::stderr(), "promptlayer: {}{kept_back}", error::chain(error));
}
