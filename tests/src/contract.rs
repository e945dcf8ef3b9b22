//! Checks bodies against PromptLayer's API document.

mod dialect;
mod violation;

#[cfg(test)]
mod tests;

use std::collections::HashMap;
use std::fmt;
use std::sync::{Arc, Mutex, OnceLock, PoisonError};

use jsonschema::Validator;
use serde_json::{Map, Value, json};

pub use self::violation::Violation;
use crate::shared;

/// PromptLayer's `OpenAPI` document, prepared for checking bodies. Clones share it.
///
/// It is interpreted as PromptLayer does where that differs from JSON Schema:
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
/// if let Some(contract) = Contract::load() {
///     let violations = contract.check_request("POST", "/rest/track-score", &json!({ "request_id": 1, "score": 101 }));
///     assert_eq!(violations[0].location(), "/score");
/// }
/// ```
#[derive(Clone)]
pub struct Contract(Arc<Inner>);

struct Inner {
    document: Value,
    /// The schemas that other schemas refer to, translated to JSON Schema.
    components: Value,
    /// Compiled schemas. Compiling one takes a while, so each is compiled on first use.
    validators: Mutex<HashMap<String, Arc<Validator>>>,
}

impl Contract {
    /// Reads `openapi.json` from the folder in `PROMPTLAYER_SHARED`, else from the folder `shared` beside the
    /// checkout.
    ///
    /// If the file does not exist, writes a message to standard error and returns `None`. The document is
    /// cached for the process.
    ///
    /// # Panics
    ///
    /// Panics if the document exists but is not JSON.
    pub fn load() -> Option<Self> {
        // Cache only a document that was found, so that every test that skips writes its own message.
        static FOUND: OnceLock<Contract> = OnceLock::new();
        if let Some(found) = FOUND.get() {
            return Some(found.clone());
        }
        let found = Self::from_document(shared::document("openapi.json")?);
        Some(FOUND.get_or_init(|| found).clone())
    }

    /// Creates a contract from an `OpenAPI` document.
    pub fn from_document(mut document: Value) -> Self {
        dialect::inherit_times(&mut document);
        let components = document.pointer("/components/schemas").and_then(Value::as_object);
        let translated = |schemas: &Map<String, Value>| {
            schemas.iter().map(|(name, schema)| (name.clone(), dialect::translate(schema))).collect()
        };
        let components = Value::Object(components.map(translated).unwrap_or_default());
        Self(Arc::new(Inner { document, components, validators: Mutex::default() }))
    }

    /// Checks the body of a request. Returns an empty list if the body is valid.
    ///
    /// `path` is a concrete path such as `/prompt-templates/7`. A request without a body is checked as
    /// `null`.
    ///
    /// # Panics
    ///
    /// Panics if the schema in the document is invalid.
    pub fn check_request(&self, method: &str, path: &str, body: &Value) -> Vec<Violation> {
        let Some((template, operation)) = self.operation(method, path) else {
            return vec![Violation::unknown(format!("the document has no {method} {path}"))];
        };
        let content = operation.get("requestBody").map(|content| self.resolved(content));
        match content.and_then(schema) {
            Some(schema) => self.check(&format!("{method} {template}"), schema, body),
            None if body.is_null() => Vec::new(),
            None => vec![Violation::unknown(format!("{method} {template} takes no JSON body"))],
        }
    }

    /// Checks the body of a response. Returns an empty list if the body is valid.
    ///
    /// If the document has no schema for the response, every body is valid.
    ///
    /// # Panics
    ///
    /// Panics if the schema in the document is invalid.
    pub fn check_response(&self, method: &str, path: &str, status: u16, body: &Value) -> Vec<Violation> {
        let Some((template, operation)) = self.operation(method, path) else {
            return vec![Violation::unknown(format!("the document has no {method} {path}"))];
        };
        let answers = operation.get("responses");
        let Some(answer) =
            answers.and_then(|answers| answers.get(status.to_string()).or(answers.get("default")))
        else {
            return vec![Violation::unknown(format!("{method} {template} has no answer of status {status}"))];
        };
        match schema(self.resolved(answer)) {
            Some(schema) => self.check(&format!("{method} {template} {status}"), schema, body),
            None => Vec::new(),
        }
    }

    /// Returns the operation for a path: of the matching templates, the one with the most literal segments.
    fn operation(&self, method: &str, path: &str) -> Option<(&str, &Value)> {
        let paths = self.0.document.get("paths")?.as_object()?;
        let (template, _, item) = paths
            .iter()
            .filter_map(|(template, item)| Some((template, literal_segments(template, path)?, item)))
            .max_by_key(|(_, literal, _)| *literal)?;
        Some((template, item.get(method.to_ascii_lowercase())?))
    }

    /// Resolves a `$ref` within the document. Returns any other value unchanged.
    fn resolved<'a>(&'a self, value: &'a Value) -> &'a Value {
        let target = value.get("$ref").and_then(Value::as_str).and_then(|target| target.strip_prefix('#'));
        target.and_then(|pointer| self.0.document.pointer(pointer)).unwrap_or(value)
    }

    fn check(&self, name: &str, schema: &Value, body: &Value) -> Vec<Violation> {
        let validator = self.validator(name, schema);
        let mut violations: Vec<_> =
            validator.iter_errors(body).flat_map(|error| Violation::of(&error)).collect();
        // Sort by location to make the order deterministic.
        violations.sort();
        violations
    }

    fn validator(&self, name: &str, schema: &Value) -> Arc<Validator> {
        let mut validators = self.0.validators.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(validator) = validators.get(name) {
            return Arc::clone(validator);
        }
        // References have the form `#/components/schemas/…`, so the schemas must be at that location.
        let whole = json!({
            "$schema": "https://json-schema.org/draft/2020-12/schema",
            "components": { "schemas": self.0.components },
            "allOf": [dialect::translate(schema)],
        });
        let compiled = match jsonschema::options().should_validate_formats(true).build(&whole) {
            Ok(compiled) => Arc::new(compiled),
            Err(error) => panic!("the document's schema of {name} is wrong: {error}"),
        };
        validators.insert(name.to_owned(), Arc::clone(&compiled));
        compiled
    }
}

impl fmt::Debug for Contract {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Contract").finish_non_exhaustive()
    }
}

/// Returns the schema of a JSON body.
fn schema(content: &Value) -> Option<&Value> {
    content.pointer("/content/application~1json/schema")
}

/// Returns the number of literal segments of the template if it matches the path.
fn literal_segments(template: &str, path: &str) -> Option<usize> {
    let (template, path): (Vec<_>, Vec<_>) = (template.split('/').collect(), path.split('/').collect());
    if template.len() != path.len() {
        return None;
    }
    let is_parameter = |segment: &str| segment.starts_with('{') && segment.ends_with('}');
    let matches = |(expected, given): (&&str, &&str)| {
        if is_parameter(expected) { !given.is_empty() } else { expected == given }
    };
    template
        .iter()
        .zip(&path)
        .all(matches)
        .then(|| template.iter().filter(|segment| !is_parameter(segment)).count())
}
