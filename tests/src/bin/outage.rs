//! Measures the memory of the pipeline while the server is down and the program logs at full rate.
//!
//!     cargo run --release -p tests --bin outage -- 600
//!
//! It reads `/proc/self/status`, so it runs only on Linux.

#![allow(
    clippy::print_stdout,
    clippy::unwrap_used,
    reason = "it tells whoever runs it, and stops where it cannot go on"
)]
#![allow(clippy::cast_precision_loss, reason = "figures to be read")]

use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};
use std::{env, fs, thread};

use promptlayer_tracing::export::{BatchLimits, QueueLimits};
use promptlayer_tracing::promptlayer;
use tests::pipeline::{assert_balanced, dispatch, layer_to};
use tracing::dispatcher;

/// The URL of a port on which nothing listens.
const NOWHERE: &str = "http://127.0.0.1:1";
/// The size of each prompt and response in bytes, large enough for the queue to reach its limit in bytes
/// before its limit in items.
const TEXT_BYTES: usize = 16 << 10;

#[promptlayer]
fn ask(prompt: &str) -> String {
    prompt.to_owned()
}

/// Returns the resident memory of this process in bytes.
fn held() -> u64 {
    let status = fs::read_to_string("/proc/self/status").unwrap();
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:")).unwrap();
    line.trim().trim_end_matches(" kB").parse::<u64>().unwrap() * 1024
}

fn main() {
    let seconds = env::args().nth(1).map_or(60, |text| text.parse().unwrap());
    let (layer, guard) = layer_to(NOWHERE).batch(BatchLimits::default()).on_error(|_| {}).build().unwrap();
    let dispatch = dispatch(layer);
    let prompt = "p".repeat(TEXT_BYTES);
    let calls = AtomicU64::new(0);
    let baseline = held();
    let end = Instant::now() + Duration::from_secs(seconds);
    let most = thread::scope(|scope| {
        for _ in 0..2 {
            scope.spawn(|| {
                dispatcher::with_default(&dispatch, || {
                    while Instant::now() < end {
                        drop(ask(&prompt));
                        calls.fetch_add(1, Ordering::Relaxed);
                    }
                });
            });
        }
        let mut most = 0;
        while Instant::now() < end {
            thread::sleep(Duration::from_millis(50));
            most = most.max(held());
            assert_balanced(&guard.stats().spans);
        }
        most
    });
    let stats = guard.shutdown(Duration::from_millis(100));
    let mebibytes = |bytes: u64| bytes as f64 / f64::from(1 << 20);
    let over = most.saturating_sub(baseline);
    println!("{} calls of {} KiB each way in {seconds} s", calls.into_inner(), TEXT_BYTES >> 10);
    println!(
        "memory: {:.1} MiB before, {:.1} MiB at most; {:.1} MiB more is {:.2} times the bound of {:.0} MiB",
        mebibytes(baseline),
        mebibytes(most),
        mebibytes(over),
        over as f64 / QueueLimits::DEFAULT_BYTES as f64,
        mebibytes(QueueLimits::DEFAULT_BYTES as u64),
    );
    println!("{:#?}", stats.spans);
    assert!(over < 2 * QueueLimits::DEFAULT_BYTES as u64, "the memory is not bounded by the queue");
}
