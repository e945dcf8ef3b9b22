//! Removes the API key from errors.

use std::error::Error as StdError;

use super::{Error, Repr};
use crate::redact::Redactor;

impl Error {
    /// Returns the same error with the API key removed from its texts and its sources.
    #[doc(hidden)]
    #[must_use]
    pub fn redacted(mut self, redactor: &Redactor) -> Self {
        self.for_each_text(|text| *text = redactor.text(text));
        match &mut *self.0 {
            Repr::Encode { source, .. } | Repr::UnreadableAnswer { source, .. } => {
                *source = redactor.json(source);
            }
            Repr::HttpSetup { source }
            | Repr::Connect { source, .. }
            | Repr::Timeout { source, .. }
            | Repr::Broken { source, .. } => {
                let redacted: Box<dyn StdError + Send + Sync> = Box::new(redactor.cause(&**source));
                *source = redacted;
            }
            // The other variants have no source.
            _ => {}
        }
        self
    }

    /// Applies `change` to every text in the error. The match has no wildcard arm, so that the compiler asks
    /// for each new variant.
    fn for_each_text(&mut self, mut change: impl FnMut(&mut String)) {
        match &mut *self.0 {
            Repr::MissingApiKey
            | Repr::InvalidApiKey
            | Repr::NoRuntime
            | Repr::Closed
            | Repr::QueueFull
            | Repr::Forked
            | Repr::Encode { .. }
            | Repr::HttpSetup { .. } => {}
            #[cfg(feature = "blocking")]
            Repr::CannotWait { .. } => {}
            Repr::InvalidBaseUrl { value, reason } => {
                change(value);
                change(reason);
            }
            Repr::InvalidTimeout { value } => change(value),
            Repr::InvalidId(error) => error.map_quoted(change),
            Repr::InvalidTag(error) => error.map_quoted(change),
            Repr::InvalidScore(error) => error.map_quoted(change),
            Repr::InvalidMetadata { key, .. } => change(key),
            Repr::InvalidArgument { reason, .. } => change(reason),
            Repr::Render { template, reason } => {
                change(template);
                change(reason);
            }
            Repr::Connect { request, .. } | Repr::Timeout { request, .. } | Repr::Broken { request, .. } => {
                change(request);
            }
            Repr::Status { request, message, .. } | Repr::Declined { request, message } => {
                change(request);
                change(message);
            }
            Repr::UnreadableAnswer { request, body, .. } => {
                change(request);
                change(body);
            }
        }
    }
}
