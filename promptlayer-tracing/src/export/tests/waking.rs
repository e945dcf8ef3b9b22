//! When the calling threads wake the export thread.

use std::sync::Arc;
use std::sync::atomic::Ordering::SeqCst;
use std::time::Duration;

use tokio::time::sleep;

use super::line::{Line, log_one};
use super::service::{Service, Step, WIRES};
use crate::export::{BatchLimits, Pipeline};

/// Longer than the test takes.
const INTERVAL: Duration = Duration::from_secs(1_000);

fn log(pipeline: &Arc<Pipeline>, count: usize) {
    (0..count).for_each(|number| log_one(pipeline, number));
}

#[tokio::test(start_paused = true)]
async fn full_batch_is_sent_at_once_or_when_a_request_ends() {
    for wire in WIRES {
        let service = Service::over(wire, [Step::TakeAfter(10)]);
        let mut line = Line::new(&service, BatchLimits::default().spans(5).interval(INTERVAL).in_flight(1));
        let pipeline = Arc::clone(&line.pipeline);
        let calls = async {
            sleep(Duration::from_secs(1)).await;
            assert!(pipeline.waits_for_batch.load(SeqCst));
            log(&pipeline, 4);
            sleep(Duration::from_secs(1)).await;
            assert_eq!(pipeline.stats().spans.pending.queued, 4, "an incomplete batch waits");
            log(&pipeline, 1);
            sleep(Duration::from_secs(1)).await;
            assert_eq!(pipeline.stats().spans.pending.in_flight, 5);

            assert!(!pipeline.waits_for_batch.load(SeqCst), "nothing can be sent");
            log(&pipeline, 12);
            sleep(Duration::from_secs(1)).await;
            assert_eq!(pipeline.stats().spans.pending.queued, 12);
            sleep(Duration::from_secs(10)).await;
            assert_eq!(service.sizes(), [5, 5, 5, 2]);

            assert!(pipeline.waits_for_batch.load(SeqCst));
            log(&pipeline, 5);
            sleep(Duration::from_secs(1)).await;
            assert_eq!(service.sizes(), [5, 5, 5, 2, 5]);
        };
        tokio::select! {
            () = line.work() => unreachable!("it works until it is stopped"),
            () = calls => {}
        }
    }
}
