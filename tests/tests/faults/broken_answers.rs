//! Answers that break off, do not end, or come too slowly.

use tests::Reply;
use tests::proxy::{Fault, Proxy};

use super::*;

#[test]
fn an_answer_that_breaks_off_costs_a_reading_and_no_second_copy() {
    // Within its head, between head and body, and within its body.
    for bytes in [1, 40, 130, 300] {
        let recorder = Recorder::start().unwrap();
        let proxy = Proxy::start(recorder.url(), [Fault::CutAnswer(bytes)]).unwrap();
        let stats = assert_all_arrive(&recorder, layer_for(proxy.url()));
        assert_eq!((stats.hooks.received, stats.possible_duplicates), (10, 0), "{bytes}");
    }
}

#[test]
fn an_answer_without_end_is_not_read_to_its_end() {
    let recorder = Recorder::start().unwrap();
    let proxy = Proxy::start(recorder.url(), [Fault::Endless]).unwrap();
    let stats = assert_all_arrive(&recorder, layer_for(proxy.url()).timeout(LONG));
    assert_eq!((stats.hooks.received, stats.possible_duplicates), (10, 0));
    // What the system holds on the way is beside the bound.
    assert!(proxy.endless_bytes() < 64 << 20, "{}", proxy.endless_bytes());
}

#[test]
fn an_answer_that_comes_byte_for_byte_is_waited_for_no_longer_than_any() {
    let recorder = Recorder::start().unwrap();
    let proxy = Proxy::start(recorder.url(), [Fault::Drip(Duration::from_secs(1))]).unwrap();
    let stats = assert_all_arrive(&recorder, layer_for(proxy.url()).timeout(Duration::from_secs(1)));
    assert_eq!(stats.possible_duplicates, 0);
}

#[test]
fn failures_of_the_server_one_after_the_other_cost_nothing() {
    let recorder = Recorder::start().unwrap();
    recorder.script("/spans-bulk", [500; 7].map(Reply::status));
    let stats = assert_all_arrive(&recorder, layer_for(recorder.url()));
    assert_eq!(stats.retries, 7);
}

#[test]
fn a_failure_after_the_spans_were_stored_makes_no_second_copy() {
    for status in [500, 502, 504] {
        let recorder = Recorder::start().unwrap();
        recorder.script("/spans-bulk", [Reply::status(status).processed()]);
        let stats = assert_all_arrive(&recorder, layer_for(recorder.url()));
        assert_eq!((stats.retries, stats.hooks.received), (0, 10));
        assert_eq!(recorder.bodies("/spans-bulk").len(), 1);
    }
}
