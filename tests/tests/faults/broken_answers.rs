//! Responses that break off, never end, or arrive too slowly.

use tests::Reply;
use tests::proxy::{Fault, Proxy};

use super::*;

#[test]
fn cut_response_is_read_back_without_a_second_copy() {
    for way in WAYS {
        // The response is cut in the head, between head and body, and in the body.
        for bytes in [1, 40, 130, 300] {
            let recorder = Recorder::start().unwrap();
            let proxy = Proxy::start(recorder.url(), [Fault::CutAnswer(bytes)]).unwrap();
            let stats = assert_all_arrive(&recorder, layer_over(way, proxy.url()));
            assert_eq!((stats.hooks.received, stats.possible_duplicates), (10, 0), "{bytes}");
        }
    }
}

#[test]
fn endless_response_is_not_read_to_its_end() {
    for way in WAYS {
        let recorder = Recorder::start().unwrap();
        let proxy = Proxy::start(recorder.url(), [Fault::Endless]).unwrap();
        let stats = assert_all_arrive(&recorder, layer_over(way, proxy.url()).timeout(LONG));
        assert_eq!((stats.hooks.received, stats.possible_duplicates), (10, 0));
        // The bound is larger than the limit of the client because the operating system buffers data too.
        assert!(proxy.endless_bytes() < 64 << 20, "{}", proxy.endless_bytes());
    }
}

#[test]
fn slow_response_is_cut_by_the_timeout() {
    for way in WAYS {
        let recorder = Recorder::start().unwrap();
        let proxy = Proxy::start(recorder.url(), [Fault::Drip(Duration::from_secs(1))]).unwrap();
        let stats =
            assert_all_arrive(&recorder, layer_over(way, proxy.url()).timeout(Duration::from_secs(1)));
        assert_eq!(stats.possible_duplicates, 0);
    }
}

#[test]
fn consecutive_server_errors_lose_nothing() {
    for way in WAYS {
        let recorder = Recorder::start().unwrap();
        recorder.script(way.path(), [500; 7].map(Reply::status));
        let stats = assert_all_arrive(&recorder, layer_over(way, recorder.url()));
        assert_eq!(stats.retries, 7);
    }
}

#[test]
fn server_error_after_storing_causes_no_second_copy() {
    for way in WAYS {
        for status in [500, 502, 504] {
            let recorder = Recorder::start().unwrap();
            recorder.script(way.path(), [Reply::status(status).processed()]);
            let stats = assert_all_arrive(&recorder, layer_over(way, recorder.url()));
            assert_eq!((stats.retries, stats.hooks.received), (0, 10));
            assert_eq!(recorder.bodies(way.path()).len(), 1);
        }
    }
}
