//! The table of metrics that the statistics make.
//!
//! Every field of the statistics and every reason has an entry: a new one without an entry does not compile.

use crate::export::queue::ledger::{DropReason, Ledger, Pending, RejectReason};
use crate::export::stats::Stats;
use crate::hooks::HookStats;

/// A statistic as a metric.
#[derive(Debug)]
pub(crate) struct Metric {
    /// The name, with dots between its parts, as OpenTelemetry writes names.
    pub(crate) name: &'static str,
    pub(crate) description: &'static str,
    /// The unit, as OpenTelemetry writes it: what is counted, in braces.
    #[allow(dead_code, reason = "Prometheus has no place for it")]
    pub(crate) unit: &'static str,
    pub(crate) kind: MetricKind,
    pub(crate) points: Vec<Point>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum MetricKind {
    /// It only grows.
    Counter,
    Gauge,
}

/// One value of a metric.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Point {
    /// The attribute that tells the values of a metric apart, and its value.
    pub(crate) label: Option<(&'static str, &'static str)>,
    /// The destination that the value belongs to, if spans are sent to two.
    pub(crate) destination: Option<&'static str>,
    pub(crate) value: u64,
}

impl Point {
    /// Returns the attributes of the value.
    pub(crate) fn labels(&self) -> impl Iterator<Item = (&'static str, &'static str)> {
        self.destination.map(|destination| (DESTINATION, destination)).into_iter().chain(self.label)
    }
}

/// The attribute for the reason of a loss.
const REASON: &str = "reason";
/// The attribute for where a pending item is.
const STATE: &str = "state";
/// The attribute for the destination, if spans are sent to two, and its values.
const DESTINATION: &str = "destination";
#[cfg(feature = "otlp")]
const SPANS_BULK: &str = "spans_bulk";
#[cfg(feature = "otlp")]
const OTLP: &str = "otlp";

impl Metric {
    fn counter(name: &'static str, unit: &'static str, description: &'static str, value: u64) -> Self {
        let points = vec![Point { label: None, destination: None, value }];
        Self { name, description, unit, kind: MetricKind::Counter, points }
    }

    fn gauge(name: &'static str, unit: &'static str, description: &'static str, value: u64) -> Self {
        Self { kind: MetricKind::Gauge, ..Self::counter(name, unit, description, value) }
    }

    /// A metric with several values, which the attribute `label` tells apart.
    fn by(self, label: &'static str, values: impl IntoIterator<Item = (&'static str, u64)>) -> Self {
        let point = |(name, value)| Point { label: Some((label, name)), destination: None, value };
        Self { points: values.into_iter().map(point).collect(), ..self }
    }
}

/// Lists the metrics of a ledger, whose names begin with `$prefix`.
macro_rules! of_ledger {
    ($prefix:literal, $items:literal, $unit:literal, $ledger:expr) => {{
        let Ledger { accepted, delivered, rejected, dropped, outcome_unknown, pending } = $ledger;
        let Pending { queued, in_flight, spooled } = *pending;
        let rejected = RejectReason::ALL
            .iter()
            .map(|reason| (reason.as_str(), rejected.get(reason).copied().unwrap_or_default()));
        let dropped = DropReason::ALL
            .iter()
            .map(|reason| (reason.as_str(), dropped.get(reason).copied().unwrap_or_default()));
        let counter = |name, description, value| Metric::counter(name, $unit, description, value);
        let states = Metric::gauge(
            concat!($prefix, ".pending"),
            $unit,
            concat!($items, " that are not settled yet, by where they are."),
            0,
        );
        [
            counter(
                concat!($prefix, ".accepted"),
                concat!($items, " that the pipeline took, and those that it found in the spool."),
                *accepted,
            ),
            counter(
                concat!($prefix, ".delivered"),
                concat!($items, " that PromptLayer confirmed."),
                *delivered,
            ),
            counter(
                concat!($prefix, ".rejected"),
                concat!($items, " that PromptLayer rejected, by reason."),
                0,
            )
            .by(REASON, rejected),
            counter(concat!($prefix, ".dropped"), concat!($items, " that were dropped, by reason."), 0)
                .by(REASON, dropped),
            counter(
                concat!($prefix, ".outcome_unknown"),
                concat!($items, " that were sent and may not have arrived."),
                *outcome_unknown,
            ),
            states.by(STATE, [("queued", queued), ("in_flight", in_flight), ("spooled", spooled)]),
        ]
    }};
}

/// Returns the statistics as metrics. The names are always the same, and in the same order, and so are the attributes of
/// a pipeline.
pub(crate) fn metrics(stats: &Stats) -> Vec<Metric> {
    let metrics = of_pipeline(stats);
    #[cfg(feature = "otlp")]
    if let Some(otlp) = &stats.otlp {
        let both = metrics.into_iter().zip(of_pipeline(otlp));
        return both
            .map(|(mut metric, second)| {
                metric.points.iter_mut().for_each(|point| point.destination = Some(SPANS_BULK));
                let second = second.points.into_iter();
                metric.points.extend(second.map(|point| Point { destination: Some(OTLP), ..point }));
                metric
            })
            .collect();
    }
    metrics
}

/// Returns the statistics of one pipeline as metrics.
fn of_pipeline(stats: &Stats) -> Vec<Metric> {
    let Stats {
        spans,
        tracking,
        hooks,
        retries,
        possible_duplicates,
        skipped_requests,
        shrunk,
        sampled_out,
        undecided,
        evicted,
        set_aside,
        panics,
        #[cfg(feature = "otlp")]
            otlp: _,
        unmeasured,
    } = stats;
    let spans = of_ledger!("promptlayer.spans", "Spans", "{span}", spans);
    let tracking = of_ledger!("promptlayer.tracking", "Tracking calls of hooks", "{call}", tracking);
    let others = [
        Metric::counter(
            "promptlayer.retries",
            "{request}",
            "Requests to PromptLayer that were sent again.",
            *retries,
        ),
        Metric::counter(
            "promptlayer.possible_duplicates",
            "{span}",
            "Spans that were sent although an earlier request may have delivered them.",
            *possible_duplicates,
        ),
        Metric::counter(
            "promptlayer.skipped_requests",
            "{request}",
            "Requests that PromptLayer did not log, because their prompt template does not exist.",
            *skipped_requests,
        ),
        Metric::counter(
            "promptlayer.shrunk",
            "{span}",
            "Spans that were sent without their media, or with long texts cut.",
            *shrunk,
        ),
        Metric::counter(
            "promptlayer.sampled_out",
            "{span}",
            "Spans that were left out with their trace by sampling.",
            *sampled_out,
        ),
        Metric::gauge(
            "promptlayer.undecided",
            "{span}",
            "Spans that wait until it is known whether their trace is kept.",
            *undecided,
        ),
        Metric::counter(
            "promptlayer.evicted",
            "{span}",
            "Spans that were removed with their trace while it was undecided, because of the limits.",
            *evicted,
        ),
        Metric::counter(
            "promptlayer.set_aside",
            "{file}",
            "Files and parts of files of the spool that could not be read.",
            *set_aside,
        ),
        Metric::counter(
            "promptlayer.panics",
            "{batch}",
            "Batches that were lost to a panic in the pipeline.",
            *panics,
        ),
        Metric::counter(
            "promptlayer.unmeasured",
            "{request}",
            "Model calls whose duration and tokens were not recorded.",
            *unmeasured,
        ),
    ];
    spans.into_iter().chain(tracking).chain(of_hooks(*hooks)).chain(others).collect()
}

/// Returns the metrics of the hooks.
fn of_hooks(stats: HookStats) -> [Metric; 7] {
    let HookStats { received, run, panicked, timed_out, skipped, of_hooks, missing } = stats;
    [
        Metric::counter(
            "promptlayer.hooks.received",
            "{request}",
            "Request ids received from PromptLayer.",
            received,
        ),
        Metric::counter(
            "promptlayer.hooks.run",
            "{call}",
            "Hook calls that returned or reached their time limit.",
            run,
        ),
        Metric::counter("promptlayer.hooks.panicked", "{call}", "Hook calls that panicked.", panicked),
        Metric::counter(
            "promptlayer.hooks.timed_out",
            "{call}",
            "Asynchronous hook calls that were dropped at their time limit.",
            timed_out,
        ),
        Metric::counter(
            "promptlayer.hooks.skipped",
            "{request}",
            "Request ids that were passed to no hook, because too many were waiting.",
            skipped,
        ),
        Metric::counter(
            "promptlayer.hooks.of_hooks",
            "{request}",
            "Request ids of requests that hooks made, which are passed to no hook.",
            of_hooks,
        ),
        Metric::counter(
            "promptlayer.hooks.missing",
            "{request}",
            "Requests that were delivered and whose response had no readable id.",
            missing,
        ),
    ]
}
