//! The error of this crate.

use std::error::Error as StdError;
use std::time::Duration;
use std::{fmt, io};

use promptlayer_blueprint::{InvalidScore, InvalidTag, ParseIdError};
use promptlayer_client::exporter::Redactor;

/// The error of a layer or of its export pipeline.
///
/// Ask with the `is_*` questions, or match [`kind`](Self::kind). `Display` says what failed and what to do;
/// [`source`](StdError::source) says why. [`LayerBuilder::build`](crate::LayerBuilder::build) and
/// `ProxyBuilder::start` return it, and [`on_error`](crate::LayerBuilder::on_error) receives it.
///
/// An error of the REST client converts into this error, so `?` works for both. No error that a layer gives holds the
/// API key, and neither do its sources; see [`promptlayer_client::Error`].
///
/// ```
/// use promptlayer_tracing::client::Env;
///
/// // Without a key, the program runs without PromptLayer.
/// # let env = Env::empty();
/// let (layer, guard) = match promptlayer_tracing::layer().env(env).build() {
///     Ok((layer, guard)) => (Some(layer), Some(guard)),
///     Err(error) if error.is_missing_api_key() => (None, None),
///     Err(error) => return Err(error),
/// };
/// # assert!(layer.is_none() && guard.is_none());
/// # Ok::<(), promptlayer_tracing::Error>(())
/// ```
///
/// In the hook for errors:
///
/// ```
/// # let builder =
/// promptlayer_tracing::layer().on_error(|error| {
///     if error.is_unauthorized() {
///         eprintln!("PromptLayer refuses the API key: {error}");
///     } else if error.is_rate_limited() {
///         eprintln!("too many requests; retry after {:?}", error.retry_after());
///     } else if let Some(status) = error.status() {
///         eprintln!("status {status}: {error}");
///     } else {
///         eprintln!("{error}");
///     }
/// });
/// ```
pub struct Error(Box<Repr>);

/// The kind of an [`Error`].
///
/// ```
/// use promptlayer_tracing::{ErrorKind, client};
///
/// # let builder =
/// promptlayer_tracing::layer().on_error(|error| match error.kind() {
///     ErrorKind::Client(client::ErrorKind::Connect | client::ErrorKind::Timeout) => {} // retried
///     ErrorKind::SecondLayer => eprintln!("install one layer: {error}"),
///     _ => eprintln!("{error}"),
/// });
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum ErrorKind {
    /// An error of the REST client.
    Client(promptlayer_client::ErrorKind),
    /// A thread of the export pipeline cannot be started.
    ThreadStart,
    /// Another layer of this crate in the same subscriber records its spans.
    SecondLayer,
    /// The proxy of the feature `proxy` cannot be started.
    Proxy,
    /// The spool cannot be opened, written to or read.
    Spool,
    /// The service took a span and left its request out, since it does not have the prompt template.
    PromptMissing,
    /// The service accepted spans that it does not have.
    Unconfirmed,
    /// Scores were given to a call that has no request log with an id.
    ScoresLost,
    /// One item was given up because the service refuses it and accepts others.
    Quarantined,
    /// An OTLP endpoint accepted a request and rejected some of its spans.
    PartialSuccess,
    /// An OTLP endpoint accepted all spans of a request, with a warning. It is reported once.
    Warning,
}

#[derive(Debug, thiserror::Error)]
pub(crate) enum Repr {
    #[error(transparent)]
    Client(#[from] promptlayer_client::Error),

    #[error("cannot start the thread `{name}`")]
    ThreadStart { name: &'static str, source: io::Error },

    #[error(
        "another PromptLayer layer in the same subscriber records its spans, so this one records nothing: install \
         one layer per subscriber"
    )]
    SecondLayer,

    #[cfg(feature = "proxy")]
    #[error("the proxy cannot be started: {reason}")]
    Proxy { reason: &'static str, source: Option<Box<dyn StdError + Send + Sync>> },

    #[error("the spool failed")]
    Spool { source: Box<dyn StdError + Send + Sync> },

    #[error(
        "the request of `{function}` was not logged: PromptLayer has no prompt template `{prompt}`; publish \
         it, or correct the attribute's `prompt`"
    )]
    PromptMissing { prompt: String, function: String },

    #[error(
        "{request} was answered with success, but {count} of its spans cannot be found there: their \
         outcome is unknown, and they are not sent again"
    )]
    Unconfirmed { request: String, count: usize },

    #[error("scores of `{function}` were not sent ({count}): there is no request log with an id for them")]
    ScoresLost { function: &'static str, count: usize },

    #[cfg_attr(not(feature = "otlp"), allow(dead_code, reason = "OTLP has partial successes"))]
    #[error("{request} was accepted, but {rejected} of its {sent} spans were rejected: {message}")]
    PartialSuccess { request: String, rejected: usize, sent: usize, message: String },

    #[cfg_attr(not(feature = "otlp"), allow(dead_code, reason = "OTLP has warnings"))]
    #[error("{request} was accepted with a warning: {message}")]
    Warning { request: String, message: String },

    #[error("{item} was given up, since PromptLayer refuses it and accepts others")]
    Quarantined { item: String, source: Error },
}

impl Error {
    /// Returns the kind of the error.
    pub fn kind(&self) -> ErrorKind {
        match &*self.0 {
            Repr::Client(error) => ErrorKind::Client(error.kind()),
            Repr::ThreadStart { .. } => ErrorKind::ThreadStart,
            Repr::SecondLayer => ErrorKind::SecondLayer,
            #[cfg(feature = "proxy")]
            Repr::Proxy { .. } => ErrorKind::Proxy,
            Repr::Spool { .. } => ErrorKind::Spool,
            Repr::PromptMissing { .. } => ErrorKind::PromptMissing,
            Repr::Unconfirmed { .. } => ErrorKind::Unconfirmed,
            Repr::ScoresLost { .. } => ErrorKind::ScoresLost,
            Repr::Quarantined { .. } => ErrorKind::Quarantined,
            Repr::PartialSuccess { .. } => ErrorKind::PartialSuccess,
            Repr::Warning { .. } => ErrorKind::Warning,
        }
    }

    /// Returns the error of the REST client that this error is, or that led to it.
    pub fn as_client(&self) -> Option<&promptlayer_client::Error> {
        match &*self.0 {
            Repr::Client(error) => Some(error),
            Repr::Quarantined { source, .. } => source.as_client(),
            _ => None,
        }
    }

    fn asks_client(&self, ask: impl FnOnce(&promptlayer_client::Error) -> bool) -> bool {
        matches!(&*self.0, Repr::Client(error) if ask(error))
    }

    /// Returns `true` if no API key was given.
    pub fn is_missing_api_key(&self) -> bool {
        self.asks_client(promptlayer_client::Error::is_missing_api_key)
    }

    /// Returns `true` if an argument or a setting was refused before anything was sent.
    pub fn is_invalid_input(&self) -> bool {
        self.asks_client(promptlayer_client::Error::is_invalid_input)
    }

    /// Returns `true` if the service does not accept the API key (401 or 403).
    pub fn is_unauthorized(&self) -> bool {
        matches!(self.status(), Some(401 | 403))
    }

    /// Returns `true` if the service found the request invalid (400 or 422, or a success in name only).
    pub fn is_rejected(&self) -> bool {
        self.asks_client(promptlayer_client::Error::is_rejected)
    }

    /// Returns `true` if there were too many requests (429); see [`Error::retry_after`].
    pub fn is_rate_limited(&self) -> bool {
        self.status() == Some(429)
    }

    /// Returns `true` if the service failed (500 to 599).
    pub fn is_server_error(&self) -> bool {
        matches!(self.status(), Some(500..=599))
    }

    /// Returns `true` if no complete response came within the timeout.
    pub fn is_timeout(&self) -> bool {
        self.asks_client(promptlayer_client::Error::is_timeout)
    }

    /// Returns `true` if no connection could be made, so that the request was not processed.
    pub fn is_connect(&self) -> bool {
        self.asks_client(promptlayer_client::Error::is_connect)
    }

    /// Returns `true` if the connection broke after it was made.
    pub fn is_broken(&self) -> bool {
        self.asks_client(promptlayer_client::Error::is_broken)
    }

    /// Returns `true` if the service accepted the request, but its response cannot be read.
    pub fn is_unreadable_response(&self) -> bool {
        self.asks_client(promptlayer_client::Error::is_unreadable_response)
    }

    /// Returns `true` if the export pipeline has been shut down.
    pub fn is_closed(&self) -> bool {
        self.asks_client(promptlayer_client::Error::is_closed)
    }

    /// Returns `true` if the export pipeline's queue is full.
    pub fn is_queue_full(&self) -> bool {
        self.asks_client(promptlayer_client::Error::is_queue_full)
    }

    /// Returns `true` if spans that the service accepted cannot be found there.
    pub fn is_unconfirmed(&self) -> bool {
        self.kind() == ErrorKind::Unconfirmed
    }

    /// Returns `true` if one item was given up because the service refuses it and accepts others.
    pub fn is_quarantined(&self) -> bool {
        self.kind() == ErrorKind::Quarantined
    }

    /// Returns the HTTP status, if the service refused the request, or the item that was given up.
    pub fn status(&self) -> Option<u16> {
        self.as_client()?.status()
    }

    /// Returns how long the service asks to wait before the next attempt, if it does.
    pub fn retry_after(&self) -> Option<Duration> {
        self.as_client()?.retry_after()
    }

    /// Removes the API key from the texts of the error and from its sources.
    #[must_use]
    pub(crate) fn redacted(mut self, redactor: &Redactor) -> Self {
        let redact = |text: &mut String| *text = redactor.text(text);
        self.0 = Box::new(match *self.0 {
            Repr::Client(error) => Repr::Client(error.redacted(redactor)),
            Repr::ThreadStart { name, source } => Repr::ThreadStart { name, source: redactor.io(source) },
            Repr::SecondLayer => Repr::SecondLayer,
            #[cfg(feature = "proxy")]
            Repr::Proxy { reason, source } => {
                Repr::Proxy { reason, source: source.map(|source| redactor.cause(&*source).into()) }
            }
            Repr::Spool { source } => Repr::Spool { source: Box::new(redactor.cause(&*source)) },
            Repr::PromptMissing { mut prompt, mut function } => {
                redact(&mut prompt);
                redact(&mut function);
                Repr::PromptMissing { prompt, function }
            }
            Repr::Unconfirmed { mut request, count } => {
                redact(&mut request);
                Repr::Unconfirmed { request, count }
            }
            Repr::ScoresLost { function, count } => Repr::ScoresLost { function, count },
            Repr::PartialSuccess { mut request, rejected, sent, mut message } => {
                redact(&mut request);
                redact(&mut message);
                Repr::PartialSuccess { request, rejected, sent, message }
            }
            Repr::Warning { mut request, mut message } => {
                redact(&mut request);
                redact(&mut message);
                Repr::Warning { request, message }
            }
            Repr::Quarantined { mut item, source } => {
                redact(&mut item);
                Repr::Quarantined { item, source: source.redacted(redactor) }
            }
        });
        self
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

impl From<promptlayer_client::Error> for Error {
    fn from(error: promptlayer_client::Error) -> Self {
        Repr::Client(error).into()
    }
}

macro_rules! from_input {
    ($($error:ident),*) => {$(
        impl From<$error> for Error {
            fn from(error: $error) -> Self {
                promptlayer_client::Error::from(error).into()
            }
        }
    )*};
}

from_input!(ParseIdError, InvalidTag, InvalidScore);

/// The error and its sources on one line.
pub(crate) fn chain(error: &(dyn StdError + 'static)) -> String {
    let mut text = error.to_string();
    let mut source = error.source();
    while let Some(cause) = source {
        text.push_str(": ");
        text.push_str(&cause.to_string());
        source = cause.source();
    }
    text
}
