//! What the threads of the pipeline share with those that feed it.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering::SeqCst};

use tokio::sync::Notify;
use tokio::time::Instant;

use super::form::Form;
use super::queue::{Class, Queue, QueueLimits};
use super::spool::Tally;
use super::store::Store;
use crate::fork;
use crate::hook::{HookCounters, Reporter};
use crate::progress::Progress;
use crate::sink::Outgoing;
use promptlayer_client::exporter::{self, TrackCall};

/// One thing to send.
#[derive(Debug)]
pub(crate) enum Item {
    Span(Box<Outgoing>),
    Track(TrackCall),
}

/// One thing to send, as it waits.
#[derive(Debug)]
pub(crate) struct Queued {
    pub(crate) item: Item,
    pub(crate) accepted_at: Instant,
}

/// What is counted beside the ledger.
#[derive(Debug, Default)]
pub(crate) struct ExportCounters {
    /// Requests that were sent again.
    pub(crate) retries: AtomicU64,
    /// Spans that were sent again after an answer was lost, and had not arrived as far as could be read.
    pub(crate) possible_duplicates: AtomicU64,
    /// Requests that the service left out since it does not have their template.
    pub(crate) skipped: AtomicU64,
    /// Spans that were too large, and went without their media or with their texts cut.
    pub(crate) shrunk: AtomicU64,
    /// Spans that were left out with their trace, as the layer's `sample` has it.
    pub(crate) left_out: AtomicU64,
    /// Batches that a fault of this library's own cost.
    pub(crate) panics: AtomicU64,
}

/// What is counted in a process that was forked from the one with the pipeline, where it takes nothing.
#[derive(Debug, Default)]
pub(crate) struct ForkedCounters {
    pub(crate) spans: AtomicU64,
    pub(crate) tracking: AtomicU64,
}

/// What the threads of the pipeline share with those that feed it.
#[derive(Debug)]
pub(crate) struct Pipeline {
    pub(crate) queue: Queue<Queued>,
    /// Tells the export thread that a batch is full.
    pub(crate) wake: Notify,
    pub(crate) form: Arc<Form>,
    pub(crate) store: Option<Store>,
    pub(crate) counters: ExportCounters,
    pub(crate) hooks: Arc<HookCounters>,
    pub(crate) progress: Arc<Progress>,
    /// Reports errors from the threads that call.
    pub(crate) reporter: Arc<Reporter>,
    /// The process whose pipeline it is.
    process: u32,
    pub(crate) forked: ForkedCounters,
}

impl Pipeline {
    pub(crate) fn new(queue: QueueLimits, form: Arc<Form>, store: Option<Store>) -> Self {
        fork::watch();
        Self {
            queue: Queue::new(queue),
            wake: Notify::new(),
            form,
            store,
            counters: ExportCounters::default(),
            hooks: Arc::default(),
            progress: Arc::default(),
            reporter: Arc::default(),
            process: fork::generation(),
            forked: ForkedCounters::default(),
        }
    }

    /// Whether this process is a fork of the one with the pipeline. Then its threads are not here, its locks may be
    /// held for ever, and its files are the parent's.
    pub(crate) fn is_forked(&self) -> bool {
        self.process != fork::generation()
    }

    /// Counts what is recorded in such a process, and reports the first.
    pub(crate) fn refuse_forked(&self, class: Class) -> promptlayer_client::Error {
        let count = match class {
            Class::Span => &self.forked.spans,
            Class::Track => &self.forked.tracking,
        };
        count.fetch_add(1, SeqCst);
        self.reporter.report_after_fork(exporter::forked().into());
        exporter::forked()
    }

    /// The spool, if there is one and this process may use it. A process that was forked may not: its files are the
    /// parent's, and its lock may be held by a thread that the child does not have.
    pub(crate) fn store_here(&self) -> Option<&Store> {
        self.store.as_ref().filter(|_| !self.is_forked())
    }

    /// Enters what an earlier run left on disk.
    pub(crate) fn adopt(&self, found: Tally) {
        self.queue.adopt(Class::Span, found.spans);
        self.queue.adopt(Class::Track, found.tracks);
    }
}
