//! How long it takes to log what is broken.
//!
//! A single measure on a busy machine says how busy the machine is. So no call is judged by one: a call
//! over its bound is made again and again, in turn with the writing and parsing of as much JSON, and only
//! the shortest times of both count. It fails where its own is over the bound, and over so many times the
//! other too, which a busy machine lengthens as much. And of some calls that ratio is taken at once; their
//! median is not moved by those few that the machine broke into.

use std::time::{Duration, Instant};

use promptlayer_tracing::blueprint::LogRequest;
use serde_json::{Value, json};
use tests::fixtures::Given;

use crate::exchanges::Exchange;

/// What a call may take for each KiB of its JSON, and at least, in a build without optimization.
const BOUND: Duration = Duration::from_millis(1);
/// How many KiB a small exchange counts as: what a call takes whatever its size.
const LEAST: u32 = 2;
/// So often is a call made again until it keeps its bound.
const TRIES: usize = 50;
/// One call in so many is held against the time to write and parse the same JSON.
const MEASURED: u64 = 64;
/// As many times that time may half of these take, and any call that is over its bound.
const RATIO: f64 = 10.0;
/// The median of fewer still says how busy the machine was.
const ENOUGH: usize = 100;

/// What calls took.
#[derive(Debug, Default)]
pub(crate) struct Work {
    calls: u64,
    /// How many times the time of parsing its JSON some of the calls took.
    ratios: Vec<f64>,
}

impl Work {
    /// Makes a call, and counts what it takes.
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

/// Holds a call that took this long against its bound.
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

/// So many KiB of JSON like that of providers: short fields, short texts.
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

/// The bytes of an exchange, each of which is written and read once.
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

/// Writes a value and reads it, and gives how many bytes that is.
fn parse(value: &Value) -> usize {
    let text = serde_json::to_vec(value).unwrap_or_default();
    drop(serde_json::from_slice::<Value>(&text));
    text.len()
}
