//! Limits the time to log a mutated exchange.
//!
//! On a busy machine a single measurement is not reliable. So a call that exceeds its bound is repeated,
//! alternating with writing and parsing the same amount of JSON. Only the shortest times count. The call fails
//! if its time exceeds both the bound and a multiple of the parsing time, which a busy machine lengthens
//! equally.
//!
//! In addition, the ratio to the parsing time is measured for some calls. Its median is not affected by a few
//! interrupted calls.

use std::time::{Duration, Instant};

use promptlayer_tracing::blueprint::LogRequest;
use serde_json::{Value, json};
use tests::fixtures::Given;

use crate::exchanges::Exchange;

/// The maximum time per KiB of JSON, in a build without optimization.
const BOUND: Duration = Duration::from_millis(1);
/// The minimum size in KiB that counts for a small exchange. It covers the constant cost of a call.
const LEAST: u32 = 2;
/// The maximum number of repetitions of a call that exceeds its bound.
const TRIES: usize = 50;
/// One in this many calls is compared with the time to write and parse the same JSON.
const MEASURED: u64 = 64;
/// The maximum ratio of a call's time to the parsing time. It applies to the median, and to calls that exceed
/// their bound.
const RATIO: f64 = 10.0;
/// The minimum number of ratios. The median of fewer ratios depends on the load of the machine.
const ENOUGH: usize = 100;

/// The measured times of calls.
#[derive(Debug, Default)]
pub(crate) struct Work {
    calls: u64,
    /// The ratios of the time of some calls to the time to parse their JSON.
    ratios: Vec<f64>,
}

impl Work {
    /// Makes a call and measures it.
    pub(crate) fn of(&mut self, exchange: &Exchange, call: impl Fn() -> LogRequest) -> LogRequest {
        let (log, logged) = timed(&call);
        if self.calls.is_multiple_of(MEASURED) {
            let (_, parsed) = timed(|| size_by_parsing(exchange));
            self.ratios.push(logged.as_secs_f64() / parsed.as_secs_f64().max(f64::MIN_POSITIVE));
        }
        self.calls += 1;
        if logged > BOUND * LEAST {
            assert_kept(size_by_parsing(exchange), logged, call);
        }
        log
    }

    pub(crate) fn assert_bounded(mut self, seed: u64) {
        self.ratios.sort_by(f64::total_cmp);
        let median = self.ratios.get(self.ratios.len() / 2).copied().unwrap_or_default();
        let tells = self.ratios.len() >= ENOUGH;
        assert!(!tells || median < RATIO, "seed {seed}: {median:.1} times the time that it takes to parse");
    }
}

/// Checks a call with this first time against its bound.
fn assert_kept(size: usize, first: Duration, call: impl Fn() -> LogRequest) {
    let kibibytes = LEAST.max(u32::try_from(size.div_ceil(1024)).unwrap_or(u32::MAX));
    let (bound, yardstick) = (BOUND * kibibytes, yardstick(kibibytes));
    let (mut logged, mut parsed) = (first, Duration::MAX);
    let keeps = logged <= bound
        || (0..TRIES).any(|_| {
            std::thread::yield_now();
            logged = logged.min(timed(&call).1);
            parsed = parsed.min(timed(|| parse(&yardstick)).1);
            logged <= bound || logged.as_secs_f64() <= parsed.as_secs_f64() * RATIO
        });
    assert!(keeps, "{size} bytes took {logged:?}; to parse as many, {parsed:?}");
}

/// Returns this many KiB of JSON similar to that of providers, with short fields and short texts.
fn yardstick(kibibytes: u32) -> Value {
    let one = json!({ "index": 0, "delta": { "role": "assistant", "content": "So" }, "finish_reason": null });
    let each = one.to_string().len();
    vec![one; kibibytes as usize * 1024 / each].into()
}

fn timed<T>(run: impl FnOnce() -> T) -> (T, Duration) {
    let start = Instant::now();
    let value = run();
    (value, start.elapsed())
}

/// Writes and parses an exchange and returns its size in bytes.
fn size_by_parsing(exchange: &Exchange) -> usize {
    let pieces = match &exchange.given {
        Given::Whole(reply) => parse(reply),
        Given::Events(events) => events.iter().map(parse).sum(),
        Given::Body(body) => parse(&body.as_str().into()),
        Given::Texts(texts) => texts.iter().map(|text| parse(&text.as_str().into())).sum(),
        Given::Bytes(pieces) => {
            pieces.iter().map(|piece| parse(&String::from_utf8_lossy(piece).into())).sum()
        }
    };
    pieces + parse(&exchange.request)
}

/// Writes and parses a value and returns its size in bytes.
fn parse(value: &Value) -> usize {
    let text = serde_json::to_vec(value).unwrap_or_default();
    drop(serde_json::from_slice::<Value>(&text));
    text.len()
}
