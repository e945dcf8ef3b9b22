//! Streams of Anthropic's Messages API.

use promptlayer_blueprint::{ErrorType, LogRequest, RequestStatus};
use serde_json::{Value, json};

use super::{assistant, calls, captured, lines, said, span};
use crate::process::convert::log_request;
use crate::span::finished::{FinishedSpan, Output};

/// Returns the log of a stream of these events.
fn of(events: &[Value]) -> LogRequest {
    let output = Output::Chunks(events.iter().map(captured).collect());
    log_request(&FinishedSpan { output: Some(output), ..span() }, None)
}

fn start() -> Value {
    json!({"type": "message_start", "message": {
        "id": "msg_1", "type": "message", "role": "assistant", "model": "claude-x", "content": [],
        "stop_reason": null, "stop_sequence": null,
        "usage": {"input_tokens": 10, "output_tokens": 1, "cache_read_input_tokens": 4, "service_tier": "standard"},
    }})
}

fn begin(index: u64, block: &Value) -> Value {
    json!({"type": "content_block_start", "index": index, "content_block": block})
}

fn delta(index: u64, delta: &Value) -> Value {
    json!({"type": "content_block_delta", "index": index, "delta": delta})
}

fn text(index: u64, text: &str) -> Value {
    delta(index, &json!({"type": "text_delta", "text": text}))
}

fn input(index: u64, piece: &str) -> Value {
    delta(index, &json!({"type": "input_json_delta", "partial_json": piece}))
}

fn end(reason: &str, usage: &Value) -> Value {
    json!({"type": "message_delta", "delta": {"stop_reason": reason, "stop_sequence": null}, "usage": usage})
}

fn call(id: &str) -> Value {
    json!({"type": "tool_use", "id": id, "name": "multiply", "input": {}})
}

#[test]
fn thoughts_texts_and_calls_are_assembled_by_index() {
    let log = of(&[
        start(),
        json!({"type": "ping"}),
        begin(0, &json!({"type": "thinking", "thinking": "", "signature": ""})),
        delta(0, &json!({"type": "thinking_delta", "thinking": "Multi"})),
        begin(2, &call("toolu_2")),
        begin(1, &json!({"type": "text", "text": "Let"})),
        input(2, ""),
        text(1, " me "),
        input(2, "{\"a\": 1"),
        delta(0, &json!({"type": "thinking_delta", "thinking": "ply."})),
        delta(0, &json!({"type": "signature_delta", "signature": "sig"})),
        text(1, "see."),
        input(2, "7}"),
        begin(3, &call("toolu_3")),
        json!({"type": "content_block_stop", "index": 2}),
        end("tool_use", &json!({"output_tokens": 30})),
        json!({"type": "message_stop"}),
    ]);
    let message = assistant(&log.output, 0);
    assert_eq!(
        serde_json::to_value(&message.content).unwrap(),
        json!([
            {"type": "thinking", "thinking": "Multiply.", "signature": "sig"},
            {"type": "text", "text": "Let me see."},
        ])
    );
    assert_eq!(calls(message), [["toolu_2", "multiply", r#"{"a":17}"#], ["toolu_3", "multiply", "{}"]]);
    assert_eq!((log.provider.as_str(), log.model.as_str()), ("anthropic", "claude-x"));
    assert_eq!(log.metadata["finish_reason"], "tool_calls");
    assert_eq!(log.metadata["response_id"], "msg_1");
}

#[test]
fn latest_usage_counts_are_kept() {
    let log = of(&[
        start(),
        end(
            "end_turn",
            &json!({"output_tokens": 20, "input_tokens": null, "output_tokens_details": {"thinking_tokens": 3}}),
        ),
        end("end_turn", &json!({"output_tokens": 38, "server_tool_use": {"web_search_requests": 1}})),
    ]);
    assert_eq!((log.input_tokens, log.output_tokens), (Some(10), Some(38)));
    let told = |key: &str| log.metadata.get(key).map(String::as_str);
    assert_eq!(
        [told("cached_tokens"), told("reasoning_tokens"), told("web_search_requests")],
        [Some("4"), Some("3"), Some("1")]
    );
    assert_eq!(told("service_tier"), Some("standard"));
}

#[test]
fn citations_may_arrive_before_their_text() {
    let citation = |url: &str| {
        delta(
            0,
            &json!({"type": "citations_delta", "citation":
            {"type": "web_search_result_location", "url": url, "title": "T", "cited_text": "c"}}),
        )
    };
    let log = of(&[
        start(),
        begin(0, &json!({"type": "text", "text": "", "citations": null})),
        citation("https://a"),
        text(0, "Blue"),
        citation("https://b"),
    ]);
    let content = serde_json::to_value(&assistant(&log.output, 0).content).unwrap();
    let urls: Vec<&str> = content[0]["annotations"]
        .as_array()
        .unwrap()
        .iter()
        .map(|cited| cited["url"].as_str().unwrap())
        .collect();
    assert_eq!((urls, content[0]["text"].as_str()), (vec!["https://a", "https://b"], Some("Blue")));
    assert_eq!(content[0]["annotations"][0]["end_index"], 4);
}

#[test]
fn incomplete_input_is_kept_as_text() {
    let log = of(&[start(), begin(0, &call("toolu_1")), input(0, "{\"a\": 1")]);
    assert_eq!(calls(assistant(&log.output, 0)), [["toolu_1", "multiply", "{\"a\": 1"]]);
    assert_eq!(log.metadata.get("finish_reason"), None);
    let search = json!({"type": "server_tool_use", "id": "s", "name": "web_search", "input": {}});
    let log = of(&[start(), begin(0, &search), input(0, "{\"query\": \"sk")]);
    assert!(log.output.text().contains(r#"{\"query\": \"sk"#), "{}", log.output.text());
}

#[test]
fn stream_without_start_or_end_keeps_received_content() {
    let log = of(&[text(1, "two"), text(0, "one "), text(1, " three"), input(2, "{}")]);
    assert_eq!(said(&log.output), lines([("assistant", "one two three")]));
    assert_eq!(log.api_type.as_deref(), Some("messages"));
    assert_eq!(calls(assistant(&log.output, 0)), [["", "", "{}"]]);
    let log = of(&[start()]);
    assert_eq!((said(&log.output), log.input_tokens), (lines([("assistant", "")]), Some(10)));
    assert!(assistant(&log.output, 0).content.is_empty());
}

#[test]
fn complete_blocks_are_kept_unchanged() {
    let page =
        json!({"type": "web_search_result", "url": "https://a", "title": "A", "encrypted_content": "e"});
    let found = json!({"type": "web_search_tool_result", "tool_use_id": "s", "content": [page]});
    let redacted = json!({"type": "redacted_thinking", "data": "secret"});
    let log = of(&[
        start(),
        begin(0, &redacted),
        begin(1, &found),
        begin(2, &json!({"type": "compaction", "content": null})),
        delta(2, &json!({"type": "compaction_delta", "content": "In short."})),
    ]);
    let content = serde_json::to_value(&assistant(&log.output, 0).content).unwrap();
    assert_eq!(content[0], json!({"type": "thinking", "thinking": "", "signature": "secret"}));
    assert_eq!(content[1], found);
    assert!(content[2]["text"].as_str().unwrap().contains("In short."));
}

#[test]
fn error_event_fails_request_and_keeps_received_content() {
    let error = |kind: &str| json!({"type": "error", "error": {"type": kind, "message": "Overloaded"}});
    let log = of(&[
        start(),
        begin(0, &json!({"type": "text", "text": ""})),
        text(0, "So"),
        error("overloaded_error"),
    ]);
    assert_eq!((log.status, log.error_type), (RequestStatus::Error, Some(ErrorType::ProviderError)));
    assert_eq!((log.error_message(), log.output.text().as_str()), (Some("Overloaded"), "So"));
    let log = of(&[error("rate_limit_error")]);
    assert_eq!((log.status, log.error_type), (RequestStatus::Error, Some(ErrorType::ProviderRateLimit)));
    assert_eq!(log.provider, "anthropic");
}

#[test]
fn invocation_metrics_identify_bedrock() {
    let metrics = json!({"type": "message_stop", "amazon-bedrock-invocationMetrics": {"inputTokenCount": 1}});
    assert_eq!(of(&[start(), metrics]).provider, "amazon.bedrock");
}

#[test]
fn openrouter_stream_has_a_price() {
    let mut start = start();
    start["message"]["provider"] = json!("Anthropic");
    let log = of(&[start, text(0, "So"), end("end_turn", &json!({"output_tokens": 20, "cost": 0.25}))]);
    assert_eq!((log.provider.as_str(), log.price), ("openrouter", Some(0.25)));
}

#[test]
fn unknown_events_types_and_indexes_are_ignored() {
    let log = of(&[
        json!("[DONE]"),
        json!(null),
        json!({"type": "telemetry", "index": 0}),
        json!({"type": 7}),
        start(),
        json!({"type": "message_start", "message": "none"}),
        begin(1_000_000_000_000, &json!({"type": "text", "text": "last"})),
        begin(0, &json!({"type": "text", "text": 7})),
        text(0, "first "),
        text(u64::MAX, "!"),
        delta(0, &json!({"type": "text_delta", "text": 7})),
        delta(0, &json!({"type": "hologram_delta"})),
        delta(7, &json!({"type": "hologram_delta"})),
        delta(0, &json!("none")),
        json!({"type": "content_block_delta", "index": -1, "delta": {"type": "text_delta", "text": "lost"}}),
        json!({"type": "message_delta", "delta": null, "usage": "none"}),
        json!({"type": "message_delta", "delta": {"stop_reason": "end_turn", "role": "user", "content": 7}}),
    ]);
    assert_eq!(said(&log.output), lines([("assistant", "first last!")]));
    assert_eq!((log.metadata["finish_reason"].as_str(), log.output_tokens), ("stop", Some(1)));
}

#[test]
fn ambiguous_events_are_not_an_anthropic_stream() {
    for events in [
        vec![json!({"type": "ping"})],
        vec![json!({"type": "message_stop"})],
        vec![json!({"type": "error", "message": "x"})],
        vec![json!({"type": "content_block_delta", "delta": {}})],
    ] {
        assert_eq!(of(&events).api_type, None, "{events:?}");
    }
}
