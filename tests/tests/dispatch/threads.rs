//! Calls that begin under one subscriber and continue on another thread or under another subscriber.

use std::task::Poll;
use std::thread;

use promptlayer_tracing::promptlayer;
use tracing::Span;
use tracing::dispatcher::{self, Dispatch};
use tracing::subscriber::with_default;
use tracing_subscriber::layer::SubscriberExt as _;
use tracing_subscriber::registry;

use crate::{ask, ask_later, in_memory, logged, poll_once, spans};

#[test]
fn each_thread_logs_to_its_own_subscriber() {
    let threads: Vec<_> = (0..4)
        .map(|number| {
            thread::spawn(move || {
                let (layer, captured) = in_memory();
                let question = number.to_string();
                with_default(registry().with(layer), || (0..50).for_each(|_| drop(ask(&question))));
                drop(ask("nobody listens"));
                let inputs: Vec<_> = captured.requests().iter().map(|request| request.input.text()).collect();
                assert_eq!(inputs, vec![question; 50]);
            })
        })
        .collect();
    for thread in threads {
        thread.join().unwrap();
    }
}

#[test]
fn call_open_when_its_subscriber_is_dropped_is_logged() {
    let (layer, captured) = in_memory();
    let mut future = Box::pin(ask_later("why?"));
    with_default(registry().with(layer), || assert!(poll_once(future.as_mut()).is_pending()));
    assert!(captured.spans().is_empty());
    assert_eq!(poll_once(future.as_mut()), Poll::Ready("You asked: why?".to_owned()));
    assert_eq!(logged(&captured), ["ask_later"]);
}

#[test]
fn call_can_continue_on_a_thread_without_a_subscriber() {
    #[promptlayer(kind = "chain")]
    async fn outer(question: String) -> String {
        ask_later(&question).await
    }
    let (layer, captured) = in_memory();
    let mut future = Box::pin(outer("why?".to_owned()));
    with_default(registry().with(layer), || assert!(poll_once(future.as_mut()).is_pending()));
    thread::spawn(move || assert!(poll_once(future.as_mut()).is_ready())).join().unwrap();
    assert_eq!(spans(&captured), ["ask_later", "outer"]);
    assert_eq!(captured.requests()[0].output.text(), "You asked: why?");
}

#[test]
fn span_entered_on_another_thread_is_the_parent_there() {
    #[promptlayer]
    fn outer() -> Span {
        Span::current()
    }
    let (layer, captured) = in_memory();
    let dispatch = Dispatch::new(registry().with(layer));
    let span = dispatcher::with_default(&dispatch, outer);
    thread::spawn(move || {
        let _entered = span.enter();
        dispatcher::with_default(&dispatch, || {
            // `enter` notified the subscriber that owns the span, which is also the current one.
            drop(ask("why?"));
        });
    })
    .join()
    .unwrap();
    let spans = captured.spans();
    assert_eq!(spans[1].parent_id, Some(spans[0].span_id));
}
