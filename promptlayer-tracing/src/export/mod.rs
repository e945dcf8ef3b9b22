//! From a finished span to the service, and the ids back.
//!
//! ```text
//! threads that call ── submit ──> queue ──> worker (thread pl-export) ──> POST /spans-bulk
//!                                             │  the answer: ids, rejections
//!                                             ├──> ledger: what became of each
//!                                             └──> hooks (thread pl-hooks)
//! ```

mod batch;
mod encode;
mod guard;
mod ledger;
mod outcome;
mod queue;
mod retry;
mod silence;
mod worker;

use std::sync::Arc;

pub use self::batch::BatchLimits;
pub(crate) use self::encode::Resource;
pub use self::guard::{Guard, Stats};
pub use self::ledger::{DropReason, Ledger, RejectReason};
pub use self::queue::QueueLimits;
pub(crate) use self::worker::{Settings, start};

use self::ledger::Counters;
use self::queue::{Item, Queue, Refused};
use crate::client::{Enqueue, Error, TrackCall};
use crate::hook::HookCounters;
use crate::progress::Progress;
use crate::sink::{Destination, Outgoing};

/// How requests reach the service.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
#[non_exhaustive]
pub enum Wire {
    /// Many spans with their requests in one `POST /spans-bulk`: the trace, the requests and their
    /// ids in one exchange.
    #[default]
    SpansBulk,
    /// One `POST /log-request` a request, and no trace.
    LogRequest,
}

/// What the threads of the pipeline share with those that feed it.
#[derive(Debug)]
pub(crate) struct Pipeline {
    queue: Queue,
    spans: Counters,
    tracking: Counters,
    hooks: Arc<HookCounters>,
    progress: Arc<Progress>,
}

impl Pipeline {
    pub(crate) fn new(queue: QueueLimits, batch: BatchLimits) -> Self {
        Self {
            queue: Queue::new(queue, batch),
            spans: Counters::default(),
            tracking: Counters::default(),
            hooks: Arc::default(),
            progress: Arc::default(),
        }
    }

    /// Puts an accepted item into the queue, or counts why not.
    fn push(&self, item: Item) -> Result<(), DropReason> {
        let (item, reason) = match self.queue.push(item) {
            Ok(()) => {
                if self.queue.is_abandoned() {
                    self.drop_queued(DropReason::Closed);
                }
                return Ok(());
            }
            Err(Refused::Full(item)) => (item, DropReason::QueueFull),
            Err(Refused::Closed(item)) => (item, DropReason::Closed),
        };
        self.counters_of(&item).drop(reason, 1);
        Err(reason)
    }

    /// Counts all that is still in the queue as dropped.
    fn drop_queued(&self, reason: DropReason) {
        while let Some(item) = self.queue.pop() {
            self.counters_of(&item).drop(reason, 1);
            self.progress.update(|state| state.settled += 1);
        }
    }

    fn counters_of(&self, item: &Item) -> &Counters {
        match item {
            Item::Span(_) => &self.spans,
            Item::Track(_) => &self.tracking,
        }
    }
}

impl Destination for Arc<Pipeline> {
    /// What has no place is counted.
    fn take(&self, outgoing: Outgoing) {
        self.spans.accept();
        // The reason is in the ledger.
        let _ = self.push(Item::Span(Box::new(outgoing)));
    }
}

impl Enqueue for Pipeline {
    fn enqueue(&self, call: TrackCall) -> Result<(), Error> {
        self.tracking.accept();
        self.push(Item::Track(call)).map_err(|reason| match reason {
            DropReason::Closed => Error::Closed,
            _ => Error::QueueFull,
        })
    }
}
