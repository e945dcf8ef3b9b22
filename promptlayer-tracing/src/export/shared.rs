//! Spans that are captured once and handed to two pipelines.

use std::sync::atomic::AtomicBool;
use std::sync::atomic::Ordering::SeqCst;
use std::sync::{Arc, OnceLock};

use crate::error::Error;
use crate::export::pipeline::{Pipeline, QueueItem};
use crate::process::{ConvertedSpan, ProcessedSpan, SpanExporter};

/// A finished span in the queues of two pipelines.
#[derive(Debug)]
pub(crate) struct SharedSpan {
    processed: ProcessedSpan,
    /// Set by the pipeline that encodes the span first.
    converted: OnceLock<ConvertedSpan>,
    /// `true` if one of the pipelines records the measures of the call.
    is_measured: AtomicBool,
}

impl SharedSpan {
    pub(crate) fn processed(&self) -> &ProcessedSpan {
        &self.processed
    }

    /// Returns `true` to the first pipeline that asks. It records the measures of the call.
    pub(crate) fn is_measured_here(&self) -> bool {
        !self.is_measured.swap(true, SeqCst)
    }

    /// Returns the converted form, and converts the span if that has not been done.
    pub(crate) fn converted(&self, convert: impl FnOnce(&ProcessedSpan) -> ConvertedSpan) -> &ConvertedSpan {
        match &self.processed.converted {
            Some(converted) => converted,
            None => self.converted.get_or_init(|| convert(&self.processed)),
        }
    }
}

/// Two pipelines that receive the same spans.
pub(crate) struct TwoPipelines(pub(crate) [Arc<Pipeline>; 2]);

impl SpanExporter for TwoPipelines {
    fn take(&self, processed: ProcessedSpan) {
        let (size, is_request) = (processed.size, processed.span.is_request);
        let span = Arc::new(SharedSpan {
            processed,
            converted: OnceLock::new(),
            is_measured: AtomicBool::new(false),
        });
        for pipeline in &self.0 {
            pipeline.accept(size, is_request, QueueItem::Shared(Arc::clone(&span)));
        }
    }

    fn left_out(&self, spans: usize) {
        self.0.iter().for_each(|pipeline| pipeline.left_out(spans));
    }

    fn evicted(&self, spans: usize) {
        self.0.iter().for_each(|pipeline| pipeline.evicted(spans));
    }

    fn lost_scores(&self, function: &'static str, count: usize) {
        let [first, _] = &self.0;
        first.lost_scores(function, count);
    }

    fn hurry(&self) {
        let [first, _] = &self.0;
        first.hurry();
    }

    fn report(&self, error: Error) {
        let [first, _] = &self.0;
        first.report(error);
    }
}
