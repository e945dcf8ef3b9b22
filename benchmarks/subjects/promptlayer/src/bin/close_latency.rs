//! Measures how long a thread is blocked when a span closes or a model call ends: percentiles by the number
//! of concurrent threads. The program `benchmarks` runs it as its part `latency`.
//!
//! Two states of the queue are measured: drained by a local server that accepts everything, and full because
//! no server is running. The timer covers the close of the span, or the whole call with 1 KiB of prompt and
//! response. Every figure includes the cost of reading the clock, which is also shown separately. If there
//! are more threads than cores, the threads also wait for each other: the processor time of the threads does
//! not contain that. It is a mean, and covers the whole loop: opening the span, and reading the clock twice.
//! For comparison, the rows "close, no layer" show the same threads with a subscriber without layers.

use std::hint::black_box;
use std::thread;
use std::time::{Duration, Instant};

use harness::Error;
use harness::clock::thread_cpu;
use harness::content;
use harness::sink::Sink;
use promptlayer_tracing::client::Env;
use promptlayer_tracing::export::QueueLimits;
use promptlayer_tracing::promptlayer;
use tracing::{Dispatch, dispatcher, info_span};
use tracing_subscriber::prelude::*;

/// The number of spans that all threads close together.
const SPANS: usize = 400_000;
const CALLS: usize = SPANS / 4;

#[promptlayer]
fn ask(prompt: &str) -> String {
    prompt.to_owned()
}

/// The duration of one call in ns.
fn time(run: impl FnOnce()) -> u32 {
    let begun = Instant::now();
    run();
    u32::try_from(begun.elapsed().as_nanos()).unwrap_or(u32::MAX)
}

fn close_span() -> u32 {
    let entered = info_span!("step", number = 7).entered();
    time(|| drop(entered))
}

fn call(prompt: &str) -> u32 {
    time(|| drop(black_box(ask(black_box(prompt)))))
}

/// What several threads measured together.
struct Measured {
    /// Durations by the wall clock, in ns.
    sorted: Vec<u32>,
    cpu: Duration,
}

fn measured(dispatch: &Dispatch, threads: usize, times: usize, one: impl Fn() -> u32 + Sync) -> Measured {
    let on_thread = || {
        let cpu = thread_cpu();
        let times: Vec<u32> = (0..times / threads).map(|_| one()).collect();
        (times, thread_cpu() - cpu)
    };
    let of_threads: Vec<_> = thread::scope(|scope| {
        let running: Vec<_> =
            (0..threads).map(|_| scope.spawn(|| dispatcher::with_default(dispatch, on_thread))).collect();
        running.into_iter().map(|thread| thread.join().expect("a thread that measures")).collect()
    });
    let cpu = of_threads.iter().map(|(_, cpu)| *cpu).sum();
    let mut sorted: Vec<u32> = of_threads.into_iter().flat_map(|(times, _)| times).collect();
    sorted.sort_unstable();
    Measured { sorted, cpu }
}

fn show(what: &str, threads: usize, Measured { sorted, cpu }: &Measured) {
    let at = |share: f64| f64::from(sorted[((sorted.len() - 1) as f64 * share) as usize]) / 1000.0;
    let cpu = cpu.as_secs_f64() * 1e6 / sorted.len() as f64;
    println!("| {what} | {threads} | {:.2} | {:.2} | {:.2} | {cpu:.2} |", at(0.5), at(0.99), at(0.999));
}

fn show_layer(state: &str, url: &str, threads: usize, prompt: &str) -> Result<(), Error> {
    let (layer, guard) = promptlayer_tracing::layer()
        .env(Env::empty())
        .api_key("any")
        .base_url(url)
        .queue(QueueLimits::default())
        .export_spans(|_| true)
        .on_error(|_| {})
        .build()?;
    let dispatch = Dispatch::new(tracing_subscriber::registry().with(layer));
    if state == "queue full" {
        measured(&dispatch, 2, 20_000, || call(prompt));
    }
    show(&format!("close, {state}"), threads, &measured(&dispatch, threads, SPANS, close_span));
    let calls = measured(&dispatch, threads, CALLS, || call(prompt));
    show(&format!("call of 1 KiB, {state}"), threads, &calls);
    let stats = guard.shutdown(Duration::from_millis(100));
    let ledger = &stats.spans;
    let settled =
        ledger.delivered + ledger.total_rejected() + ledger.total_dropped() + ledger.outcome_unknown;
    assert_eq!(ledger.accepted, settled + ledger.total_pending());
    Ok(())
}

fn main() -> Result<(), Error> {
    let sink = Sink::start()?;
    let prompt = content::text(1 << 10);
    println!("| what, in µs | threads | p50 | p99 | p99.9 | processor time |\n|---|---|---|---|---|---|");
    for threads in [1, 4, 100] {
        let bare = Dispatch::new(tracing_subscriber::registry());
        show("clock alone", threads, &measured(&bare, threads, SPANS, || time(|| ())));
        show("close, no layer", threads, &measured(&bare, threads, SPANS, close_span));
        show_layer("queue drained", sink.url(), threads, &prompt)?;
        show_layer("queue full", "http://127.0.0.1:1", threads, &prompt)?;
    }
    Ok(())
}
