//! Request ids out to the user's closures.
//!
//! Hooks run on a thread of their own, one after the other and in the order of the ids: one that
//! panics, hangs or is slow holds up those behind it and nothing else.

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
use crate::progress::Progress;
use promptlayer_blueprint::Tags;
use promptlayer_blueprint::{RequestId, SpanId, TraceId};
use promptlayer_client::exporter::{Enqueue, Redactor};
use promptlayer_client::{Client, TrackRequest};

/// The name of the thread.
const THREAD: &str = "pl-hooks";
/// The name of the thread on which the connections of asynchronous hooks live.
const IO_THREAD: &str = "pl-hooks-io";
/// How many ids may wait for a hook; those that come when it is full are counted and not shown.
const CAPACITY: usize = 8_192;

/// A hook that is called with every request.
pub(crate) type Hook = Box<dyn Fn(&LoggedRequest) + Send + Sync>;
/// The hook of one function.
pub(crate) type OwnHook = fn(&LoggedRequest);
/// A hook whose future is awaited before the next hook runs.
pub(crate) type AsyncHook =
    Box<dyn Fn(LoggedRequest) -> Pin<Box<dyn Future<Output = ()> + Send>> + Send + Sync>;
/// What is told of errors that nobody awaits.
pub(crate) type OnError = Box<dyn Fn(&Error) + Send + Sync>;

/// A request that PromptLayer logged, and its id.
///
/// A hook given to [`on_request_id`](crate::LayerBuilder::on_request_id) receives it.
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

/// What a hook is told.
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

    /// The id by which PromptLayer knows the request.
    pub fn id(&self) -> RequestId {
        self.0.id
    }

    /// The trace that the request is part of. Over [`Wire::LogRequest`](crate::Wire::LogRequest) no
    /// trace is sent.
    pub fn trace_id(&self) -> TraceId {
        self.0.trace_id
    }

    /// The request's span in that trace.
    pub fn span_id(&self) -> SpanId {
        self.0.span_id
    }

    /// The name of the function that made the request.
    pub fn name(&self) -> &str {
        &self.0.name
    }

    /// The request's tags, those that it took over among them.
    pub fn tags(&self) -> &Tags {
        &self.0.tags
    }

    /// The request's metadata, that which it took over among it.
    pub fn metadata(&self) -> &BTreeMap<String, String> {
        &self.0.metadata
    }

    /// Whether an earlier run of the program made the request, and this one found it in the
    /// [spool](crate::LayerBuilder::spool). The hook of its function alone is not called then.
    pub fn replayed(&self) -> bool {
        self.0.is_replayed
    }

    /// Scores, metadata, prompt and group for this request: each is awaited, or enqueued to ride the
    /// export pipeline.
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
    /// Whether this thread runs hooks.
    static RUNS_HOOKS: Cell<bool> = const { Cell::new(false) };
}

/// Whether this thread runs hooks: what waits for hooks here would wait for itself, and what is logged here
/// is told to none.
pub(crate) fn is_hook_thread() -> bool {
    // A thread whose locals are gone runs nothing any more.
    RUNS_HOOKS.try_with(Cell::get).unwrap_or(false)
}

/// The hooks of a layer.
#[derive(Default)]
pub(crate) struct Hooks {
    pub(crate) synchronous: Vec<Hook>,
    pub(crate) asynchronous: Vec<AsyncHook>,
    /// How long the future of one may take; [`DEFAULT_TIMEOUT`] where it is not said.
    pub(crate) timeout: Option<Duration>,
    /// `None` writes one line to standard error.
    pub(crate) on_error: Option<OnError>,
    /// Every error passes through it before it is shown.
    pub(crate) redactor: Redactor,
    /// Reports errors from other threads, once the hook thread has been started.
    pub(crate) reporter: Arc<Reporter>,
}

/// Reports errors that are noticed by the threads that call. What they notice is not theirs to handle, and it must not
/// hold them up, so the hook thread tells it.
#[derive(Default)]
pub(crate) struct Reporter {
    way: OnceLock<Way>,
    /// Whether it has been reported that the process was forked.
    told_of_fork: AtomicBool,
}

/// How an error gets to the user.
struct Way {
    /// Weak: the thread ends with the pipeline, and the layer may live longer.
    news: WeakSender<News>,
    progress: Arc<Progress>,
    /// Weak for the same reason. In a forked process it is there still: the thread that would drop it is not.
    told: Weak<Told>,
}

/// What is told of errors.
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
    /// Has the hook thread tell of an error. Does not wait.
    pub(crate) fn report(&self, error: Error) {
        if let Some(Way { news, progress, .. }) = self.way.get()
            && let Some(news) = news.upgrade()
        {
            // Where too many wait, those before it tell enough.
            let _ = news.try_send(News::Failed(error, announce(progress)));
        }
    }

    /// Tells of an error on this thread, once: in a process that was forked the hook thread does not exist, and what
    /// it may have locked stays locked.
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

/// How long an asynchronous hook may take: 30 s.
pub(crate) const DEFAULT_TIMEOUT: Duration = Duration::from_secs(30);

/// What became of the ids.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct HookStats {
    /// Ids that the service gave. Each is handed to every hook, but for those that are `skipped`.
    pub received: u64,
    /// Hooks that ran to their end, or to the end of their time.
    pub run: u64,
    /// Hooks that panicked, `on_error` among them.
    pub panicked: u64,
    /// Asynchronous hooks that were dropped since they took too long.
    pub timed_out: u64,
    /// Ids that no hook saw, since too many waited before them.
    pub skipped: u64,
    /// Ids of requests that were made by hooks: those go to no hook, or there would be no end to it.
    pub of_hooks: u64,
    /// Requests that were delivered without an id that could be read.
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

/// What the hook thread is told.
#[derive(Debug)]
enum News {
    /// A request, and the hook of its function.
    Logged(LoggedRequest, Option<OwnHook>, Announced),
    Failed(Error, Announced),
}

/// Something that the hook thread may be told: until it has been, or this is dropped, who flushes waits for it.
#[derive(Debug)]
pub(crate) struct Announced {
    number: u64,
    progress: Arc<Progress>,
}

/// Announces something that the hook thread may be told.
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

/// The way to the hook thread.
#[derive(Debug)]
pub(crate) struct HookSender {
    news: Sender<News>,
    /// Whether every request has a hook that wants it.
    has_hooks: bool,
    counters: Arc<HookCounters>,
    progress: Arc<Progress>,
}

impl HookSender {
    /// Announces a request before its end is entered: who waits for the end waits for its hooks too.
    pub(crate) fn announce(&self) -> Announced {
        announce(&self.progress)
    }

    /// Hands a request over; counted where too many wait.
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

    /// A request was delivered without an id that could be read.
    pub(crate) fn missing(&self) {
        self.counters.missing.fetch_add(1, SeqCst);
    }

    /// Hands an error over. It is told by that thread, since a user's closure may log it, and what
    /// the export thread logs goes nowhere.
    pub(crate) fn failed(&self, error: Error) {
        // Where too many wait, those before it tell enough.
        let _ = self.news.try_send(News::Failed(error, self.announce()));
    }
}

/// Starts the hook thread; it ends when the sender is dropped.
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
    // Hooks are started once.
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

/// The hook thread.
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
            // What was announced is dropped when it has been told.
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
                // The time is limited inside the runtime, which has the timers.
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

    /// Runs a user's hook; its panic ends here.
    fn guarded<R>(&self, run: impl FnOnce() -> R) -> Option<R> {
        let given = catch_unwind(AssertUnwindSafe(run)).ok();
        let counter = if given.is_some() { &self.counters.run } else { &self.counters.panicked };
        counter.fetch_add(1, SeqCst);
        given
    }
}

/// The runtime in which asynchronous hooks run.
///
/// Connections that one hook leaves open are the next one's: they live on the runtime's own thread, whether or
/// not a hook is being awaited. tokio would start such a thread by itself, and panic where it cannot.
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
        // Made on its own thread: one that is dropped where another runs panics.
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
            // Tasks that hooks spawn run here; their panics are theirs. What hangs in one must not keep this.
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

/// What is told where nobody asked to be: a line now and then on standard error.
#[derive(Debug, Default)]
struct Lines {
    last: Option<Instant>,
    /// Errors since then that had no line.
    kept_back: u64,
}

impl Lines {
    /// The least time between two lines: 10 s.
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

/// Writes a line about an error to standard error, and how many had none before it.
pub(crate) fn write_line(error: &Error, kept_back: u64) {
    let kept_back = match kept_back {
        0 => String::new(),
        count => format!(" (and {count} more errors before)"),
    };
    // Standard error may be closed.
    let _ = writeln!(io::stderr(), "promptlayer: {}{kept_back}", error::chain(error));
}
