//! One interface of a provider: how its requests, replies and chunks are told from those of others,
//! and how they are read.

use std::fmt;

use serde_json::{Map, Value};

use super::reading::{Reply, Request};

/// A JSON object.
pub(super) type Object = Map<String, Value>;

/// An interface of a provider, which servers of others may speak too. Each provider's file has its own.
pub struct Shape {
    /// What `PromptLayer` calls the interface.
    pub api_type: &'static str,
    /// Whose interface it is: the provider where nothing tells who served it.
    pub family: &'static str,
    /// Whether others serve it too, so that its family tells nobody surely.
    pub(super) is_shared: bool,
    /// Whether an object is a request.
    pub(super) is_request: fn(&Object) -> bool,
    /// Reads a request.
    pub(super) request: fn(Object) -> Request,
    /// Whether an object is a whole reply.
    pub(super) is_reply: fn(&Object) -> bool,
    /// Reads a whole reply.
    pub(super) reply: fn(&Object) -> Reply,
    /// Whether an object is an event of a streamed reply, and of no other interface.
    pub(super) is_chunk: fn(&Object) -> bool,
    /// Adds the events of a streamed reply up to the whole reply that they are the parts of.
    pub(super) sum: fn(&[Value]) -> Object,
}

impl Shape {
    /// Who surely serves it; `None` where many do.
    pub fn only_speaker(&self) -> Option<&'static str> {
        (!self.is_shared).then_some(self.family)
    }
}

impl fmt::Debug for Shape {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.debug_tuple("Shape").field(&self.family).field(&self.api_type).finish()
    }
}

/// Of an interface that does not stream.
pub(super) fn never(_: &Object) -> bool {
    false
}

/// Of an interface that does not stream.
pub(super) fn no_sum(_: &[Value]) -> Object {
    Object::new()
}
