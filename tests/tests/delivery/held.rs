//! Outages: tracking calls survive them as spans do, and a single batch probes whether a refusal has ended.

use std::sync::Arc;
use std::sync::atomic::AtomicUsize;
use std::sync::atomic::Ordering::SeqCst;

use tempfile::TempDir;
use tests::cells::check_cells;
use tests::{Gate, Reply};

use super::*;

/// How a server that accepts spans fails tracking calls.
#[derive(Debug, Clone, Copy)]
enum Failure {
    Status(u16),
    Reset,
}

#[test]
fn tracking_calls_outlast_an_outage_of_their_endpoint() {
    let failures = [500, 502, 504, 429, 503].map(Failure::Status).into_iter().chain([Failure::Reset]);
    let modes = [None, Some(SpoolMode::OnFailure), Some(SpoolMode::WriteAhead)];
    let cases: Vec<_> = failures.flat_map(|failure| modes.map(|mode| Case((failure, mode)))).collect();
    check_cells(6, &cases, |Case((failure, mode))| {
        const CALLS: u64 = 5;
        // This many failures take many times the longest delay between two attempts.
        const FAILURES: usize = 100;
        let (recorder, folder) = (Recorder::start().unwrap(), TempDir::new().unwrap());
        let failed = Arc::new(AtomicUsize::new(0));
        let (counter, failure) = (Arc::clone(&failed), *failure);
        recorder.decide(move |request| {
            if !request.path.starts_with("/rest/track-") || counter.fetch_add(1, SeqCst) >= FAILURES {
                return None;
            }
            Some(match failure {
                Failure::Status(status) => Reply::status(status),
                Failure::Reset => Reply::reset(),
            })
        });
        let moment = Duration::from_millis(1);
        let retry = RetryPolicy::default().first_delay(moment).longest_delay(5 * moment).max_age(HOUR);
        let builder = layer_for(recorder.url())
            .retry(retry)
            .on_request_id(|request| request.track().score(100).enqueue().unwrap());
        let builder = match mode {
            Some(mode) => builder.spool(spool(folder.path(), *mode)),
            None => builder,
        };
        let (layer, guard) = builder.build().unwrap();
        dispatcher::with_default(&dispatch(layer), || ask_each(0..5));
        wait_until(&guard, "tracked", |stats| {
            stats.tracking.accepted == CALLS && stats.tracking.total_pending() == 0
        });
        let stats = guard.shutdown(LONG);
        assert_eq!((stats.spans.delivered, stats.tracking.delivered), (CALLS, CALLS), "{stats:#?}");
        assert!(failed.load(SeqCst) > FAILURES);
        assert_eq!(recorder.accepted_tracks().len() as u64, CALLS);
    });
}

#[test]
fn one_batch_probes_a_destination_that_refuses_everything() {
    // The minimum time between two probes. It holds on a slow machine too.
    let interval = Duration::from_millis(200);
    for status in [401, 403, 404, 307] {
        let (recorder, gate) = (Recorder::start().unwrap(), Gate::new());
        let hang = gate.clone();
        recorder.decide(move |_| Some(Reply::status(status).hang(&hang)));
        let retry = RetryPolicy::default().probe_interval(interval).max_age(HOUR);
        let limits = BatchLimits::default().spans(5).in_flight(4).interval(Duration::from_millis(1));
        let builder = layer_for(recorder.url()).retry(retry).batch(limits).timeout(HOUR);
        let (layer, guard) = builder.build().unwrap();
        dispatcher::with_default(&dispatch(layer), || ask_each(0..100));
        let first = recorder.wait_for(|requests| requests.len() == 4, LONG).unwrap().len();
        gate.open();
        let requests = recorder.wait_for(|requests| requests.len() >= first + 5, LONG).unwrap();
        let times: Vec<Instant> = requests[first..].iter().map(|request| request.at).collect();
        let apart: Vec<Duration> = times.windows(2).map(|pair| pair[1] - pair[0]).collect();
        assert!(apart.iter().all(|apart| *apart >= interval * 9 / 10), "{status}: {apart:?}");
        assert_eq!(guard.stats().spans.total_pending(), 100);

        recorder.decide(|_| None);
        wait_until(&guard, "delivered", |stats| stats.spans.total_pending() == 0);
        assert_eq!(guard.shutdown(LONG).spans.delivered, 100);
        assert_stored(&recorder, 0..100);
    }
}
