//! The tracking actions, with their arguments, checks and requests.

use std::collections::BTreeMap;
use std::future::IntoFuture;

use serde::Serialize;
use serde_json::{Map, Value};

use super::{Enqueueable, Origin, TrackCall, TrackPath};
use crate::call::Call;
use crate::{ApiFuture, Error, GroupId, RequestId, Score};

/// The maximum length of a metadata key, in characters. PromptLayer sets this limit.
const MAX_METADATA_KEY_CHARACTERS: usize = 1024;

/// Implements `IntoFuture` for an action, and `enqueue` if it has a pipeline.
macro_rules! sent {
    ($name:ident) => {
        impl<P: Send + 'static> IntoFuture for $name<P> {
            type Output = Result<(), Error>;
            type IntoFuture = ApiFuture<()>;

            /// Sends the request. Requires a tokio runtime.
            fn into_future(self) -> ApiFuture<()> {
                ApiFuture::new(async move {
                    let (origin, TrackCall { path, body }) = self.into_call()?;
                    // What is tracked twice replaces itself.
                    let call = Call::post(path.as_str()).json_bytes(body).idempotent();
                    origin.client.send(call).await.map(drop)
                })
            }
        }

        impl $name<Enqueueable> {
            /// Adds the action to the queue of the export pipeline, which sends it with retries. Requires no
            /// runtime and does not wait.
            ///
            /// # Errors
            ///
            /// Returns an error if an argument is invalid, [`ErrorKind::QueueFull`](crate::ErrorKind::QueueFull) if the queue is full, or
            /// [`ErrorKind::Closed`](crate::ErrorKind::Closed) if the pipeline has been shut down. If the delivery fails later, the layer's
            /// `on_error` closure is called.
            pub fn enqueue(self) -> Result<(), Error> {
                let (origin, call) = self.into_call()?;
                origin.pipeline.0.enqueue(call)
            }
        }
    };
}

/// An action that scores a request. Await it or enqueue it. [`Track`](crate::Track) and
/// [`TrackRequest`](crate::TrackRequest) make it and have examples.
///
/// An invalid score is reported when the action is awaited or enqueued.
#[derive(Debug)]
#[must_use = "a score is given when it is awaited or enqueued"]
pub struct TrackScore<P = ()> {
    origin: Origin<P>,
    request: RequestId,
    score: Result<Score, Error>,
    name: Option<String>,
}

sent!(TrackScore);

impl<P> TrackScore<P> {
    pub(super) fn new<S>(origin: Origin<P>, request: RequestId, score: S) -> Self
    where
        S: TryInto<Score>,
        Error: From<S::Error>,
    {
        Self { origin, request, score: score.try_into().map_err(Error::from), name: None }
    }

    /// Sets the name of the score, for requests with more than one. By default, PromptLayer uses the name
    /// `default`.
    pub fn name(mut self, name: impl Into<String>) -> Self {
        self.name = Some(name.into());
        self
    }

    fn into_call(self) -> Result<(Origin<P>, TrackCall), Error> {
        #[derive(Serialize)]
        struct Body<'a> {
            request_id: RequestId,
            score: Score,
            #[serde(skip_serializing_if = "Option::is_none")]
            name: Option<&'a str>,
        }
        let score = self.score?;
        if self.name.as_ref().is_some_and(|name| name.trim().is_empty()) {
            return Err(Error::invalid_argument("score name", "it is empty; leave it out"));
        }
        let body = Body { request_id: self.request, score, name: self.name.as_deref() };
        Ok((self.origin, TrackCall::new(TrackPath::Score, &body)?))
    }
}

/// An action that adds metadata to a request. Await it or enqueue it. [`Track`](crate::Track) and
/// [`TrackRequest`](crate::TrackRequest) make it and have examples.
///
/// A key that is empty or longer than 1024 characters is reported when the action is awaited or enqueued.
#[derive(Debug)]
#[must_use = "metadata is added when it is awaited or enqueued"]
pub struct TrackMetadata<P = ()> {
    origin: Origin<P>,
    request: RequestId,
    metadata: BTreeMap<String, String>,
}

sent!(TrackMetadata);

impl<P> TrackMetadata<P> {
    pub(super) fn new<K: Into<String>, V: Into<String>>(
        origin: Origin<P>,
        request: RequestId,
        metadata: impl IntoIterator<Item = (K, V)>,
    ) -> Self {
        let metadata = metadata.into_iter().map(|(key, value)| (key.into(), value.into())).collect();
        Self { origin, request, metadata }
    }

    fn into_call(self) -> Result<(Origin<P>, TrackCall), Error> {
        #[derive(Serialize)]
        struct Body<'a> {
            request_id: RequestId,
            metadata: &'a BTreeMap<String, String>,
        }
        check_metadata(&self.metadata)?;
        let body = Body { request_id: self.request, metadata: &self.metadata };
        Ok((self.origin, TrackCall::new(TrackPath::Metadata, &body)?))
    }
}

/// An action that links a request to the template that it was made from. Await it or enqueue it.
/// [`Track`](crate::Track) and [`TrackRequest`](crate::TrackRequest) make it and have examples.
///
/// An empty name, or both a version and a label, is reported when the action is awaited or enqueued.
#[derive(Debug)]
#[must_use = "a request is linked when this is awaited or enqueued"]
pub struct TrackPrompt<P = ()> {
    origin: Origin<P>,
    request: RequestId,
    name: String,
    version: Option<u32>,
    label: Option<String>,
    variables: Map<String, Value>,
}

sent!(TrackPrompt);

impl<P> TrackPrompt<P> {
    pub(super) fn new(origin: Origin<P>, request: RequestId, name: String) -> Self {
        Self { origin, request, name, version: None, label: None, variables: Map::new() }
    }

    /// Sets the version of the template. Versions start at 1. By default, without a label, PromptLayer uses
    /// the latest version.
    pub fn version(mut self, version: u32) -> Self {
        self.version = Some(version);
        self
    }

    /// Selects the version by a release label instead of its number.
    pub fn label(mut self, label: impl Into<String>) -> Self {
        self.label = Some(label.into());
        self
    }

    /// Adds the variables that the template was rendered with. Can be called more than once.
    pub fn variables<K: Into<String>, V: Into<Value>>(
        mut self,
        variables: impl IntoIterator<Item = (K, V)>,
    ) -> Self {
        self.variables.extend(variables.into_iter().map(|(name, value)| (name.into(), value.into())));
        self
    }

    fn into_call(self) -> Result<(Origin<P>, TrackCall), Error> {
        #[derive(Serialize)]
        struct Body<'a> {
            prompt_name: &'a str,
            prompt_input_variables: &'a Map<String, Value>,
            request_id: RequestId,
            #[serde(skip_serializing_if = "Option::is_none")]
            version: Option<u32>,
            #[serde(skip_serializing_if = "Option::is_none")]
            label: Option<&'a str>,
        }
        if self.name.trim().is_empty() {
            return Err(Error::invalid_argument("prompt name", "it is empty"));
        }
        check_selection(self.version, self.label.as_deref())?;
        let body = Body {
            prompt_name: &self.name,
            prompt_input_variables: &self.variables,
            request_id: self.request,
            version: self.version,
            label: self.label.as_deref(),
        };
        Ok((self.origin, TrackCall::new(TrackPath::Prompt, &body)?))
    }
}

/// An action that adds a request to a group. Await it or enqueue it. [`Track`](crate::Track) and
/// [`TrackRequest`](crate::TrackRequest) make it and have examples.
#[derive(Debug)]
#[must_use = "a request is put into a group when this is awaited or enqueued"]
pub struct TrackGroup<P = ()> {
    origin: Origin<P>,
    request: RequestId,
    group: GroupId,
}

sent!(TrackGroup);

impl<P> TrackGroup<P> {
    pub(super) fn new(origin: Origin<P>, request: RequestId, group: GroupId) -> Self {
        Self { origin, request, group }
    }

    fn into_call(self) -> Result<(Origin<P>, TrackCall), Error> {
        #[derive(Serialize)]
        struct Body {
            request_id: RequestId,
            group_id: GroupId,
        }
        let body = Body { request_id: self.request, group_id: self.group };
        Ok((self.origin, TrackCall::new(TrackPath::Group, &body)?))
    }
}

/// Checks the keys against PromptLayer's limits.
pub fn check_metadata(metadata: &BTreeMap<String, String>) -> Result<(), Error> {
    for key in metadata.keys() {
        if key.trim().is_empty() {
            return Err(Error::invalid_metadata(key, "it is empty"));
        }
        if key.len() > MAX_METADATA_KEY_CHARACTERS && key.chars().count() > MAX_METADATA_KEY_CHARACTERS {
            return Err(Error::invalid_metadata(key, "it is longer than 1024 characters"));
        }
    }
    Ok(())
}

/// Checks the version and the label that select a version of a template.
pub(crate) fn check_selection(version: Option<u32>, label: Option<&str>) -> Result<(), Error> {
    if version == Some(0) {
        return Err(Error::invalid_argument("template version 0", "versions are counted from 1"));
    }
    if label.is_some_and(|label| label.trim().is_empty()) {
        return Err(Error::invalid_argument("release label", "it is empty; leave it out"));
    }
    if let (Some(version), Some(label)) = (version, label) {
        return Err(Error::invalid_argument(
            "template version",
            format!("both version {version} and label `{label}` were given; give one"),
        ));
    }
    Ok(())
}
