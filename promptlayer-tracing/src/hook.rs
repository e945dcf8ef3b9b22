//! Request ids out to the user's closures.
//!
//! Hooks run on a thread of their own, one after the other and in the order of the ids: one that
//! panics, hangs or is slow holds up those behind it and nothing else.

use std::collections::BTreeMap;
use std::fmt;
use std::future::Future;
use std::io::Write as _;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering::SeqCst};
use std::thread;

use tokio::runtime::{self, Runtime};
use tokio::sync::mpsc::{Receiver, Sender, channel};

use crate::client::{Client, Enqueue, Error, TrackRequest};
use crate::ids::{RequestId, SpanId, TraceId};
use crate::progress::Progress;
use crate::tags::Tags;

/// The name of the thread.
const THREAD: &str = "pl-hooks";
/// How many ids may wait for a hook; those that come when it is full are counted and not shown.
const CAPACITY: usize = 65_536;

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
    pub(crate) name: &'static str,
    pub(crate) tags: Tags,
    pub(crate) metadata: BTreeMap<String, String>,
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
        self.0.name
    }

    /// The request's tags, those that it took over among them.
    pub fn tags(&self) -> &Tags {
        &self.0.tags
    }

    /// The request's metadata, that which it took over among it.
    pub fn metadata(&self) -> &BTreeMap<String, String> {
        &self.0.metadata
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
            .field("tags", &self.0.tags)
            .field("metadata", &self.0.metadata)
            .finish_non_exhaustive()
    }
}

/// The hooks of a layer.
#[derive(Default)]
pub(crate) struct Hooks {
    pub(crate) synchronous: Vec<Hook>,
    pub(crate) asynchronous: Vec<AsyncHook>,
    /// `None` writes one line to standard error.
    pub(crate) on_error: Option<OnError>,
}

/// What became of the ids.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct HookStats {
    /// Ids that the service gave. Each is handed to every hook, but for those that are `skipped`.
    pub received: u64,
    /// Hooks that panicked, `on_error` among them.
    pub panicked: u64,
    /// Ids that no hook saw, since too many waited before them.
    pub skipped: u64,
    /// Requests that were delivered without an id that could be read.
    pub missing: u64,
}

/// The counters behind [`HookStats`].
#[derive(Debug, Default)]
pub(crate) struct HookCounters {
    pub(crate) received: AtomicU64,
    panicked: AtomicU64,
    skipped: AtomicU64,
    pub(crate) missing: AtomicU64,
}

impl HookCounters {
    pub(crate) fn read(&self) -> HookStats {
        HookStats {
            received: self.received.load(SeqCst),
            panicked: self.panicked.load(SeqCst),
            skipped: self.skipped.load(SeqCst),
            missing: self.missing.load(SeqCst),
        }
    }
}

/// What the hook thread is told.
#[derive(Debug)]
enum News {
    /// A request, and the hook of its function.
    Logged(LoggedRequest, Option<OwnHook>),
    Failed(Error),
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
    /// Hands a request over; counted where too many wait.
    pub(crate) fn logged(&self, request: LoggedRequest, of_function: Option<OwnHook>) {
        self.counters.received.fetch_add(1, SeqCst);
        if !self.has_hooks && of_function.is_none() {
            return;
        }
        if !self.send(News::Logged(request, of_function)) {
            self.counters.skipped.fetch_add(1, SeqCst);
        }
    }

    /// Hands an error over. It is told by that thread, since a user's closure may log it, and what
    /// the export thread logs goes nowhere.
    pub(crate) fn failed(&self, error: Error) {
        self.send(News::Failed(error));
    }

    fn send(&self, news: News) -> bool {
        self.progress.update(|state| state.hooks_sent += 1);
        let is_sent = self.news.try_send(news).is_ok();
        if !is_sent {
            self.progress.update(|state| state.hooks_sent -= 1);
        }
        is_sent
    }
}

/// Starts the hook thread; it ends when the sender is dropped.
pub(crate) fn start(
    hooks: Hooks,
    counters: Arc<HookCounters>,
    progress: Arc<Progress>,
) -> Result<HookSender, Error> {
    let failed = |source| Error::ThreadStart { name: THREAD, source };
    // Connections that one hook leaves open are the next one's: they live on the runtime's own
    // thread, whether or not a hook is being awaited.
    let runtime = if hooks.asynchronous.is_empty() {
        None
    } else {
        let built = runtime::Builder::new_multi_thread()
            .worker_threads(1)
            .thread_name("pl-hooks-io")
            .enable_all()
            .build();
        Some(built.map_err(failed)?)
    };
    let (news, inbox) = channel(CAPACITY);
    let has_hooks = !hooks.synchronous.is_empty() || !hooks.asynchronous.is_empty();
    let runner = Runner { hooks, runtime, counters: Arc::clone(&counters), progress: Arc::clone(&progress) };
    thread::Builder::new().name(THREAD.to_owned()).spawn(move || runner.run(inbox)).map_err(failed)?;
    Ok(HookSender { news, has_hooks, counters, progress })
}

/// The hook thread.
struct Runner {
    hooks: Hooks,
    runtime: Option<Runtime>,
    counters: Arc<HookCounters>,
    progress: Arc<Progress>,
}

impl Runner {
    fn run(self, mut inbox: Receiver<News>) {
        while let Some(news) = inbox.blocking_recv() {
            match news {
                News::Logged(request, of_function) => self.call(&request, of_function),
                News::Failed(error) => self.tell(&error),
            }
            self.progress.update(|state| state.hooks_done += 1);
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
                self.guarded(|| runtime.block_on(hook(request.clone())));
            }
        }
    }

    fn tell(&self, error: &Error) {
        match &self.hooks.on_error {
            Some(on_error) => self.guarded(|| on_error(error)),
            None => write_error(error),
        }
    }

    /// Runs a user's closure; its panic ends here.
    fn guarded(&self, run: impl FnOnce()) {
        if catch_unwind(AssertUnwindSafe(run)).is_err() {
            self.counters.panicked.fetch_add(1, SeqCst);
        }
    }
}

impl Drop for Runner {
    fn drop(&mut self) {
        if let Some(runtime) = self.runtime.take() {
            runtime.shutdown_background();
        }
        self.progress.update(|state| state.hooks_gone = true);
    }
}

/// What is told where nobody asked to be.
fn write_error(error: &Error) {
    // Where standard error is closed there is nobody to tell.
    let _ = writeln!(std::io::stderr(), "promptlayer: {error}");
}
