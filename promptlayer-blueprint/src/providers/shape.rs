//! The wire format of one provider API: how to detect its requests, responses and chunks, and how to read
//! them.

use std::fmt;

use serde_json::{Map, Value};

use super::reading::{Reply, Request};

/// A JSON object.
pub(super) type Object = Map<String, Value>;

/// The wire format of a provider API. Servers of other providers may use it too. Each provider's module
/// defines its own.
pub struct Shape {
    /// `PromptLayer`'s name for the API.
    pub api_type: &'static str,
    /// The provider that defines the API. It is used as the provider if the actual provider is unknown.
    pub family: &'static str,
    /// `true` if other providers use this wire format too, so that `family` does not identify the provider.
    pub(super) is_shared: bool,
    /// Returns `true` if an object is a request.
    pub(super) is_request: fn(&Object) -> bool,
    /// Reads a request.
    pub(super) request: fn(Object) -> Request,
    /// Returns `true` if an object is a whole response.
    pub(super) is_reply: fn(&Object) -> bool,
    /// Reads a whole response.
    pub(super) reply: fn(&Object) -> Reply,
    /// Returns `true` if an object is an event of a streamed response in this format and in no other.
    pub(super) is_chunk: fn(&Object) -> bool,
    /// Assembles the events of a streamed response into the whole response.
    pub(super) sum: fn(&[Value]) -> Object,
}

impl Shape {
    /// Returns the provider if only one provider uses this wire format, else `None`.
    pub fn only_speaker(&self) -> Option<&'static str> {
        (!self.is_shared).then_some(self.family)
    }
}

impl fmt::Debug for Shape {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.debug_tuple("Shape").field(&self.family).field(&self.api_type).finish()
    }
}

/// The `is_chunk` function of an API without streaming.
pub(super) fn never(_: &Object) -> bool {
    false
}

/// The `sum` function of an API without streaming.
pub(super) fn no_sum(_: &[Value]) -> Object {
    Object::new()
}
