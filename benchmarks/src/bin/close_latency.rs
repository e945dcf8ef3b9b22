//! Measures how long a thread is blocked when a span closes or a model call ends: percentiles by the number
//! of concurrent threads.
//!
//!     cargo run --release --bin close_latency
//!
//! Two states of the queue are measured: drained by a local server that accepts everything, and full because
//! no server is running. The timer covers the close of the span, or the whole call with 1 KiB of prompt and
//! response. Every figure includes the cost of reading the clock, which is also shown separately. If there
//! are more threads than cores, the threads also wait for each other. For comparison, the rows "close, no
//! layer" show the same threads with a subscriber without layers.

use std::hint::black_box;
use std::io::{BufRead, BufReader, Read, Write};
use std::net::{TcpListener, TcpStream};
use std::thread;
use std::time::{Duration, Instant};

use promptlayer_tracing::export::QueueLimits;
use promptlayer_tracing::{layer, promptlayer};
use tracing::{Dispatch, dispatcher, info_span};
use tracing_subscriber::prelude::*;

/// The number of spans that all threads close together.
const SPANS: usize = 400_000;

#[promptlayer]
fn ask(prompt: &str) -> String {
    prompt.to_owned()
}

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

/// Runs `one` on several threads and returns the sorted durations.
fn measured(dispatch: &Dispatch, threads: usize, spans: usize, one: impl Fn() -> u32 + Sync) -> Vec<u32> {
    let mut all: Vec<u32> = thread::scope(|scope| {
        let measuring: Vec<_> = (0..threads)
            .map(|_| {
                let one = &one;
                scope.spawn(move || {
                    dispatcher::with_default(dispatch, || {
                        (0..spans / threads).map(|_| one()).collect::<Vec<_>>()
                    })
                })
            })
            .collect();
        measuring.into_iter().flat_map(|thread| thread.join().expect("a thread that measures")).collect()
    });
    all.sort_unstable();
    all
}

fn show(what: &str, threads: usize, sorted: &[u32]) {
    let at = |share: f64| f64::from(sorted[((sorted.len() - 1) as f64 * share) as usize]) / 1000.0;
    println!("| {what} | {threads} | {:.2} | {:.2} | {:.2} |", at(0.5), at(0.99), at(0.999));
}

/// Answers every request with status 201 and without ids.
fn serve(listener: TcpListener) {
    for client in listener.incoming().flatten() {
        thread::spawn(move || answer(client));
    }
}

fn answer(client: TcpStream) -> Option<()> {
    let body = br#"{"success":true,"spans":[],"request_logs":[]}"#;
    let head = format!("HTTP/1.1 201 Created\r\ncontent-length: {}\r\n\r\n", body.len());
    let mut reader = BufReader::new(client.try_clone().ok()?);
    let mut writer = client;
    loop {
        let mut length = 0;
        loop {
            let mut line = String::new();
            if reader.read_line(&mut line).ok()? == 0 {
                return None;
            }
            if line == "\r\n" {
                break;
            }
            if let Some(value) = line.to_ascii_lowercase().strip_prefix("content-length:") {
                length = value.trim().parse().ok()?;
            }
        }
        std::io::copy(&mut (&mut reader).take(length), &mut std::io::sink()).ok()?;
        writer.write_all(head.as_bytes()).and_then(|()| writer.write_all(body)).ok()?;
    }
}

fn main() {
    let listener = TcpListener::bind("127.0.0.1:0").expect("a port on loopback");
    let server = format!("http://{}", listener.local_addr().expect("its address"));
    thread::spawn(move || serve(listener));
    let prompt = "p".repeat(1024);
    println!("| what, in µs | threads | p50 | p99 | p99.9 |\n|---|---|---|---|---|");
    for threads in [1, 4, 100] {
        let bare = Dispatch::new(tracing_subscriber::registry());
        show("clock alone", threads, &measured(&bare, threads, SPANS, || time(|| ())));
        show("close, no layer", threads, &measured(&bare, threads, SPANS, close_span));
        for (state, url) in [("queue drained", server.as_str()), ("queue full", "http://127.0.0.1:1")] {
            let (layer, guard) = layer()
                .api_key("any")
                .base_url(url)
                .queue(QueueLimits::default())
                .export_spans(|_| true)
                .on_error(|_| {})
                .build()
                .expect("a layer");
            let dispatch = Dispatch::new(tracing_subscriber::registry().with(layer));
            if state == "queue full" {
                measured(&dispatch, 2, 20_000, || call(&prompt));
            }
            show(&format!("close, {state}"), threads, &measured(&dispatch, threads, SPANS, close_span));
            show(
                &format!("call of 1 KiB, {state}"),
                threads,
                &measured(&dispatch, threads, SPANS / 4, || call(&prompt)),
            );
            let stats = guard.shutdown(Duration::from_millis(100));
            let ledger = &stats.spans;
            let settled = ledger.delivered + ledger.total_rejected() + ledger.total_dropped() + ledger.outcome_unknown;
            assert_eq!(ledger.accepted, settled + ledger.total_pending());
        }
    }
}
