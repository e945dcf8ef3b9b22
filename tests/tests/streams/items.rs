//! How items appear in the log, and what passes through a traced stream unchanged.

use std::cell::RefCell;
use std::fmt;
use std::panic::catch_unwind;
use std::pin::{Pin, pin};
use std::rc::Rc;
use std::task::{Context, Poll, Waker};

use futures_core::Stream;
use futures_core::stream::FusedStream;
use promptlayer_tracing::blueprint::RequestStatus;
use promptlayer_tracing::promptlayer;
use serde_json::{Value, json};

use crate::script::{Fault, Opaque, Script};
use crate::{BoxStream, block_on, captured, collect, request_of};

#[test]
fn items_without_text_become_readable_json() {
    #[derive(serde::Serialize)]
    struct Piece {
        index: u32,
        delta: &'static str,
    }
    #[promptlayer]
    fn pieces() -> impl Stream<Item = Piece> {
        Script::of([Piece { index: 0, delta: "One" }, Piece { index: 1, delta: "two" }])
    }
    #[promptlayer]
    fn numbers() -> BoxStream<'static, Result<Option<u8>, Fault>> {
        Box::pin(Script::of([Ok(Some(1)), Ok(None), Ok(Some(3))]))
    }
    let request = request_of(|| assert_eq!(collect(pieces()).len(), 2));
    let text = request.output.text();
    assert_eq!(
        serde_json::from_str::<Value>(&text).unwrap(),
        json!([{"index": 0, "delta": "One"}, {"index": 1, "delta": "two"}])
    );
    assert!(text.contains("\n  "), "it is laid out to be read: {text}");

    let request = request_of(|| assert_eq!(collect(numbers()).len(), 3));
    assert_eq!(serde_json::from_str::<Value>(&request.output.text()).unwrap(), json!([1, null, 3]));
}

#[test]
fn items_with_display_are_concatenated() {
    struct Token(&'static str);
    impl fmt::Display for Token {
        fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
            f.write_str(self.0)
        }
    }
    #[promptlayer]
    fn tokens() -> impl Stream<Item = Token> {
        Script::of([Token("to"), Token("ken")])
    }
    assert_eq!(request_of(|| drop(collect(tokens()))).output.text(), "token");
}

#[test]
fn first_error_item_is_logged_and_all_text_is_kept() {
    #[promptlayer]
    fn answer() -> impl Stream<Item = Result<String, Fault>> {
        let piece = |text: &str| Ok(text.to_owned());
        Script::of([piece("One "), Err(Fault("the cause")), piece("two"), Err(Fault("its echo"))])
    }
    let request = request_of(|| assert_eq!(collect(answer()).len(), 4));
    assert_eq!(request.error_message(), Some("the cause"));
    assert_eq!(request.output.text(), "One two");
}

#[test]
fn error_item_without_traits_is_logged_as_its_type_name() {
    #[promptlayer]
    fn answer() -> impl Stream<Item = Result<String, Opaque>> {
        Script::of([Ok("One".to_owned()), Err(Opaque("secret".to_owned()))])
    }
    let request = request_of(|| {
        let items = collect(answer());
        assert_eq!(items[1].as_ref().err().unwrap().0, "secret");
    });
    assert_eq!(request.status, RequestStatus::Error);
    assert_eq!(request.error_message(), Some("streams::script::Opaque"));
    assert_eq!(request.output.text(), "One");
}

#[test]
fn borrowing_and_thread_local_streams_are_traced() {
    #[promptlayer]
    fn words(text: &str) -> impl Stream<Item = &str> {
        Script::of(text.split_inclusive(' '))
    }
    #[promptlayer]
    fn boxed_words<'a>(text: &'a str, end: &'a str) -> Pin<Box<dyn Stream<Item = &'a str> + Send + 'a>> {
        let _ = end;
        Box::pin(Script::of(text.split_inclusive(' ')))
    }
    #[promptlayer]
    fn local(kept: &Rc<RefCell<u8>>) -> Pin<Box<dyn Stream<Item = Rc<RefCell<u8>>>>> {
        Box::pin(Script::of([Rc::clone(kept)]))
    }
    #[promptlayer]
    fn generic<'a, T: 'a>(items: Vec<T>) -> Pin<Box<dyn Stream<Item = T> + 'a>> {
        Box::pin(Script::of(items))
    }
    let text = String::from("One two");
    assert_eq!(request_of(|| assert_eq!(collect(words(&text)), ["One ", "two"])).output.text(), "One two");
    let boxed = request_of(|| assert_eq!(collect(boxed_words(&text, ".")), ["One ", "two"]));
    assert_eq!(boxed.output.text(), "One two");

    let kept = Rc::new(RefCell::new(5));
    let request = request_of(|| assert!(Rc::ptr_eq(&collect(local(&kept))[0], &kept)));
    assert_eq!(request.status, RequestStatus::Success);
    let request = request_of(|| assert!(Rc::ptr_eq(collect(generic(vec![&kept]))[0], &kept)));
    assert_eq!(request.status, RequestStatus::Success);
}

#[test]
fn fused_stream_stays_fused_under_any_name() {
    struct Once(Option<u8>);
    impl Stream for Once {
        type Item = u8;
        fn poll_next(mut self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<Option<u8>> {
            Poll::Ready(self.0.take())
        }
    }
    impl FusedStream for Once {
        fn is_terminated(&self) -> bool {
            self.0.is_none()
        }
    }
    #[promptlayer]
    #[allow(clippy::implied_bounds_in_impls, reason = "it is what people write")]
    fn once() -> impl Stream<Item = u8> + FusedStream + Unpin + Send + Sync {
        Once(Some(1))
    }
    #[promptlayer]
    fn called_fused() -> impl FusedStream<Item = u8> + Unpin {
        Once(Some(1))
    }
    let request = request_of(|| {
        let mut stream = once();
        assert!(!stream.is_terminated());
        let next = Pin::new(&mut stream).poll_next(&mut Context::from_waker(Waker::noop()));
        assert_eq!(next, Poll::Ready(Some(1)));
        assert!(stream.is_terminated());
        drop(collect(stream));
    });
    assert_eq!(request.status, RequestStatus::Success);
    assert_eq!(request.output.text(), "[\n  1\n]");

    let request = request_of(|| {
        let stream = called_fused();
        assert!(!stream.is_terminated());
        assert_eq!(collect(stream), [1]);
    });
    assert_eq!(request.output.text(), "[\n  1\n]", "a stream by another name");
}

#[test]
fn panic_instead_of_a_stream_is_an_error() {
    #[promptlayer]
    fn plain(question: &str) -> impl Stream<Item = String> + use<> {
        assert!(question.is_empty(), "no stream");
        Script::<String>::of([])
    }
    #[promptlayer]
    async fn later(question: &str) -> Result<BoxStream<'static, String>, Fault> {
        assert!(question.is_empty(), "no stream");
        Ok(Box::pin(Script::of([])))
    }
    let runs: [fn(); 2] = [|| drop(plain("why?")), || drop(block_on(later("why?")))];
    for run in runs {
        let request = request_of(|| drop(catch_unwind(run).unwrap_err()));
        assert_eq!(request.status, RequestStatus::Error);
        assert_eq!(request.error_message(), Some("panicked: no stream"));
    }
}

#[test]
fn panic_message_is_logged_and_earlier_text_is_kept() {
    struct Breaks(u8);
    impl Stream for Breaks {
        type Item = String;
        fn poll_next(mut self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<Option<String>> {
            self.0 += 1;
            assert!(self.0 < 3, "line {} broke", self.0);
            Poll::Ready(Some(format!("line {} ", self.0)))
        }
    }
    #[promptlayer]
    fn answer() -> impl Stream<Item = String> {
        Breaks(0)
    }
    let request = request_of(|| {
        let payload = catch_unwind(|| collect(answer())).unwrap_err();
        assert_eq!(payload.downcast_ref::<String>().unwrap(), "line 3 broke");
    });
    assert_eq!(request.error_message(), Some("panicked: line 3 broke"));
    assert_eq!(request.output.text(), "line 1 line 2 ");
}

/// Calls another annotated function at every poll.
struct Asks(u8);

#[promptlayer]
fn ask(question: u8) -> String {
    format!("answer {question}")
}

impl Stream for Asks {
    type Item = String;
    fn poll_next(mut self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<Option<String>> {
        self.0 += 1;
        Poll::Ready((self.0 < 3).then(|| ask(self.0)))
    }
}

#[test]
fn calls_in_a_stream_poll_are_children_and_log_instead_of_it() {
    #[promptlayer(tags = ["stream"], metadata(step = 1))]
    fn answer() -> impl Stream<Item = String> {
        Asks(0)
    }
    let captured = captured(|_| {
        let mut stream = pin!(answer());
        assert_eq!(collect(stream.as_mut()), ["answer 1", "answer 2"]);
        ask(9);
    });
    let spans = captured.spans();
    let names: Vec<&str> = spans.iter().map(|span| span.name.as_str()).collect();
    assert_eq!(names, ["ask", "ask", "answer", "ask"]);
    for inside in &spans[..2] {
        assert_eq!(inside.parent_id, Some(spans[2].span_id));
        assert_eq!(inside.trace_id, spans[2].trace_id);
        let request = inside.request.as_ref().unwrap();
        assert_eq!(request.tags.iter().collect::<Vec<_>>(), ["stream"]);
        assert_eq!(request.metadata["step"], "1");
    }
    assert!(spans[2].request.is_none(), "the innermost call logs");
    assert_eq!(spans[2].function_output.as_deref(), Some("answer 1answer 2"));
    assert_eq!(spans[3].parent_id, None, "between the polls nothing is inside");
}
