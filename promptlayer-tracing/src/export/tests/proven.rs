//! Spans count as delivered only if the response contains them or they are read back. Time is paused.

use super::line::Line;
use super::service::{Service, Step, Wire};
use crate::export::{BatchLimits, RetryPolicy};
use crate::hooks::Hooks;

/// Success responses that do not prove that any span was stored.
const UNPROVEN: [&str; 7] = [
    "<html>sign in</html>",
    "{}",
    r#"{"success":false,"message":"quota"}"#,
    "",
    r#"{"success":true,"spans":[],"request_logs":[]}"#,
    r#"{"success":true,"spans":"#,
    r#"{"success":"yes","spans":{"a":1}}"#,
];

#[tokio::test(start_paused = true)]
async fn success_that_names_no_span_is_read_back() {
    for body in UNPROVEN {
        for is_taken in [true, false] {
            let service = Service::over(Wire::SpansBulk, [Step::Says { body, is_taken }]);
            let mut line = Line::new(&service, BatchLimits::default());
            line.log(10);
            let (stats, took) = line.run().await;
            let (delivered, unknown) = if is_taken { (10, 0) } else { (0, 10) };
            let spans = &stats.spans;
            assert_eq!((spans.delivered, spans.outcome_unknown), (delivered, unknown), "{body} {stats:#?}");
            assert_eq!((stats.hooks.received, service.sizes().len()), (delivered, 1), "{body}: sent once");
            assert!(took <= RetryPolicy::DEFAULT_SETTLING_TIME * 3, "{body}: {took:?}");
        }
    }
}

#[tokio::test(start_paused = true)]
async fn log_request_without_an_id_is_of_unknown_outcome() {
    for body in UNPROVEN {
        let service = Service::over(Wire::LogRequest, [Step::Says { body, is_taken: true }]);
        let limits = BatchLimits::default();
        let mut line = Line::build(&service, limits, None, Hooks::default());
        line.log(1);
        let (stats, _) = line.run().await;
        assert_eq!((stats.spans.delivered, stats.spans.outcome_unknown), (0, 1), "{body} {stats:#?}");
    }
}

#[tokio::test(start_paused = true)]
async fn ids_left_out_of_the_answer_are_read_back_once() {
    for (gets, received) in [(vec![], 10), (vec![Step::Status(500)], 0)] {
        let service = Service::over(Wire::SpansBulk, [Step::TakenWithoutIds]).gets(gets);
        let mut line = Line::new(&service, BatchLimits::default());
        line.log(10);
        let (stats, _) = line.run().await;
        assert_eq!((stats.spans.delivered, stats.hooks.received), (10, received), "{stats:#?}");
        assert_eq!((stats.hooks.missing, service.readings()), (10 - received, 1));
    }
}

#[tokio::test(start_paused = true)]
async fn four_log_requests_are_in_flight_at_once() {
    let service = Service::over(Wire::LogRequest, [Step::Hang; 4]);
    let mut line = Line::build(&service, BatchLimits::default(), None, Hooks::default());
    line.log(10);
    let watched = service.clone();
    let watching = tokio::spawn(async move {
        tokio::time::sleep(std::time::Duration::from_secs(5)).await;
        watched.sizes().len()
    });
    let stop = std::time::Instant::now() + std::time::Duration::from_secs(10);
    line.stop.send_modify(|stop_at| stop_at.deadline = Some(stop));
    let (stats, _) = line.run().await;
    assert_eq!(watching.await.unwrap(), 4);
    assert_eq!(stats.spans.outcome_unknown, 4, "{stats:#?}");
}
