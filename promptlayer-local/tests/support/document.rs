//! PromptLayer's API document, if it is available, and checks of values against its schemas.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, OnceLock};

use jsonschema::Validator;
use reqwest::Method;
use serde_json::{Map, Value, json};

use super::shared;

/// The paths that the document describes and the server implements.
const PATHS: &[(&str, &str)] = &[
    ("/spans-bulk", "/spans-bulk"),
    ("/log-request", "/log-request"),
    ("/rest/track-score", "/rest/track-score"),
    ("/rest/track-metadata", "/rest/track-metadata"),
    ("/rest/track-prompt", "/rest/track-prompt"),
    ("/rest/track-group", "/rest/track-group"),
    ("/rest/prompt-templates", "/rest/prompt-templates"),
    ("/prompt-templates/", "/prompt-templates/{identifier}"),
    ("/prompt-templates", "/prompt-templates"),
    ("/api/public/v2/requests/", "/api/public/v2/requests/{request_id}"),
];

/// The statuses that the document leaves out although the service must return them.
const UNDOCUMENTED: &[u16] = &[404, 405, 413];

static DOCUMENT: OnceLock<Option<Value>> = OnceLock::new();
static VALIDATORS: Mutex<Option<HashMap<String, Arc<Validator>>>> = Mutex::new(None);

/// Returns the document. Writes a message and returns `None` if it is not available.
pub(crate) fn document() -> Option<&'static Value> {
    DOCUMENT
        .get_or_init(|| {
            let mut document = shared::document("openapi.json")?;
            allow_null_where_nullable(&mut document);
            demand_the_details_of_422(&mut document);
            Some(document)
        })
        .as_ref()
}

/// Returns the recorded requests of PromptLayer's own clients, if they are available.
pub(crate) fn recording(file: &str) -> Option<Value> {
    shared::document(&format!("wire/{file}"))
}

/// Panics if the response does not match the document.
pub(crate) fn check_answer(method: &Method, path: &str, status: u16, body: &Value) {
    let Some(document) = document() else { return };
    let Some(template) = described_path(path) else { return };
    let operation = &document["paths"][template][method.as_str().to_lowercase()];
    if operation.is_null() {
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
        response = document.pointer(&reference[1..]).unwrap();
    }
    let schema = &response["content"]["application/json"]["schema"];
    if schema.is_null() {
        return;
    }
    let key = format!("{method} {template} {status}");
    let problems = problems(&key, schema, body);
    assert!(problems.is_empty(), "{key}: {}\n{body}", problems.join("\n"));
}

/// Returns the problems of a value according to a schema of the document. The key identifies the schema in
/// the cache.
pub(crate) fn problems(key: &str, schema: &Value, value: &Value) -> Vec<String> {
    let validator = {
        let mut validators = VALIDATORS.lock().unwrap();
        let validators = validators.get_or_insert_with(HashMap::new);
        validators.entry(key.to_owned()).or_insert_with(|| Arc::new(validator(schema))).clone()
    };
    validator.iter_errors(value).map(|error| format!("{}: {error}", error.instance_path())).collect()
}

fn validator(schema: &Value) -> Validator {
    let whole = json!({ "allOf": [schema], "components": document().unwrap()["components"] });
    jsonschema::options()
        .with_draft(jsonschema::Draft::Draft202012)
        .should_validate_formats(true)
        .build(&whole)
        .unwrap()
}

fn described_path(path: &str) -> Option<&'static str> {
    let path = path.split('?').next().unwrap();
    if path.starts_with("/api/public/v2/traces/") {
        let close = path.ends_with("/close");
        return Some(if close {
            "/api/public/v2/traces/{trace_id}/close"
        } else {
            "/api/public/v2/traces/{trace_id}"
        });
    }
    PATHS
        .iter()
        .find(|(start, _)| if start.ends_with('/') { path.starts_with(start) } else { path == *start })
        .map(|(_, template)| *template)
}

/// Makes `detail` required in 422 responses. The document allows exactly one of two schemas, but every object
/// matches both. The operations of the document describe the list of problems.
fn demand_the_details_of_422(document: &mut Value) {
    let schema = document
        .pointer_mut("/components/responses/ValidationError/content/application~1json/schema")
        .unwrap();
    *schema =
        json!({ "allOf": [{ "$ref": "#/components/schemas/HTTPValidationError" }], "required": ["detail"] });
}

/// Allows null for every schema with `nullable`. The document is `OpenAPI` 3.1 but uses this keyword, which
/// only `OpenAPI` 3.0 defines.
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
