//! The input of a call, and how the call ended.

use crate::capture::{Captured, Failure, Unseen};

/// The input of the request in the request log.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Input {
    /// The arguments of the function, by name and in order.
    Arguments(Vec<(&'static str, Captured)>),
    /// The value of the attribute's `input`.
    Value(Captured),
}

impl Input {
    /// Creates an empty list of arguments with capacity for `count`.
    pub fn arguments(count: usize) -> Self {
        Self::Arguments(Vec::with_capacity(count))
    }

    /// Returns the approximate size in bytes.
    #[cfg(feature = "export")]
    pub(crate) fn size(&self) -> usize {
        match self {
            Self::Arguments(arguments) => arguments.iter().map(|(_, value)| value.size()).sum(),
            Self::Value(value) => value.size(),
        }
    }

    /// Adds the argument `name`.
    pub fn argument(&mut self, name: &'static str, value: Captured) {
        if let Self::Arguments(arguments) = self {
            arguments.push((name, value));
        }
    }
}

/// How a call ended.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Ending {
    /// It returned a value, or an `Ok` that holds it.
    Returned,
    /// It returned an `Err`.
    Failed(Failure),
    /// It panicked. Holds the message if the payload is text.
    Panicked(Option<String>),
    /// Its return value, or what the value leads to, was not seen.
    Unseen(Unseen),
    /// It was dropped before it completed.
    Cancelled,
    /// The stream of an external span ended before the response was complete, and the span does not record
    /// why.
    #[cfg_attr(not(feature = "export"), allow(dead_code, reason = "only the layer reads such spans"))]
    Unfinished,
}
