//! The statistics in the text format of Prometheus.

use std::fmt::Write as _;

use crate::export::metrics::table::{Metric, MetricKind, metrics};
use crate::export::stats::Stats;

impl Stats {
    /// The media type of [`to_prometheus`](Self::to_prometheus), for the header `Content-Type`.
    pub const PROMETHEUS_CONTENT_TYPE: &'static str = "text/plain; version=0.0.4; charset=utf-8";

    /// Returns the statistics in the text format of Prometheus, version 0.0.4.
    ///
    /// Serve it at `/metrics`, or append it to the metrics of your program: every name begins with `promptlayer_`. The
    /// names of counters end in `_total`. Each reason for a rejection or a loss, and each state of a pending item, has
    /// a line even if its value is 0, so that an alert can refer to it from the start.
    ///
    /// ```
    /// use promptlayer_tracing::export::{DropReason, Stats};
    ///
    /// let mut stats = Stats::default(); // or that of `ShutdownGuard::stats`
    /// stats.spans.accepted = 5;
    /// stats.spans.dropped.insert(DropReason::QueueFull, 2);
    /// let text = stats.to_prometheus();
    ///
    /// assert!(text.contains("# TYPE promptlayer_spans_accepted_total counter\n"));
    /// assert!(text.contains("promptlayer_spans_accepted_total 5\n"));
    /// assert!(text.contains("promptlayer_spans_dropped_total{reason=\"queue_full\"} 2\n"));
    /// assert!(text.contains("promptlayer_spans_dropped_total{reason=\"expired\"} 0\n"));
    /// assert!(text.contains("promptlayer_spans_pending{state=\"in_flight\"} 0\n"));
    /// ```
    ///
    /// If spans are sent to two destinations (feature `otlp`), every line has the label `destination`: `spans_bulk` or
    /// `otlp`.
    ///
    /// The counters start at 0 with each pipeline, as Prometheus expects of a counter. With several layers in one
    /// process, render the statistics of one of them, or add a label to each line.
    pub fn to_prometheus(&self) -> String {
        let mut text = String::new();
        for metric in metrics(self) {
            // Writing to a string cannot fail.
            let _ = write(&mut text, &metric);
        }
        text
    }
}

fn write(text: &mut String, metric: &Metric) -> std::fmt::Result {
    let (kind, ending) = match metric.kind {
        MetricKind::Counter => ("counter", "_total"),
        MetricKind::Gauge => ("gauge", ""),
    };
    let name = format!("{}{ending}", metric.name.replace('.', "_"));
    writeln!(text, "# HELP {name} {}", metric.description)?;
    writeln!(text, "# TYPE {name} {kind}")?;
    for point in &metric.points {
        text.push_str(&name);
        for (at, (label, of)) in point.labels().enumerate() {
            // The values are names of this crate, in which no character needs to be escaped.
            write!(text, "{}{label}=\"{of}\"", if at == 0 { '{' } else { ',' })?;
        }
        let end = if point.labels().next().is_some() { "}" } else { "" };
        writeln!(text, "{end} {}", point.value)?;
    }
    Ok(())
}

#[cfg(test)]
mod tests;
