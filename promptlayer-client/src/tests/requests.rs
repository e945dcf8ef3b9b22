use serde_json::json;

use super::*;
use crate::blueprint::{LogRequest, Prompt};
use crate::{RequestId, TraceId};

#[tokio::test]
async fn request_is_read_back() {
    let answer = json!({
        "success": true,
        "request_id": 12345,
        "prompt_blueprint": {
            "prompt_template": {"type": "chat", "messages": [
                {"role": "user", "content": [{"type": "text", "text": "Hello, world!"}]},
            ]},
            "metadata": {"model": {"provider": "openai", "name": "gpt-4", "parameters": {}}},
            "inference_client_name": null,
        },
        "provider": "openai", "model": "gpt-4",
        "input_tokens": 12, "output_tokens": 25, "tokens": 37, "price": 0.00123,
        "request_start_time": "2024-04-03T20:57:25Z",
        "request_end_time": "2024-04-03T20:57:26.5",
        "latency_ms": 1000,
        "trace_id": "a1b2c3d4e5f6a7b8c9d0e1f2a3b4c5d6",
    });
    let server = Server::start([Reply::json(200, &answer.to_string())]);
    let request = client(&server).requests().get(12345).await.unwrap();

    assert_eq!(server.finish()[0].line, "GET /api/public/v2/requests/12345");
    assert_eq!(request.id, RequestId::new(12345));
    assert_eq!(request.prompt_blueprint.prompt_template.text(), "Hello, world!");
    assert_eq!((request.input_tokens, request.output_tokens), (Some(12), Some(25)));
    assert_eq!(
        jiff::Timestamp::try_from(request.request_end_time.unwrap()).unwrap().to_string(),
        "2024-04-03T20:57:26.5Z",
        "a time without a zone is in UTC"
    );
    assert_eq!(request.trace_id.unwrap().to_string(), "a1b2c3d4e5f6a7b8c9d0e1f2a3b4c5d6");
}

#[tokio::test]
async fn trace_is_read_back_with_its_requests() {
    let id: TraceId = "a1b2c3d4e5f6a7b8c9d0e1f2a3b4c5d6".parse().unwrap();
    let answer = json!({
        "success": true,
        "trace_id": id.to_string(),
        "spans": [
            {"id": 1, "name": "chain", "span_id": "aa", "parent_id": null,
             "start_time": "2024-04-03T20:57:25Z", "end_time": "2024-04-03T20:57:26Z"},
            {"id": 2, "name": "llm_call", "span_id": "1a2b3c4d5e6f7a8b",
             "parent_id": "00000000000000aa", "request_log_id": 12345},
            {"id": 3, "name": "foreign", "span_id": "not-hex"},
        ],
    });
    let server = Server::start([Reply::json(200, &answer.to_string())]);
    let trace = client(&server).requests().trace(id).await.unwrap();

    assert_eq!(server.finish()[0].line, format!("GET /api/public/v2/traces/{id}"));
    assert_eq!(trace.spans[0].request_log_id, None);
    assert_eq!(trace.spans[0].span_id.unwrap().to_string(), "00000000000000aa", "zeros may be left out");
    assert_eq!(trace.spans[1].request_log_id, Some(RequestId::new(12345)));
    assert_eq!(trace.spans[1].parent_id, trace.spans[0].span_id);
    assert_eq!(trace.spans[1].other["id"], 2);
    assert_eq!(trace.spans[2].span_id, None, "one odd span does not spoil the others");
}

#[tokio::test]
async fn request_without_times_is_logged_at_the_current_time() {
    let logged = || Reply::json(201, r#"{"id": 1001, "prompt_version": {}}"#);
    let server = Server::start([logged(), logged()]);
    let client = client(&server);
    let request = LogRequest::new("openai", "gpt-4o", Prompt::user("1,2,3 ?"), Prompt::assistant("4"));
    let time = |text: &str| text.parse::<jiff::Timestamp>().unwrap().into();
    let (start, end) = (time("2024-01-02T03:04:05Z"), time("2024-01-02T03:04:06Z"));

    let before = jiff::Timestamp::now();
    assert_eq!(client.log_request(request.clone()).await.unwrap(), RequestId::new(1001));
    let after = jiff::Timestamp::now();
    client.log_request(request.times(start, end)).await.unwrap();

    let seen = server.finish();
    assert_eq!(seen[0].line, "POST /log-request");
    let body = seen[0].json();
    let time: jiff::Timestamp = body["request_start_time"].as_str().unwrap().parse().unwrap();
    // The time has microsecond precision.
    assert!(before.as_microsecond() <= time.as_microsecond() && time <= after, "{time}");
    assert_eq!(body["request_start_time"], body["request_end_time"]);
    assert_eq!(body["status"], "SUCCESS");
    assert_eq!(seen[1].json()["request_start_time"], "2024-01-02T03:04:05.000000Z");
    assert_eq!(seen[1].json()["request_end_time"], "2024-01-02T03:04:06.000000Z");
}

#[tokio::test]
async fn request_with_invalid_metadata_is_not_logged() {
    let server = Server::start([]);
    let request =
        LogRequest::new("openai", "gpt-4o", Prompt::user("?"), Prompt::assistant("!")).metadata([("", "x")]);
    let error = client(&server).log_request(request).await.unwrap_err();

    assert!(error.is_invalid_input());
    assert!(server.finish().is_empty());
}
