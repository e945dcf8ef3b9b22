//! Tests with PromptLayer's document, if it is available: which bodies meet it and which do not.

use super::*;
use crate::plain_client::exchange;
use crate::{Answer, Recorder, Scene};

/// Returns a request log that meets the contract.
fn log_request() -> Value {
    let message = |role: &str| json!({ "role": role, "content": [{ "type": "text", "text": "4" }] });
    json!({
        "provider": "openai",
        "model": "gpt-4o",
        "input": { "type": "chat", "messages": [message("user")] },
        "output": { "type": "chat", "messages": [message("assistant")] },
        "request_start_time": "2024-01-15T10:30:00Z",
        "request_end_time": "2024-01-15T10:30:05.25Z",
        "tags": ["a"],
        "score": 100,
        "status": "WARNING",
        "error_type": "PROVIDER_TIMEOUT",
    })
}

fn span(log_request: &Value) -> Value {
    json!({
        "name": "ask",
        "context": { "trace_id": "0af7651916cd43dd8448eb211c80319c", "span_id": "b7ad6b7169203331", "trace_state": "" },
        "kind": "SpanKind.CLIENT",
        "parent_id": null,
        "start_time": 1_700_000_000_000_000_000_u64,
        "end_time": 1_700_000_001_000_000_000_u64,
        "status": { "status_code": "StatusCode.OK", "description": null },
        "attributes": {},
        "resource": { "attributes": {}, "schema_url": "" },
        "log_request": log_request,
    })
}

/// Sets the value at a pointer, or removes it.
fn with(mut body: Value, pointer: &str, value: Option<Value>) -> Value {
    let (parent, name) = pointer.rsplit_once('/').unwrap();
    match (body.pointer_mut(parent).unwrap(), value) {
        (Value::Object(fields), Some(value)) => drop(fields.insert(name.to_owned(), value)),
        (Value::Object(fields), None) => drop(fields.remove(name).unwrap()),
        (Value::Array(items), Some(value)) => items[name.parse::<usize>().unwrap()] = value,
        (parent, _) => panic!("{parent} has nothing inside"),
    }
    body
}

#[test]
fn request_log_fault_is_reported_at_its_location() {
    let Some(contract) = Contract::load() else {
        return;
    };
    assert_eq!(contract.check_request("POST", "/log-request", &log_request()), []);
    let fields: [(&str, Option<Value>, &str); 16] = [
        ("/model", None, "/model"),
        ("/input", None, "/input"),
        ("/request_start_time", None, "/request_start_time"),
        ("/tags/0", Some(json!("x".repeat(513))), "/tags/0"),
        ("/input/messages/0/content", Some(json!("4")), "/input/messages/0/content"),
        ("/output/messages/0/content", Some(json!("4")), "/output/messages/0/content"),
        ("/output/messages/0/content/0/text", None, "/output/messages/0/content/0/text"),
        (
            "/output/messages/0/content/0/type",
            Some(json!("thinking")),
            "/output/messages/0/content/0/thinking",
        ),
        ("/input/messages/0/role", Some(json!("robot")), "/input/messages/0/role"),
        ("/input/type", None, "/input/type"),
        ("/error_type", Some(json!("BAD_LUCK")), "/error_type"),
        ("/status", Some(json!("FINE")), "/status"),
        ("/score", Some(json!(101)), "/score"),
        ("/request_end_time", Some(json!("2024-01-15T10:30:05")), "/request_end_time"),
        ("/metadata", Some(json!({ "user": 7 })), "/metadata/user"),
        ("/error_message", Some(json!("x".repeat(1025))), "/error_message"),
    ];
    for (pointer, value, place) in fields {
        let violations = contract.check_request("POST", "/log-request", &with(log_request(), pointer, value));
        assert_eq!(places(&violations), [place], "{pointer}: {violations:?}");
    }
}

#[test]
fn span_fault_is_reported_at_its_location() {
    let Some(contract) = Contract::load() else {
        return;
    };
    let body = json!({ "spans": [span(&Value::Null), span(&log_request())] });
    assert_eq!(contract.check_request("POST", "/spans-bulk", &body), []);
    for (pointer, value) in [
        ("/spans/0/context/trace_state", None),
        ("/spans/0/kind", Some(json!("CLIENT"))),
        ("/spans/0/start_time", Some(json!("2024-01-15T10:30:00Z"))),
        ("/spans/0/resource/attributes", Some(json!(7))),
        ("/spans/0/status/status_code", Some(json!("OK"))),
        ("/spans/1/log_request/provider", None),
        ("/spans/1/log_request/input/messages/0/content", Some(json!("4"))),
        ("/spans/1/log_request/score", Some(json!(-1))),
    ] {
        let violations = contract.check_request("POST", "/spans-bulk", &with(body.clone(), pointer, value));
        assert_eq!(places(&violations), [pointer], "{violations:?}");
    }
}

#[test]
fn request_log_may_omit_its_times_only_inside_a_span() {
    let Some(contract) = Contract::load() else {
        return;
    };
    let without = with(with(log_request(), "/request_start_time", None), "/request_end_time", None);
    let body = json!({ "spans": [span(&without)] });
    assert_eq!(contract.check_request("POST", "/spans-bulk", &body), []);
    let violations = contract.check_request("POST", "/log-request", &without);
    assert_eq!(places(&violations), ["/request_end_time", "/request_start_time"]);
    let naive = with(body, "/spans/0/log_request/request_start_time", Some(json!("2024-01-15 10:30")));
    let violations = contract.check_request("POST", "/spans-bulk", &naive);
    assert_eq!(places(&violations), ["/spans/0/log_request/request_start_time"]);
}

#[test]
fn recorded_request_logs_violate_only_times_and_error_length() {
    let (Some(contract), Some(scene)) = (Contract::load(), Scene::load("new_log_request")) else {
        return;
    };
    let seen: Vec<_> = scene
        .to_path("/log-request")
        .map(|exchange| {
            let violations =
                contract.check_request("POST", "/log-request", exchange.body_json.as_ref().unwrap());
            places(&violations).join(" ")
        })
        .collect();
    let times = "/request_end_time /request_start_time";
    // The third log has an error message of 2000 characters, but the document allows 1024. The last has its
    // times as texts.
    let long = format!("/error_message {times}");
    assert_eq!(seen, [times, times, &long, times, times, ""]);
}

#[test]
fn recorded_spans_meet_the_document() {
    let (Some(contract), Some(scene)) = (Contract::load(), Scene::load("spans_bulk_py_1.4.7")) else {
        return;
    };
    let mut spans = 0;
    for exchange in scene.to_path("/spans-bulk") {
        let body = exchange.body_json.as_ref().unwrap();
        assert_eq!(contract.check_request("POST", "/spans-bulk", body), []);
        spans += body["spans"].as_array().unwrap().len();
        let Answer { status, json } = &exchange.response;
        assert_eq!(contract.check_response("POST", "/spans-bulk", *status, json), []);
    }
    assert!(spans > 0);
}

#[test]
fn examples_of_the_document_meet_it() {
    let Some(contract) = Contract::load() else {
        return;
    };
    let mut examples = 0;
    for path in ["/spans-bulk", "/log-request"] {
        let (_, operation) = contract.operation("POST", path).unwrap();
        let given = operation.pointer("/requestBody/content/application~1json/examples").unwrap();
        for (name, example) in given.as_object().unwrap() {
            assert_eq!(contract.check_request("POST", path, &example["value"]), [], "{path} {name}");
            examples += 1;
        }
    }
    assert_eq!(examples, 4);
}

#[test]
fn every_request_schema_compiles_and_rejects_a_text() {
    let Some(contract) = Contract::load() else {
        return;
    };
    let mut checked = 0;
    for (path, item) in contract.0.document["paths"].as_object().unwrap() {
        for (method, operation) in item.as_object().unwrap() {
            if operation.get("requestBody").is_some_and(|body| schema(contract.resolved(body)).is_some()) {
                // No operation accepts a text as its body. A schema that accepts one checks nothing.
                let violations = contract.check_request(method, path, &json!("no body"));
                assert!(!violations.is_empty(), "{method} {path}");
                checked += 1;
            }
        }
    }
    assert!(checked > 30, "only {checked} schemas");
}

#[test]
fn recorder_responses_meet_the_document() {
    let Some(contract) = Contract::load() else {
        return;
    };
    let recorder = Recorder::start().unwrap();
    let publish = json!({
        "prompt_template": { "prompt_name": "greeting" },
        "prompt_version": { "prompt_template": { "type": "chat", "messages": [] } },
    });
    let tracked = json!({ "request_id": 1001 });
    for (method, path, body, status) in [
        ("POST", "/spans-bulk", json!({ "spans": [span(&log_request())] }), 201),
        ("POST", "/spans-bulk", json!({}), 422),
        ("POST", "/log-request", log_request(), 201),
        ("POST", "/rest/track-score", tracked.clone(), 200),
        ("POST", "/rest/track-metadata", tracked.clone(), 200),
        ("POST", "/rest/track-prompt", tracked.clone(), 200),
        ("POST", "/rest/track-group", tracked, 200),
        ("GET", "/prompt-templates/example", Value::Null, 200),
        ("POST", "/prompt-templates/example", json!({}), 200),
        ("GET", "/prompt-templates/none", Value::Null, 404),
        ("POST", "/rest/prompt-templates", publish, 200),
        ("GET", "/api/public/v2/traces/0af7651916cd43dd8448eb211c80319c", Value::Null, 200),
        ("GET", "/api/public/v2/traces/none", Value::Null, 404),
    ] {
        let request = format!("{method} {path}");
        let got = exchange(recorder.url(), &request, "X-API-KEY: pl_test\r\n", &body.to_string()).unwrap();
        assert_eq!(got.status, status, "{request}: {}", got.body);
        assert_eq!(contract.check_response(method, path, status, &got.json()), [], "{request}");
    }
}
