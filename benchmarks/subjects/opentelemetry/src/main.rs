//! `tracing-opentelemetry` with a batch processor, and with an exporter that does nothing or OTLP over HTTP.

mod counted;

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use gen_ai_spans::RUNS;
use harness::Error;
use harness::subject::{Session, Subject};
use opentelemetry::trace::TracerProvider as _;
use opentelemetry_otlp::{Protocol, WithExportConfig as _};
use opentelemetry_sdk::trace::{SdkTracer, SdkTracerProvider, SpanExporter};
use tracing_opentelemetry::OpenTelemetryLayer;
use tracing_subscriber::prelude::*;
use tracing_subscriber::registry::Registry;

use crate::counted::{Counted, Discard};

const SUBJECTS: &[Subject] = &[
    Subject { name: "otel_batch", start: |_| start(Discard, |layer| layer), runs: RUNS },
    Subject { name: "otel_lean", start: |_| start(Discard, lean), runs: RUNS },
    Subject {
        name: "otlp",
        start: |setup| {
            let builder = opentelemetry_otlp::SpanExporter::builder().with_http();
            let builder = builder.with_protocol(Protocol::HttpBinary);
            let exporter = builder.with_endpoint(format!("{}/v1/traces", setup.sink)).build()?;
            start(exporter, |layer| layer)
        },
        runs: RUNS,
    },
];

fn main() -> Result<(), Error> {
    harness::subject::run(SUBJECTS)
}

type Layer = OpenTelemetryLayer<Registry, SdkTracer>;

/// Leaves out what the layer adds to each span: code location, thread, target, and busy and idle time.
fn lean(layer: Layer) -> Layer {
    layer.with_location(false).with_threads(false).with_tracked_inactivity(false).with_target(false)
}

fn start<E: SpanExporter + 'static>(
    exporter: E,
    configure: fn(Layer) -> Layer,
) -> Result<Box<dyn Session>, Error> {
    let (processor, exported) = Counted::batched(exporter);
    let provider = SdkTracerProvider::builder().with_span_processor(processor).build();
    let layer = configure(tracing_opentelemetry::layer().with_tracer(provider.tracer("benchmarks")));
    tracing_subscriber::registry().with(layer).try_init()?;
    Ok(Box::new(Installed { provider, exported }))
}

struct Installed {
    provider: SdkTracerProvider,
    exported: Arc<AtomicU64>,
}

impl Session for Installed {
    fn flush(&self) -> Result<(), Error> {
        Ok(self.provider.force_flush()?)
    }

    fn end(self: Box<Self>) -> Result<Option<u64>, Error> {
        self.provider.shutdown()?;
        Ok(Some(self.exported.load(Ordering::Relaxed)))
    }
}
