//! Tests with the project's own document, and with PromptLayer's if it is available: which bodies meet each of
//! them and which do not.

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
    for contract in Contract::load().each() {
        assert_eq!(contract.check_request("POST", "/log-request", &log_request()), []);
        for (pointer, value, place) in &fields {
            let body = with(log_request(), pointer, value.clone());
            let violations = contract.check_request("POST", "/log-request", &body);
            assert_eq!(places(&violations), [*place], "{pointer}: {violations:?}");
        }
    }
}

#[test]
fn span_fault_is_reported_at_its_location() {
    let body = json!({ "spans": [span(&Value::Null), span(&log_request())] });
    let fields = [
        ("/spans/0/context/trace_state", None),
        ("/spans/0/kind", Some(json!("CLIENT"))),
        ("/spans/0/start_time", Some(json!("2024-01-15T10:30:00Z"))),
        ("/spans/0/resource/attributes", Some(json!(7))),
        ("/spans/0/status/status_code", Some(json!("OK"))),
        ("/spans/1/log_request/provider", None),
        ("/spans/1/log_request/input/messages/0/content", Some(json!("4"))),
        ("/spans/1/log_request/score", Some(json!(-1))),
    ];
    for contract in Contract::load().each() {
        assert_eq!(contract.check_request("POST", "/spans-bulk", &body), []);
        for (pointer, value) in &fields {
            let body = with(body.clone(), pointer, value.clone());
            let violations = contract.check_request("POST", "/spans-bulk", &body);
            assert_eq!(places(&violations), [*pointer], "{violations:?}");
        }
    }
}

#[test]
fn request_log_may_omit_its_times_only_inside_a_span() {
    let without = with(with(log_request(), "/request_start_time", None), "/request_end_time", None);
    let body = json!({ "spans": [span(&without)] });
    let time = "/spans/0/log_request/request_start_time";
    let naive = with(body.clone(), time, Some(json!("2024-01-15 10:30")));
    for contract in Contract::load().each() {
        assert_eq!(contract.check_request("POST", "/spans-bulk", &body), []);
        let violations = contract.check_request("POST", "/log-request", &without);
        assert_eq!(places(&violations), ["/request_end_time", "/request_start_time"]);
        let violations = contract.check_request("POST", "/spans-bulk", &naive);
        assert_eq!(places(&violations), [time]);
    }
}

#[test]
fn python_request_logs_violate_only_times_and_error_length() {
    for scene in Scene::load("python_log_request") {
        for contract in Contract::load().each() {
            let mut seen = Vec::new();
            for exchange in scene.to_path("/log-request") {
                let body = exchange.body_json.as_ref().unwrap();
                // The client sends times as numbers unless it is given texts, and does not shorten the message.
                let times =
                    ["/request_end_time", "/request_start_time"].map(|time| (time, body.pointer(time)));
                let times =
                    times.into_iter().filter(|(_, time)| time.unwrap().is_number()).map(|(time, _)| time);
                let is_long = body["error_message"].as_str().is_some_and(|text| text.chars().count() > 1024);
                let expected: Vec<_> = is_long.then_some("/error_message").into_iter().chain(times).collect();
                let violations = contract.check_request("POST", "/log-request", body);
                assert_eq!(places(&violations), expected, "{}: {violations:?}", exchange.seq);
                seen.push(expected.len());
            }
            seen.sort_unstable();
            seen.dedup();
            assert_eq!(seen, [0, 2, 3], "the scene has logs of each kind");
        }
    }
}

#[test]
fn python_spans_meet_the_document() {
    let contract = Contract::load();
    for scene in Scene::load("python_spans") {
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
}

#[test]
fn examples_of_each_document_meet_it() {
    for contract in Contract::load().each() {
        let mut examples = 0;
        for path in ["/spans-bulk", "/log-request"] {
            let (_, operation) = contract.0[0].operation("POST", path).unwrap();
            let given = operation.pointer("/requestBody/content/application~1json/examples").unwrap();
            for (name, example) in given.as_object().unwrap() {
                assert_eq!(contract.check_request("POST", path, &example["value"]), [], "{path} {name}");
                examples += 1;
            }
        }
        assert_eq!(examples, 4);
    }
}

#[test]
fn every_request_schema_compiles_and_rejects_a_text() {
    for contract in Contract::load().each() {
        let mut checked = 0;
        for (method, path) in contract.0[0].requests_with_a_body() {
            // No operation accepts a text as its body. A schema that accepts one checks nothing.
            let violations = contract.check_request(&method, &path, &json!("no body"));
            assert!(!violations.is_empty(), "{method} {path}");
            checked += 1;
        }
        assert!(checked >= 8, "only {checked} schemas");
    }
}

#[test]
fn recorder_responses_meet_the_documents() {
    let contract = Contract::load();
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
