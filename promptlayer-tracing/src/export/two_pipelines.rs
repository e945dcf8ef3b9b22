//! Hands the spans of a layer to two pipelines.

use std::sync::Arc;

use crate::error::Error;
use crate::export::pipeline::{Pipeline, QueueItem};
use crate::process::shared::SharedSpan;
use crate::process::{ProcessedSpan, SpanExporter};

/// Two pipelines that receive the same spans.
pub(crate) struct TwoPipelines(pub(crate) [Arc<Pipeline>; 2]);

impl SpanExporter for TwoPipelines {
    fn take(&self, processed: ProcessedSpan) {
        let (size, is_request) = (processed.size, processed.span.is_request);
        let span = Arc::new(SharedSpan::new(processed));
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
