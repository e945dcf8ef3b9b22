//! The layer in a global subscriber. The tests are in a binary of their own because the global subscriber can
//! be set only once. With a global subscriber, `tracing` does not prevent a subscriber from receiving its own
//! events.
#![allow(clippy::unwrap_used, clippy::expect_used, reason = "a test stops where it finds what should not be")]

use std::cell::Cell;
use std::sync::OnceLock;
use std::{fmt, io, thread};

use promptlayer_tracing::in_memory::{CapturedSpan, InMemory};
use promptlayer_tracing::{layer, promptlayer};
use serde::{Serialize, Serializer};
use tracing_subscriber::filter::filter_fn;
use tracing_subscriber::prelude::*;

/// Returns what the global layer received.
fn captured() -> &'static InMemory {
    static CAPTURED: OnceLock<InMemory> = OnceLock::new();
    CAPTURED.get_or_init(|| {
        let (layer, captured) = layer().tags(["process"]).in_memory().unwrap();
        // `fmt` holds a lock of the span while it formats a field that is recorded later. A `Debug`
        // implementation that uses `tracing` deadlocks there, with or without this layer.
        let fmt = tracing_subscriber::fmt::layer()
            .with_writer(io::sink)
            .with_filter(filter_fn(|metadata| metadata.name() != "recorded_later"));
        tracing_subscriber::registry().with(layer).with(fmt).init();
        captured
    })
}

/// Returns the spans whose request or input contains `subject`. The filter is necessary because the tests of
/// this binary run in parallel.
fn spans_about(subject: &str) -> Vec<CapturedSpan> {
    let speaks = |span: &CapturedSpan| format!("{span:?}").contains(subject);
    captured().spans().into_iter().filter(speaks).collect()
}

#[promptlayer(tags = ["chat"])]
fn ask(question: &str) -> String {
    format!("You asked: {question}")
}

#[test]
fn every_thread_logs_to_the_global_subscriber() {
    captured();
    let threads: Vec<_> = (0..4)
        .map(|number| thread::spawn(move || (0..25).for_each(|_| drop(ask(&format!("thread {number}?"))))))
        .collect();
    for thread in threads {
        thread.join().unwrap();
    }
    for number in 0..4 {
        let spans = spans_about(&format!("thread {number}?"));
        assert_eq!(spans.len(), 25);
        for span in spans {
            let request = span.request.unwrap();
            assert_eq!(request.tags.iter().collect::<Vec<_>>(), ["process", "chat"]);
            assert_eq!(request.output.text(), format!("You asked: thread {number}?"));
        }
    }
}

#[test]
fn thread_subscriber_overrides_the_global_one() {
    captured();
    let (layer, of_thread) = layer().in_memory().unwrap();
    tracing::subscriber::with_default(tracing_subscriber::registry().with(layer), || drop(ask("inside?")));
    drop(ask("outside?"));
    assert_eq!(of_thread.requests()[0].input.text(), "inside?");
    assert!(spans_about("inside?").is_empty());
    assert_eq!(spans_about("outside?").len(), 1);
}

/// A value whose `Serialize` and `Debug` implementations use `tracing` and other annotated functions.
struct Chatty(&'static str);

thread_local! {
    /// How often values were formatted or serialized on this thread.
    static SHOWN: Cell<usize> = const { Cell::new(0) };
}

impl Chatty {
    fn chatter(&self, by: &str) {
        SHOWN.set(SHOWN.get() + 1);
        let span = tracing::info_span!("chatter", by);
        let _entered = span.enter();
        tracing::info!(by, "an event");
        let question = format!("{} by {by}", self.0);
        assert_eq!(ask(&question), format!("You asked: {question}"));
        span.record("by", "again");
    }
}

impl Serialize for Chatty {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        self.chatter("serialize");
        serializer.serialize_str(self.0)
    }
}

impl fmt::Debug for Chatty {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.chatter("debug");
        f.write_str(self.0)
    }
}

#[test]
fn captured_values_that_use_tracing_do_not_hang_or_recurse() {
    #[promptlayer(kind = "tool", fields(?value))]
    fn at_once(value: Chatty) -> Chatty {
        value
    }
    #[promptlayer(kind = "tool", fields(later))]
    fn recorded_later(value: Chatty) -> Chatty {
        tracing::Span::current().record("later", tracing::field::debug(&value));
        value
    }
    captured();
    // The value is captured as argument and as output, and as a field by every interested layer, for example
    // `fmt`.
    let functions: [fn(Chatty) -> Chatty; 2] = [at_once, recorded_later];
    let expected = [("at_once", "value", 4), ("recorded_later", "later", 3)];
    for (run, (name, field, shown)) in functions.into_iter().zip(expected) {
        SHOWN.set(0);
        let Chatty(_) = run(Chatty(name));
        assert_eq!(SHOWN.get(), shown, "{name}");
        let (asked, others): (Vec<_>, Vec<_>) =
            spans_about(name).into_iter().partition(|span| span.name == "ask");
        assert_eq!(asked.len(), shown, "{name}");
        assert!(asked.iter().all(|span| span.request.is_some()));
        let [span] = others.as_slice() else { panic!("{others:#?}") };
        assert_eq!(span.function_input, Some(format!(r#"{{"value":"{name}"}}"#)));
        assert_eq!(span.function_output.as_deref(), Some(name));
        assert_eq!(span.fields[field], name);
    }
}
