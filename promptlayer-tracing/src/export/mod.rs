//! From a finished span to the service, and the ids back.
//!
//! ```text
//! threads that call ── submit ──> queue ──> worker (thread pl-export) ──> POST /spans-bulk
//!                                             │  the answer: ids, rejections
//!                                             ├──> ledger: what became of each
//!                                             └──> hooks (thread pl-hooks)
//! ```

mod batch;
mod courier;
mod encode;
mod exit;
mod gate;
mod guard;
mod ledger;
mod outcome;
mod packer;
mod parcel;
mod queue;
mod reconcile;
mod retry;
mod shrink;
mod silence;
mod spool;
mod store;
mod sync;
#[cfg(test)]
mod tests;
mod transport;
mod worker;

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};
use std::time::Instant;

use tokio::sync::Notify;

pub use self::batch::BatchLimits;
pub(crate) use self::encode::Resource;
pub use self::guard::{Flushed, Guard, Stats};
pub use self::ledger::{DropReason, Ledger, Pending, RejectReason};
pub(crate) use self::packer::Form;
pub use self::queue::QueueLimits;
pub use self::retry::RetryPolicy;
pub(crate) use self::silence::is_silent;
pub(crate) use self::spool::Tally;
pub(crate) use self::store::{Entry, Store};
pub use self::store::{SpoolMode, SpoolSettings};
pub(crate) use self::worker::{Settings, start};

use self::packer::Packed;
use self::queue::{Class, Queue, Refused, Weight};
use crate::client::{Enqueue, Error, TrackCall};
use crate::hook::HookCounters;
use crate::progress::Progress;
use crate::sink::{Destination, Outgoing};

/// How requests reach the service.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
#[non_exhaustive]
pub enum Wire {
    /// Many spans with their requests in one `POST /spans-bulk`: the trace, the requests and their
    /// ids in one exchange, and a trace to read back where an answer is lost.
    #[default]
    SpansBulk,
    /// One `POST /log-request` a request, and no trace. Where an answer is lost, the outcome is unknown.
    LogRequest,
}

/// One thing to send.
#[derive(Debug)]
pub(crate) enum Item {
    Span(Box<Outgoing>),
    Track(TrackCall),
}

/// One thing to send, as it waits.
#[derive(Debug)]
pub(crate) struct Queued {
    item: Item,
    accepted_at: Instant,
}

/// What is counted beside the ledger.
#[derive(Debug, Default)]
pub(crate) struct ExportCounters {
    /// Requests that were sent again.
    retries: AtomicU64,
    /// Spans that were sent again after an answer was lost, and had not arrived as far as could be read.
    possible_duplicates: AtomicU64,
    /// Requests that the service left out since it does not have their template.
    skipped: AtomicU64,
    /// Spans that were too large, and went without their media or with their texts cut.
    shrunk: AtomicU64,
    /// Spans that were left out with their trace, as the layer's `sample` has it.
    left_out: AtomicU64,
    /// Batches that a fault of this library's own cost.
    panics: AtomicU64,
}

/// What the threads of the pipeline share with those that feed it.
#[derive(Debug)]
pub(crate) struct Pipeline {
    queue: Queue<Queued>,
    /// Tells the export thread that a batch is full.
    wake: Notify,
    form: Arc<Form>,
    store: Option<Store>,
    counters: ExportCounters,
    hooks: Arc<HookCounters>,
    progress: Arc<Progress>,
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

    /// Puts an item into the queue, or counts why not.
    fn push(&self, weight: Weight, item: Item) -> Result<(), DropReason> {
        match self.queue.push(weight, Queued { item, accepted_at: Instant::now() }) {
            Ok(held) => {
                // Waking the sender costs more than a span: only where a batch is full.
                let limits = self.form.batch;
                let was_below = held.bytes - weight.bytes < limits.bytes;
                if held.waiting.is_multiple_of(limits.spans) || (was_below && held.bytes >= limits.bytes) {
                    self.wake.notify_one();
                }
                Ok(())
            }
            Err(Refused::Full(_)) => Err(DropReason::QueueFull),
            Err(Refused::Closed(_)) => Err(DropReason::Closed),
        }
    }

    /// Puts something on disk, on this thread, where there is such a spool. `None` if it is there, or was
    /// too late.
    fn store_at_once(&self, item: Item) -> Option<Item> {
        if self.store.as_ref().is_none_or(|store| store.mode() != SpoolMode::Synchronous) {
            return Some(item);
        }
        let (class, packed) = match &item {
            Item::Span(outgoing) => (Class::Span, self.form.pack(outgoing)),
            Item::Track(call) => (Class::Track, Some(Packed::of_track(call.clone()))),
        };
        let Some(Packed { content, bytes: Ok(bytes), is_shrunk }) = packed else { return Some(item) };
        let accepted_at = tokio::time::Instant::now();
        let entry = Entry { content: &content, bytes: &bytes, accepted_at, is_in_doubt: false };
        if self.write(&entry, || self.queue.admit_to_spool(class).is_ok()).is_err() {
            // The queue is there still, and the export thread will say what is wrong with the disk.
            return Some(item);
        }
        self.counters.shrunk.fetch_add(is_shrunk.into(), Relaxed);
        self.wake.notify_one();
        None
    }
}

impl Destination for Arc<Pipeline> {
    /// What has no place is counted.
    fn take(&self, outgoing: Outgoing) {
        // A span that makes no request log yields its place first.
        let weight = Weight { class: Class::Span, bytes: outgoing.size, yields: !outgoing.span.is_request };
        if let Some(item) = self.store_at_once(Item::Span(Box::new(outgoing))) {
            // The reason is in the ledger.
            let _ = self.push(weight, item);
        }
    }

    fn left_out(&self) {
        self.counters.left_out.fetch_add(1, Relaxed);
    }
}

impl Enqueue for Pipeline {
    fn enqueue(&self, call: TrackCall) -> Result<(), Error> {
        // What is told about requests leaves the last places to requests.
        let weight = Weight { class: Class::Track, bytes: call.body.len(), yields: true };
        let Some(item) = self.store_at_once(Item::Track(call)) else { return Ok(()) };
        self.push(weight, item).map_err(|reason| match reason {
            DropReason::Closed => Error::Closed,
            _ => Error::QueueFull,
        })
    }
}
