//! Exchanges that were really had with providers, and calls that have them again.

mod replay;

use serde::Deserialize;
use serde_json::Value;

pub use self::replay::{Given, call, replay};
use crate::shared;

/// A request to a provider, and what came back.
#[derive(Debug, Clone, Deserialize)]
#[non_exhaustive]
pub struct Fixture {
    /// Its file's name, without the extension.
    #[serde(skip)]
    pub name: String,
    /// The provider's interface: `chat`, `anthropic`, …
    pub api: String,
    /// Who served it.
    pub provider: String,
    /// The status of the answer.
    pub status: u16,
    /// The path that it was sent to.
    pub path: String,
    /// The body of the request.
    pub request: Value,
    /// The body of the answer, where it came whole.
    #[serde(default)]
    response: Option<Value>,
    /// The events of the answer, where it was streamed.
    #[serde(default)]
    chunks: Option<Value>,
    /// What the provider's own SDK makes of these events.
    #[serde(default)]
    accumulated_by_vendor_sdk: Option<Value>,
}

impl Fixture {
    /// All of them, by name, in `PROMPTLAYER_SHARED`, else in the folder `shared` beside the checkout.
    ///
    /// Where there are none, says so on standard error and gives none.
    ///
    /// # Panics
    ///
    /// If a file is there but is no exchange.
    pub fn all() -> Vec<Self> {
        let read = |(name, document)| match serde_json::from_value(document) {
            Ok(fixture) => Self { name, ..fixture },
            Err(error) => panic!("{name} is no exchange: {error}"),
        };
        shared::documents("fixtures").into_iter().map(read).collect()
    }

    /// Every form in which the answer is there: whole, as events, summed up.
    pub fn answers(&self) -> impl Iterator<Item = &Value> {
        [&self.response, &self.chunks, &self.accumulated_by_vendor_sdk].into_iter().flatten()
    }

    /// The answer, where it came whole.
    pub fn response(&self) -> Option<&Value> {
        self.response.as_ref()
    }

    /// The events of the answer, where it was streamed.
    pub fn events(&self) -> Option<&[Value]> {
        self.chunks.as_ref()?.as_array().map(Vec::as_slice)
    }

    /// What the provider's own SDK makes of the events.
    pub fn accumulated(&self) -> Option<&Value> {
        self.accumulated_by_vendor_sdk.as_ref()
    }

    /// The model, where the interface has it in the address.
    pub fn model_in_path(&self) -> Option<&str> {
        let after = self.path.split_once("/models/").or_else(|| self.path.split_once("/model/"))?.1;
        let end = after.find('/').or_else(|| after.rfind(':')).unwrap_or(after.len());
        after.get(..end)
    }

    /// Has the exchange again, through a function with the attribute, and gives what is logged of it.
    ///
    /// # Panics
    ///
    /// If that makes no request, or several.
    #[track_caller]
    pub fn log(&self) -> promptlayer_tracing::blueprint::LogRequest {
        let given = match (self.response(), self.events()) {
            (Some(response), _) => Given::Whole(response.clone()),
            (None, Some(events)) => Given::Events(events.to_vec()),
            (None, None) => Given::Whole(Value::Null),
        };
        self.log_with(given)
    }

    /// The same, with another answer.
    ///
    /// # Panics
    ///
    /// If that makes no request, or several.
    #[track_caller]
    pub fn log_with(&self, given: Given) -> promptlayer_tracing::blueprint::LogRequest {
        replay(self.model_in_path(), &self.request, given)
    }
}
