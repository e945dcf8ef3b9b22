//! Exchanges that were really had with providers.

use serde::Deserialize;
use serde_json::Value;

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
    /// The status of the answer.
    pub status: u16,
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
}
