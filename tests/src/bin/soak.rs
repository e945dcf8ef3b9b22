//! Logs calls for minutes while a fault occurs every few seconds, then compares the ledger with the server's
//! count.
//!
//!     cargo run --release -p tests --bin soak -- 600

#![allow(
    clippy::print_stdout,
    clippy::unwrap_used,
    reason = "it tells whoever runs it, and stops where it cannot go on"
)]

use std::collections::BTreeMap;
use std::time::{Duration, Instant};
use std::{env, thread};

use promptlayer_tracing::export::BatchLimits;
use promptlayer_tracing::promptlayer;
use tests::pipeline::{assert_balanced, dispatch, layer_to};
use tests::proxy::{Fault, Proxy};
use tests::{Recorder, Reply};
use tracing::dispatcher;

/// The time between two faults.
const EVERY: Duration = Duration::from_secs(5);
/// The number of threads that make calls, and the pause between two calls of a thread.
const THREADS: u64 = 4;
const PAUSE: Duration = Duration::from_millis(10);

#[promptlayer(tags = ["soak"])]
fn ask(number: u64) -> u64 {
    number
}

/// Causes a fault and returns its description.
fn break_something(seed: u64, recorder: &Recorder, proxy: &Proxy) -> &'static str {
    let status = |status: u16| recorder.script("/spans-bulk", [Reply::status(status)]);
    match seed % 14 {
        0 => status(500),
        1 => status(503),
        2 => recorder.script("/spans-bulk", [Reply::status(429).header("Retry-After", "2")]),
        3 => recorder.script("/spans-bulk", [Reply::status(502).processed()]),
        4 => recorder.script("/spans-bulk", [Reply::status(504)]),
        5 => recorder.script("/spans-bulk", [Reply::service().broken_json()]),
        6 => recorder.script("/spans-bulk", [Reply::reset()]),
        7 => recorder.script("/spans-bulk", [Reply::service().lost()]),
        8 => proxy.break_next(&[Fault::ResetAtAccept]),
        9 => proxy.break_next(&[Fault::ResetAfter(500)]),
        10 => proxy.break_next(&[Fault::LoseAnswer]),
        11 => proxy.break_next(&[Fault::CutAnswer(150)]),
        12 => proxy.break_next(&[Fault::NeverRead]),
        _ => recorder.script("/spans-bulk", [401; 2].map(Reply::status)),
    }
    [
        "500",
        "503",
        "429 for 2 s",
        "502 after the spans were stored",
        "504",
        "an answer cut in its JSON",
        "a reset before",
        "a reset after",
        "a reset at accept",
        "a reset within the request",
        "an answer lost",
        "an answer cut",
        "a server that does not read",
        "401 twice",
    ][usize::try_from(seed % 14).unwrap()]
}

fn main() {
    let seconds = env::args().nth(1).map_or(60, |text| text.parse().unwrap());
    let recorder = Recorder::start().unwrap();
    let proxy = Proxy::start(recorder.url(), []).unwrap();
    let retry = promptlayer_tracing::export::RetryPolicy::default().probe_interval(Duration::from_secs(1));
    let (layer, guard) = layer_to(proxy.url())
        .batch(BatchLimits::default())
        .timeout(Duration::from_secs(3))
        .retry(retry)
        .on_request_id(|request| drop(request.track().score(100).enqueue()))
        .on_error(|_| {})
        .build()
        .unwrap();
    let dispatch = dispatch(layer);
    let (begun, mut broken) = (Instant::now(), BTreeMap::<&str, u64>::new());
    let end = begun + Duration::from_secs(seconds);
    thread::scope(|scope| {
        for thread in 0..THREADS {
            let dispatch = &dispatch;
            scope.spawn(move || {
                dispatcher::with_default(dispatch, || {
                    for number in 0.. {
                        if Instant::now() >= end {
                            return;
                        }
                        let _ = ask(number * THREADS + thread);
                        thread::sleep(PAUSE);
                    }
                });
            });
        }
        let mut seed = 0x5eed_u64;
        while Instant::now() + EVERY < end {
            thread::sleep(EVERY);
            seed = seed.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
            *broken.entry(break_something(seed >> 33, &recorder, &proxy)).or_default() += 1;
            assert_balanced(&guard.stats().spans);
        }
    });
    let stats = guard.shutdown(Duration::from_secs(60));
    let mut times: BTreeMap<String, u64> = BTreeMap::new();
    for span in recorder.accepted_spans() {
        *times.entry(span["context"]["span_id"].to_string()).or_default() += 1;
    }
    println!("after {:.0?}: {stats:#?}", begun.elapsed());
    println!("broken: {broken:#?}");
    println!(
        "the server has {} spans, {} of them more than once, in {} requests",
        times.len(),
        times.values().filter(|times| **times > 1).count(),
        recorder.bodies("/spans-bulk").len()
    );
    assert_balanced(&stats.spans);
    assert!(times.values().all(|times| *times == 1), "the server has a span more than once");
    let unknown = stats.spans.outcome_unknown;
    assert!((stats.spans.delivered..=stats.spans.delivered + unknown).contains(&(times.len() as u64)));
    assert_eq!(stats.spans.total_pending(), 0);
}
