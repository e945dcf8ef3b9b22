//! Serialization of finished spans, request logs and tracking calls to the JSON that is sent.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;

use promptlayer_blueprint::semconv::SemconvStability;
#[cfg(feature = "otlp")]
use promptlayer_client::exporter::Media;
use promptlayer_client::exporter::{Payload, TrackCall};

use crate::export::batch::BatchLimits;
use crate::export::encode::content::{Content, HookPayload, SpanForm};
#[cfg(feature = "otlp")]
use crate::export::encode::otlp;
use crate::export::encode::spans_bulk::{self, Resource};
use crate::export::metrics::calls::{CallMetrics, Measures};
#[cfg(feature = "otlp")]
use crate::process::shared::SharedSpan;
use crate::process::{ConvertedSpan, ProcessedSpan};
use crate::serialize::to_json;

/// The endpoint that spans are sent to.
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
    /// Sends many spans in one `POST /v1/traces`, in OpenTelemetry's protocol. [`LayerBuilder::otlp`] says where; without
    /// it, to PromptLayer.
    ///
    /// [`LayerBuilder::otlp`]: crate::LayerBuilder::otlp
    #[cfg(feature = "otlp")]
    #[cfg_attr(docsrs, doc(cfg(feature = "otlp")))]
    Otlp,
    /// Sends spans both to `POST /spans-bulk` of PromptLayer and to the destination of [`LayerBuilder::otlp`].
    ///
    /// A call is captured once. Each destination has a queue, a ledger, a spool folder and retries of its own, so one that
    /// is slow or down does not affect the other. Both together take up to twice the memory. Hooks receive the ids of
    /// `/spans-bulk`.
    ///
    /// [`LayerBuilder::otlp`]: crate::LayerBuilder::otlp
    #[cfg(feature = "otlp")]
    #[cfg_attr(docsrs, doc(cfg(feature = "otlp")))]
    SpansBulkAndOtlp,
}

/// The form in which a pipeline sends its spans.
#[derive(Debug)]
pub(crate) enum Format {
    /// JSON, many spans in one `POST /spans-bulk`.
    SpansBulk,
    /// JSON, one request log in one `POST /log-request`.
    LogRequest,
    /// Protobuf, many spans in one `POST /v1/traces`.
    #[cfg(feature = "otlp")]
    Otlp(otlp::Encoding),
}

impl Format {
    /// Returns `true` if the spans that the destination has can be read from their traces.
    pub(crate) fn can_be_read_back(&self) -> bool {
        match self {
            Self::SpansBulk | Self::LogRequest => true,
            #[cfg(feature = "otlp")]
            Self::Otlp(encoding) => encoding.is_promptlayer,
        }
    }

    /// Returns the size of a body in bytes without its items.
    pub(crate) fn frame_bytes(&self) -> usize {
        match self {
            Self::SpansBulk | Self::LogRequest => spans_bulk::FRAME_BYTES,
            #[cfg(feature = "otlp")]
            Self::Otlp(_) => 0,
        }
    }

    /// Returns the most that an item adds to the body beside its own bytes.
    pub(crate) fn item_bytes(&self) -> usize {
        match self {
            // The comma after the span.
            Self::SpansBulk | Self::LogRequest => 1,
            #[cfg(feature = "otlp")]
            Self::Otlp(_) => otlp::body::ITEM_BYTES,
        }
    }

    /// Returns the body of a request with these spans.
    #[cfg_attr(not(feature = "otlp"), allow(clippy::unused_self, reason = "only OTLP has settings"))]
    pub(crate) fn body<'a>(&self, form: SpanForm, spans: impl Iterator<Item = &'a [u8]> + Clone) -> Payload {
        match form {
            SpanForm::Json => Payload::json(spans_bulk::spans_bulk(spans)),
            #[cfg(feature = "otlp")]
            SpanForm::Otlp => {
                let bytes = otlp::body::body(spans);
                let compresses = matches!(self, Self::Otlp(encoding) if encoding.gzip);
                let compresses = compresses && bytes.len() >= otlp::body::LEAST_GZIPPED;
                match compresses.then(|| otlp::body::gzipped(&bytes)).flatten() {
                    Some(bytes) => Payload { bytes, media: Media::GzippedProtobuf },
                    None => Payload { bytes, media: Media::Protobuf },
                }
            }
        }
    }
}

/// The settings for the serialization of spans.
#[derive(Debug)]
pub(crate) struct Encoder {
    pub(crate) format: Format,
    pub(crate) resource: Resource,
    /// The provider that is set on the layer.
    pub(crate) provider: Option<String>,
    pub(crate) batch: BatchLimits,
    /// The generation of attribute names that is written.
    pub(crate) semconv: SemconvStability,
    /// Measures the model calls, if asked for.
    pub(crate) calls: Option<Arc<CallMetrics>>,
}

/// A batch item with its JSON.
pub(crate) struct EncodedItem {
    pub(crate) content: Content,
    pub(crate) bytes: Result<Vec<u8>, serde_json::Error>,
    /// `true` if the span was too large, so its media or most of its text were removed.
    pub(crate) is_shrunk: bool,
    /// The measures of a model call, if calls are measured.
    pub(crate) measures: Option<Box<Measures>>,
}

impl EncodedItem {
    pub(crate) fn from_track(call: TrackCall) -> Self {
        Self {
            content: Content::Track { path: call.path },
            bytes: Ok(call.body),
            is_shrunk: false,
            measures: None,
        }
    }
}

impl Encoder {
    /// Converts and serializes a span. Returns `None` if the conversion panics, which is a bug in this crate.
    pub(crate) fn pack(&self, processed: &ProcessedSpan) -> Option<EncodedItem> {
        let write = || match &processed.converted {
            Some(converted) => self.write(processed, converted),
            None => self.write(processed, &self.convert(processed)),
        };
        catch_unwind(AssertUnwindSafe(write)).ok()
    }

    /// Does the same for a span that another pipeline has too. The first of the two converts it.
    #[cfg(feature = "otlp")]
    pub(crate) fn pack_shared(&self, span: &SharedSpan) -> Option<EncodedItem> {
        let write = || self.write(span.processed(), span.converted(|processed| self.convert(processed)));
        let mut encoded = catch_unwind(AssertUnwindSafe(write)).ok()?;
        if matches!(self.format, Format::Otlp(_)) {
            // Request ids come from the other destination.
            encoded.content.take_follow_up();
        }
        Some(encoded)
    }

    fn convert(&self, processed: &ProcessedSpan) -> ConvertedSpan {
        ConvertedSpan::from_span(&processed.span, self.provider.as_deref())
    }

    fn write(&self, processed: &ProcessedSpan, converted: &ConvertedSpan) -> EncodedItem {
        let hook_payload = HookPayload::from_span(processed, converted);
        let (trace_id, span_id) = (processed.span.place.trace_id, processed.span.place.span_id);
        let (content, written) = match (&self.format, hook_payload, &converted.log) {
            (Format::LogRequest, Some(hook_payload), Some(log)) => {
                (Content::Log { trace_id, span_id, hook_payload }, to_json(log, processed.size))
            }
            #[cfg(feature = "otlp")]
            (Format::Otlp(encoding), hook_payload, _) => (
                Content::Span { form: SpanForm::Otlp, trace_id, span_id, hook_payload },
                Ok(encoding.span_bytes(processed, converted, self.semconv)),
            ),
            (_, hook_payload, _) => (
                Content::Span { form: SpanForm::Json, trace_id, span_id, hook_payload },
                spans_bulk::span_bytes(processed, converted, &self.resource, self.semconv),
            ),
        };
        let form = content.form();
        let (bytes, is_shrunk) = match written.map(|bytes| self.within_bounds(form, bytes)) {
            Ok((bytes, is_shrunk)) => (Ok(bytes), is_shrunk),
            Err(error) => (Err(error), false),
        };
        let measures = self.calls.as_ref().and_then(|calls| calls.measure(&processed.span, converted));
        EncodedItem { content, bytes, is_shrunk, measures }
    }

    /// Reduces a span that exceeds the size limit, as far as possible. Returns the bytes, and `true` if they
    /// were reduced.
    fn within_bounds(&self, form: SpanForm, mut bytes: Vec<u8>) -> (Vec<u8>, bool) {
        let mut is_shrunk = false;
        let most = self.batch.span_bytes.min(self.batch.bytes - self.format.frame_bytes());
        while bytes.len() > most {
            let Some(smaller) = form.smaller(&bytes) else { break };
            (bytes, is_shrunk) = (smaller, true);
        }
        (bytes, is_shrunk)
    }
}
