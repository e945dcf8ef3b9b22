//! Outcomes of spans for all kinds of responses. Time is paused, so minutes pass at once.

use std::sync::Arc;
use std::time::Duration;

use tokio::time::Instant;

use super::line::{Line, log_one};
use super::service::{Service, Step, WIRES, Wire};
use crate::export::queue::ledger::{DropReason, RejectReason};
use crate::export::stats::Stats;
use crate::export::{BatchLimits, RetryPolicy};

/// Sends ten spans to a service. Returns the statistics and the elapsed time.
async fn ten(service: &Service) -> (Stats, Duration) {
    let mut line = Line::new(service, BatchLimits::default());
    line.log(10);
    line.run().await
}

#[tokio::test(start_paused = true)]
async fn unprocessed_batch_is_retried_until_accepted() {
    for wire in WIRES {
        for step in [Step::Status(429), Step::Status(503), Step::Refused] {
            let service = Service::over(wire, [step; 5]);
            let (stats, took) = ten(&service).await;
            assert_eq!((stats.spans.delivered, stats.retries), (10, 5), "{step:?}");
            assert_eq!((service.taken(), service.duplicates(), service.readings()), (10, 0, 0));
            // The delays are at most 0.5, 1, 2, 4 and 8 s.
            assert!(took <= Duration::from_millis(15_500), "{took:?}");
        }
    }
}

#[tokio::test(start_paused = true)]
async fn retry_waits_for_retry_after() {
    for wire in WIRES {
        let service = Service::over(wire, [Step::RetryAfter(429, 40), Step::RetryAfter(503, 50)]);
        let (stats, took) = ten(&service).await;
        assert_eq!(stats.spans.delivered, 10);
        assert!(took >= Duration::from_secs(90), "{took:?}");
    }
}

#[tokio::test(start_paused = true)]
async fn excessive_retry_after_expires_spans_without_hanging() {
    for wire in WIRES {
        let service = Service::over(wire, [Step::RetryAfter(429, u64::MAX / 2)]);
        let (stats, took) = ten(&service).await;
        assert_eq!(stats.spans.dropped, [(DropReason::Expired, 10)].into());
        assert!(took < Duration::from_secs(5), "{took:?}");
    }
}

#[tokio::test(start_paused = true)]
async fn one_gate_holds_all_batches() {
    for wire in WIRES {
        let service = Service::over(wire, [Step::RetryAfter(503, 20)]);
        let mut line = Line::new(&service, BatchLimits::default().spans(1).in_flight(4));
        line.log(40);
        let (stats, took) = line.run().await;
        assert_eq!((stats.spans.delivered, service.taken()), (40, 40));
        assert!(took >= Duration::from_secs(20));
        // Four requests were in flight when one of them closed the gate. Each span is sent once after that.
        assert!(service.sizes().len() <= 41, "{:?}", service.sizes());
    }
}

#[tokio::test(start_paused = true)]
async fn one_minute_outage_loses_nothing() {
    for wire in WIRES {
        let service = Service::over(wire, []).otherwise(Step::Refused);
        let mut line = Line::new(&service, BatchLimits::default());
        line.log(250);
        let recovering = service.clone();
        tokio::spawn(async move {
            tokio::time::sleep(Duration::from_secs(60)).await;
            recovering.recovers();
        });
        let (stats, took) = line.run().await;
        assert_eq!((stats.spans.delivered, service.duplicates()), (250, 0));
        assert!((60..=91).contains(&took.as_secs()), "{took:?}");
    }
}

#[tokio::test(start_paused = true)]
async fn expired_spans_are_dropped_after_at_least_one_attempt() {
    for wire in WIRES {
        let service = Service::over(wire, []).otherwise(Step::Refused);
        let mut line = Line::new(&service, BatchLimits::default());
        line.log(250);
        let (stats, took) = line.run().await;
        assert_eq!(stats.spans.dropped, [(DropReason::Expired, 250)].into());
        assert!((270..=300).contains(&took.as_secs()), "{took:?}");
        assert!(service.sizes().contains(&50), "the last batch had its try: {:?}", service.sizes());
    }
}

#[tokio::test(start_paused = true)]
async fn expired_spans_do_not_drop_younger_ones() {
    for wire in WIRES {
        let service = Service::over(wire, []).otherwise(Step::Refused);
        let mut line = Line::new(&service, BatchLimits::default());
        let (pipeline, stop, recovering) = (Arc::clone(&line.pipeline), line.stop.clone(), service.clone());
        let program = tokio::spawn(async move {
            // One span every ten seconds, for seven minutes.
            for number in 0..42 {
                log_one(&pipeline, number);
                tokio::time::sleep(Duration::from_secs(10)).await;
            }
            recovering.recovers();
            tokio::time::sleep(Duration::from_secs(60)).await;
            stop.send_modify(|stop| stop.finish = true);
        });
        line.work().await;
        program.await.unwrap();
        let stats = line.stats();
        // The spans of the first two minutes were five minutes old at the recovery. Some may still have had an
        // attempt left.
        let expired = stats.spans.total_dropped();
        assert!((6..=15).contains(&expired), "{stats:#?}");
        assert_eq!(stats.spans.delivered, 42 - expired);
    }
}

#[tokio::test(start_paused = true)]
async fn delay_doubles_once_per_ambiguous_failure() {
    for wire in WIRES {
        for step in [Step::Status(500), Step::Lost].repeat(10) {
            let service = Service::over(wire, [step; 5]);
            let (stats, took) = ten(&service).await;
            assert_eq!((stats.spans.delivered, stats.retries), (10, 5), "{step:?}");
            // The delays are at most 0.5, 1, 2, 4 and 8 s, each after a reading of the trace.
            let longest = Duration::from_millis(15_500) + 5 * RetryPolicy::DEFAULT_SETTLING_TIME;
            assert!(took <= longest, "{step:?}: {took:?}");
        }
    }
}

#[tokio::test(start_paused = true)]
async fn failing_service_is_asked_with_backoff() {
    for wire in WIRES {
        let service = Service::over(wire, []).otherwise(Step::Status(500));
        let (stats, _) = ten(&service).await;
        assert_eq!(stats.spans.dropped, [(DropReason::Expired, 10)].into(), "{stats:#?}");
        let asked = service.sizes().len();
        assert!((8..=40).contains(&asked), "{asked} times in five minutes");
    }
}

#[tokio::test(start_paused = true)]
async fn batch_sent_late_is_still_read_back() {
    for wire in WIRES {
        let service = Service::over(wire, [Step::TakenAndLost]);
        let mut line = Line::new(&service, BatchLimits::default());
        line.log(10);
        tokio::time::advance(RetryPolicy::DEFAULT_MAX_AGE * 2).await;
        let (stats, _) = line.run().await;
        assert_eq!((stats.spans.delivered, stats.hooks.received), (10, 10), "{stats:#?}");
    }
}

#[tokio::test(start_paused = true)]
async fn shutdown_does_not_wait_while_everything_is_refused() {
    for wire in WIRES {
        let service = Service::over(wire, []).otherwise(Step::Status(401));
        let mut line = Line::new(&service, BatchLimits::default().spans(10));
        line.log(50);
        let deadline = std::time::Instant::now() + Duration::from_secs(3600);
        line.stop.send_modify(|stop| stop.deadline = Some(deadline));
        let (stats, took) = line.run().await;
        assert_eq!(stats.spans.rejected, [(RejectReason::Unauthorized, 50)].into());
        assert!(took < Duration::from_secs(1), "{took:?}");
    }
}

#[tokio::test(start_paused = true)]
async fn delivered_batch_with_lost_response_is_not_sent_again() {
    for wire in WIRES {
        for step in [
            Step::TakenAndLost,
            Step::TakenAndStatus(500),
            Step::TakenAndStatus(502),
            Step::TakenAndStatus(504),
        ] {
            let service = Service::over(wire, [step]);
            let (stats, _) = ten(&service).await;
            assert_eq!((stats.spans.delivered, stats.hooks.received), (10, 10), "{step:?}");
            assert_eq!(
                (service.sizes().len(), service.duplicates(), service.readings()),
                (1, 0, 1),
                "{step:?}"
            );
        }
    }
}

#[tokio::test(start_paused = true)]
async fn missing_spans_are_sent_again_after_settling_time() {
    for wire in WIRES {
        let service = Service::over(wire, [Step::Lost, Step::Status(500), Step::Lost]);
        let (stats, took) = ten(&service).await;
        assert_eq!((stats.spans.delivered, stats.possible_duplicates, stats.retries), (10, 30, 3));
        assert_eq!((service.taken(), service.duplicates()), (10, 0));
        assert!(took >= 3 * RetryPolicy::DEFAULT_SETTLING_TIME, "{took:?}");
        assert!(service.readings() >= 6, "{}", service.readings());
    }
}

#[tokio::test(start_paused = true)]
async fn spans_found_on_a_later_reading_are_not_sent_again() {
    for wire in WIRES {
        let service = Service::over(wire, [Step::TakenLater(1)]);
        let (stats, _) = ten(&service).await;
        assert_eq!((stats.spans.delivered, stats.possible_duplicates), (10, 0));
        assert_eq!((service.sizes().len(), service.duplicates()), (1, 0));
        assert!(service.readings() >= 2);
    }
}

#[tokio::test(start_paused = true)]
async fn ambiguous_batch_does_not_block_later_batches() {
    for wire in WIRES {
        let service = Service::over(wire, [Step::Lost]);
        let mut line = Line::new(&service, BatchLimits::default().spans(10));
        line.log(50);
        let watched = service.clone();
        let watching = tokio::spawn(async move {
            tokio::time::sleep(RetryPolicy::DEFAULT_SETTLING_TIME / 2).await;
            watched.taken()
        });
        let (stats, _) = line.run().await;
        assert_eq!(watching.await.unwrap(), 40, "all but those in doubt, while they are");
        assert_eq!((stats.spans.delivered, service.duplicates()), (50, 0));
    }
}

#[tokio::test(start_paused = true)]
async fn failed_reading_is_repeated() {
    for wire in WIRES {
        let service = Service::over(wire, [Step::TakenAndLost]).gets([
            Step::Status(500),
            Step::Lost,
            Step::Status(401),
        ]);
        let (stats, _) = ten(&service).await;
        assert_eq!((stats.spans.delivered, service.duplicates(), service.readings()), (10, 0, 4));
    }
}

#[tokio::test(start_paused = true)]
async fn unreadable_trace_means_unknown_outcome_and_no_resend() {
    for wire in WIRES {
        let service = Service::over(wire, [Step::TakenAndLost]).gets(vec![Step::Status(500); 1000]);
        let (stats, took) = ten(&service).await;
        assert_eq!((stats.spans.outcome_unknown, service.sizes().len()), (10, 1));
        assert!((270..=300).contains(&took.as_secs()), "{took:?}");
    }
}

#[tokio::test(start_paused = true)]
async fn unreadable_response_is_read_back_and_not_sent_again() {
    for wire in WIRES {
        let service = Service::over(wire, [Step::TakenAndGarbled]);
        let (stats, _) = ten(&service).await;
        assert_eq!((stats.spans.delivered, stats.hooks.received, stats.hooks.missing), (10, 10, 0));
        assert_eq!((service.sizes().len(), service.readings()), (1, 1));
    }
}

#[tokio::test(start_paused = true)]
async fn faulty_spans_are_quarantined_and_the_rest_arrives() {
    for wire in WIRES {
        // Every combination of faulty spans among ten.
        for set in 0_u32..1024 {
            for says_where in [false, true] {
                let faulty: Vec<String> =
                    (0..10).filter(|at| set & (1 << at) != 0).map(|at| at.to_string()).collect();
                let service = Service::over(wire, []).poison(&faulty, says_where);
                let (stats, _) = ten(&service).await;
                let count = faulty.len() as u64;
                assert_eq!(stats.spans.total_rejected(), count, "{faulty:?}");
                assert_eq!(
                    (stats.spans.delivered, service.taken() as u64),
                    (10 - count, 10 - count),
                    "{faulty:?}"
                );
                assert_eq!(service.duplicates(), 0);
                // The positions that an OTLP endpoint names mean something else.
                let most = if says_where && wire == Wire::SpansBulk { 2 } else { 20 };
                assert!(service.sizes().len() <= most, "{faulty:?}: {:?}", service.sizes());
            }
        }
    }
}

#[tokio::test(start_paused = true)]
async fn oversized_batch_is_halved_down_to_one_span() {
    for wire in WIRES {
        let service = Service::over(wire, []).most(1);
        let (stats, _) = ten(&service).await;
        assert_eq!((stats.spans.delivered, service.taken(), service.duplicates()), (10, 10, 0));
        let service = Service::over(wire, []).most(0);
        let (stats, _) = ten(&service).await;
        assert_eq!(stats.spans.rejected, [(RejectReason::TooLarge, 10)].into());
    }
}

#[tokio::test(start_paused = true)]
async fn refused_destination_is_probed_every_minute() {
    for wire in WIRES {
        let service = Service::over(wire, [Step::Status(401), Step::Status(403), Step::Status(404)]);
        let (stats, took) = ten(&service).await;
        assert_eq!((stats.spans.delivered, service.sizes().len()), (10, 4));
        assert_eq!(took.as_secs(), 180);

        let service = Service::over(wire, []).otherwise(Step::Status(302));
        let (stats, took) = ten(&service).await;
        assert_eq!(stats.spans.rejected, [(RejectReason::WrongAddress, 10)].into());
        assert!(took.as_secs() <= 300, "{took:?}");
    }
}

#[tokio::test(start_paused = true)]
async fn shutdown_tries_refused_batch_once_and_does_not_wait() {
    for wire in WIRES {
        let service = Service::over(wire, []).otherwise(Step::Status(401));
        let mut line = Line::new(&service, BatchLimits::default());
        line.log(10);
        let deadline = std::time::Instant::now() + Duration::from_secs(3600);
        line.stop.send_modify(|stop| stop.deadline = Some(deadline));
        let (stats, took) = line.run().await;
        assert_eq!(stats.spans.rejected, [(RejectReason::Unauthorized, 10)].into());
        assert!(took < Duration::from_secs(1), "{took:?}");
    }
}

#[tokio::test(start_paused = true)]
async fn panic_in_a_batch_loses_only_that_batch() {
    for wire in WIRES {
        let service = Service::over(wire, [Step::Panic]);
        let mut line = Line::new(&service, BatchLimits::default().spans(4));
        line.log(10);
        let (stats, _) = line.run().await;
        assert_eq!((stats.spans.outcome_unknown, stats.spans.delivered, stats.panics), (4, 6, 1));
    }
}

#[tokio::test(start_paused = true)]
async fn shutdown_counts_sent_as_unknown_and_waiting_as_dropped() {
    for wire in WIRES {
        let service = Service::over(wire, []).otherwise(Step::Hang);
        let mut line = Line::new(&service, BatchLimits::default().spans(4));
        line.log(10);
        // By the paused clock, which the wires before have advanced.
        let deadline = (Instant::now() + Duration::from_secs(5)).into_std();
        line.stop.send_modify(|stop| stop.deadline = Some(deadline));
        let (stats, took) = line.run().await;
        assert_eq!(stats.spans.outcome_unknown, 4);
        assert_eq!(stats.spans.dropped, [(DropReason::Deadline, 6)].into());
        assert!(took >= Duration::from_secs(4), "{took:?}");
    }
}
