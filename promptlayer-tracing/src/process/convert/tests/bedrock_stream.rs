//! Streams of Bedrock's Converse API.

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

/// Returns the blocks that these events form.
fn blocks(events: &[Value]) -> Value {
    serde_json::to_value(&assistant(&of(events).output, 0).content).unwrap()
}

fn start() -> Value {
    json!({"messageStart": {"role": "assistant", "p": "abc"}})
}

fn delta(index: u64, delta: &Value) -> Value {
    json!({"contentBlockDelta": {"contentBlockIndex": index, "delta": delta, "p": "abcd"}})
}

fn text(index: u64, text: &str) -> Value {
    delta(index, &json!({ "text": text }))
}

fn call(index: u64, id: &str) -> Value {
    json!({"contentBlockStart": {"contentBlockIndex": index, "start": {"toolUse": {"toolUseId": id, "name": "add"}}}})
}

fn input(index: u64, piece: &str) -> Value {
    delta(index, &json!({"toolUse": {"input": piece}}))
}

#[test]
fn thoughts_texts_and_calls_are_assembled_by_index() {
    let events = [
        start(),
        delta(0, &json!({"reasoningContent": {"text": "Multi"}})),
        text(1, "Let me "),
        call(3, "t3"),
        call(2, "t2"),
        delta(0, &json!({"reasoningContent": {"text": "ply."}})),
        delta(0, &json!({"reasoningContent": {"signature": "si"}})),
        delta(0, &json!({"reasoningContent": {"signature": "g"}})),
        input(2, "{\"x\": "),
        text(1, "see."),
        input(3, "{}"),
        input(2, "2}"),
        json!({"contentBlockStop": {"contentBlockIndex": 2}}),
        json!({"messageStop": {"stopReason": "tool_use"}}),
        json!({"metadata": {"usage": {"inputTokens": 8, "outputTokens": 3, "cacheReadInputTokens": 5},
            "metrics": {"latencyMs": 328}}}),
    ];
    let log = of(&events);
    assert_eq!(
        blocks(&events),
        json!([
            {"type": "thinking", "thinking": "Multiply.", "signature": "sig"},
            {"type": "text", "text": "Let me see."},
        ])
    );
    assert_eq!(calls(assistant(&log.output, 0)), [["t2", "add", r#"{"x":2}"#], ["t3", "add", "{}"]]);
    assert_eq!((log.provider.as_str(), log.api_type.as_deref()), ("amazon.bedrock", Some("converse")));
    assert_eq!((log.input_tokens, log.output_tokens), (Some(8), Some(3)));
    assert_eq!(log.metadata["finish_reason"], "tool_calls");
    assert_eq!(log.metadata["cached_tokens"], "5");
    assert_eq!(log.metadata["provider_latency_ms"], "328");
}

#[test]
fn redacted_thoughts_citations_and_images_are_assembled() {
    let events = [
        start(),
        delta(0, &json!({"reasoningContent": {"redactedContent": [102]}})),
        delta(0, &json!({"reasoningContent": {"redactedContent": [111]}})),
        text(1, "Blue"),
        delta(1, &json!({"citation": {"title": "A", "location": {"web": {"url": "https://a"}}}})),
        json!({"contentBlockStart": {"contentBlockIndex": 2, "start": {"image": {"format": "png"}}}}),
        delta(2, &json!({"image": {"source": {"bytes": "AA"}}})),
        delta(2, &json!({"image": {"source": {"bytes": "BB"}}})),
    ];
    assert_eq!(
        blocks(&events),
        json!([
            {"type": "thinking", "thinking": "", "signature": "Zm8="},
            {"type": "text", "text": "Blue", "annotations": [
                {"type": "url_citation", "title": "A", "url": "https://a", "start_index": 0, "end_index": 4}]},
            {"type": "image_url", "image_url": {"url": "data:image/png;base64,AABB"}},
        ])
    );
}

#[test]
fn bedrock_tool_result_becomes_a_separate_message() {
    let log = of(&[
        start(),
        json!({"contentBlockStart": {"contentBlockIndex": 0, "start":
            {"toolResult": {"toolUseId": "s1", "type": "nova_grounding_result"}}}}),
        delta(0, &json!({"toolResult": [{"text": "fo"}]})),
        delta(0, &json!({"toolResult": [{"json": {"found": 1}}]})),
        text(1, "So."),
    ]);
    assert_eq!(said(&log.output), lines([("tool", "fo{\n  \"found\": 1\n}"), ("assistant", "So.")]));
}

#[test]
fn exception_event_fails_request_and_keeps_received_content() {
    for (name, kind) in [
        ("throttlingException", ErrorType::ProviderRateLimit),
        ("modelTimeoutException", ErrorType::ProviderTimeout),
        ("modelStreamErrorException", ErrorType::ProviderError),
        ("internalServerException", ErrorType::ProviderError),
    ] {
        let log = of(&[start(), text(0, "So"), json!({name: {"message": "Too many tokens."}})]);
        assert_eq!((log.status, log.error_type), (RequestStatus::Error, Some(kind)), "{name}");
        assert_eq!((log.error_message(), log.output.text().as_str()), (Some("Too many tokens."), "So"));
        let log = of(&[json!({name: {}})]);
        assert_eq!((log.status, log.error_message()), (RequestStatus::Error, Some(name)));
    }
}

#[test]
fn interrupted_stream_keeps_received_content() {
    let log = of(&[call(0, "t0"), input(0, "{\"x\": ")]);
    assert_eq!(calls(assistant(&log.output, 0)), [["t0", "add", "{\"x\": "]]);
    assert_eq!(log.metadata.get("finish_reason"), None);
    let log = of(&[input(0, "{}"), text(1, "So")]);
    assert_eq!((calls(assistant(&log.output, 0)), log.output.text().as_str()), (vec![["", "", "{}"]], "So"));
    assert!(assistant(&of(&[start()]).output, 0).content.is_empty());
}

#[test]
fn unknown_events_types_and_indexes_are_ignored() {
    let log = of(&[
        json!("[DONE]"),
        json!(null),
        json!({"telemetry": {}}),
        json!({"messageStart": 7}),
        start(),
        text(1_000_000_000_000, "last"),
        text(0, "first "),
        delta(0, &json!({"text": 7})),
        delta(0, &json!({"hologram": {}})),
        delta(7, &json!({})),
        delta(8, &json!("x")),
        delta(0, &json!({"reasoningContent": 7, "text": null})),
        json!({"contentBlockDelta": {"delta": {"text": "lost"}}}),
        json!({"contentBlockStart": []}),
        json!({"messageStop": {"stopReason": null}}),
        json!({"metadata": {"usage": "none"}}),
    ]);
    assert_eq!(log.output.text(), "first last");
    assert_eq!((log.metadata.get("finish_reason"), log.input_tokens), (None, None));
}

#[test]
fn ambiguous_events_are_not_a_bedrock_stream() {
    for event in [
        json!({"metadata": {"user": "u-1"}}),
        json!({"messageStart": {}}),
        json!({"contentBlockDelta": {"delta": {"text": "x"}}}),
        json!({"someException": {"message": "x"}}),
    ] {
        assert_eq!(of(std::slice::from_ref(&event)).api_type, None, "{event}");
    }
}

#[test]
fn call_without_arguments_is_empty_after_block_stop() {
    let over = json!({"contentBlockStop": {"contentBlockIndex": 0}});
    let log = of(&[start(), call(0, "t"), over.clone()]);
    assert_eq!(calls(assistant(&log.output, 0)), [["t", "add", "{}"]]);
    let log = of(&[start(), call(0, "t"), input(0, ""), over]);
    assert_eq!(calls(assistant(&log.output, 0)), [["t", "add", "{}"]]);
    let cut = of(&[start(), call(0, "t")]);
    assert_eq!(calls(assistant(&cut.output, 0)), [["t", "add", ""]], "its arguments did not come");
}
