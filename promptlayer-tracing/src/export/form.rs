//! How things are written: finished spans, requests and tracking calls, each as the JSON that is sent.

use std::panic::{AssertUnwindSafe, catch_unwind};

use super::batch::BatchLimits;
use super::content::{Content, Note};
use super::encode::{self, Resource};
use super::shrink;
use crate::sink::{Outgoing, Said};
use promptlayer_client::exporter::TrackCall;

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

/// How spans are written.
#[derive(Debug)]
pub(crate) struct Form {
    pub(crate) wire: Wire,
    pub(crate) resource: Resource,
    /// The layer's provider.
    pub(crate) provider: Option<String>,
    pub(crate) batch: BatchLimits,
}

/// What something is, and its JSON.
pub(crate) struct Packed {
    pub(crate) content: Content,
    pub(crate) bytes: Result<Vec<u8>, serde_json::Error>,
    /// Whether it went without its media or most of its texts, since it was too large.
    pub(crate) is_shrunk: bool,
}

impl Packed {
    pub(crate) fn of_track(call: TrackCall) -> Self {
        Self { content: Content::Track { path: call.path }, bytes: Ok(call.body), is_shrunk: false }
    }
}

impl Form {
    /// Converts and writes a span; `None` where that panicked, which it should not.
    pub(crate) fn pack(&self, outgoing: &Outgoing) -> Option<Packed> {
        catch_unwind(AssertUnwindSafe(|| self.write(outgoing))).ok()
    }

    fn write(&self, outgoing: &Outgoing) -> Packed {
        let converted;
        let said = match &outgoing.said {
            Some(said) => said,
            None => {
                converted = Said::of(&outgoing.span, self.provider.as_deref());
                &converted
            }
        };
        let note = Note::of(outgoing, said);
        let (trace_id, span_id) = (outgoing.span.place.trace_id, outgoing.span.place.span_id);
        let (content, written) = match (self.wire, note, &said.log) {
            (Wire::LogRequest, Some(note), Some(log)) => {
                (Content::Log { trace_id, span_id, note }, serde_json::to_vec(log))
            }
            (_, note, _) => (
                Content::Span { trace_id, span_id, note },
                encode::span_bytes(outgoing, said, &self.resource),
            ),
        };
        let (bytes, is_shrunk) = match written.map(|bytes| self.within_bounds(bytes)) {
            Ok((bytes, is_shrunk)) => (Ok(bytes), is_shrunk),
            Err(error) => (Err(error), false),
        };
        Packed { content, bytes, is_shrunk }
    }

    /// Makes what is larger than a span may be smaller, as far as that goes, and tells whether it did.
    fn within_bounds(&self, mut bytes: Vec<u8>) -> (Vec<u8>, bool) {
        let mut is_shrunk = false;
        let most = self.batch.span_bytes.min(self.batch.bytes - encode::FRAME_BYTES);
        while bytes.len() > most {
            let Some(smaller) = shrink::smaller(&bytes) else { break };
            (bytes, is_shrunk) = (smaller, true);
        }
        (bytes, is_shrunk)
    }
}
