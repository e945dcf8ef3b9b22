//! A violation of the contract: its location and its message.

use std::fmt;

use jsonschema::ValidationError;
use jsonschema::error::ValidationErrorKind;

/// A part of a body that violates the contract.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Violation {
    location: String,
    message: String,
}

impl Violation {
    /// Returns the location in the body as a JSON pointer, such as `/spans/0/log_request/model`. If a
    /// property is missing, this is where it should be.
    pub fn location(&self) -> &str {
        &self.location
    }

    /// Returns the message.
    pub fn message(&self) -> &str {
        &self.message
    }

    /// Creates a violation for a request or response that is not in the document.
    pub(super) fn unknown(message: String) -> Self {
        Self { location: String::new(), message }
    }

    /// Converts an error of the validator.
    ///
    /// The error of a choice only says that no branch matches. Branches for another type are ignored. If
    /// exactly one branch remains, its errors are returned instead.
    pub(super) fn of(error: &ValidationError<'_>) -> Vec<Self> {
        if let ValidationErrorKind::AnyOf { context } = error.kind() {
            let mut meant =
                context.iter().filter(|branch| !branch.iter().any(|inner| is_other_type(error, inner)));
            if let (Some(branch), None) = (meant.next(), meant.next()) {
                return branch.iter().flat_map(Self::of).collect();
            }
        }
        let mut location = error.instance_path().as_str().to_owned();
        if let ValidationErrorKind::Required { property } = error.kind() {
            location.push('/');
            location.push_str(property.as_str().unwrap_or_default());
        }
        // Masked, because the message must not repeat the body.
        vec![Self { location, message: error.masked().to_string() }]
    }
}

fn is_other_type(choice: &ValidationError<'_>, inner: &ValidationError<'_>) -> bool {
    matches!(inner.kind(), ValidationErrorKind::Type { .. })
        && inner.instance_path() == choice.instance_path()
}

impl fmt::Display for Violation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { location, message } = self;
        write!(f, "{}: {message}", if location.is_empty() { "the body" } else { location })
    }
}
