//! Responses of Anthropic's Messages API.

use promptlayer_blueprint::{ErrorType, LogRequest, RequestStatus};
use serde_json::{Value, json};

use super::{assistant, calls, lines, log_of, log_of_output, said};

/// Builds a response with this content.
fn reply(content: &Value) -> Value {
    json!({
        "id": "msg_1", "type": "message", "role": "assistant", "model": "claude-x", "content": content,
        "stop_reason": "end_turn", "stop_sequence": null, "usage": {"input_tokens": 3, "output_tokens": 2},
    })
}

/// Returns the blocks of a response with this content.
fn blocks(content: &Value) -> Value {
    serde_json::to_value(&assistant(&log_of_output(&reply(content)).output, 0).content).unwrap()
}

/// Returns the log of a response in which these fields are replaced.
fn with(fields: &Value) -> LogRequest {
    let mut reply = reply(&json!([{"type": "text", "text": "So."}]));
    reply.as_object_mut().unwrap().extend(fields.as_object().unwrap().clone());
    log_of_output(&reply)
}

#[test]
fn reply_keeps_model_text_calls_and_id() {
    let log = log_of_output(&reply(&json!([
        {"type": "thinking", "thinking": "Multiply.", "signature": "sig"},
        {"type": "text", "text": "Let me see."},
        {"type": "tool_use", "id": "toolu_1", "name": "multiply", "input": {"a": 17}, "caller": {"type": "direct"}},
    ])));
    assert_eq!((log.provider.as_str(), log.model.as_str()), ("anthropic", "claude-x"));
    assert_eq!(log.api_type.as_deref(), Some("messages"));
    assert_eq!(said(&log.output), lines([("assistant", "Let me see.")]));
    assert_eq!(calls(assistant(&log.output, 0)), [["toolu_1", "multiply", r#"{"a":17}"#]]);
    assert_eq!(log.metadata["response_id"], "msg_1");
    assert_eq!((log.input_tokens, log.output_tokens), (Some(3), Some(2)));
}

#[test]
fn reply_with_only_calls_has_no_content() {
    let call = json!({"type": "tool_use", "id": "t", "name": "now", "input": {}});
    assert_eq!(blocks(&json!([{"type": "text", "text": ""}, call])), json!([]));
    assert_eq!(blocks(&json!([])), json!([]));
}

#[test]
fn citations_become_annotations_of_the_whole_text() {
    let text = "Bläu.";
    let read = blocks(&json!([{"type": "text", "text": text, "citations": [
        {"type": "web_search_result_location", "url": "https://a", "title": "A", "cited_text": "blue",
         "encrypted_index": "e"},
        {"type": "search_result_location", "source": "kb-7", "title": null, "cited_text": "sky",
         "search_result_index": 0, "start_block_index": 0, "end_block_index": 1},
        {"type": "char_location", "document_index": 2, "document_title": "Rust", "cited_text": "x",
         "start_char_index": 0, "end_char_index": 1, "file_id": "file_1"},
        {"type": "page_location", "document_index": 0, "document_title": null, "cited_text": "x"},
    ]}]));
    assert_eq!(
        read,
        json!([{"type": "text", "text": text, "annotations": [
            {"type": "url_citation", "url": "https://a", "title": "A", "start_index": 0, "end_index": 5,
             "cited_text": "blue", "encrypted_index": "e"},
            {"type": "url_citation", "url": "kb-7", "title": "", "start_index": 0, "end_index": 5,
             "cited_text": "sky"},
            {"type": "file_citation", "index": 2, "file_id": "file_1", "filename": "Rust"},
            {"type": "file_citation", "index": 0, "file_id": "", "filename": ""},
        ]}])
    );
}

#[test]
fn web_search_becomes_call_and_pages_or_error_code() {
    let page = json!({"type": "web_search_result", "url": "https://a", "title": "A", "encrypted_content": "e",
        "page_age": null});
    let call = json!({"type": "server_tool_use", "id": "s", "name": "web_search", "input": {"query": "sky"}});
    let found = json!({"type": "web_search_tool_result", "tool_use_id": "s", "content": [page]});
    let failed = json!({"type": "web_search_tool_result", "tool_use_id": "s",
        "content": {"type": "web_search_tool_result_error", "error_code": "max_uses_exceeded"}});
    let read = blocks(&json!([call, found, failed]));
    assert_eq!(read[0], call);
    assert_eq!(
        read[1],
        json!({"type": "web_search_tool_result", "tool_use_id": "s", "content": [
            {"type": "web_search_result", "url": "https://a", "title": "A", "encrypted_content": "e"},
        ]})
    );
    assert_eq!(
        read[2],
        json!({"type": "web_search_tool_result", "tool_use_id": "s", "content": [
            {"type": "web_search_result", "title": "max_uses_exceeded"},
        ]})
    );
}

#[test]
fn fetched_page_becomes_result_with_its_document() {
    let document = json!({"type": "document", "title": "A",
        "source": {"type": "text", "media_type": "text/plain", "data": "The sky is blue."}});
    let result =
        |content: Value| json!({"type": "web_fetch_tool_result", "tool_use_id": "f", "content": content});
    let page = |page: Value| json!({"type": "web_search_tool_result", "tool_use_id": "f", "content": [page]});
    let read = blocks(&json!([
        result(
            json!({"type": "web_fetch_result", "url": "https://a", "content": document, "retrieved_at": "2026-01-01T00:00:00Z"})
        ),
        result(json!({"type": "web_fetch_tool_result_error", "error_code": "url_not_accessible"})),
    ]));
    assert_eq!(
        read,
        json!([
            page(json!({"type": "web_search_result", "url": "https://a", "title": "A"})),
            {"type": "media", "media": {"title": "A", "type": "text/plain", "url": "The sky is blue.", "format": "neither"}},
            page(json!({"type": "web_search_result", "title": "url_not_accessible"})),
        ])
    );
}

#[test]
fn code_output_of_every_type_becomes_a_result() {
    let result = |content: Value| json!({"type": "code_execution_tool_result", "tool_use_id": "s", "content": content});
    let ran = |out: &str, err: &str, code: i64| {
        result(
            json!({"type": "code_execution_result", "stdout": out, "stderr": err, "return_code": code, "content": []}),
        )
    };
    let encrypted = |err: &str, code: i64| {
        result(json!({"type": "encrypted_code_execution_result", "encrypted_stdout": "e", "stderr": err,
            "return_code": code, "content": []}))
    };
    let ok =
        |output: &str| json!({"type": "code_execution_result", "output": output, "outcome": "OUTCOME_OK"});
    let failed = |output: &str| json!({"type": "code_execution_result", "output": output, "outcome": "OUTCOME_FAILED"});
    let read = blocks(&json!([
        ran("391\n", "", 0),
        ran("a", "b", 1),
        encrypted("", 0),
        encrypted("no such page", 1),
        result(json!({"type": "code_execution_tool_result_error", "error_code": "unavailable"})),
        result(json!({"type": "code_execution_result", "stdout": "plotted", "stderr": "", "return_code": 0,
            "content": [{"type": "code_execution_output", "file_id": "file_1"}]})),
    ]));
    assert_eq!(
        read,
        json!([
            ok("391\n"), failed("a\nb"), ok(""), failed("no such page"), failed("unavailable"), ok("plotted"),
            {"type": "media", "media": {"type": "application/octet-stream", "url": "file_1", "format": "neither"}},
        ])
    );
}

#[test]
fn results_of_other_provider_tools_are_not_text_of_the_answer() {
    let found = json!({"type": "tool_search_tool_search_result", "tool_references": [{"type": "tool_reference", "tool_name": "add"}]});
    let log = with(&json!({"content": [
        {"type": "server_tool_use", "id": "t", "name": "tool_search_tool_regex", "input": {"query": "add"}},
        {"type": "tool_search_tool_result", "tool_use_id": "t", "content": found},
        {"type": "advisor_tool_result", "tool_use_id": "a", "content": {"type": "advisor_result", "text": "Add them."}},
        {"type": "tool_search_tool_result", "tool_use_id": "t",
         "content": {"type": "tool_search_tool_result_error", "error_code": "unavailable"}},
        {"type": "text", "text": "3"},
    ]}));
    assert_eq!(log.output.text(), "3");
    let content = serde_json::to_value(&assistant(&log.output, 0).content).unwrap();
    let outputs: Vec<&str> = (1..4).map(|at| content[at]["output"].as_str().unwrap()).collect();
    assert_eq!(serde_json::from_str::<Value>(outputs[0]).unwrap(), found);
    assert_eq!(outputs[1..], ["Add them.", "unavailable"]);
    assert_eq!(content[3]["outcome"], "OUTCOME_FAILED");
}

#[test]
fn sandbox_results_keep_the_provider_format() {
    for kind in ["bash_code_execution_tool_result", "text_editor_code_execution_tool_result"] {
        let block = json!({"type": kind, "tool_use_id": "s", "content": {"type": "x", "stdout": "391"}});
        assert_eq!(blocks(&json!([block])), json!([block]));
        let broken = json!({"type": kind, "tool_use_id": "s", "content": "none"});
        assert_eq!(blocks(&json!([broken]))[0]["type"], "text");
    }
}

#[test]
fn mcp_call_contains_its_result() {
    let call = |id: &str| json!({"type": "mcp_tool_use", "id": id, "name": "route", "server_name": "maps", "input": {"to": "Bern"}});
    let result = |id: &str, is_error: bool| {
        json!({"type": "mcp_tool_result", "tool_use_id": id, "is_error": is_error,
            "content": [{"type": "text", "text": "by train"}]})
    };
    let read =
        blocks(&json!([call("a"), call("b"), result("b", true), result("a", false), result("c", false)]));
    let called = |id: &str| json!({"type": "mcp_call", "id": id, "name": "route", "server_label": "maps", "arguments": r#"{"to":"Bern"}"#});
    let (mut a, mut b) = (called("a"), called("b"));
    a["output"] = json!("by train");
    b["error"] = json!("by train");
    assert_eq!(read, json!([a, b, {"type": "mcp_call", "id": "c", "output": "by train"}]));
}

#[test]
fn usage_is_unchanged_and_other_counts_become_metadata() {
    let log = with(&json!({"usage": {
        "input_tokens": 10, "output_tokens": 13, "cache_read_input_tokens": 5, "cache_creation_input_tokens": 1670,
        "cache_creation": {"ephemeral_5m_input_tokens": 67, "ephemeral_1h_input_tokens": 1603},
        "output_tokens_details": {"thinking_tokens": 7}, "service_tier": "priority",
        "server_tool_use": {"web_search_requests": 2, "web_fetch_requests": 0},
    }}));
    assert_eq!((log.input_tokens, log.output_tokens), (Some(10), Some(13)));
    let expected = [
        ("cached_tokens", "5"),
        ("cache_creation_tokens", "1670"),
        ("cache_creation_1h_tokens", "1603"),
        ("reasoning_tokens", "7"),
        ("web_search_requests", "2"),
        ("service_tier", "priority"),
    ];
    for (key, value) in expected {
        assert_eq!(log.metadata.get(key).map(String::as_str), Some(value), "{key}");
    }
    assert!(!log.metadata.contains_key("web_fetch_requests"), "nothing is said of what there was none of");
}

#[test]
fn stop_reason_is_normalized_and_original_is_kept() {
    let cases = [
        ("end_turn", "stop", RequestStatus::Success),
        ("stop_sequence", "stop", RequestStatus::Success),
        ("tool_use", "tool_calls", RequestStatus::Success),
        ("pause_turn", "pause", RequestStatus::Success),
        ("max_tokens", "length", RequestStatus::Warning),
        ("model_context_window_exceeded", "length", RequestStatus::Warning),
        ("refusal", "refusal", RequestStatus::Warning),
    ];
    for (word, reason, status) in cases {
        let log = with(&json!({ "stop_reason": word }));
        assert_eq!((log.metadata["finish_reason"].as_str(), log.status), (reason, status), "{word}");
        let own = log.metadata.get("provider_finish_reason").map(String::as_str);
        assert_eq!(own, (word != reason).then_some(word));
    }
}

#[test]
fn refusal_and_stop_sequence_details_become_metadata() {
    let log = with(&json!({
        "stop_reason": "refusal", "stop_details": {"type": "refusal", "category": "bio", "explanation": "Harm."},
    }));
    assert_eq!(log.metadata["refusal_category"], "bio");
    assert_eq!(log.metadata["refusal_explanation"], "Harm.");
    let log = with(&json!({"stop_reason": "stop_sequence", "stop_sequence": "###"}));
    assert_eq!(log.metadata["stop_sequence"], "###");
}

#[test]
fn id_prefix_identifies_bedrock_and_vertex() {
    for (id, provider) in [
        ("msg_bdrk_1", "amazon.bedrock"),
        ("msg_vrtx_1", "vertexai"),
        ("msg_01", "anthropic"),
        ("7", "anthropic"),
    ] {
        assert_eq!(with(&json!({ "id": id })).provider, provider);
    }
}

#[test]
fn openrouter_is_identified_and_its_price_is_read() {
    let usage = json!({"input_tokens": 3, "output_tokens": 2, "cost": 0.25, "is_byok": false,
        "cost_details": {"upstream_inference_cost": 0.5}});
    let log = with(&json!({"id": "msg_bdrk_1", "provider": "Amazon Bedrock", "usage": usage}));
    assert_eq!((log.provider.as_str(), log.price), ("openrouter", Some(0.25)));
    let mut own_key = usage.clone();
    own_key["is_byok"] = json!(true);
    assert_eq!(with(&json!({"provider": "Anthropic", "usage": own_key})).price, Some(0.75));
    let negative = json!({"input_tokens": 3, "cost": -1.0});
    assert_eq!(with(&json!({"provider": "Anthropic", "usage": negative})).price, None);
    // The unit of another server's cost is unknown.
    let log = with(&json!({"usage": {"input_tokens": 3, "output_tokens": 2, "cost": 0.25}}));
    assert_eq!((log.provider.as_str(), log.price), ("anthropic", None));
}

#[test]
fn error_response_is_a_failed_request_of_its_kind() {
    let request =
        json!({"model": "claude-x", "max_tokens": 8, "messages": [{"role": "user", "content": "why?"}]});
    for (kind, expected) in [
        ("rate_limit_error", ErrorType::ProviderRateLimit),
        ("authentication_error", ErrorType::ProviderAuthError),
        ("overloaded_error", ErrorType::ProviderError),
        ("invalid_request_error", ErrorType::ProviderError),
        ("billing_error", ErrorType::ProviderQuotaLimit),
        ("timeout_error", ErrorType::ProviderTimeout),
    ] {
        let reply =
            json!({"type": "error", "request_id": "req_1", "error": {"type": kind, "message": "No."}});
        let log = log_of(&request, &reply);
        assert_eq!((log.status, log.error_type), (RequestStatus::Error, Some(expected)), "{kind}");
        assert_eq!((log.error_message(), log.output.messages().len()), (Some("No."), 0));
        assert_eq!(log.api_type.as_deref(), Some("messages"));
    }
}

#[test]
fn reply_is_detected_without_type_but_not_by_type_alone() {
    let mut bare = reply(&json!([{"type": "text", "text": "So."}]));
    bare.as_object_mut().unwrap().remove("type");
    assert_eq!(log_of_output(&bare).api_type.as_deref(), Some("messages"));
    let others = [
        json!({"type": "message", "id": "msg_1", "role": "assistant", "status": "completed",
            "content": [{"type": "output_text", "text": "So."}]}),
        json!({"role": "assistant", "content": "So.", "stop_reason": "end_turn"}),
        json!({"type": "message", "role": "user", "content": [], "stop_reason": null}),
        json!({"type": "event", "role": "assistant", "content": [], "stop_reason": null}),
    ];
    for other in others {
        assert_ne!(log_of_output(&other).api_type.as_deref(), Some("messages"), "{other}");
    }
}

#[test]
fn reply_with_wrong_types_is_converted() {
    let log = with(&json!({
        "usage": {"input_tokens": "3", "output_tokens": -1, "server_tool_use": 7}, "stop_reason": 7, "model": null,
        "content": [null, 7, "So.", {"type": "text"}, {"type": "server_tool_use", "input": "half"}, []],
    }));
    assert_eq!((log.input_tokens, log.output_tokens, log.model.as_str()), (None, None, "unknown"));
    assert_eq!(log.metadata.get("finish_reason"), None);
    let text = log.output.text();
    assert!(text.contains("So.") && text.contains("\"half\"") && text.contains('7'), "{text}");
}
