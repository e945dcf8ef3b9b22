//! Conversion of exchanges with Anthropic and Bedrock that have missing or invalid parts.

use promptlayer_blueprint::LogRequest;
use serde_json::{Map, Value, json};

use super::{arguments, captured, log_of_output, span};
use crate::process::convert::log_request;
use crate::span::finished::{FinishedSpan, Output};

/// Returns all variants of a value in which one part is missing or has another type.
fn broken(value: &Value) -> Vec<Value> {
    let mut all: Vec<Value> =
        vec![json!(null), json!(7), json!("x"), json!([]), json!({}), json!([null]), json!(-1.5)];
    match value {
        Value::Object(fields) => {
            for (name, field) in fields {
                let without: Map<String, Value> = fields
                    .iter()
                    .filter(|(other, _)| *other != name)
                    .map(|(k, v)| (k.clone(), v.clone()))
                    .collect();
                all.push(Value::Object(without));
                all.extend(broken(field).into_iter().map(|field| {
                    let mut with = fields.clone();
                    with.insert(name.clone(), field);
                    Value::Object(with)
                }));
            }
        }
        Value::Array(items) => {
            for (at, item) in items.iter().enumerate() {
                all.push(items[..at].into());
                all.extend(broken(item).into_iter().map(|item| {
                    let mut with = items.clone();
                    with[at] = item;
                    Value::Array(with)
                }));
            }
        }
        _ => {}
    }
    all
}

fn of_request(request: &Value) -> LogRequest {
    let input = Some(arguments([("request", request.clone())]));
    log_request(&FinishedSpan { input, ..span() }, None)
}

fn of_chunks(chunks: &Value) -> LogRequest {
    let chunks = chunks.as_array().map(Vec::as_slice).unwrap_or_default();
    let output = Some(Output::Chunks(chunks.iter().map(captured).collect()));
    log_request(&FinishedSpan { output, ..span() }, None)
}

/// Converts a value and all of its broken variants. Each resulting log must survive a JSON round trip.
fn check(value: &Value, api_type: &str, read: fn(&Value) -> LogRequest) {
    assert_eq!(read(value).api_type.as_deref(), Some(api_type), "{value}");
    let all = broken(value);
    assert!(all.len() > 300, "no more than {}", all.len());
    let mut known = 0;
    for broken in &all {
        let log = read(broken);
        known += usize::from(log.api_type.as_deref() == Some(api_type));
        let written = serde_json::to_string(&log).unwrap();
        assert_eq!(serde_json::from_str::<LogRequest>(&written).unwrap(), log, "{broken}");
    }
    assert!(known > all.len() / 2, "only {known} of {} are known still", all.len());
}

#[test]
fn broken_anthropic_exchange_is_converted() {
    let content = json!([
        {"type": "thinking", "thinking": "Multiply.", "signature": "sig"},
        {"type": "text", "text": "Blue", "citations": [
            {"type": "web_search_result_location", "url": "https://a", "title": "A", "cited_text": "b"},
            {"type": "char_location", "document_index": 2, "document_title": "Rust", "file_id": "f"}]},
        {"type": "tool_use", "id": "t", "name": "add", "input": {"x": 1}},
        {"type": "server_tool_use", "id": "s", "name": "web_search", "input": {"query": "sky"}},
        {"type": "web_search_tool_result", "tool_use_id": "s", "content": [
            {"type": "web_search_result", "url": "https://a", "title": "A", "encrypted_content": "e", "page_age": "1"}]},
        {"type": "code_execution_tool_result", "tool_use_id": "s", "content":
            {"type": "code_execution_result", "stdout": "1", "stderr": "", "return_code": 0, "content": []}},
        {"type": "bash_code_execution_tool_result", "tool_use_id": "s", "content": {"stdout": "1"}},
        {"type": "mcp_tool_use", "id": "m", "name": "route", "server_name": "maps", "input": {}},
        {"type": "mcp_tool_result", "tool_use_id": "m", "is_error": false, "content": [{"type": "text", "text": "x"}]},
    ]);
    let usage = json!({"input_tokens": 3, "output_tokens": 2, "server_tool_use": {"web_search_requests": 1}});
    let reply = json!({"id": "msg_bdrk_1", "type": "message", "role": "assistant", "model": "claude-x",
        "content": content, "stop_reason": "end_turn", "stop_details": {"explanation": "x"}, "usage": usage});
    check(&reply, "messages", log_of_output);
    let document = json!({"type": "document", "title": "T", "context": "C",
        "source": {"type": "base64", "media_type": "application/pdf", "data": "AA"}});
    let image =
        json!({"type": "image", "source": {"type": "base64", "media_type": "image/png", "data": "AA"}});
    let request = json!({
        "model": "claude-x", "max_tokens": 8, "anthropic_version": "vertex-2023-10-16",
        "system": [{"type": "text", "text": "Be brief."}],
        "messages": [
            {"role": "user", "content": [image, document, {"type": "container_upload", "file_id": "f"}]},
            {"role": "assistant", "content": content},
            {"role": "user", "content": [{"type": "tool_result", "tool_use_id": "t", "is_error": true, "content": [image]}]},
        ],
        "tools": [{"name": "add", "input_schema": {"type": "object"}}, {"type": "bash_20250124", "name": "bash"}],
        "tool_choice": {"type": "tool", "name": "add", "disable_parallel_tool_use": true},
    });
    check(&request, "messages", of_request);
}

#[test]
fn broken_anthropic_stream_is_converted() {
    let delta = |delta: Value| json!({"type": "content_block_delta", "index": 0, "delta": delta});
    let chunks = json!([
        {"type": "message_start", "message": {"id": "m", "model": "claude-x", "content": [], "usage": {"input_tokens": 1}}},
        {"type": "content_block_start", "index": 0, "content_block": {"type": "text", "text": "", "citations": null}},
        delta(json!({"type": "text_delta", "text": "So"})),
        delta(json!({"type": "thinking_delta", "thinking": "So"})),
        delta(json!({"type": "signature_delta", "signature": "So"})),
        delta(json!({"type": "citations_delta", "citation": {"type": "char_location", "document_index": 1}})),
        delta(json!({"type": "input_json_delta", "partial_json": "{}"})),
        {"type": "content_block_stop", "index": 0},
        {"type": "message_delta", "delta": {"stop_reason": "end_turn"}, "usage": {"output_tokens": 2}},
        {"type": "error", "error": {"type": "api_error", "message": "x"}},
    ]);
    check(&chunks, "messages", of_chunks);
}

#[test]
fn broken_bedrock_exchange_is_converted() {
    let content = json!([
        {"reasoningContent": {"reasoningText": {"text": "Multiply.", "signature": "sig"}}},
        {"reasoningContent": {"redactedContent": [102]}},
        {"citationsContent": {"content": [{"text": "Blue"}], "citations": [
            {"title": "A", "location": {"web": {"url": "https://a"}}, "sourceContent": [{"text": "x"}]},
            {"title": "B", "location": {"documentChar": {"documentIndex": 1}}}]}},
        {"toolUse": {"toolUseId": "t", "name": "add", "input": {"x": 1}}},
        {"image": {"format": "png", "source": {"bytes": [1, 2]}}},
    ]);
    let reply = json!({
        "output": {"message": {"role": "assistant", "content": content}}, "stopReason": "end_turn",
        "usage": {"inputTokens": 8, "outputTokens": 3}, "metrics": {"latencyMs": 378},
        "serviceTier": {"type": "flex"}, "throttlingException": {"message": "x"},
    });
    check(&reply, "converse", log_of_output);
    let request = json!({
        "modelId": "nova", "system": [{"text": "Be brief."}, {"cachePoint": {"type": "default"}}],
        "messages": [
            {"role": "user", "content": [
                {"document": {"format": "pdf", "name": "R", "context": "C", "source": {"s3Location": {"uri": "s3://a"}}}},
                {"guardContent": {"text": {"text": "x"}}}]},
            {"role": "assistant", "content": content},
            {"role": "user", "content": [{"toolResult": {"toolUseId": "t", "status": "error", "content": [{"json": {"x": 1}}]}}]},
        ],
        "toolConfig": {"tools": [{"toolSpec": {"name": "add", "inputSchema": {"json": {"type": "object"}}}}],
            "toolChoice": {"tool": {"name": "add"}}},
        "inferenceConfig": {"maxTokens": 8},
    });
    assert_eq!(of_request(&request).api_type.as_deref(), Some("converse"));
    for broken in broken(&request) {
        let log = of_request(&broken);
        let written = serde_json::to_string(&log).unwrap();
        assert_eq!(serde_json::from_str::<LogRequest>(&written).unwrap(), log, "{broken}");
    }
}

#[test]
fn broken_bedrock_stream_is_converted() {
    let delta = |delta: Value| json!({"contentBlockDelta": {"contentBlockIndex": 0, "delta": delta}});
    let chunks = json!([
        {"messageStart": {"role": "assistant"}},
        {"contentBlockStart": {"contentBlockIndex": 1, "start": {"toolUse": {"toolUseId": "t", "name": "add"}}}},
        {"contentBlockDelta": {"contentBlockIndex": 1, "delta": {"toolUse": {"input": "{}"}}}},
        delta(json!({"text": "So"})),
        delta(json!({"reasoningContent": {"text": "x", "signature": "y"}})),
        delta(json!({"reasoningContent": {"redactedContent": [1]}})),
        delta(json!({"citation": {"title": "A", "location": {"web": {"url": "https://a"}}}})),
        delta(json!({"image": {"source": {"bytes": "AA"}}})),
        delta(json!({"toolResult": [{"text": "x"}]})),
        {"messageStop": {"stopReason": "end_turn"}},
        {"metadata": {"usage": {"inputTokens": 1}, "metrics": {"latencyMs": 1}}},
        {"throttlingException": {"message": "x"}},
    ]);
    check(&chunks, "converse", of_chunks);
}

/// A block of many fragments, and a stream of many blocks.
#[test]
fn long_stream_is_assembled_completely() {
    let piece = |index: usize| json!({"type": "content_block_delta", "index": index, "delta": {"type": "text_delta", "text": "0123456789"}});
    let mut events: Vec<Value> = (0..20_000).map(|_| piece(0)).collect();
    events.extend((1..=20_000).map(piece));
    assert_eq!(of_chunks(&events.into()).output.text().len(), 400_000);
    let piece = |index: usize| json!({"contentBlockDelta": {"contentBlockIndex": index, "delta": {"text": "0123456789"}}});
    let mut events: Vec<Value> = (0..20_000).map(|_| piece(0)).collect();
    events.extend((1..=20_000).map(piece));
    assert_eq!(of_chunks(&events.into()).output.text().len(), 400_000);
}
