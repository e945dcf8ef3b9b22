//! Serialization of finished spans, request logs and tracking calls to the JSON that is sent.

use std::panic::{AssertUnwindSafe, catch_unwind};

use promptlayer_blueprint::semconv::SemconvStability;
use promptlayer_client::exporter::TrackCall;

use crate::export::batch::BatchLimits;
use crate::export::encode::content::{Content, HookPayload};
use crate::export::encode::shrink;
use crate::export::encode::spans_bulk::{self, Resource};
use crate::process::{ConvertedSpan, ProcessedSpan};
use crate::serialize::to_json;

/// The PromptLayer endpoint that requests are sent to.
///
/// ```
/// use promptlayer_tracing::export::Wire;
///
/// // Only request logs, without spans of tools and agents around them.
/// # let builder =
/// promptlayer_tracing::layer().wire(Wire::LogRequest);
/// ```
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
pub(crate) struct Encoder {
    pub(crate) wire: Wire,
    pub(crate) resource: Resource,
    /// The provider that is set on the layer.
    pub(crate) provider: Option<String>,
    pub(crate) batch: BatchLimits,
    /// The generation of attribute names that is written.
    pub(crate) semconv: SemconvStability,
}

/// A batch item with its JSON.
pub(crate) struct EncodedItem {
    pub(crate) content: Content,
    pub(crate) bytes: Result<Vec<u8>, serde_json::Error>,
    /// `true` if the span was too large, so its media or most of its text were removed.
    pub(crate) is_shrunk: bool,
}

impl EncodedItem {
    pub(crate) fn from_track(call: TrackCall) -> Self {
        Self { content: Content::Track { path: call.path }, bytes: Ok(call.body), is_shrunk: false }
    }
}

impl Encoder {
    /// Converts and serializes a span. Returns `None` if the conversion panics, which is a bug in this crate.
    pub(crate) fn pack(&self, processed: &ProcessedSpan) -> Option<EncodedItem> {
        catch_unwind(AssertUnwindSafe(|| self.write(processed))).ok()
    }

    fn write(&self, processed: &ProcessedSpan) -> EncodedItem {
        let converted;
        let converted = match &processed.converted {
            Some(converted) => converted,
            None => {
                converted = ConvertedSpan::from_span(&processed.span, self.provider.as_deref());
                &converted
            }
        };
        let hook_payload = HookPayload::from_span(processed, converted);
        let (trace_id, span_id) = (processed.span.place.trace_id, processed.span.place.span_id);
        let (content, written) = match (self.wire, hook_payload, &converted.log) {
            (Wire::LogRequest, Some(hook_payload), Some(log)) => {
                (Content::Log { trace_id, span_id, hook_payload }, to_json(log, processed.size))
            }
            (_, hook_payload, _) => (
                Content::Span { trace_id, span_id, hook_payload },
                spans_bulk::span_bytes(processed, converted, &self.resource, self.semconv),
            ),
        };
        let (bytes, is_shrunk) = match written.map(|bytes| self.within_bounds(bytes)) {
            Ok((bytes, is_shrunk)) => (Ok(bytes), is_shrunk),
            Err(error) => (Err(error), false),
        };
        EncodedItem { content, bytes, is_shrunk }
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
