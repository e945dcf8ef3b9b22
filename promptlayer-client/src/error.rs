//! The error type of this crate.

mod answer;
mod redacted;

use std::convert::Infallible;
use std::error::Error as StdError;
use std::fmt;
use std::time::Duration;

use promptlayer_blueprint::{InvalidScore, InvalidTag, ParseIdError};

/// An error of this crate. The message says what failed and what to do about it.
///
/// Use the `is_*` methods instead of matching on variants: one method may cover several variants, and
/// variants may be added.
///
/// Errors of a client or a layer never contain the API key, and neither do their sources. Fragments of the
/// key of 8 or more characters are replaced by `[redacted]`, also in percent, JSON, HTML, base64 and hex
/// encoding. Sources are therefore text copies of the original errors and cannot be downcast. Quotes of a
/// response or of an argument are limited to [`Error::MAX_QUOTED_BYTES`].
///
/// ```
/// use std::time::Duration;
///
/// use promptlayer_client::{Client, Error, RequestId};
///
/// /// Scores a request. Waits and tries again, once, if that can help.
/// async fn score(client: &Client, id: RequestId) -> Result<(), Error> {
///     let Err(error) = client.track().score(id, 100).await else { return Ok(()) };
///     // PromptLayer did not process the request. After `is_timeout` or `is_broken`, it may have.
///     let can_retry = error.is_rate_limited() || error.is_connect();
///     if !can_retry {
///         return Err(error);
///     }
///     tokio::time::sleep(error.retry_after().unwrap_or(Duration::from_secs(1))).await;
///     client.track().score(id, 100).await
/// }
/// # fn main() -> Result<(), Error> {
/// # let client = Client::builder().api_key("pl_123").base_url("http://127.0.0.1:9").build()?;
/// # let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
/// # if let Ok(runtime) = runtime {
/// #     let scored = runtime.block_on(score(&client, RequestId::new(1001)));
/// #     assert!(scored.is_err_and(|error| error.is_connect()));
/// # }
/// # Ok(())
/// # }
/// ```
pub struct Error(Box<Repr>);

/// The kind of an [`Error`].
///
/// ```
/// use promptlayer_client::{Client, Env, ErrorKind};
///
/// # let env = Env::empty();
/// match Client::builder().env(env).build() {
///     Ok(client) => println!("{}", client.base_url()),
///     Err(error) => match error.kind() {
///         ErrorKind::MissingApiKey => println!("set PROMPTLAYER_API_KEY"),
///         ErrorKind::InvalidInput => println!("correct the settings: {error}"),
///         _ => println!("{error}"),
///     },
/// }
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum ErrorKind {
    /// No API key was given.
    MissingApiKey,
    /// An argument or a setting is invalid. Nothing was sent.
    InvalidInput,
    /// A template cannot be rendered.
    Render,
    /// The HTTP client cannot be set up.
    HttpSetup,
    /// A request was awaited outside a tokio runtime.
    NoRuntime,
    /// The export pipeline has been shut down.
    Closed,
    /// The queue of the export pipeline is full.
    QueueFull,
    /// This process is a fork of the one that built the layer.
    Forked,
    /// No connection could be made. The request was not processed.
    Connect,
    /// No complete response came within the time-out. Whether the request was processed is unknown.
    Timeout,
    /// The connection broke. Whether the request was processed is unknown.
    Broken,
    /// The service refused the request; see [`Error::status`].
    Status,
    /// The service answered with a status of success that it did not do what was asked.
    Declined,
    /// The service accepted the request, but its response cannot be read.
    UnreadableResponse,
}

#[derive(Debug, thiserror::Error)]
pub(crate) enum Repr {
    /// No API key was given.
    #[error(
        "no PromptLayer API key: set the environment variable PROMPTLAYER_API_KEY, or give one to \
         the builder with `.api_key(…)`"
    )]
    MissingApiKey,

    /// The API key cannot be sent as an HTTP header.
    #[error(
        "the PromptLayer API key holds a character that no HTTP header can carry (a line break, a \
         control character, or one outside ASCII): copy it again from the settings page"
    )]
    InvalidApiKey,

    /// The base URL cannot be used.
    #[error("invalid base URL `{value}`: {reason}")]
    InvalidBaseUrl {
        /// The URL as given, without credentials.
        value: String,
        /// What is wrong with it.
        reason: String,
    },

    /// The time-out cannot be used.
    #[error(
        "invalid time-out `{value}`: PROMPTLAYER_HTTP_TIMEOUT and `.timeout(…)` take a number of \
         seconds greater than zero, such as 2.5"
    )]
    InvalidTimeout {
        /// The value as given.
        value: String,
    },

    /// A text cannot be parsed as an id.
    #[error(transparent)]
    InvalidId(#[from] ParseIdError),

    /// A tag cannot be used.
    #[error(transparent)]
    InvalidTag(#[from] InvalidTag),

    /// A score is not a whole number from 0 to 100.
    #[error(transparent)]
    InvalidScore(#[from] InvalidScore),

    /// A metadata key cannot be used.
    #[error("invalid metadata key `{key}`: {reason}")]
    InvalidMetadata {
        /// The key as given.
        key: String,
        /// What is wrong with it.
        reason: &'static str,
    },

    /// An argument cannot be used.
    #[error("invalid {what}: {reason}")]
    InvalidArgument {
        /// The argument.
        what: &'static str,
        /// What is wrong with it.
        reason: String,
    },

    /// A value cannot be serialized as JSON.
    #[error("cannot write {what} as JSON")]
    Encode {
        /// The value.
        what: &'static str,
        /// The cause.
        source: serde_json::Error,
    },

    /// A template cannot be rendered.
    #[cfg_attr(not(feature = "templates"), allow(dead_code, reason = "only templates are rendered"))]
    #[error("cannot render template `{template}`: {reason}")]
    Render {
        /// The template's name.
        template: String,
        /// What is wrong, with the name of the variable.
        reason: String,
    },

    /// The HTTP client cannot be created.
    #[error(
        "cannot set up the HTTP client; TLS needs the root certificates of the system \
         (on Linux, the package `ca-certificates`)"
    )]
    HttpSetup {
        /// The cause.
        source: Box<dyn StdError + Send + Sync>,
    },

    /// A request was awaited outside a tokio runtime.
    #[error(
        "no tokio runtime: await PromptLayer's requests inside one, or use `.enqueue()` where there \
         is none"
    )]
    NoRuntime,

    /// A call cannot be waited for outside of async code.
    #[cfg(feature = "blocking")]
    #[error("cannot wait for the call: {reason}")]
    CannotWait {
        /// The reason.
        reason: &'static str,
    },

    /// The export pipeline has been shut down.
    #[error("the export pipeline has been shut down: nothing more can be enqueued")]
    Closed,

    /// The queue of the export pipeline is full.
    #[error(
        "the export queue is full: give it more room with `.queue(…)` on the layer's builder, or \
         await the action instead of enqueueing it"
    )]
    QueueFull,

    /// This process is a fork of the one that built the layer. The export pipeline runs only in the original
    /// process.
    #[error(
        "this process was forked from the one that built the layer, whose export pipeline stayed there: calls are \
         counted as dropped; build a layer and a guard after the fork"
    )]
    Forked,

    /// No connection could be made, so the request was not processed.
    #[error("cannot connect for {request}")]
    Connect {
        /// Method and path of the request.
        request: String,
        /// The cause.
        source: Box<dyn StdError + Send + Sync>,
    },

    /// No complete response arrived within the time-out. It is not known whether the request was processed.
    #[error(
        "no complete answer to {request} within {timeout:?}; PROMPTLAYER_HTTP_TIMEOUT or \
         `.timeout(…)` gives it longer"
    )]
    Timeout {
        /// Method and path of the request.
        request: String,
        /// The time-out, which covers connecting and the response.
        timeout: Duration,
        /// The operation that timed out.
        source: Box<dyn StdError + Send + Sync>,
    },

    /// The connection broke. It is not known whether the request was processed.
    #[error("the connection broke during {request}")]
    Broken {
        /// Method and path of the request.
        request: String,
        /// The cause.
        source: Box<dyn StdError + Send + Sync>,
    },

    /// PromptLayer answered with an error status.
    #[error("{request} was answered with status {status}{}", detail(message, *status))]
    Status {
        /// Method and path of the request.
        request: String,
        /// The HTTP status.
        status: u16,
        /// The body of the response as text, cut to [`Error::MAX_QUOTED_BYTES`].
        message: String,
        /// The wait before the next attempt that the response asks for.
        retry_after: Option<Duration>,
    },

    /// PromptLayer answered with a success status, but its body says that the request failed.
    #[error("{request} was declined: {message}")]
    Declined {
        /// Method and path of the request.
        request: String,
        /// The body of the response as text, cut to [`Error::MAX_QUOTED_BYTES`].
        message: String,
    },

    /// PromptLayer accepted the request, but its response cannot be parsed.
    #[error("{request} was accepted, but its answer cannot be read; it began with `{body}`")]
    UnreadableAnswer {
        /// Method and path of the request.
        request: String,
        /// The start of the response, cut to [`Error::MAX_QUOTED_BYTES`].
        body: String,
        /// The cause.
        source: serde_json::Error,
    },
}

impl Error {
    /// The most that an error quotes of a response or of an argument, in bytes.
    pub const MAX_QUOTED_BYTES: usize = 1024;
    /// The most that an error quotes of a short argument such as a metadata key, in bytes.
    const MAX_ARGUMENT_BYTES: usize = 128;

    /// Returns the kind of the error.
    pub fn kind(&self) -> ErrorKind {
        match &*self.0 {
            Repr::MissingApiKey => ErrorKind::MissingApiKey,
            Repr::InvalidApiKey
            | Repr::InvalidBaseUrl { .. }
            | Repr::InvalidTimeout { .. }
            | Repr::InvalidId(_)
            | Repr::InvalidTag(_)
            | Repr::InvalidScore(_)
            | Repr::InvalidMetadata { .. }
            | Repr::InvalidArgument { .. }
            | Repr::Encode { .. } => ErrorKind::InvalidInput,
            Repr::Render { .. } => ErrorKind::Render,
            Repr::HttpSetup { .. } => ErrorKind::HttpSetup,
            Repr::NoRuntime => ErrorKind::NoRuntime,
            #[cfg(feature = "blocking")]
            Repr::CannotWait { .. } => ErrorKind::NoRuntime,
            Repr::Closed => ErrorKind::Closed,
            Repr::QueueFull => ErrorKind::QueueFull,
            Repr::Forked => ErrorKind::Forked,
            Repr::Connect { .. } => ErrorKind::Connect,
            Repr::Timeout { .. } => ErrorKind::Timeout,
            Repr::Broken { .. } => ErrorKind::Broken,
            Repr::Status { .. } => ErrorKind::Status,
            Repr::Declined { .. } => ErrorKind::Declined,
            Repr::UnreadableAnswer { .. } => ErrorKind::UnreadableResponse,
        }
    }

    /// Returns `true` if no API key was given.
    pub fn is_missing_api_key(&self) -> bool {
        self.kind() == ErrorKind::MissingApiKey
    }

    /// Returns `true` if an argument or a setting was rejected before anything was sent.
    pub fn is_invalid_input(&self) -> bool {
        self.kind() == ErrorKind::InvalidInput
    }

    /// Returns `true` if a template could not be rendered.
    pub fn is_render(&self) -> bool {
        self.kind() == ErrorKind::Render
    }

    /// Returns `true` if PromptLayer does not accept the API key (status 401 or 403).
    pub fn is_unauthorized(&self) -> bool {
        matches!(self.status(), Some(401 | 403))
    }

    /// Returns `true` if the requested item does not exist (status 404).
    pub fn is_not_found(&self) -> bool {
        self.status() == Some(404)
    }

    /// Returns `true` if PromptLayer rejected the request as invalid: status 400 or 422, or a success status
    /// with a body that says that it failed.
    pub fn is_rejected(&self) -> bool {
        self.kind() == ErrorKind::Declined || matches!(self.status(), Some(400 | 422))
    }

    /// Returns `true` if the request conflicts with existing data (status 409).
    pub fn is_conflict(&self) -> bool {
        self.status() == Some(409)
    }

    /// Returns `true` if there were too many requests (status 429). See [`Error::retry_after`].
    pub fn is_rate_limited(&self) -> bool {
        self.status() == Some(429)
    }

    /// Returns `true` if PromptLayer failed (status 500 to 599).
    pub fn is_server_error(&self) -> bool {
        matches!(self.status(), Some(500..=599))
    }

    /// Returns `true` if the response was a redirect. The client never follows redirects, because a redirect
    /// can send the key to another host.
    pub fn is_redirect(&self) -> bool {
        matches!(self.status(), Some(300..=399))
    }

    /// Returns `true` if no complete response arrived within the time-out.
    pub fn is_timeout(&self) -> bool {
        self.kind() == ErrorKind::Timeout
    }

    /// Returns `true` if no connection could be made, so that the request was not processed.
    pub fn is_connect(&self) -> bool {
        self.kind() == ErrorKind::Connect
    }

    /// Returns `true` if the connection broke after it was made.
    pub fn is_broken(&self) -> bool {
        self.kind() == ErrorKind::Broken
    }

    /// Returns `true` if the service accepted the request, but its response cannot be read.
    pub fn is_unreadable_response(&self) -> bool {
        self.kind() == ErrorKind::UnreadableResponse
    }

    /// Returns `true` if the export pipeline has been shut down.
    pub fn is_closed(&self) -> bool {
        self.kind() == ErrorKind::Closed
    }

    /// Returns `true` if the queue of the export pipeline is full.
    pub fn is_queue_full(&self) -> bool {
        self.kind() == ErrorKind::QueueFull
    }

    /// Returns the HTTP status, if PromptLayer answered with an error status.
    pub fn status(&self) -> Option<u16> {
        match &*self.0 {
            Repr::Status { status, .. } => Some(*status),
            _ => None,
        }
    }

    /// Returns the wait before the next attempt, if the response asks for one.
    pub fn retry_after(&self) -> Option<Duration> {
        match &*self.0 {
            Repr::Status { retry_after, .. } => *retry_after,
            _ => None,
        }
    }

    #[cfg(test)]
    pub(crate) fn repr(&self) -> &Repr {
        &self.0
    }

    pub(crate) fn invalid_metadata(key: &str, reason: &'static str) -> Self {
        let key = cut(key, Self::MAX_ARGUMENT_BYTES).to_owned();
        Repr::InvalidMetadata { key, reason }.into()
    }

    pub(crate) fn encode(what: &'static str, source: serde_json::Error) -> Self {
        Repr::Encode { what, source }.into()
    }

    pub(crate) fn invalid_argument(what: &'static str, reason: impl Into<String>) -> Self {
        Repr::InvalidArgument { what, reason: reason.into() }.into()
    }
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(&self.0, f)
    }
}

impl fmt::Debug for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Debug::fmt(&self.0, f)
    }
}

impl StdError for Error {
    fn source(&self) -> Option<&(dyn StdError + 'static)> {
        self.0.source()
    }
}

impl From<Repr> for Error {
    fn from(repr: Repr) -> Self {
        Self(Box::new(repr))
    }
}

macro_rules! from_input {
    ($($error:ident),*) => {$(
        impl From<$error> for Error {
            fn from(error: $error) -> Self {
                Repr::from(error).into()
            }
        }
    )*};
}

from_input!(ParseIdError, InvalidTag, InvalidScore);

/// Lets a [`Score`](promptlayer_blueprint::Score) stand where a number is taken that may not be a score.
impl From<Infallible> for Error {
    fn from(never: Infallible) -> Self {
        match never {}
    }
}

/// Returns the longest prefix of `text` that has at most `limit` bytes and ends at a character boundary.
pub fn cut(text: &str, limit: usize) -> &str {
    if text.len() <= limit {
        return text;
    }
    // A character has at most four bytes, so this tries at most four positions.
    (0..=limit).rev().find_map(|end| text.get(..end)).unwrap_or_default()
}

/// Returns the part of a message after the status: the body of the response, and what to do.
fn detail(message: &str, status: u16) -> String {
    let advice = match status {
        300..=399 => "redirects are not followed; check the base URL",
        401 | 403 => "check the API key and its workspace",
        429 => "send less, or wait as long as `retry_after` says",
        _ => "",
    };
    let mut text = String::new();
    for part in [message, advice] {
        if !part.is_empty() {
            text.push_str(": ");
            text.push_str(part);
        }
    }
    text
}
