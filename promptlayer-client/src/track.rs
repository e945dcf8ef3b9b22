//! Adds data to requests that were logged: scores, metadata, the prompt template, the group.
//!
//! Each action is a builder that is sent with `.await`. An action is created either from a client, with the
//! id of the request, or from a request that was just logged. The latter can also be enqueued.

mod actions;

use std::fmt;
use std::sync::Arc;

pub(super) use actions::check_selection;
pub use actions::{TrackGroup, TrackMetadata, TrackPrompt, TrackScore, check_metadata};
use serde::Serialize;

use crate::{Client, Error, GroupId, Repr, RequestId, Score};

/// The path of a tracking endpoint. Only these paths are valid, even if a file of the spool contains another
/// one. The path is appended to the base URL, so an arbitrary path could send the API key elsewhere.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum TrackPath {
    /// A score.
    Score,
    /// Metadata.
    Metadata,
    /// The prompt template.
    Prompt,
    /// The group.
    Group,
}

impl TrackPath {
    const ALL: [Self; 4] = [Self::Score, Self::Metadata, Self::Prompt, Self::Group];

    /// Returns the path.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Score => "/rest/track-score",
            Self::Metadata => "/rest/track-metadata",
            Self::Prompt => "/rest/track-prompt",
            Self::Group => "/rest/track-group",
        }
    }

    /// Returns the variant with this path, or `None` if the path is not a tracking endpoint.
    pub fn from_path(path: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|known| known.as_str() == path)
    }
}

/// A tracking request that is ready to be sent.
#[derive(Debug, Clone)]
pub struct TrackCall {
    /// Where to send it.
    pub path: TrackPath,
    /// The JSON body.
    pub body: Vec<u8>,
}

impl TrackCall {
    fn new(path: TrackPath, body: &impl Serialize) -> Result<Self, Error> {
        let body = serde_json::to_vec(body).map_err(|source| Repr::Encode { what: "the request", source })?;
        Ok(Self { path, body })
    }
}

/// Accepts tracking requests to send later. The export pipeline implements it.
pub trait Enqueue: Send + Sync {
    /// Accepts a tracking request without waiting, or returns an error.
    fn enqueue(&self, call: TrackCall) -> Result<(), Error>;
}

/// The API that adds data to a logged request by its id. See [`Client::track`].
///
/// ```no_run
/// use promptlayer_client::{Client, RequestId};
///
/// # async fn example() -> Result<(), promptlayer_client::Error> {
/// let client = Client::from_env()?;
/// let track = client.track();
/// let request = RequestId::new(1001);
/// track.score(request, 80).name("tone").await?;
/// track.metadata(request, [("foo", "bar")]).await?;
/// track.prompt(request, "example").version(1).variables([("product", "toasters")]).await?;
///
/// let group = client.groups().create().await?;
/// track.group(request, group).await?;
/// # Ok(())
/// # }
/// ```
#[derive(Debug, Clone)]
pub struct Track {
    client: Client,
}

impl Track {
    pub(super) fn new(client: Client) -> Self {
        Self { client }
    }

    /// Sets a score, a whole number from 0 to 100 or a [`Score`]. Another number is an error when the returned action
    /// is awaited.
    pub fn score<S>(&self, request: impl Into<RequestId>, score: S) -> TrackScore
    where
        S: TryInto<Score>,
        Error: From<S::Error>,
    {
        TrackScore::new(Origin::from_client(&self.client), request.into(), score)
    }

    /// Adds metadata to the request.
    pub fn metadata<K: Into<String>, V: Into<String>>(
        &self,
        request: impl Into<RequestId>,
        metadata: impl IntoIterator<Item = (K, V)>,
    ) -> TrackMetadata {
        TrackMetadata::new(Origin::from_client(&self.client), request.into(), metadata)
    }

    /// Links the request to the template that it was made from.
    pub fn prompt(&self, request: impl Into<RequestId>, name: impl Into<String>) -> TrackPrompt {
        TrackPrompt::new(Origin::from_client(&self.client), request.into(), name.into())
    }

    /// Adds the request to a group.
    pub fn group(&self, request: impl Into<RequestId>, group: impl Into<GroupId>) -> TrackGroup {
        TrackGroup::new(Origin::from_client(&self.client), request.into(), group.into())
    }
}

/// The API that adds data to a request that was just logged.
///
/// `LoggedRequest::track` of `promptlayer-tracing` returns it. Each action can be awaited. It can also be enqueued to
/// the export pipeline, which sends it with retries. Use this in hooks that are not asynchronous.
///
/// ```
/// use promptlayer_client::{Error, GroupId, TrackRequest};
///
/// // In a hook that is not asynchronous:
/// fn judge(request: &TrackRequest, conversation: GroupId) -> Result<(), Error> {
///     request.score(80).name("tone").enqueue()?;
///     request.metadata([("reviewed", "yes")]).enqueue()?;
///     request.prompt("greeting").label("prod").variables([("name", "Ada")]).enqueue()?;
///     request.group(conversation).enqueue()
/// }
///
/// // In an asynchronous hook:
/// async fn judge_now(request: &TrackRequest) -> Result<(), Error> {
///     request.score(80).await
/// }
/// ```
#[derive(Debug, Clone)]
pub struct TrackRequest {
    request: RequestId,
    origin: Origin<Enqueueable>,
}

impl TrackRequest {
    #[doc(hidden)]
    pub fn new(client: Client, request: RequestId, enqueue: Arc<dyn Enqueue>) -> Self {
        Self { request, origin: Origin { client, pipeline: Enqueueable(enqueue) } }
    }

    /// Sets a score, a whole number from 0 to 100 or a [`Score`]. Another number is an error when the returned action
    /// is awaited or enqueued.
    pub fn score<S>(&self, score: S) -> TrackScore<Enqueueable>
    where
        S: TryInto<Score>,
        Error: From<S::Error>,
    {
        TrackScore::new(self.origin.clone(), self.request, score)
    }

    /// Adds metadata to the request.
    pub fn metadata<K: Into<String>, V: Into<String>>(
        &self,
        metadata: impl IntoIterator<Item = (K, V)>,
    ) -> TrackMetadata<Enqueueable> {
        TrackMetadata::new(self.origin.clone(), self.request, metadata)
    }

    /// Links the request to the template that it was made from.
    pub fn prompt(&self, name: impl Into<String>) -> TrackPrompt<Enqueueable> {
        TrackPrompt::new(self.origin.clone(), self.request, name.into())
    }

    /// Adds the request to a group.
    pub fn group(&self, group: impl Into<GroupId>) -> TrackGroup<Enqueueable> {
        TrackGroup::new(self.origin.clone(), self.request, group.into())
    }
}

/// The export pipeline of an action that can be enqueued. It is only named as the type parameter of actions, such as
/// [`TrackScore<Enqueueable>`](TrackScore); [`TrackRequest`] has an example.
#[derive(Clone)]
pub struct Enqueueable(Arc<dyn Enqueue>);

impl fmt::Debug for Enqueueable {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Enqueueable")
    }
}

/// The client and the pipeline that send an action.
#[derive(Debug, Clone)]
struct Origin<P> {
    client: Client,
    pipeline: P,
}

impl Origin<()> {
    fn from_client(client: &Client) -> Self {
        Self { client: client.clone(), pipeline: () }
    }
}
