//! Impossible wall-clock times do not reach the wire.

use std::sync::{Arc, Mutex};
use std::time::{Duration, SystemTime};

use promptlayer_blueprint::semconv::SemconvStability;
use serde_json::Value;

use super::line::span;
use crate::export::Resource;
use crate::export::encode::spans_bulk;
use crate::process::held::HeldCalls;
use crate::process::{ConvertedSpan, ProcessedSpan, Redact, SpanExporter, SpanProcessor};
use crate::propagation::settings::Propagation;
use crate::random;

#[derive(Default)]
struct Shelf(Mutex<Vec<ProcessedSpan>>);

impl SpanExporter for Arc<Shelf> {
    fn take(&self, processed: ProcessedSpan) {
        self.0.lock().unwrap().push(processed);
    }
}

/// Returns the JSON of a span with this start time and duration.
fn sent(started: SystemTime, duration: Duration) -> Value {
    let shelf = Arc::new(Shelf::default());
    let processor = SpanProcessor {
        exporter: Box::new(Arc::clone(&shelf)),
        root: Arc::default(),
        provider: None,
        capture_content: true,
        redact: Redact::default(),
        sample: 1.0,
        propagation: Propagation::default(),
        gen_ai_fields: false,
        semconv: SemconvStability::default(),
        keeps_trace: true,
        held: HeldCalls::default(),
        undecided: None,
        open_calls: None,
    };
    let mut span = span(random::trace_id(), 0);
    (span.started, span.duration) = (started, duration);
    processor.hand_over(processor.prepare(span).unwrap());
    let processed = shelf.0.lock().unwrap().pop().unwrap();
    let converted = ConvertedSpan::from_span(&processed.span, None);
    let bytes =
        spans_bulk::span_bytes(&processed, &converted, &Resource::new("test"), SemconvStability::default())
            .unwrap();
    serde_json::from_slice(&bytes).unwrap()
}

#[test]
fn impossible_wall_clock_times_do_not_reach_the_wire() {
    const YEAR: Duration = Duration::from_secs(365 * 24 * 60 * 60);
    let nanoseconds = |time: SystemTime| time.duration_since(SystemTime::UNIX_EPOCH).unwrap().as_nanos();
    let took = Duration::from_secs(3);
    let impossible = [
        SystemTime::UNIX_EPOCH - YEAR,
        SystemTime::UNIX_EPOCH,
        SystemTime::UNIX_EPOCH + Duration::from_secs(40),
        SystemTime::UNIX_EPOCH + 300 * YEAR,
        // Times beyond the range of 64-bit nanoseconds and of RFC 3339.
        SystemTime::UNIX_EPOCH + 600 * YEAR,
        SystemTime::UNIX_EPOCH + 9_000 * YEAR,
    ];
    for started in impossible {
        let before = SystemTime::now();
        let span = sent(started, took);
        let (start, end) = (span["start_time"].as_u64().unwrap(), span["end_time"].as_u64().unwrap());
        // By this clock, the span has just ended.
        assert!(
            u128::from(end) >= nanoseconds(before) && u128::from(end) <= nanoseconds(SystemTime::now()),
            "{span}"
        );
        assert_eq!(u128::from(end - start), took.as_nanos());
        let log = &span["log_request"];
        let time = |name: &str| log[name].as_str().unwrap().parse::<jiff::Timestamp>().unwrap();
        assert_eq!(time("request_end_time").as_millisecond(), i64::try_from(end / 1_000_000).unwrap());
        assert!(time("request_start_time") < time("request_end_time"), "{log}");
    }
    let known = SystemTime::now() - 2 * YEAR;
    assert_eq!(u128::from(sent(known, took)["start_time"].as_u64().unwrap()), nanoseconds(known));
}
