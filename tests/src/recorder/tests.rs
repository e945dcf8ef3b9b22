//! Tests of the recorder from the view of a client.

use std::io::ErrorKind;
use std::sync::mpsc;
use std::thread;

use serde_json::json;

use super::*;
use crate::plain_client::{Got, LONG, exchange, read_all};

fn send(recorder: &Recorder, request: &str, body: &Value) -> io::Result<Got> {
    exchange(recorder.url(), request, "X-API-KEY: pl_test\r\n", &body.to_string())
}

fn span(id: &str, log_request: &Value) -> Value {
    json!({
        "name": format!("call {id}"),
        "context": { "trace_id": "t1", "span_id": id, "trace_state": "" },
        "parent_id": null,
        "log_request": log_request,
    })
}

fn log() -> Value {
    json!({ "provider": "openai", "model": "m", "input": { "type": "chat", "messages": [] }, "output": {} })
}

#[test]
fn request_is_recorded_with_all_its_parts() {
    let recorder = Recorder::start().unwrap();
    send(&recorder, "POST /log-request?a=1&b=x%20y", &json!({ "n": 1 })).unwrap();
    exchange(recorder.url(), "GET /other", "X-Extra: 7\r\n", "not json").unwrap();
    let [first, second] = recorder.requests().try_into().unwrap();
    assert_eq!((first.number, first.method.as_str(), first.path.as_str()), (0, "POST", "/log-request"));
    assert_eq!((first.query("b"), first.query("c")), (Some("x y"), None));
    assert_eq!((first.header("x-api-key"), first.header("x-extra")), (Some("pl_test"), None));
    assert_eq!(first.json, Some(json!({ "n": 1 })));
    assert_eq!((second.number, second.header("X-Extra")), (1, Some("7")));
    assert_eq!((&second.raw[..], &second.json), (&b"not json"[..], &None));
    assert!(second.at >= first.at);
    assert_eq!(recorder.bodies("/log-request"), [json!({ "n": 1 })]);
}

#[test]
fn spans_get_increasing_ids_and_request_logs_get_their_own() {
    let recorder = Recorder::start().unwrap();
    let body = json!({ "spans": [span("a", &Value::Null), span("b", &log())] });
    let got = send(&recorder, "POST /spans-bulk", &body).unwrap();
    assert_eq!(got.status, 201);
    assert_eq!(
        got.json(),
        json!({
            "success": true,
            "spans": [
                { "id": 101, "name": "call a", "span_id": "a" },
                { "id": 102, "name": "call b", "span_id": "b" },
            ],
            "request_logs": [{ "id": 1001, "span_id": "b" }],
        })
    );
    let next = send(&recorder, "POST /spans-bulk", &json!({ "spans": [span("c", &log())] })).unwrap();
    assert_eq!(next.json()["request_logs"], json!([{ "id": 1002, "span_id": "c" }]));
    assert_eq!(recorder.spans().len(), 3);
    assert_eq!(recorder.request_logs(), [log(), log()]);
}

#[test]
fn request_log_without_a_span_gets_an_id() {
    let recorder = Recorder::start().unwrap();
    let got = send(&recorder, "POST /log-request", &log()).unwrap();
    assert_eq!((got.status, &got.json()["id"]), (201, &json!(1001)));
    assert_eq!(got.json()["prompt_version"]["metadata"]["model"]["name"], "m");
    assert_eq!(recorder.request_logs(), [log()]);
    let got = send(&recorder, "POST /log-request", &json!({ "provider": "openai" })).unwrap();
    assert_eq!((got.status, &got.json()["detail"][0]["loc"]), (422, &json!(["body", "model"])));
}

#[test]
fn request_without_api_key_is_unauthorized_and_not_accepted() {
    let recorder = Recorder::start().unwrap();
    let body = json!({ "spans": [span("a", &log())] }).to_string();
    assert_eq!(exchange(recorder.url(), "POST /spans-bulk", "", &body).unwrap().status, 401);
    assert_eq!(recorder.spans().len(), 1);
    assert_eq!(recorder.accepted_spans().len(), 0);
}

#[test]
fn scores_metadata_prompts_and_groups_are_tracked() {
    let recorder = Recorder::start().unwrap();
    for path in ["track-score", "track-metadata", "track-prompt", "track-group"] {
        let got = send(&recorder, &format!("POST /rest/{path}"), &json!({ "request_id": 1001 })).unwrap();
        assert_eq!((got.status, &got.json()["success"]), (200, &json!(true)), "{path}");
    }
    assert_eq!(send(&recorder, "POST /rest/track-score", &json!({})).unwrap().status, 422);
    let got = send(&recorder, "POST /create-group", &json!({})).unwrap();
    assert_eq!(got.json(), json!({ "success": true, "id": 1 }));
}

#[test]
fn template_can_be_set_and_published() {
    let recorder = Recorder::start().unwrap();
    let get = |identifier: &str| {
        send(&recorder, &format!("GET /prompt-templates/{identifier}"), &Value::Null).unwrap()
    };
    assert_eq!(get("example").json()["prompt_template"]["input_variables"], json!(["product"]));
    assert_eq!(get("11").json()["prompt_name"], "example");
    assert_eq!(get("greeting").status, 404);
    recorder.set_template("greeting", &json!({ "id": 12, "prompt_name": "greeting", "version": 4 }));
    assert_eq!((&get("greeting").json()["version"], get("greeting").status), (&json!(4), 200));

    let body = json!({
        "prompt_template": { "prompt_name": "greeting", "tags": ["t"] },
        "prompt_version": { "prompt_template": { "type": "chat", "messages": [] }, "commit_message": "shorter" },
    });
    let published = send(&recorder, "POST /rest/prompt-templates", &body).unwrap().json();
    assert_eq!((&published["id"], &published["version_number"]), (&json!(12), &json!(5)));
    assert_eq!(get("greeting").json()["commit_message"], "shorter");
    assert_eq!(get("12").json()["version"], 5);
}

#[test]
fn replies_are_used_in_order_and_only_for_their_path() {
    let recorder = Recorder::start().unwrap();
    recorder.script("/spans-bulk", [Reply::status(503).header("Retry-After", "1")]);
    recorder.script("/spans-bulk", [Reply::status(400).json(&json!({ "detail": [] }))]);
    let body = json!({ "spans": [span("a", &Value::Null)] });
    assert_eq!(send(&recorder, "POST /log-request", &log()).unwrap().status, 201);
    let first = send(&recorder, "POST /spans-bulk", &body).unwrap();
    assert_eq!(first.status, 503);
    assert!(first.head.contains("retry-after: 1"), "{}", first.head);
    assert_eq!(first.json()["message"], "Service Unavailable");
    let second = send(&recorder, "POST /spans-bulk", &body).unwrap();
    assert_eq!((second.status, second.json()), (400, json!({ "detail": [] })));
    assert_eq!(recorder.accepted_spans().len(), 0);
    assert_eq!(send(&recorder, "POST /spans-bulk", &body).unwrap().status, 201);
    assert_eq!(recorder.accepted_spans().len(), 1);
}

#[test]
fn closure_takes_precedence_over_scripts() {
    let recorder = Recorder::start().unwrap();
    recorder.script("/spans-bulk", [Reply::status(500)]);
    recorder.decide(|request| (request.raw.len() > 100).then(|| Reply::status(413)));
    let large = json!({ "spans": [span("a", &log())] });
    assert_eq!(send(&recorder, "POST /spans-bulk", &large).unwrap().status, 413);
    assert_eq!(send(&recorder, "POST /spans-bulk", &json!({ "spans": [] })).unwrap().status, 500);
}

#[test]
fn hanging_response_is_sent_when_the_gate_opens() {
    let recorder = Recorder::start().unwrap();
    let gate = Gate::new();
    recorder.script("/spans-bulk", [Reply::service().hang(&gate)]);
    let (done, answered) = mpsc::channel();
    thread::scope(|scope| {
        scope.spawn(|| {
            let got = send(&recorder, "POST /spans-bulk", &json!({ "spans": [] })).unwrap();
            done.send(got.status).unwrap();
        });
        recorder.wait_for(|requests| requests.len() == 1, LONG).unwrap();
        assert_eq!(answered.try_recv(), Err(mpsc::TryRecvError::Empty));
        // Another connection is served in the meantime, so the server is not blocked.
        assert_eq!(send(&recorder, "POST /spans-bulk", &json!({ "spans": [] })).unwrap().status, 201);
        assert_eq!(answered.try_recv(), Err(mpsc::TryRecvError::Empty));
        gate.open();
        assert_eq!(answered.recv_timeout(LONG), Ok(201));
    });
}

#[test]
fn recorder_can_be_dropped_while_a_response_hangs() {
    let recorder = Recorder::start().unwrap();
    let gate = Gate::new();
    recorder.script("/spans-bulk", [Reply::service().hang(&gate)]);
    let url = recorder.url().to_owned();
    let client = thread::spawn(move || read_all(&url, "POST /spans-bulk", "", "{}"));
    recorder.wait_for(|requests| requests.len() == 1, LONG).unwrap();
    drop(recorder);
    // The connection is closed or reset without a response.
    match client.join().unwrap() {
        Ok(answer) => assert_eq!(answer, ""),
        Err(error) => assert_eq!(error.kind(), ErrorKind::ConnectionReset),
    }
}

#[test]
fn reset_request_gets_no_response_and_is_not_accepted() {
    let recorder = Recorder::start().unwrap();
    recorder.script("/spans-bulk", [Reply::reset()]);
    let error = send(&recorder, "POST /spans-bulk", &json!({ "spans": [span("a", &log())] })).err().unwrap();
    assert_eq!(error.kind(), ErrorKind::ConnectionReset);
    assert_eq!(recorder.spans().len(), 1);
    assert_eq!(recorder.accepted_spans().len(), 0);
}

#[test]
fn request_with_lost_response_is_accepted_and_can_be_read_back() {
    let recorder = Recorder::start().unwrap();
    recorder.script("/spans-bulk", [Reply::service().lost(), Reply::status(500).processed()]);
    let body = |id| json!({ "spans": [span(id, &log())] });
    let error = send(&recorder, "POST /spans-bulk", &body("a")).err().unwrap();
    assert_eq!(error.kind(), ErrorKind::ConnectionReset);
    assert_eq!(send(&recorder, "POST /spans-bulk", &body("b")).unwrap().status, 500);
    let trace = send(&recorder, "GET /api/public/v2/traces/t1", &Value::Null).unwrap().json();
    assert_eq!(trace["spans"][0]["request_log_id"], 1001);
    assert_eq!(trace["spans"][1]["span_id"], "b");
    assert_eq!(send(&recorder, "GET /api/public/v2/traces/t2", &Value::Null).unwrap().status, 404);
}

#[test]
fn broken_body_is_invalid_json_with_a_success_status() {
    let recorder = Recorder::start().unwrap();
    recorder.script("/spans-bulk", [Reply::service().broken_json()]);
    let got = send(&recorder, "POST /spans-bulk", &json!({ "spans": [span("a", &log())] })).unwrap();
    assert_eq!(got.status, 201);
    assert!(got.body.starts_with('{'));
    assert!(serde_json::from_str::<Value>(&got.body).is_err());
    assert_eq!(recorder.accepted_spans().len(), 1);
}

#[test]
fn redirect_has_a_location_header() {
    let recorder = Recorder::start().unwrap();
    recorder.script("/spans-bulk", [Reply::redirect("http://127.0.0.1:9/elsewhere")]);
    let got = send(&recorder, "POST /spans-bulk", &json!({ "spans": [] })).unwrap();
    assert_eq!(got.status, 307);
    assert!(got.head.contains("location: http://127.0.0.1:9/elsewhere"), "{}", got.head);
}

#[test]
fn waiting_ends_when_the_condition_is_met() {
    let recorder = Recorder::start().unwrap();
    thread::scope(|scope| {
        let waiting = scope.spawn(|| recorder.wait_for(|requests| requests.len() == 2, LONG));
        for _ in 0..2 {
            send(&recorder, "POST /create-group", &json!({})).unwrap();
        }
        assert_eq!(waiting.join().unwrap().unwrap().len(), 2);
    });
}

#[test]
fn timed_out_wait_lists_the_requests_that_arrived() {
    let recorder = Recorder::start().unwrap();
    send(&recorder, "POST /create-group", &json!({})).unwrap();
    let error = recorder.wait_for(|requests| requests.len() == 2, Duration::ZERO).unwrap_err();
    assert_eq!(
        error.to_string(),
        "the condition was not met within 0ns; what arrived: [POST /create-group (2 bytes)]"
    );
}
