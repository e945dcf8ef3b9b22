//! One bad span among good ones, for all kinds of responses to it. Time is paused.

use std::sync::Arc;
use std::time::Duration;

use tempfile::TempDir;

use super::line::{Line, log_one};
use super::service::{Service, WIRES, Wire};
use crate::export::stats::Stats;
use crate::export::{BatchLimits, RetryPolicy, SpoolMode, SpoolSettings};

/// The statuses with which the simulated service rejects a request that contains the bad span.
const STATUSES: [u16; 20] =
    [301, 307, 400, 401, 402, 403, 404, 405, 408, 409, 413, 415, 422, 429, 431, 451, 500, 501, 502, 503];

const TEN_MINUTES: Duration = Duration::from_secs(600);

/// Sends 100 spans, one of which the service rejects with this status.
async fn one_in_a_hundred(
    wire: Wire,
    refused_with: u16,
    spool: Option<SpoolSettings>,
    per_batch: usize,
) -> (Stats, Service) {
    let service = Service::over(wire, []).refuse(&["9".to_owned()], refused_with);
    let limits = BatchLimits::default().spans(per_batch).bytes(8 << 20);
    let mut line = Line::with_spool(&service, limits, spool);
    for number in 0..100 {
        log_one(&line.pipeline, if number == 50 { 9 } else { number % 9 });
    }
    let (stats, _) = line.run().await;
    (stats, service)
}

#[tokio::test(start_paused = true)]
async fn one_refused_span_costs_no_other_among_many_batches() {
    for wire in WIRES {
        for status in STATUSES {
            let (stats, service) = one_in_a_hundred(wire, status, None, 10).await;
            let lost =
                stats.spans.total_rejected() + stats.spans.total_dropped() + stats.spans.outcome_unknown;
            assert_eq!((stats.spans.delivered, lost), (99, 1), "{status}: {stats:#?}");
            assert_eq!((service.taken(), service.duplicates()), (99, 0), "{status}");
        }
    }
}

#[tokio::test(start_paused = true)]
async fn one_refused_span_costs_no_other_in_a_batch_alone() {
    for wire in WIRES {
        for status in STATUSES {
            let (stats, service) = one_in_a_hundred(wire, status, None, 100).await;
            let lost =
                stats.spans.total_rejected() + stats.spans.total_dropped() + stats.spans.outcome_unknown;
            assert_eq!((stats.spans.delivered, lost), (99, 1), "{status}: {stats:#?}");
            assert_eq!((service.taken(), service.duplicates()), (99, 0), "{status}");
        }
    }
}

#[tokio::test(start_paused = true)]
async fn one_refused_span_blocks_no_other_on_disk() {
    for wire in WIRES {
        for mode in [SpoolMode::OnFailure, SpoolMode::WriteAhead, SpoolMode::Synchronous] {
            for status in STATUSES {
                let folder = TempDir::new().unwrap();
                // When no other requests pass, records on disk are retried until their maximum age.
                let spool = SpoolSettings::new(folder.path().join("spool")).mode(mode).max_age(TEN_MINUTES);
                let (stats, service) = one_in_a_hundred(wire, status, Some(spool), 10).await;
                let lost =
                    stats.spans.total_rejected() + stats.spans.total_dropped() + stats.spans.outcome_unknown;
                assert_eq!((stats.spans.delivered, lost), (99, 1), "{mode:?} {status}: {stats:#?}");
                assert_eq!((service.taken(), service.duplicates()), (99, 0), "{mode:?} {status}");
            }
        }
    }
}

#[tokio::test(start_paused = true)]
async fn span_refused_while_others_pass_is_rejected_at_once() {
    for wire in WIRES {
        for status in [401, 403, 404, 451] {
            let service = Service::over(wire, []).refuse(&["9".to_owned()], status);
            let mut line = Line::new(&service, BatchLimits::default().spans(10));
            for number in 0..100 {
                log_one(&line.pipeline, if number == 50 { 9 } else { number % 9 });
            }
            let (stats, took) = line.run().await;
            assert_eq!(
                (stats.spans.delivered, stats.spans.total_rejected()),
                (99, 1),
                "{status}: {stats:#?}"
            );
            assert!(took < Duration::from_secs(1), "{status}: {took:?}");
        }
    }
}

#[tokio::test(start_paused = true)]
async fn key_refused_after_some_passed_quarantines_nothing() {
    for wire in WIRES {
        let service = Service::over(wire, []);
        let mut line = Line::new(&service, BatchLimits::default().spans(10));
        line.log(50);
        let (pipeline, stop, changing) = (Arc::clone(&line.pipeline), line.stop.clone(), service.clone());
        let program = tokio::spawn(async move {
            tokio::time::sleep(Duration::from_secs(5)).await;
            changing.fails_with(401);
            for number in 0..50 {
                log_one(&pipeline, number);
            }
            tokio::time::sleep(Duration::from_secs(200)).await;
            changing.recovers();
            stop.send_modify(|stop| stop.finish = true);
        });
        line.work().await;
        program.await.unwrap();
        let stats = line.stats();
        assert_eq!((stats.spans.delivered, service.duplicates()), (100, 0), "{stats:#?}");
    }
}

#[tokio::test(start_paused = true)]
async fn one_probe_asks_a_service_that_refuses_everything() {
    for wire in WIRES {
        let service = Service::over(wire, []);
        service.fails_with(403);
        let mut line = Line::new(&service, BatchLimits::default().spans(10).in_flight(4));
        line.log(200);
        let asked = service.clone();
        let watching = tokio::spawn(async move {
            tokio::time::sleep(RetryPolicy::DEFAULT_PROBE_INTERVAL * 2 + Duration::from_secs(1)).await;
            asked.sizes().len()
        });
        let (stats, _) = line.run().await;
        // Spans that never had their turn exceeded the maximum age. The others were rejected.
        assert_eq!(stats.spans.total_rejected() + stats.spans.total_dropped(), 200, "{stats:#?}");
        // One request is rejected, one more shows that all are, then one follows each minute. Four were in
        // flight.
        let asked = watching.await.unwrap();
        assert!(asked <= 7, "{asked} in two minutes");
    }
}
