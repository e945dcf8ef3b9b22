//! A server that asks for a pause.

use std::time::{Instant, SystemTime};

use promptlayer_tracing::{BatchLimits, DropReason};
use tests::{Reply, Request};

use super::*;

#[test]
fn a_pause_is_kept_whether_it_is_a_number_of_seconds_or_a_date() {
    // A date has whole seconds: it is more than one ahead, and two at most.
    let date = || httpdate::fmt_http_date(SystemTime::now() + Duration::from_secs(2));
    for status in [429, 503] {
        for asked in [&|| "1".to_owned(), &date] as [&dyn Fn() -> String; 2] {
            let recorder = Recorder::start().unwrap();
            recorder.script("/spans-bulk", [Reply::status(status).header("Retry-After", &asked())]);
            let begun = Instant::now();
            assert_all_arrive(&recorder, layer_for(recorder.url()));
            assert!(begun.elapsed() >= Duration::from_millis(900), "{status}: {:?}", begun.elapsed());
        }
    }
}

#[test]
fn a_server_that_is_busy_and_says_nothing_more_is_asked_again_soon() {
    let recorder = Recorder::start().unwrap();
    recorder.script("/spans-bulk", [Reply::status(429), Reply::status(503), Reply::status(429)]);
    let stats = assert_all_arrive(&recorder, layer_for(recorder.url()));
    assert_eq!(stats.retries, 3);
}

#[test]
fn a_pause_beyond_all_measure_costs_the_spans_counted_and_nothing_more() {
    let century = Duration::from_secs(100 * 365 * 24 * 60 * 60);
    let date = httpdate::fmt_http_date(SystemTime::now() + century);
    for asked in ["99999999999999999999", "18446744073709551615", "31536000", &date] {
        let recorder = Recorder::start().unwrap();
        recorder.script("/spans-bulk", [Reply::status(429).header("Retry-After", asked)]);
        let begun = Instant::now();
        let (layer, guard) = layer_for(recorder.url()).build().unwrap();
        dispatcher::with_default(&dispatch(layer), || ask_times(30));
        let stats = guard.shutdown(Duration::from_millis(500));
        assert!(begun.elapsed() < Duration::from_secs(20));
        assert_balanced(&stats.spans);
        // The first batch would be too old by then; the others wait for the gate, and for the end.
        let dropped = [(DropReason::Expired, 10), (DropReason::Deadline, 20)];
        assert_eq!(stats.spans.dropped, dropped.into(), "{asked}: {stats:#?}");
        assert_eq!(recorder.bodies("/spans-bulk").len(), 1, "nothing is sent before its time");
        assert_counts_match(&recorder, &stats);
    }
}

#[test]
fn one_batch_that_is_told_to_wait_holds_all() {
    let recorder = Recorder::start().unwrap();
    recorder.script("/spans-bulk", [Reply::status(503).header("Retry-After", "1")]);
    let builder = layer_for(recorder.url()).batch(BatchLimits::default().spans(1));
    let stats = after(builder, || ask_times(20));
    assert_eq!(stats.spans.delivered, 20);
    assert_counts_match(&recorder, &stats);
    let at = |request: &std::sync::Arc<Request>| request.at;
    let times: Vec<Instant> = recorder.requests().iter().map(at).collect();
    assert!(times[1] - times[0] >= Duration::from_secs(1), "{:?}", times[1] - times[0]);
}
