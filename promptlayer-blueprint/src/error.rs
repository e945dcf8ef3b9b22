//! The errors of values that are checked when they are made.

/// The most characters of a rejected value that an error quotes.
const MAX_QUOTED_CHARACTERS: usize = 128;

/// The text is not an id of the expected form.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("invalid {what} `{value}`: expected {expected}")]
pub struct ParseIdError {
    what: &'static str,
    value: String,
    expected: &'static str,
}

impl ParseIdError {
    /// Changes the quoted value, to redact it. Not part of the public API.
    #[doc(hidden)]
    pub fn map_quoted(&mut self, mut change: impl FnMut(&mut String)) {
        change(&mut self.value);
    }

    /// Creates the error of an id in another crate. Not part of the public API.
    #[doc(hidden)]
    pub fn new(what: &'static str, value: &str, expected: &'static str) -> Self {
        Self { what, value: quote(value), expected }
    }
}

/// The text cannot be used as a tag.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("invalid tag `{tag}`: {reason}")]
pub struct InvalidTag {
    tag: String,
    reason: &'static str,
}

impl InvalidTag {
    /// Changes the quoted value, to redact it. Not part of the public API.
    #[doc(hidden)]
    pub fn map_quoted(&mut self, mut change: impl FnMut(&mut String)) {
        change(&mut self.tag);
    }

    pub(crate) fn new(tag: &str, reason: &'static str) -> Self {
        Self { tag: quote(tag), reason }
    }
}

/// The number is not a score from 0 to 100.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("invalid score {value}: a score is a whole number from 0 to 100")]
pub struct InvalidScore {
    value: String,
}

impl InvalidScore {
    /// Changes the quoted value, to redact it. Not part of the public API.
    #[doc(hidden)]
    pub fn map_quoted(&mut self, mut change: impl FnMut(&mut String)) {
        change(&mut self.value);
    }

    pub(crate) fn new(value: &impl ToString) -> Self {
        Self { value: value.to_string() }
    }
}

/// The template cannot be rendered with the given variables.
#[cfg(feature = "templates")]
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{0}")]
pub struct RenderError(pub(crate) String);

/// The beginning of a rejected value.
fn quote(value: &str) -> String {
    value.chars().take(MAX_QUOTED_CHARACTERS).collect()
}
