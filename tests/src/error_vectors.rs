//! Test vectors of errors, with the PromptLayer error type that PromptLayer's own Python client gives each of
//! them.

use serde::Deserialize;

use crate::shared;

/// One test vector.
#[derive(Debug, Clone, Deserialize)]
#[non_exhaustive]
pub struct ErrorVector {
    /// A short description of the error.
    pub case: String,
    /// The error type, such as `PROVIDER_TIMEOUT`.
    #[serde(rename = "python")]
    pub kind: String,
}

impl ErrorVector {
    /// Reads all vectors from the folder in `PROMPTLAYER_SHARED`, else from the folder `shared` beside the
    /// checkout.
    ///
    /// If the file does not exist, writes a message to standard error and returns `None`.
    ///
    /// # Panics
    ///
    /// Panics if the file exists but contains something else.
    pub fn all() -> Option<Vec<Self>> {
        let mut document = shared::document("wire/error_category_vectors.json")?;
        match document.get_mut("python").map(|vectors| serde_json::from_value(vectors.take())) {
            Some(Ok(vectors)) => Some(vectors),
            other => panic!("these are no errors: {other:?}"),
        }
    }
}
