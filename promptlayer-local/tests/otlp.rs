//! `POST /v1/traces`: the protocol, the stored spans, and the request logs of calls to models.

#![allow(clippy::unwrap_used, reason = "a test that cannot go on must fail")]

mod support;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use promptlayer_local::Config;
use reqwest::Method;
use serde_json::{Value, json};
use support::otlp::{SPAN_ID, TRACE, attributes, gzip, length_delimited, protobuf, request, send, span};
use support::{Local, merged, shared};

const OTHER_TRACE: &str = "0af7651916cd43dd8448eb211c80319c";
const OTHER_SPAN: &str = "00f067aa0ba902b7";

/// Returns the spans of a trace without the ids of their rows.
async fn stored(local: &Local, trace: &str) -> Vec<Value> {
    let answer = local.get(&format!("/api/public/v2/traces/{trace}")).await;
    assert_eq!(answer.status, 200, "{}", answer.text);
    let mut spans = answer.json["spans"].as_array().unwrap().clone();
    for span in &mut spans {
        span.as_object_mut().unwrap().remove("id");
    }
    spans
}

/// Returns the request log of the only span of a trace.
async fn request_log(local: &Local, trace: &str) -> Value {
    let spans = stored(local, trace).await;
    assert_eq!(spans.len(), 1, "{spans:?}");
    let id = spans[0]["request_log_id"].as_i64().unwrap();
    local.get(&format!("/api/public/v2/requests/{id}")).await.json
}

/// Stores one span in JSON, and returns its request log.
async fn logged(fields: &Value) -> Value {
    let local = Local::start();
    let span = span(SPAN_ID, &merged(json!({ "kind": 3 }), fields));
    let answer = local.post_otlp_json(&request(&[span])).await;
    assert_eq!((answer.status, &answer.json), (200, &json!({ "partialSuccess": null })));
    request_log(&local, TRACE).await
}

fn call(fields: &Value) -> Value {
    let call = json!({
        "gen_ai.operation.name": "chat",
        "gen_ai.provider.name": "openai",
        "gen_ai.request.model": "gpt-4o",
    });
    json!({ "attributes": attributes(&merged(call, fields)) })
}

/// A span with a value of every kind in every place.
fn full() -> Value {
    let all = json!({
        "text": "ü\n\u{1F600}", "flag": true, "int": -5, "big": i64::MAX, "double": 0.5,
        "list": ["a", 1, [true]], "map": { "k": { "n": 1 } }, "none": null,
    });
    let mut own = attributes(&all);
    own.as_array_mut().unwrap().push(json!({ "key": "bytes", "value": { "bytesValue": "AP8Q" } }));
    own.as_array_mut().unwrap().push(json!({ "key": "nan", "value": { "doubleValue": "NaN" } }));
    json!({
        "traceState": "a=b",
        "parentSpanId": OTHER_SPAN,
        "name": "all of it",
        "kind": 5,
        "attributes": own,
        "droppedAttributesCount": 2,
        "events": [{
            "timeUnixNano": "1768473001500000001",
            "name": "exception",
            "attributes": attributes(&json!({ "exception.type": "ValueError" })),
        }],
        "droppedEventsCount": 3,
        "links": [{
            "traceId": OTHER_TRACE,
            "spanId": OTHER_SPAN,
            "traceState": "c=d",
            "attributes": attributes(&json!({ "why": "retry" })),
        }],
        "droppedLinksCount": 4,
        "status": { "code": 2, "message": "it failed" },
    })
}

#[tokio::test]
async fn protobuf_and_json_store_the_same_trace() {
    let body = json!({ "resourceSpans": [{
        "resource": { "attributes": attributes(&json!({ "service.name": "test", "process.pid": 7 })) },
        "schemaUrl": "https://example.com/resource",
        "scopeSpans": [{
            "scope": { "name": "tests", "version": "1.0", "attributes": attributes(&json!({ "of": "scope" })) },
            "schemaUrl": "https://example.com/scope",
            "spans": [span(SPAN_ID, &full()), span(OTHER_SPAN, &json!({ "kind": 0 }))],
        }],
    }] });
    let (by_json, by_protobuf) = (Local::start(), Local::start());
    let answer = by_json.post_otlp_json(&body).await;
    assert_eq!((answer.status, &answer.json), (200, &json!({ "partialSuccess": null })));
    let answer = by_protobuf.post_protobuf(protobuf(&body)).await;
    assert_eq!((answer.status, answer.content_type.as_str()), (200, "application/x-protobuf"));
    assert!(answer.body.is_empty(), "a response without fields is empty");

    let spans = stored(&by_json, TRACE).await;
    assert_eq!(spans, stored(&by_protobuf, TRACE).await);
    assert_eq!(
        spans[0],
        json!({
            "trace_id": TRACE,
            "span_id": SPAN_ID,
            "parent_id": OTHER_SPAN,
            "name": "all of it",
            "kind": "SpanKind.CONSUMER",
            "start_time": "2026-01-15T10:30:01Z",
            "end_time": "2026-01-15T10:30:02Z",
            "status": { "status_code": "StatusCode.ERROR", "description": "it failed" },
            "trace_state": "a=b",
            "attributes": {
                "text": "ü\n\u{1F600}", "flag": true, "int": -5, "big": i64::MAX, "double": 0.5,
                "list": ["a", 1, [true]], "map": { "k": { "n": 1 } }, "none": null,
                "bytes": "AP8Q", "nan": "NaN",
                "otel.scope.name": "tests",
                "otel.scope.version": "1.0",
                "otel.scope.schema_url": "https://example.com/scope",
                "otel.scope.of": "scope",
                "otel.dropped_attributes_count": 2,
                "otel.dropped_events_count": 3,
                "otel.dropped_links_count": 4,
            },
            "events": [{
                "name": "exception",
                "timestamp": 1_768_473_001_500_000_001_i64,
                "attributes": { "exception.type": "ValueError" },
            }],
            "links": [{
                "context": { "trace_id": OTHER_TRACE, "span_id": OTHER_SPAN, "trace_state": "c=d" },
                "attributes": { "why": "retry" },
            }],
            "resource": {
                "attributes": { "service.name": "test", "process.pid": "7" },
                "schema_url": "https://example.com/resource",
            },
        })
    );
    assert_eq!((&spans[1]["kind"], &spans[1]["parent_id"]), (&json!("SpanKind.INTERNAL"), &json!(null)));
}

#[tokio::test]
async fn bodies_of_other_encoders_are_stored() {
    for scene in shared::scenes("python_otlp") {
        let exchange = &scene["exchanges"][0];
        let body = STANDARD.decode(exchange["body_protobuf_base64"].as_str().unwrap()).unwrap();
        let (by_json, by_protobuf) = (Local::start(), Local::start());
        assert_eq!(by_protobuf.post_protobuf(body).await.status, 200);
        assert_eq!(by_json.post_otlp_json(&exchange["otlp_json"]).await.status, 200);
        let trace = exchange["otlp_json"].pointer("/resourceSpans/0/scopeSpans/0/spans/0/traceId");
        let trace = trace.unwrap().as_str().unwrap();
        let spans = stored(&by_protobuf, trace).await;
        assert_eq!(spans.len(), 3);
        assert_eq!(spans, stored(&by_json, trace).await);
    }
}

#[tokio::test]
async fn one_trace_can_arrive_over_both_endpoints() {
    let local = Local::start();
    let bulk = support::span(
        OTHER_SPAN,
        &json!({ "context": { "trace_id": TRACE, "span_id": OTHER_SPAN, "trace_state": "" } }),
    );
    assert_eq!(local.post("/spans-bulk", &json!({ "spans": [bulk] })).await.status, 201);
    // JSON may have the ids in upper case.
    let span = span(
        &SPAN_ID.to_uppercase(),
        &json!({
            "traceId": TRACE.to_uppercase(),
            "parentSpanId": OTHER_SPAN.to_uppercase(),
        }),
    );
    assert_eq!(local.post_otlp_json(&request(&[span])).await.status, 200);
    let spans = stored(&local, TRACE).await;
    assert_eq!(spans.len(), 2);
    assert_eq!((&spans[1]["span_id"], &spans[1]["parent_id"]), (&json!(SPAN_ID), &json!(OTHER_SPAN)));
}

#[tokio::test]
async fn gzip_bodies_are_decompressed() {
    let local = Local::start();
    let body = request(&[span(SPAN_ID, &json!({ "name": "word ".repeat(500_000) }))]);
    for (content_type, bytes) in
        [("application/json", body.to_string().into_bytes()), ("application/x-protobuf", protobuf(&body))]
    {
        assert!(bytes.len() > 1024 * 1024, "larger than a small body");
        let answer = send(local.traces(content_type, gzip(&bytes)).header("Content-Encoding", "gzip")).await;
        assert_eq!(answer.status, 200, "{answer:?}");
    }
    assert_eq!(stored(&local, TRACE).await.len(), 1);
    let answer =
        send(local.traces("application/json", b"{}".to_vec()).header("Content-Encoding", "gzip")).await;
    assert_eq!(answer.status, 422, "{}", answer.texts());
}

#[tokio::test]
async fn length_limit_applies_to_the_decompressed_body() {
    let local = Local::with(Config::default().body_limit(1024 * 1024));
    let bomb = gzip(&vec![0; 16 * 1024 * 1024]);
    assert!(bomb.len() < 1024 * 1024);
    for content_type in ["application/json", "application/x-protobuf"] {
        let answer = send(local.traces(content_type, bomb.clone()).header("Content-Encoding", "gzip")).await;
        assert_eq!((answer.status, answer.content_type.as_str()), (413, content_type), "{answer:?}");
    }
}

#[tokio::test]
async fn invalid_spans_are_rejected_and_the_others_stored() {
    let body = request(&[
        span(SPAN_ID, &json!({})),
        span("0000000000000000", &json!({})),
        span("eee19b7ec3c1b1", &json!({})),
        span(OTHER_SPAN, &json!({ "traceId": "5b8e" })),
        span(OTHER_SPAN, &json!({ "parentSpanId": "5b8e" })),
        span(OTHER_SPAN, &json!({ "endTimeUnixNano": "9223372036854775808" })),
    ]);
    let local = Local::start();
    let answer = local.post_otlp_json(&body).await;
    assert_eq!(answer.status, 200);
    let partial = &answer.json["partialSuccess"];
    assert_eq!(partial["rejectedSpans"], json!(5));
    for reason in ["Invalid spanId", "Invalid traceId", "Invalid parentSpanId", "Invalid time"] {
        assert!(partial["errorMessage"].as_str().unwrap().contains(reason), "{partial}");
    }
    assert_eq!(stored(&local, TRACE).await.len(), 1);

    let ids = request(&[span(SPAN_ID, &json!({})), span("xyz19b7ec3c1b174", &json!({}))]);
    let answer = Local::start().post_otlp_json(&ids).await;
    assert_eq!(answer.json["partialSuccess"]["rejectedSpans"], json!(1), "text that is not hex");

    let local = Local::start();
    let mut body = body;
    body["resourceSpans"][0]["scopeSpans"][0]["spans"].as_array_mut().unwrap().pop();
    let answer = local.post_protobuf(protobuf(&body)).await;
    assert_eq!(answer.status, 200);
    // `partial_success` is field 1, and in it `rejected_spans` is field 1 and `error_message` field 2.
    let mut partial = vec![8, 4];
    let message = answer.texts();
    let message = &message[message.find("Invalid").unwrap()..];
    length_delimited(&mut partial, 2, message.as_bytes());
    let mut expected = Vec::new();
    length_delimited(&mut expected, 1, &partial);
    assert_eq!(answer.body, expected);
}

#[tokio::test]
async fn spans_of_closed_traces_are_rejected() {
    let local = Local::start();
    let first = request(&[span(SPAN_ID, &json!({}))]);
    assert_eq!(local.post("/v1/traces?close_after=true", &first).await.status, 200);

    let late = span(OTHER_SPAN, &json!({}));
    let answer = local.post_otlp_json(&request(std::slice::from_ref(&late))).await;
    assert_eq!(answer.status, 409);
    assert_eq!(
        answer.json,
        json!({ "error": format!("Trace already closed: {TRACE}"), "trace_ids": [TRACE] })
    );
    let answer = local.post_protobuf(protobuf(&request(std::slice::from_ref(&late)))).await;
    assert_eq!((answer.status, answer.content_type.as_str()), (409, "application/x-protobuf"));
    // `google.rpc.Status`: the code is field 1, FAILED_PRECONDITION is 9.
    assert_eq!(answer.body[..2], [8, 9]);
    assert!(answer.texts().contains("Trace already closed"), "{}", answer.texts());

    let open = span(OTHER_SPAN, &json!({ "traceId": OTHER_TRACE }));
    let answer = local.post_otlp_json(&request(&[late, open])).await;
    assert_eq!(answer.status, 200);
    assert_eq!(
        answer.json["partialSuccess"],
        json!({ "rejectedSpans": 1, "errorMessage": format!("Trace already closed: {TRACE}") })
    );
    assert_eq!(stored(&local, OTHER_TRACE).await.len(), 1);
    assert_eq!(stored(&local, TRACE).await.len(), 1);

    let answer = local.post("/v1/traces?close_after=perhaps", &first).await;
    assert_eq!(answer.places(), ["query.close_after"]);
}

#[tokio::test]
async fn malformed_bodies_get_422_in_their_encoding() {
    let local = Local::start();
    let whole = protobuf(&request(&[span(SPAN_ID, &full())]));
    let mut deep = Vec::new();
    for _ in 0..2000 {
        let mut outer = Vec::new();
        length_delimited(&mut outer, 5, &{
            let mut list = Vec::new();
            length_delimited(&mut list, 1, &deep);
            list
        });
        deep = outer;
    }
    for number in [2, 9, 2, 2, 1] {
        let mut outer = Vec::new();
        length_delimited(&mut outer, number, &deep);
        deep = outer;
    }
    let not_utf8 = {
        let mut body = protobuf(&request(&[span(SPAN_ID, &json!({ "name": "~~~~" }))]));
        let at = body.windows(4).position(|window| window == b"~~~~").unwrap();
        body[at] = 0xff;
        body
    };
    for body in [whole[..whole.len() - 3].to_vec(), vec![0xff; 40], b"{}".to_vec(), deep, not_utf8] {
        let answer = local.post_protobuf(body).await;
        assert_eq!(
            (answer.status, answer.content_type.as_str()),
            (422, "application/x-protobuf"),
            "{answer:?}"
        );
        assert_eq!(answer.body[..2], [8, 3], "the code is INVALID_ARGUMENT");
        assert!(
            answer.texts().contains("the body is not an ExportTraceServiceRequest"),
            "{}",
            answer.texts()
        );
    }
    for (body, place) in [
        (json!([]), "body"),
        (json!({ "resourceSpans": {} }), "body.resourceSpans"),
        (request(&[json!({ "name": 5 })]), "body.resourceSpans.0.scopeSpans.0.spans.0.name"),
        (request(&[json!(7)]), "body.resourceSpans.0.scopeSpans.0.spans.0"),
        (request(&[span(SPAN_ID, &json!({ "startTimeUnixNano": "soon" }))]), "body"),
    ] {
        assert_eq!(local.post_otlp_json(&body).await.places(), [place], "{body}");
    }
}

#[tokio::test]
async fn unknown_fields_and_null_are_ignored() {
    let local = Local::start();
    let body = json!({ "later": 1, "resourceSpans": [{ "resource": null, "scopeSpans": [{ "scope": null, "spans": [
        span(SPAN_ID, &json!({
            "unknown": "later",
            "attributes": [
                { "key": "a", "value": { "stringValue": "b", "laterValue": {} }, "later": [] },
                { "key": "c", "value": { "laterValue": 1 } },
                { "key": "d" },
                // Numbers are allowed in place of text.
                { "key": "e", "value": { "intValue": 7 } },
            ],
            "parentSpanId": null,
            "events": null,
            "links": null,
            "status": null,
            "endTimeUnixNano": null,
            "startTimeUnixNano": 1_768_473_001_000_000_000_i64,
        })),
    ] }] }] });
    let answer = local.post_otlp_json(&body).await;
    assert_eq!((answer.status, &answer.json), (200, &json!({ "partialSuccess": null })));
    let spans = stored(&local, TRACE).await;
    assert_eq!(spans[0]["attributes"], json!({ "a": "b", "c": null, "d": null, "e": 7 }));
    assert_eq!(spans[0]["end_time"], spans[0]["start_time"]);

    let local = Local::start();
    let body = request(&[span(SPAN_ID, &json!({ "unknown": "later" }))]);
    assert_eq!(local.post_protobuf(protobuf(&body)).await.status, 200);
    assert_eq!(stored(&local, TRACE).await.len(), 1);
    assert_eq!(local.post_otlp_json(&json!({})).await.status, 200);
    assert_eq!(local.post_protobuf(Vec::new()).await.status, 200);
}

#[tokio::test]
async fn other_content_types_and_encodings_get_415() {
    let local = Local::start();
    let body = request(&[span(SPAN_ID, &json!({}))]).to_string();
    for content_type in ["text/plain", "application/grpc", "application/json5", ""] {
        let answer = send(local.traces(content_type, body.clone().into_bytes())).await;
        assert_eq!(
            (answer.status, answer.content_type.as_str()),
            (415, "application/json"),
            "{content_type}"
        );
    }
    let answer = send(local.traces("application/json; charset=utf-8", body.clone().into_bytes())).await;
    assert_eq!(answer.status, 200);
    let request = local.json("/v1/traces", body).header("X-API-KEY", "key").header("Content-Encoding", "br");
    let answer = local.send(Method::POST, "/v1/traces", request).await;
    assert_eq!(answer.status, 415, "{}", answer.text);
}

#[tokio::test]
async fn wrong_key_gets_401_in_the_encoding_of_the_request() {
    let local = Local::with(Config::default().api_key("secret"));
    let answer = local.post_otlp_json(&json!({})).await;
    assert_eq!(answer.status, 401, "{}", answer.text);
    let answer = local.post_protobuf(Vec::new()).await;
    assert_eq!((answer.status, answer.content_type.as_str()), (401, "application/x-protobuf"));
    assert_eq!(answer.body[..2], [8, 16], "the code is UNAUTHENTICATED");
    let answer =
        send(local.request(Method::POST, "/v1/traces").header("Authorization", "Bearer secret")).await;
    assert_eq!(answer.status, 401, "the key is in X-API-KEY only");
}

#[tokio::test]
async fn bodies_that_need_too_much_memory_get_413() {
    let local = Local::start();
    let mut spans = Vec::new();
    for _ in 0..500_000 {
        length_delimited(&mut spans, 2, &[]);
    }
    let mut scope = Vec::new();
    length_delimited(&mut scope, 2, &spans);
    let mut body = Vec::new();
    length_delimited(&mut body, 1, &scope);
    let answer = local.post_protobuf(body).await;
    assert_eq!(
        (answer.status, answer.content_type.as_str()),
        (413, "application/x-protobuf"),
        "many empty spans"
    );

    // Each span is stored with its resource.
    let local = Local::with(Config::default().body_limit(1024 * 1024));
    let spans: Vec<Value> = (1..200).map(|id| span(&format!("{id:016x}"), &json!({}))).collect();
    let mut body = request(&spans);
    let large = attributes(&json!({ "large": "x".repeat(256 * 1024) }));
    body["resourceSpans"][0]["resource"]["attributes"] = large.clone();
    assert_eq!(local.post_otlp_json(&body).await.status, 413, "a large resource");
    let mut body = request(&spans);
    body["resourceSpans"][0]["scopeSpans"][0]["scope"]["attributes"] = large;
    assert_eq!(local.post_protobuf(protobuf(&body)).await.status, 413, "a large scope");
}

#[tokio::test]
async fn call_to_a_model_becomes_a_request_log() {
    let log = logged(&call(&json!({
        "gen_ai.response.model": "gpt-4o-2024-08-06",
        "gen_ai.response.id": "chatcmpl-1",
        "gen_ai.response.finish_reasons": ["stop"],
        "gen_ai.request.temperature": 0.5,
        "gen_ai.request.max_tokens": 100,
        "gen_ai.usage.input_tokens": 25,
        "gen_ai.usage.output_tokens": 120,
        "gen_ai.usage.cache_read.input_tokens": 5,
        "gen_ai.system_instructions": r#"[{"type":"text","content":"Be brief."}]"#,
        "gen_ai.input.messages": r#"[{"role":"user","parts":[{"type":"text","content":"Hello"}]}]"#,
        "gen_ai.output.messages":
            r#"[{"role":"assistant","parts":[{"type":"text","content":"Hi."}],"finish_reason":"stop"}]"#,
        "promptlayer.provider.type": "openai.azure",
        "promptlayer.api.type": "chat-completions",
        "promptlayer.prompt.name": "greeting",
        "promptlayer.prompt.id": "7",
        "promptlayer.prompt.version": "3",
        "promptlayer.tags": ["chat", "beta", "chat", ""],
        "promptlayer.metadata.user": "u1",
        "promptlayer.metadata.attempt": 2,
        "function_name": "greet",
    })))
    .await;
    for (field, expected) in [
        ("provider", json!("openai.azure")),
        ("model", json!("gpt-4o")),
        ("api_type", json!("chat-completions")),
        ("function_name", json!("greet")),
        ("input_tokens", json!(25)),
        ("output_tokens", json!(120)),
        ("parameters", json!({ "temperature": 0.5, "max_tokens": 100 })),
        ("tags", json!(["chat", "beta"])),
        (
            "metadata",
            json!({
                "user": "u1", "attempt": "2", "finish_reason": "stop", "response_id": "chatcmpl-1",
                "cached_tokens": "5",
            }),
        ),
        ("prompt_name", json!("greeting")),
        ("prompt_id", json!(7)),
        ("prompt_version_number", json!(3)),
        ("status", json!("SUCCESS")),
        ("error_type", json!(null)),
        ("request_start_time", json!("2026-01-15T10:30:01Z")),
        ("request_end_time", json!("2026-01-15T10:30:02Z")),
        ("trace_id", json!(TRACE)),
        ("span_id", json!(SPAN_ID)),
    ] {
        assert_eq!(log[field], expected, "{field}");
    }
    let said = |prompt: &Value| -> Vec<(String, String)> {
        let messages = prompt["messages"].as_array().unwrap().iter();
        let text = |value: &Value| value.as_str().unwrap().to_owned();
        messages.map(|message| (text(&message["role"]), text(&message["content"][0]["text"]))).collect()
    };
    let pair = |role: &str, text: &str| (role.to_owned(), text.to_owned());
    assert_eq!(said(&log["input"]), [pair("system", "Be brief."), pair("user", "Hello")]);
    assert_eq!(said(&log["output"]), [pair("assistant", "Hi.")]);
}

#[tokio::test]
async fn example_of_the_document_becomes_a_request_log() {
    let log = logged(&json!({ "attributes": attributes(&json!({
        "gen_ai.request.model": "gpt-4",
        "gen_ai.provider.name": "openai",
        "gen_ai.usage.input_tokens": 25,
        "gen_ai.usage.output_tokens": 120,
    })) }))
    .await;
    assert_eq!(
        (&log["provider"], &log["model"], &log["tokens"]),
        (&json!("openai"), &json!("gpt-4"), &json!(145))
    );
    assert_eq!(log["function_name"], json!("step"), "the name of the span");
}

#[tokio::test]
async fn older_conventions_are_read() {
    let numbered = logged(&json!({ "attributes": attributes(&json!({
        "node_type": "LLM_CALL",
        "gen_ai.provider.name": "openai.responses",
        "gen_ai.request.model": "gpt-5",
        "gen_ai.prompt.0.role": "user",
        "gen_ai.prompt.0.content": "Weather?",
        "gen_ai.completion.0.role": "assistant",
        "gen_ai.completion.0.tool_calls": r#"[{"id":"c1","type":"tool_call","name":"weather","arguments":{"city":"Oslo"}}]"#,
        "gen_ai.usage.prompt_tokens": 3,
    })) }))
    .await;
    assert_eq!((&numbered["provider"], &numbered["api_type"]), (&json!("openai"), &json!("responses")));
    assert_eq!(numbered["input"]["messages"][0]["content"][0]["text"], json!("Weather?"));
    let function = &numbered["output"]["messages"][0]["tool_calls"][0]["function"];
    assert_eq!(*function, json!({ "name": "weather", "arguments": r#"{"city":"Oslo"}"# }));
    assert_eq!(numbered["input_tokens"], json!(3));

    let event = |name: &str, attribute: &str, value: &str| json!({ "timeUnixNano": "1", "name": name, "attributes": attributes(&json!({ attribute: value })) });
    let events = logged(&merged(
        call(&json!({})),
        &json!({ "events": [
            event("gen_ai.content.prompt", "gen_ai.prompt", r#"[{"role":"user","content":"Hello"}]"#),
            event("gen_ai.content.completion", "gen_ai.completion", r#"[{"role":"assistant","content":"Hi."}]"#),
        ] }),
    ))
    .await;
    assert_eq!(events["input"]["messages"][0]["content"][0]["text"], json!("Hello"));
    assert_eq!(events["output"]["messages"][0]["content"][0]["text"], json!("Hi."));
}

#[tokio::test]
async fn failed_call_has_the_error_of_its_span() {
    let failed = merged(
        call(&json!({ "error.type": "429" })),
        &json!({ "status": { "code": 2, "message": "Rate limit reached" } }),
    );
    let log = logged(&failed).await;
    assert_eq!((&log["status"], &log["error_type"]), (&json!("ERROR"), &json!("PROVIDER_RATE_LIMIT")));
    assert_eq!(log["error_message"], json!("429: Rate limit reached"));

    let exception = json!({ "timeUnixNano": "1", "name": "exception", "attributes": attributes(&json!({
        "exception.type": "APITimeoutError", "exception.message": "Request timed out.",
    })) });
    let failed = merged(call(&json!({})), &json!({ "status": { "code": 2 }, "events": [exception] }));
    let log = logged(&failed).await;
    assert_eq!((&log["status"], &log["error_type"]), (&json!("ERROR"), &json!("PROVIDER_TIMEOUT")));
    assert_eq!(log["error_message"], json!("APITimeoutError: Request timed out."));
}

#[tokio::test]
async fn only_calls_that_no_client_logs_become_request_logs() {
    for attributes in [
        json!({ "gen_ai.operation.name": "invoke_agent", "gen_ai.request.model": "gpt-4o" }),
        json!({ "gen_ai.operation.name": "execute_tool", "gen_ai.tool.name": "weather" }),
        json!({ "node_type": "LLM_CALL" }),
        json!({ "gen_ai.request.model": "gpt-4o", "promptlayer.request_log.managed": true,
            "promptlayer.request_log.span_id": OTHER_SPAN }),
    ] {
        let local = Local::start();
        let span = span(SPAN_ID, &json!({ "attributes": support::otlp::attributes(&attributes) }));
        assert_eq!(local.post_otlp_json(&request(&[span])).await.status, 200);
        assert_eq!(stored(&local, TRACE).await[0].get("request_log_id"), None, "{attributes}");
    }
}

#[tokio::test]
async fn resent_span_is_stored_once() {
    let local = Local::start();
    let body = request(&[span(SPAN_ID, &call(&json!({}))), span(OTHER_SPAN, &json!({}))]);
    for _ in 0..2 {
        assert_eq!(local.post_protobuf(protobuf(&body)).await.status, 200);
        let answer = local.post_otlp_json(&body).await;
        assert_eq!((answer.status, &answer.json), (200, &json!({ "partialSuccess": null })));
    }
    let twice = request(&[span(SPAN_ID, &call(&json!({}))), span(SPAN_ID, &call(&json!({})))]);
    assert_eq!(local.post_otlp_json(&twice).await.status, 200);
    let spans = stored(&local, TRACE).await;
    assert_eq!(spans.len(), 2);
    assert_eq!(local.get("/api/public/v2/requests/1").await.status, 200);
    assert_eq!(local.get("/api/public/v2/requests/2").await.status, 404, "one request log");
}

#[tokio::test]
async fn many_spans_with_one_start_time_are_stored_in_linear_time() {
    let local = Local::start();
    let spans: Vec<Value> = (1..=10_000).map(|id| span(&format!("{id:016x}"), &json!({}))).collect();
    let body = protobuf(&request(&spans));
    let begin = std::time::Instant::now();
    for _ in 0..2 {
        assert_eq!(local.post_protobuf(body.clone()).await.status, 200);
    }
    // Comparing every span with every other one takes longer than this.
    assert!(begin.elapsed() < std::time::Duration::from_secs(20), "{:?}", begin.elapsed());
    assert_eq!(stored(&local, TRACE).await.len(), 10_000);
}

#[tokio::test]
async fn resent_span_adds_the_request_log_that_is_missing() {
    let local = Local::start();
    let bulk = support::span(
        SPAN_ID,
        &json!({ "context": { "trace_id": TRACE, "span_id": SPAN_ID, "trace_state": "" } }),
    );
    assert_eq!(local.post("/spans-bulk", &json!({ "spans": [bulk] })).await.status, 201);
    assert_eq!(local.post_otlp_json(&request(&[span(SPAN_ID, &call(&json!({})))])).await.status, 200);
    assert_eq!(request_log(&local, TRACE).await["model"], json!("gpt-4o"));
}

#[tokio::test]
async fn label_of_a_template_selects_its_version() {
    let local = Local::start();
    local.publish("greeting", support::template("Hello")).await;
    let mut labelled = support::template("Good day");
    labelled["release_labels"] = json!(["prod"]);
    assert_eq!(local.publish("greeting", labelled).await, 2);
    local.publish("greeting", support::template("Hi")).await;
    for (label, version) in [("prod", json!(2)), ("unknown", json!(null))] {
        let trace = if label == "prod" { TRACE } else { OTHER_TRACE };
        let call = call(&json!({ "promptlayer.prompt.name": "greeting", "promptlayer.prompt.label": label }));
        let span = span(SPAN_ID, &merged(call, &json!({ "traceId": trace })));
        assert_eq!(local.post_otlp_json(&request(&[span])).await.status, 200);
        let log = request_log(&local, trace).await;
        assert_eq!((&log["prompt_name"], &log["prompt_version_number"]), (&json!("greeting"), &version));
    }
}
