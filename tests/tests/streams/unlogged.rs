//! Streams and futures of types that must not change, the ends of channels, and other values that only lead to
//! the output.
#![allow(deprecated, reason = "the compiler warns of what is not logged")]

use std::fmt::{Debug, Display};
use std::future::{Future, Ready, ready};
use std::pin::Pin;
use std::sync::mpsc as threads;

use axum::response::sse::{Event, Sse};
use futures_core::Stream;
use promptlayer_tracing::blueprint::{ErrorType, LogRequest, RequestStatus};
use promptlayer_tracing::promptlayer;
use tokio::sync::mpsc;

use crate::script::{Fault, Script};
use crate::{Answer, block_on, collect, request_of};

const STREAM: &str = "the function returned a stream whose items cannot be logged: return `impl Stream` or a boxed \
                      stream, or annotate the function that makes it";
const FUTURE: &str = "the function returned a future whose output cannot be logged: make the function `async`, or \
                      return `impl Future` or a boxed future";
const CHANNEL: &str = "the function returned the end of a channel, and what passes through it was not seen: \
                       annotate the function that sends or receives";

fn script() -> Script<String> {
    Script::of(["One ".to_owned(), "two".to_owned()])
}

/// Checks that the log is a warning that names the type.
#[track_caller]
fn assert_unseen(request: &LogRequest, message: &str, type_name: &str) {
    assert_eq!(request.status, RequestStatus::Warning);
    assert_eq!(request.error_type, Some(ErrorType::UnknownError));
    assert_eq!(request.error_message(), Some(message));
    assert_eq!(request.output.text(), format!("[{type_name}]"));
}

#[test]
fn stream_of_a_named_type_is_a_warning() {
    #[promptlayer]
    fn plain() -> Script<String> {
        script()
    }
    #[promptlayer]
    async fn result(fault: Option<Fault>) -> Result<Script<String>, Fault> {
        if let Some(fault) = fault { Err(fault) } else { Ok(script()) }
    }
    #[promptlayer]
    fn option(is_some: bool) -> Option<Script<String>> {
        is_some.then(script)
    }
    #[promptlayer]
    async fn pair() -> Result<(u8, Script<String>), Fault> {
        Ok((1, script()))
    }
    #[promptlayer]
    fn pinned() -> Pin<Box<Script<String>>> {
        Box::pin(script())
    }
    #[promptlayer]
    fn with_a_trait() -> impl Stream<Item = String> + Named {
        script()
    }
    trait Named {}
    impl<T> Named for Script<T> {}

    let of = "streams::script::Script<alloc::string::String>";
    let fault = "streams::script::Fault";
    let cases: [(&dyn Fn(), String); 5] = [
        (&|| assert_eq!(collect(plain()), ["One ", "two"]), of.to_owned()),
        (
            &|| assert_eq!(collect(block_on(result(None)).unwrap()), ["One ", "two"]),
            format!("core::result::Result<{of}, {fault}>"),
        ),
        (&|| assert_eq!(collect(option(true).unwrap()).len(), 2), format!("core::option::Option<{of}>")),
        (
            &|| assert_eq!(collect(block_on(pair()).unwrap().1).len(), 2),
            format!("core::result::Result<(u8, {of}), {fault}>"),
        ),
        (&|| assert_eq!(collect(pinned()).len(), 2), format!("core::pin::Pin<alloc::boxed::Box<{of}>>")),
    ];
    for (run, type_name) in cases {
        assert_unseen(&request_of(run), STREAM, &type_name);
    }
    let request = request_of(|| assert_eq!(collect(with_a_trait()).len(), 2));
    assert_eq!((request.status, request.error_message()), (RequestStatus::Warning, Some(STREAM)));
    assert!(request.output.messages().is_empty());
}

#[test]
fn err_or_none_in_place_of_a_named_stream_is_logged() {
    #[promptlayer]
    async fn result() -> Result<Script<String>, Fault> {
        Err(Fault("rate limit reached"))
    }
    #[promptlayer]
    fn option() -> Option<Answer<String>> {
        None
    }
    #[promptlayer]
    async fn nested() -> Result<Result<Answer<String>, Fault>, String> {
        Ok(Err(Fault("not shown")))
    }
    let request = request_of(|| assert!(block_on(result()).is_err()));
    assert_eq!(request.status, RequestStatus::Error);
    assert_eq!(request.error_message(), Some("rate limit reached"));

    let request = request_of(|| assert!(option().is_none()));
    assert_eq!(request.status, RequestStatus::Success);
    assert!(request.output.messages().is_empty());

    let request = request_of(|| assert!(block_on(nested()).unwrap().is_err()));
    assert_eq!(request.status, RequestStatus::Error);
    assert_eq!(request.error_message(), Some("streams::script::Fault"));
}

#[test]
fn future_of_a_named_type_is_a_warning() {
    #[promptlayer]
    fn plain() -> Ready<String> {
        ready("late".to_owned())
    }
    #[promptlayer]
    async fn later() -> Ready<String> {
        ready("late".to_owned())
    }
    #[promptlayer]
    fn result() -> Result<Ready<String>, Fault> {
        Ok(ready("late".to_owned()))
    }
    #[promptlayer]
    fn with_a_trait() -> impl Future<Output = String> + Clone {
        ready("late".to_owned())
    }
    let of = "core::future::ready::Ready<alloc::string::String>";
    assert_unseen(&request_of(|| assert_eq!(block_on(plain()), "late")), FUTURE, of);
    assert_unseen(&request_of(|| assert_eq!(block_on(block_on(later())), "late")), FUTURE, of);
    let request = request_of(|| assert_eq!(block_on(result().unwrap()), "late"));
    assert_unseen(&request, FUTURE, &format!("core::result::Result<{of}, streams::script::Fault>"));
    let request = request_of(|| assert_eq!(block_on(with_a_trait()), "late"));
    assert_eq!((request.status, request.error_message()), (RequestStatus::Warning, Some(FUTURE)));
}

#[test]
fn end_of_a_channel_is_logged_by_its_type() {
    #[promptlayer]
    fn tokio_receiver() -> mpsc::Receiver<String> {
        mpsc::channel(1).1
    }
    #[promptlayer]
    async fn tokio_pair() -> Result<(mpsc::UnboundedSender<u8>, mpsc::UnboundedReceiver<u8>), Fault> {
        Ok(mpsc::unbounded_channel())
    }
    #[promptlayer]
    fn thread_receiver() -> Option<threads::Receiver<u8>> {
        Some(threads::channel().1)
    }
    #[promptlayer]
    fn debugged() -> impl Debug {
        threads::channel::<u8>().1
    }
    assert_unseen(
        &request_of(|| drop(tokio_receiver())),
        CHANNEL,
        "tokio::sync::mpsc::bounded::Receiver<alloc::string::String>",
    );
    assert_unseen(
        &request_of(|| drop(block_on(tokio_pair()))),
        CHANNEL,
        "(tokio::sync::mpsc::unbounded::UnboundedSender<u8>, tokio::sync::mpsc::unbounded::UnboundedReceiver<u8>)",
    );
    let of = "std::sync::mpsc::Receiver<u8>";
    let request = request_of(|| drop(thread_receiver()));
    assert_unseen(&request, CHANNEL, &format!("core::option::Option<{of}>"));
    assert_unseen(&request_of(|| drop(debugged())), CHANNEL, of);
}

#[test]
fn server_sent_events_of_axum_are_a_warning() {
    fn events() -> Script<Result<Event, Fault>> {
        Script::of([Ok(Event::default().data("One"))])
    }
    #[promptlayer]
    async fn handler() -> Sse<impl Stream<Item = Result<Event, Fault>>> {
        Sse::new(events())
    }
    #[promptlayer]
    async fn attempt() -> Result<Sse<Answer<Result<Event, Fault>>>, Fault> {
        let events: Answer<_> = Box::pin(events());
        Ok(Sse::new(events))
    }
    for run in [|| drop(block_on(handler())), || drop(block_on(attempt()))] {
        let request = request_of(run);
        assert_eq!((request.status, request.error_message()), (RequestStatus::Warning, Some(STREAM)));
        assert!(request.output.text().starts_with("[axum::response::sse::Sse<"), "{:?}", request.output);
    }
}

#[test]
fn boxes_in_other_types_are_a_warning() {
    #[promptlayer]
    fn streams() -> Vec<Answer<String>> {
        vec![Box::pin(script())]
    }
    #[promptlayer]
    fn four() -> (u8, u8, u8, Answer<String>) {
        (1, 2, 3, Box::pin(script()))
    }
    let runs: [fn(); 2] = [|| drop(streams()), || drop(four())];
    for run in runs {
        let request = request_of(run);
        assert_eq!((request.status, request.error_message()), (RequestStatus::Warning, Some(STREAM)));
    }
}

#[test]
fn stream_that_cannot_be_boxed_again_is_a_warning() {
    #[promptlayer]
    fn generic<T>(stream: Answer<T>) -> Answer<T> {
        stream
    }
    #[promptlayer]
    fn bounded<T: Display + 'static>(stream: Answer<T>) -> Answer<T> {
        stream
    }
    #[promptlayer(stream)]
    fn declared<T>(stream: Answer<T>) -> Answer<T>
    where
        T: Display + 'static,
    {
        stream
    }
    let request = request_of(|| assert_eq!(collect(generic(Box::pin(script()))).len(), 2));
    assert_eq!((request.status, request.error_message()), (RequestStatus::Warning, Some(STREAM)));
    let runs: [fn(); 2] = [
        || assert_eq!(collect(bounded(Box::pin(script()))).len(), 2),
        || assert_eq!(collect(declared(Box::pin(script()))).len(), 2),
    ];
    for run in runs {
        assert_eq!(request_of(run).output.text(), "One two");
    }
}

#[test]
fn output_selects_from_a_stream_that_is_not_logged() {
    #[promptlayer(output = |_: &Script<String>| "a stream")]
    fn plain() -> Script<String> {
        script()
    }
    let request = request_of(|| assert_eq!(collect(plain()).len(), 2));
    assert_eq!((request.status, request.output.text().as_str()), (RequestStatus::Success, "a stream"));
}
