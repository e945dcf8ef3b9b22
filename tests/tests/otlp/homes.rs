//! Two destinations at once: PromptLayer by `/spans-bulk`, and a collector.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::atomic::AtomicUsize;
use std::sync::atomic::Ordering::SeqCst;
use std::time::Instant;

use promptlayer_tracing::export::{RetryPolicy, SpoolMode, SpoolSettings, Wire};
use tempfile::TempDir;
use tests::pipeline::{KEY, take_over};
use tests::{Gate, Recorder, Reply};

use super::*;

fn both(bulk: &str, otlp: &str) -> LayerBuilder {
    builder().api_key(KEY).base_url(bulk).wire(Wire::SpansBulkAndOtlp).otlp(collector(otlp))
}

/// Returns how often each span was stored.
fn times(recorder: &Recorder) -> BTreeMap<String, usize> {
    let mut times = BTreeMap::new();
    for span in recorder.accepted_spans() {
        *times.entry(span["context"]["span_id"].to_string()).or_default() += 1;
    }
    times
}

#[track_caller]
fn assert_each_once(recorder: &Recorder, count: usize) {
    let times = times(recorder);
    assert_eq!(times.len(), count);
    assert!(times.values().all(|times| *times == 1), "{times:#?}");
}

#[test]
fn both_destinations_receive_each_call_once() {
    let (bulk, otlp) = (Recorder::start().unwrap(), Recorder::start().unwrap());
    let ids = Arc::new(AtomicUsize::new(0));
    let told = Arc::clone(&ids);
    let builder = both(bulk.url(), otlp.url()).on_request_id(move |request| {
        assert!(request.id().get() > 1000);
        told.fetch_add(1, SeqCst);
    });
    let stats = after(builder, || ask_times(25));
    let of_otlp = stats.otlp.unwrap();
    assert_eq!((stats.spans.delivered, of_otlp.spans.delivered), (25, 25));
    assert_eq!((ids.load(SeqCst), of_otlp.hooks.received), (25, 0), "one hook call for each request");
    assert_each_once(&bulk, 25);
    assert_each_once(&otlp, 25);
    // The key is for PromptLayer alone.
    assert!(bulk.requests().iter().all(|request| request.header("x-api-key") == Some(KEY)));
    assert!(otlp.requests().iter().all(|request| request.header("x-api-key").is_none()));
}

#[test]
fn dead_destination_costs_the_other_nothing() {
    for dead_is_bulk in [true, false] {
        let (bulk, otlp) = (Recorder::start().unwrap(), Recorder::start().unwrap());
        let dead = "http://127.0.0.1:9";
        let urls = if dead_is_bulk { (dead, otlp.url()) } else { (bulk.url(), dead) };
        let policy = RetryPolicy::default().max_age(Duration::from_secs(600));
        let (layer, guard) = both(urls.0, urls.1).retry(policy).build().unwrap();
        dispatcher::with_default(&dispatch(layer), || ask_times(25));
        // It waits for the dead one, and the other one is complete by then.
        let report = guard.flush(Duration::from_secs(2));
        assert_eq!((report.left, report.is_complete()), (25, false), "{report:?}");
        let stats = guard.shutdown(Duration::from_millis(300));
        let of_otlp = stats.otlp.as_ref().unwrap();
        assert_balanced(&stats.spans);
        assert_balanced(&of_otlp.spans);
        let (alive, lost) =
            if dead_is_bulk { (of_otlp.as_ref(), &stats) } else { (&stats, of_otlp.as_ref()) };
        assert_eq!((alive.spans.accepted, alive.spans.delivered), (25, 25), "{stats:#?}");
        assert_eq!((lost.spans.accepted, lost.spans.total_dropped()), (25, 25), "{stats:#?}");
        assert_each_once(if dead_is_bulk { &otlp } else { &bulk }, 25);
    }
}

#[test]
fn slow_destination_delays_neither_calls_nor_the_other() {
    let (bulk, otlp, gate) = (Recorder::start().unwrap(), Recorder::start().unwrap(), Gate::new());
    let hang = gate.clone();
    otlp.decide(move |_| Some(Reply::service().hang(&hang)));
    let (layer, guard) = both(bulk.url(), otlp.url()).timeout(LONG).build().unwrap();
    let begun = Instant::now();
    dispatcher::with_default(&dispatch(layer), || ask_times(200));
    tests::pipeline::eventually(|| guard.stats().spans.delivered == 200);
    assert!(begun.elapsed() < Duration::from_secs(20), "{:?}", begun.elapsed());
    assert_eq!(guard.stats().otlp.unwrap().spans.delivered, 0);
    gate.open();
    let stats = guard.shutdown(LONG);
    assert!(stats.otlp.unwrap().spans.is_complete());
    assert_each_once(&otlp, 200);
}

#[test]
fn each_destination_has_a_spool_folder_of_its_own() {
    for dead_is_bulk in [true, false] {
        let (bulk, otlp, folder) =
            (Recorder::start().unwrap(), Recorder::start().unwrap(), TempDir::new().unwrap());
        let (of_dead, of_alive) = if dead_is_bulk { (&bulk, &otlp) } else { (&otlp, &bulk) };
        of_dead.decide(|_| Some(Reply::status(503)));
        let errors = Arc::new(AtomicUsize::new(0));
        let build = || {
            let spool = SpoolSettings::new(folder.path()).mode(SpoolMode::OnFailure);
            let told = Arc::clone(&errors);
            both(bulk.url(), otlp.url()).spool(spool).on_error(move |error| {
                told.fetch_add(error.to_string().contains("spool").into(), SeqCst);
            })
        };
        let (layer, guard) = build().build().unwrap();
        dispatcher::with_default(&dispatch(layer), || ask_times(25));
        let left = guard.shutdown(LONG);
        let home = |stats: &Stats, is_bulk: bool| {
            if is_bulk { stats.spans.clone() } else { stats.otlp.as_ref().unwrap().spans.clone() }
        };
        assert_eq!(home(&left, dead_is_bulk).pending.spooled, 25, "{left:#?}");
        assert!(home(&left, !dead_is_bulk).is_complete(), "{left:#?}");

        of_dead.decide(|_| None);
        let waits_for = if dead_is_bulk { left } else { Stats::default() };
        let (layer, guard) = take_over(&waits_for, build);
        tests::pipeline::eventually(|| home(&guard.stats(), dead_is_bulk).delivered == 25);
        drop(layer);
        let stats = guard.shutdown(LONG);
        assert_eq!(home(&stats, !dead_is_bulk).accepted, 0, "{stats:#?}");
        assert_each_once(of_dead, 25);
        assert_each_once(of_alive, 25);
        assert_eq!(errors.load(SeqCst), 0, "the folder of the other one is no stranger");
    }
}
