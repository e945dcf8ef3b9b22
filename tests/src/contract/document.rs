//! One API document.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};

use jsonschema::Validator;
use serde_json::{Map, Value, json};

use super::{Violation, dialect};

/// An `OpenAPI` document, prepared for checking bodies.
pub(super) struct Document {
    json: Value,
    /// The schemas that other schemas refer to, translated to JSON Schema.
    components: Value,
    /// Compiled schemas. Compiling one takes a while, so each is compiled on first use.
    validators: Mutex<HashMap<String, Arc<Validator>>>,
}

impl Document {
    pub(super) fn new(mut json: Value) -> Self {
        dialect::inherit_times(&mut json);
        let components = json.pointer("/components/schemas").and_then(Value::as_object);
        let translated = |schemas: &Map<String, Value>| {
            schemas.iter().map(|(name, schema)| (name.clone(), dialect::translate(schema))).collect()
        };
        let components = Value::Object(components.map(translated).unwrap_or_default());
        Self { json, components, validators: Mutex::default() }
    }

    /// Checks the body of a request.
    pub(super) fn check_request(&self, method: &str, path: &str, body: &Value) -> Vec<Violation> {
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

    /// Checks the body of a response.
    pub(super) fn check_response(
        &self,
        method: &str,
        path: &str,
        status: u16,
        body: &Value,
    ) -> Vec<Violation> {
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

    /// Returns method and path of each operation that takes a JSON body.
    #[cfg(test)]
    pub(super) fn requests_with_a_body(&self) -> Vec<(String, String)> {
        let paths = self.json["paths"].as_object().into_iter().flatten();
        let operations = paths.flat_map(|(path, item)| {
            item.as_object().into_iter().flatten().map(move |(method, operation)| (method, path, operation))
        });
        operations
            .filter(|(.., operation)| {
                operation.get("requestBody").is_some_and(|body| schema(self.resolved(body)).is_some())
            })
            .map(|(method, path, _)| (method.clone(), path.clone()))
            .collect()
    }

    /// Returns the operation for a path: of the matching templates, the one with the most literal segments.
    pub(super) fn operation(&self, method: &str, path: &str) -> Option<(&str, &Value)> {
        let paths = self.json.get("paths")?.as_object()?;
        let (template, _, item) = paths
            .iter()
            .filter_map(|(template, item)| Some((template, literal_segments(template, path)?, item)))
            .max_by_key(|(_, literal, _)| *literal)?;
        Some((template, item.get(method.to_ascii_lowercase())?))
    }

    /// Resolves a `$ref` within the document. Returns any other value unchanged.
    fn resolved<'a>(&'a self, value: &'a Value) -> &'a Value {
        let target = value.get("$ref").and_then(Value::as_str).and_then(|target| target.strip_prefix('#'));
        target.and_then(|pointer| self.json.pointer(pointer)).unwrap_or(value)
    }

    fn check(&self, name: &str, schema: &Value, body: &Value) -> Vec<Violation> {
        let validator = self.validator(name, schema);
        validator.iter_errors(body).flat_map(|error| Violation::of(&error)).collect()
    }

    fn validator(&self, name: &str, schema: &Value) -> Arc<Validator> {
        let mut validators = self.validators.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(validator) = validators.get(name) {
            return Arc::clone(validator);
        }
        // References have the form `#/components/schemas/…`, so the schemas must be at that location.
        let whole = json!({
            "$schema": "https://json-schema.org/draft/2020-12/schema",
            "components": { "schemas": self.components },
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
