//! What is on its way: one span, request or tracking call, written once, and counted wherever it goes.

use std::borrow::Cow;
use std::collections::BTreeMap;
use std::sync::Arc;

use serde::Deserialize;
use tokio::time::Instant;

use super::Pipeline;
use super::encode;
use super::ledger::End;
use super::queue::Taken;
use crate::client::{LOG_REQUEST_PATH, TrackPath};
use crate::hook::OwnHook;
use crate::ids::{SpanId, TraceId};
use crate::sink::{Outgoing, Said};
use crate::tags::Tags;

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

/// What the hooks are told of a request, once it has its id.
#[derive(Debug, Clone)]
pub(crate) struct Note {
    pub(crate) name: Cow<'static, str>,
    pub(crate) tags: Tags,
    pub(crate) metadata: BTreeMap<String, String>,
    /// The template that the request was made from, by name.
    pub(crate) prompt: Option<String>,
    /// The hook of its function alone.
    pub(crate) own_hook: Option<OwnHook>,
    /// Whether a hook made the request: then no hook is told, or it would make one more, for ever.
    pub(crate) is_of_hook: bool,
    /// Whether an earlier run made it.
    pub(crate) is_replayed: bool,
}

/// What a parcel is.
#[derive(Debug)]
pub(crate) enum Content {
    /// A span of `POST /spans-bulk`.
    Span { trace_id: TraceId, span_id: SpanId, note: Option<Note> },
    /// The body of `POST /log-request`.
    Log { trace_id: TraceId, span_id: SpanId, note: Note },
    /// The body of a tracking call.
    Track { path: TrackPath },
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
    pub(crate) stored: Option<super::store::Stored>,
}

impl Note {
    /// What is told of this span's request.
    pub(crate) fn of(outgoing: &Outgoing, said: &Said) -> Option<Self> {
        let span = &outgoing.span;
        let log = said.log.as_ref()?;
        Some(Self {
            name: span.function_name().into(),
            tags: log.tags.clone(),
            metadata: span.inherited.metadata.clone(),
            prompt: log.prompt_name.clone(),
            own_hook: span.on_request_id,
            is_of_hook: outgoing.is_of_hook,
            is_replayed: false,
        })
    }
}

/// What is known of something on disk beside what is in it.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Origin {
    /// The hook of its function alone, if this process wrote it.
    pub(crate) own_hook: Option<OwnHook>,
    pub(crate) is_of_hook: bool,
    /// Whether an earlier process wrote it.
    pub(crate) is_replayed: bool,
}

impl Content {
    /// The note for the hooks, if it makes a request.
    pub(crate) fn note(&self) -> Option<&Note> {
        match self {
            Self::Span { note, .. } => note.as_ref(),
            Self::Log { note, .. } => Some(note),
            Self::Track { .. } => None,
        }
    }

    /// Reads what a span that was found on disk is.
    pub(crate) fn of_stored_span(bytes: &[u8], origin: Origin) -> Option<Self> {
        #[derive(Deserialize)]
        struct Span {
            name: String,
            context: Context,
            #[serde(default)]
            log_request: Option<Log>,
        }
        #[derive(Deserialize)]
        struct Context {
            trace_id: TraceId,
            span_id: SpanId,
        }
        let Span { name, context, log_request } = serde_json::from_slice(bytes).ok()?;
        let note = log_request.map(|log| log.note(name, origin));
        Some(Self::Span { trace_id: context.trace_id, span_id: context.span_id, note })
    }

    /// Reads what a request that was found on disk is. Its trace was never sent.
    pub(crate) fn of_stored_log(bytes: &[u8], origin: Origin) -> Option<Self> {
        let log: Log = serde_json::from_slice(bytes).ok()?;
        let note = log.note("request".to_owned(), origin);
        Some(Self::Log { trace_id: TraceId::random(), span_id: SpanId::random(), note })
    }
}

/// What of a request log the hooks are told.
#[derive(Deserialize)]
struct Log {
    #[serde(default)]
    function_name: Option<String>,
    #[serde(default)]
    tags: Tags,
    #[serde(default)]
    metadata: BTreeMap<String, String>,
    #[serde(default)]
    prompt_name: Option<String>,
}

impl Log {
    fn note(self, name: String, origin: Origin) -> Note {
        Note {
            name: self.function_name.unwrap_or(name).into(),
            tags: self.tags,
            metadata: self.metadata,
            prompt: self.prompt_name,
            own_hook: origin.own_hook,
            is_of_hook: origin.is_of_hook,
            is_replayed: origin.is_replayed,
        }
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
}

impl Batch {
    /// What was never sent.
    pub(crate) fn new(parcels: Vec<Parcel>) -> Self {
        Self { parcels, in_doubt_since: None, is_retry: false }
    }

    /// The path and the body of its request.
    pub(crate) fn request(&self) -> (&'static str, Vec<u8>) {
        match self.parcels.first().map(|parcel| &parcel.content) {
            Some(Content::Track { path }) => (path.as_str(), self.first_bytes()),
            Some(Content::Log { .. }) => (LOG_REQUEST_PATH, self.first_bytes()),
            Some(Content::Span { .. }) | None => {
                let spans = self.parcels.iter().map(|parcel| parcel.bytes.as_slice());
                (SPANS_BULK, encode::spans_bulk(spans))
            }
        }
    }

    fn first_bytes(&self) -> Vec<u8> {
        self.parcels.first().map(|parcel| parcel.bytes.clone()).unwrap_or_default()
    }

    pub(crate) fn is_tracking(&self) -> bool {
        matches!(self.parcels.first().map(|parcel| &parcel.content), Some(Content::Track { .. }))
    }

    pub(crate) fn is_stored(&self) -> bool {
        self.parcels.iter().any(|parcel| parcel.stored.is_some())
    }

    /// Whether a trace tells what of it arrived.
    pub(crate) fn can_be_read_back(&self) -> bool {
        self.parcels.iter().all(|parcel| parcel.place().is_some())
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
