//! API documents, and checks of values against their schemas: the project's own document, and PromptLayer's if it
//! is available.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, OnceLock};

use jsonschema::Validator;
use reqwest::Method;
use serde_json::{Map, Value, json};

use super::shared;

/// The paths that the documents describe and the server implements. The first that matches counts.
const PATHS: &[&str] = &[
    "/spans-bulk",
    "/log-request",
    "/rest/track-score",
    "/rest/track-metadata",
    "/rest/track-prompt",
    "/rest/track-group",
    "/rest/prompt-templates",
    "/rest/prompt-templates/{identifier}",
    "/prompt-templates",
    "/prompt-templates/by-external-id/{source}/{external_id}",
    "/prompt-templates/{identifier}/labels",
    "/prompt-templates/{identifier}/snippet-usage",
    "/prompt-templates/{prompt_template_id}/external-ids",
    "/prompt-templates/{prompt_template_id}/external-ids/{source}/{external_id}",
    "/prompt-templates/{identifier}",
    "/prompts/{prompt_id}/label",
    "/prompt-labels/{prompt_label_id}",
    "/api/public/v2/requests/search",
    "/api/public/v2/requests/suggestions",
    "/api/public/v2/requests/analytics",
    "/api/public/v2/requests/{request_id}",
    "/api/public/v2/traces/{trace_id}",
    "/api/public/v2/traces/{trace_id}/close",
    "/v1/traces",
];

/// The statuses that PromptLayer's document leaves out although the service must return them.
const UNDOCUMENTED: &[u16] = &[404, 405, 413];

/// An API document.
pub(crate) struct Document {
    json: Value,
    validators: Mutex<HashMap<String, Arc<Validator>>>,
}

/// Returns the documents.
pub(crate) fn documents() -> &'static [Document] {
    static DOCUMENTS: OnceLock<Vec<Document>> = OnceLock::new();
    DOCUMENTS.get_or_init(|| shared::contracts().into_iter().map(Document::new).collect())
}

/// Panics if the response does not match the documents.
pub(crate) fn check_answer(method: &Method, path: &str, status: u16, body: &Value) {
    if let Some(template) = described_path(path) {
        for document in documents() {
            document.check_answer(method, template, status, body);
        }
    }
}

impl Document {
    fn new(mut json: Value) -> Self {
        allow_null_where_nullable(&mut json);
        demand_the_details_of_422(&mut json);
        Self { json, validators: Mutex::default() }
    }

    /// Returns the examples of the body of a `POST` request.
    pub(crate) fn examples(&self, path: &str) -> impl Iterator<Item = (&String, &Value)> {
        let examples = &self.body(&Method::POST, path)["examples"];
        examples.as_object().unwrap().iter().map(|(name, example)| (name, &example["value"]))
    }

    /// Returns the problems of the body of a request.
    pub(crate) fn problems_of_request(&self, method: &Method, path: &str, body: &Value) -> Vec<String> {
        let schema = &self.body(method, path)["schema"];
        assert!(schema.is_object(), "{method} {path} is not described");
        self.problems(&format!("{method} {path}"), schema, body)
    }

    fn body(&self, method: &Method, path: &str) -> &Value {
        let method = method.as_str().to_lowercase();
        &self.json["paths"][path][method]["requestBody"]["content"]["application/json"]
    }

    fn check_answer(&self, method: &Method, template: &str, status: u16, body: &Value) {
        let operation = &self.json["paths"][template][method.as_str().to_lowercase()];
        // PromptLayer's document describes a body for 204, which HTTP does not allow.
        if operation.is_null() || status == 204 {
            return;
        }
        let mut response = &operation["responses"][status.to_string()];
        if response.is_null() {
            assert!(
                UNDOCUMENTED.contains(&status),
                "{method} {template} answered {status}, which is not documented: {body}"
            );
            return;
        }
        if let Some(reference) = response["$ref"].as_str() {
            response = self.json.pointer(&reference[1..]).unwrap();
        }
        let schema = &response["content"]["application/json"]["schema"];
        if schema.is_null() {
            return;
        }
        let key = format!("{method} {template} {status}");
        let problems = self.problems(&key, schema, body);
        assert!(problems.is_empty(), "{key}: {}\n{body}", problems.join("\n"));
    }

    /// Returns the problems of a value according to a schema of the document. The key identifies the schema in
    /// the cache.
    fn problems(&self, key: &str, schema: &Value, value: &Value) -> Vec<String> {
        let validator = {
            let mut validators = self.validators.lock().unwrap();
            validators.entry(key.to_owned()).or_insert_with(|| Arc::new(self.validator(schema))).clone()
        };
        validator.iter_errors(value).map(|error| format!("{}: {error}", error.instance_path())).collect()
    }

    fn validator(&self, schema: &Value) -> Validator {
        let whole = json!({ "allOf": [schema], "components": self.json["components"] });
        jsonschema::options()
            .with_draft(jsonschema::Draft::Draft202012)
            .should_validate_formats(true)
            .build(&whole)
            .unwrap()
    }
}

fn described_path(path: &str) -> Option<&'static str> {
    let path = path.split('?').next().unwrap();
    let matching = PATHS.iter().copied().find(|template| {
        let (mut template, mut path) = (template.split('/'), path.split('/'));
        loop {
            match (template.next(), path.next()) {
                (None, None) => return true,
                (Some(expected), Some(found)) if expected.starts_with('{') || expected == found => {}
                _ => return false,
            }
        }
    });
    // A name can contain slashes.
    matching.or_else(|| {
        let rest = path.strip_prefix("/prompt-templates/")?;
        Some(if rest.ends_with("/labels") {
            "/prompt-templates/{identifier}/labels"
        } else {
            "/prompt-templates/{identifier}"
        })
    })
}

/// Makes `detail` required in 422 responses of PromptLayer's document. It allows exactly one of two schemas, but
/// every object matches both. The operations of the document describe the list of problems.
fn demand_the_details_of_422(document: &mut Value) {
    let pointer = "/components/responses/ValidationError/content/application~1json/schema";
    if let Some(schema) = document.pointer_mut(pointer) {
        *schema = json!({ "allOf": [{ "$ref": "#/components/schemas/HTTPValidationError" }], "required": ["detail"] });
    }
}

/// Allows null for every schema with `nullable`. PromptLayer's document is `OpenAPI` 3.1 but uses this keyword,
/// which only `OpenAPI` 3.0 defines.
fn allow_null_where_nullable(value: &mut Value) {
    match value {
        Value::Array(items) => items.iter_mut().for_each(allow_null_where_nullable),
        Value::Object(fields) => {
            fields.values_mut().for_each(allow_null_where_nullable);
            if fields.get("nullable") == Some(&Value::Bool(true)) {
                let schema = Value::Object(std::mem::replace(fields, Map::new()));
                fields.insert("anyOf".to_owned(), json!([schema, { "type": "null" }]));
            }
        }
        _ => {}
    }
}
