//! The handle inside a call adds to what is logged of it.

#![allow(clippy::unwrap_used, reason = "a test fails where it cannot go on")]

#[path = "current/ids.rs"]
mod ids;

use std::future::Future;
use std::pin::Pin;
use std::task::{Context, Poll};
use std::thread;

use futures_core::Stream;
use promptlayer_tracing::blueprint::LogRequest;
use promptlayer_tracing::{CurrentCall, PromptLink, Score, current, promptlayer};
use serde_json::json;
use tests::in_memory::{block_on, captured, captured_with, pause, request_of};
use tests::pipeline::dispatch;
use tokio::task::spawn_blocking;
use tracing::Instrument;

/// Uses every method that changes what is logged.
fn say_everything(call: &CurrentCall) {
    call.tag("said")
        .metadata("key", 7)
        .user("ada")
        .session("s-1")
        .set_prompt(&("greeting", 2))
        .set_input("another question")
        .set_output(&json!({"role": "assistant", "content": "another answer"}))
        .set_model("gpt-4o")
        .set_provider("openai")
        .score(80)
        .score_named("tone", 90);
    assert!(call.is_recording());
}

/// Checks a request log of a call of which everything was said.
#[track_caller]
fn assert_everything(request: &LogRequest) {
    assert!(request.tags.contains("said") && request.tags.contains("own"), "{request:#?}");
    for (key, value) in [("key", "7"), ("user_id", "ada"), ("session_id", "s-1")] {
        assert_eq!(request.metadata.get(key).map(String::as_str), Some(value), "{request:#?}");
    }
    assert_eq!((request.prompt_name.as_deref(), request.prompt_version_number), (Some("greeting"), Some(2)));
    assert_eq!(request.input.text(), "another question");
    assert_eq!(request.output.text(), "another answer");
    assert_eq!((&*request.provider, &*request.model), ("openai", "gpt-4o"));
    assert_eq!(request.score, Some(Score::try_from(80).unwrap()));
}

#[promptlayer(tags = ["own"])]
fn sync(question: &str) -> String {
    say_everything(&current());
    question.to_owned()
}

#[promptlayer(tags = ["own"])]
async fn asynchronous(question: &str) -> String {
    pause().await;
    say_everything(&current());
    pause().await;
    question.to_owned()
}

#[promptlayer(tags = ["own"])]
async fn failing(question: &str) -> Result<String, String> {
    say_everything(&current());
    Err(question.to_owned())
}

#[promptlayer(tags = ["own"])]
async fn spawning(question: String) -> String {
    tokio::spawn(async { say_everything(&current()) }.in_current_span()).await.unwrap();
    question
}

#[promptlayer(tags = ["own"])]
async fn blocking(question: String) -> String {
    let span = tracing::Span::current();
    // The subscriber of this test is that of one thread.
    let dispatch = tracing::dispatcher::get_default(Clone::clone);
    let run = move || span.in_scope(|| say_everything(&current()));
    spawn_blocking(move || tracing::dispatcher::with_default(&dispatch, run)).await.unwrap();
    question
}

#[promptlayer(tags = ["own"])]
fn in_thread(question: &str) -> String {
    let call = current();
    thread::spawn(move || say_everything(&call)).join().unwrap();
    question.to_owned()
}

/// A stream of two words that speaks to its call with the first one.
struct Words(u8);

impl Stream for Words {
    type Item = String;

    fn poll_next(mut self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<Option<String>> {
        self.0 += 1;
        Poll::Ready(match self.0 {
            1 => {
                say_everything(&current());
                Some("Hello ".to_owned())
            }
            2 => Some("world".to_owned()),
            _ => None,
        })
    }
}

#[promptlayer(tags = ["own"])]
fn streaming(question: &str) -> impl Stream<Item = String> + use<> {
    let _ = question;
    Words(0)
}

async fn read(stream: impl Stream<Item = String>) {
    let mut stream = std::pin::pin!(stream);
    while std::future::poll_fn(|context| stream.as_mut().poll_next(context)).await.is_some() {}
}

fn in_tokio(run: impl Future<Output = ()>) {
    tokio::runtime::Builder::new_current_thread().build().unwrap().block_on(run);
}

#[test]
fn everything_that_is_said_is_logged_from_any_code() {
    let ways: [(&str, fn()); 6] = [
        ("sync", || drop(sync("why?"))),
        ("async", || drop(block_on(asynchronous("why?")))),
        ("stream", || block_on(read(streaming("why?")))),
        ("thread", || drop(in_thread("why?"))),
        ("spawned", || in_tokio(async { drop(spawning("why?".to_owned()).await) })),
        ("blocking", || in_tokio(async { drop(blocking("why?".to_owned()).await) })),
    ];
    for (name, run) in ways {
        println!("{name}");
        let captured = captured(run);
        assert_everything(&captured.requests()[0]);
        assert_eq!(captured.spans()[0].scores, [("tone".to_owned(), Score::try_from(90).unwrap())]);
    }
}

#[test]
fn failed_call_keeps_what_was_said() {
    let request = request_of(|| drop(block_on(failing("it broke"))));
    assert_everything(&request);
    assert_eq!(request.error_message(), Some("it broke"));
}

#[test]
fn calls_that_begin_later_inherit_what_was_said() {
    #[promptlayer]
    fn inner(question: &str) -> String {
        question.to_owned()
    }
    #[promptlayer]
    fn outer() {
        inner("before");
        current().tag("late").metadata("key", "of outer").set_prompt(&PromptLink::new("greeting"));
        inner("after");
    }
    let requests = captured(outer).requests();
    let of = |index: usize| {
        let request: &LogRequest = &requests[index];
        (request.tags.contains("late"), request.metadata.get("key").cloned(), request.prompt_name.clone())
    };
    assert_eq!(of(0), (false, None, None));
    assert_eq!(of(1), (true, Some("of outer".to_owned()), Some("greeting".to_owned())));
}

#[test]
fn handle_is_that_of_the_innermost_open_call() {
    #[promptlayer(kind = "tool")]
    fn tool() {
        current().metadata("at", "tool");
    }
    #[promptlayer]
    fn ask() -> &'static str {
        tool();
        // A span that is no call is passed over.
        tracing::info_span!("mine").in_scope(|| drop(current().metadata("at", "ask").clone()));
        "because"
    }
    let captured = captured(|| {
        ask();
        assert!(current().trace_id().is_none(), "there is no call outside");
    });
    assert_eq!(captured.requests()[0].metadata["at"], "ask");
}

#[test]
fn call_of_another_crate_is_found_too() {
    let run = || {
        let span = tracing::info_span!(
            "chat",
            gen_ai.operation.name = "chat",
            gen_ai.provider.name = "openai",
            gen_ai.request.model = "gpt-4o-mini",
            gen_ai.input.messages = r#"[{"role":"user","parts":[{"type":"text","content":"recorded"}]}]"#,
            gen_ai.output.messages =
                r#"[{"role":"assistant","parts":[{"type":"text","content":"recorded"}]}]"#,
        );
        span.in_scope(|| say_everything(current().tag("own")));
    };
    assert_everything(&request_of(run));
}

#[test]
fn ids_are_those_of_the_span() {
    #[promptlayer]
    fn ask() -> CurrentCall {
        current()
    }
    let mut call = None;
    let captured = captured(|| call = Some(ask()));
    let (call, span) = (call.unwrap(), &captured.spans()[0]);
    assert_eq!((call.trace_id(), call.span_id()), (Some(span.trace_id), Some(span.span_id)));
    assert_eq!(
        format!("{call:?}"),
        format!("CurrentCall {{ trace_id: {:?}, span_id: {:?}, .. }}", call.trace_id(), call.span_id())
    );
}

#[test]
fn nothing_changes_after_the_end() {
    #[promptlayer]
    fn ask() -> CurrentCall {
        current()
    }
    let captured = captured(|| {
        let call = ask();
        assert!(!call.is_recording());
        call.tag("late").metadata("key", 1).set_input("late").set_output("late").set_model("late");
    });
    let request = &captured.requests()[0];
    assert!(request.tags.is_empty() && request.metadata.is_empty());
    assert_eq!((request.input.text(), &*request.model), (String::new(), "unknown"));
}

#[test]
fn unsampled_call_has_no_handle() {
    let captured = captured_with(promptlayer_tracing::layer().sample(0.0), || {
        #[promptlayer]
        fn ask() -> bool {
            let call = current();
            call.tag("x").score(1);
            call.is_recording() || call.trace_id().is_some()
        }
        assert!(!ask());
    });
    assert!(captured.spans().is_empty());
}

#[test]
fn value_that_panics_costs_only_itself() {
    struct Broken;
    impl std::fmt::Display for Broken {
        fn fmt(&self, _: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
            panic!("no")
        }
    }
    impl serde::Serialize for Broken {
        fn serialize<S: serde::Serializer>(&self, _: S) -> Result<S::Ok, S::Error> {
            panic!("no")
        }
    }
    #[promptlayer]
    fn ask() {
        current()
            .metadata("broken", Broken)
            .set_output(&Broken)
            .tag("")
            .metadata("", 1)
            .tag("whole")
            .score(101);
    }
    let request = request_of(ask);
    assert_eq!(request.tags.iter().collect::<Vec<_>>(), ["whole"]);
    assert!(request.metadata.is_empty() && request.score.is_none(), "{request:#?}");
}

#[test]
fn handles_of_two_subscribers_do_not_mix() {
    #[promptlayer]
    fn ask(tag: &'static str) {
        current().tag(tag);
    }
    let (first, first_captured) = promptlayer_tracing::layer().in_memory().unwrap();
    let (second, second_captured) = promptlayer_tracing::layer().in_memory().unwrap();
    let (first, second) = (dispatch(first), dispatch(second));
    tracing::dispatcher::with_default(&first, || {
        tracing::dispatcher::with_default(&second, || ask("second"));
        ask("first");
    });
    for (captured, tag) in [(first_captured, "first"), (second_captured, "second")] {
        assert!(captured.requests()[0].tags.contains(tag));
    }
}
