//! The statistics of the pipeline as observable counters and gauges.

use std::time::Instant;

use promptlayer_tracing::export::{DropReason, QueueLimits, RejectReason, Stats};
use tests::Reply;
use tests::pipeline::eventually;

use super::*;

/// Checks that the metrics have the numbers of the statistics.
#[track_caller]
fn assert_same(metrics: &All, stats: &Stats) {
    for (prefix, ledger) in [("promptlayer.spans", &stats.spans), ("promptlayer.tracking", &stats.tracking)] {
        let number = |name: &str| metrics.number(&format!("{prefix}.{name}"), None);
        assert_eq!(number("accepted"), ledger.accepted);
        assert_eq!(number("delivered"), ledger.delivered);
        assert_eq!(number("outcome_unknown"), ledger.outcome_unknown);
        for reason in DropReason::ALL {
            let dropped = metrics.number(&format!("{prefix}.dropped"), Some(("reason", reason.as_str())));
            assert_eq!(dropped, ledger.dropped.get(reason).copied().unwrap_or_default(), "{reason:?}");
        }
        for reason in RejectReason::ALL {
            let rejected = metrics.number(&format!("{prefix}.rejected"), Some(("reason", reason.as_str())));
            assert_eq!(rejected, ledger.rejected.get(reason).copied().unwrap_or_default(), "{reason:?}");
        }
        let pending = ledger.pending;
        for (state, count) in
            [("queued", pending.queued), ("in_flight", pending.in_flight), ("spooled", pending.spooled)]
        {
            assert_eq!(
                metrics.number(&format!("{prefix}.pending"), Some(("state", state))),
                count,
                "{state}"
            );
        }
    }
    assert_eq!(metrics.number("promptlayer.retries", None), stats.retries);
    assert_eq!(metrics.number("promptlayer.hooks.received", None), stats.hooks.received);
}

/// The sum of a counter over its attributes.
fn sum(metrics: &All, name: &str) -> u64 {
    let numbers = metrics.values(name).iter().map(|(_, value)| match value {
        Value::Sum(number) | Value::Gauge(number) => *number,
        other @ Value::Histogram(..) => panic!("{name}: {other:?}"),
    });
    numbers.sum()
}

#[test]
fn ledger_is_observed_as_it_is() {
    let (recorder, provider) = (Recorder::start().unwrap(), Provider::new());
    let (layer, guard) = layer_to(recorder.url())
        .retry(quick())
        .queue(QueueLimits::default().items(8))
        .on_request_id(|request| request.track().score(100).enqueue().unwrap())
        .on_error(|_| {})
        .meter_provider(&provider.sdk)
        .build()
        .unwrap();
    let dispatch = dispatch(layer);
    let none = provider.collect();
    assert_same(&none, &Stats::default());

    recorder.script("/spans-bulk", [Reply::status(503), Reply::status(422)]);
    with_default(&dispatch, || {
        for _ in 0..12 {
            drop(complete(request()));
        }
    });
    assert!(guard.flush(LONG).is_complete());
    let stats = guard.stats();
    assert!(stats.spans.delivered > 0 && stats.spans.total_dropped() > 0 && stats.retries > 0, "{stats:#?}");
    assert!(stats.tracking.delivered > 0, "{stats:#?}");
    assert_same(&provider.collect(), &stats);

    let stats = guard.shutdown(LONG);
    with_default(&dispatch, || drop(complete(request())));
    let after = provider.collect();
    assert_eq!(after.number("promptlayer.spans.dropped", Some(("reason", "closed"))), 1);
    assert_eq!(after.number("promptlayer.spans.accepted", None), stats.spans.accepted + 1);
    assert_eq!(after.0["promptlayer.spans.accepted"].unit, "{span}");

    // The provider does not keep the pipeline. Its threads may need a moment to end.
    drop(dispatch);
    eventually(|| provider.collect().names().iter().all(|name| !name.starts_with("promptlayer.")));
}

#[test]
fn numbers_of_one_collection_belong_to_one_instant() {
    let (recorder, provider) = (Recorder::start().unwrap(), Provider::new());
    let builder = layer_to(recorder.url()).on_error(|_| {}).meter_provider(&provider.sdk);
    let (layer, guard) = builder.build().unwrap();
    let dispatch = dispatch(layer);
    let is_over = std::sync::atomic::AtomicBool::new(false);
    let relaxed = std::sync::atomic::Ordering::Relaxed;
    std::thread::scope(|scope| {
        scope.spawn(|| {
            with_default(&dispatch, || {
                while !is_over.load(relaxed) {
                    drop(tool("Oslo"));
                }
            });
        });
        let (mut seen, begun) = (BTreeSet::new(), Instant::now());
        while seen.len() < 20 && begun.elapsed() < LONG {
            let metrics = provider.collect();
            let accepted = metrics.number("promptlayer.spans.accepted", None);
            let settled = ["delivered", "rejected", "dropped", "outcome_unknown", "pending"];
            let settled: u64 =
                settled.iter().map(|name| sum(&metrics, &format!("promptlayer.spans.{name}"))).sum();
            seen.insert(accepted);
            if accepted != settled {
                is_over.store(true, relaxed);
                panic!("{accepted} accepted, {settled} accounted for");
            }
        }
        is_over.store(true, relaxed);
        assert_eq!(seen.len(), 20, "the numbers do not change");
    });
    drop(guard);
}
