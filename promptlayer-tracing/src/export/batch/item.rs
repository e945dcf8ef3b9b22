//! Batch items: one span, request log or tracking call, serialized once and counted in the ledger.

use std::sync::Arc;
use std::time::Duration;

use promptlayer_blueprint::{SpanId, TraceId};
use promptlayer_client::exporter::{LOG_REQUEST_PATH, Payload};
use tokio::time::Instant;

use crate::error::Error;
use crate::export::delivery::refusals::{Refusals, Verdict};
use crate::export::delivery::retry::Attempts;
use crate::export::encode::content::{Content, SpanForm};
use crate::export::encode::encoder::Format;
use crate::export::pipeline::Pipeline;
use crate::export::queue::Taken;
use crate::export::queue::ledger::{End, RejectReason};
use crate::export::spool::disk::RecordId;

/// The ledger entry of an item.
///
/// If it is dropped before the item is settled, the item was lost in a panic, possibly after it was sent. It
/// then counts as of unknown outcome.
#[derive(Debug)]
pub(crate) struct LedgerEntry {
    pipeline: Arc<Pipeline>,
    taken: Option<Taken>,
}

impl LedgerEntry {
    pub(crate) fn new(pipeline: Arc<Pipeline>, taken: Taken) -> Self {
        Self { pipeline, taken: Some(taken) }
    }

    /// Updates the number of bytes that the item is counted with.
    pub(crate) fn resize(&mut self, bytes: usize) {
        if let Some(taken) = &mut self.taken {
            self.pipeline.queue.resize(taken, bytes);
        }
    }

    /// Records the outcome of the item.
    pub(crate) fn settle(mut self, end: End) {
        self.end(end);
    }

    /// Records that the item is on disk.
    pub(crate) fn spool(mut self) {
        if let Some(taken) = self.taken.take() {
            self.pipeline.queue.spool(taken);
            self.pipeline.progress.notify();
        }
    }

    fn end(&mut self, end: End) {
        if let Some(taken) = self.taken.take() {
            self.pipeline.queue.settle(taken, end);
            self.pipeline.progress.notify();
        }
    }
}

impl Drop for LedgerEntry {
    fn drop(&mut self) {
        self.end(End::Unknown);
    }
}

/// A batch item that waits for delivery or is in flight.
#[derive(Debug)]
pub(crate) struct BatchItem {
    pub(crate) ledger_entry: LedgerEntry,
    pub(crate) accepted_at: Instant,
    pub(crate) content: Content,
    /// The item as JSON.
    pub(crate) bytes: Vec<u8>,
    /// The record of the item in the spool, if it is there.
    pub(crate) stored: Option<Stored>,
}

/// The spool record of a batch item. When it is dropped, callers no longer wait for the record.
#[derive(Debug)]
pub(crate) struct Stored {
    pub(crate) id: RecordId,
    pub(crate) pipeline: Arc<Pipeline>,
}

impl Drop for Stored {
    fn drop(&mut self) {
        if let Some(store) = &self.pipeline.store {
            store.leave(self.id);
        }
        self.pipeline.progress.notify();
    }
}

/// A batch of spans, or one request log or tracking call, that is sent in one request.
#[derive(Debug)]
pub(crate) struct Batch {
    pub(crate) items: Vec<BatchItem>,
    /// If the batch is ambiguous, the instant since which an earlier request may have delivered it.
    pub(crate) ambiguous_since: Option<Instant>,
    /// Whether an earlier request may have delivered the batch, and its traces cannot be read back.
    pub(crate) may_have_arrived: bool,
    /// Whether the batch was sent before.
    pub(crate) is_retry: bool,
    /// The attempts so far, if the batch continues them.
    pub(crate) attempts: Option<Attempts>,
    /// The refusals of the batch, if it was refused.
    pub(crate) refusals: Option<Refusals>,
    /// The verdict and the last error, kept until the read-back shows which spans arrived.
    pub(crate) suspicion: Option<(Verdict, Error)>,
    /// What to wait for before the batch is sent.
    pub(crate) pause: Pause,
}

/// The pause of a batch before it is sent, in addition to the gate.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(crate) enum Pause {
    #[default]
    None,
    /// Wait for the next delay of its attempts. The service received the batch before, and certainly did not
    /// store it.
    Backoff,
    /// Wait for this time.
    For(Duration),
    /// Wait for this time, or until another request to the same path passes.
    UntilOthersPass(Duration),
}

impl Batch {
    /// Returns a batch that was never sent.
    pub(crate) fn new(items: Vec<BatchItem>) -> Self {
        Self {
            items,
            ambiguous_since: None,
            may_have_arrived: false,
            is_retry: false,
            attempts: None,
            refusals: None,
            suspicion: None,
            pause: Pause::None,
        }
    }

    /// Returns the content of the first item. All items of a batch are of the same kind.
    pub(crate) fn kind(&self) -> Option<&Content> {
        self.items.first().map(|item| &item.content)
    }

    /// Returns the path of the request.
    pub(crate) fn path(&self) -> &'static str {
        match self.kind() {
            Some(Content::Track { path }) => path.as_str(),
            Some(Content::Log { .. }) => LOG_REQUEST_PATH,
            Some(Content::Span { form, .. }) => form.path(),
            None => SpanForm::Json.path(),
        }
    }

    /// Returns the body of the request.
    pub(crate) fn body(&self, format: &Format) -> Payload {
        match self.items.first() {
            Some(BatchItem { content: Content::Track { .. } | Content::Log { .. }, bytes, .. }) => {
                Payload::json(bytes.clone())
            }
            first => {
                let form = first.map_or(SpanForm::Json, |item| item.content.form());
                format.body(form, self.items.iter().map(|item| item.bytes.as_slice()))
            }
        }
    }

    pub(crate) fn is_tracking(&self) -> bool {
        matches!(self.kind(), Some(Content::Track { .. }))
    }

    /// Returns the outcome of an item of this batch that the service rejects. An earlier request may have delivered it.
    pub(crate) fn end_of_rejected(&self, reason: RejectReason) -> End {
        if self.may_have_arrived { End::Unknown } else { End::Rejected(reason) }
    }

    pub(crate) fn is_stored(&self) -> bool {
        self.items.iter().any(|item| item.stored.is_some())
    }
}

impl BatchItem {
    /// Returns the trace id and the span id, if the item is sent as a span.
    pub(crate) fn place(&self) -> Option<(TraceId, SpanId)> {
        match self.content {
            Content::Span { trace_id, span_id, .. } => Some((trace_id, span_id)),
            Content::Log { .. } | Content::Track { .. } => None,
        }
    }
}
