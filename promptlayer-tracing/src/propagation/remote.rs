//! What arrived from the caller.

use super::baggage::Baggage;
use super::traceparent::{self, Parent};

/// The context that came with a request, a message, or from the environment.
#[derive(Debug)]
pub(crate) struct Remote {
    /// The span of the caller. `None` starts a new trace.
    pub(crate) parent: Option<Parent>,
    /// The `tracestate`, to be passed on unchanged.
    pub(crate) state: String,
    pub(crate) baggage: Baggage,
}

impl Remote {
    /// Reads the values of the three headers.
    pub(crate) fn from_values(parents: &[String], states: &[String], baggage: &[String]) -> Self {
        let parent = match parents {
            [parent] => Parent::parse(parent),
            // Two headers contradict each other.
            _ => None,
        };
        let state = match parent {
            Some(_) => traceparent::state(states.iter().map(String::as_str)),
            None => String::new(),
        };
        Self { parent, state, baggage: Baggage::parse(baggage.iter().map(String::as_str)) }
    }
}
