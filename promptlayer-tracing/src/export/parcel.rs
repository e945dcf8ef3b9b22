//! What is on its way: one span, request or tracking call, written once, and counted wherever it goes.

use std::sync::Arc;
use std::time::Duration;

use tokio::time::Instant;

use super::content::Content;
use super::encode;
use super::ledger::End;
use super::pipeline::Pipeline;
use super::queue::Taken;
use super::refusals::{Refusals, Verdict};
use super::retry::Attempts;
use super::spool::RecordId;
use crate::error::Error;
use promptlayer_blueprint::{SpanId, TraceId};
use promptlayer_client::exporter::LOG_REQUEST_PATH;

const SPANS_BULK: &str = "/spans-bulk";

/// The place of an item in the ledger. One that is dropped without an end was lost in a panic, maybe after
/// it was sent: its outcome is unknown, and that is counted.
#[derive(Debug)]
pub(crate) struct Ticket {
    pipeline: Arc<Pipeline>,
    taken: Option<Taken>,
}

impl Ticket {
    pub(crate) fn new(pipeline: Arc<Pipeline>, taken: Taken) -> Self {
        Self { pipeline, taken: Some(taken) }
    }

    /// Counts the item with the bytes that it has now.
    pub(crate) fn resize(&mut self, bytes: usize) {
        if let Some(taken) = &mut self.taken {
            self.pipeline.queue.resize(taken, bytes);
        }
    }

    /// Enters what the item came to.
    pub(crate) fn settle(mut self, end: End) {
        self.end(end);
    }

    /// Enters that the item is on disk.
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

impl Drop for Ticket {
    fn drop(&mut self) {
        self.end(End::Unknown);
    }
}

/// One item on its way.
#[derive(Debug)]
pub(crate) struct Parcel {
    pub(crate) ticket: Ticket,
    pub(crate) accepted_at: Instant,
    pub(crate) content: Content,
    /// Its JSON.
    pub(crate) bytes: Vec<u8>,
    /// Its place on disk, if it was put there.
    pub(crate) stored: Option<Stored>,
}

/// The place of a parcel on disk. When it is dropped, nobody waits for the parcel any more.
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

/// Spans, requests or a tracking call that go in one request.
#[derive(Debug)]
pub(crate) struct Batch {
    pub(crate) parcels: Vec<Parcel>,
    /// Since when an earlier request may have brought them already.
    pub(crate) in_doubt_since: Option<Instant>,
    /// Whether it was sent before.
    pub(crate) is_retry: bool,
    /// The tries that it had, if they go on.
    pub(crate) attempts: Option<Attempts>,
    /// How often it was refused, if it was.
    pub(crate) refusals: Option<Refusals>,
    /// What the refusals say of it, and how it was refused last, until it is known what of it is there.
    pub(crate) suspicion: Option<(Verdict, Error)>,
    /// What to wait for before it is sent.
    pub(crate) pause: Pause,
}

/// What a batch waits for before it is sent, beside the gate.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(crate) enum Pause {
    #[default]
    None,
    /// The next delay of its tries: the service had it before, and surely did not take it.
    Backoff,
    /// This long.
    For(Duration),
    /// This long, or until another request to the same path passes.
    UntilOthersPass(Duration),
}

impl Batch {
    /// What was never sent.
    pub(crate) fn new(parcels: Vec<Parcel>) -> Self {
        Self {
            parcels,
            in_doubt_since: None,
            is_retry: false,
            attempts: None,
            refusals: None,
            suspicion: None,
            pause: Pause::None,
        }
    }

    /// What is in it: all of it is of one kind.
    pub(crate) fn kind(&self) -> Option<&Content> {
        self.parcels.first().map(|parcel| &parcel.content)
    }

    /// The path of its request.
    pub(crate) fn path(&self) -> &'static str {
        match self.kind() {
            Some(Content::Track { path }) => path.as_str(),
            Some(Content::Log { .. }) => LOG_REQUEST_PATH,
            Some(Content::Span { .. }) | None => SPANS_BULK,
        }
    }

    /// The body of its request.
    pub(crate) fn body(&self) -> Vec<u8> {
        match self.parcels.first() {
            Some(Parcel { content: Content::Track { .. } | Content::Log { .. }, bytes, .. }) => bytes.clone(),
            Some(_) | None => encode::spans_bulk(self.parcels.iter().map(|parcel| parcel.bytes.as_slice())),
        }
    }

    pub(crate) fn is_tracking(&self) -> bool {
        matches!(self.kind(), Some(Content::Track { .. }))
    }

    pub(crate) fn is_stored(&self) -> bool {
        self.parcels.iter().any(|parcel| parcel.stored.is_some())
    }
}

impl Parcel {
    /// The span's place in the traces, where it is sent as one.
    pub(crate) fn place(&self) -> Option<(TraceId, SpanId)> {
        match self.content {
            Content::Span { trace_id, span_id, .. } => Some((trace_id, span_id)),
            Content::Log { .. } | Content::Track { .. } => None,
        }
    }
}
