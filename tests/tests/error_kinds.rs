//! The kind of an error is the one that the Python client of PromptLayer reports. The order of the checks is
//! the same: status, then type, then message.

#![allow(clippy::unwrap_used, reason = "a test fails where it cannot go on")]

use std::error::Error;
use std::net::TcpListener;
use std::time::Duration;
use std::{fmt, io};

use async_openai::error::{ApiError, ApiErrorResponse, OpenAIError, StreamError};
use promptlayer_tracing::blueprint::LogRequest;
use promptlayer_tracing::promptlayer;
use reqwest::{ResponseBuilderExt as _, StatusCode, Url};
use tests::error_vectors::ErrorVector;
use tests::in_memory::request_of;

/// Returns the log of a call that fails with an error of this type.
macro_rules! failed_with {
    ($error:ty, $value:expr) => {{
        #[promptlayer]
        fn ask(value: $error) -> Result<u8, $error> {
            Err(value)
        }
        request_of(|| drop(ask($value)))
    }};
}

/// Returns the error kind in the log of a call that fails with an error of this type.
macro_rules! kind_of {
    ($error:ty, $value:expr) => {
        kind(&failed_with!($error, $value))
    };
}

fn kind(log: &LogRequest) -> &'static str {
    log.error_type.unwrap().as_str()
}

type Boxed = Box<dyn Error + Send + Sync>;

/// Declares error types that display their content.
macro_rules! errors {
    ($($name:ident),*) => {$(
        #[derive(Debug)]
        struct $name(&'static str);
        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(self.0)
            }
        }
        impl Error for $name {}
    )*};
}

errors!(ReadTimeout, CallTimeoutError, MyRateLimitError, ValueError);

/// An error of an unknown library, with a status.
#[derive(Debug)]
struct Refused {
    #[allow(dead_code, reason = "its `Debug` is how it is read")]
    status_code: u16,
    message: &'static str,
}

impl fmt::Display for Refused {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.message)
    }
}

impl Error for Refused {}

fn refused(status_code: u16) -> Refused {
    Refused { status_code, message: "refused" }
}

fn openai(status: u16, message: &str) -> OpenAIError {
    let api_error = ApiError { message: message.to_owned(), ..ApiError::default() };
    OpenAIError::ApiError(ApiErrorResponse { status_code: StatusCode::from_u16(status).unwrap(), api_error })
}

/// Returns the error of reqwest for a response with this status.
fn answered(status: u16) -> reqwest::Error {
    let url = Url::parse("https://provider.test/v1/chat?key=sk-123").unwrap();
    let answer = http::Response::builder().status(status).url(url).body("").unwrap();
    reqwest::Response::from(answer).error_for_status().unwrap_err()
}

/// Returns the error of reqwest for a server that listens but does not answer, or for a closed port.
fn unanswered(is_there: bool) -> reqwest::Error {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let url = format!("http://{}/?key=sk-123", listener.local_addr().unwrap());
    let _listener = is_there.then_some(listener);
    let timeout = Duration::from_millis(if is_there { 20 } else { 60_000 });
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    runtime.block_on(async {
        let client = reqwest::Client::builder().no_proxy().timeout(timeout).build().unwrap();
        client.post(url).send().await.unwrap_err()
    })
}

fn elapsed() -> tokio::time::error::Elapsed {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_time().build().unwrap();
    runtime
        .block_on(async { tokio::time::timeout(Duration::ZERO, std::future::pending::<()>()).await })
        .unwrap_err()
}

/// Returns the kinds of the Rust errors that correspond to a case.
fn stand_ins(case: &str) -> Vec<&'static str> {
    match case {
        "openai.RateLimitError 429" => vec![kind_of!(OpenAIError, openai(429, "slow down"))],
        "openai.RateLimitError 429 'exceeded your current quota'" => {
            vec![
                kind_of!(OpenAIError, openai(429, "You exceeded your current quota")),
                kind_of!(Boxed, openai(429, "You exceeded your current quota").into()),
            ]
        }
        "openai.AuthenticationError 401" => vec![
            kind_of!(OpenAIError, openai(401, "Incorrect API key")),
            kind_of!(reqwest::Error, answered(401)),
            kind_of!(Boxed, answered(401).into()),
        ],
        "openai.PermissionDeniedError 403" => vec![
            kind_of!(OpenAIError, openai(403, "no")),
            kind_of!(reqwest::Error, answered(403)),
            kind_of!(OpenAIError, OpenAIError::Reqwest(answered(403))),
        ],
        "openai.BadRequestError 400" => vec![kind_of!(OpenAIError, openai(400, "rate limit"))],
        "openai.BadRequestError 400 'timeout'" => {
            vec![kind_of!(OpenAIError, openai(400, "timeout too small"))]
        }
        "openai.NotFoundError 404" => vec![kind_of!(OpenAIError, openai(404, "no model"))],
        "openai.InternalServerError 500" => {
            vec![kind_of!(OpenAIError, openai(500, "oops")), kind_of!(Boxed, answered(500).into())]
        }
        "openai.APITimeoutError" => vec![
            kind_of!(OpenAIError, OpenAIError::Reqwest(unanswered(true))),
            kind_of!(reqwest::Error, unanswered(true)),
            kind_of!(Boxed, unanswered(true).into()),
        ],
        "openai.APIConnectionError" => vec![
            kind_of!(OpenAIError, OpenAIError::Reqwest(unanswered(false))),
            kind_of!(Boxed, OpenAIError::Reqwest(unanswered(false)).into()),
        ],
        "any exc, status_code=402" => {
            vec![kind_of!(Refused, refused(402)), kind_of!(Boxed, refused(402).into())]
        }
        "any exc, status_code=429" => vec![
            kind_of!(Refused, refused(429)),
            kind_of!(Box<dyn Error>, refused(429).into()),
            kind_of!(io::Error, io::Error::other(refused(429))),
        ],
        "any exc, status_code=401" => vec![kind_of!(Refused, refused(401))],
        "any exc, status_code=500" => {
            vec![kind_of!(Refused, refused(500)), kind_of!(Boxed, refused(500).into())]
        }
        "builtin TimeoutError" => vec![
            kind_of!(io::Error, io::ErrorKind::TimedOut.into()),
            kind_of!(io::Error, io::Error::new(io::ErrorKind::TimedOut, "no answer")),
            kind_of!(Boxed, io::Error::from(io::ErrorKind::TimedOut).into()),
            kind_of!(tokio::time::error::Elapsed, elapsed()),
            kind_of!(Boxed, elapsed().into()),
        ],
        "httpx.ReadTimeout" => {
            vec![
                kind_of!(ReadTimeout, ReadTimeout("timed out")),
                kind_of!(Boxed, ReadTimeout("timed out").into()),
            ]
        }
        "class name contains TimeoutError" => {
            vec![
                kind_of!(CallTimeoutError, CallTimeoutError("no")),
                kind_of!(Boxed, CallTimeoutError("no").into()),
            ]
        }
        "class name contains RateLimitError" => {
            vec![
                kind_of!(MyRateLimitError, MyRateLimitError("no")),
                kind_of!(Boxed, MyRateLimitError("no").into()),
            ]
        }
        "provider module exc 'quota'" => {
            vec![kind_of!(OpenAIError, OpenAIError::InvalidArgument("the quota is used up".to_owned()))]
        }
        "provider module exc 'timeout'" => {
            let error = || StreamError::EventStream("timeout".to_owned());
            vec![kind_of!(OpenAIError, OpenAIError::StreamError(Box::new(error())))]
        }
        "provider module exc other" => {
            vec![kind_of!(OpenAIError, OpenAIError::InvalidArgument("no model".to_owned()))]
        }
        "ValueError 'quota'" => vec![
            kind_of!(ValueError, ValueError("quota: rate limit, timeout, status: 429, 401 unauthorized")),
            kind_of!(Boxed, "quota, 429".into()),
            kind_of!(String, "quota, 429".to_owned()),
        ],
        "ValueError" => {
            vec![
                kind_of!(std::num::ParseIntError, "x".parse::<u8>().unwrap_err()),
                kind_of!(ValueError, ValueError("no")),
            ]
        }
        other => panic!("no Rust error stands for {other}"),
    }
}

#[test]
fn error_kinds_match_the_python_client() {
    let vectors = ErrorVector::all();
    assert!(vectors.len() >= 23, "{vectors:#?}");
    let told: Vec<_> = vectors.iter().map(|vector| (&vector.case, stand_ins(&vector.case))).collect();
    let expected: Vec<_> = vectors
        .iter()
        .zip(&told)
        .map(|(vector, (_, kinds))| (&vector.case, vec![vector.kind.as_str(); kinds.len()]))
        .collect();
    assert_eq!(told, expected);
}

#[test]
fn status_precedes_type_and_type_precedes_message() {
    assert_eq!(
        stand_ins("openai.RateLimitError 429 'exceeded your current quota'"),
        ["PROVIDER_RATE_LIMIT"; 2]
    );
    assert_eq!(stand_ins("openai.BadRequestError 400 'timeout'"), ["PROVIDER_TIMEOUT"]);
    assert_eq!(stand_ins("openai.PermissionDeniedError 403"), ["PROVIDER_ERROR"; 3]);
    assert_eq!(stand_ins("any exc, status_code=402"), ["PROVIDER_QUOTA_LIMIT"; 2]);
    assert_eq!(stand_ins("any exc, status_code=500"), ["UNKNOWN_ERROR"; 2]);
    assert_eq!(stand_ins("builtin TimeoutError"), ["PROVIDER_TIMEOUT"; 5]);
    assert_eq!(stand_ins("class name contains RateLimitError"), ["PROVIDER_RATE_LIMIT"; 2]);
    assert_eq!(stand_ins("provider module exc 'quota'"), ["PROVIDER_QUOTA_LIMIT"]);
    assert_eq!(stand_ins("ValueError 'quota'"), ["UNKNOWN_ERROR"; 3]);
}

/// An error that wraps another one and does not repeat its message.
#[derive(Debug)]
struct NoAnswer<E>(E);

impl<E> fmt::Display for NoAnswer<E> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("no answer")
    }
}

impl<E: Error + 'static> Error for NoAnswer<E> {
    fn source(&self) -> Option<&(dyn Error + 'static)> {
        Some(&self.0)
    }
}

#[test]
fn status_is_found_in_a_source_and_the_url_hides_its_key() {
    for log in [
        failed_with!(NoAnswer<reqwest::Error>, NoAnswer(answered(429))),
        failed_with!(Boxed, NoAnswer(answered(429)).into()),
        failed_with!(NoAnswer<NoAnswer<reqwest::Error>>, NoAnswer(NoAnswer(answered(429)))),
    ] {
        assert_eq!(kind(&log), "PROVIDER_RATE_LIMIT");
        let message = log.error_message().unwrap();
        assert!(message.ends_with("for url (https://provider.test/v1/chat)"), "{message}");
        assert!(!format!("{log:?}").contains("sk-123"));
    }
}

#[test]
fn error_kind_is_found_in_the_source() {
    /// An error whose `Debug` output is a sentence.
    struct Opaque(reqwest::Error);
    impl fmt::Debug for Opaque {
        fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
            f.write_str("it failed")
        }
    }
    impl fmt::Display for Opaque {
        fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
            f.write_str("it failed")
        }
    }
    impl Error for Opaque {
        fn source(&self) -> Option<&(dyn Error + 'static)> {
            Some(&self.0)
        }
    }
    assert_eq!(kind_of!(Opaque, Opaque(answered(401))), "PROVIDER_AUTH_ERROR");
    assert_eq!(kind_of!(Opaque, Opaque(answered(503))), "PROVIDER_ERROR");
    assert_eq!(kind_of!(Opaque, Opaque(unanswered(true))), "PROVIDER_TIMEOUT");
}

#[test]
fn error_chain_is_logged_up_to_the_maximum_length() {
    let log = failed_with!(NoAnswer<Verbose>, NoAnswer(Verbose("é".repeat(2_000))));
    let message = log.error_message().unwrap();
    assert_eq!(message.chars().count(), LogRequest::MAX_ERROR_CHARACTERS);
    assert!(message.starts_with("no answer: éé"), "{message}");
}

/// An error with a long message.
#[derive(Debug)]
struct Verbose(String);

impl fmt::Display for Verbose {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl Error for Verbose {}
