//! The invariants that hold at the end of every schedule.

use std::collections::BTreeSet;
use std::fmt::Write as _;

use promptlayer_tracing::export::{DropReason, Ledger};
use tests::pipeline::{assert_balanced, eventually};

use crate::plan::{Plan, Wire};
use crate::server::Server;
use crate::{Outcome, lock};

/// The sum of the ledgers of all runs. Each run accepts again what the previous run left on disk.
#[derive(Debug, Default)]
struct Sum {
    accepted: u64,
    delivered: u64,
    rejected: u64,
    dropped: u64,
    /// Items that arrived after the shutdown of the pipeline.
    late: u64,
    unknown: u64,
    pending: u64,
}

impl Sum {
    fn of<'a>(runs: impl IntoIterator<Item = &'a Ledger>) -> Self {
        let mut sum = Self::default();
        for ledger in runs {
            assert_balanced(ledger);
            sum.accepted = (sum.accepted + ledger.accepted).saturating_sub(sum.pending);
            sum.pending = ledger.total_pending();
            sum.delivered += ledger.delivered;
            sum.rejected += ledger.total_rejected();
            let late = ledger.dropped.get(&DropReason::Closed).copied().unwrap_or_default();
            sum.late += late;
            sum.dropped += ledger.total_dropped() - late;
            sum.unknown += ledger.outcome_unknown;
        }
        sum
    }
}

pub(crate) fn check(plan: &Plan, server: &Server, outcome: &Outcome) {
    let Outcome { runs, seen } = outcome;
    let mut said = String::new();
    for stats in runs {
        write!(said, "{stats:?} ").unwrap();
    }
    write!(said, "errors {:?}", lock(&seen.errors)).unwrap();

    // Nothing is pending, and nothing was dropped.
    let spans = Sum::of(runs.iter().map(|stats| &stats.spans));
    assert_eq!((spans.accepted, spans.pending), (plan.calls as u64, 0), "not settled: {said}");
    assert_eq!(spans.dropped + spans.late, 0, "spans were dropped: {said}");

    // Every span that is counted as delivered is stored exactly once. Other stored spans have an unknown
    // outcome.
    let (stored, done) = (server.stored(), server.done());
    let twice: Vec<&String> = stored.iter().filter(|(_, times)| **times > 1).map(|(text, _)| text).collect();
    if plan.wire == Wire::Collector {
        // It stores a span that is sent again once, because it has the same id. Here each copy is stored.
        let copies: usize = stored.values().map(|times| times - 1).sum();
        let counted: u64 = runs.iter().map(|stats| stats.possible_duplicates).sum();
        assert!(copies as u64 <= counted, "{copies} copies, {counted} are counted: {said}");
    } else {
        assert!(twice.is_empty(), "stored twice: {twice:?}; {said}");
    }
    let count = stored.len() as u64;
    assert!(
        (spans.delivered..=spans.delivered + spans.unknown).contains(&count),
        "the server has {count}: {said}"
    );

    // A span is quarantined only if it was refused in a request of its own, and only if it is not stored.
    let aside = done.refused_alone.iter().filter(|text| !stored.contains_key(*text)).count() as u64;
    assert!(spans.rejected <= aside, "{} rejected, {aside} were refused alone: {said}", spans.rejected);

    // With traces, only a success response that proves nothing can cause an unknown outcome. Such a span is not
    // stored, or the pipeline was shut down while it read the span back.
    if plan.wire.can_be_read_back() {
        let is_cut = plan.restart.is_some();
        let lied = done.unproven.iter().filter(|text| is_cut || !stored.contains_key(*text)).count() as u64;
        assert!(spans.unknown <= lied, "{} unknown, {lied} can be: {said}", spans.unknown);
    }

    // Each id is reported once and belongs to a stored span.
    let received: u64 = runs.iter().map(|stats| stats.hooks.received).sum();
    let missing: u64 = runs.iter().map(|stats| stats.hooks.missing).sum();
    let of_requests = if plan.wire == Wire::Collector { 0 } else { spans.delivered };
    assert_eq!(received + missing, of_requests, "ids: {said}");
    eventually(|| lock(&seen.requests).len() as u64 >= received);
    let requests = lock(&seen.requests);
    let ids: BTreeSet<_> = requests.iter().map(|(id, _)| *id).collect();
    assert_eq!((requests.len() as u64, ids.len() as u64), (received, received), "an id came twice: {said}");
    let readings = plan.readings.len();
    match plan.wire {
        // Ids are read after the spans are delivered: until the shutdown, and three times.
        Wire::Otlp if plan.restart.is_some() || readings >= 3 => {}
        Wire::SpansBulk | Wire::Otlp => {
            let without = (done.without_ids.len() + done.unproven.len()) as u64;
            assert!(missing <= without, "{missing} ids are missing, {without} can be: {said}");
        }
        Wire::LogRequest | Wire::Collector => assert_eq!(missing, 0, "delivered without an id: {said}"),
    }
    if plan.wire.can_be_read_back() {
        let there = server.span_ids();
        let foreign = requests.iter().filter(|(_, span)| !there.contains(&span.to_string())).count();
        assert_eq!(foreign, 0, "ids of spans that are not there: {said}");
    }

    // Tracking is idempotent, so duplicate tracking calls do not matter.
    let tracking = Sum::of(runs.iter().map(|stats| &stats.tracking));
    let tracked = server.tracked();
    assert_eq!(tracking.pending, 0, "tracking calls did not settle: {said}");
    assert_eq!((tracking.dropped, tracking.unknown), (0, 0), "tracking calls were lost: {said}");
    assert!(tracking.late == 0 || plan.restart.is_some(), "tracking calls came late: {said}");
    assert!(tracking.delivered <= tracked.len() as u64, "{} are tracked: {said}", tracked.len());
    assert!(tracking.rejected <= done.refused_tracks as u64, "tracking calls were rejected: {said}");
}
