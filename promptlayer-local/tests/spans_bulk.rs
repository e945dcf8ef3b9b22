//! Tests of `POST /spans-bulk`.

mod support;

use std::time::{Duration, Instant};

use serde_json::{Value, json};
use support::{Local, chat, request_with, span};

#[tokio::test]
async fn spans_are_stored_and_each_model_call_gets_a_request_log() {
    let local = Local::start();
    let call =
        json!({ "name": "call", "parent_id": "a", "log_request": request_with(&json!({ "tags": ["x"] })) });
    let body = json!({ "spans": [span("a", &json!({ "name": "root" })), span("b", &call)] });
    let answer = local.post("/spans-bulk", &body).await;
    assert_eq!(answer.status, 201, "{}", answer.text);
    assert_eq!(
        answer.json,
        json!({
            "success": true,
            "spans": [{ "id": 1, "name": "root", "span_id": "a" }, { "id": 2, "name": "call", "span_id": "b" }],
            "request_logs": [{ "id": 1, "span_id": "b" }],
        })
    );

    let trace = local.get("/api/public/v2/traces/trace").await;
    assert_eq!(trace.json["spans"][0].get("request_log_id"), None);
    assert_eq!(trace.json["spans"][1]["request_log_id"], 1);
    assert_eq!(trace.json["spans"][1]["parent_id"], "a");
    let request = local.get("/api/public/v2/requests/1").await;
    assert_eq!(request.json["trace_id"], "trace");
    assert_eq!(request.json["span_id"], "b");
    assert_eq!(request.json["tags"], json!(["x"]));
}

#[tokio::test]
async fn request_log_inherits_missing_times_from_its_span() {
    let local = Local::start();
    let mut without = request_with(&json!({}));
    without.as_object_mut().unwrap().remove("request_start_time");
    without["request_end_time"] = Value::Null;
    let with = request_with(&json!({ "request_start_time": 1_700_000_000.25 }));
    let spans = [span("a", &json!({ "log_request": without })), span("b", &json!({ "log_request": with }))];
    assert_eq!(local.post("/spans-bulk", &json!({ "spans": spans })).await.status, 201);

    let inherited = local.get("/api/public/v2/requests/1").await.json;
    assert_eq!(inherited["request_start_time"], "2026-01-15T10:30:01Z");
    assert_eq!(inherited["request_end_time"], "2026-01-15T10:30:02Z");
    assert_eq!(inherited["latency_ms"], 1000.0);
    let own = local.get("/api/public/v2/requests/2").await.json;
    assert_eq!(own["request_start_time"], "2023-11-14T22:13:20.25Z");
}

#[tokio::test]
async fn one_bad_span_rejects_the_whole_body_and_stores_nothing() {
    let local = Local::start();
    let tags = json!({ "log_request": request_with(&json!({ "tags": ["x".repeat(513)] })) });
    let mut nameless = span("d", &json!({ "kind": "INTERNAL" }));
    nameless.as_object_mut().unwrap().remove("name");
    let good = json!({ "log_request": request_with(&json!({})) });
    let spans = [span("a", &good), span("b", &json!({})), span("c", &tags), nameless];
    let answer = local.post("/spans-bulk", &json!({ "spans": spans })).await;
    assert_eq!(
        answer.places(),
        ["body.spans.2.log_request.tags.0", "body.spans.3.name", "body.spans.3.kind"],
        "{}",
        answer.text
    );
    let problem = &answer.json["detail"][0];
    assert_eq!(problem["type"], "string_too_long");
    assert_eq!(problem["msg"], "this should have at most 512 characters, it has 513");
    assert_eq!(answer.json["detail"][1]["type"], "missing");

    assert_eq!(local.get("/api/public/v2/traces/trace").await.status, 404);
    assert_eq!(local.get("/api/public/v2/requests/1").await.status, 404);
    let next = local.post("/spans-bulk", &json!({ "spans": [span("a", &good)] })).await;
    assert_eq!(next.json["request_logs"][0]["id"], 1);
}

#[tokio::test]
async fn invalid_span_fields_are_reported_by_name() {
    let local = Local::start();
    for (field, bad, place) in [
        ("name", json!(5), "name"),
        ("context", json!({ "trace_id": "t", "span_id": 7 }), "context.span_id"),
        ("context", json!({ "trace_id": "t", "span_id": "s" }), "context.trace_state"),
        ("kind", json!("internal"), "kind"),
        ("parent_id", json!(1), "parent_id"),
        ("start_time", json!("2026-01-15"), "start_time"),
        ("start_time", json!(1.5), "start_time"),
        ("end_time", json!(u64::MAX), "end_time"),
        ("status", json!({ "status_code": "OK" }), "status.status_code"),
        ("status", json!({ "status_code": "StatusCode.OK", "description": 1 }), "status.description"),
        ("attributes", json!([]), "attributes"),
        ("events", json!([1]), "events.0"),
        ("links", json!({}), "links"),
        ("resource", json!({ "attributes": { "a": 1 }, "schema_url": "" }), "resource.attributes.a"),
        ("log_request", json!({ "provider": "openai" }), "log_request.model"),
    ] {
        let answer =
            local.post("/spans-bulk", &json!({ "spans": [span("a", &json!({ field: bad }))] })).await;
        let expected = format!("body.spans.0.{place}");
        assert!(answer.places().contains(&expected), "{expected} is not in {}", answer.text);
    }
    for (body, place) in [
        (json!([]), "body"),
        (json!({}), "body.spans"),
        (json!({ "spans": {} }), "body.spans"),
        (json!({ "spans": [1] }), "body.spans.0"),
        (json!({ "spans": [], "close_after": "yes" }), "body.close_after"),
    ] {
        assert_eq!(local.post("/spans-bulk", &body).await.places(), [place]);
    }
}

#[tokio::test]
async fn body_without_spans_is_accepted() {
    let answer = Local::start().post("/spans-bulk", &json!({ "spans": [] })).await;
    assert_eq!(answer.status, 201);
    assert_eq!(answer.json, json!({ "success": true, "spans": [], "request_logs": [] }));
}

#[tokio::test]
async fn span_sent_twice_is_stored_twice() {
    let local = Local::start();
    let body = json!({ "spans": [span("a", &json!({ "log_request": request_with(&json!({})) }))] });
    local.post("/spans-bulk", &body).await;
    let again = local.post("/spans-bulk", &body).await;
    assert_eq!(again.json["spans"][0]["id"], 2);
    assert_eq!(again.json["request_logs"][0]["id"], 2);
    let spans = local.get("/api/public/v2/traces/trace").await.json["spans"].take();
    let ids: Vec<i64> =
        spans.as_array().unwrap().iter().map(|span| span["request_log_id"].as_i64().unwrap()).collect();
    assert_eq!(ids, [1, 2]);
}

#[tokio::test]
async fn close_after_takes_the_spans_and_refuses_later_ones() {
    let local = Local::start();
    let of = |trace: &str, id: &str| {
        let context = json!({ "trace_id": trace, "span_id": id, "trace_state": "" });
        span(id, &json!({ "context": context, "log_request": request_with(&json!({})) }))
    };
    let first =
        local.post("/spans-bulk", &json!({ "spans": [of("closed", "a")], "close_after": true })).await;
    assert_eq!(first.json["spans"][0]["span_id"], "a");
    assert_eq!(first.json.get("rejection_reason"), None);

    let spans = [of("closed", "b"), of("open", "c"), of("closed", "d")];
    let second = local.post("/spans-bulk", &json!({ "spans": spans })).await;
    assert_eq!(second.status, 201, "{}", second.text);
    assert_eq!(
        second.json,
        json!({
            "success": true,
            "spans": [{ "id": 2, "name": "step", "span_id": "c" }],
            "request_logs": [{ "id": 2, "span_id": "c" }],
            "rejected_span_ids": ["b", "d"],
            "rejected_trace_ids": ["closed"],
            "rejection_reason": "trace_closed",
        })
    );
}

#[tokio::test]
async fn trace_is_closed_once_and_accepts_no_more_spans() {
    let local = Local::start();
    assert_eq!(local.post("/api/public/v2/traces/trace/close", &json!({})).await.status, 404);
    local.post("/spans-bulk", &json!({ "spans": [span("a", &json!({}))] })).await;
    let closed = local.post("/api/public/v2/traces/trace/close", &json!({})).await;
    assert_eq!(closed.status, 201, "{}", closed.text);
    assert_eq!(closed.json["closure"]["trace_id"], "trace");
    assert_eq!(closed.json["closure"]["status"], "closed");
    let again = local.post("/api/public/v2/traces/trace/close", &json!({})).await;
    assert_eq!((again.status, &again.json["message"]), (409, &json!("Trace already closed")));
    let refused = local.post("/spans-bulk", &json!({ "spans": [span("b", &json!({}))] })).await;
    assert_eq!(refused.json["rejected_span_ids"], json!(["b"]));
    assert_eq!(local.get("/api/public/v2/traces/trace").await.json["spans"].as_array().unwrap().len(), 1);
}

#[tokio::test]
async fn times_may_be_the_texts_that_the_javascript_client_sends() {
    let local = Local::start();
    let times = |start: Value, end: Value| span("a", &json!({ "start_time": start, "end_time": end }));
    let spans = json!([
        times(json!("1768473001000000000"), json!("1768473002500000000")),
        times(json!("2026-01-15T10:30:01Z"), json!("2026-01-15T10:30:02.5Z")),
    ]);
    let answer = local.post("/spans-bulk", &json!({ "spans": spans })).await;
    assert_eq!(answer.status, 201, "{}", answer.text);
    let trace = local.get("/api/public/v2/traces/trace").await.json;
    for span in trace["spans"].as_array().unwrap() {
        assert_eq!(
            [&span["start_time"], &span["end_time"]],
            ["2026-01-15T10:30:01Z", "2026-01-15T10:30:02.5Z"]
        );
    }
}

#[tokio::test]
async fn five_thousand_spans_are_stored_in_one_body() {
    let local = Local::start();
    let call = json!({ "log_request": request_with(&json!({
        "input": chat("user", &"a prompt of some length. ".repeat(40)),
        "tags": ["a", "b"],
        "metadata": { "user": "u", "session": "s" },
    })) });
    let step = json!({});
    let fields = |index: i32| if index % 2 == 0 { &call } else { &step };
    let spans: Vec<Value> = (0..5000).map(|index| span(&format!("{index:016x}"), fields(index))).collect();
    let body = json!({ "spans": spans });
    let begin = Instant::now();
    let answer = local.post("/spans-bulk", &body).await;
    let took = begin.elapsed();
    assert_eq!(answer.status, 201);
    assert_eq!(answer.json["spans"].as_array().unwrap().len(), 5000);
    assert_eq!(answer.json["request_logs"].as_array().unwrap().len(), 2500);
    // One transaction for each row would take minutes on a disk. The limit is far above the time of one
    // transaction.
    assert!(took < Duration::from_secs(30), "took {took:?}");
    println!("5000 spans, 2500 request logs: {took:?}");
}
