//! Errors of every kind, including those whose formatting fails.

use std::error::Error;
use std::fmt;
use std::sync::Arc;
use std::sync::atomic::AtomicUsize;
use std::sync::atomic::Ordering::SeqCst;

use promptlayer_tracing::blueprint::{ErrorType, LogRequest, RequestStatus};
use promptlayer_tracing::promptlayer;

use super::{block_on, request_of};

/// Returns the error message in the log of a call that fails with this error. Checks that a synchronous and an
/// async function log the same.
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

/// An error whose `Display` panics.
struct PanicsToDisplay;

/// An error that has only `Debug`, which panics.
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

/// An error with a source.
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
fn unformattable_error_is_logged_as_its_type_name() {
    assert_eq!(failed_with!(Opaque, Opaque), "robust::errors::Opaque");
    assert_eq!(failed_with!(PanicsToDebug, PanicsToDebug), "robust::errors::PanicsToDebug");
    assert_eq!(failed_with!(PanicsToDisplay, PanicsToDisplay), "robust::errors::PanicsToDisplay");
}

#[test]
fn unformattable_boxed_error_is_logged_as_its_box_type() {
    let boxed = failed_with!(Box<dyn Error + Send + Sync>, Box::new(PanicsToDisplay));
    assert_eq!(boxed, std::any::type_name::<Box<dyn Error + Send + Sync>>());
    let local = failed_with!(Box<dyn Error>, Box::new(PanicsToDisplay));
    assert_eq!(local, std::any::type_name::<Box<dyn Error>>());
}

#[test]
fn unformattable_source_does_not_lose_the_outer_error() {
    let message = failed_with!(Because<PanicsToDisplay>, Because("no answer", PanicsToDisplay));
    assert_eq!(message, "no answer");
}

#[test]
fn error_of_a_text_type_is_logged_as_text() {
    assert_eq!(failed_with!(String, "no answer".to_owned()), "no answer");
    assert_eq!(failed_with!(&'static str, "no answer"), "no answer");
    assert_eq!(failed_with!(Arc<str>, Arc::from("no answer")), "no answer");
    assert_eq!(failed_with!((u8, &'static str), (5, "no answer")), r#"(5, "no answer")"#);
}

#[test]
fn source_repeated_by_its_error_is_logged_once() {
    let outer = failed_with!(
        Because<Because<fmt::Error>>,
        Because("no answer: connection reset", Because("connection reset", fmt::Error))
    );
    assert_eq!(outer, format!("no answer: connection reset: {}", fmt::Error));
}

/// An error that is its own source, up to a maximum number of calls of `source`.
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
fn endless_error_chain_is_followed_up_to_a_limit() {
    static ASKED: AtomicUsize = AtomicUsize::new(0);
    let message = failed_with!(Ring, Ring { asked: &ASKED, text: "round and round" });
    assert_eq!(message, "round and round");
    let asked = ASKED.load(SeqCst);
    assert!(asked < 100, "two calls asked {asked} times");
}

#[test]
fn long_chain_and_long_message_are_cut() {
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
fn error_with_a_secret_in_debug_is_logged_by_display() {
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
