//! Spans that were sent before they ended. The finished span replaces the unfinished one, in any order of arrival.

#![allow(clippy::unwrap_used, reason = "a test that cannot go on must fail")]

mod support;

use serde_json::{Value, json};
use support::{Local, merged, request_with, span};

const START: i64 = 1_768_473_001_000_000_000;
const MS: i64 = 1_000_000;

/// Returns an unfinished span.
fn unfinished(id: &str, parent: Option<&str>) -> Value {
    let fields = json!({
        "name": id,
        "parent_id": parent,
        "start_time": START,
        "end_time": START + MS,
        "status": { "status_code": "StatusCode.UNSET", "description": null },
        "attributes": { "promptlayer.unfinished": true, "function_input": "so far" },
    });
    span(id, &fields)
}

/// Returns the same span when it has ended. Its start was corrected.
fn finished(id: &str, parent: Option<&str>) -> Value {
    let fields = json!({
        "start_time": START + 1,
        "end_time": START + 9 * MS,
        "status": { "status_code": "StatusCode.OK", "description": null },
        "attributes": { "function_input": "all" },
    });
    merged(unfinished(id, parent), &fields)
}

fn with_request(span: Value) -> Value {
    let request = request_with(&json!({ "input_tokens": 5, "output_tokens": 7, "price": 0.5 }));
    merged(span, &json!({ "log_request": request }))
}

fn failed(span: Value) -> Value {
    let status = json!({ "status_code": "StatusCode.ERROR", "description": "it failed" });
    merged(span, &json!({ "status": status }))
}

/// Sends spans in one body. Checks that the response names all of them, and returns it.
async fn send(local: &Local, spans: &[Value]) -> Value {
    let answer = local.post("/spans-bulk", &json!({ "spans": spans })).await;
    assert_eq!(answer.status, 201, "{}", answer.text);
    let named: Vec<&Value> =
        answer.json["spans"].as_array().unwrap().iter().map(|span| &span["span_id"]).collect();
    let sent: Vec<&Value> = spans.iter().map(|span| &span["context"]["span_id"]).collect();
    assert_eq!(named, sent);
    answer.json
}

async fn trace(local: &Local) -> Vec<Value> {
    local.get("/api/public/v2/traces/trace").await.json["spans"].as_array().unwrap().clone()
}

/// Returns the figures of the page of the trace: its spans, requests, errors, and tokens.
async fn figures(local: &Local) -> Vec<(String, String)> {
    let page = local.page("/traces/trace").await.text;
    let figures =
        page.split("<dl class=\"figures trace-figures\">").nth(1).unwrap().split("</dl>").next().unwrap();
    let text = |part: &str, tag: &str| {
        let inner = part.split(&format!("<{tag}")).nth(1).unwrap().split_once('>').unwrap().1;
        inner.split('<').next().unwrap().to_owned()
    };
    figures.split("<div>").skip(1).map(|part| (text(part, "dt"), text(part, "dd"))).collect()
}

/// Returns the same figures of a server that received only these spans.
async fn expected(spans: &[Value]) -> Vec<(String, String)> {
    let local = Local::start();
    send(&local, spans).await;
    figures(&local).await
}

#[tokio::test]
async fn unfinished_span_is_marked_until_it_is_replaced() {
    let local = Local::start();
    send(&local, &[unfinished("call", None)]).await;
    let spans = trace(&local).await;
    assert_eq!((spans.len(), &spans[0]["attributes"]["function_input"]), (1, &json!("so far")));
    let row = spans[0]["id"].clone();
    for page in ["/traces/trace".to_owned(), format!("/traces/trace/spans/{row}")] {
        let text = local.page(&page).await.text;
        assert!(text.contains(">Unfinished<") && !text.contains(">Success<"), "{page}: {text}");
    }

    let answer = send(&local, &[with_request(finished("call", None))]).await;
    assert_eq!(answer["request_logs"].as_array().unwrap().len(), 1);
    let spans = trace(&local).await;
    assert_eq!((spans.len(), &spans[0]["attributes"]["function_input"]), (1, &json!("all")));
    assert_eq!(spans[0]["request_log_id"], 1);
    assert_eq!(spans[0]["status"]["status_code"], "StatusCode.OK");
    let row = spans[0]["id"].clone();
    for page in ["/traces/trace".to_owned(), format!("/traces/trace/spans/{row}")] {
        let text = local.page(&page).await.text;
        assert!(!text.contains(">Unfinished<"), "{page}: {text}");
    }
    assert_eq!(figures(&local).await, expected(&[with_request(finished("call", None))]).await);
}

#[tokio::test]
async fn unfinished_span_that_arrives_late_changes_nothing() {
    let local = Local::start();
    send(&local, &[with_request(finished("call", None))]).await;
    let answer = send(&local, &[unfinished("call", None)]).await;
    assert_eq!(answer["request_logs"], json!([{ "id": 1, "span_id": "call" }]));
    let spans = trace(&local).await;
    assert_eq!((spans.len(), &spans[0]["attributes"]["function_input"]), (1, &json!("all")));
    assert_eq!(figures(&local).await, expected(&[with_request(finished("call", None))]).await);
}

#[tokio::test]
async fn order_and_bodies_make_no_difference() {
    let root = || failed(finished("root", None));
    let call = || with_request(finished("call", Some("root")));
    let [open_root, open_call] = [unfinished("root", None), unfinished("call", Some("root"))];
    let whole = expected(&[call(), root()]).await;
    let orders: [Vec<Vec<Value>>; 5] = [
        vec![vec![open_root.clone(), open_call.clone()], vec![call(), root()]],
        vec![vec![open_root.clone(), open_call.clone(), call(), root()]],
        vec![vec![call(), open_root.clone()], vec![open_call.clone()], vec![root()]],
        vec![vec![call(), root()], vec![open_root.clone(), open_call.clone()]],
        vec![
            vec![open_root.clone()],
            vec![open_root.clone(), open_call.clone()],
            vec![call()],
            vec![open_call.clone(), root(), open_root.clone()],
        ],
    ];
    for (number, bodies) in orders.into_iter().enumerate() {
        let local = Local::start();
        for body in bodies {
            send(&local, &body).await;
        }
        let spans = trace(&local).await;
        assert_eq!(spans.len(), 2, "{number}: {spans:#?}");
        assert!(
            spans.iter().all(|span| span["attributes"]["function_input"] == "all"),
            "{number}: {spans:#?}"
        );
        assert_eq!(figures(&local).await, whole, "{number}");
        assert_eq!(local.get("/api/public/v2/requests/2").await.status, 404, "{number}");
        let list = local.page("/traces").await.text;
        assert!(list.contains("Error") && list.contains("root"), "{number}: the root failed");
    }
}

#[tokio::test]
async fn request_that_was_logged_before_its_span_stays_the_only_one() {
    let local = Local::start();
    let tracked = json!({
        "function_name": "openai.chat.completions.create", "provider_type": "openai", "args": [],
        "kwargs": { "model": "gpt-4o", "messages": [{ "role": "user", "content": "Hello" }] },
        "request_response": { "id": "chatcmpl-1", "object": "chat.completion", "model": "gpt-4o", "choices": [] },
        "request_start_time": 1_700_000_000.25, "request_end_time": 1_700_000_001.5,
        "span_id": "call", "api_key": "key",
    });
    assert_eq!(local.post("/track-request", &tracked).await.status, 200);
    send(&local, &[unfinished("call", None)]).await;
    send(&local, &[unfinished("call", None)]).await;
    let answer = send(&local, &[failed(with_request(finished("call", None)))]).await;
    assert_eq!(answer["request_logs"], json!([{ "id": 1, "span_id": "call" }]));
    let spans = trace(&local).await;
    assert_eq!((spans.len(), &spans[0]["attributes"]["function_input"]), (1, &json!("all")));
    assert_eq!(spans[0]["request_log_id"], 1);
    let figures = figures(&local).await;
    let of = |label: &str| figures.iter().find(|(known, _)| known == label).unwrap().1.clone();
    assert_eq!((of("spans"), of("requests"), of("errors")), ("1".into(), "1".into(), "1".into()));
}

#[tokio::test]
async fn trace_of_an_unfinished_span_alone_keeps_its_name() {
    let local = Local::start();
    send(&local, &[unfinished("root", None)]).await;
    send(&local, &[merged(finished("root", None), &json!({ "name": "renamed" }))]).await;
    let list = local.page("/traces").await.text;
    assert!(list.contains("renamed") && !list.contains(">root<"), "{list}");
    assert_eq!(list.matches("data-open title=\"").count(), 1);
}

#[tokio::test]
async fn same_ids_in_another_trace_are_another_span() {
    let local = Local::start();
    let other = json!({ "context": { "trace_id": "other", "span_id": "call", "trace_state": "" } });
    send(&local, &[unfinished("call", None), merged(finished("call", None), &other)]).await;
    assert_eq!(trace(&local).await[0]["attributes"]["promptlayer.unfinished"], true);
    assert_eq!(local.get("/api/public/v2/traces/other").await.json["spans"].as_array().unwrap().len(), 1);
}

#[tokio::test]
async fn mark_counts_only_as_true_and_without_a_request() {
    let local = Local::start();
    let of =
        |value: Value| json!({ "attributes": { "promptlayer.unfinished": value, "function_input": "x" } });
    let spans = [
        merged(unfinished("a", None), &of(json!("true"))),
        merged(unfinished("b", None), &of(json!(false))),
        with_request(unfinished("c", None)),
    ];
    send(&local, &spans).await;
    send(&local, &spans[..2]).await;
    assert_eq!(trace(&local).await.len(), 5, "they are not unfinished, so they are stored again");
    assert!(!local.page("/traces/trace").await.text.contains(">Unfinished<"));
}
