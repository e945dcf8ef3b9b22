//! What went into a call, and how it ended.

use crate::capture::{Captured, Failure};

/// What goes into the log as the request's input.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Input {
    /// The function's arguments, by name and in order.
    Arguments(Vec<(&'static str, Captured)>),
    /// What the attribute's `input` gave.
    Value(Captured),
}

impl Input {
    /// No arguments yet, and room for `count`.
    pub fn arguments(count: usize) -> Self {
        Self::Arguments(Vec::with_capacity(count))
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
    /// It gave a value, or the `Ok` that holds it.
    Returned,
    /// It gave an `Err`.
    Failed(Failure),
    /// It panicked, with this message if the payload is text.
    Panicked(Option<String>),
    /// It gave something that nobody saw: its body is not a closure, and returned early.
    Unseen,
    /// It was dropped before it was ready.
    Cancelled,
    /// Its stream ended before its answer did, and nobody told why: another crate's span says no more.
    #[cfg_attr(not(feature = "export"), allow(dead_code, reason = "only the layer reads such spans"))]
    Unfinished,
}
