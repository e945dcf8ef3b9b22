//! How much goes out in one request, and how often.

use std::time::Duration;

use super::form::Wire;
use promptlayer_client::exporter::clock;

/// How many spans are sent together, how long they wait for each other, and how many requests are on their
/// way at once.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct BatchLimits {
    pub(crate) spans: usize,
    pub(crate) bytes: usize,
    pub(crate) span_bytes: usize,
    pub(crate) interval: Duration,
    in_flight: Option<usize>,
}

impl BatchLimits {
    /// The default of [`spans`](Self::spans).
    pub const DEFAULT_SPANS: usize = 100;
    /// The default of [`bytes`](Self::bytes): 4 MiB.
    pub const DEFAULT_BYTES: usize = 4 << 20;
    /// The default of [`span_bytes`](Self::span_bytes): 4 MiB, as much as a request takes.
    pub const DEFAULT_SPAN_BYTES: usize = 4 << 20;
    /// The default of [`interval`](Self::interval): 1 s.
    pub const DEFAULT_INTERVAL: Duration = Duration::from_secs(1);
    /// The default of [`in_flight`](Self::in_flight) with [`Wire::SpansBulk`](crate::Wire::SpansBulk): 1.
    pub const DEFAULT_IN_FLIGHT: usize = 1;
    /// The default of [`in_flight`](Self::in_flight) with [`Wire::LogRequest`](crate::Wire::LogRequest), where each
    /// request brings one span: 4.
    pub const DEFAULT_IN_FLIGHT_OF_LOG_REQUEST: usize = 4;
    /// The greatest [`in_flight`](Self::in_flight): 4.
    pub const MOST_IN_FLIGHT: usize = 4;

    /// The greatest number of spans in one request, at least 1. Defaults to
    /// [`DEFAULT_SPANS`](Self::DEFAULT_SPANS).
    #[must_use]
    pub fn spans(mut self, spans: usize) -> Self {
        self.spans = spans.max(1);
        self
    }

    /// The greatest number of bytes in one request, at least 1 KiB. A span that is larger by itself is made
    /// smaller, as by [`span_bytes`](Self::span_bytes). Defaults to [`DEFAULT_BYTES`](Self::DEFAULT_BYTES).
    #[must_use]
    pub fn bytes(mut self, bytes: usize) -> Self {
        self.bytes = bytes.max(1 << 10);
        self
    }

    /// The greatest number of bytes of one span, as JSON, at least 1 KiB. One that is larger goes without its
    /// media, which become their type, size and SHA-256, and if that is not enough with its long texts cut to 2
    /// KiB each; [`Stats::shrunk`](crate::Stats::shrunk) counts it. Defaults to
    /// [`DEFAULT_SPAN_BYTES`](Self::DEFAULT_SPAN_BYTES).
    #[must_use]
    pub fn span_bytes(mut self, bytes: usize) -> Self {
        self.span_bytes = bytes.max(1 << 10);
        self
    }

    /// How long a span waits at most before it is sent, if no full batch goes sooner; at least 1 ms and
    /// at most ten years. Defaults to [`DEFAULT_INTERVAL`](Self::DEFAULT_INTERVAL).
    #[must_use]
    pub fn interval(mut self, interval: Duration) -> Self {
        self.interval = interval.clamp(Duration::from_millis(1), clock::LONGEST);
        self
    }

    /// How many requests with spans may be on their way at once, from 1 to
    /// [`MOST_IN_FLIGHT`](Self::MOST_IN_FLIGHT). Beside them may be one with what an earlier run left on disk, one with
    /// what this run put there, four with tracking calls, and four that are sent again. With one, spans arrive in the
    /// order in which they ended, unless something fails. Defaults to
    /// [`DEFAULT_IN_FLIGHT`](Self::DEFAULT_IN_FLIGHT), or to
    /// [`DEFAULT_IN_FLIGHT_OF_LOG_REQUEST`](Self::DEFAULT_IN_FLIGHT_OF_LOG_REQUEST).
    #[must_use]
    pub fn in_flight(mut self, requests: usize) -> Self {
        self.in_flight = Some(requests.clamp(1, Self::MOST_IN_FLIGHT));
        self
    }

    /// How many requests with spans may be on their way at once over this wire.
    pub(crate) fn requests_in_flight(self, wire: Wire) -> usize {
        self.in_flight.unwrap_or(match wire {
            Wire::SpansBulk => Self::DEFAULT_IN_FLIGHT,
            Wire::LogRequest => Self::DEFAULT_IN_FLIGHT_OF_LOG_REQUEST,
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
