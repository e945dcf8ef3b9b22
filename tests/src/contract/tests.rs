//! Tests that the contract detects invalid bodies.

mod documents;

use serde_json::json;

use super::*;

/// A small document with one of everything that is interpreted.
fn small() -> Contract {
    let block = |kind: &str, field: &str| {
        json!({
            "type": "object",
            "properties": {
                "type": { "const": kind, "default": kind, "type": "string" },
                field: { "type": "string" },
                "format": { "type": "string", "nullable": true },
            },
            "required": [field],
        })
    };
    let body = json!({
        "type": "object",
        "required": ["at"],
        "properties": {
            "at": { "type": "string", "format": "date-time" },
            "level": { "type": "string", "enum": ["low", "high"], "nullable": true },
            "block": {
                "nullable": true,
                "oneOf": [{ "$ref": "#/components/schemas/Text" }, { "$ref": "#/components/schemas/Thought" }],
                "discriminator": {
                    "propertyName": "type",
                    "mapping": { "text": "#/components/schemas/Text", "thought": "#/components/schemas/Thought" },
                },
            },
            "either": {
                "oneOf": [
                    { "type": "object", "properties": { "wide": { "type": "boolean" } } },
                    { "type": "object", "properties": { "high": { "type": "boolean" } } },
                    { "type": "string" },
                ],
            },
            "name": { "anyOf": [{ "type": "string", "maxLength": 3 }, { "type": "null" }] },
        },
        "example": { "nullable": true, "properties": 7 },
    });
    let json_body = |schema: Value| json!({ "content": { "application/json": { "schema": schema } } });
    let done = json_body(json!({ "type": "object", "required": ["done"] }));
    Contract::from_document(json!({
        "openapi": "3.1.0",
        "paths": {
            "/things/{id}": {
                "get": { "responses": { "200": { "$ref": "#/components/responses/Done" }, "404": {} } },
                "post": { "requestBody": json_body(body), "responses": { "default": done } },
            },
            "/things/latest": { "get": { "responses": { "204": {} } } },
        },
        "components": {
            "schemas": { "Text": block("text", "text"), "Thought": block("thought", "thinking") },
            "responses": { "Done": done },
        },
    }))
}

fn places(violations: &[Violation]) -> Vec<&str> {
    violations.iter().map(Violation::location).collect()
}

/// Returns the violations of a body of `POST /things/{id}` with these fields.
fn broken(fields: &Value) -> Vec<Violation> {
    let mut body = json!({ "at": "2024-01-15T10:30:00Z" });
    body.as_object_mut().unwrap().extend(fields.as_object().unwrap().clone());
    small().check_request("POST", "/things/7", &body)
}

#[test]
fn path_matches_operation_with_most_literal_segments() {
    let contract = small();
    assert_eq!(contract.check_response("GET", "/things/latest", 204, &Value::Null), []);
    assert_eq!(
        contract.check_response("GET", "/things/latest", 200, &Value::Null)[0].to_string(),
        "the body: GET /things/latest has no answer of status 200"
    );
    assert_eq!(places(&contract.check_response("get", "/things/7", 200, &json!({}))), ["/done"]);
    assert_eq!(contract.check_response("GET", "/things/7", 404, &json!("anything")), []);
    assert_eq!(places(&contract.check_response("POST", "/things/7", 500, &json!({}))), ["/done"]);
}

#[test]
fn unknown_path_method_or_body_is_a_violation() {
    let contract = small();
    for path in ["/things", "/things/", "/things/7/8"] {
        let violations = contract.check_request("POST", path, &json!({}));
        assert_eq!(violations[0].message(), format!("the document has no POST {path}"));
    }
    assert_eq!(contract.check_request("DELETE", "/things/7", &Value::Null).len(), 1);
    assert_eq!(contract.check_request("GET", "/things/7", &Value::Null), []);
    assert_eq!(
        contract.check_request("GET", "/things/7", &json!({}))[0].message(),
        "GET /things/{id} takes no JSON body"
    );
}

#[test]
fn nullable_allows_null_and_nothing_else() {
    assert_eq!(broken(&json!({ "level": null, "block": null })), []);
    assert_eq!(broken(&json!({ "level": "low" })), []);
    let violations = broken(&json!({ "level": "middle" }));
    assert_eq!(places(&violations), ["/level"]);
    assert!(violations[0].message().contains(r#""low""#), "{}", violations[0]);
    assert_eq!(places(&broken(&json!({ "level": 7 }))), ["/level"]);
}

#[test]
fn property_named_like_a_keyword_is_not_translated() {
    let block = |format| json!({ "block": { "type": "text", "text": "x", "format": format } });
    assert_eq!(broken(&block(json!("wide"))), []);
    assert_eq!(broken(&block(Value::Null)), []);
    assert_eq!(places(&broken(&block(json!(7)))), ["/block/format"]);
}

#[test]
fn discriminator_alone_selects_the_schema() {
    // Without the discriminator this body would match both schemas, because neither requires `type`.
    assert_eq!(broken(&json!({ "block": { "type": "text", "text": "x", "thinking": "y" } })), []);
    assert_eq!(places(&broken(&json!({ "block": { "type": "thought", "text": "x" } }))), ["/block/thinking"]);
    assert_eq!(places(&broken(&json!({ "block": { "text": "x" } }))), ["/block/type"]);
    assert_eq!(places(&broken(&json!({ "block": { "type": "sound", "text": "x" } }))), ["/block/type"]);
    assert_eq!(places(&broken(&json!({ "block": "text" }))), ["/block"]);
}

#[test]
fn one_of_without_discriminator_accepts_one_or_more_matches() {
    assert_eq!(broken(&json!({ "either": { "wide": true, "high": true } })), []);
    assert_eq!(broken(&json!({ "either": { "wide": 7, "high": true } })), []);
    assert_eq!(places(&broken(&json!({ "either": { "wide": 7, "high": 7 } }))), ["/either"]);
    assert_eq!(places(&broken(&json!({ "either": 7 }))), ["/either"]);
}

#[test]
fn formats_are_asserted() {
    assert_eq!(places(&broken(&json!({ "at": "2024-01-15T10:30:00" }))), ["/at"]);
    assert_eq!(broken(&json!({ "at": "2024-01-15T10:30:00.123456+02:00" })), []);
}

#[test]
fn violation_comes_from_the_branch_of_the_same_type() {
    let violations = broken(&json!({ "name": "long" }));
    assert_eq!(places(&violations), ["/name"]);
    assert!(violations[0].message().contains('3'), "{}", violations[0]);
}

#[test]
fn violation_does_not_repeat_the_body() {
    let violations = broken(&json!({ "name": "very secret" }));
    assert!(!violations[0].to_string().contains("secret"), "{}", violations[0]);
}
