//! Measures how long a thread is blocked when a span closes or a model call ends: percentiles by the number
//! of concurrent threads. The program `benchmarks` runs it as its part `latency`.
//!
//! Two states of the queue are measured: drained by a local server that accepts everything, and full because
//! no server is running. The timer covers the close of the span, or the whole call with 1 KiB of prompt and
//! response. Every figure includes the cost of reading the clock, which is also shown separately. If there
//! are more threads than cores, the threads also wait for each other. The processor time of the threads does
//! not contain that: it is measured in a second run, because reading its clock is a system call. For
//! comparison, the rows "close, no layer" show the same threads with a subscriber without layers.

use std::hint::black_box;
use std::sync::LazyLock;
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

/// Returns the time by some clock, since any point in the past.
type Clock = fn() -> Duration;

static BEGUN: LazyLock<Instant> = LazyLock::new(Instant::now);

/// The wall clock, and the processor time of the thread.
const CLOCKS: [Clock; 2] = [|| BEGUN.elapsed(), thread_cpu];

/// The duration of one call in ns.
fn time(clock: Clock, run: impl FnOnce()) -> u32 {
    let begun = clock();
    run();
    u32::try_from((clock() - begun).as_nanos()).unwrap_or(u32::MAX)
}

fn close_span(clock: Clock) -> u32 {
    let entered = info_span!("step", number = 7).entered();
    time(clock, || drop(entered))
}

fn call(clock: Clock, prompt: &str) -> u32 {
    time(clock, || drop(black_box(ask(black_box(prompt)))))
}

/// Returns what several threads measured together, sorted.
fn measured(dispatch: &Dispatch, threads: usize, times: usize, one: impl Fn() -> u32 + Sync) -> Vec<u32> {
    let on_thread = || (0..times / threads).map(|_| one()).collect();
    let of_threads: Vec<Vec<u32>> = thread::scope(|scope| {
        let running: Vec<_> =
            (0..threads).map(|_| scope.spawn(|| dispatcher::with_default(dispatch, on_thread))).collect();
        running.into_iter().map(|thread| thread.join().expect("a thread that measures")).collect()
    });
    let mut sorted = of_threads.concat();
    sorted.sort_unstable();
    sorted
}

/// Prints a row: the percentiles of `one`, measured with each clock.
fn show(what: &str, dispatch: &Dispatch, threads: usize, times: usize, one: impl Fn(Clock) -> u32 + Sync) {
    let percentiles = CLOCKS.map(|clock| {
        let sorted = measured(dispatch, threads, times, || one(clock));
        let at = |share: f64| f64::from(sorted[((sorted.len() - 1) as f64 * share) as usize]) / 1000.0;
        format!("{:.2} | {:.2} | {:.2}", at(0.5), at(0.99), at(0.999))
    });
    println!("| {what} | {threads} | {} |", percentiles.join(" | "));
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
        measured(&dispatch, 2, 20_000, || call(thread_cpu, prompt));
    }
    show(&format!("close, {state}"), &dispatch, threads, SPANS, close_span);
    show(&format!("call of 1 KiB, {state}"), &dispatch, threads, CALLS, |clock| call(clock, prompt));
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
    println!("| what, in µs | threads | p50 | p99 | p99.9 | p50 of processor time | p99 | p99.9 |");
    println!("|---|---|---|---|---|---|---|---|");
    for threads in [1, 4, 100] {
        let bare = Dispatch::new(tracing_subscriber::registry());
        show("clock alone", &bare, threads, SPANS, |clock| time(clock, || ()));
        show("close, no layer", &bare, threads, SPANS, close_span);
        show_layer("queue drained", sink.url(), threads, &prompt)?;
        show_layer("queue full", "http://127.0.0.1:1", threads, &prompt)?;
    }
    Ok(())
}
