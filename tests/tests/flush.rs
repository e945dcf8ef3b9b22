//! A flush and a shutdown settle everything that was recorded before them, even if other threads continue to
//! record.
#![allow(clippy::unwrap_used, reason = "a test fails where it cannot go on")]

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};
use std::thread;
use std::time::Duration;

use promptlayer_tracing::export::{BatchLimits, QueueLimits};
use promptlayer_tracing::{Error, ShutdownGuard, promptlayer};
use serde_json::json;
use tests::pipeline::{assert_balanced, dispatch, eventually, layer_to};
use tests::{Recorder, Reply};

const LONG: Duration = Duration::from_secs(60);

#[promptlayer]
fn ask(question: &str) -> String {
    question.to_uppercase()
}

/// Makes calls in another thread until `then` returns.
fn under_traffic<R>(recorder: &Recorder, then: impl FnOnce(ShutdownGuard) -> R) -> R {
    let (layer, guard) = layer_to(recorder.url())
        .batch(BatchLimits::default())
        .queue(QueueLimits::default().items(1000))
        .build()
        .unwrap();
    let dispatch = dispatch(layer);
    let (over, calling) = (Arc::new(AtomicBool::new(false)), Arc::new(AtomicBool::new(false)));
    let caller = thread::spawn({
        let (over, calling) = (Arc::clone(&over), Arc::clone(&calling));
        move || {
            tracing::dispatcher::with_default(&dispatch, || {
                while !over.load(Ordering::SeqCst) {
                    drop(ask("why?"));
                    calling.store(true, Ordering::SeqCst);
                }
            });
        }
    });
    eventually(|| calling.load(Ordering::SeqCst));
    let given = then(guard);
    over.store(true, Ordering::SeqCst);
    caller.join().unwrap();
    given
}

#[test]
fn flush_does_not_wait_for_later_calls() {
    let recorder = Recorder::start().unwrap();
    under_traffic(&recorder, |guard| {
        for _ in 0..3 {
            assert!(guard.flush(LONG).is_complete());
        }
        assert!(guard.stats().spans.delivered > 0);
    });
}

#[test]
fn shutdown_under_traffic_delivers_all_earlier_calls() {
    let recorder = Recorder::start().unwrap();
    let stats = under_traffic(&recorder, |guard| guard.shutdown(LONG));
    assert_balanced(&stats.spans);
    assert_eq!(
        stats.spans.outcome_unknown + stats.spans.total_rejected() + stats.spans.total_pending(),
        0,
        "{stats:#?}"
    );
    let late: u64 = stats.spans.dropped.values().sum();
    assert_eq!(stats.spans.delivered + late, stats.spans.accepted);
    assert!(
        stats.spans.dropped.keys().all(|reason| matches!(
            reason,
            promptlayer_tracing::export::DropReason::Closed
                | promptlayer_tracing::export::DropReason::QueueFull
        )),
        "{stats:#?}"
    );
}

#[test]
fn flush_and_shutdown_accept_the_maximum_duration() {
    let recorder = Recorder::start().unwrap();
    let (layer, guard) = layer_to(recorder.url()).build().unwrap();
    tracing::dispatcher::with_default(&dispatch(layer), || drop(ask("why?")));
    assert!(guard.flush(Duration::MAX).is_complete());
    assert_eq!(guard.shutdown(Duration::MAX).spans.delivered, 1);
}

#[test]
fn declined_tracking_call_is_rejected_and_reported() {
    let recorder = Recorder::start().unwrap();
    recorder
        .script("/rest/track-score", [Reply::status(200).json(&json!({"success": false, "message": "no"}))]);
    let told: Arc<Mutex<Vec<String>>> = Arc::default();
    let (layer, guard) = layer_to(recorder.url())
        .on_request_id(|request| request.track().score(1).enqueue().unwrap())
        .on_error({
            let told = Arc::clone(&told);
            move |error: &Error| told.lock().unwrap().push(error.to_string())
        })
        .build()
        .unwrap();
    tracing::dispatcher::with_default(&dispatch(layer), || drop(ask("why?")));
    assert!(guard.flush(LONG).is_complete());
    let stats = guard.shutdown(LONG);
    assert_eq!((stats.tracking.accepted, stats.tracking.total_rejected()), (1, 1), "{stats:#?}");
    assert_eq!(told.lock().unwrap().len(), 1, "{told:?}");
}

#[test]
fn flush_does_not_wait_for_later_tracking_calls_of_hooks() {
    let recorder = Recorder::start().unwrap();
    let (layer, guard) = layer_to(recorder.url())
        .on_request_id(|request| drop(request.track().score(1).enqueue()))
        .build()
        .unwrap();
    let dispatch = dispatch(layer);
    let stop = AtomicBool::new(false);
    thread::scope(|scope| {
        scope.spawn(|| {
            tracing::dispatcher::with_default(&dispatch, || {
                while !stop.load(Ordering::SeqCst) {
                    drop(ask("why?"));
                    thread::yield_now();
                }
            });
        });
        for _ in 0..5 {
            let is_complete = guard.flush(LONG).is_complete();
            if !is_complete {
                stop.store(true, Ordering::SeqCst);
            }
            assert!(is_complete);
        }
        stop.store(true, Ordering::SeqCst);
    });
}
