//! Checks bodies against API documents: the project's own, and PromptLayer's if it is available.

mod dialect;
mod document;
mod violation;

#[cfg(test)]
mod tests;

use std::fmt;
use std::sync::{Arc, OnceLock};

use serde_json::Value;

use self::document::Document;
pub use self::violation::Violation;
use crate::shared;

/// `OpenAPI` documents, prepared for checking bodies. A body must follow all of them. Clones share them.
///
/// They are interpreted as PromptLayer does where that differs from JSON Schema:
///
/// - `nullable` allows null.
/// - A `discriminator` alone decides which schema of a choice applies.
/// - A body may meet several schemas of a `oneOf` without a discriminator.
/// - Formats are asserted.
/// - The request log inside a span may omit its times, which it inherits according to its description.
///
/// ```
/// use serde_json::json;
/// use tests::Contract;
///
/// let body = json!({ "request_id": 1, "score": 101 });
/// let violations = Contract::load().check_request("POST", "/rest/track-score", &body);
/// assert_eq!(violations[0].location(), "/score");
/// ```
#[derive(Clone)]
pub struct Contract(Vec<Arc<Document>>);

impl Contract {
    /// Reads the document in `tests/fixtures/contract`, and `openapi.json` of the external folder if it exists.
    /// The documents are cached for the process.
    ///
    /// # Panics
    ///
    /// Panics if a document is not JSON.
    pub fn load() -> Self {
        static LOADED: OnceLock<Contract> = OnceLock::new();
        let load = || Self(shared::contracts().into_iter().map(Document::new).map(Arc::new).collect());
        LOADED.get_or_init(load).clone()
    }

    /// Creates a contract from an `OpenAPI` document.
    pub fn from_document(document: Value) -> Self {
        Self(vec![Arc::new(Document::new(document))])
    }

    /// Returns a contract for each document.
    pub fn each(&self) -> impl Iterator<Item = Self> {
        self.0.iter().map(|document| Self(vec![Arc::clone(document)]))
    }

    /// Checks the body of a request. Returns an empty list if the body is valid.
    ///
    /// `path` is a concrete path such as `/prompt-templates/7`. A request without a body is checked as
    /// `null`.
    ///
    /// # Panics
    ///
    /// Panics if the schema in a document is invalid.
    pub fn check_request(&self, method: &str, path: &str, body: &Value) -> Vec<Violation> {
        self.check(|document| document.check_request(method, path, body))
    }

    /// Checks the body of a response. Returns an empty list if the body is valid.
    ///
    /// If a document has no schema for the response, every body is valid.
    ///
    /// # Panics
    ///
    /// Panics if the schema in a document is invalid.
    pub fn check_response(&self, method: &str, path: &str, status: u16, body: &Value) -> Vec<Violation> {
        self.check(|document| document.check_response(method, path, status, body))
    }

    fn check(&self, check: impl Fn(&Document) -> Vec<Violation>) -> Vec<Violation> {
        let mut violations: Vec<_> = self.0.iter().flat_map(|document| check(document)).collect();
        // Sort by location to make the order deterministic.
        violations.sort();
        violations.dedup();
        violations
    }
}

impl fmt::Debug for Contract {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Contract").finish_non_exhaustive()
    }
}
