//! Errors, and which of PromptLayer's kinds the vendor's own client for Python says that they are.

use serde::Deserialize;

use crate::shared;

/// One error.
#[derive(Debug, Clone, Deserialize)]
#[non_exhaustive]
pub struct ErrorVector {
    /// Which it is, in a few words.
    pub case: String,
    /// Its kind, such as `PROVIDER_TIMEOUT`.
    #[serde(rename = "python")]
    pub kind: String,
}

impl ErrorVector {
    /// All of them, in `PROMPTLAYER_SHARED`, else in the folder `shared` beside the checkout.
    ///
    /// Where they are not there, says so on standard error and gives `None`.
    ///
    /// # Panics
    ///
    /// If the file is there but holds something else.
    pub fn all() -> Option<Vec<Self>> {
        let mut document = shared::document("wire/error_category_vectors.json")?;
        match document.get_mut("python").map(|vectors| serde_json::from_value(vectors.take())) {
            Some(Ok(vectors)) => Some(vectors),
            other => panic!("these are no errors: {other:?}"),
        }
    }
}
