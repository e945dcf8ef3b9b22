//! The layer beside that of the crate `tracing-opentelemetry`: both see the same traces.
#![allow(clippy::unwrap_used, clippy::expect_used, reason = "a test stops where it finds what should not be")]

use std::collections::HashMap;
use std::convert::Infallible;
use std::pin::pin;
use std::sync::{Arc, Mutex};

use http::{Request, Response};
use opentelemetry::propagation::TextMapPropagator as _;
use opentelemetry::trace::{TraceContextExt as _, TracerProvider as _};
use opentelemetry_sdk::error::OTelSdkResult;
use opentelemetry_sdk::propagation::TraceContextPropagator;
use opentelemetry_sdk::trace::{Sampler, SdkTracerProvider, SpanData, SpanExporter};
use promptlayer_tracing::in_memory::CapturedSpan;
use promptlayer_tracing::middleware::PromptLayerMiddleware;
use promptlayer_tracing::propagation::{continue_from, inject};
use promptlayer_tracing::{layer, promptlayer, scope};
use tests::in_memory::{block_on, pause, poll_once};
use tower::{Layer as _, ServiceExt as _, service_fn};
use tracing::Span;
use tracing_opentelemetry::OpenTelemetrySpanExt as _;
use tracing_subscriber::prelude::*;

const TRACE: &str = "4bf92f3577b34da6a3ce929d0e0e4736";
const SPAN: &str = "00f067aa0ba902b7";
const PARENT: &str = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01";

type Headers = HashMap<String, String>;

/// Which of the layers hears of a span first.
#[derive(Debug, Clone, Copy)]
enum First {
    OpenTelemetry,
    PromptLayer,
}

/// Keeps the spans that OpenTelemetry exports.
#[derive(Debug, Clone, Default)]
struct Exported(Arc<Mutex<Vec<SpanData>>>);

impl SpanExporter for Exported {
    async fn export(&self, batch: Vec<SpanData>) -> OTelSdkResult {
        self.0.lock().unwrap().extend(batch);
        Ok(())
    }
}

/// How a test sets both layers up.
struct Setup {
    share: f64,
    sampler: Sampler,
    activates_context: bool,
}

impl Default for Setup {
    fn default() -> Self {
        Self {
            share: 1.0,
            sampler: Sampler::ParentBased(Box::new(Sampler::AlwaysOn)),
            activates_context: true,
        }
    }
}

impl Setup {
    /// Runs a function under both layers, and returns the spans of each.
    fn run(&self, first: First, run: impl FnOnce()) -> (Vec<CapturedSpan>, Vec<SpanData>) {
        let exported = Exported::default();
        let provider = SdkTracerProvider::builder()
            .with_sampler(self.sampler.clone())
            .with_simple_exporter(exported.clone())
            .build();
        let tracer = provider.tracer("test");
        let builder =
            layer().sample(self.share).export_spans(|metadata| metadata.name().starts_with("exported"));
        let (layer, captured) = builder.in_memory().unwrap();
        let registry = tracing_subscriber::registry();
        match first {
            First::OpenTelemetry => {
                let otel = tracing_opentelemetry::layer().with_context_activation(self.activates_context);
                let subscriber = registry.with(otel.with_tracer(tracer)).with(layer);
                tracing::subscriber::with_default(subscriber, run);
            }
            First::PromptLayer => {
                let otel = tracing_opentelemetry::layer().with_context_activation(self.activates_context);
                let subscriber = registry.with(layer).with(otel.with_tracer(tracer));
                tracing::subscriber::with_default(subscriber, run);
            }
        }
        let exported = exported.0.lock().unwrap().clone();
        (captured.spans(), exported)
    }
}

/// Runs a test under both layers in either order, with and without active contexts.
fn in_each_order(run: impl Fn(), check: impl Fn(&[CapturedSpan], &[SpanData])) {
    for first in [First::OpenTelemetry, First::PromptLayer] {
        for activates_context in [true, false] {
            let setup = Setup { activates_context, ..Setup::default() };
            let (spans, exported) = setup.run(first, &run);
            check(&spans, &exported);
        }
    }
}

/// Checks that each recorded span has the ids of the exported one of the same name.
#[track_caller]
fn assert_same(spans: &[CapturedSpan], exported: &[SpanData], names: &[&str]) {
    assert_eq!(spans.iter().map(|span| span.name.as_str()).collect::<Vec<_>>(), names);
    for span in spans {
        let other = exported.iter().find(|other| other.name == span.name).unwrap();
        assert_eq!(span.trace_id.to_string(), other.span_context.trace_id().to_string(), "{}", span.name);
        assert_eq!(span.span_id.to_string(), other.span_context.span_id().to_string(), "{}", span.name);
        let parent = span.parent_id.map_or("0000000000000000".to_owned(), |id| id.to_string());
        assert_eq!(parent, other.parent_span_id.to_string(), "{}", span.name);
    }
}

fn headers(parent: &str) -> Headers {
    HashMap::from([("traceparent".to_owned(), parent.to_owned())])
}

#[promptlayer(kind = "chain", skip_all)]
fn work<R>(inside: impl FnOnce() -> R) -> R {
    inside()
}

#[promptlayer(kind = "agent", skip_all)]
async fn agent(inside: impl Future<Output = ()>) {
    pause().await;
    inside.await;
}

#[promptlayer]
fn ask(question: &str) -> String {
    format!("You asked: {question}")
}

#[promptlayer]
async fn ask_later(question: &str) -> String {
    pause().await;
    format!("You asked: {question}")
}

#[test]
fn ids_are_equal_span_by_span() {
    let run = || {
        block_on(agent(async {
            ask_later("why?").await;
            work(|| {
                tracing::info_span!("chat", gen_ai.operation.name = "chat", gen_ai.request.model = "m")
                    .in_scope(|| {
                        tracing::info_span!("exported one").in_scope(|| ());
                    });
                ask("how?");
            });
        }));
    };
    in_each_order(run, |spans, exported| {
        assert_same(spans, exported, &["ask_later", "exported one", "chat", "ask", "work", "agent"]);
        assert_eq!(exported.len(), spans.len());
    });
}

#[test]
fn span_that_is_never_entered_has_the_same_ids_if_a_field_is_recorded() {
    let run = || {
        work(|| {
            let span = tracing::info_span!(
                "chat",
                gen_ai.operation.name = "chat",
                gen_ai.response.model = tracing::field::Empty
            );
            span.record("gen_ai.response.model", "m");
        });
    };
    in_each_order(run, |spans, exported| assert_same(spans, exported, &["chat", "work"]));
}

#[test]
fn interleaved_tasks_have_the_same_ids() {
    let run = || {
        let (mut first, mut second) = (pin!(ask_later("first")), pin!(agent(async { drop(ask("second")) })));
        while poll_once(second.as_mut()).is_pending() {}
        while poll_once(first.as_mut()).is_pending() {}
    };
    in_each_order(run, |spans, exported| assert_same(spans, exported, &["ask", "agent", "ask_later"]));
}

#[test]
fn span_that_only_opentelemetry_records_is_the_parent_of_a_local_root() {
    let run = || tracing::info_span!("plain").in_scope(|| drop(ask("why?")));
    in_each_order(run, |spans, exported| assert_same(spans, exported, &["ask"]));
}

#[test]
fn remote_parent_of_opentelemetry_is_followed() {
    let remote = || TraceContextPropagator::new().extract(&headers(PARENT));
    in_each_order(
        || {
            let _attached = remote().attach();
            work(|| ask("why?"));
        },
        |spans, exported| {
            assert_same(spans, exported, &["ask", "work"]);
            assert_eq!(spans[1].trace_id.to_string(), TRACE);
            assert_eq!(spans[1].parent_id.unwrap().to_string(), SPAN);
        },
    );
    // A server's span, whose parent is set before it is entered.
    in_each_order(
        || {
            let span = tracing::info_span!("server");
            span.set_parent(remote()).unwrap();
            span.in_scope(|| work(|| ask("why?")));
        },
        |spans, exported| {
            assert_same(spans, exported, &["ask", "work"]);
            assert_eq!(spans[1].trace_id.to_string(), TRACE);
        },
    );
}

#[test]
fn recorded_span_can_still_be_given_a_parent() {
    let run = || {
        let span = tracing::info_span!("exported server");
        span.set_parent(TraceContextPropagator::new().extract(&headers(PARENT))).unwrap();
        span.in_scope(|| ask("why?"));
    };
    in_each_order(run, |spans, exported| {
        assert_eq!(
            exported.iter().filter(|span| span.span_context.trace_id().to_string() == TRACE).count(),
            2
        );
        assert!(spans.iter().all(|span| span.trace_id.to_string() == TRACE), "{spans:#?}");
        assert_eq!(spans[0].parent_id, Some(spans[1].span_id));
        assert_eq!(spans[1].span_id.to_string(), exported[1].span_context.span_id().to_string());
    });
}

#[test]
fn continued_trace_is_that_of_both_layers() {
    let run = || {
        work(|| ask("before"));
        let continued = continue_from(&headers(PARENT)).run(async {
            agent(async { drop(scope().tags(["inner"]).in_scope(|| ask("why?"))) }).await;
        });
        block_on(continued);
    };
    in_each_order(run, |spans, exported| {
        let of_trace: Vec<_> = spans[2..].to_vec();
        let exported: Vec<_> = exported[2..].to_vec();
        assert_same(&of_trace, &exported, &["ask", "agent"]);
        assert_eq!(of_trace[1].trace_id.to_string(), TRACE);
        assert_eq!(of_trace[1].parent_id.unwrap().to_string(), SPAN);
        assert_ne!(spans[0].trace_id, of_trace[0].trace_id);
    });
}

#[test]
fn continued_trace_inside_a_span_is_cut_in_both_layers() {
    for first in [First::OpenTelemetry, First::PromptLayer] {
        let run = || work(|| drop(continue_from(&headers(PARENT)).in_scope(|| ask("why?"))));
        let (spans, exported) = Setup::default().run(first, run);
        assert_same(&spans, &exported, &["ask", "work"]);
        assert_eq!(spans[0].parent_id.unwrap().to_string(), SPAN);
    }
}

#[test]
fn new_trace_inside_a_span_is_new_in_both_layers() {
    for first in [First::OpenTelemetry, First::PromptLayer] {
        let run = || {
            work(|| {
                continue_from(&Headers::new()).in_scope(|| {
                    let mut outgoing = Headers::new();
                    inject(&mut outgoing);
                    assert!(outgoing.is_empty(), "{outgoing:?}");
                    ask("why?")
                });
            });
        };
        let (spans, exported) = Setup::default().run(first, run);
        assert_same(&spans, &exported, &["ask", "work"]);
        assert_ne!(spans[0].trace_id, spans[1].trace_id);
    }
}

#[test]
fn sampling_decision_of_opentelemetry_is_followed() {
    for first in [First::OpenTelemetry, First::PromptLayer] {
        let run = || work(|| drop(ask("why?")));
        let off = Setup { sampler: Sampler::AlwaysOff, ..Setup::default() };
        assert!(off.run(first, run).0.is_empty());
        let on = Setup { share: 0.0, sampler: Sampler::AlwaysOn, ..Setup::default() };
        assert_eq!(on.run(first, run).0.len(), 2);
    }
}

#[test]
fn same_headers_are_injected() {
    fn assert_same_headers() {
        let (mut ours, mut theirs) = (Headers::new(), Headers::new());
        inject(&mut ours);
        TraceContextPropagator::new().inject_context(&Span::current().context(), &mut theirs);
        theirs.retain(|_, value| !value.is_empty());
        assert_eq!(ours, theirs);
        assert!(theirs.contains_key("traceparent"));
    }
    let run = || {
        work(|| {
            assert_same_headers();
            tracing::info_span!("plain").in_scope(assert_same_headers);
        });
        tracing::info_span!("plain").in_scope(assert_same_headers);
        let mut incoming = headers(PARENT);
        incoming.insert("tracestate".to_owned(), "a=1".to_owned());
        continue_from(&incoming).in_scope(|| {
            work(assert_same_headers);
            let mut outgoing = Headers::new();
            inject(&mut outgoing);
            assert_eq!(outgoing, incoming);
        });
    };
    in_each_order(run, |_, _| ());
}

#[test]
fn exchange_of_the_middleware_has_the_same_ids() {
    let run = || {
        continue_from(&headers(PARENT)).in_scope(|| {
            let service =
                service_fn(|_| std::future::ready(Ok::<_, Infallible>(Response::new(String::new()))));
            let service = PromptLayerMiddleware::new().layer(service);
            let request =
                Request::post("https://api.openai.com/v1/chat/completions").body("{}".to_owned()).unwrap();
            drop(block_on(service.oneshot(request)).unwrap());
        });
    };
    in_each_order(run, |spans, exported| {
        assert_same(spans, exported, &["model_request"]);
        assert_eq!(spans[0].parent_id.unwrap().to_string(), SPAN);
    });
}

#[test]
fn span_that_opentelemetry_does_not_see_keeps_its_own_place() {
    let (layer, captured) = layer().in_memory().unwrap();
    let provider = SdkTracerProvider::builder().with_simple_exporter(Exported::default()).build();
    let nothing = tracing_subscriber::filter::LevelFilter::OFF;
    let otel = tracing_opentelemetry::layer().with_tracer(provider.tracer("test")).with_filter(nothing);
    tracing::subscriber::with_default(tracing_subscriber::registry().with(otel).with(layer), || {
        work(|| ask("why?"));
    });

    let spans = captured.spans();
    assert_eq!(spans[0].parent_id, Some(spans[1].span_id));
}

#[test]
fn context_of_opentelemetry_alone_is_left_alone() {
    // The program uses OpenTelemetry, but not through `tracing`.
    let (layer, captured) = layer().in_memory().unwrap();
    let _attached = TraceContextPropagator::new().extract(&headers(PARENT)).attach();
    assert!(opentelemetry::Context::current().has_active_span());
    tracing::subscriber::with_default(tracing_subscriber::registry().with(layer), || {
        work(|| {
            let mut outgoing = Headers::new();
            inject(&mut outgoing);
            assert!(!outgoing["traceparent"].contains(TRACE));
        });
    });

    assert_ne!(captured.spans()[0].trace_id.to_string(), TRACE);
}

/// OpenTelemetry's exporter may send the same spans to PromptLayer.
#[test]
fn spans_tell_promptlayer_that_their_calls_are_logged_already() {
    #[promptlayer]
    async fn ask(question: &str) -> String {
        pause().await;
        question.to_owned()
    }
    let of_rig = || {
        let span = tracing::info_span!(
            "chat",
            gen_ai.operation.name = "chat",
            gen_ai.request.model = "gpt-5",
            gen_ai.response.id = tracing::field::Empty,
        );
        span.in_scope(|| ());
        span.record("gen_ai.response.id", "r-1");
    };
    let run = || {
        block_on(ask("why?"));
        of_rig();
        tracing::info_span!("of the program").in_scope(|| {});
    };
    in_each_order(run, |spans, exported| {
        assert_eq!(spans.len(), 2);
        for span in exported {
            let managed = |name: &str| span.attributes.iter().any(|pair| pair.key.as_str() == name);
            let is_ours = span.name != "of the program";
            assert_eq!(managed("promptlayer.request_log.managed"), is_ours, "{}", span.name);
        }
    });
}
