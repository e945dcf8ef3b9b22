//! A prompt on its way into a provider's request.

use std::fmt;

use super::json::Object;
use crate::blueprint::Prompt;

/// A part of a prompt that a provider's API cannot express.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct Omission {
    /// Its place in the prompt, such as `messages[2].content[0]`.
    pub place: String,
    /// Why it is left out.
    pub reason: &'static str,
}

impl fmt::Display for Omission {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "{}: {}", self.place, self.reason)
    }
}

/// A prompt on its way into a request.
#[derive(Clone, Copy)]
pub(super) struct Draft<'a> {
    pub(super) prompt: &'a Prompt,
    /// PromptLayer's name of the provider. Providers that share a wire format differ in details.
    pub(super) provider: &'a str,
    pub(super) model: &'a str,
    /// Parameters, by the names of the provider.
    pub(super) parameters: &'a Object,
}

/// Collects what is left out.
#[derive(Debug, Default)]
pub(super) struct Omissions(Vec<Omission>);

impl Omissions {
    /// Reports a part of the prompt that is left out.
    pub(super) fn add(&mut self, place: impl Into<String>, reason: &'static str) {
        self.0.push(Omission { place: place.into(), reason });
    }

    /// Returns what was reported, in order.
    pub(super) fn into_list(self) -> Vec<Omission> {
        self.0
    }
}
