//! Streams that fail half-way: the call is an error, told in the provider's words, and keeps what came.

use promptlayer_tracing::blueprint::RequestStatus;
use serde_json::{Value, json};
use tests::fixtures::{Given, replay};

const SAID: &str = "So";
const PROBLEM: &str = "too many people ask";

/// Holds what is logged of a stream that said something and then failed.
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
fn a_chat_that_fails_half_way_keeps_what_came() {
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
fn a_response_that_fails_half_way_keeps_what_came() {
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
fn a_message_that_fails_half_way_keeps_what_came() {
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
fn a_conversation_that_fails_half_way_keeps_what_came() {
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
fn a_local_chat_that_fails_half_way_keeps_what_came() {
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
