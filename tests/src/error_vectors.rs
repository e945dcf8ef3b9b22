//! Test vectors of errors, with the PromptLayer error type that PromptLayer's own Python client gives each of
//! them.

use crate::shared;

/// One test vector.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct ErrorVector {
    /// A short description of the error.
    pub case: String,
    /// The error type, such as `PROVIDER_TIMEOUT`.
    pub kind: String,
}

impl ErrorVector {
    /// Reads all vectors: those in `tests/fixtures`, and those of the external folder if it exists.
    ///
    /// # Panics
    ///
    /// Panics if a file contains something else.
    pub fn all() -> Vec<Self> {
        shared::error_vectors().into_iter().map(|(case, kind)| Self { case, kind }).collect()
    }
}
