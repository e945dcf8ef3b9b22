//! PromptLayer's own API document, as something a body can break.

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

/// The document, ready to check bodies against. Clones share it.
///
/// It is read as its service reads it, where that differs from JSON Schema: `nullable` allows null, a `discriminator`
/// decides alone which schema of a choice holds, a `oneOf` without one may be met twice, formats are asserted, and the request log inside a span may leave out
/// its times, which its description says it inherits.
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
    /// The schemas that others refer to, in the dialect of the validator.
    components: Value,
    /// A schema takes a while to compile; each is compiled when first asked for.
    validators: Mutex<HashMap<String, Arc<Validator>>>,
}

impl Contract {
    /// Reads `openapi.json` in `PROMPTLAYER_SHARED`, else in the folder `shared` beside the checkout.
    ///
    /// Where it is not there, says so on standard error and gives `None`. What is found is kept for the process.
    ///
    /// # Panics
    ///
    /// If the document is there but is not JSON.
    pub fn load() -> Option<Self> {
        // Only what was found is kept: every test that has to skip says so itself.
        static FOUND: OnceLock<Contract> = OnceLock::new();
        if let Some(found) = FOUND.get() {
            return Some(found.clone());
        }
        let found = Self::from_document(shared::document("openapi.json")?);
        Some(FOUND.get_or_init(|| found).clone())
    }

    /// Checks against this `OpenAPI` document.
    pub fn from_document(mut document: Value) -> Self {
        dialect::inherit_times(&mut document);
        let components = document.pointer("/components/schemas").and_then(Value::as_object);
        let translated = |schemas: &Map<String, Value>| {
            schemas.iter().map(|(name, schema)| (name.clone(), dialect::translate(schema))).collect()
        };
        let components = Value::Object(components.map(translated).unwrap_or_default());
        Self(Arc::new(Inner { document, components, validators: Mutex::default() }))
    }

    /// What is wrong with this body of a request; nothing where it meets the document.
    ///
    /// `path` is one that is sent, such as `/prompt-templates/7`. A request without a body is checked as `null`.
    ///
    /// # Panics
    ///
    /// If the document's schema itself is wrong.
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

    /// What is wrong with this body of an answer; nothing where it meets the document.
    ///
    /// An answer whose body the document leaves open always meets it.
    ///
    /// # Panics
    ///
    /// If the document's schema itself is wrong.
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

    /// The operation a path means: of the templates that match, the one with the most literal segments.
    fn operation(&self, method: &str, path: &str) -> Option<(&str, &Value)> {
        let paths = self.0.document.get("paths")?.as_object()?;
        let (template, _, item) = paths
            .iter()
            .filter_map(|(template, item)| Some((template, literal_segments(template, path)?, item)))
            .max_by_key(|(_, literal, _)| *literal)?;
        Some((template, item.get(method.to_ascii_lowercase())?))
    }

    /// What a `$ref` within the document refers to, or the value itself.
    fn resolved<'a>(&'a self, value: &'a Value) -> &'a Value {
        let target = value.get("$ref").and_then(Value::as_str).and_then(|target| target.strip_prefix('#'));
        target.and_then(|pointer| self.0.document.pointer(pointer)).unwrap_or(value)
    }

    fn check(&self, name: &str, schema: &Value, body: &Value) -> Vec<Violation> {
        let validator = self.validator(name, schema);
        let mut violations: Vec<_> =
            validator.iter_errors(body).flat_map(|error| Violation::of(&error)).collect();
        // By place, so that they are in the same order every time.
        violations.sort();
        violations
    }

    fn validator(&self, name: &str, schema: &Value) -> Arc<Validator> {
        let mut validators = self.0.validators.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(validator) = validators.get(name) {
            return Arc::clone(validator);
        }
        // References are to '#/components/schemas/…', so that is where the schemas must be.
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

/// The schema of a JSON body.
fn schema(content: &Value) -> Option<&Value> {
    content.pointer("/content/application~1json/schema")
}

/// How many segments of a path the template says literally, where the template matches it.
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
