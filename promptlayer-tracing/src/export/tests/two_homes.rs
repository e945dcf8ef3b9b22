//! Two pipelines that receive the same spans. Time is paused.

use std::sync::Arc;
use std::time::Duration;

use tokio::time::Instant;

use super::line::{Line, span};
use super::service::{Service, Step, Wire};
use crate::export::queue::ledger::DropReason;
use crate::export::{BatchLimits, TwoPipelines};
use crate::process::{ProcessedSpan, SpanExporter};
use crate::random;

/// Hands ten spans to two pipelines, as a layer does.
fn log_to_both(lines: [&Line; 2]) {
    let both = TwoPipelines(lines.map(|line| Arc::clone(&line.pipeline)));
    let trace_id = random::trace_id();
    for number in 0..10 {
        let span = span(trace_id, number);
        both.take(ProcessedSpan { span, converted: None, size: 100, is_of_hook: false });
    }
}

#[tokio::test(start_paused = true)]
async fn dead_home_costs_the_other_no_span() {
    for (first_wire, second_wire) in [(Wire::SpansBulk, Wire::Collector), (Wire::SpansBulk, Wire::Otlp)] {
        for dead in [None, Some(first_wire), Some(second_wire)] {
            for step in [Step::Refused, Step::Hang, Step::Status(401), Step::Status(503), Step::Panic] {
                let home = |wire| {
                    let service = Service::over(wire, []);
                    if dead == Some(wire) { service.otherwise(step) } else { service }
                };
                let (first, second) = (home(first_wire), home(second_wire));
                let mut lines = [&first, &second].map(|home| Line::new(home, BatchLimits::default()));
                let [one, other] = &mut lines;
                log_to_both([one, other]);
                let deadline = (Instant::now() + Duration::from_secs(60)).into_std();
                for line in [&*one, other] {
                    line.stop.send_modify(|stop| stop.deadline = Some(deadline));
                }
                let (of_one, of_other) = tokio::join!(one.run(), other.run());
                for ((stats, _), home) in [of_one, of_other].into_iter().zip([&first, &second]) {
                    assert_eq!(stats.spans.accepted, 10);
                    let is_dead = dead == Some(home.wire());
                    let (delivered, taken) = if is_dead { (0, 0) } else { (10, 10) };
                    assert_eq!(
                        (stats.spans.delivered, home.taken()),
                        (delivered, taken),
                        "{dead:?} {step:?}"
                    );
                    assert_eq!(home.duplicates(), 0);
                }
            }
        }
    }
}

#[tokio::test(start_paused = true)]
async fn full_queue_of_one_home_drops_nothing_of_the_other() {
    let (first, second) = (Service::over(Wire::SpansBulk, []), Service::over(Wire::Collector, []));
    let mut lines = [&first, &second].map(|home| Line::new(home, BatchLimits::default()));
    // Only the first pipeline has these.
    lines[0].log(995);
    log_to_both([&lines[0], &lines[1]]);
    let (stats, _) = lines[0].run().await;
    assert_eq!(stats.spans.dropped, [(DropReason::QueueFull, 5)].into());
    let (stats, _) = lines[1].run().await;
    assert_eq!((stats.spans.accepted, stats.spans.delivered), (10, 10));
}
