//! The layer in every place where `tracing` accepts a layer: functions work with any subscriber, and the
//! expected calls are logged.
#![allow(clippy::unwrap_used, clippy::expect_used, reason = "a test stops where it finds what should not be")]

#[path = "dispatch/beside_fmt.rs"]
mod beside_fmt;
#[path = "dispatch/poisoned.rs"]
mod poisoned;
#[path = "dispatch/second_layer.rs"]
mod second_layer;
#[path = "dispatch/threads.rs"]
mod threads;
#[path = "dispatch/while_captured.rs"]
mod while_captured;

use std::future::Future;
use std::io;
use std::pin::pin;
use std::task::{Context, Poll, Waker};

use promptlayer_tracing::in_memory::InMemory;
use promptlayer_tracing::{PromptLayer, layer, promptlayer};
use tracing::Level;
use tracing::dispatcher::{self, Dispatch};
use tracing::level_filters::LevelFilter;
use tracing::subscriber::with_default;
use tracing_subscriber::filter::filter_fn;
use tracing_subscriber::layer::{Filter, SubscriberExt as _};
use tracing_subscriber::{Layer, Registry, registry, reload};

#[promptlayer(tags = ["chat"])]
fn ask(question: &str) -> String {
    format!("You asked: {question}")
}

#[promptlayer(kind = "tool")]
fn tool(question: &str) -> String {
    ask(question)
}

#[promptlayer(level = "trace")]
fn ask_in_silence(question: &str) -> String {
    ask(question)
}

#[promptlayer]
async fn ask_later(question: &str) -> String {
    pause().await;
    format!("You asked: {question}")
}

/// Returns `Poll::Pending` once.
async fn pause() {
    let mut paused = false;
    std::future::poll_fn(
        |_| if std::mem::replace(&mut paused, true) { Poll::Ready(()) } else { Poll::Pending },
    )
    .await;
}

fn poll_once<F: Future>(future: std::pin::Pin<&mut F>) -> Poll<F::Output> {
    future.poll(&mut Context::from_waker(Waker::noop()))
}

fn in_memory() -> (PromptLayer, InMemory) {
    layer().in_memory().unwrap()
}

/// Returns the names of the functions that made a request.
fn logged(captured: &InMemory) -> Vec<String> {
    captured.requests().into_iter().filter_map(|request| request.function_name).collect()
}

/// Returns the names of all spans.
fn spans(captured: &InMemory) -> Vec<String> {
    captured.spans().into_iter().map(|span| span.name).collect()
}

/// Calls a tool that calls a model, and checks the received spans.
fn check(subscriber: impl Into<Dispatch>, captured: &InMemory) {
    dispatcher::with_default(&subscriber.into(), || assert_eq!(tool("why?"), "You asked: why?"));
    let spans = captured.spans();
    assert_eq!(spans.len(), 2, "{spans:#?}");
    assert_eq!(logged(captured), ["ask"]);
    assert_eq!(spans[0].parent_id, Some(spans[1].span_id));
    assert_eq!(spans[1].name, "tool");
    assert_eq!(spans[1].function_output.as_deref(), Some("You asked: why?"));
    assert_eq!(captured.requests()[0].input.text(), "why?");
}

#[test]
fn functions_work_without_a_subscriber() {
    assert_eq!(tool("why?"), "You asked: why?");
    with_default(tracing::subscriber::NoSubscriber::default(), || {
        assert_eq!(tool("why?"), "You asked: why?");
    });
    with_default(registry(), || assert_eq!(tool("why?"), "You asked: why?"));
}

#[test]
fn plain_boxed_optional_and_listed_layers_receive_calls() {
    let (layer, captured) = in_memory();
    check(registry().with(layer), &captured);

    let (layer, captured) = in_memory();
    check(registry().with(Box::new(layer) as Box<dyn Layer<Registry> + Send + Sync>), &captured);

    let (layer, captured) = in_memory();
    check(registry().with(Some(layer)), &captured);

    let (layer, captured) = in_memory();
    check(registry().with(Some(layer.boxed())), &captured);

    let (layer, captured) = in_memory();
    check(
        registry().with(vec![layer.boxed(), tracing_subscriber::fmt::layer().with_writer(io::sink).boxed()]),
        &captured,
    );

    let (layer, captured) = in_memory();
    let subscriber: Box<dyn tracing::Subscriber + Send + Sync> = Box::new(registry().with(layer));
    check(subscriber, &captured);

    let (layer, captured) = in_memory();
    check(tracing_subscriber::fmt().with_writer(io::sink).finish().with(layer), &captured);
}

#[test]
fn none_as_layer_logs_nothing() {
    let none: Option<PromptLayer> = None;
    with_default(registry().with(none), || assert_eq!(tool("why?"), "You asked: why?"));
    let none: Option<PromptLayer> = None;
    with_default(registry().with(none.map(Layer::boxed)).with(LevelFilter::TRACE), || {
        assert_eq!(tool("why?"), "You asked: why?");
    });
}

#[test]
fn filtered_layer_receives_the_calls_that_pass() {
    fn filters() -> Vec<Box<dyn Filter<Registry> + Send + Sync>> {
        vec![
            Box::new(LevelFilter::INFO),
            Box::new(filter_fn(|metadata| metadata.target().starts_with("dispatch"))),
            Box::new(tracing_subscriber::filter::Targets::new().with_target("dispatch", Level::INFO)),
            Box::new(tracing_subscriber::filter::dynamic_filter_fn(|_, _| true)),
        ]
    }
    for filter in filters() {
        let (layer, captured) = in_memory();
        check(registry().with(layer.with_filter(filter)), &captured);
    }
    for filter in filters() {
        let (layer, captured) = in_memory();
        let fmt = tracing_subscriber::fmt::layer().with_writer(io::sink).with_filter(LevelFilter::TRACE);
        check(registry().with(layer.with_filter(filter)).with(fmt), &captured);
    }
    let (layer, captured) = in_memory();
    check(registry().with(layer).with(LevelFilter::INFO), &captured);
}

#[test]
fn inner_call_inherits_across_a_call_with_a_filtered_level() {
    #[promptlayer(tags = ["outer"])]
    fn outer(question: &str) -> String {
        ask_in_silence(question)
    }
    for per_layer in [false, true] {
        let (layer, captured) = in_memory();
        let run = || assert_eq!(outer("why?"), "You asked: why?");
        if per_layer {
            with_default(registry().with(layer.with_filter(LevelFilter::INFO)), run);
        } else {
            with_default(registry().with(layer).with(LevelFilter::INFO), run);
        }
        assert_eq!(spans(&captured), ["ask", "outer"]);
        assert_eq!(logged(&captured), ["ask"]);
        assert_eq!(captured.requests()[0].tags.iter().collect::<Vec<_>>(), ["outer", "chat"]);
    }
}

#[test]
fn two_layers_never_log_a_call_twice() {
    let (first, of_first) = in_memory();
    let (second, of_second) = in_memory();
    with_default(registry().with(first).with(second), || drop(tool("why?")));
    assert_eq!(spans(&of_first), ["ask", "tool"]);
    assert!(of_second.spans().is_empty());

    let (first, of_first) = in_memory();
    let (second, of_second) = in_memory();
    let first = first.with_filter(filter_fn(|metadata| metadata.name() == "tool"));
    with_default(registry().with(first).with(second), || drop(tool("why?")));
    assert_eq!(spans(&of_first), ["tool"]);
    assert_eq!(spans(&of_second), ["ask"], "what the first does not take is the second's");
}

#[test]
fn layer_can_be_reloaded_during_a_call() {
    let (first, of_first) = in_memory();
    let (second, of_second) = in_memory();
    let (reloadable, handle) = reload::Layer::new(Some(first));
    with_default(registry().with(reloadable), || {
        assert_eq!(tool("one"), "You asked: one");
        assert_eq!(spans(&of_first.clone()), ["ask", "tool"]);
        of_first.take();

        let mut open = pin!(ask_later("two"));
        assert!(poll_once(open.as_mut()).is_pending());
        handle.reload(Some(second)).unwrap();
        assert!(poll_once(open).is_ready());
        assert_eq!(tool("three"), "You asked: three");
        handle.reload(None).unwrap();
        assert_eq!(tool("four"), "You asked: four");
    });
    assert_eq!(spans(&of_first), ["ask_later"], "a call is of the layer under which it began");
    assert_eq!(spans(&of_second), ["ask", "tool"]);
}

#[test]
fn filter_can_be_reloaded_during_a_call() {
    let (layer, captured) = in_memory();
    let (filter, handle) = reload::Layer::new(LevelFilter::OFF);
    with_default(registry().with(layer.with_filter(filter)), || {
        drop(tool("one"));
        handle.reload(LevelFilter::INFO).unwrap();
        drop(tool("two"));
        handle.reload(LevelFilter::OFF).unwrap();
        drop(tool("three"));
    });
    assert_eq!(spans(&captured), ["ask", "tool"]);
    assert_eq!(captured.requests()[0].input.text(), "two");
}

#[test]
fn other_spans_are_exported_by_a_wrapped_layer() {
    let exporting = || layer().export_spans(|metadata| metadata.name() == "handler").in_memory().unwrap();
    let run = || {
        let _entered = tracing::info_span!("handler", path = "/").entered();
        drop(ask("why?"));
    };
    let (layer, captured) = exporting();
    with_default(registry().with(layer.with_filter(LevelFilter::INFO)), run);
    assert_eq!(spans(&captured), ["ask", "handler"]);

    let (layer, captured) = exporting();
    let (reloadable, _handle) = reload::Layer::new(layer.boxed());
    with_default(registry().with(reloadable), run);
    assert_eq!(spans(&captured), ["ask", "handler"]);
}

#[test]
fn functions_run_under_a_subscriber_without_a_registry() {
    /// A subscriber that is not a registry: it knows only the ids of spans.
    struct Bare;
    impl tracing::Subscriber for Bare {
        fn enabled(&self, _: &tracing::Metadata<'_>) -> bool {
            true
        }
        fn new_span(&self, _: &tracing::span::Attributes<'_>) -> tracing::span::Id {
            tracing::span::Id::from_u64(1)
        }
        fn record(&self, _: &tracing::span::Id, _: &tracing::span::Record<'_>) {}
        fn record_follows_from(&self, _: &tracing::span::Id, _: &tracing::span::Id) {}
        fn event(&self, _: &tracing::Event<'_>) {}
        fn enter(&self, _: &tracing::span::Id) {}
        fn exit(&self, _: &tracing::span::Id) {}
    }
    with_default(Bare, || assert_eq!(tool("why?"), "You asked: why?"));
}
