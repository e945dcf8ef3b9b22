//! Serialization of finished spans, request logs and tracking calls to the JSON that is sent.

use std::panic::{AssertUnwindSafe, catch_unwind};

use crate::export::batch::BatchLimits;
use crate::export::encode::content::{Content, Note};
use crate::export::encode::shrink;
use crate::export::encode::spans_bulk::{self, Resource};
use crate::process::{Outgoing, Said};
use promptlayer_client::exporter::TrackCall;

/// The PromptLayer endpoint that requests are sent to.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
#[non_exhaustive]
pub enum Wire {
    /// Sends many spans and their request logs in one `POST /spans-bulk`.
    ///
    /// The trace, the requests and their ids take one exchange. If a response is lost, the trace can be read
    /// back.
    #[default]
    SpansBulk,
    /// Sends one `POST /log-request` per request, without a trace.
    ///
    /// If a response is lost, the outcome of the request is unknown.
    LogRequest,
}

/// The settings for the serialization of spans.
#[derive(Debug)]
pub(crate) struct Form {
    pub(crate) wire: Wire,
    pub(crate) resource: Resource,
    /// The provider that is set on the layer.
    pub(crate) provider: Option<String>,
    pub(crate) batch: BatchLimits,
}

/// A batch item with its JSON.
pub(crate) struct Packed {
    pub(crate) content: Content,
    pub(crate) bytes: Result<Vec<u8>, serde_json::Error>,
    /// `true` if the span was too large, so its media or most of its text were removed.
    pub(crate) is_shrunk: bool,
}

impl Packed {
    pub(crate) fn of_track(call: TrackCall) -> Self {
        Self { content: Content::Track { path: call.path }, bytes: Ok(call.body), is_shrunk: false }
    }
}

impl Form {
    /// Converts and serializes a span. Returns `None` if the conversion panics, which is a bug in this crate.
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
                spans_bulk::span_bytes(outgoing, said, &self.resource),
            ),
        };
        let (bytes, is_shrunk) = match written.map(|bytes| self.within_bounds(bytes)) {
            Ok((bytes, is_shrunk)) => (Ok(bytes), is_shrunk),
            Err(error) => (Err(error), false),
        };
        Packed { content, bytes, is_shrunk }
    }

    /// Reduces a span that exceeds the size limit, as far as possible. Returns the bytes, and `true` if they
    /// were reduced.
    fn within_bounds(&self, mut bytes: Vec<u8>) -> (Vec<u8>, bool) {
        let mut is_shrunk = false;
        let most = self.batch.span_bytes.min(self.batch.bytes - spans_bulk::FRAME_BYTES);
        while bytes.len() > most {
            let Some(smaller) = shrink::smaller(&bytes) else { break };
            (bytes, is_shrunk) = (smaller, true);
        }
        (bytes, is_shrunk)
    }
}
