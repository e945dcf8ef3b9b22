//! Tests of `POST /log-request`.

mod support;

use serde_json::{Value, json};
use support::{Local, chat, merged, request, request_with, text};

#[tokio::test]
async fn logged_request_returns_its_blueprint() {
    let local = Local::start();
    let body = request_with(&json!({ "parameters": { "temperature": 0.2 }, "api_type": "chat-completions" }));
    let answer = local.post("/log-request", &body).await;
    assert_eq!(answer.status, 201, "{}", answer.text);
    assert_eq!(answer.json["id"], 1);
    assert_eq!(answer.json["status"], "SUCCESS");
    assert_eq!(answer.json["error_type"], Value::Null);
    let version = &answer.json["prompt_version"];
    assert_eq!(
        version["prompt_template"]["messages"],
        json!([
            { "role": "user", "content": [text("Hello!")] },
            { "role": "assistant", "content": [text("Hi there.")] },
        ])
    );
    assert_eq!(
        version["metadata"]["model"],
        json!({
            "provider": "openai", "name": "gpt-4o", "parameters": { "temperature": 0.2 },
            "api_type": "chat-completions",
        })
    );
}

#[tokio::test]
async fn everything_sent_is_read_back() {
    let local = Local::start();
    let sent = json!({
        "parameters": { "max_tokens": 5, "stop": ["\n"] },
        "tags": ["b", "a", "b"],
        "metadata": { "user": "ü", "empty": "" },
        "prompt_name": "no such template",
        "prompt_id": 7,
        "prompt_version_number": 3,
        "prompt_input_variables": { "product": "toasters", "n": 1 },
        "input_tokens": 12,
        "output_tokens": 25.0,
        "price": 0.001_23,
        "function_name": "ask",
        "api_type": "chat-completions",
        "status": "ERROR",
        "error_type": "PROVIDER_TIMEOUT",
        "error_message": "ü".repeat(1024),
    });
    let id = local.log(&request_with(&sent)).await;
    let read = local.get(&format!("/api/public/v2/requests/{id}")).await.json;
    for (field, value) in sent.as_object().unwrap() {
        assert_eq!(
            read[field].as_f64().map_or_else(|| read[field].clone(), |number| json!(number)),
            value.as_f64().map_or_else(|| value.clone(), |number| json!(number)),
            "{field}"
        );
    }
    assert_eq!(read["input"], chat("user", "Hello!"));
    assert_eq!(read["output"], chat("assistant", "Hi there."));
    assert_eq!(read["tokens"], 37);
    assert_eq!(read["latency_ms"], 1500.0);
    assert_eq!(read["trace_id"], Value::Null);
    assert_eq!(read["scores"], json!({}));
}

#[tokio::test]
async fn score_is_stored_by_name_and_unnamed_zero_is_ignored() {
    let local = Local::start();
    for (fields, scores) in [
        (json!({ "score": 80 }), json!({ "default": 80 })),
        (json!({ "score": 80, "score_name": "tone" }), json!({ "tone": 80 })),
        (json!({ "score": 0, "score_name": "tone" }), json!({ "tone": 0 })),
        (json!({ "score": 0, "score_name": null }), json!({})),
    ] {
        let id = local.log(&request_with(&fields)).await;
        assert_eq!(
            local.get(&format!("/api/public/v2/requests/{id}")).await.json["scores"],
            scores,
            "{fields}"
        );
    }
}

#[tokio::test]
async fn times_may_be_date_times_seconds_or_milliseconds() {
    let local = Local::start();
    let id = local
        .log(&request_with(
            &json!({ "request_start_time": 1_700_000_000, "request_end_time": 1_700_000_001.5 }),
        ))
        .await;
    let read = local.get(&format!("/api/public/v2/requests/{id}")).await.json;
    assert_eq!(read["request_start_time"], "2023-11-14T22:13:20Z");
    assert_eq!(read["request_end_time"], "2023-11-14T22:13:21.5Z");
    let in_milliseconds =
        json!({ "request_start_time": 1_700_000_000_000_i64, "request_end_time": 1_700_000_001_500_i64 });
    let id = local.log(&request_with(&in_milliseconds)).await;
    let read = local.get(&format!("/api/public/v2/requests/{id}")).await.json;
    assert_eq!(read["request_start_time"], "2023-11-14T22:13:20Z");
    assert_eq!(read["latency_ms"], 1500.0);
    for time in [json!("noon"), json!("2026-01-15T10:30:00"), json!(true), json!(null), json!(1e30)] {
        let answer = local.post("/log-request", &request_with(&json!({ "request_start_time": time }))).await;
        assert_eq!(answer.places(), ["body.request_start_time"]);
    }
}

#[tokio::test]
async fn completion_is_logged() {
    let local = Local::start();
    let completion = |said: &str| json!({ "type": "completion", "content": [text(said)] });
    let body = request_with(&json!({ "input": completion("Once"), "output": completion("upon") }));
    let answer = local.post("/log-request", &body).await;
    assert_eq!(
        answer.json["prompt_version"]["prompt_template"]["content"],
        json!([text("Once"), text("upon")])
    );
}

#[tokio::test]
async fn fields_outside_their_limits_are_rejected() {
    let local = Local::start();
    for (field, bad, place) in [
        ("provider", json!(null), "provider"),
        ("model", json!(4), "model"),
        ("parameters", json!(null), "parameters"),
        ("tags", json!("a"), "tags"),
        ("tags", json!(["a", "x".repeat(513)]), "tags.1"),
        ("metadata", json!({ "n": 1 }), "metadata.n"),
        ("prompt_name", json!(1), "prompt_name"),
        ("prompt_id", json!("1"), "prompt_id"),
        ("prompt_version_number", json!(0), "prompt_version_number"),
        ("prompt_input_variables", json!([]), "prompt_input_variables"),
        ("input_tokens", json!(-1), "input_tokens"),
        ("output_tokens", json!(1.5), "output_tokens"),
        ("price", json!(-0.01), "price"),
        ("function_name", json!(null), "function_name"),
        ("score", json!(101), "score"),
        ("score", json!(true), "score"),
        ("api_type", json!(1), "api_type"),
        ("status", json!("OK"), "status"),
        ("error_type", json!("TIMEOUT"), "error_type"),
        ("error_message", json!("x".repeat(1025)), "error_message"),
    ] {
        let answer = local.post("/log-request", &request_with(&json!({ field: bad }))).await;
        assert_eq!(answer.places(), [format!("body.{place}")], "{bad}");
    }
    let key = "k".repeat(1025);
    let answer =
        local.post("/log-request", &request_with(&json!({ "metadata": { key.as_str(): "" } }))).await;
    assert_eq!(answer.places(), [format!("body.metadata.{key}")]);
    for field in ["provider", "model", "input", "output", "request_start_time", "request_end_time"] {
        let mut body = request();
        body.as_object_mut().unwrap().remove(field);
        assert_eq!(local.post("/log-request", &body).await.places(), [format!("body.{field}")]);
    }
}

#[tokio::test]
async fn error_type_is_accepted_with_its_statuses_only() {
    let local = Local::start();
    for (error_type, allowed) in [
        ("PROVIDER_RATE_LIMIT", &["WARNING", "ERROR"][..]),
        ("PROVIDER_QUOTA_LIMIT", &["WARNING", "ERROR"]),
        ("UNKNOWN_ERROR", &["WARNING", "ERROR"]),
        ("PROVIDER_PARTIAL_RESPONSE", &["WARNING"]),
        ("VARIABLE_MISSING_OR_EMPTY", &["WARNING"]),
        ("PROVIDER_TIMEOUT", &["ERROR"]),
        ("PROVIDER_AUTH_ERROR", &["ERROR"]),
        ("PROVIDER_ERROR", &["ERROR"]),
        ("TEMPLATE_RENDER_ERROR", &["ERROR"]),
    ] {
        for status in ["SUCCESS", "WARNING", "ERROR"] {
            let body = request_with(&json!({ "status": status, "error_type": error_type }));
            let answer = local.post("/log-request", &body).await;
            if allowed.contains(&status) {
                assert_eq!(answer.status, 201, "{error_type} with {status}: {}", answer.text);
            } else {
                assert_eq!(answer.places(), ["body.error_type"], "{error_type} with {status}");
            }
        }
        let answer = local.post("/log-request", &request_with(&json!({ "error_type": error_type }))).await;
        assert_eq!(answer.places(), ["body.error_type"], "{error_type} without a status");
    }
}

#[tokio::test]
async fn messages_need_the_fields_of_their_role() {
    let local = Local::start();
    for (message, place) in [
        (json!({ "role": "user", "content": "Hello!" }), "content"),
        (json!({ "role": "user" }), "content"),
        (json!({ "role": "human", "content": [] }), "role"),
        (json!({ "content": [] }), "role"),
        (json!({ "role": "tool", "content": [] }), "tool_call_id"),
        (json!({ "role": "function", "content": [] }), "name"),
        (json!({ "role": "placeholder" }), "name"),
        (
            json!({ "role": "assistant", "tool_calls": [{ "id": "1", "function": { "name": "f" } }] }),
            "tool_calls.0.function.arguments",
        ),
        (
            json!({ "role": "assistant", "tool_calls": [{ "id": "1", "function": { "name": "f", "arguments": {} } }] }),
            "tool_calls.0.function.arguments",
        ),
        (json!({ "role": "assistant", "function_call": { "arguments": "" } }), "function_call.name"),
        (json!({ "role": "user", "content": [{ "type": "text" }] }), "content.0.text"),
        (json!({ "role": "user", "content": [{ "type": "picture" }] }), "content.0.type"),
        (json!({ "role": "user", "content": [{ "text": "no type" }] }), "content.0.type"),
        (
            json!({ "role": "user", "content": [{ "type": "image_url", "image_url": {} }] }),
            "content.0.image_url.url",
        ),
        (json!({ "role": "user", "content": [], "template_format": "mustache" }), "template_format"),
    ] {
        let input = json!({ "type": "chat", "messages": [message] });
        let answer = local.post("/log-request", &request_with(&json!({ "input": input }))).await;
        assert_eq!(answer.places(), [format!("body.input.messages.0.{place}")], "{message}");
    }
    let prompt = |fields: &Value| merged(chat("user", ""), fields);
    for (input, place) in [
        (json!({ "messages": [] }), "type"),
        (json!({ "type": "text" }), "type"),
        (json!({ "type": "completion" }), "content"),
        (prompt(&json!({ "tools": [{ "type": "function" }] })), "tools.0.function"),
        (
            prompt(
                &json!({ "tools": [{ "type": "bash", "id": "1", "name": "b", "description": "", "provider": "p" }] }),
            ),
            "tools.0.config",
        ),
        (prompt(&json!({ "functions": [{}] })), "functions.0.name"),
        (
            prompt(&json!({ "tool_choice": { "type": "function", "function": {} } })),
            "tool_choice.function.name",
        ),
    ] {
        let answer = local.post("/log-request", &request_with(&json!({ "input": input }))).await;
        assert_eq!(answer.places(), [format!("body.input.{place}")], "{input}");
    }
}

#[tokio::test]
async fn body_that_is_not_json_gets_422() {
    let local = Local::start();
    let send = async |request: reqwest::RequestBuilder| {
        local.send(reqwest::Method::POST, "/log-request", request.header("X-API-KEY", "key")).await
    };
    let broken = send(local.json("/log-request", "{\"provider\": ".to_owned())).await;
    assert_eq!(broken.places(), ["body"]);
    assert_eq!(broken.json["detail"][0]["type"], "json_invalid");
    let unnamed =
        send(local.request(reqwest::Method::POST, "/log-request").body(request().to_string())).await;
    assert_eq!(unnamed.places(), ["body"]);
    assert!(unnamed.text.contains("Content-Type: application/json"), "{}", unnamed.text);
}
