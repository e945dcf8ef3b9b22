//! Errors of the export pipeline, which reads its answers itself.

use crate::{Error, http::Http};

impl Http {
    /// The error that an accepted request stands for whose answer cannot be read.
    pub fn error_of_unreadable(&self, request: String, body: &[u8], source: serde_json::Error) -> Error {
        Error::from_unreadable(request, body, self.redactor(), source)
    }
}
