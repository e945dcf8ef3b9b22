//! Types that say with `ToExchange` what they stand for.
#![allow(clippy::unwrap_used, reason = "a test stops where it finds what should not be")]

use std::collections::VecDeque;
use std::fmt;
use std::future::Future;
use std::pin::{Pin, pin};
use std::sync::Arc;
use std::task::{Context, Poll, Waker};

use futures_core::Stream;
use promptlayer_tracing::blueprint::{LogRequest, Message, Prompt, ToExchange};
use promptlayer_tracing::{layer, promptlayer};
use serde::Serialize;
use serde_json::{Value, json};
use tracing_subscriber::prelude::*;

fn request_of<R>(run: impl FnOnce() -> R) -> LogRequest {
    let (layer, captured) = layer().in_memory().unwrap();
    let _ = tracing::subscriber::with_default(tracing_subscriber::registry().with(layer), run);
    let requests = captured.requests();
    assert_eq!(requests.len(), 1, "{requests:#?}");
    requests.into_iter().next().unwrap()
}

fn block_on<F: Future>(future: F) -> F::Output {
    let mut future = pin!(future);
    loop {
        if let Poll::Ready(value) = future.as_mut().poll(&mut Context::from_waker(Waker::noop())) {
            return value;
        }
    }
}

fn said(prompt: &Prompt) -> Vec<(String, String)> {
    prompt.messages().iter().map(|message: &Message| (message.role().to_owned(), message.text())).collect()
}

/// A conversation as an application stores it. Its other forms show that they are not used.
#[derive(Debug, Clone, Serialize)]
struct Conversation {
    model: &'static str,
    lines: Vec<Line>,
}

#[derive(Debug, Clone, Serialize)]
struct Line {
    author: &'static str,
    text: &'static str,
}

impl ToExchange for Line {
    fn to_request(&self) -> Option<Value> {
        let role = if self.author == "me" { "user" } else { "assistant" };
        Some(json!({"role": role, "content": self.text}))
    }
}

impl ToExchange for Conversation {
    fn to_request(&self) -> Option<Value> {
        Some(json!({"model": self.model, "messages": self.lines.to_request()?, "temperature": 0.5}))
    }
}

#[derive(Debug, Clone, Serialize)]
struct Answer {
    text: &'static str,
    tokens: (u32, u32),
}

impl fmt::Display for Answer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("not this")
    }
}

impl ToExchange for Answer {
    fn to_response(&self) -> Option<Value> {
        // Some answers have no form of their own.
        (!self.text.is_empty()).then(|| {
            json!({
                "choices": [{"message": {"role": "assistant", "content": self.text}, "finish_reason": "stop"}],
                "usage": {"prompt_tokens": self.tokens.0, "completion_tokens": self.tokens.1},
            })
        })
    }
}

fn lines() -> Vec<Line> {
    vec![
        Line { author: "me", text: "Hello" },
        Line { author: "it", text: "Hi" },
        Line { author: "me", text: "why?" },
    ]
}

fn conversation() -> Conversation {
    Conversation { model: "mine-1", lines: lines() }
}

const ANSWER: Answer = Answer { text: "So.", tokens: (3, 2) };

fn check(log: &LogRequest) {
    let expected = [("user", "Hello"), ("assistant", "Hi"), ("user", "why?")];
    assert_eq!(said(&log.input), expected.map(|(role, text)| (role.to_owned(), text.to_owned())));
    assert_eq!(log.model, "mine-1");
    assert_eq!(log.parameters["temperature"], 0.5);
    assert_eq!(log.output, Prompt::assistant("So."));
    assert_eq!((log.input_tokens, log.output_tokens), (Some(3), Some(2)));
}

#[test]
fn request_and_response_are_found_by_type() {
    #[promptlayer]
    fn plain(conversation: &Conversation) -> Answer {
        let _ = conversation;
        ANSWER
    }
    #[promptlayer]
    async fn shared(conversation: Arc<Conversation>, retries: u8) -> Result<Box<Answer>, fmt::Error> {
        let _ = (conversation, retries);
        Ok(Box::new(ANSWER))
    }
    #[promptlayer(input = conversation)]
    fn named(question: &str, conversation: Conversation) -> Option<Answer> {
        let _ = (question, conversation);
        Some(ANSWER)
    }
    #[promptlayer(output = |(answer, _)| answer)]
    fn selected(conversation: Conversation) -> (Answer, u8) {
        let _ = conversation;
        (ANSWER, 1)
    }
    check(&request_of(|| plain(&conversation())));
    check(&request_of(|| block_on(shared(Arc::new(conversation()), 3)).unwrap()));
    check(&request_of(|| named("what?", conversation())));
    check(&request_of(|| selected(conversation())));
}

#[test]
fn list_of_messages_of_ones_own_is_read() {
    #[promptlayer]
    fn ask(model: &str, messages: &[Line], system: &str) -> u8 {
        let _ = (model, messages, system);
        4
    }
    let log = request_of(|| assert_eq!(ask("mine-1", &lines(), "be brief"), 4));
    assert_eq!(log.input.messages().len(), 4);
    assert_eq!(said(&log.input)[2], ("assistant".to_owned(), "Hi".to_owned()));
}

#[test]
fn value_that_stands_for_nothing_is_logged_as_without_the_trait() {
    #[promptlayer]
    fn ask(question: &str, answer: &Answer) -> Answer {
        let _ = (question, answer);
        Answer { text: "", tokens: (0, 0) }
    }
    let log = request_of(|| ask("why?", &ANSWER));
    let output: Value = serde_json::from_str(&log.output.text()).unwrap();
    assert_eq!(output, json!({"text": "", "tokens": [0, 0]}));
    assert_eq!(log.input.text(), "why?");
}

#[test]
fn panic_in_the_trait_does_not_reach_the_function() {
    struct Panics;
    impl ToExchange for Panics {
        fn to_request(&self) -> Option<Value> {
            panic!("no request")
        }
        fn to_response(&self) -> Option<Value> {
            panic!("no response")
        }
    }
    #[promptlayer]
    fn ask(question: &str, other: Panics) -> Panics {
        let _ = question;
        other
    }
    let log = request_of(|| {
        assert!(std::panic::catch_unwind(|| ask("why?", Panics)).is_ok());
    });
    assert_eq!(log.input, Prompt::user("why?"));
    assert!(log.output.text().contains("Panics"), "{}", log.output.text());
}

#[test]
fn items_of_a_stream_are_pieces_of_the_response() {
    struct Items<T>(VecDeque<T>);
    impl<T> Unpin for Items<T> {}
    impl<T> Stream for Items<T> {
        type Item = T;
        fn poll_next(mut self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<Option<T>> {
            Poll::Ready(self.0.pop_front())
        }
    }
    struct Piece(&'static str);
    impl ToExchange for Piece {
        fn to_response(&self) -> Option<Value> {
            Some(self.0.into())
        }
    }
    #[promptlayer]
    fn pieces() -> impl Stream<Item = Result<Piece, fmt::Error>> {
        Items(["S", "o", "."].map(|piece| Ok(Piece(piece))).into())
    }
    let log = request_of(|| {
        let mut stream = pin!(pieces());
        while let Poll::Ready(Some(_)) = stream.as_mut().poll_next(&mut Context::from_waker(Waker::noop())) {}
    });
    assert_eq!(log.output, Prompt::assistant("So."));
}

#[test]
fn generic_parameter_needs_no_bound() {
    #[promptlayer]
    fn pass<T, U: ToExchange>(other: T, conversation: U) -> T {
        let _ = conversation;
        other
    }
    let log = request_of(|| pass(ANSWER, conversation()));
    assert_eq!(log.model, "mine-1", "the bound is in the signature");
    assert!(log.output.text().contains("exchange::Answer"), "{}", log.output.text());
}
