//! Spans that are captured once and sent to two destinations.

use std::sync::OnceLock;
use std::sync::atomic::AtomicBool;
use std::sync::atomic::Ordering::SeqCst;

use crate::process::{ConvertedSpan, ProcessedSpan};

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
    pub(crate) fn new(processed: ProcessedSpan) -> Self {
        Self { processed, converted: OnceLock::new(), is_measured: AtomicBool::new(false) }
    }

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
