//! Removes the API key from errors.

use std::{error::Error as StdError, mem};

use super::Error;
use crate::client::redact::Redactor;

impl Error {
    /// Returns the same error with the API key removed from its texts and its sources.
    #[must_use]
    pub(crate) fn redacted(mut self, redactor: &Redactor) -> Self {
        self.for_each_text(|text| *text = redactor.text(text));
        match &mut self {
            Self::Encode { source, .. } | Self::UnreadableAnswer { source, .. } => {
                *source = redactor.json(source);
            }
            Self::ThreadStart { source, .. } => {
                *source = redactor.io(mem::replace(source, std::io::ErrorKind::Other.into()));
            }
            Self::HttpSetup { source }
            | Self::Spool { source }
            | Self::Connect { source, .. }
            | Self::Timeout { source, .. }
            | Self::Broken { source, .. } => {
                let redacted: Box<dyn StdError + Send + Sync> = Box::new(redactor.cause(&**source));
                *source = redacted;
            }
            Self::Quarantined { source, .. } => {
                **source = mem::replace(&mut **source, Self::Closed).redacted(redactor);
            }
            // The other variants have no source.
            _ => {}
        }
        self
    }

    /// Applies `change` to every text in the error. The match has no wildcard arm, so that the compiler asks
    /// for each new variant.
    fn for_each_text(&mut self, mut change: impl FnMut(&mut String)) {
        match self {
            Self::MissingApiKey
            | Self::InvalidApiKey
            | Self::NoRuntime
            | Self::Closed
            | Self::QueueFull
            | Self::Forked
            | Self::SecondLayer
            | Self::Encode { .. }
            | Self::HttpSetup { .. }
            | Self::ThreadStart { .. }
            | Self::Spool { .. } => {}
            Self::InvalidBaseUrl { value, reason } => {
                change(value);
                change(reason);
            }
            Self::InvalidTimeout { value } | Self::InvalidId { value, .. } | Self::InvalidScore { value } => {
                change(value);
            }
            Self::InvalidTag { tag, .. } => change(tag),
            Self::InvalidMetadata { key, .. } => change(key),
            Self::InvalidArgument { reason, .. } => change(reason),
            Self::Unconfirmed { request, .. } => change(request),
            Self::Quarantined { item, .. } => change(item),
            Self::Render { template, reason } => {
                change(template);
                change(reason);
            }
            Self::PromptMissing { prompt, function } => {
                change(prompt);
                change(function);
            }
            Self::Connect { request, .. } | Self::Timeout { request, .. } | Self::Broken { request, .. } => {
                change(request);
            }
            Self::Status { request, message, .. } | Self::Declined { request, message } => {
                change(request);
                change(message);
            }
            Self::UnreadableAnswer { request, body, .. } => {
                change(request);
                change(body);
            }
        }
    }
}
