//! Streams that fail halfway: the call is logged as an error with the provider's message, and keeps the
//! received output.

use promptlayer_tracing::blueprint::RequestStatus;
use serde_json::{Value, json};
use tests::fixtures::{Given, replay};

const SAID: &str = "So";
const PROBLEM: &str = "too many people ask";

/// Checks the log of a stream that sends some output and then fails.
fn fails(api_type: &str, request: &Value, events: Vec<Value>) {
    let log = replay(None, request, Given::Events(events));
    assert_eq!(log.api_type.as_deref(), Some(api_type));
    assert_eq!(log.status, RequestStatus::Error, "{log:#?}");
    assert!(log.error_message().is_some_and(|message| message.contains(PROBLEM)), "{log:#?}");
    assert_eq!(log.output.text(), SAID);
}

fn messages() -> Value {
    json!([{ "role": "user", "content": "Why?" }])
}

#[test]
fn chat_stream_that_fails_halfway_keeps_partial_output() {
    let choice =
        json!({ "index": 0, "delta": { "role": "assistant", "content": SAID }, "finish_reason": null });
    fails(
        "chat-completions",
        &json!({ "model": "gpt-4o", "messages": messages(), "stream": true }),
        vec![
            json!({ "id": "1", "object": "chat.completion.chunk", "model": "gpt-4o", "choices": [choice] }),
            json!({ "error": { "message": PROBLEM, "type": "server_error", "code": null } }),
        ],
    );
}

#[test]
fn response_stream_that_fails_halfway_keeps_partial_output() {
    let response = |status: &str, error: Value| json!({ "id": "resp_1", "object": "response", "status": status, "model": "gpt-4o", "output": [], "error": error });
    fails(
        "responses",
        &json!({ "model": "gpt-4o", "input": "Why?", "stream": true }),
        vec![
            json!({ "type": "response.created", "response": response("in_progress", Value::Null) }),
            json!({ "type": "response.output_text.delta", "item_id": "msg_1", "output_index": 0, "content_index": 0,
                "delta": SAID }),
            json!({ "type": "response.failed",
                "response": response("failed", json!({ "code": "server_error", "message": PROBLEM })) }),
        ],
    );
}

#[test]
fn message_stream_that_fails_halfway_keeps_partial_output() {
    fails(
        "messages",
        &json!({ "model": "claude-sonnet-4-5", "max_tokens": 9, "messages": messages(), "stream": true }),
        vec![
            json!({ "type": "message_start", "message": { "id": "msg_1", "type": "message", "role": "assistant",
                "model": "claude-sonnet-4-5", "content": [], "usage": { "input_tokens": 3, "output_tokens": 1 } } }),
            json!({ "type": "content_block_start", "index": 0, "content_block": { "type": "text", "text": "" } }),
            json!({ "type": "content_block_delta", "index": 0, "delta": { "type": "text_delta", "text": SAID } }),
            json!({ "type": "error", "error": { "type": "overloaded_error", "message": PROBLEM } }),
        ],
    );
}

#[test]
fn converse_stream_that_fails_halfway_keeps_partial_output() {
    fails(
        "converse",
        &json!({ "messages": [{ "role": "user", "content": [{ "text": "Why?" }] }] }),
        vec![
            json!({ "messageStart": { "role": "assistant" } }),
            json!({ "contentBlockDelta": { "contentBlockIndex": 0, "delta": { "text": SAID } } }),
            json!({ "throttlingException": { "message": PROBLEM } }),
        ],
    );
}

#[test]
fn ollama_stream_that_fails_halfway_keeps_partial_output() {
    let message = json!({ "role": "assistant", "content": SAID });
    fails(
        "chat",
        &json!({ "model": "qwen3:4b", "messages": messages(), "options": {} }),
        vec![
            json!({ "model": "qwen3:4b", "created_at": "2026-01-01T00:00:00Z", "message": message, "done": false }),
            json!({ "error": PROBLEM }),
        ],
    );
}
