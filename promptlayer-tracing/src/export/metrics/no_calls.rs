//! The metrics of model calls without the feature `metrics`. There are none.

use std::sync::atomic::AtomicU64;

use crate::process::ConvertedSpan;
use crate::span::finished::FinishedSpan;

/// The measures of one model call. Without the feature `metrics` it has no values.
#[derive(Debug)]
pub(crate) enum Measures {}

/// Measures model calls. Without the feature `metrics` it has no values.
#[derive(Debug)]
pub(crate) enum CallMetrics {}

impl CallMetrics {
    pub(crate) fn measure(&self, _: &FinishedSpan, _: &ConvertedSpan) -> Option<Box<Measures>> {
        match *self {}
    }

    pub(crate) fn record(&self, _: &Measures, _: &AtomicU64) {
        match *self {}
    }

    pub(crate) fn keep_if(
        &self,
        _: Option<Box<Measures>>,
        _: &AtomicU64,
        _: impl FnOnce() -> (bool, bool),
    ) -> bool {
        match *self {}
    }

    pub(crate) fn record_waiting(&self, _: &AtomicU64) {
        match *self {}
    }
}
