//! PromptLayer's REST API: tracking of scores and metadata, prompt templates, groups, and reading requests back.
//!
//! ```no_run
//! use promptlayer_client::{Client, RequestId};
//!
//! # async fn example() -> Result<(), promptlayer_client::Error> {
//! let client = Client::from_env()?;
//! let template = client.templates().get("example").label("prod").await?;
//! let prompt = template.format([("topic", "toasters")])?;
//! println!("{prompt}");
//! client.track().score(RequestId::new(1001), 100).await?;
//! # Ok(())
//! # }
//! ```
//!
//! Programs that trace their model calls use `promptlayer-tracing`, which re-exports this crate as its module `client`.

mod body;
mod clock;
mod config;
mod error;
mod groups;
mod http;
mod redact;
mod report;
mod requests;
#[cfg(test)]
#[allow(dead_code, reason = "each crate uses a part of it")]
#[path = "../../tests/src/shared.rs"]
mod shared;
mod templates;
mod track;

use std::fmt;
use std::time::Duration;

use jiff::Timestamp;
pub use promptlayer_blueprint as blueprint;
pub use promptlayer_blueprint::{RequestId, Score, SpanId, Tags, TraceId};
pub use reqwest;
use serde::Deserialize;

use crate::blueprint::LogRequest;
pub use crate::config::{ClientBuilder, Env};
pub use crate::error::{Error, ErrorKind};
pub(crate) use crate::error::{Repr, cut};
pub use crate::groups::{GroupId, Groups};
use crate::http::Http;
pub(crate) use crate::redact::Redactor;
pub use crate::requests::{LoggedRequestDetail, Requests, SpanDetail, TraceDetail};
pub use crate::templates::{
    GetTemplate, ListTemplates, ListedTemplate, PublishTemplate, PublishedTemplate, RenderedPrompt,
    SnippetReference, Template, TemplatePage, Templates,
};
use crate::track::check_metadata;
pub use crate::track::{
    Enqueueable, Track, TrackGroup, TrackMetadata, TrackPrompt, TrackRequest, TrackScore,
};

/// The parts that the export pipeline of `promptlayer-tracing` uses. Not part of the public API: it changes in any
/// release.
#[doc(hidden)]
pub mod exporter {
    pub use crate::LOG_REQUEST_PATH;
    pub use crate::body::Written;
    pub use crate::config::BASE_URL;
    pub use crate::error::cut;
    pub use crate::http::{Answer, Failure, FailureKind, Http};
    pub use crate::redact::{Redactor, hex};
    pub use crate::track::{Enqueue, TrackCall, TrackPath, check_metadata};

    /// Deadlines that cannot overflow, and plausible wall-clock times.
    pub mod clock {
        pub use crate::clock::*;
    }

    use crate::{Error, Repr};

    /// The error of a value that cannot be written as JSON.
    pub fn encode_error(what: &'static str, source: serde_json::Error) -> Error {
        Repr::Encode { what, source }.into()
    }

    /// The error of an item that a full queue does not take.
    pub fn queue_full() -> Error {
        Repr::QueueFull.into()
    }

    /// The error of an item that comes after the shutdown.
    pub fn closed() -> Error {
        Repr::Closed.into()
    }

    /// The error of an item that is enqueued in a forked process.
    pub fn forked() -> Error {
        Repr::Forked.into()
    }
}

/// Where a single request is logged.
pub const LOG_REQUEST_PATH: &str = "/log-request";

/// `PromptLayer`'s REST API.
///
/// Cheap to clone; clones share their settings and connections. Requests are awaited inside a tokio
/// runtime, and are not repeated on failure: [`Error::retry_after`] and the `is_*` questions say
/// when it makes sense to.
///
/// ```no_run
/// use promptlayer_client::{Client, RequestId};
///
/// # async fn example() -> Result<(), promptlayer_client::Error> {
/// let client = Client::from_env()?;
/// client.track().score(RequestId::new(1001), 100).await?;
/// # Ok(())
/// # }
/// ```
#[derive(Clone)]
pub struct Client {
    http: Http,
}

impl Client {
    /// A client with the settings of the environment; see [`ClientBuilder`] for their names.
    ///
    /// # Errors
    ///
    /// As for [`ClientBuilder::build`]. Without a key: [`ErrorKind::MissingApiKey`].
    pub fn from_env() -> Result<Self, Error> {
        Self::builder().build()
    }

    /// Sets up a client with settings of your own.
    pub fn builder() -> ClientBuilder {
        ClientBuilder::default()
    }

    /// Scores, metadata, templates and groups of requests that were logged.
    pub fn track(&self) -> Track {
        Track::new(self.clone())
    }

    /// The prompt registry.
    pub fn templates(&self) -> Templates {
        Templates::new(self.clone())
    }

    /// Groups of requests.
    pub fn groups(&self) -> Groups {
        Groups::new(self.clone())
    }

    /// Requests and traces, read back.
    pub fn requests(&self) -> Requests {
        Requests::new(self.clone())
    }

    /// Logs a model call that was made without the tracing layer, and waits for its id. A time that
    /// it does not have is the present.
    ///
    /// # Errors
    ///
    /// [`ErrorKind::InvalidInput`] for a key that is empty or longer than 1024 characters; otherwise
    /// the request failed.
    ///
    /// ```no_run
    /// use promptlayer_client::{Client, blueprint::{LogRequest, Prompt}};
    ///
    /// # async fn example() -> Result<(), promptlayer_client::Error> {
    /// let client = Client::from_env()?;
    /// let question = Prompt::user("What comes after 1,2,3 ?");
    /// let request = LogRequest::new("openai", "gpt-4o", question, Prompt::assistant("4"));
    /// let id = client.log_request(request).await?;
    /// client.track().score(id, 100).await?;
    /// # Ok(())
    /// # }
    /// ```
    pub async fn log_request(&self, mut request: LogRequest) -> Result<RequestId, Error> {
        #[derive(Deserialize)]
        struct Logged {
            id: RequestId,
        }
        check_metadata(&request.metadata)?;
        let end = *request
            .request_end_time
            .get_or_insert_with(|| Timestamp::try_from(clock::now()).unwrap_or_default());
        request.request_start_time.get_or_insert(end);
        self.http.post_json(LOG_REQUEST_PATH, &request).await.map(|Logged { id }| id)
    }

    /// Where the service is, without a slash at the end.
    pub fn base_url(&self) -> &str {
        self.http.base_url()
    }

    /// How long a request may take, from the connection to the last byte of the answer.
    pub fn timeout(&self) -> Duration {
        self.http.timeout()
    }

    /// The same client with connections of its own, for another tokio runtime: a connection dies
    /// with the runtime on which it was first used.
    #[doc(hidden)]
    pub fn with_own_connections(&self) -> Result<Self, Error> {
        Ok(Self { http: self.http.with_own_connections()? })
    }

    /// What the export pipeline sends with.
    #[doc(hidden)]
    pub fn http(&self) -> &Http {
        &self.http
    }
}

impl fmt::Debug for Client {
    /// Leaves the key out.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Client")
            .field("base_url", &self.http.redactor().text(self.base_url()))
            .field("timeout", &self.timeout())
            .finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests;
