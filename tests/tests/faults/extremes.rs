//! Settings at and beyond the limits of their types: no value causes a panic.

use promptlayer_tracing::Client;
use promptlayer_tracing::client::Env;
use promptlayer_tracing::export::{BatchLimits, QueueLimits, RetryPolicy, SpoolMode, SpoolSettings, Wire};
use proptest::prelude::*;
use proptest::sample::select;
use tempfile::TempDir;

use super::*;

/// The environment variables that are parsed.
const VARIABLES: [&str; 5] = [
    "PROMPTLAYER_API_KEY",
    "PROMPTLAYER_BASE_URL",
    "PROMPTLAYER_HTTP_TIMEOUT",
    "OTEL_INSTRUMENTATION_GENAI_CAPTURE_MESSAGE_CONTENT",
    "OTEL_SERVICE_NAME",
];

fn duration() -> impl Strategy<Value = Duration> {
    let extremes = [
        Duration::ZERO,
        Duration::from_nanos(1),
        Duration::from_millis(1),
        Duration::from_millis(u64::MAX),
        Duration::from_secs(i64::MAX.unsigned_abs()),
        Duration::from_secs(u64::MAX),
        Duration::MAX,
    ];
    prop_oneof![select(extremes.to_vec()), any::<Duration>()]
}

fn size() -> impl Strategy<Value = usize> {
    let extremes = vec![0, 1, 2, 1023, 1 << 20, usize::MAX / 4 * 3, usize::MAX - 1, usize::MAX];
    prop_oneof![select(extremes), any::<usize>()]
}

fn share() -> impl Strategy<Value = f64> {
    let extremes =
        vec![0.0, 1.0, -1.0, f64::NAN, f64::INFINITY, f64::NEG_INFINITY, 1e19, 1e300, f64::MIN_POSITIVE];
    prop_oneof![select(extremes), any::<f64>()]
}

fn number_as_text() -> impl Strategy<Value = String> {
    let extremes = [
        "0",
        "1",
        "-1",
        "-0",
        "NaN",
        "inf",
        "-inf",
        "1e19",
        "1e300",
        "1e-300",
        "18446744073709551615",
        "18446744073709551616",
        "0x10",
        "1_000",
        "",
    ];
    prop_oneof![
        select(extremes.map(str::to_owned).to_vec()),
        any::<f64>().prop_map(|number| number.to_string()),
        "\\PC{0,12}"
    ]
}

/// Every setting of the builder that takes a number or a duration.
#[derive(Debug, Clone)]
struct Extremes {
    timeout: Duration,
    queue: (usize, usize),
    batch: (usize, usize, usize, Duration, usize),
    retry: (Duration, Duration, Duration, Duration, Duration),
    spool: Option<(u64, Duration, SpoolMode)>,
    hook_timeout: Duration,
    sample: f64,
    wire: Wire,
}

fn extremes() -> impl Strategy<Value = Extremes> {
    let mode = select(vec![SpoolMode::OnFailure, SpoolMode::WriteAhead, SpoolMode::Synchronous]);
    let bytes = prop_oneof![select(vec![0, 1, u64::MAX]), any::<u64>()];
    (
        duration(),
        (size(), size()),
        (size(), size(), size(), duration(), size()),
        (duration(), duration(), duration(), duration(), duration()),
        proptest::option::of((bytes, duration(), mode)),
        (duration(), share()),
        select(vec![Wire::SpansBulk, Wire::LogRequest]),
    )
        .prop_map(|(timeout, queue, batch, retry, spool, (hook_timeout, sample), wire)| Extremes {
            timeout,
            queue,
            batch,
            retry,
            spool,
            hook_timeout,
            sample,
            wire,
        })
}

impl Extremes {
    fn builder(&self, url: &str, folder: &std::path::Path) -> LayerBuilder {
        let (spans, bytes, span_bytes, interval, in_flight) = self.batch;
        let (first, longest, max_age, probe, settling) = self.retry;
        let batch = BatchLimits::default().spans(spans).bytes(bytes).span_bytes(span_bytes);
        let retry = RetryPolicy::default().first_delay(first).longest_delay(longest).max_age(max_age);
        let mut builder = layer_for(url)
            .timeout(self.timeout)
            .queue(QueueLimits::default().items(self.queue.0).bytes(self.queue.1))
            .batch(batch.interval(interval).in_flight(in_flight))
            .retry(retry.probe_interval(probe).settling_time(settling))
            .hook_timeout(self.hook_timeout)
            .on_request_id_async(|_| async {})
            .sample(self.sample)
            .wire(self.wire);
        if let Some((bytes, max_age, mode)) = self.spool {
            builder = builder.spool(SpoolSettings::new(folder).bytes(bytes).max_age(max_age).mode(mode));
        }
        builder
    }

    /// Returns `true` if the settings let a call reach a healthy server.
    fn let_through(&self) -> bool {
        let has_time = self.timeout >= Duration::from_secs(30);
        let has_room = self.queue.0 >= 8 && self.queue.1 >= 1 << 16;
        has_time && has_room && self.spool.is_none() && self.sample >= 1.0
    }
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::with_cases(24) })]

    #[test]
    fn no_number_or_duration_makes_a_pipeline_panic(extremes in extremes()) {
        let (recorder, folder) = (Recorder::start().unwrap(), TempDir::new().unwrap());
        // Only a timeout of zero is refused.
        let built = extremes.builder(recorder.url(), folder.path()).build();
        prop_assert_eq!(built.is_err(), extremes.timeout.is_zero(), "{:?}", built.err());
        let Ok((layer, guard)) = built else { return Ok(()) };
        dispatcher::with_default(&dispatch(layer), || ask_times(3));
        let timeout = if extremes.let_through() { LONG } else { Duration::from_millis(100) };
        let stats = guard.shutdown(timeout);
        assert_balanced(&stats.spans);
        prop_assert_eq!((stats.panics, stats.spans.accepted + stats.sampled_out), (0, 3), "{:#?}", stats);
        prop_assert_eq!((stats.spans.pending.queued, stats.spans.pending.in_flight), (0, 0), "{:#?}", stats);
        prop_assert!(!extremes.let_through() || stats.spans.delivered == 3, "{:#?}", stats);
    }

    #[test]
    fn no_variable_makes_build_panic(
        values in proptest::collection::vec(number_as_text(), VARIABLES.len()),
        has_key in any::<bool>(),
    ) {
        let mut variables: BTreeMap<_, _> = VARIABLES.into_iter().zip(values).collect();
        if has_key {
            variables.insert(VARIABLES[0], "pl_1".to_owned());
            variables.insert(VARIABLES[1], "http://127.0.0.1:1".to_owned());
        }
        let env = Env::new(variables);
        let _ = Client::builder().env(env.clone()).build();
        let _ = promptlayer_tracing::layer().env(env).on_error(|_| {}).build();
    }

    #[test]
    fn no_text_makes_build_panic(key in "\\PC{0,20}", url in "(https?://)?\\PC{0,20}", tag in "\\PC{0,5}") {
        let builder = promptlayer_tracing::layer().env(Env::empty()).api_key(key).base_url(url).on_error(|_| {});
        let _ = builder.tags([tag.clone()]).metadata([(tag.clone(), tag)]).build();
    }
}

#[test]
fn flush_and_shutdown_take_any_duration() {
    let recorder = Recorder::start().unwrap();
    for timeout in [Duration::ZERO, Duration::from_nanos(1), Duration::from_secs(u64::MAX), Duration::MAX] {
        let (layer, guard) = layer_for(recorder.url()).build().unwrap();
        dispatcher::with_default(&dispatch(layer), || ask_times(3));
        let flushed = guard.flush(timeout);
        assert!(flushed.is_complete() || timeout < LONG, "{flushed:?}");
        let stats = guard.shutdown(timeout);
        assert_balanced(&stats.spans);
        assert_eq!((stats.spans.total_pending(), stats.panics), (0, 0), "{stats:#?}");
        assert!(stats.spans.delivered == 3 || timeout < LONG, "{stats:#?}");
    }
}
