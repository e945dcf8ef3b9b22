//! The one error of this crate.

mod answer;
mod redacted;

use std::{error::Error as StdError, io, time::Duration};

/// What an operation could not do, and what to do about it.
///
/// Ask with the `is_*` questions rather than by matching: more than one variant may answer to the
/// same question, and variants may be added.
///
/// No error that a client or a layer gives holds the API key, nor do its sources: pieces of 8 characters and more are
/// replaced by `[redacted]`, as are their percent-, JSON-, HTML-, base64- and hex-encoded forms. Sources are therefore
/// copies of what was said, and cannot be downcast. What is quoted of an answer or of an argument is cut to
/// [`Error::MAX_QUOTED_BYTES`].
///
/// ```
/// use promptlayer_tracing::{Client, Env};
///
/// let error = Client::builder().env(Env::empty()).build().unwrap_err();
/// assert!(error.is_missing_api_key());
/// assert!(error.to_string().contains("PROMPTLAYER_API_KEY"));
/// ```
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
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
    #[non_exhaustive]
    InvalidBaseUrl {
        /// The URL as given, without any credentials it held.
        value: String,
        /// What is wrong with it.
        reason: String,
    },

    /// The time-out cannot be used.
    #[error(
        "invalid time-out `{value}`: PROMPTLAYER_HTTP_TIMEOUT and `.timeout(…)` take a number of \
         seconds greater than zero, such as 2.5"
    )]
    #[non_exhaustive]
    InvalidTimeout {
        /// The value as given.
        value: String,
    },

    /// A text is not the id it should be.
    #[error("invalid {what} `{value}`: expected {expected}")]
    #[non_exhaustive]
    InvalidId {
        /// Which id.
        what: &'static str,
        /// The text as given.
        value: String,
        /// What it should look like.
        expected: &'static str,
    },

    /// A tag cannot be used.
    #[error("invalid tag `{tag}`: {reason}")]
    #[non_exhaustive]
    InvalidTag {
        /// The tag as given.
        tag: String,
        /// What is wrong with it.
        reason: &'static str,
    },

    /// A score is not between 0 and 100.
    #[error("invalid score {value}: a score is a whole number from 0 to 100")]
    #[non_exhaustive]
    InvalidScore {
        /// The score as given.
        value: String,
    },

    /// A metadata key cannot be used.
    #[error("invalid metadata key `{key}`: {reason}")]
    #[non_exhaustive]
    InvalidMetadata {
        /// The key as given.
        key: String,
        /// What is wrong with it.
        reason: &'static str,
    },

    /// Another argument cannot be used.
    #[error("invalid {what}: {reason}")]
    #[non_exhaustive]
    InvalidArgument {
        /// Which argument.
        what: &'static str,
        /// What is wrong with it.
        reason: String,
    },

    /// A value could not be written as JSON.
    #[error("cannot write {what} as JSON: {source}")]
    #[non_exhaustive]
    Encode {
        /// What was to be written.
        what: &'static str,
        /// Why not.
        source: serde_json::Error,
    },

    /// A template could not be rendered.
    #[error("cannot render template `{template}`: {reason}")]
    #[non_exhaustive]
    Render {
        /// The template's name.
        template: String,
        /// What is wrong, with the variable it is about.
        reason: String,
    },

    /// The HTTP client could not be set up.
    #[error(
        "cannot set up the HTTP client: {source}; TLS needs the root certificates of the system \
         (on Linux, the package `ca-certificates`)"
    )]
    #[non_exhaustive]
    HttpSetup {
        /// Why not.
        source: Box<dyn StdError + Send + Sync>,
    },

    /// A request was awaited outside a tokio runtime.
    #[error(
        "no tokio runtime: await PromptLayer's requests inside one, or use `.enqueue()` where there \
         is none"
    )]
    NoRuntime,

    /// A thread of the export pipeline could not be started.
    #[error("cannot start the thread `{name}`: {source}")]
    #[non_exhaustive]
    ThreadStart {
        /// The thread's name.
        name: &'static str,
        /// Why not.
        source: io::Error,
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

    /// This process is a fork of the one that built the layer, and the export pipeline did not come along.
    #[error(
        "this process was forked from the one that built the layer, whose export pipeline stayed there: calls are \
         counted as dropped; build a layer and a guard after the fork"
    )]
    Forked,

    /// Another layer of this crate in the same subscriber was there first.
    #[error(
        "another PromptLayer layer in the same subscriber records its spans, so this one records nothing: install \
         one layer a subscriber"
    )]
    SecondLayer,

    /// The spool cannot be opened, written to, or read.
    #[error("the spool: {source}")]
    #[non_exhaustive]
    Spool {
        /// What is wrong, with which file or folder.
        source: Box<dyn StdError + Send + Sync>,
    },

    /// The service took a span, and left its request out.
    #[error(
        "the request of `{function}` was not logged: PromptLayer has no prompt template `{prompt}`; publish \
         it, or correct the attribute's `prompt`"
    )]
    #[non_exhaustive]
    PromptMissing {
        /// The name of the template.
        prompt: String,
        /// The function that made the request.
        function: String,
    },

    /// No connection could be made, so the request was surely not processed.
    #[error("cannot connect for {request}: {}", root_cause(.source.as_ref()))]
    #[non_exhaustive]
    Connect {
        /// Method and path of the request.
        request: String,
        /// Why not.
        source: Box<dyn StdError + Send + Sync>,
    },

    /// No complete answer came in time. Whether the request was processed is not known.
    #[error(
        "no complete answer to {request} within {timeout:?}; PROMPTLAYER_HTTP_TIMEOUT or \
         `.timeout(…)` gives it longer"
    )]
    #[non_exhaustive]
    Timeout {
        /// Method and path of the request.
        request: String,
        /// The time-out, of connection and answer together.
        timeout: Duration,
        /// What was being waited for.
        source: Box<dyn StdError + Send + Sync>,
    },

    /// The connection broke. Whether the request was processed is not known.
    #[error("the connection broke during {request}: {}", root_cause(.source.as_ref()))]
    #[non_exhaustive]
    Broken {
        /// Method and path of the request.
        request: String,
        /// How.
        source: Box<dyn StdError + Send + Sync>,
    },

    /// The service refused the request.
    #[error("{request} was answered with status {status}{}", detail(message, *status))]
    #[non_exhaustive]
    Status {
        /// Method and path of the request.
        request: String,
        /// The HTTP status.
        status: u16,
        /// What the service said, as text, cut to [`Error::MAX_QUOTED_BYTES`].
        message: String,
        /// How long the service asks to wait before the next attempt.
        retry_after: Option<Duration>,
    },

    /// The service answered that it did not do what it was asked for, with a status of success.
    #[error("{request} was declined: {message}")]
    #[non_exhaustive]
    Declined {
        /// Method and path of the request.
        request: String,
        /// What the service said, as text, cut to [`Error::MAX_QUOTED_BYTES`].
        message: String,
    },

    /// The service accepted a request with spans, and does not have them.
    #[error(
        "{request} was answered with success, but {count} of its spans cannot be found at PromptLayer: their \
         outcome is unknown, and they are not sent again"
    )]
    #[non_exhaustive]
    Unconfirmed {
        /// Method and path of the request.
        request: String,
        /// The number of spans.
        count: usize,
    },

    /// The service refuses one item again and again, and accepts others.
    #[error("{item} was given up, since PromptLayer refuses it and accepts others: {source}")]
    #[non_exhaustive]
    Quarantined {
        /// What was given up: the function that made the request, the span, or the path of the call.
        item: String,
        /// The last answer.
        source: Box<Self>,
    },

    /// The service accepted the request, but its answer cannot be read.
    #[error("{request} was accepted, but its answer cannot be read: {source}; it began with `{body}`")]
    #[non_exhaustive]
    UnreadableAnswer {
        /// Method and path of the request.
        request: String,
        /// The beginning of the answer, cut to [`Error::MAX_QUOTED_BYTES`].
        body: String,
        /// Why not.
        source: serde_json::Error,
    },
}

impl Error {
    /// The most that an error quotes of an answer or of an argument, in bytes.
    pub const MAX_QUOTED_BYTES: usize = 1024;
    /// The most that an error quotes of a short argument such as a tag, in bytes.
    const MAX_ARGUMENT_BYTES: usize = 128;

    /// Whether no API key was given.
    pub fn is_missing_api_key(&self) -> bool {
        matches!(self, Self::MissingApiKey)
    }

    /// Whether an argument or a setting was refused before anything was sent.
    pub fn is_invalid_input(&self) -> bool {
        matches!(
            self,
            Self::InvalidApiKey
                | Self::InvalidBaseUrl { .. }
                | Self::InvalidTimeout { .. }
                | Self::InvalidId { .. }
                | Self::InvalidTag { .. }
                | Self::InvalidScore { .. }
                | Self::InvalidMetadata { .. }
                | Self::InvalidArgument { .. }
                | Self::Encode { .. }
        )
    }

    /// Whether a template could not be rendered.
    pub fn is_render(&self) -> bool {
        matches!(self, Self::Render { .. })
    }

    /// Whether the service does not accept the API key (401 or 403).
    pub fn is_unauthorized(&self) -> bool {
        matches!(self.status(), Some(401 | 403))
    }

    /// Whether what was asked for does not exist (404).
    pub fn is_not_found(&self) -> bool {
        self.status() == Some(404)
    }

    /// Whether the service found the request invalid (400 or 422, or a success in name only).
    pub fn is_rejected(&self) -> bool {
        matches!(self, Self::Declined { .. }) || matches!(self.status(), Some(400 | 422))
    }

    /// Whether the request collides with what is there already (409).
    pub fn is_conflict(&self) -> bool {
        self.status() == Some(409)
    }

    /// Whether there were too many requests (429); see [`Error::retry_after`].
    pub fn is_rate_limited(&self) -> bool {
        self.status() == Some(429)
    }

    /// Whether the service failed (500 to 599).
    pub fn is_server_error(&self) -> bool {
        matches!(self.status(), Some(500..=599))
    }

    /// Whether the answer was a redirect, which is never followed: it can carry the key to another
    /// host.
    pub fn is_redirect(&self) -> bool {
        matches!(self.status(), Some(300..=399))
    }

    /// Whether no complete answer came in time.
    pub fn is_timeout(&self) -> bool {
        matches!(self, Self::Timeout { .. })
    }

    /// Whether no connection could be made, so that the request was surely not processed.
    pub fn is_connect(&self) -> bool {
        matches!(self, Self::Connect { .. })
    }

    /// Whether the connection broke after it was made.
    pub fn is_broken(&self) -> bool {
        matches!(self, Self::Broken { .. })
    }

    /// Whether the service accepted the request, but its answer cannot be read.
    pub fn is_unreadable_answer(&self) -> bool {
        matches!(self, Self::UnreadableAnswer { .. })
    }

    /// Whether spans that the service accepted cannot be found there.
    pub fn is_unconfirmed(&self) -> bool {
        matches!(self, Self::Unconfirmed { .. })
    }

    /// Whether one item was given up because the service refuses it and accepts others.
    pub fn is_quarantined(&self) -> bool {
        matches!(self, Self::Quarantined { .. })
    }

    /// Whether the export pipeline has been shut down.
    pub fn is_closed(&self) -> bool {
        matches!(self, Self::Closed)
    }

    /// Whether the export pipeline's queue is full.
    pub fn is_queue_full(&self) -> bool {
        matches!(self, Self::QueueFull)
    }

    /// The HTTP status, if the service refused the request.
    pub fn status(&self) -> Option<u16> {
        match self {
            Self::Status { status, .. } => Some(*status),
            Self::Quarantined { source, .. } => source.status(),
            _ => None,
        }
    }

    /// How long the service asks to wait before the next attempt, if it does.
    pub fn retry_after(&self) -> Option<Duration> {
        match self {
            Self::Status { retry_after, .. } => *retry_after,
            _ => None,
        }
    }

    pub(crate) fn invalid_id(what: &'static str, value: &str, expected: &'static str) -> Self {
        let value = cut(value, Self::MAX_ARGUMENT_BYTES).to_owned();
        Self::InvalidId { what, value, expected }
    }

    pub(crate) fn invalid_tag(tag: &str, reason: &'static str) -> Self {
        let tag = cut(tag, Self::MAX_ARGUMENT_BYTES).to_owned();
        Self::InvalidTag { tag, reason }
    }

    pub(crate) fn invalid_metadata(key: &str, reason: &'static str) -> Self {
        let key = cut(key, Self::MAX_ARGUMENT_BYTES).to_owned();
        Self::InvalidMetadata { key, reason }
    }

    pub(crate) fn invalid_argument(what: &'static str, reason: impl Into<String>) -> Self {
        Self::InvalidArgument { what, reason: reason.into() }
    }
}

/// The longest beginning of `text` that has at most `limit` bytes and ends between two characters.
pub(crate) fn cut(text: &str, limit: usize) -> &str {
    if text.len() <= limit {
        return text;
    }
    // A character has at most four bytes, so this looks at four ends at most.
    (0..=limit).rev().find_map(|end| text.get(..end)).unwrap_or_default()
}

/// What comes after the status in a message: what the service said, and what to do.
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

/// The last of a chain of errors: with connections, the one that says what happened.
fn root_cause(error: &(dyn StdError + Send + Sync)) -> String {
    let mut cause: &dyn StdError = error;
    while let Some(next) = cause.source() {
        cause = next;
    }
    cause.to_string()
}
