//! What the threads of the pipeline share with those that feed it.

use std::sync::Arc;
use std::sync::atomic::AtomicU64;

use tokio::sync::Notify;
use tokio::time::Instant;

use super::form::Form;
use super::queue::{Class, Queue, QueueLimits};
use super::spool::Tally;
use super::store::Store;
use crate::client::TrackCall;
use crate::hook::HookCounters;
use crate::progress::Progress;
use crate::sink::Outgoing;

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
}

impl Pipeline {
    pub(crate) fn new(queue: QueueLimits, form: Arc<Form>, store: Option<Store>) -> Self {
        Self {
            queue: Queue::new(queue),
            wake: Notify::new(),
            form,
            store,
            counters: ExportCounters::default(),
            hooks: Arc::default(),
            progress: Arc::default(),
        }
    }

    /// Enters what an earlier run left on disk.
    pub(crate) fn adopt(&self, found: Tally) {
        self.queue.adopt(Class::Span, found.spans);
        self.queue.adopt(Class::Track, found.tracks);
    }
}
