//! The REST client of PromptLayer's API.
//!
//! | with | you can |
//! |---|---|
//! | [`Client::track`] | add scores, metadata, the prompt template and the group to a logged request |
//! | [`Client::templates`] | read, list, render and publish the templates of the prompt registry |
//! | [`Client::groups`] | create groups, which collect the requests of one conversation or task |
//! | [`Client::requests`] | read logged requests and traces back |
//! | [`Client::log_request`] | log a model call that was made without the tracing layer |
//! | [`Client::request`] | call any other path of the API |
//!
//! ```no_run
//! use promptlayer_client::Client;
//!
//! # async fn example() -> Result<(), promptlayer_client::Error> {
//! // PROMPTLAYER_API_KEY, PROMPTLAYER_BASE_URL and PROMPTLAYER_HTTP_TIMEOUT are read from the environment.
//! let client = Client::from_env()?;
//! let template = client.templates().get("greeting").label("prod").await?;
//! println!("{} has version {}", template.name, template.version);
//! # Ok(())
//! # }
//! ```
//!
//! Programs that log their calls with `promptlayer-tracing` do not need this crate: it re-exports it as its module
//! `client`.
//!
//! Requests are made when they are awaited, inside a tokio runtime. Each attempt has a time-out of 10 seconds by
//! default and follows no redirects. [`Client`] says when a request is sent again, and [`Error`] what went wrong. The
//! API key is in no error and in no `Debug` output.
//!
//! Structs such as [`Template`] and [`TraceDetail`] are the parsed responses of the API. They have no constructor: the
//! example of the API that returns them shows them.
//!
//! # Features
//!
//! - `blocking`: calls from code that is not async, with `blocking::Wait`.
//! - `rustls` (default) or `native-tls`: the TLS library. Without either, only `http` URLs work.
//! - `templates` (default): rendering of templates, with `Template::format`.

#![cfg_attr(docsrs, feature(doc_cfg))]

#[cfg(feature = "blocking")]
#[cfg_attr(docsrs, doc(cfg(feature = "blocking")))]
pub mod blocking;
mod body;
mod call;
mod clock;
mod config;
mod error;
mod future;
mod groups;
mod http;
mod otlp;
mod pages;
mod redact;
mod report;
mod requests;
mod retry;
mod settings;
mod templates;
mod track;

use std::fmt;
use std::time::Duration;

pub use promptlayer_blueprint as blueprint;
pub use promptlayer_blueprint::{RequestId, Score, SpanId, Tags, TraceId};
pub use reqwest::{self, Method};
use serde::Deserialize;

use crate::blueprint::LogRequest;
pub use crate::call::ApiRequest;
use crate::call::Call;
pub use crate::config::{ClientBuilder, Env};
pub use crate::error::{Error, ErrorKind};
pub(crate) use crate::error::{Repr, cut};
pub use crate::future::ApiFuture;
pub use crate::groups::{GroupId, Groups};
use crate::http::{Http, LOG_REQUEST_PATH};
pub use crate::pages::Pages;
pub(crate) use crate::redact::Redactor;
pub use crate::requests::{LoggedRequestDetail, Requests, SpanDetail, TraceDetail};
#[cfg(feature = "templates")]
#[cfg_attr(docsrs, doc(cfg(feature = "templates")))]
pub use crate::templates::RenderedPrompt;
pub use crate::templates::{
    GetTemplate, ListTemplates, ListedTemplate, PublishTemplate, PublishedTemplate, SnippetReference,
    Template, TemplatePage, Templates,
};
use crate::track::check_metadata;
pub use crate::track::{
    Enqueueable, Track, TrackGroup, TrackMetadata, TrackPrompt, TrackRequest, TrackScore,
};

/// The parts that the export pipeline of `promptlayer-tracing` uses. Not part of the public API: it changes in any
/// release.
#[doc(hidden)]
pub mod exporter {
    pub use crate::body::Written;
    pub use crate::config::BASE_URL;
    pub use crate::error::cut;
    pub use crate::http::{
        Answer, Failure, FailureKind, Http, LOG_REQUEST_PATH, Media, Payload, TRACES_PATH,
    };
    pub use crate::otlp::{Collector, SecretHeaders};
    pub use crate::redact::{Redactor, hex};
    pub use crate::track::{Enqueue, TrackCall, TrackPath, check_metadata};

    /// Deadlines that cannot overflow, and plausible wall-clock times.
    pub mod clock {
        pub use crate::clock::*;
    }

    use crate::{Error, Repr};

    /// The error of an argument or a setting that cannot be used.
    pub fn invalid_argument(what: &'static str, reason: impl Into<String>) -> Error {
        Error::invalid_argument(what, reason)
    }

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

/// A client for PromptLayer's REST API.
///
/// Cheap to clone: clones share their settings and connections. Requests must be awaited inside a tokio
/// runtime; with the feature `blocking`, other code can wait for them.
///
/// A request that fails for a passing reason is sent again, at most three times by default
/// ([`ClientBuilder::retries`]), after random waits of at most 0.5, 1 and 2 seconds, or after the wait that the response
/// asks for, up to 30 seconds. A request that must not be processed twice, such as one that publishes a template, is sent
/// again only if it was certainly not processed: if there was no connection, or status 429.
///
/// ```no_run
/// use promptlayer_client::{Client, RequestId};
///
/// # async fn example() -> Result<(), promptlayer_client::Error> {
/// let client = Client::from_env()?;
/// println!("{}, at most {:?} per request", client.base_url(), client.timeout());
///
/// let id = RequestId::new(1001);
/// client.track().score(id, 100).await?;
/// let request = client.requests().get(id).await?;
/// println!("{:?} tokens", request.tokens);
/// # Ok(())
/// # }
/// ```
#[derive(Clone)]
pub struct Client {
    http: Http,
}

impl Client {
    /// Creates a client with the settings of the environment. See [`ClientBuilder`] for the variables.
    ///
    /// # Errors
    ///
    /// Returns the same errors as [`ClientBuilder::build`], such as [`ErrorKind::MissingApiKey`] without a
    /// key.
    pub fn from_env() -> Result<Self, Error> {
        Self::builder().build()
    }

    /// Returns a builder for a client with custom settings.
    pub fn builder() -> ClientBuilder {
        ClientBuilder::default()
    }

    /// Returns the API for scores, metadata, templates and groups of logged requests.
    pub fn track(&self) -> Track {
        Track::new(self.clone())
    }

    /// Returns the API of the prompt registry.
    pub fn templates(&self) -> Templates {
        Templates::new(self.clone())
    }

    /// Returns the API for groups of requests.
    pub fn groups(&self) -> Groups {
        Groups::new(self.clone())
    }

    /// Returns the API that reads logged requests and traces.
    pub fn requests(&self) -> Requests {
        Requests::new(self.clone())
    }

    /// Logs a model call that was made without the tracing layer, and returns the id of its request log. A
    /// time that is not set is replaced by the current time.
    ///
    /// # Errors
    ///
    /// Returns [`ErrorKind::InvalidInput`] if a key is empty or longer than 1024 characters, or another
    /// [`Error`] if the request fails.
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
    pub fn log_request(&self, mut request: LogRequest) -> ApiFuture<RequestId> {
        #[derive(Deserialize)]
        struct Logged {
            id: RequestId,
        }
        let end = *request.request_end_time.get_or_insert_with(clock::now);
        request.request_start_time.get_or_insert(end);
        let client = self.clone();
        ApiFuture::new(async move {
            check_metadata(&request.metadata)?;
            let call = Call::post(LOG_REQUEST_PATH).json(&request)?;
            client.read(call).await.map(|Logged { id }| id)
        })
    }

    /// Returns a request to any path of the API, for what this crate has no method for. The path begins with a slash,
    /// and its variable parts are percent-encoded.
    ///
    /// ```no_run
    /// use promptlayer_client::{Client, Method};
    /// use serde_json::json;
    ///
    /// # async fn example() -> Result<(), promptlayer_client::Error> {
    /// let client = Client::from_env()?;
    /// let workflows = client.request(Method::GET, "/workflows").query([("page", 1)]).await?;
    /// println!("{}", workflows["items"]);
    ///
    /// let body = json!({"name": "Support"});
    /// client.request(Method::POST, "/api/public/v2/folders").json(&body).await?;
    /// # Ok(())
    /// # }
    /// ```
    pub fn request(&self, method: Method, path: impl AsRef<str>) -> ApiRequest {
        ApiRequest::new(self.clone(), method, path.as_ref())
    }

    /// Returns the base URL of the API, without a trailing slash.
    pub fn base_url(&self) -> &str {
        self.http.base_url()
    }

    /// Returns the time-out of an attempt, from connecting to the last byte of the response.
    pub fn timeout(&self) -> Duration {
        self.http.timeout()
    }

    /// Returns the same client with its own connections, for another tokio runtime. A connection ends with
    /// the runtime on which it was first used.
    #[doc(hidden)]
    pub fn with_own_connections(&self) -> Result<Self, Error> {
        Ok(Self { http: self.http.with_own_connections()? })
    }

    /// Returns the HTTP client, which the export pipeline also uses.
    #[doc(hidden)]
    pub fn http(&self) -> &Http {
        &self.http
    }
}

impl fmt::Debug for Client {
    /// Omits the API key.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Client")
            .field("base_url", &self.http.redactor().text(self.base_url()))
            .field("timeout", &self.timeout())
            .finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests;
