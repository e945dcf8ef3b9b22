//! Tests of `GET /api/public/v2/requests/{id}` and `GET /api/public/v2/traces/{trace_id}`.

mod support;

use serde_json::json;
use support::{Local, request, span};

#[tokio::test]
async fn request_is_returned_with_its_blueprint() {
    let local = Local::start();
    let id = local.log(&request()).await;
    let answer = local.get(&format!("/api/public/v2/requests/{id}")).await;
    assert_eq!(answer.status, 200, "{}", answer.text);
    assert_eq!(answer.json["success"], true);
    assert_eq!(answer.json["request_id"], id);
    assert_eq!(answer.json["model"], "gpt-4o");
    assert_eq!(answer.json["request_start_time"], "2026-01-15T10:30:00Z");
    assert_eq!(answer.json["prompt_blueprint"]["prompt_template"]["messages"].as_array().unwrap().len(), 2);
}

#[tokio::test]
async fn trace_returns_its_spans_unchanged_in_start_order() {
    let local = Local::start();
    let start = 1_768_473_001_000_000_000_i64;
    let late = json!({ "name": "late", "start_time": start + 5, "parent_id": "early" });
    let early = json!({
        "name": "early",
        "kind": "SpanKind.CLIENT",
        "start_time": start + 1,
        "status": { "status_code": "StatusCode.ERROR", "description": "no" },
        "attributes": { "function_input": "x", "n": 1, "list": [1, "a"], "nested": { "deep": null } },
        "events": [{ "name": "e", "timestamp": start, "attributes": {} }],
        "links": [{ "context": {} }],
    });
    let body = json!({ "spans": [span("late", &late), span("early", &early)] });
    assert_eq!(local.post("/spans-bulk", &body).await.status, 201);

    let answer = local.get("/api/public/v2/traces/trace").await;
    assert_eq!(answer.status, 200, "{}", answer.text);
    assert_eq!(answer.json["trace_id"], "trace");
    let spans = answer.json["spans"].as_array().unwrap();
    assert_eq!(
        spans.iter().map(|span| span["name"].as_str().unwrap()).collect::<Vec<_>>(),
        ["early", "late"]
    );
    assert_eq!(
        spans[0],
        json!({
            "id": 2,
            "trace_id": "trace",
            "span_id": "early",
            "parent_id": null,
            "name": "early",
            "kind": "SpanKind.CLIENT",
            "start_time": "2026-01-15T10:30:01.000000001Z",
            "end_time": "2026-01-15T10:30:02Z",
            "status": { "status_code": "StatusCode.ERROR", "description": "no" },
            "trace_state": "",
            "attributes": early["attributes"],
            "events": early["events"],
            "links": early["links"],
            "resource": { "attributes": { "service.name": "test" }, "schema_url": "" },
        })
    );
    assert_eq!(spans[1]["parent_id"], "early");
}

#[tokio::test]
async fn unknown_id_is_404_and_invalid_id_is_422() {
    let local = Local::start();
    for path in ["/api/public/v2/requests/1", "/api/public/v2/traces/none"] {
        let answer = local.get(path).await;
        assert_eq!((answer.status, &answer.json["success"]), (404, &json!(false)), "{path}");
    }
    for id in ["0", "-1", "one", "9999999999999999999999"] {
        assert_eq!(local.get(&format!("/api/public/v2/requests/{id}")).await.places(), ["path.request_id"]);
    }
}
