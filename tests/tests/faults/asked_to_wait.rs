//! A server that asks for a pause.

use std::time::{Instant, SystemTime};

use promptlayer_tracing::export::{BatchLimits, DropReason};
use tests::{Reply, Request};

use super::*;

#[test]
fn retry_after_in_seconds_or_as_date_is_respected() {
    for way in WAYS {
        // An HTTP date has whole seconds: this one is between one and two seconds ahead.
        let date = || httpdate::fmt_http_date(SystemTime::now() + Duration::from_secs(2));
        for status in [429, 503] {
            for asked in [&|| "1".to_owned(), &date] as [&dyn Fn() -> String; 2] {
                let recorder = Recorder::start().unwrap();
                recorder.script(way.path(), [Reply::status(status).header("Retry-After", &asked())]);
                let begun = Instant::now();
                assert_all_arrive(&recorder, layer_over(way, recorder.url()));
                assert!(begun.elapsed() >= Duration::from_millis(900), "{status}: {:?}", begun.elapsed());
            }
        }
    }
}

#[test]
fn busy_server_without_retry_after_is_retried_soon() {
    for way in WAYS {
        let recorder = Recorder::start().unwrap();
        recorder.script(way.path(), [Reply::status(429), Reply::status(503), Reply::status(429)]);
        let stats = assert_all_arrive(&recorder, layer_over(way, recorder.url()));
        assert_eq!(stats.retries, 3);
    }
}

#[test]
fn absurd_retry_after_drops_only_the_counted_spans() {
    for way in WAYS {
        let century = Duration::from_secs(100 * 365 * 24 * 60 * 60);
        let date = httpdate::fmt_http_date(SystemTime::now() + century);
        for asked in ["99999999999999999999", "18446744073709551615", "31536000", &date] {
            let recorder = Recorder::start().unwrap();
            recorder.script(way.path(), [Reply::status(429).header("Retry-After", asked)]);
            let begun = Instant::now();
            let (layer, guard) = layer_over(way, recorder.url()).build().unwrap();
            dispatcher::with_default(&dispatch(layer), || ask_times(30));
            let stats = guard.shutdown(Duration::from_millis(500));
            assert!(begun.elapsed() < Duration::from_secs(20));
            assert_balanced(&stats.spans);
            // The first batch would expire before the pause ends. It has fewer than ten spans if the export thread was
            // just starting. The other batches wait for the same pause until the shutdown.
            let expired = stats.spans.dropped.get(&DropReason::Expired).copied().unwrap_or_default();
            assert!((1..=10).contains(&expired), "{asked}: {stats:#?}");
            let dropped = [(DropReason::Expired, expired), (DropReason::Deadline, 30 - expired)];
            assert_eq!(stats.spans.dropped, dropped.into(), "{asked}: {stats:#?}");
            assert_eq!(recorder.bodies(way.path()).len(), 1, "nothing is sent before its time");
            assert_counts_match(&recorder, &stats);
        }
    }
}

#[test]
fn retry_after_of_one_batch_holds_all_batches() {
    for way in WAYS {
        let recorder = Recorder::start().unwrap();
        recorder.script(way.path(), [Reply::status(503).header("Retry-After", "1")]);
        let builder = layer_over(way, recorder.url()).batch(BatchLimits::default().spans(1));
        let stats = after(builder, || ask_times(20));
        assert_eq!(stats.spans.delivered, 20);
        assert_counts_match(&recorder, &stats);
        let at = |request: &std::sync::Arc<Request>| request.at;
        let times: Vec<Instant> = recorder.requests().iter().map(at).collect();
        assert!(times[1] - times[0] >= Duration::from_secs(1), "{:?}", times[1] - times[0]);
    }
}
