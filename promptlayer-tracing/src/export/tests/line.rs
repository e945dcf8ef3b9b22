//! A pipeline in front of a simulated service, on the test's thread and with paused time.

use std::sync::{Arc, LazyLock};
use std::time::{Duration, SystemTime};

use promptlayer_blueprint::TraceId;
use promptlayer_blueprint::semconv::SemconvStability;
use promptlayer_client::Client;
use tokio::sync::watch;
use tokio::time::Instant;

use super::service::Service;
use crate::export::delivery::Deliverer;
use crate::export::shutdown::Stop;
use crate::export::stats::Stats;
use crate::export::worker::Worker;
use crate::export::{
    BatchLimits, Encoder, Pipeline, QueueLimits, Resource, RetryPolicy, SpoolSettings, Store, Tally,
};
use crate::hooks::{self, Hooks};
use crate::process::{ProcessedSpan, SpanExporter};
use crate::random;
use crate::span::finished::{FinishedSpan, Inherited, Place};

/// A client that only builds errors. It is shared because creating one is slow.
static CLIENT: LazyLock<Client> =
    LazyLock::new(|| Client::builder().api_key("pl_1").base_url("http://127.0.0.1:9").build().unwrap());

/// A pipeline in front of a service. Its only thread is the one of the hooks.
pub(super) struct Line {
    pub(super) pipeline: Arc<Pipeline>,
    pub(super) stop: watch::Sender<Stop>,
    service: Service,
    /// The number of spans that the service had before this pipeline was created.
    taken_before: usize,
    worker: Option<Worker<Service>>,
}

impl Line {
    pub(super) fn new(service: &Service, batch: BatchLimits) -> Self {
        Self::with_spool(service, batch, None)
    }

    /// Returns a pipeline with a spool.
    pub(super) fn with_spool(service: &Service, batch: BatchLimits, spool: Option<SpoolSettings>) -> Self {
        Self::build(service, batch, spool, Hooks::default())
    }

    pub(super) fn build(
        service: &Service,
        batch: BatchLimits,
        spool: Option<SpoolSettings>,
        hooks: Hooks,
    ) -> Self {
        let encoder = Arc::new(Encoder {
            format: service.wire().format(),
            calls: None,
            batch,
            resource: Resource::new("test"),
            provider: None,
            semconv: SemconvStability::default(),
        });
        let (store, found) = match spool {
            Some(spool) => Store::open(&spool, service.wire().destination(), &[])
                .map(|(store, found)| (Some(store), found))
                .unwrap(),
            None => (None, Tally::default()),
        };
        let queue = QueueLimits::default().items(1000);
        let pipeline = Arc::new(Pipeline::new(queue, Arc::clone(&encoder), store));
        pipeline.adopt(found);
        let client = CLIENT.clone();
        let on_error = hooks.on_error.clone().unwrap_or_else(|| Arc::new(|_| {}));
        let hooks = Hooks { on_error: Some(on_error), ..hooks };
        let (stop, told) = watch::channel(Stop::default());
        let deliverer = Deliverer::new(
            service.clone(),
            &client,
            client.clone(),
            Arc::clone(&pipeline),
            hooks::start(hooks, Arc::clone(&pipeline.hooks), Arc::clone(&pipeline.progress)).unwrap(),
            RetryPolicy::default(),
            told.clone(),
        );
        let worker = Worker::new(Arc::new(deliverer), encoder, told);
        Self { pipeline, stop, service: service.clone(), taken_before: service.taken(), worker: Some(worker) }
    }

    /// Records spans of one trace, named `0`, `1`, …. Each one has a request log.
    pub(super) fn log(&self, count: usize) {
        let trace_id = random::trace_id();
        for number in 0..count {
            self.pipeline.take(ProcessedSpan {
                span: span(trace_id, number),
                converted: None,
                size: 100,
                is_of_hook: false,
            });
        }
    }

    /// Runs the pipeline until everything is settled. Returns the statistics and the elapsed time.
    pub(super) async fn run(&mut self) -> (Stats, Duration) {
        let begun = Instant::now();
        self.stop.send_modify(|stop| stop.finish = true);
        self.work().await;
        (self.stats(), begun.elapsed())
    }

    pub(super) async fn work(&mut self) {
        let mut worker = self.worker.take().unwrap();
        worker.run().await;
    }

    /// Waits until the hook thread has ended, after the pipeline has run.
    #[cfg(feature = "otlp")]
    pub(super) fn finish_hooks(&self) {
        let later = std::time::Instant::now() + Duration::from_secs(60);
        assert!(self.pipeline.progress.wait_until(later, |state| state.hooks_gone), "hooks still run");
    }

    pub(super) fn stats(&self) -> Stats {
        let stats = self.pipeline.stats();
        let spans = &stats.spans;
        let settled =
            spans.delivered + spans.total_rejected() + spans.total_dropped() + spans.outcome_unknown;
        assert_eq!(spans.accepted, settled + spans.total_pending(), "{stats:#?}");
        // Spans that an earlier run delivered are not counted here.
        let taken = self.service.taken().saturating_sub(self.taken_before) as u64;
        let may_have = spans.delivered + spans.outcome_unknown + spans.pending.in_flight;
        assert!(may_have >= taken, "the service has more than was counted");
        stats
    }
}

/// Records a span in its own trace.
pub(super) fn log_one(pipeline: &Arc<Pipeline>, number: usize) {
    let span = span(random::trace_id(), number);
    pipeline.take(ProcessedSpan { span, converted: None, size: 100, is_of_hook: false });
}

pub(super) fn span(trace_id: TraceId, number: usize) -> Box<FinishedSpan> {
    const NAMES: [&str; 10] = ["0", "1", "2", "3", "4", "5", "6", "7", "8", "9"];
    let place = Place::root(trace_id, random::span_id(), true);
    let inherited = Arc::new(Inherited::default());
    Box::new(FinishedSpan {
        function: Some("ask"),
        kind: Some(crate::SpanKind::Llm),
        is_request: true,
        duration: Duration::from_millis(5),
        ..FinishedSpan::new(NAMES[number % NAMES.len()], place, SystemTime::now(), inherited)
    })
}
