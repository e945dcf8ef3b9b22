//! Model calls of other crates on other threads, in streams, in dropped futures and at shutdown, with an annotated
//! function around them.

use std::pin::pin;
use std::sync::mpsc;
use std::task::Poll;
use std::thread;
use std::time::Duration;

use futures_core::Stream;
use promptlayer_tracing::blueprint::RequestStatus;
use promptlayer_tracing::{layer, promptlayer};
use serde_json::json;
use tests::Recorder;
use tests::in_memory::{captured_with, poll_once};
use tests::pipeline::{dispatch, layer_to};
use tracing::{Span, dispatcher};

use crate::around::{answered, both, call, call_in, only, spans_of, texts};
use crate::{Next, collected, names};

#[test]
fn call_on_another_thread_takes_from_its_parent() {
    #[promptlayer]
    fn ask(question: &str) -> String {
        let parent = Span::current();
        let dispatch = dispatcher::get_default(Clone::clone);
        let on_thread = move || {
            dispatcher::with_default(&dispatch, || answered(&call_in(&parent)));
        };
        thread::spawn(on_thread).join().unwrap();
        question.to_uppercase()
    }
    let spans = spans_of(|| drop(ask("why?")));
    assert_eq!(names(&spans), ["chat", "ask"]);
    assert_eq!(texts(only(&spans)), both("why?", "WHY?"));
}

#[test]
fn call_that_outlives_the_function_takes_from_it() {
    let (send, receive) = mpsc::channel::<()>();
    let captured = captured_with(layer(), || {
        #[promptlayer(skip(receive))]
        fn ask(question: &str, receive: mpsc::Receiver<()>) -> (String, thread::JoinHandle<()>) {
            let dispatch = dispatcher::get_default(Clone::clone);
            let call = call();
            let on_thread = move || {
                receive.recv().unwrap();
                dispatcher::with_default(&dispatch, || {
                    answered(&call);
                    drop(call);
                });
            };
            (question.to_uppercase(), thread::spawn(on_thread))
        }
        let (_, thread) = ask("why?", receive);
        send.send(()).unwrap();
        thread.join().unwrap();
    });
    let spans = captured.spans();
    assert_eq!(names(&spans), ["ask", "chat"]);
    assert_eq!(only(&spans).input.text(), "why?");
    assert!(only(&spans).output.text().contains("WHY?"), "{:?}", only(&spans).output);
}

#[test]
fn call_that_ends_with_the_function_is_logged_once_with_content() {
    const CALLS: usize = 2_000;
    let captured = captured_with(layer(), || {
        #[promptlayer(skip(to))]
        fn ask(question: usize, to: &mpsc::Sender<Span>) -> String {
            let call = call();
            answered(&call);
            to.send(call).unwrap();
            format!("answer {question}")
        }
        // Another thread ends each call while the function ends.
        let (to, from) = mpsc::channel::<Span>();
        let other = thread::spawn(move || from.into_iter().for_each(drop));
        for question in 0..CALLS {
            ask(question, &to);
        }
        drop(to);
        other.join().unwrap();
    });
    let spans = captured.spans();
    assert_eq!(spans.len(), 2 * CALLS);
    let logs: Vec<_> = spans.iter().filter_map(|span| span.request.as_ref()).map(texts).collect();
    assert_eq!(logs.len(), CALLS);
    for (input, output) in logs {
        assert_eq!(output, format!("answer {}", input.trim_matches('"')));
    }
}

#[test]
fn dropped_call_is_partial_like_the_function() {
    #[promptlayer]
    async fn ask(question: &str) -> String {
        let _call = call();
        std::future::pending::<()>().await;
        question.to_uppercase()
    }
    let spans = spans_of(|| {
        let mut asked = Box::pin(ask("why?"));
        assert!(poll_once(asked.as_mut()).is_pending());
    });
    let log = only(&spans);
    assert_eq!(log.status, RequestStatus::Warning);
    assert_eq!(log.error_message(), Some("the call was dropped before it was ready"));
    assert_eq!(log.input.text(), "why?");
}

/// A stream that keeps the span of its call open until it is dropped.
struct Words(Vec<&'static str>, #[allow(dead_code, reason = "it is kept")] Span);

impl Stream for Words {
    type Item = String;

    fn poll_next(mut self: std::pin::Pin<&mut Self>, _: &mut std::task::Context<'_>) -> Poll<Option<String>> {
        Poll::Ready(self.0.pop().map(str::to_owned))
    }
}

#[promptlayer]
fn streamed(question: &str) -> impl Stream<Item = String> + use<> {
    let call = call();
    answered(&call);
    let _ = question;
    Words(vec!["?", "not", "Why "], call)
}

#[test]
fn streamed_call_takes_the_items_of_the_function() {
    let spans = spans_of(|| {
        let mut read = pin!(async {
            let mut stream = Box::pin(streamed("why?"));
            assert_eq!(Next(&mut stream).await.as_deref(), Some("Why "));
            assert_eq!(collected(stream).await, ["not", "?"]);
        });
        assert!(poll_once(read.as_mut()).is_ready());
    });
    assert_eq!(texts(only(&spans)), both("why?", "Why not?"));
}

#[test]
fn dropped_stream_takes_the_items_so_far() {
    let spans = spans_of(|| {
        let mut stream = Box::pin(streamed("why?"));
        assert!(poll_once(pin!(Next(&mut stream))).is_ready());
    });
    assert_eq!(texts(only(&spans)), both("why?", "Why "));
}

#[test]
fn taken_content_is_redacted_or_left_out() {
    #[promptlayer]
    fn ask(question: &str) -> Result<String, String> {
        drop(call());
        Err(format!("no {question}"))
    }
    let redacted = layer().redact_text(|text| text.replace("secret", "###").into());
    let spans = captured_with(redacted, || drop(ask("secret"))).spans();
    assert!(!format!("{spans:?}").contains("secret"), "{spans:#?}");
    assert_eq!(texts(only(&spans)), both("###", ""));
    let spans = captured_with(layer().capture_content(false), || drop(ask("secret"))).spans();
    assert!(!format!("{spans:?}").contains("secret"), "{spans:#?}");
    assert_eq!(only(&spans).status, RequestStatus::Error);
}

#[test]
fn shutdown_sends_a_waiting_call_as_it_is_and_once() {
    #[promptlayer]
    fn ask(question: &str, ending: &dyn Fn()) -> String {
        answered(&call());
        ending();
        question.to_uppercase()
    }
    let recorder = Recorder::start().unwrap();
    let (layer, guard) = layer_to(recorder.url()).build().unwrap();
    let guard = std::sync::Mutex::new(Some(guard));
    dispatcher::with_default(&dispatch(layer), || {
        ask("why?", &|| {
            let stats = guard.lock().unwrap().take().unwrap().shutdown(Duration::from_secs(60));
            assert_eq!(stats.spans.delivered, 1);
        });
    });
    let spans = recorder.spans();
    assert_eq!(spans.len(), 1, "{spans:#?}");
    assert_eq!(spans[0]["log_request"]["output"]["messages"], json!([]));
}
