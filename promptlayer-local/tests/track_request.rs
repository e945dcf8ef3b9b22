//! Tests of `POST /track-request`: calls of client libraries become request logs.

#![allow(clippy::unwrap_used, reason = "a test that cannot go on must fail")]

mod support;

use reqwest::Method;
use serde_json::{Value, json};
use support::{Local, chat, merged, shared, span, template, text};

/// Returns the body for a chat with OpenAI's library.
fn call(fields: &Value) -> Value {
    let body = json!({
        "function_name": "openai.chat.completions.create",
        "provider_type": "openai",
        "args": [],
        "kwargs": {
            "model": "gpt-4o", "temperature": 0.5, "messages": [{ "role": "user", "content": "Hello" }],
        },
        "tags": ["a"],
        "request_response": {
            "id": "chatcmpl-1", "object": "chat.completion", "model": "gpt-4o-2024",
            "choices": [{ "index": 0, "finish_reason": "stop", "message": { "role": "assistant", "content": "Hi" } }],
            "usage": { "prompt_tokens": 3, "completion_tokens": 2, "total_tokens": 5 },
        },
        "request_start_time": 1_700_000_000.25,
        "request_end_time": 1_700_000_001.5,
        "metadata": { "user": "u", "n": 1 },
        "api_key": "key",
    });
    merged(body, fields)
}

/// Logs a call as the clients do, with the key in the body. Returns the stored request log.
async fn log(local: &Local, body: &Value) -> Value {
    let answer =
        local.send(Method::POST, "/track-request", local.json("/track-request", body.to_string())).await;
    assert_eq!(answer.status, 200, "{}", answer.text);
    assert_eq!(answer.json["success"], true);
    let id = answer.json["request_id"].as_i64().unwrap();
    local.get(&format!("/api/public/v2/requests/{id}")).await.json
}

#[tokio::test]
async fn call_of_a_client_library_becomes_a_request_log() {
    let local = Local::start();
    let logged = log(&local, &call(&json!({}))).await;
    for (field, expected) in [
        ("provider", json!("openai")),
        ("model", json!("gpt-4o")),
        ("input", chat("user", "Hello")),
        ("output", chat("assistant", "Hi")),
        ("parameters", json!({ "temperature": 0.5 })),
        ("function_name", json!("openai.chat.completions.create")),
        ("api_type", json!("chat-completions")),
        ("tags", json!(["a"])),
        ("input_tokens", json!(3)),
        ("output_tokens", json!(2)),
        ("latency_ms", json!(1250.0)),
        ("status", json!("SUCCESS")),
    ] {
        assert_eq!(logged[field], expected, "{field}");
    }
    let metadata = &logged["metadata"];
    assert_eq!(
        [&metadata["user"], &metadata["n"], &metadata["finish_reason"], &metadata["response_id"]],
        ["u", "1", "stop", "chatcmpl-1"]
    );
}

#[tokio::test]
async fn formats_of_all_providers_are_read() {
    let local = Local::start();
    let kwargs = json!({
        "model": "claude-x", "max_tokens": 5, "system": "Be brief.",
        "messages": [{ "role": "user", "content": "Hello" }],
    });
    let response = json!({
        "id": "msg_1", "type": "message", "role": "assistant", "model": "claude-x",
        "content": [{ "type": "text", "text": "Hi" }], "stop_reason": "end_turn",
        "usage": { "input_tokens": 3, "output_tokens": 2 },
    });
    let claude = call(&json!({
        "provider_type": "anthropic", "function_name": "anthropic.messages.create", "kwargs": kwargs,
        "request_response": response,
    }));
    let logged = log(&local, &claude).await;
    assert_eq!(logged["input"]["messages"][0], json!({ "role": "system", "content": [text("Be brief.")] }));
    assert_eq!(logged["output"], chat("assistant", "Hi"));
    assert_eq!(logged["parameters"], json!({ "max_tokens": 5 }));
    assert_eq!(logged["tokens"], 5);

    // Google's library takes the messages as its history.
    let kwargs = json!({
        "model": "gemini-x", "generation_config": { "temperature": 0.5 },
        "history": [{ "role": "user", "parts": [{ "text": "Hello" }] }],
    });
    let response = json!({
        "candidates": [{ "content": { "role": "model", "parts": [{ "text": "Hi" }] }, "finish_reason": "STOP" }],
        "usage_metadata": { "prompt_token_count": 3, "candidates_token_count": 2 },
    });
    let gemini = call(&json!({
        "provider_type": "google", "function_name": "google.convo.send_message", "kwargs": kwargs,
        "request_response": response,
    }));
    let logged = log(&local, &gemini).await;
    assert_eq!((&logged["provider"], &logged["model"]), (&json!("google"), &json!("gemini-x")));
    assert_eq!((&logged["input"], &logged["output"]), (&chat("user", "Hello"), &chat("assistant", "Hi")));
    assert_eq!(logged["tokens"], 5);
}

#[tokio::test]
async fn streamed_response_is_read_from_its_events() {
    let local = Local::start();
    let event = |delta: Value| {
        json!({
            "id": "chatcmpl-1", "object": "chat.completion.chunk", "model": "gpt-4o",
            "choices": [{ "index": 0, "delta": delta, "finish_reason": null }],
        })
    };
    let (first, second) =
        (event(json!({ "role": "assistant", "content": "Hel" })), event(json!({ "content": "lo" })));
    let logged = log(&local, &call(&json!({ "request_response": [first, second] }))).await;
    assert_eq!(logged["output"], chat("assistant", "Hello"));
    // The Python client logs the last event only.
    let logged = log(&local, &call(&json!({ "request_response": second }))).await;
    assert_eq!(logged["output"], chat("assistant", "lo"));
    let logged = log(&local, &call(&json!({ "request_response": "Hello" }))).await;
    assert_eq!(logged["output"], chat("assistant", "Hello"));
}

#[tokio::test]
async fn content_of_no_known_format_is_kept() {
    let local = Local::start();
    let kwargs = json!({ "alpha": { "beta": 1 }, "gamma": "some text" });
    let unknown = json!({ "kwargs": kwargs, "request_response": { "delta": [1, 2] } });
    let logged = log(&local, &call(&unknown)).await;
    let (input, output) = (logged["input"].to_string(), logged["output"].to_string());
    assert!(input.contains("beta") && input.contains("some text"), "{input}");
    assert!(output.contains("delta"), "{output}");
    assert_eq!(logged["model"], "unknown");

    let positional = json!({ "args": ["Hello", 5], "kwargs": {}, "request_response": 7 });
    let logged = log(&local, &call(&positional)).await;
    assert!(logged["input"].to_string().contains("Hello"), "{}", logged["input"]);
    assert_eq!(logged["output"], chat("assistant", "7"));

    let logged = log(&local, &call(&json!({ "args": ["extra"] }))).await;
    assert_eq!(logged["parameters"], json!({ "temperature": 0.5, "args": "extra" }));
}

#[tokio::test]
async fn secrets_among_the_arguments_are_redacted() {
    let local = Local::start();
    let kwargs = json!({
        "model": "gpt-4o", "messages": [{ "role": "user", "content": "Hello" }], "api_key": "sk-secret",
        "extra_headers": { "Authorization": "Bearer sk-secret" },
    });
    let logged = log(&local, &call(&json!({ "kwargs": kwargs }))).await;
    assert_eq!(logged["parameters"], json!({ "api_key": "[redacted]", "extra_headers": "[redacted]" }));
    assert!(!logged.to_string().contains("sk-secret"), "{logged}");
}

#[tokio::test]
async fn failed_call_is_an_error_without_output() {
    let local = Local::start();
    let failed = json!({
        "request_response": {}, "status": "ERROR", "error_type": "PROVIDER_RATE_LIMIT",
        "error_message": "x".repeat(2000),
    });
    let logged = log(&local, &call(&failed)).await;
    assert_eq!(logged["output"], json!({ "type": "chat", "messages": [] }));
    assert_eq!((&logged["status"], &logged["error_type"]), (&json!("ERROR"), &json!("PROVIDER_RATE_LIMIT")));
    assert_eq!(logged["error_message"], "x".repeat(1024));

    let body = json!({ "error": { "type": "rate_limit_error", "message": "slow down" } });
    let logged = log(&local, &call(&json!({ "request_response": body }))).await;
    assert_eq!((&logged["status"], &logged["error_message"]), (&json!("ERROR"), &json!("slow down")));
}

#[tokio::test]
async fn request_is_linked_to_its_template_and_group() {
    let local = Local::start();
    local.publish("example", template("Hello")).await;
    let group = local.post("/create-group", &json!({})).await.json["id"].clone();
    let links = json!({
        "prompt_id": 1, "prompt_version": 1, "prompt_input_variables": { "list": [1, 2] }, "group_id": group,
    });
    let logged = log(&local, &call(&links)).await;
    assert_eq!((&logged["prompt_name"], &logged["prompt_id"]), (&json!("example"), &json!(1)));
    assert_eq!(logged["prompt_version_number"], 1);
    assert_eq!(logged["prompt_input_variables"], json!({ "list": [1, 2] }));
    assert_eq!(logged["group_ids"], json!([group]));

    let unknown = local.post("/track-request", &call(&json!({ "group_id": 9 }))).await;
    assert_eq!(unknown.status, 400, "{}", unknown.text);
    assert_eq!(local.get("/api/public/v2/requests/2").await.status, 404, "nothing of it is stored");
}

#[tokio::test]
async fn request_joins_its_trace_when_its_span_arrives() {
    let local = Local::start();
    let logged = log(&local, &call(&json!({ "span_id": "b" }))).await;
    assert_eq!(logged["trace_id"], Value::Null);
    log(&local, &call(&json!({ "span_id": "0000000000000000" }))).await;
    let spans = json!([span("a", &json!({})), span("b", &json!({ "parent_id": "a" }))]);
    assert_eq!(local.post("/spans-bulk", &json!({ "spans": spans })).await.status, 201);
    let logged = local.get("/api/public/v2/requests/1").await.json;
    assert_eq!((&logged["trace_id"], &logged["span_id"]), (&json!("trace"), &json!("b")));
    let trace = local.get("/api/public/v2/traces/trace").await.json;
    let logs: Vec<&Value> =
        trace["spans"].as_array().unwrap().iter().filter_map(|span| span.get("request_log_id")).collect();
    assert_eq!(logs, [1]);
}

#[tokio::test]
async fn span_keeps_its_own_request_log() {
    let local = Local::start();
    log(&local, &call(&json!({ "span_id": "a" }))).await;
    let own = span("a", &json!({ "log_request": support::request() }));
    let answer = local.post("/spans-bulk", &json!({ "spans": [own] })).await;
    assert_eq!(answer.status, 201, "{}", answer.text);
    assert_eq!(answer.json["request_logs"][0]["id"], 2);
    assert_eq!(local.get("/api/public/v2/requests/2").await.json["trace_id"], "trace");
    assert_eq!(local.get("/api/public/v2/requests/1").await.json["trace_id"], Value::Null);
}

#[tokio::test]
async fn blueprint_is_returned_if_asked_for() {
    let local = Local::start();
    let asked = json!({ "return_prompt_blueprint": true });
    let answer = local.post("/track-request", &call(&asked)).await.json;
    let blueprint = &answer["prompt_blueprint"];
    assert_eq!(
        blueprint["prompt_template"]["messages"],
        json!([
            { "role": "user", "content": [text("Hello")] }, { "role": "assistant", "content": [text("Hi")] },
        ])
    );
    assert_eq!(blueprint["metadata"]["model"]["name"], "gpt-4o");
    let answer = local.post("/track-request", &call(&json!({}))).await.json;
    assert_eq!(answer["prompt_blueprint"], Value::Null);

    // A large request is read back.
    let long = "x".repeat(2 * 1024 * 1024);
    let kwargs = json!({ "model": "gpt-4o", "messages": [{ "role": "user", "content": long }] });
    let large = call(&merged(asked, &json!({ "kwargs": kwargs })));
    let answer = local.post("/track-request", &large).await.json;
    assert_eq!(
        answer["prompt_blueprint"]["prompt_template"]["messages"][0]["content"][0]["text"],
        json!(long)
    );
}

#[tokio::test]
async fn calls_through_langchain_are_read() {
    let local = Local::start();
    let langchain = |fields: &Value| {
        let base = json!({ "provider_type": "langchain", "function_name": "langchain.chat_models.openai.ChatOpenAI" });
        call(&merged(base, fields))
    };
    let messages = json!([
        { "role": "system", "content": "Be brief." },
        { "role": "user", "content": [{ "type": "text", "text": "Hello" }] },
    ]);
    let kwargs = json!({
        "model": "gpt-x", "model_name": "gpt-x", "temperature": 0.0, "_type": "openai-chat", "stop": null,
        "tools": [{ "type": "function", "function": { "name": "weather" } }],
    });
    let response = json!([{ "role": "assistant", "content": "Hi" }]);
    let logged =
        log(&local, &langchain(&json!({ "args": messages, "kwargs": kwargs, "request_response": response })))
            .await;
    assert_eq!((&logged["provider"], &logged["model"]), (&json!("openai"), &json!("gpt-x")));
    assert_eq!(
        logged["input"]["messages"],
        json!([
            { "role": "system", "content": [text("Be brief.")] }, { "role": "user", "content": [text("Hello")] },
        ])
    );
    assert_eq!(logged["input"]["tools"][0]["function"]["name"], "weather");
    assert_eq!(logged["output"], chat("assistant", "Hi"));
    assert_eq!(logged["parameters"]["temperature"], 0.0);

    let kwargs = json!({ "model_name": "instruct", "_type": "azure", "max_tokens": 256 });
    let response = json!({
        "text": "Toastly", "llm_output": {
            "token_usage": { "prompt_tokens": 13, "completion_tokens": 5 }, "model_name": "instruct",
            "system_fingerprint": "fp",
        },
    });
    let logged = log(
        &local,
        &langchain(&json!({ "args": ["Name a company"], "kwargs": kwargs, "request_response": response })),
    )
    .await;
    let completion = |said: &str| json!({ "type": "completion", "content": [text(said)] });
    assert_eq!(
        (&logged["input"], &logged["output"]),
        (&completion("Name a company"), &completion("Toastly"))
    );
    assert_eq!((&logged["provider"], &logged["model"]), (&json!("openai.azure"), &json!("instruct")));
    assert_eq!((&logged["input_tokens"], &logged["output_tokens"]), (&json!(13), &json!(5)));
    assert!(logged["metadata"]["function_output"].as_str().unwrap().contains("fp"), "{}", logged["metadata"]);
}

#[tokio::test]
async fn recorded_calls_of_langchain_are_accepted() {
    let local = Local::start();
    let mut logged = 0;
    for name in ["langchain_chat", "langchain_completion", "langchain_full"] {
        for scene in shared::scenes(name) {
            let exchanges = scene["exchanges"].as_array().unwrap().iter();
            for exchange in exchanges.filter(|exchange| exchange["path"] == "/track-request") {
                let body = &exchange["body_json"];
                let stored = log(&local, body).await;
                let first = &body["args"][0];
                let said = first["content"].as_str().or(first.as_str()).unwrap();
                assert!(stored["input"].to_string().contains(&json!(said).to_string()), "{said}: {stored}");
                assert_ne!(stored["model"], "unknown", "{}", body["kwargs"]);
                assert_eq!(
                    stored["metadata"]["_langchain_run_id"], body["metadata"]["_langchain_run_id"],
                    "{name}"
                );
                logged += 1;
            }
        }
    }
    assert!(logged >= 3, "{logged}");
}

#[tokio::test]
async fn fields_of_other_types_are_refused() {
    let local = Local::start();
    for (field, bad, place) in [
        ("function_name", json!(null), "function_name"),
        ("provider_type", json!(1), "provider_type"),
        ("tags", json!([1]), "tags.0"),
        ("metadata", json!([]), "metadata"),
        ("request_start_time", json!("noon"), "request_start_time"),
        ("prompt_id", json!("x"), "prompt_id"),
        ("prompt_version", json!(0), "prompt_version"),
        ("group_id", json!(1.5), "group_id"),
        ("span_id", json!(1), "span_id"),
        ("status", json!("OK"), "status"),
        ("error_type", json!("TIMEOUT"), "error_type"),
        ("return_prompt_blueprint", json!("yes"), "return_prompt_blueprint"),
    ] {
        let answer = local.post("/track-request", &call(&json!({ field: bad }))).await;
        assert_eq!(answer.places(), [format!("body.{place}")]);
        assert!(answer.json["message"].as_str().unwrap().starts_with(&format!("body.{place}: ")));
    }
    for field in
        ["provider_type", "tags", "metadata", "group_id", "span_id", "kwargs", "args", "request_response"]
    {
        log(&local, &call(&json!({ field: null }))).await;
    }
}
