//! Errors of every kind, the broken ones among them.

use std::error::Error;
use std::fmt;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering::SeqCst};

use promptlayer_tracing::blueprint::{ErrorType, LogRequest, RequestStatus};
use promptlayer_tracing::promptlayer;

use super::{block_on, request_of};

/// The log of a call that fails with an error: of the four kinds of function, all say the same.
macro_rules! failed_with {
    ($error:ty, $value:expr) => {{
        #[promptlayer]
        fn at_once() -> Result<u8, $error> {
            Err($value)
        }
        #[promptlayer]
        async fn later() -> Result<u8, $error> {
            super::pause().await;
            Err($value)
        }
        let logs =
            [request_of(|| assert!(at_once().is_err())), request_of(|| assert!(block_on(later()).is_err()))];
        let said = |log: &LogRequest| (log.status, log.error_type, log.error_message().map(str::to_owned));
        assert_eq!(said(&logs[0]), said(&logs[1]));
        assert_eq!(logs[0].status, RequestStatus::Error);
        assert!(logs[0].output.messages().is_empty());
        logs[0].error_message().unwrap().to_owned()
    }};
}

struct Opaque;

/// An error that cannot say what it is.
struct PanicsToDisplay;

/// `Debug` alone, and it panics.
struct PanicsToDebug;

impl fmt::Display for PanicsToDisplay {
    fn fmt(&self, _: &mut fmt::Formatter<'_>) -> fmt::Result {
        panic!("cannot be shown")
    }
}

impl fmt::Debug for PanicsToDisplay {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("PanicsToDisplay")
    }
}

impl Error for PanicsToDisplay {}

impl fmt::Debug for PanicsToDebug {
    fn fmt(&self, _: &mut fmt::Formatter<'_>) -> fmt::Result {
        panic!("cannot be shown")
    }
}

/// An error, and its source.
#[derive(Debug)]
struct Because<E>(&'static str, E);

impl<E> fmt::Display for Because<E> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.0)
    }
}

impl<E: Error + 'static> Error for Because<E> {
    fn source(&self) -> Option<&(dyn Error + 'static)> {
        Some(&self.1)
    }
}

#[test]
fn an_error_that_cannot_be_shown_is_named_by_its_type() {
    assert_eq!(failed_with!(Opaque, Opaque), "robust::errors::Opaque");
    assert_eq!(failed_with!(PanicsToDebug, PanicsToDebug), "robust::errors::PanicsToDebug");
    assert_eq!(failed_with!(PanicsToDisplay, PanicsToDisplay), "robust::errors::PanicsToDisplay");
}

#[test]
fn an_error_in_a_box_that_cannot_be_shown_is_named_by_its_box() {
    let boxed = failed_with!(Box<dyn Error + Send + Sync>, Box::new(PanicsToDisplay));
    assert_eq!(boxed, std::any::type_name::<Box<dyn Error + Send + Sync>>());
    let local = failed_with!(Box<dyn Error>, Box::new(PanicsToDisplay));
    assert_eq!(local, std::any::type_name::<Box<dyn Error>>());
}

#[test]
fn a_source_that_cannot_be_shown_does_not_cost_the_error_before_it() {
    let message = failed_with!(Because<PanicsToDisplay>, Because("no answer", PanicsToDisplay));
    assert_eq!(message, "no answer");
}

#[test]
fn an_error_that_is_text_is_told_as_text() {
    assert_eq!(failed_with!(String, "no answer".to_owned()), "no answer");
    assert_eq!(failed_with!(&'static str, "no answer"), "no answer");
    assert_eq!(failed_with!(Arc<str>, Arc::from("no answer")), "no answer");
    assert_eq!(failed_with!((u8, &'static str), (5, "no answer")), r#"(5, "no answer")"#);
}

#[test]
fn a_source_whose_text_its_error_repeats_is_told_once() {
    let outer = failed_with!(
        Because<Because<fmt::Error>>,
        Because("no answer: connection reset", Because("connection reset", fmt::Error))
    );
    assert_eq!(outer, format!("no answer: connection reset: {}", fmt::Error));
}

/// Its own source, until somebody has asked too often.
#[derive(Debug)]
struct Ring {
    asked: &'static AtomicUsize,
    text: &'static str,
}

impl fmt::Display for Ring {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.text)
    }
}

impl Error for Ring {
    fn source(&self) -> Option<&(dyn Error + 'static)> {
        (self.asked.fetch_add(1, SeqCst) < 10_000).then_some(self)
    }
}

#[test]
fn an_error_that_is_its_own_source_is_followed_a_while_and_no_further() {
    static ASKED: AtomicUsize = AtomicUsize::new(0);
    let message = failed_with!(Ring, Ring { asked: &ASKED, text: "round and round" });
    assert_eq!(message, "round and round");
    let asked = ASKED.load(SeqCst);
    assert!(asked < 100, "two calls asked {asked} times");
}

#[test]
fn a_long_chain_is_cut_and_a_long_message_too() {
    #[derive(Debug)]
    struct Numbered(usize, Option<Box<Numbered>>);
    impl fmt::Display for Numbered {
        fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
            write!(f, "<{}>", self.0)
        }
    }
    impl Error for Numbered {
        fn source(&self) -> Option<&(dyn Error + 'static)> {
            self.1.as_deref().map(|source| source as _)
        }
    }
    fn chain(length: usize) -> Numbered {
        (1..length)
            .rev()
            .fold(Numbered(length, None), |source, number| Numbered(number, Some(Box::new(source))))
    }
    let message = failed_with!(Numbered, chain(1_000));
    assert!(message.starts_with("<1>: <2>: <3>: "), "{message}");
    assert!(message.len() < 200, "{message}");

    let message = failed_with!(String, "é".repeat(10_000));
    assert_eq!(message, "é".repeat(LogRequest::MAX_ERROR_CHARACTERS));
}

#[test]
fn an_error_with_a_secret_in_its_debug_is_told_by_its_display() {
    #[derive(Debug)]
    struct Refused {
        #[allow(dead_code, reason = "its `Debug` reads it")]
        api_key: &'static str,
    }
    impl fmt::Display for Refused {
        fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
            f.write_str("incorrect api key")
        }
    }
    #[promptlayer]
    fn ask() -> Result<u8, Refused> {
        Err(Refused { api_key: "sk-123" })
    }
    let request = request_of(|| drop(ask()));
    assert_eq!(request.error_message(), Some("incorrect api key"));
    assert_eq!(request.error_type, Some(ErrorType::UnknownError));
    assert!(!format!("{request:?}").contains("sk-123"));
}
