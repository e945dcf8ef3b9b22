//! Responses of OTLP endpoints: partial successes, warnings, and request ids. Time is paused.

use std::sync::Arc;
use std::sync::atomic::AtomicUsize;
use std::sync::atomic::Ordering::SeqCst;

use super::line::Line;
use super::service::{Service, Step, Wire};
use crate::error::ErrorKind;
use crate::export::queue::ledger::RejectReason;
use crate::export::stats::Stats;
use crate::export::{BatchLimits, RetryPolicy};
use crate::hooks::Hooks;

const ENDPOINTS: [Wire; 2] = [Wire::Otlp, Wire::Collector];

/// Sends ten spans in one batch. Returns the statistics, and the number of errors of each kind.
async fn ten(service: &Service) -> (Stats, usize, usize) {
    let (partial, warnings) = (Arc::new(AtomicUsize::new(0)), Arc::new(AtomicUsize::new(0)));
    let counts =
        [(ErrorKind::PartialSuccess, Arc::clone(&partial)), (ErrorKind::Warning, Arc::clone(&warnings))];
    let on_error = move |error: &crate::Error| {
        for (kind, count) in &counts {
            count.fetch_add((error.kind() == *kind).into(), SeqCst);
        }
    };
    let hooks = Hooks { on_error: Some(Arc::new(on_error)), ..Hooks::default() };
    let mut line = Line::build(service, BatchLimits::default(), None, hooks);
    line.log(10);
    let (stats, _) = line.run().await;
    line.finish_hooks();
    (stats, partial.load(SeqCst), warnings.load(SeqCst))
}

#[tokio::test(start_paused = true)]
async fn rejected_spans_are_counted_and_nothing_is_sent_again() {
    for wire in ENDPOINTS {
        for rejected in [1, 3, 10] {
            let service = Service::over(wire, [Step::Rejects(rejected)]);
            let (stats, errors, _) = ten(&service).await;
            let spans = &stats.spans;
            assert_eq!(
                spans.rejected,
                [(RejectReason::Invalid, rejected as u64)].into(),
                "{wire:?}: {stats:#?}"
            );
            assert_eq!((spans.delivered, spans.outcome_unknown), (10 - rejected as u64, 0), "{wire:?}");
            assert_eq!((service.taken(), service.sizes().len()), (10 - rejected, 1), "{wire:?}: sent once");
            assert_eq!((service.duplicates(), errors), (0, 1), "{wire:?}");
        }
    }
}

#[tokio::test(start_paused = true)]
async fn rejected_spans_of_an_unreadable_trace_are_counted_by_number() {
    let service = Service::over(Wire::Otlp, [Step::Rejects(3)]).gets(vec![Step::Status(500); 1000]);
    let (stats, ..) = ten(&service).await;
    assert_eq!(stats.spans.rejected, [(RejectReason::Invalid, 3)].into());
    assert_eq!((stats.spans.delivered, stats.spans.outcome_unknown, service.sizes().len()), (0, 7, 1));
}

#[tokio::test(start_paused = true)]
async fn warning_of_an_endpoint_is_reported_once() {
    for wire in ENDPOINTS {
        let service = Service::over(wire, [Step::TakenWithWarning, Step::TakenWithWarning]);
        let warnings = Arc::new(AtomicUsize::new(0));
        let told = Arc::clone(&warnings);
        let on_error = move |error: &crate::Error| {
            assert_eq!(error.kind(), ErrorKind::Warning);
            assert!(error.to_string().contains("slow down"), "{error}");
            told.fetch_add(1, SeqCst);
        };
        let hooks = Hooks { on_error: Some(Arc::new(on_error)), ..Hooks::default() };
        let mut line = Line::build(&service, BatchLimits::default().spans(5), None, hooks);
        line.log(10);
        let (stats, _) = line.run().await;
        line.finish_hooks();
        assert_eq!((stats.spans.delivered, service.sizes().len()), (10, 2), "{wire:?}");
        assert_eq!(warnings.load(SeqCst), 1, "{wire:?}");
    }
}

/// Success responses that are no responses of an OTLP endpoint.
const UNPROVEN: [&str; 5] = [
    r#"{"success":false,"message":"quota"}"#,
    "<html>sign in</html>",
    "{",
    "ok",
    r#"{"partialSuccess":{"rejectedSpans":"11","errorMessage":""}}"#,
];

#[tokio::test(start_paused = true)]
async fn unreadable_success_of_an_endpoint_is_no_delivery() {
    for body in UNPROVEN {
        for is_taken in [true, false] {
            let service = Service::over(Wire::Otlp, [Step::Says { body, is_taken }]);
            let (stats, ..) = ten(&service).await;
            let (delivered, unknown) = if is_taken { (10, 0) } else { (0, 10) };
            let spans = &stats.spans;
            assert_eq!((spans.delivered, spans.outcome_unknown), (delivered, unknown), "{body}: {stats:#?}");
            assert_eq!(service.sizes().len(), 1, "{body}: sent once");
            // A collector cannot be asked.
            let service = Service::over(Wire::Collector, [Step::Says { body, is_taken }]);
            let (stats, ..) = ten(&service).await;
            assert_eq!((stats.spans.outcome_unknown, service.sizes().len()), (10, 1), "{body}: {stats:#?}");
        }
    }
}

#[tokio::test(start_paused = true)]
async fn status_of_success_other_than_200_proves_nothing() {
    for status in [201, 202, 204, 207] {
        let service = Service::over(Wire::Otlp, [Step::TakenAndStatus(status)]);
        let (stats, ..) = ten(&service).await;
        assert_eq!((stats.spans.delivered, service.readings()), (10, 1), "{status}: read back");
        let service = Service::over(Wire::Collector, [Step::TakenAndStatus(status)]);
        let (stats, ..) = ten(&service).await;
        assert_eq!((stats.spans.outcome_unknown, service.sizes().len()), (10, 1), "{status}");
    }
}

#[tokio::test(start_paused = true)]
async fn hooks_receive_ids_of_the_trace_and_nothing_of_a_collector() {
    for (wire, received) in [(Wire::Otlp, 10), (Wire::Collector, 0)] {
        let service = Service::over(wire, []);
        let called = Arc::new(AtomicUsize::new(0));
        let told = Arc::clone(&called);
        let mut hooks = Hooks::default();
        hooks.synchronous.push(Box::new(move |request| {
            assert!(request.id().get() > 1000);
            told.fetch_add(1, SeqCst);
        }));
        let mut line = Line::build(&service, BatchLimits::default(), None, hooks);
        line.log(10);
        let (stats, _) = line.run().await;
        line.finish_hooks();
        assert_eq!((stats.spans.delivered, stats.hooks.received), (10, received), "{wire:?}");
        assert_eq!((called.load(SeqCst) as u64, stats.hooks.missing), (received, 0), "{wire:?}");
    }
}

#[tokio::test(start_paused = true)]
async fn ids_that_appear_late_are_read_again_and_never_block_forever() {
    let ids = |gets: Vec<Step>| {
        let service = Service::over(Wire::Otlp, []).gets(gets);
        let mut hooks = Hooks::default();
        hooks.synchronous.push(Box::new(|_| {}));
        let mut line = Line::build(&service, BatchLimits::default(), None, hooks);
        line.log(10);
        async move { (line.run().await, service.readings()) }
    };
    let ((stats, _), readings) = ids(vec![Step::Status(500)]).await;
    assert_eq!((stats.hooks.received, stats.hooks.missing, readings), (10, 0, 2), "{stats:#?}");
    let ((stats, took), readings) = ids(vec![Step::Status(500); 100]).await;
    assert_eq!((stats.spans.delivered, stats.hooks.missing, readings), (10, 10, 3), "{stats:#?}");
    assert!(took <= RetryPolicy::DEFAULT_SETTLING_TIME * 4, "{took:?}");
}

#[tokio::test(start_paused = true)]
async fn ids_are_not_read_if_no_hook_waits_for_them() {
    let service = Service::over(Wire::Otlp, []);
    let (stats, ..) = ten(&service).await;
    assert_eq!((stats.spans.delivered, service.readings()), (10, 0));
}
