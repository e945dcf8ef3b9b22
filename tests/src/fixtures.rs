//! Exchanges with providers, and functions that replay them.

mod replay;

use serde::Deserialize;
use serde_json::Value;

pub use self::replay::{Given, call, replay};
use crate::shared;

/// A request to a provider and its response. `tests/fixtures/README.md` describes the fields.
#[derive(Debug, Clone, Deserialize)]
#[non_exhaustive]
pub struct Fixture {
    /// The name of its file, without the extension.
    #[serde(skip)]
    pub name: String,
    /// The API of the provider: `chat`, `anthropic`, …
    pub api: String,
    /// The provider that served the request.
    pub provider: String,
    /// The status of the response.
    pub status: u16,
    /// The path of the request.
    pub path: String,
    /// The body of the request.
    pub request: Value,
    /// The body of the response, if it was not streamed.
    #[serde(default)]
    response: Option<Value>,
    /// The events of the response, if it was streamed.
    #[serde(default)]
    chunks: Option<Value>,
    /// The response that the provider's own SDK accumulates from these events.
    #[serde(default)]
    accumulated_by_vendor_sdk: Option<Value>,
}

impl Fixture {
    /// Reads all exchanges, sorted by name: those in `tests/fixtures`, and those of the external folder if it
    /// exists.
    ///
    /// # Panics
    ///
    /// Panics if a file is not an exchange.
    pub fn all() -> Vec<Self> {
        let read = |(name, document)| match serde_json::from_value(document) {
            Ok(fixture) => Self { name, ..fixture },
            Err(error) => panic!("{name} is no exchange: {error}"),
        };
        shared::exchanges().into_iter().map(read).collect()
    }

    /// Returns every available form of the response: the body, the events, and the accumulated response.
    pub fn answers(&self) -> impl Iterator<Item = &Value> {
        [&self.response, &self.chunks, &self.accumulated_by_vendor_sdk].into_iter().flatten()
    }

    /// Returns the body of the response, if it was not streamed.
    pub fn response(&self) -> Option<&Value> {
        self.response.as_ref()
    }

    /// Returns the events of the response, if it was streamed.
    pub fn events(&self) -> Option<&[Value]> {
        self.chunks.as_ref()?.as_array().map(Vec::as_slice)
    }

    /// Returns the response that the provider's own SDK accumulates from the events.
    pub fn accumulated(&self) -> Option<&Value> {
        self.accumulated_by_vendor_sdk.as_ref()
    }

    /// Returns the model in the path, for APIs that have it there.
    pub fn model_in_path(&self) -> Option<&str> {
        let after = self.path.split_once("/models/").or_else(|| self.path.split_once("/model/"))?.1;
        let end = after.find('/').or_else(|| after.rfind(':')).unwrap_or(after.len());
        after.get(..end)
    }

    /// Replays the exchange through an annotated function and returns the request log.
    ///
    /// # Panics
    ///
    /// Panics if this makes no request log, or several.
    #[track_caller]
    pub fn log(&self) -> promptlayer_tracing::blueprint::LogRequest {
        let given = match (self.response(), self.events()) {
            (Some(response), _) => Given::Whole(response.clone()),
            (None, Some(events)) => Given::Events(events.to_vec()),
            (None, None) => Given::Whole(Value::Null),
        };
        self.log_with(given)
    }

    /// Replays the exchange with another response and returns the request log.
    ///
    /// # Panics
    ///
    /// Panics if this makes no request log, or several.
    #[track_caller]
    pub fn log_with(&self, given: Given) -> promptlayer_tracing::blueprint::LogRequest {
        replay(self.model_in_path(), &self.request, given)
    }
}
