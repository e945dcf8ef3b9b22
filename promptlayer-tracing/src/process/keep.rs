//! Which traces are kept although they are not sampled.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::time::Duration;

use promptlayer_blueprint::{LogRequest, RequestStatus};
use promptlayer_client::exporter::clock;

use crate::process::convert;
use crate::process::{ConvertedSpan, ProcessedSpan};
use crate::span::finished::FinishedSpan;
use crate::span::input_output::Ending;

/// A policy that keeps traces which [`sample`](crate::LayerBuilder::sample) leaves out: those in which something
/// failed, was slow, or was costly.
///
/// ```
/// use std::time::Duration;
///
/// use promptlayer_tracing::export::KeepPolicy;
///
/// // One trace of a hundred, and each trace that failed or in which something took more than 20 s.
/// # let builder =
/// promptlayer_tracing::layer()
///     .sample(0.01)
///     .keep(KeepPolicy::default().failed().slower_than(Duration::from_secs(20)));
/// ```
///
/// The spans of a trace that is not sampled are recorded, and wait in memory. As soon as a condition holds, the trace is
/// kept: what waits of it is sent, and each later span of it when it ends. Each of its spans has the attribute
/// `promptlayer.kept`, whose value is `failed`, `slow` or `costly`. If the local root of the trace ends before, which is
/// its outermost span in this process, what waits is left out and counted in
/// [`Stats::sampled_out`](crate::export::Stats::sampled_out). So is a span that ends after such a root. If a trace has
/// several local roots, because several requests of it came in, each is decided for itself, until one of them is kept.
///
/// A trace of which spans were removed because of the limits is not kept. Its spans are counted in
/// [`Stats::evicted`](crate::export::Stats::evicted). A trace that uses more than half of the spans or of the bytes is
/// removed itself when a limit is reached, otherwise the oldest one is.
///
/// A shutdown leaves out the traces that wait, a flush lets them wait. Without a condition, which is the default, the
/// policy has no effect.
#[derive(Debug, Clone, Copy, PartialEq)]
#[must_use]
pub struct KeepPolicy {
    failed: bool,
    slower_than: Option<Duration>,
    /// In US dollars. Without the feature `prices`, there is no limit.
    pub(crate) costs_more_than: Option<f64>,
    pub(crate) traces: usize,
    pub(crate) spans: usize,
    pub(crate) bytes: usize,
}

impl KeepPolicy {
    /// The default of [`traces`](Self::traces): 4,096.
    pub const DEFAULT_TRACES: usize = 4_096;
    /// The default of [`spans`](Self::spans): 32,768.
    pub const DEFAULT_SPANS: usize = 32_768;
    /// The default of [`bytes`](Self::bytes): 32 MiB.
    pub const DEFAULT_BYTES: usize = 32 << 20;

    /// Keeps traces in which a span failed.
    ///
    /// A call failed if it returned an `Err`, panicked, was dropped before its response was complete, or if the
    /// provider or the tool answered with an error. To find the last, each call that returned is converted on the
    /// thread that made it.
    pub fn failed(mut self) -> Self {
        self.failed = true;
        self
    }

    /// Keeps traces in which a span, for example the local root, took longer than `limit`. A limit above ten years is
    /// reduced to ten years.
    pub fn slower_than(mut self, limit: Duration) -> Self {
        self.slower_than = Some(limit.min(clock::LONGEST));
        self
    }

    /// Keeps traces whose calls cost more than `limit` US dollars together.
    ///
    /// The cost of a call is the price that its response tells, else the price of its tokens by the table of
    /// [`blueprint::prices`](crate::blueprint::prices), else 0. To know its tokens, each call is converted on the thread that
    /// made it. A limit below 0 is replaced by 0, and one that is not a number (NaN) sets no limit.
    #[cfg(feature = "prices")]
    #[cfg_attr(docsrs, doc(cfg(feature = "prices")))]
    pub fn costs_more_than(mut self, limit: f64) -> Self {
        self.costs_more_than = (!limit.is_nan()).then_some(limit.max(0.0));
        self
    }

    /// Sets the maximum number of traces that wait, at least 1. Defaults to [`DEFAULT_TRACES`](Self::DEFAULT_TRACES).
    pub fn traces(mut self, traces: usize) -> Self {
        self.traces = traces.max(1);
        self
    }

    /// Sets the maximum number of spans that wait, at least 1. Defaults to [`DEFAULT_SPANS`](Self::DEFAULT_SPANS).
    pub fn spans(mut self, spans: usize) -> Self {
        self.spans = spans.max(1);
        self
    }

    /// Sets the maximum number of bytes that the waiting spans hold. Defaults to
    /// [`DEFAULT_BYTES`](Self::DEFAULT_BYTES).
    pub fn bytes(mut self, bytes: usize) -> Self {
        self.bytes = bytes;
        self
    }

    /// Returns `true` if no condition is set.
    pub(crate) fn is_empty(&self) -> bool {
        !self.failed && self.slower_than.is_none() && self.costs_more_than.is_none()
    }

    /// Loads the table of prices, if it is used, so that no call waits for it.
    pub(crate) fn load_prices(&self) {
        if self.costs_more_than.is_some() {
            #[cfg(feature = "prices")]
            promptlayer_blueprint::prices::load();
        }
    }

    /// Returns what a span says about its trace.
    ///
    /// May convert the span, so it must not be called under a lock. The converted form is not kept: most spans are left
    /// out, and it may be larger than the data that it was made from.
    pub(crate) fn evidence(&self, processed: &ProcessedSpan, provider: Option<&str>) -> Evidence {
        let span = &processed.span;
        let mut evidence = Evidence { reason: self.known_reason(span), cost: 0.0 };
        if !span.is_request || evidence.reason.is_some() {
            return evidence;
        }
        if !self.failed && self.costs_more_than.is_none() {
            return evidence;
        }
        let converted;
        let converted = match &processed.converted {
            Some(converted) => Some(&**converted),
            None => {
                // If the conversion panics, which is a bug in this crate, the span waits like any other.
                converted = catch_unwind(AssertUnwindSafe(|| ConvertedSpan::from_span(span, provider))).ok();
                converted.as_ref()
            }
        };
        let Some(ConvertedSpan { log: Some(log), problem, .. }) = converted else { return evidence };
        let has_failed = match span.ending {
            // A stream may have been complete when its reader stopped.
            Ending::Cancelled | Ending::Unfinished => problem.is_some(),
            _ => log.status == RequestStatus::Error,
        };
        evidence.reason = (self.failed && has_failed).then_some(Reason::Failed);
        evidence.cost = self.cost(log);
        evidence
    }

    /// Returns the reason for which a span keeps its trace, as far as it is known without the request log.
    pub(crate) fn known_reason(&self, span: &FinishedSpan) -> Option<Reason> {
        let has_failed = || match span.ending {
            Ending::Failed(_) | Ending::Panicked(_) => true,
            // Its request log tells.
            _ if span.is_request => false,
            // The function around a model call that was not seen to the end did not fail.
            Ending::Unseen(_) => false,
            _ => convert::problem(span).is_some(),
        };
        if self.failed && catch_unwind(AssertUnwindSafe(has_failed)).unwrap_or(false) {
            return Some(Reason::Failed);
        }
        self.slower_than.filter(|limit| span.duration > *limit).map(|_| Reason::Slow)
    }

    /// Returns the cost of a call in US dollars, if there is a limit for it.
    fn cost(&self, log: &LogRequest) -> f64 {
        if self.costs_more_than.is_none() {
            return 0.0;
        }
        let cost = || log.price.or_else(|| estimated_price(log));
        catch_unwind(AssertUnwindSafe(cost)).ok().flatten().unwrap_or_default()
    }
}

#[cfg(feature = "prices")]
fn estimated_price(log: &LogRequest) -> Option<f64> {
    promptlayer_blueprint::prices::estimate_log(log)
}

#[cfg(not(feature = "prices"))]
fn estimated_price(_log: &LogRequest) -> Option<f64> {
    None
}

impl Default for KeepPolicy {
    fn default() -> Self {
        Self {
            failed: false,
            slower_than: None,
            costs_more_than: None,
            traces: Self::DEFAULT_TRACES,
            spans: Self::DEFAULT_SPANS,
            bytes: Self::DEFAULT_BYTES,
        }
    }
}

/// What a span says about its trace.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Evidence {
    pub(crate) reason: Option<Reason>,
    /// The cost of the call in US dollars, if there is a limit for it.
    pub(crate) cost: f64,
}

/// Why a trace is kept.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Reason {
    Failed,
    Slow,
    Costly,
}

impl Reason {
    /// The value of the attribute `promptlayer.kept`.
    pub(crate) fn as_str(self) -> &'static str {
        match self {
            Self::Failed => "failed",
            Self::Slow => "slow",
            Self::Costly => "costly",
        }
    }
}
