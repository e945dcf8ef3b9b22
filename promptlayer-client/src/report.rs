//! Errors for the export pipeline, which parses its responses itself.

use crate::Error;
use crate::http::Http;

impl Http {
    /// Creates the error for an accepted request whose response cannot be parsed.
    pub fn error_of_unreadable(&self, request: String, body: &[u8], source: serde_json::Error) -> Error {
        Error::from_unreadable(request, body, self.redactor(), source)
    }
}
