//! The state that the pipeline's threads share with the calling threads.

use std::sync::atomic::Ordering::SeqCst;
use std::sync::atomic::{AtomicBool, AtomicU64};
use std::sync::{Arc, OnceLock, Weak};

use promptlayer_client::exporter::{self, TrackCall};
use tokio::sync::Notify;
use tokio::time::Instant;

use crate::export::encode::encoder::Encoder;
use crate::export::open_call_requests::OpenCallRequests;
use crate::export::queue::{Class, Queue, QueueLimits};
use crate::export::spool::disk::Tally;
use crate::export::spool::store::Store;
use crate::fork;
use crate::hooks::progress::Progress;
use crate::hooks::{HookCounters, Reporter};
#[cfg(feature = "otlp")]
use crate::process::shared::SharedSpan;
use crate::process::{ProcessedSpan, SpanProcessor};

/// A finished span or a tracking call to send.
#[derive(Debug)]
pub(crate) enum QueueItem {
    Span(ProcessedSpan),
    /// A span that another pipeline has too.
    #[cfg(feature = "otlp")]
    Shared(Arc<SharedSpan>),
    Track(TrackCall),
}

impl QueueItem {
    /// Returns the class of the item.
    pub(crate) fn class(&self) -> Class {
        match self {
            Self::Span(_) => Class::Span,
            #[cfg(feature = "otlp")]
            Self::Shared(_) => Class::Span,
            Self::Track(_) => Class::Track,
        }
    }

    /// Returns `true` if this pipeline records the measures of the call. It asks once.
    pub(crate) fn is_measured_here(&self) -> bool {
        match self {
            Self::Span(_) | Self::Track(_) => true,
            #[cfg(feature = "otlp")]
            Self::Shared(shared) => shared.is_measured_here(),
        }
    }

    /// Returns `true` if a caller waits for the request id.
    pub(crate) fn is_awaited(&self) -> bool {
        let span = match self {
            Self::Span(processed) => &processed.span,
            #[cfg(feature = "otlp")]
            Self::Shared(shared) => &shared.processed().span,
            Self::Track(_) => return false,
        };
        span.subscriptions.iter().any(|waiting| waiting.subscription.is_awaited())
    }
}

/// An item in the queue.
#[derive(Debug)]
pub(crate) struct Queued {
    pub(crate) item: QueueItem,
    pub(crate) accepted_at: Instant,
}

/// Counters in addition to the ledger.
#[derive(Debug, Default)]
pub(crate) struct ExportCounters {
    /// Requests that were sent again.
    pub(crate) retries: AtomicU64,
    /// Spans that were sent again after a lost response, because the read-back did not find them.
    pub(crate) possible_duplicates: AtomicU64,
    /// Requests that the service did not log because their prompt template does not exist.
    pub(crate) skipped: AtomicU64,
    /// Spans that were too large, and were sent without their media or with their texts cut.
    pub(crate) shrunk: AtomicU64,
    /// Spans that were left out with their trace by the layer's `sample`.
    pub(crate) left_out: AtomicU64,
    /// Spans that were removed while they waited for the decision of the layer's `keep`.
    pub(crate) evicted: AtomicU64,
    /// Batches that were lost to a panic in this crate.
    pub(crate) panics: AtomicU64,
    /// Model calls whose measures were not recorded.
    pub(crate) unmeasured: AtomicU64,
}

/// Counters in a process that was forked from the one that owns the pipeline. All items are dropped there.
#[derive(Debug, Default)]
pub(crate) struct ForkedCounters {
    pub(crate) spans: AtomicU64,
    pub(crate) tracking: AtomicU64,
}

/// The state that the pipeline's threads share with the calling threads.
#[derive(Debug)]
pub(crate) struct Pipeline {
    pub(crate) queue: Queue<Queued>,
    /// Wakes the export thread when a batch is full.
    pub(crate) wake: Notify,
    /// `true` if the export thread waits for a full batch. If all its requests are in flight, it takes the next batch
    /// when one of them ends, and calling threads need not wake it.
    pub(crate) waits_for_batch: AtomicBool,
    pub(crate) encoder: Arc<Encoder>,
    pub(crate) store: Option<Store>,
    pub(crate) counters: ExportCounters,
    pub(crate) hooks: Arc<HookCounters>,
    pub(crate) progress: Arc<Progress>,
    /// The requests to send the calls that have not ended.
    pub(crate) open_calls: OpenCallRequests,
    /// Reports errors from the calling threads.
    pub(crate) reporter: Arc<Reporter>,
    /// The processor that hands spans over to this pipeline.
    processor: OnceLock<Weak<SpanProcessor>>,
    /// The process that owns the pipeline.
    process: u32,
    pub(crate) forked: ForkedCounters,
}

impl Pipeline {
    pub(crate) fn new(queue: QueueLimits, encoder: Arc<Encoder>, store: Option<Store>) -> Self {
        fork::watch();
        Self {
            queue: Queue::new(queue),
            wake: Notify::new(),
            waits_for_batch: AtomicBool::new(true),
            encoder,
            store,
            counters: ExportCounters::default(),
            hooks: Arc::default(),
            progress: Arc::default(),
            open_calls: OpenCallRequests::default(),
            reporter: Arc::default(),
            processor: OnceLock::new(),
            process: fork::generation(),
            forked: ForkedCounters::default(),
        }
    }

    /// Sets the processor that hands spans over to this pipeline.
    pub(crate) fn feed_from(&self, processor: &Arc<SpanProcessor>) {
        // A pipeline has one processor, so it is set once.
        let _ = self.processor.set(Arc::downgrade(processor));
    }

    /// Returns the processor, unless no layer and no call uses it any more. Then it holds no span either.
    pub(crate) fn processor(&self) -> Option<Arc<SpanProcessor>> {
        self.processor.get()?.upgrade()
    }

    /// Returns `true` if this process is a fork of the one that owns the pipeline.
    ///
    /// In a fork, the pipeline's threads do not exist, its locks may be held forever, and its files belong to
    /// the parent.
    pub(crate) fn is_forked(&self) -> bool {
        self.process != fork::generation()
    }

    /// Counts an item that was recorded in a forked process, and reports the first one.
    pub(crate) fn refuse_forked(&self, class: Class) -> promptlayer_client::Error {
        let count = match class {
            Class::Span => &self.forked.spans,
            Class::Track => &self.forked.tracking,
        };
        count.fetch_add(1, SeqCst);
        self.reporter.report_after_fork(exporter::forked().into());
        exporter::forked()
    }

    /// Returns the spool, if there is one and this process may use it.
    ///
    /// A forked process may not use it: the files belong to the parent, and the lock may be held by a thread
    /// that exists only in the parent.
    pub(crate) fn store_here(&self) -> Option<&Store> {
        self.store.as_ref().filter(|_| !self.is_forked())
    }

    /// Records the items that an earlier run left on disk.
    pub(crate) fn adopt(&self, found: Tally) {
        self.queue.adopt(Class::Span, found.spans);
        self.queue.adopt(Class::Track, found.tracks);
    }
}
