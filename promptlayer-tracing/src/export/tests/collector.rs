//! A collector: its spans cannot be read back, so they are sent again after an ambiguous failure. Time is paused.

use std::time::Duration;

use tempfile::TempDir;

use super::line::{Line, log_one};
use super::service::{Service, Step, Wire};
use crate::export::queue::ledger::{DropReason, Pending, RejectReason};
use crate::export::stats::Stats;
use crate::export::{BatchLimits, SpoolMode, SpoolSettings};

const MINUTE: Duration = Duration::from_secs(60);

/// Returns a collector that answers the next requests with these steps.
fn collector(steps: impl IntoIterator<Item = Step>) -> Service {
    Service::over(Wire::Collector, steps)
}

async fn ten(service: &Service) -> (Stats, Duration) {
    let mut line = Line::new(service, BatchLimits::default());
    line.log(10);
    line.run().await
}

#[tokio::test(start_paused = true)]
async fn ambiguous_batch_is_sent_again_under_the_same_ids() {
    for step in
        [Step::TakenAndLost, Step::TakenAndStatus(500), Step::TakenAndStatus(502), Step::TakenAndStatus(504)]
    {
        let service = collector([step, step]);
        let (stats, _) = ten(&service).await;
        assert_eq!(
            (stats.spans.delivered, stats.possible_duplicates, stats.retries),
            (10, 20, 2),
            "{step:?}"
        );
        // The collector has each id once, and received it three times.
        assert_eq!((service.taken(), service.duplicates(), service.sizes().len()), (10, 10, 3), "{step:?}");
    }
}

#[tokio::test(start_paused = true)]
async fn unprocessed_batch_is_no_possible_duplicate() {
    for step in [Step::Status(429), Step::Status(503), Step::Refused] {
        let service = collector([step; 5]);
        let (stats, _) = ten(&service).await;
        assert_eq!((stats.spans.delivered, stats.retries, stats.possible_duplicates), (10, 5, 0), "{step:?}");
        assert_eq!(service.duplicates(), 0);
    }
}

#[tokio::test(start_paused = true)]
async fn wait_that_a_collector_asks_for_is_respected() {
    for status in [429, 502, 503, 504] {
        let service = collector([Step::RetryAfter(status, 40)]);
        let (stats, took) = ten(&service).await;
        assert_eq!(stats.spans.delivered, 10);
        assert!(took >= Duration::from_secs(40), "{status}: {took:?}");
        let ambiguous = if matches!(status, 502 | 504) { 10 } else { 0 };
        assert_eq!(stats.possible_duplicates, ambiguous, "{status}");
    }
}

#[tokio::test(start_paused = true)]
async fn ambiguous_spans_that_expire_are_of_unknown_outcome() {
    for steps in [vec![Step::Lost], vec![Step::TakenAndLost], vec![Step::Status(504)]] {
        for later in [Step::Refused, Step::Status(503), Step::Status(401), Step::Lost] {
            let service = collector(steps.clone()).otherwise(later);
            let (stats, took) = ten(&service).await;
            assert_eq!(stats.spans.outcome_unknown, 10, "{steps:?} {later:?}: {stats:#?}");
            assert!(took.as_secs() <= 300, "{took:?}");
        }
    }
    // Spans that never were in doubt are dropped.
    let (stats, _) = ten(&collector([]).otherwise(Step::Refused)).await;
    assert_eq!(stats.spans.dropped, [(DropReason::Expired, 10)].into());
}

#[tokio::test(start_paused = true)]
async fn faulty_spans_of_a_collector_are_quarantined() {
    for faulty in [vec!["3"], vec!["0", "9"], vec!["1", "2", "5"]] {
        let faulty: Vec<String> = faulty.into_iter().map(str::to_owned).collect();
        let service = collector([]).poison(&faulty, false);
        let (stats, _) = ten(&service).await;
        let count = faulty.len() as u64;
        assert_eq!(stats.spans.rejected, [(RejectReason::Invalid, count)].into(), "{faulty:?}");
        assert_eq!((stats.spans.delivered, service.duplicates()), (10 - count, 0), "{faulty:?}");
    }
}

#[tokio::test(start_paused = true)]
async fn one_refused_span_costs_no_other_of_a_collector() {
    for status in [301, 400, 401, 403, 404, 408, 413, 415, 422, 429, 451, 500, 502, 503] {
        let service = collector([]).refuse(&["9".to_owned()], status);
        let mut line = Line::new(&service, BatchLimits::default().spans(10));
        for number in 0..100 {
            log_one(&line.pipeline, if number == 50 { 9 } else { number % 9 });
        }
        let (stats, _) = line.run().await;
        let lost = stats.spans.total_rejected() + stats.spans.total_dropped() + stats.spans.outcome_unknown;
        assert_eq!((stats.spans.delivered, lost), (99, 1), "{status}: {stats:#?}");
        assert_eq!((service.taken(), service.duplicates()), (99, 0), "{status}");
    }
}

#[tokio::test(start_paused = true)]
async fn shutdown_counts_ambiguous_spans_of_a_collector_as_unknown() {
    let service = collector([Step::Lost]).otherwise(Step::Refused);
    let mut line = Line::new(&service, BatchLimits::default());
    line.log(10);
    let deadline = (tokio::time::Instant::now() + Duration::from_secs(20)).into_std();
    line.stop.send_modify(|stop| stop.deadline = Some(deadline));
    let (stats, _) = line.run().await;
    assert_eq!((stats.spans.outcome_unknown, stats.spans.total_dropped()), (10, 0), "{stats:#?}");
}

fn line(service: &Service, folder: &TempDir, mode: SpoolMode) -> Line {
    let spool = SpoolSettings::new(folder.path().join("spool")).mode(mode);
    Line::with_spool(service, BatchLimits::default(), Some(spool))
}

#[tokio::test(start_paused = true)]
async fn next_run_resends_batch_in_flight_at_a_kill_to_a_collector() {
    for step in [Step::TakenAndHang, Step::Hang] {
        let folder = TempDir::new().unwrap();
        let service = collector([step]);
        let mut first = line(&service, &folder, SpoolMode::WriteAhead);
        first.log(30);
        assert!(tokio::time::timeout(MINUTE, first.work()).await.is_err());
        tokio::time::sleep(Duration::from_millis(1)).await;
        drop(first);

        let (stats, _) = line(&service, &folder, SpoolMode::WriteAhead).run().await;
        assert_eq!((stats.spans.delivered, stats.possible_duplicates), (30, 30), "{step:?}: {stats:#?}");
        assert_eq!((service.taken(), service.sizes().len()), (30, 2), "{step:?}");
    }
}

#[tokio::test(start_paused = true)]
async fn spool_of_a_collector_keeps_what_an_outage_leaves() {
    for step in [Step::Refused, Step::Status(503), Step::Status(401), Step::Lost] {
        for mode in [SpoolMode::OnFailure, SpoolMode::WriteAhead, SpoolMode::Synchronous] {
            let folder = TempDir::new().unwrap();
            let service = collector([]).otherwise(step);
            let mut first = line(&service, &folder, mode);
            first.log(250);
            let deadline = (tokio::time::Instant::now() + 60 * MINUTE).into_std();
            first.stop.send_modify(|stop| stop.deadline = Some(deadline));
            let (stats, took) = first.run().await;
            let on_disk = Pending { queued: 0, in_flight: 0, spooled: 250 };
            assert_eq!(stats.spans.pending, on_disk, "{step:?} {mode:?} {stats:#?}");
            assert!(took < MINUTE, "{step:?} {mode:?}: {took:?}");
            drop(first);
            service.recovers();
            let (stats, _) = line(&service, &folder, mode).run().await;
            assert_eq!((stats.spans.delivered, service.duplicates()), (250, 0), "{step:?} {mode:?}");
        }
    }
}

#[tokio::test(start_paused = true)]
async fn records_of_one_wire_are_never_sent_over_another() {
    let wires = [Wire::SpansBulk, Wire::Otlp, Wire::Collector];
    for first_wire in wires {
        for second_wire in wires.into_iter().filter(|wire| *wire != first_wire) {
            let folder = TempDir::new().unwrap();
            let service = Service::over(first_wire, []).otherwise(Step::Refused);
            let mut first = line(&service, &folder, SpoolMode::Synchronous);
            first.log(5);
            let stop = (tokio::time::Instant::now() + Duration::from_secs(1)).into_std();
            first.stop.send_modify(|at| at.deadline = Some(stop));
            assert_eq!(first.run().await.0.spans.pending.spooled, 5);
            drop(first);

            let other = Service::over(second_wire, []);
            let (stats, _) = line(&other, &folder, SpoolMode::Synchronous).run().await;
            assert_eq!((stats.spans.accepted, other.sizes().len()), (0, 0), "{first_wire:?} {second_wire:?}");
            // The same wire sends them.
            service.recovers();
            let (stats, _) = line(&service, &folder, SpoolMode::Synchronous).run().await;
            assert_eq!(stats.spans.delivered, 5, "{first_wire:?} {second_wire:?}");
        }
    }
}
