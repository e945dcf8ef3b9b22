//! What is wrong with a body, and where.

use std::fmt;

use jsonschema::ValidationError;
use jsonschema::error::ValidationErrorKind;

/// A place where a body breaks the contract.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Violation {
    location: String,
    message: String,
}

impl Violation {
    /// Where in the body, as a JSON pointer: `/spans/0/log_request/model`. Of something missing, where it would be.
    pub fn location(&self) -> &str {
        &self.location
    }

    /// What is wrong there.
    pub fn message(&self) -> &str {
        &self.message
    }

    /// Something the document says nothing about.
    pub(super) fn unknown(message: String) -> Self {
        Self { location: String::new(), message }
    }

    /// What an error of the validator comes down to.
    ///
    /// An error of a choice says no more than that nothing fits. Branches that ask for another type are not what was
    /// meant; where one branch is left, its errors are the ones to tell.
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
        // Masked: a message must not repeat a whole body.
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
