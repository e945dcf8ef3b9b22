//! Spans with poisoned extensions: a user's `Debug` panicked while another layer formatted a field. The lock is
//! then poisoned for all layers.

use std::fmt;
use std::panic::{AssertUnwindSafe, catch_unwind};

use promptlayer_tracing::blueprint::RequestStatus;
use promptlayer_tracing::in_memory::InMemory;
use promptlayer_tracing::promptlayer;
use tracing::Span;
use tracing::field::{Empty, debug};
use tracing::subscriber::with_default;
use tracing_subscriber::layer::SubscriberExt as _;
use tracing_subscriber::registry;

use crate::{ask, in_memory, logged, pause, poll_once, spans};

struct Panics;

impl fmt::Debug for Panics {
    fn fmt(&self, _: &mut fmt::Formatter<'_>) -> fmt::Result {
        panic!("in a `Debug`")
    }
}

/// Runs code that panics in a `Debug` implementation, with a `fmt` layer, and returns the received spans.
#[track_caller]
fn beside_fmt(run: impl FnOnce()) -> InMemory {
    let (layer, captured) = in_memory();
    let lines = tracing_subscriber::fmt::layer().with_writer(std::io::sink);
    let subscriber = registry().with(layer).with(lines);
    let payload = with_default(subscriber, || catch_unwind(AssertUnwindSafe(run)).unwrap_err());
    assert_eq!(payload.downcast_ref::<&str>(), Some(&"in a `Debug`"), "the payload is the user's own");
    captured
}

fn poison() {
    Span::current().record("broken", debug(Panics));
}

#[test]
fn dropping_a_poisoned_span_while_unwinding_does_not_panic() {
    let captured = beside_fmt(|| {
        let span = tracing::info_span!("own", gen_ai.operation.name = "chat", broken = Empty);
        span.in_scope(poison);
    });
    assert!(captured.spans().is_empty(), "nothing is left to be read of it");
}

#[test]
fn call_with_a_poisoned_span_keeps_its_panic_and_is_logged() {
    #[promptlayer(fields(broken), tags = ["chat"])]
    fn asks(question: &str) -> String {
        poison();
        question.to_owned()
    }
    #[promptlayer(fields(broken), tags = ["chat"])]
    async fn asks_later(question: &str) -> String {
        pause().await;
        poison();
        question.to_owned()
    }
    let now: fn() = || drop(asks("why?"));
    let later: fn() = || {
        let mut future = Box::pin(asks_later("why?"));
        while poll_once(future.as_mut()).is_pending() {}
    };
    for run in [now, later] {
        let requests = beside_fmt(run).requests();
        assert_eq!(requests.len(), 1);
        assert_eq!((requests[0].status, requests[0].input.text().as_str()), (RequestStatus::Error, "why?"));
        assert_eq!(requests[0].error_message(), Some("panicked: in a `Debug`"));
        assert!(requests[0].tags.contains("chat"));
    }
}

#[test]
fn call_continues_normally_with_a_poisoned_span() {
    #[promptlayer(fields(broken))]
    fn survives(question: &str) -> String {
        assert!(catch_unwind(poison).is_err());
        ask(question)
    }
    let (layer, captured) = in_memory();
    let lines = tracing_subscriber::fmt::layer().with_writer(std::io::sink);
    with_default(registry().with(layer).with(lines), || assert_eq!(survives("why?"), "You asked: why?"));
    assert_eq!(spans(&captured), ["ask", "survives"]);
    assert!(logged(&captured).contains(&"ask".to_owned()));
}

#[test]
fn inner_call_before_poisoning_is_still_the_request() {
    #[promptlayer(fields(broken))]
    fn asks(question: &str) -> String {
        let answer = ask(question);
        poison();
        answer
    }
    let captured = beside_fmt(|| drop(asks("why?")));
    assert_eq!(spans(&captured), ["ask", "asks"]);
    assert_eq!(logged(&captured), ["ask"]);
    assert_eq!(captured.spans()[0].parent_id, Some(captured.spans()[1].span_id));
}
