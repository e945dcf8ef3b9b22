//! Limits on the size of a request and on how often requests are sent.

use std::time::Duration;

use promptlayer_client::exporter::clock;

use crate::export::encode::encoder::Format;

/// Limits for batches: how many spans one request contains, how long a span waits for others, and how many
/// requests are in flight at once.
///
/// Values outside the range of a limit are replaced by the nearest value in it.
///
/// ```
/// use std::time::Duration;
///
/// use promptlayer_tracing::export::BatchLimits;
///
/// // Many short calls: larger batches, sent every 5 s, two at once.
/// let limits = BatchLimits::default()
///     .spans(500)
///     .bytes(2 << 20)
///     .span_bytes(1 << 20)
///     .interval(Duration::from_secs(5))
///     .in_flight(2);
/// # let builder =
/// promptlayer_tracing::layer().batch(limits);
///
/// assert_eq!(BatchLimits::default().spans(0), BatchLimits::default().spans(1));
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct BatchLimits {
    pub(crate) spans: usize,
    pub(crate) bytes: usize,
    pub(crate) span_bytes: usize,
    pub(crate) interval: Duration,
    in_flight: Option<usize>,
}

impl BatchLimits {
    /// The default of [`spans`](Self::spans): 100.
    pub const DEFAULT_SPANS: usize = 100;
    /// The default of [`bytes`](Self::bytes): 4 MiB.
    pub const DEFAULT_BYTES: usize = 4 << 20;
    /// The default of [`span_bytes`](Self::span_bytes): 4 MiB, the same as the limit of a request.
    pub const DEFAULT_SPAN_BYTES: usize = 4 << 20;
    /// The default of [`interval`](Self::interval): 1 s.
    pub const DEFAULT_INTERVAL: Duration = Duration::from_secs(1);
    /// The default of [`in_flight`](Self::in_flight) with every [`Wire`](crate::export::Wire) that has many spans in a
    /// request: 1.
    pub const DEFAULT_IN_FLIGHT: usize = 1;
    /// The default of [`in_flight`](Self::in_flight) with [`Wire::LogRequest`](crate::export::Wire::LogRequest): 4.
    /// With this format each request contains one span.
    pub const DEFAULT_IN_FLIGHT_OF_LOG_REQUEST: usize = 4;
    /// The maximum of [`in_flight`](Self::in_flight): 4.
    pub const MOST_IN_FLIGHT: usize = 4;

    /// Sets the maximum number of spans in one request, at least 1. Defaults to
    /// [`DEFAULT_SPANS`](Self::DEFAULT_SPANS).
    #[must_use]
    pub fn spans(mut self, spans: usize) -> Self {
        self.spans = spans.max(1);
        self
    }

    /// Sets the maximum number of bytes in one request, at least 1 KiB. A single span above this limit is
    /// reduced in the same way as for [`span_bytes`](Self::span_bytes). Defaults to
    /// [`DEFAULT_BYTES`](Self::DEFAULT_BYTES).
    #[must_use]
    pub fn bytes(mut self, bytes: usize) -> Self {
        self.bytes = bytes.max(1 << 10);
        self
    }

    /// Sets the maximum size of one span in bytes of JSON, at least 1 KiB.
    ///
    /// A larger span is sent without its media: each is replaced with its type, size and SHA-256. If the span
    /// is still too large, its long texts are cut to 2 KiB each. [`Stats::shrunk`](crate::export::Stats::shrunk)
    /// counts these spans. Defaults to [`DEFAULT_SPAN_BYTES`](Self::DEFAULT_SPAN_BYTES).
    #[must_use]
    pub fn span_bytes(mut self, bytes: usize) -> Self {
        self.span_bytes = bytes.max(1 << 10);
        self
    }

    /// Sets the maximum time that a span waits before it is sent, at least 1 ms and at most ten years. A full
    /// batch is sent sooner. Defaults to [`DEFAULT_INTERVAL`](Self::DEFAULT_INTERVAL).
    #[must_use]
    pub fn interval(mut self, interval: Duration) -> Self {
        self.interval = interval.clamp(Duration::from_millis(1), clock::LONGEST);
        self
    }

    /// Sets how many requests with new spans may be in flight at once, from 1 to
    /// [`MOST_IN_FLIGHT`](Self::MOST_IN_FLIGHT).
    ///
    /// These requests are in addition to: one with spans that an earlier run left in the spool, one with
    /// spans that this run put there, four with tracking calls, and four retries. With a value of 1, spans
    /// arrive in the order in which they ended, unless a request fails. Defaults to
    /// [`DEFAULT_IN_FLIGHT`](Self::DEFAULT_IN_FLIGHT), or to
    /// [`DEFAULT_IN_FLIGHT_OF_LOG_REQUEST`](Self::DEFAULT_IN_FLIGHT_OF_LOG_REQUEST).
    #[must_use]
    pub fn in_flight(mut self, requests: usize) -> Self {
        self.in_flight = Some(requests.clamp(1, Self::MOST_IN_FLIGHT));
        self
    }

    /// Returns how many requests with new spans may be in flight at once in this format.
    pub(crate) fn requests_in_flight(self, format: &Format) -> usize {
        self.in_flight.unwrap_or(if matches!(format, Format::LogRequest) {
            Self::DEFAULT_IN_FLIGHT_OF_LOG_REQUEST
        } else {
            Self::DEFAULT_IN_FLIGHT
        })
    }
}

impl Default for BatchLimits {
    fn default() -> Self {
        Self {
            spans: Self::DEFAULT_SPANS,
            bytes: Self::DEFAULT_BYTES,
            span_bytes: Self::DEFAULT_SPAN_BYTES,
            interval: Self::DEFAULT_INTERVAL,
            in_flight: None,
        }
    }
}
