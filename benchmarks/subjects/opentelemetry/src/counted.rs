//! An exporter that counts the spans which another one has exported.

use std::fmt::Debug;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use opentelemetry_sdk::Resource;
use opentelemetry_sdk::error::OTelSdkResult;
use opentelemetry_sdk::trace::{BatchConfigBuilder, BatchSpanProcessor, SpanData, SpanExporter};

/// More than a round makes, so that nothing is dropped. The default is 2,048.
const QUEUE: usize = 1 << 16;

#[derive(Debug)]
pub(crate) struct Counted<E> {
    exporter: E,
    exported: Arc<AtomicU64>,
}

impl<E: SpanExporter + 'static> Counted<E> {
    /// Returns a batch processor for this exporter, and the count of the spans that it exported.
    pub(crate) fn batched(exporter: E) -> (BatchSpanProcessor, Arc<AtomicU64>) {
        let exported = Arc::new(AtomicU64::new(0));
        let counted = Self { exporter, exported: Arc::clone(&exported) };
        let limits = BatchConfigBuilder::default().with_max_queue_size(QUEUE).build();
        (BatchSpanProcessor::builder(counted).with_batch_config(limits).build(), exported)
    }
}

impl<E: SpanExporter> SpanExporter for Counted<E> {
    async fn export(&self, batch: Vec<SpanData>) -> OTelSdkResult {
        let spans = batch.len() as u64;
        self.exporter.export(batch).await?;
        self.exported.fetch_add(spans, Ordering::Relaxed);
        Ok(())
    }

    fn set_resource(&mut self, resource: &Resource) {
        self.exporter.set_resource(resource);
    }
}

/// An exporter that does nothing.
#[derive(Debug)]
pub(crate) struct Discard;

impl SpanExporter for Discard {
    async fn export(&self, batch: Vec<SpanData>) -> OTelSdkResult {
        drop(batch);
        Ok(())
    }
}
