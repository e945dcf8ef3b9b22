//! The REST client.

mod body;
mod config;
mod error;
mod groups;
mod http;
mod redact;
mod render;
mod report;
mod requests;
mod score;
mod templates;
mod track;

use std::{fmt, time::Duration};

use jiff::Timestamp;
use serde::Deserialize;

pub(crate) use body::Written;
pub use config::{ClientBuilder, Env};
pub use error::Error;
pub(crate) use error::cut;
pub use groups::{GroupId, Groups};
pub(crate) use http::{Answer, Failure, FailureKind, Http};
pub(crate) use redact::{Redactor, hex};
pub use render::RenderedPrompt;
pub use requests::{LoggedRequestDetail, Requests, SpanDetail, TraceDetail};
pub use score::Score;
pub use templates::{
    GetTemplate, ListTemplates, ListedTemplate, PublishTemplate, PublishedTemplate, SnippetReference,
    Template, TemplatePage, Templates,
};
pub(crate) use track::check_metadata;
pub(crate) use track::{Enqueue, TrackCall, TrackPath};
pub use track::{Enqueueable, Track, TrackGroup, TrackMetadata, TrackPrompt, TrackRequest, TrackScore};

use crate::{RequestId, blueprint::LogRequest, clock};

/// Where a single request is logged.
pub(crate) const LOG_REQUEST_PATH: &str = "/log-request";

/// `PromptLayer`'s REST API.
///
/// Cheap to clone; clones share their settings and connections. Requests are awaited inside a tokio
/// runtime, and are not repeated on failure: [`Error::retry_after`] and the `is_*` questions say
/// when it makes sense to.
///
/// ```no_run
/// use promptlayer_tracing::{Client, RequestId};
///
/// # async fn example() -> Result<(), promptlayer_tracing::Error> {
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
    /// As for [`ClientBuilder::build`]. Without a key: [`Error::MissingApiKey`].
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
    /// [`Error::InvalidMetadata`] for a key that is empty or longer than 1024 characters; otherwise
    /// the request failed.
    ///
    /// ```no_run
    /// use promptlayer_tracing::{Client, blueprint::{LogRequest, Prompt}};
    ///
    /// # async fn example() -> Result<(), promptlayer_tracing::Error> {
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
    pub(crate) fn with_own_connections(&self) -> Result<Self, Error> {
        Ok(Self { http: self.http.with_own_connections()? })
    }

    /// What the export pipeline sends with.
    pub(crate) fn http(&self) -> &Http {
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
pub(crate) mod tests;
