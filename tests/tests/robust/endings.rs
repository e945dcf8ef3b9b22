//! Every way in which a call can end, for every kind of function.

use std::any::Any;
use std::fmt;
use std::future::Future;
use std::panic::{AssertUnwindSafe, catch_unwind, panic_any};
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::AtomicUsize;
use std::sync::atomic::Ordering::SeqCst;

use promptlayer_tracing::blueprint::{ErrorType, LogRequest, Prompt, RequestStatus};
use promptlayer_tracing::{LoggedRequest, promptlayer};

use super::{block_on, captured, pause, poll_once, request_of};

/// How the body ends.
#[derive(Clone, Copy, Debug, PartialEq)]
enum End {
    Ok,
    Err,
    PanicText,
    PanicString,
    PanicOther,
}

type Given = Result<String, fmt::Error>;
type BoxFuture<'a, T> = Pin<Box<dyn Future<Output = T> + Send + 'a>>;

/// A panic payload that contains no message.
struct Payload(u32);

fn body(question: &str, end: End) -> Given {
    match end {
        End::Ok => Ok(format!("You asked: {question}")),
        End::Err => Err(fmt::Error),
        End::PanicText => panic!("no model"),
        End::PanicString => panic_any(format!("no model for {question}")),
        End::PanicOther => panic_any(Payload(7)),
    }
}

async fn helper(question: &str, end: End) -> Given {
    pause().await;
    body(question, end)
}

#[promptlayer]
fn at_once(question: &str, end: End) -> Given {
    body(question, end)
}

#[promptlayer]
async fn later(question: &str, end: End) -> Given {
    helper(question, end).await
}

#[promptlayer]
fn of_a_helper(question: &str, end: End) -> impl Future<Output = Given> {
    helper(question, end)
}

#[promptlayer]
fn of_a_block(question: &str, end: End) -> impl Future<Output = Given> + Send {
    async move {
        pause().await;
        body(question, end)
    }
}

#[promptlayer]
fn boxed(question: &str, end: End) -> Pin<Box<dyn Future<Output = Given> + Send + '_>> {
    Box::pin(async move { helper(question, end).await })
}

#[promptlayer]
fn boxed_by_a_helper(question: &str, end: End) -> BoxFuture<'_, Given> {
    fn make(question: &str, end: End) -> BoxFuture<'_, Given> {
        Box::pin(helper(question, end))
    }
    make(question, end)
}

/// Calls every function that returns a future.
fn futures(end: End) -> [(&'static str, BoxFuture<'static, Given>); 5] {
    [
        ("later", Box::pin(later("why?", end))),
        ("of_a_helper", Box::pin(of_a_helper("why?", end))),
        ("of_a_block", Box::pin(of_a_block("why?", end))),
        ("boxed", boxed("why?", end)),
        ("boxed_by_a_helper", boxed_by_a_helper("why?", end)),
    ]
}

const KINDS: usize = 6;

/// Runs the function with this number to its end.
fn run(kind: usize, end: End) -> (&'static str, Result<Given, Box<dyn Any + Send>>) {
    if kind == 0 {
        return ("at_once", catch_unwind(|| at_once("why?", end)));
    }
    let (name, future) = futures(end).into_iter().nth(kind - 1).unwrap();
    (name, catch_unwind(AssertUnwindSafe(|| block_on(future))))
}

/// Checks one ending for all functions: the caller gets what the body returned, and the call is logged once.
fn check(
    end: End,
    status: RequestStatus,
    message: Option<&str>,
    caller: fn(Result<Given, Box<dyn Any + Send>>) -> bool,
) {
    for kind in 0..KINDS {
        let mut name = "";
        let request: LogRequest = request_of(|| {
            let (function, given) = run(kind, end);
            name = function;
            assert!(caller(given), "{function}: {end:?}");
        });
        assert_eq!(request.function_name.as_deref(), Some(name));
        assert_eq!(request.status, status, "{name}");
        assert_eq!(request.error_message(), message, "{name}");
        assert_eq!(request.error_type, message.map(|_| ErrorType::UnknownError), "{name}");
        assert_eq!(request.input, Prompt::user("why?"), "{name}");
        let output = if end == End::Ok { "You asked: why?" } else { "" };
        assert_eq!(request.output.text(), output, "{name}");
    }
}

#[test]
fn value_is_logged_once_for_every_kind_of_function() {
    check(End::Ok, RequestStatus::Success, None, |given| given.unwrap().unwrap() == "You asked: why?");
}

#[test]
fn err_is_logged_once_for_every_kind_of_function() {
    let message = fmt::Error.to_string();
    check(End::Err, RequestStatus::Error, Some(&message), |given| given.unwrap() == Err(fmt::Error));
}

#[test]
fn panic_is_logged_once_with_its_payload_unchanged() {
    check(End::PanicText, RequestStatus::Error, Some("panicked: no model"), |given| {
        given.unwrap_err().downcast_ref::<&'static str>() == Some(&"no model")
    });
    check(End::PanicString, RequestStatus::Error, Some("panicked: no model for why?"), |given| {
        given.unwrap_err().downcast_ref::<String>().unwrap() == "no model for why?"
    });
    check(End::PanicOther, RequestStatus::Error, Some("panicked"), |given| {
        given.unwrap_err().downcast_ref::<Payload>().unwrap().0 == 7
    });
}

#[test]
fn future_that_is_never_polled_is_not_logged() {
    let captured = captured(|| drop(futures(End::Ok)));
    assert!(captured.spans().is_empty(), "{captured:#?}");
}

#[test]
fn future_dropped_halfway_is_a_warning() {
    for kind in 0..KINDS - 1 {
        let request = request_of(|| {
            let (_, mut future) = futures(End::Ok).into_iter().nth(kind).unwrap();
            assert!(poll_once(Pin::new(&mut future)).is_pending());
        });
        assert_eq!(request.status, RequestStatus::Warning);
        assert_eq!(request.error_type, Some(ErrorType::ProviderPartialResponse));
        assert_eq!(request.error_message(), Some("the call was dropped before it was ready"));
        assert_eq!(request.input, Prompt::user("why?"));
        assert!(request.output.messages().is_empty());
    }
}

#[test]
fn completed_future_is_logged_at_completion_not_at_drop() {
    let captured = captured(|| {
        for (name, mut future) in futures(End::Ok) {
            assert!(poll_once(Pin::new(&mut future)).is_pending());
            assert!(poll_once(Pin::new(&mut future)).is_ready());
            let (layer_is_told, _) = (tracing::Span::current().is_none(), future);
            assert!(layer_is_told, "{name}: no span stays entered");
        }
    });
    let names: Vec<String> = captured.spans().into_iter().map(|span| span.name).collect();
    assert_eq!(names, ["later", "of_a_helper", "of_a_block", "boxed", "boxed_by_a_helper"]);
}

#[test]
fn call_begins_at_the_first_poll_of_its_future() {
    let request = request_of(|| {
        let future = of_a_helper("why?", End::Ok);
        let made = std::time::Instant::now();
        while made.elapsed() < std::time::Duration::from_millis(20) {
            std::hint::spin_loop();
        }
        assert!(block_on(future).is_ok());
    });
    let lasted =
        request.request_end_time.unwrap().duration_since(request.request_start_time.unwrap()).unwrap();
    assert!(lasted.as_millis() < 20, "the time before the first poll does not count: {lasted:?}");
}

#[test]
fn unpolled_inner_call_does_not_silence_the_outer_call() {
    #[promptlayer]
    fn outer(question: &str) -> String {
        drop(of_a_helper(question, End::Ok));
        drop(boxed(question, End::Ok));
        drop(later(question, End::Ok));
        format!("outer: {question}")
    }
    let request = request_of(|| drop(outer("why?")));
    assert_eq!(request.function_name.as_deref(), Some("outer"));
    assert_eq!(request.output.text(), "outer: why?");
}

/// Checks on drop that the expected span is current.
struct DropsIn(Arc<AtomicUsize>, &'static str);

impl Drop for DropsIn {
    fn drop(&mut self) {
        let name = tracing::Span::current().metadata().map(tracing::Metadata::name);
        assert_eq!(name, Some(self.1));
        self.0.fetch_add(1, SeqCst);
    }
}

#[test]
fn values_in_a_future_are_dropped_once_inside_its_span() {
    #[promptlayer(skip_all)]
    async fn holds(held: DropsIn, question: &str) -> usize {
        pause().await;
        let _ = &held;
        question.len()
    }
    #[promptlayer(skip_all)]
    fn holds_in_a_block(held: DropsIn, question: &str) -> impl Future<Output = usize> {
        async move {
            pause().await;
            let _ = &held;
            question.len()
        }
    }
    let dropped = Arc::new(AtomicUsize::new(0));
    let held = |name| DropsIn(Arc::clone(&dropped), name);
    captured(|| {
        assert_eq!(block_on(holds(held("holds"), "why?")), 4);
        assert_eq!(block_on(holds_in_a_block(held("holds_in_a_block"), "why?")), 4);
        assert_eq!(dropped.load(SeqCst), 2);
        let mut half = Box::pin(holds(held("holds"), "why?"));
        assert!(poll_once(half.as_mut()).is_pending());
        drop(half);
        let mut half = Box::pin(holds_in_a_block(held("holds_in_a_block"), "why?"));
        assert!(poll_once(half.as_mut()).is_pending());
        drop(half);
        drop(holds_in_a_block(held("holds_in_a_block"), "why?"));
        assert_eq!(dropped.load(SeqCst), 5);
    });
}

#[test]
fn call_that_unwinds_from_an_inner_call_is_an_error() {
    #[promptlayer(kind = "chain")]
    async fn outer(question: &str) -> Given {
        later(question, End::PanicString).await
    }
    let spans = captured(|| drop(catch_unwind(|| block_on(outer("why?"))))).spans();
    let errors: Vec<_> = spans.iter().map(|span| (span.name.as_str(), span.error.as_deref())).collect();
    let error = Some("panicked: no model for why?");
    assert_eq!(errors, [("later", error), ("outer", error)]);
}

#[test]
fn function_hook_is_not_called_if_nothing_is_sent() {
    fn hook(request: &LoggedRequest) {
        panic!("{request:?} has an id");
    }
    #[promptlayer(on_request_id = hook)]
    fn by_path(question: &str) -> usize {
        question.len()
    }
    #[promptlayer(on_request_id = |request: &LoggedRequest| panic!("{} has an id", request.id()))]
    async fn by_closure(question: &str) -> usize {
        question.len()
    }
    let captured = captured(|| assert_eq!(by_path("why?") + block_on(by_closure("how?")), 8));
    assert_eq!(captured.requests().len(), 2);
}

#[test]
fn early_return_and_question_mark_end_the_call() {
    #[promptlayer]
    fn at_once(question: &str) -> Result<usize, fmt::Error> {
        if question.is_empty() {
            return Ok(0);
        }
        Err(fmt::Error)?;
        Ok(1)
    }
    #[promptlayer]
    #[track_caller]
    fn in_its_place(question: &str) -> usize {
        question.len()
    }
    assert_eq!(request_of(|| assert_eq!(at_once(""), Ok(0))).output.text(), "0");
    assert_eq!(request_of(|| assert_eq!(at_once("why?"), Err(fmt::Error))).status, RequestStatus::Error);
    assert_eq!(request_of(|| assert_eq!(in_its_place("why?"), 4)).output.text(), "4");
}
