//! OpenTelemetry's client metrics of model calls.
//!
//! A call is measured where its span is converted, and recorded on the export thread. In the spool mode
//! `Synchronous`, the calling thread converts the span. The measures then wait for the export thread.

use std::collections::VecDeque;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::atomic::AtomicU64;
use std::sync::atomic::Ordering::SeqCst;
use std::sync::{Mutex, PoisonError};

use opentelemetry::KeyValue;
use opentelemetry::metrics::{Counter, Histogram, Meter};
use promptlayer_blueprint::semconv::{self, SemconvStability};
use serde_json::Value;

use crate::process::ConvertedSpan;
use crate::span::finished::FinishedSpan;

/// The bounds of durations, in seconds, as the conventions advise.
const DURATIONS: [f64; 14] =
    [0.01, 0.02, 0.04, 0.08, 0.16, 0.32, 0.64, 1.28, 2.56, 5.12, 10.24, 20.48, 40.96, 81.92];
/// The bounds of token counts, as the conventions advise.
const TOKENS: [f64; 14] = [
    1.0,
    4.0,
    16.0,
    64.0,
    256.0,
    1024.0,
    4096.0,
    16_384.0,
    65_536.0,
    262_144.0,
    1_048_576.0,
    4_194_304.0,
    16_777_216.0,
    67_108_864.0,
];
/// The attribute for the kind of tokens, in the older metrics.
const TOKEN_TYPE: &str = "gen_ai.token.type";
/// The attribute for what the tokens stand for, in the current metrics. The usage that providers report is that of
/// all kinds together.
const TOKEN_MODALITY: &str = "gen_ai.token.modality";
const UNKNOWN_MODALITY: &str = "unknown";
/// The operation whose metrics have other names.
const EMBEDDINGS: &str = "embeddings";
/// The attributes of all metrics, as texts. `server.port` is a number.
const ATTRIBUTES: [&str; 4] =
    [semconv::OPERATION_NAME, semconv::REQUEST_MODEL, semconv::RESPONSE_MODEL, semconv::SERVER_ADDRESS];
/// The maximum number of measures that wait for the export thread.
const CAPACITY: usize = 8_192;

/// The measures of one model call.
#[derive(Debug)]
pub(crate) struct Measures {
    /// The attributes of every metric.
    attributes: Vec<KeyValue>,
    error_type: Option<String>,
    is_embedding: bool,
    /// In seconds.
    duration: f64,
    /// The time from the start of the call to the first chunk of a stream, in seconds.
    first_chunk: Option<f64>,
    input: Option<u64>,
    output: Option<u64>,
    cache_read: Option<u64>,
    cache_write: Option<u64>,
    reasoning: Option<u64>,
}

/// Measures model calls and records the measures. The pipelines of a layer share it.
#[derive(Debug)]
pub(crate) struct CallMetrics {
    older: Option<Older>,
    current: Option<Current>,
    /// The attribute for the provider.
    provider: &'static str,
    /// The measures of calls whose spans were converted on the calling thread.
    waiting: Mutex<VecDeque<Measures>>,
}

/// The metrics of version 1.41 of the semantic conventions, and before.
#[derive(Debug)]
struct Older {
    duration: Histogram<f64>,
    first_chunk: Histogram<f64>,
    tokens: Histogram<u64>,
}

/// The metrics since the conventions for generative AI have a repository of their own.
#[derive(Debug)]
struct Current {
    duration: Histogram<f64>,
    duration_of_embeddings: Histogram<f64>,
    first_chunk: Histogram<f64>,
    input: Histogram<u64>,
    output: Histogram<u64>,
    input_of_embeddings: Histogram<u64>,
    usage_input: Counter<u64>,
    usage_output: Counter<u64>,
    usage_cache_read: Counter<u64>,
    usage_cache_write: Counter<u64>,
    usage_reasoning: Counter<u64>,
}

impl CallMetrics {
    pub(crate) fn new(meter: &Meter, stability: SemconvStability) -> Self {
        // The older metrics had the older name of the provider.
        let provider =
            if stability.writes(semconv::PROVIDER_NAME) { semconv::PROVIDER_NAME } else { semconv::SYSTEM };
        Self {
            older: stability.writes(semconv::SYSTEM).then(|| Older::new(meter)),
            current: stability.writes(semconv::PROVIDER_NAME).then(|| Current::new(meter)),
            provider,
            waiting: Mutex::default(),
        }
    }

    /// Measures a model call. Returns `None` if the span is no model call.
    pub(crate) fn measure(&self, span: &FinishedSpan, converted: &ConvertedSpan) -> Option<Box<Measures>> {
        let log = converted.log.as_ref()?;
        let attribute = |name: &str| converted.attributes.get(name).or_else(|| span.fields.get(name));
        let text = |name: &str| attribute(name)?.as_str().filter(|text| !text.is_empty()).map(str::to_owned);
        let number = |name: &str| attribute(name)?.as_u64();
        let mut attributes = Vec::with_capacity(ATTRIBUTES.len() + 2);
        attributes.extend(ATTRIBUTES.iter().filter_map(|name| Some(KeyValue::new(*name, text(name)?))));
        attributes
            .extend(text(semconv::PROVIDER_NAME).map(|provider| KeyValue::new(self.provider, provider)));
        let port = attribute(semconv::SERVER_PORT).and_then(port);
        attributes.extend(port.map(|port| KeyValue::new(semconv::SERVER_PORT, port)));
        let duration = log.request_end_time.zip(log.request_start_time);
        let duration = duration.and_then(|(end, start)| end.duration_since(start).ok());
        let first_chunk = attribute(semconv::RESPONSE_TIME_TO_FIRST_CHUNK).and_then(Value::as_f64);
        Some(Box::new(Measures {
            attributes,
            error_type: text(semconv::ERROR_TYPE),
            is_embedding: text(semconv::OPERATION_NAME).is_some_and(|operation| operation == EMBEDDINGS),
            duration: duration.unwrap_or(span.duration).as_secs_f64(),
            first_chunk: first_chunk.or(span.time_to_first_chunk.map(|time| time.as_secs_f64())),
            input: number(semconv::USAGE_INPUT_TOKENS),
            output: number(semconv::USAGE_OUTPUT_TOKENS),
            cache_read: number(semconv::USAGE_CACHE_READ),
            cache_write: number(semconv::USAGE_CACHE_WRITE),
            reasoning: number(semconv::USAGE_REASONING),
        }))
    }

    /// Records measures. If the meter panics, the call is counted in `unmeasured`.
    pub(crate) fn record(&self, measures: &Measures, unmeasured: &AtomicU64) {
        let record = || {
            if let Some(older) = &self.older {
                older.record(measures);
            }
            if let Some(current) = &self.current {
                current.record(measures);
            }
        };
        if catch_unwind(AssertUnwindSafe(record)).is_err() {
            unmeasured.fetch_add(1, SeqCst);
        }
    }

    /// Keeps measures for the export thread. `enter` returns whether their span was accepted, and whether this pipeline
    /// records them. Returns `true` if the span was accepted.
    ///
    /// The export thread takes no measures in between: a span that was accepted before the shutdown is measured.
    pub(crate) fn keep_if(
        &self,
        measures: Option<Box<Measures>>,
        unmeasured: &AtomicU64,
        enter: impl FnOnce() -> (bool, bool),
    ) -> bool {
        let Some(measures) = measures else { return enter().0 };
        let mut waiting = self.waiting.lock().unwrap_or_else(PoisonError::into_inner);
        let (is_accepted, is_recorded) = enter();
        if is_recorded {
            if waiting.len() < CAPACITY {
                waiting.push_back(*measures);
            } else {
                unmeasured.fetch_add(1, SeqCst);
            }
        }
        is_accepted
    }

    /// Records the measures that wait.
    pub(crate) fn record_waiting(&self, unmeasured: &AtomicU64) {
        let waiting = std::mem::take(&mut *self.waiting.lock().unwrap_or_else(PoisonError::into_inner));
        for measures in &waiting {
            self.record(measures, unmeasured);
        }
    }
}

/// Returns a port, which some crates record as a text.
fn port(value: &Value) -> Option<i64> {
    value.as_i64().or_else(|| value.as_str()?.parse().ok()).filter(|port| (1..=65_535).contains(port))
}

impl Measures {
    /// Returns the attributes, with the type of the error if there is one.
    fn with_error(&self) -> Vec<KeyValue> {
        let error = self.error_type.iter().map(|kind| KeyValue::new(semconv::ERROR_TYPE, kind.clone()));
        self.attributes.iter().cloned().chain(error).collect()
    }

    fn with(&self, name: &'static str, value: &'static str) -> Vec<KeyValue> {
        self.attributes.iter().cloned().chain([KeyValue::new(name, value)]).collect()
    }
}

fn seconds(meter: &Meter, name: &'static str, description: &'static str) -> Histogram<f64> {
    let histogram = meter.f64_histogram(name).with_unit("s").with_description(description);
    histogram.with_boundaries(DURATIONS.to_vec()).build()
}

fn tokens(meter: &Meter, name: &'static str, description: &'static str) -> Histogram<u64> {
    let histogram = meter.u64_histogram(name).with_unit("{token}").with_description(description);
    histogram.with_boundaries(TOKENS.to_vec()).build()
}

fn usage(meter: &Meter, name: &'static str, description: &'static str) -> Counter<u64> {
    meter.u64_counter(name).with_unit("{token}").with_description(description).build()
}

impl Older {
    fn new(meter: &Meter) -> Self {
        Self {
            duration: seconds(meter, "gen_ai.client.operation.duration", "GenAI operation duration."),
            first_chunk: seconds(
                meter,
                "gen_ai.client.operation.time_to_first_chunk",
                "Time to receive the first chunk of a streamed response.",
            ),
            tokens: tokens(meter, "gen_ai.client.token.usage", "Number of input and output tokens used."),
        }
    }

    fn record(&self, measures: &Measures) {
        self.duration.record(measures.duration, &measures.with_error());
        if let Some(time) = measures.first_chunk {
            self.first_chunk.record(time, &measures.attributes);
        }
        for (kind, count) in [("input", measures.input), ("output", measures.output)] {
            if let Some(count) = count {
                self.tokens.record(count, &measures.with(TOKEN_TYPE, kind));
            }
        }
    }
}

impl Current {
    fn new(meter: &Meter) -> Self {
        Self {
            duration: seconds(
                meter,
                "gen_ai.client.inference.duration",
                "GenAI client inference operation duration.",
            ),
            duration_of_embeddings: seconds(
                meter,
                "gen_ai.client.embeddings.duration",
                "GenAI client embeddings operation duration.",
            ),
            first_chunk: seconds(
                meter,
                "gen_ai.client.inference.time_to_first_chunk",
                "Time to receive the first chunk of a streamed response.",
            ),
            input: tokens(
                meter,
                "gen_ai.client.inference.operation.input_tokens",
                "The number of input (prompt) tokens used per inference operation.",
            ),
            output: tokens(
                meter,
                "gen_ai.client.inference.operation.output_tokens",
                "The number of output (completion) tokens used per inference operation.",
            ),
            input_of_embeddings: tokens(
                meter,
                "gen_ai.client.embeddings.operation.input_tokens",
                "The number of input tokens used per embeddings operation.",
            ),
            usage_input: usage(
                meter,
                "gen_ai.client.inference.usage.input_tokens",
                "The number of input (prompt) tokens used, including cached tokens.",
            ),
            usage_output: usage(
                meter,
                "gen_ai.client.inference.usage.output_tokens",
                "The number of output (completion) tokens used, including reasoning tokens.",
            ),
            usage_cache_read: usage(
                meter,
                "gen_ai.client.inference.usage.cache_read.input_tokens",
                "The number of input tokens served from a provider-managed cache.",
            ),
            usage_cache_write: usage(
                meter,
                "gen_ai.client.inference.usage.cache_write.input_tokens",
                "The number of input tokens written to a provider-managed cache.",
            ),
            usage_reasoning: usage(
                meter,
                "gen_ai.client.inference.usage.reasoning.output_tokens",
                "The number of output tokens used for reasoning.",
            ),
        }
    }

    /// Records measures. The conventions ask for a count of 0 if the response tells none.
    fn record(&self, measures: &Measures) {
        let with_error = measures.with_error();
        if measures.is_embedding {
            self.duration_of_embeddings.record(measures.duration, &with_error);
            self.input_of_embeddings.record(measures.input.unwrap_or_default(), &with_error);
            return;
        }
        self.duration.record(measures.duration, &with_error);
        if let Some(time) = measures.first_chunk {
            self.first_chunk.record(time, &measures.attributes);
        }
        self.input.record(measures.input.unwrap_or_default(), &with_error);
        self.output.record(measures.output.unwrap_or_default(), &with_error);
        let with_modality = measures.with(TOKEN_MODALITY, UNKNOWN_MODALITY);
        self.usage_input.add(measures.input.unwrap_or_default(), &with_modality);
        self.usage_output.add(measures.output.unwrap_or_default(), &with_modality);
        // These are parts of the two above. Most calls have none.
        for (counter, count) in [
            (&self.usage_cache_read, measures.cache_read),
            (&self.usage_cache_write, measures.cache_write),
            (&self.usage_reasoning, measures.reasoning),
        ] {
            if let Some(count) = count {
                counter.add(count, &with_modality);
            }
        }
    }
}
