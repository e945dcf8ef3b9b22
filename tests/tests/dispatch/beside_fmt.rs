//! The layer together with a `fmt` layer, and the `fmt` layer alone.

use std::future::Future;
use std::pin::pin;
use std::sync::{Arc, Mutex};
use std::{fmt, io};

use promptlayer_tracing::promptlayer;
use tracing::level_filters::LevelFilter;
use tracing::subscriber::with_default;
use tracing_subscriber::filter::filter_fn;
use tracing_subscriber::fmt::MakeWriter;
use tracing_subscriber::layer::SubscriberExt as _;
use tracing_subscriber::registry::LookupSpan;
use tracing_subscriber::{Layer, registry};

use crate::{ask, in_memory, logged, pause, poll_once, spans, tool};

/// The output of the `fmt` layer.
#[derive(Clone, Default)]
struct Lines(Arc<Mutex<Vec<u8>>>);

impl Lines {
    fn text(&self) -> String {
        String::from_utf8(self.0.lock().unwrap().clone()).unwrap()
    }
}

impl io::Write for Lines {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0.lock().unwrap().write(bytes)
    }
    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

impl<'a> MakeWriter<'a> for Lines {
    type Writer = Self;
    fn make_writer(&'a self) -> Self {
        self.clone()
    }
}

/// Creates a `fmt` layer that writes to `lines`.
fn fmt<S>(lines: &Lines) -> impl Layer<S>
where
    S: tracing::Subscriber + for<'lookup> LookupSpan<'lookup>,
{
    tracing_subscriber::fmt::layer()
        .with_writer(lines.clone())
        .with_ansi(false)
        .without_time()
        .with_span_events(tracing_subscriber::fmt::format::FmtSpan::CLOSE)
}

#[test]
fn fmt_lines_stay_readable_next_to_the_layer() {
    #[promptlayer(fields(question), ret, err)]
    fn told(question: &str) -> Result<String, fmt::Error> {
        tracing::info!("inside");
        Ok(ask(question))
    }
    let lines = Lines::default();
    let (layer, captured) = in_memory();
    with_default(registry().with(layer).with(fmt(&lines)), || drop(told("why?")));
    assert_eq!(logged(&captured), ["ask"]);
    let (layer, captured) = in_memory();
    with_default(registry().with(fmt(&lines)).with(layer), || drop(told("why?")));
    assert_eq!(logged(&captured), ["ask"]);

    let text = lines.text();
    assert_eq!(text.matches("told{question=\"why?\"}: dispatch::beside_fmt: inside").count(), 2, "{text}");
    assert_eq!(text.matches("return=\"You asked: why?\"").count(), 2, "{text}");
    assert!(!text.contains("promptlayer"), "no field of the attribute's own: {text}");
}

#[test]
fn spans_are_entered_if_only_other_layers_listen() {
    #[promptlayer(fields(question))]
    fn at_once(question: &str) -> usize {
        tracing::info!("inside");
        question.len()
    }
    #[promptlayer(fields(question))]
    async fn later(question: &str) -> usize {
        pause().await;
        tracing::info!("inside");
        question.len()
    }
    #[promptlayer(fields(question))]
    fn of_a_future(question: &str) -> impl Future<Output = usize> {
        async move {
            pause().await;
            tracing::info!("inside");
            question.len()
        }
    }
    let lines = Lines::default();
    with_default(registry().with(fmt(&lines)), || {
        assert_eq!(at_once("why?"), 4);
        tracing::info!("outside");
        let mut future = pin!(later("why?"));
        while poll_once(future.as_mut()).is_pending() {}
        let mut future = pin!(of_a_future("why?"));
        while poll_once(future.as_mut()).is_pending() {}
    });
    let text = lines.text();
    for name in ["at_once", "later", "of_a_future"] {
        let line = format!("{name}{{question=\"why?\"}}: dispatch::beside_fmt: inside\n");
        assert_eq!(text.matches(&line).count(), 1, "{text}");
    }
    assert!(text.contains("INFO dispatch::beside_fmt: outside"), "{text}");
}

#[test]
fn call_hidden_by_a_filter_runs_and_is_not_logged() {
    // The span exists because `fmt` wants it, but this layer does not see it.
    let lines = Lines::default();
    let fmt = tracing_subscriber::fmt::layer()
        .with_writer(lines.clone())
        .with_span_events(tracing_subscriber::fmt::format::FmtSpan::NEW);
    let (layer, captured) = in_memory();
    let filtered = layer.with_filter(filter_fn(|metadata| metadata.name() != "tool"));
    with_default(registry().with(filtered).with(fmt), || assert_eq!(tool("why?"), "You asked: why?"));
    assert_eq!(spans(&captured), ["ask"]);
    assert_eq!(captured.spans()[0].parent_id, None);
    assert!(lines.text().contains("tool"), "{}", lines.text());

    let (layer, captured) = in_memory();
    let none = layer.with_filter(LevelFilter::WARN);
    with_default(registry().with(none), || assert_eq!(tool("why?"), "You asked: why?"));
    assert!(captured.spans().is_empty());
}
