//! Responses of OpenAI's Responses API.

use promptlayer_blueprint::{ContentBlock, ErrorType, LogRequest, RequestStatus};
use serde_json::{Value, json};

use super::{assistant, calls, lines, log_of_output, said};

/// Returns the log of a completed response with these items.
fn of(output: &Value) -> LogRequest {
    with(output, json!({}))
}

/// Returns the log of a completed response with these items and fields.
fn with(output: &Value, fields: Value) -> LogRequest {
    let mut reply = json!({
        "id": "resp_1", "object": "response", "status": "completed", "model": "gpt-5.4-2026", "output": output,
        "error": null, "incomplete_details": null, "reasoning": {"effort": null, "summary": null},
    });
    let Value::Object(fields) = fields else { panic!("{fields}") };
    reply.as_object_mut().unwrap().extend(fields);
    log_of_output(&reply)
}

/// Builds a message item with this text.
fn message(text: &str) -> Value {
    json!({"type": "message", "id": "msg_1", "role": "assistant", "status": "completed",
        "content": [{"type": "output_text", "text": text, "annotations": [], "logprobs": []}]})
}

/// Returns the content of the response's single message, serialized.
fn content(log: &LogRequest) -> Value {
    assert_eq!(log.output.messages().len(), 1, "{:?}", log.output);
    serde_json::to_value(&assistant(&log.output, 0).content).unwrap()
}

#[test]
fn reply_supplies_data_missing_in_request() {
    let log = with(&json!([message("Because.")]), json!({"service_tier": "flex"}));
    assert_eq!((log.provider.as_str(), log.model.as_str()), ("openai", "gpt-5.4-2026"));
    assert_eq!(log.api_type.as_deref(), Some("responses"));
    assert_eq!(said(&log.output), lines([("assistant", "Because.")]));
    assert_eq!(log.metadata["response_id"], "resp_1");
    assert_eq!(log.metadata["service_tier"], "flex");
    assert_eq!(log.metadata["finish_reason"], "stop");
    assert_eq!(log.status, RequestStatus::Success);
}

#[test]
fn items_become_one_message_in_order() {
    let log = of(&json!([
        {"type": "reasoning", "id": "rs_1", "summary": [{"type": "summary_text", "text": "Hm."}],
         "encrypted_content": "opaque"},
        message("One"),
        {"type": "function_call", "id": "fc_1", "call_id": "call_1", "name": "weather", "arguments": "{}"},
        message("Two"),
        {"type": "custom_tool_call", "id": "ctc_1", "call_id": "call_2", "name": "sql", "input": "select 1"},
    ]));
    assert_eq!(log.output.messages().len(), 1);
    let message = assistant(&log.output, 0);
    let thought = json!({"type": "thinking", "thinking": "Hm.", "signature": "opaque", "id": "rs_1"});
    assert_eq!(serde_json::to_value(&message.content[0]).unwrap(), thought);
    assert_eq!(
        message.content[1..].iter().filter_map(ContentBlock::text).collect::<Vec<_>>(),
        ["One", "Two"]
    );
    assert_eq!(calls(message), [["call_1", "weather", "{}"], ["call_2", "sql", "select 1"]]);
    assert_eq!(log.metadata["finish_reason"], "tool_calls");
    assert_eq!(log.metadata["provider_finish_reason"], "completed");
}

#[test]
fn reply_with_only_calls_has_no_content() {
    let log = of(&json!([
        {"type": "reasoning", "id": "rs_1", "summary": []},
        {"type": "function_call", "id": "fc_1", "call_id": "call_1", "name": "weather", "arguments": "{}"},
    ]));
    assert!(assistant(&log.output, 0).content.is_empty(), "{:?}", log.output);
    assert_eq!(calls(assistant(&log.output, 0)), [["call_1", "weather", "{}"]]);
}

#[test]
fn thought_is_read_from_summary_content_or_encrypted_data() {
    let thoughts = |item: Value| content(&of(&json!([item])));
    assert_eq!(
        thoughts(
            json!({"type": "reasoning", "summary": [{"type": "summary_text", "text": "a"}], "content": [
            {"type": "reasoning_text", "text": "b"}]})
        ),
        json!([{"type": "thinking", "thinking": "a\n\nb"}])
    );
    assert_eq!(
        thoughts(json!({"type": "reasoning", "id": "rs_1", "summary": [], "encrypted_content": "opaque"})),
        json!([{"type": "thinking", "thinking": "", "signature": "opaque", "id": "rs_1"}])
    );
    assert_eq!(thoughts(json!({"type": "reasoning", "id": "rs_1", "summary": null})), json!([]));
}

#[test]
fn text_keeps_its_citations() {
    let log = of(&json!([{"type": "message", "id": "msg_1", "role": "assistant", "content": [
        {"type": "output_text", "text": "So.", "annotations": [
            {"type": "url_citation", "url": "https://example.org", "title": "Example", "start_index": 0, "end_index": 2},
            {"type": "url_citation", "url": "https://example.org/2"},
            {"type": "file_citation", "index": 1, "file_id": "file-1", "filename": "a.pdf"},
            {"type": "file_path", "index": 2, "file_id": "file-2"},
            {"type": "container_file_citation", "container_id": "cntr_1", "file_id": "cfile_1",
             "filename": "b.png", "start_index": 0, "end_index": 1},
            {"type": "hologram_citation", "depth": 3},
        ]},
    ]}]));
    let content = content(&log);
    assert_eq!(
        content[0],
        json!({"type": "text", "text": "So.", "id": "msg_1", "annotations": [
            {"type": "url_citation", "url": "https://example.org", "title": "Example", "start_index": 0, "end_index": 2},
            {"type": "url_citation", "url": "https://example.org/2", "title": "", "start_index": 0, "end_index": 0},
            {"type": "file_citation", "index": 1, "file_id": "file-1", "filename": "a.pdf"},
            {"type": "file_citation", "index": 2, "file_id": "file-2", "filename": ""},
            {"type": "container_file_citation", "container_id": "cntr_1", "file_id": "cfile_1",
             "filename": "b.png", "start_index": 0, "end_index": 1},
        ]})
    );
    let other: Value = serde_json::from_str(content[1]["text"].as_str().unwrap()).unwrap();
    assert_eq!(other, json!({"type": "hologram_citation", "depth": 3}));
}

#[test]
fn refusal_becomes_text_and_a_warning() {
    let log = of(&json!([{"type": "message", "role": "assistant", "content": [
        {"type": "refusal", "refusal": "I cannot help with that."}]}]));
    assert_eq!(said(&log.output), lines([("assistant", "I cannot help with that.")]));
    assert_eq!(log.metadata["finish_reason"], "refusal");
    assert_eq!(log.metadata["provider_finish_reason"], "completed");
    assert_eq!(
        (log.status, log.error_type),
        (RequestStatus::Warning, Some(ErrorType::ProviderPartialResponse))
    );
}

#[test]
fn provider_tool_items_become_specific_blocks() {
    let cases = [
        (
            json!({"type": "web_search_call", "id": "ws_1", "status": "completed",
                "action": {"type": "search", "query": "toasters", "queries": null}}),
            json!([{"type": "server_tool_use", "id": "ws_1", "name": "web_search",
                "input": {"type": "search", "query": "toasters"}}]),
        ),
        (
            json!({"type": "web_search_call", "id": "ws_1", "action": {"type": "search", "query": "toasters",
                "sources": [{"type": "url", "url": "https://example.org"}]}}),
            json!([
                {"type": "server_tool_use", "id": "ws_1", "name": "web_search",
                 "input": {"type": "search", "query": "toasters"}},
                {"type": "web_search_tool_result", "tool_use_id": "ws_1",
                 "content": [{"type": "web_search_result", "url": "https://example.org"}]},
            ]),
        ),
        (
            json!({"type": "web_search_call", "id": "ws_1", "action": {"type": "search",
                "sources": [{"type": "url", "url": "https://example.org"}, {"type": "api", "name": "oai-weather"}]}}),
            json!([{"type": "server_tool_use", "id": "ws_1", "name": "web_search", "input": {"type": "search",
                "sources": [{"type": "url", "url": "https://example.org"}, {"type": "api", "name": "oai-weather"}]}}]),
        ),
        (
            json!({"type": "file_search_call", "id": "fs_1", "status": "completed", "queries": ["a"],
                "results": [{"file_id": "file-1", "score": 0.5}]}),
            json!([{"type": "server_tool_use", "id": "fs_1", "name": "file_search",
                "input": {"queries": ["a"], "results": [{"file_id": "file-1", "score": 0.5}]}}]),
        ),
        (
            json!({"type": "code_interpreter_call", "id": "ci_1", "status": "completed", "code": "print(1)",
                "container_id": "cntr_1", "outputs": [{"type": "logs", "logs": "1\n"},
                {"type": "image", "url": "https://example.org/plot.png"}]}),
            json!([
                {"type": "code", "code": "print(1)", "id": "ci_1", "container_id": "cntr_1"},
                {"type": "code_execution_result", "output": "1\n"},
                {"type": "output_media", "url": "https://example.org/plot.png", "media_type": "image"},
            ]),
        ),
        (
            json!({"type": "code_interpreter_call", "id": "ci_1", "status": "failed", "code": "1/0",
                "container_id": "cntr_1", "outputs": [{"type": "logs", "logs": "ZeroDivisionError"}]}),
            json!([
                {"type": "code", "code": "1/0", "id": "ci_1", "container_id": "cntr_1"},
                {"type": "code_execution_result", "output": "ZeroDivisionError", "outcome": "OUTCOME_FAILED"},
            ]),
        ),
        (
            json!({"type": "image_generation_call", "id": "ig_1", "status": "completed", "result": "AAAA",
                "output_format": "webp", "revised_prompt": "A red toaster"}),
            json!([{"type": "output_media", "id": "ig_1", "url": "data:image/webp;base64,AAAA",
                "mime_type": "image/webp", "media_type": "image",
                "provider_metadata": {"output_format": "webp", "revised_prompt": "A red toaster"}}]),
        ),
        (
            json!({"type": "image_generation_call", "id": "ig_1", "status": "failed", "result": null}),
            json!([{"type": "server_tool_use", "id": "ig_1", "name": "image_generation"}]),
        ),
        (
            json!({"type": "x_search_call", "id": "xs_1", "status": "completed", "query": "toasters"}),
            json!([{"type": "server_tool_use", "id": "xs_1", "name": "x_search", "input": {"query": "toasters"}}]),
        ),
    ];
    for (item, expected) in cases {
        assert_eq!(content(&of(&json!([item]))), expected, "{item}");
    }
}

#[test]
fn mcp_shell_and_patch_items_are_kept_unchanged() {
    for item in [
        json!({"type": "mcp_list_tools", "id": "mcpl_1", "server_label": "dice", "tools": [{"name": "roll"}]}),
        json!({"type": "mcp_list_tools", "id": "mcpl_1", "server_label": "dice", "error": "unreachable"}),
        json!({"type": "mcp_call", "id": "mcp_1", "name": "roll", "server_label": "dice", "arguments": "{}",
            "output": "4"}),
        json!({"type": "mcp_call", "id": "mcp_1", "name": "roll", "server_label": "dice", "arguments": "{}",
            "error": {"type": "http_error", "code": 500}, "approval_request_id": "mcpr_1"}),
        json!({"type": "mcp_approval_request", "id": "mcpr_1", "name": "roll", "server_label": "dice",
            "arguments": "{}"}),
        json!({"type": "shell_call", "id": "sh_1", "call_id": "call_1", "action": {"commands": ["ls"]},
            "status": "completed"}),
        json!({"type": "shell_call_output", "id": "sho_1", "call_id": "call_1", "status": "completed",
            "output": [{"stdout": "a", "stderr": "", "outcome": {"type": "exit", "exit_code": 0}}]}),
        json!({"type": "apply_patch_call", "id": "apc_1", "call_id": "call_2", "status": "completed",
            "operation": {"type": "create_file", "path": "a", "diff": "+a"}}),
        json!({"type": "apply_patch_call_output", "id": "apo_1", "call_id": "call_2", "output": "done",
            "status": "completed"}),
    ] {
        // As written by client types that serialize all fields.
        let mut told = item.clone();
        let fields = told.as_object_mut().unwrap();
        for field in fields.values_mut() {
            let within = match field {
                Value::Array(list) => &mut list[0],
                field => field,
            };
            if let Some(object) = within.as_object_mut() {
                object.insert("absent".to_owned(), Value::Null);
            }
        }
        for absent in ["created_by", "error", "output", "approval_request_id"] {
            fields.entry(absent).or_insert(Value::Null);
        }
        assert_eq!(content(&of(&json!([told]))), json!([item]));
    }
}

#[test]
fn unknown_item_is_kept_whole() {
    for item in [
        json!({"type": "compaction", "id": "cmp_1", "encrypted_content": "opaque"}),
        json!({"type": "hologram", "depth": 3}),
        json!({"type": "mcp_call", "name": 7}),
        json!(7),
    ] {
        let log = of(&json!([item]));
        let text = content(&log)[0]["text"].as_str().unwrap().to_owned();
        assert_eq!(serde_json::from_str::<Value>(&text).unwrap(), item);
    }
}

#[test]
fn only_calls_of_application_tools_wait_for_results() {
    let reason = |item: Value| of(&json!([item])).metadata["finish_reason"].clone();
    for kind in
        ["function_call", "custom_tool_call", "computer_call", "apply_patch_call", "mcp_approval_request"]
    {
        assert_eq!(reason(json!({"type": kind, "call_id": "call_1", "name": "n"})), "tool_calls", "{kind}");
    }
    assert_eq!(reason(json!({"type": "shell_call", "environment": {"type": "local"}})), "tool_calls");
    assert_eq!(reason(json!({"type": "shell_call", "environment": {"type": "container_reference"}})), "stop");
    assert_eq!(reason(json!({"type": "web_search_call", "id": "ws_1"})), "stop");
}

#[test]
fn incomplete_reply_reports_the_reason() {
    for (reason, normalized) in [("max_output_tokens", "length"), ("content_filter", "content_filter")] {
        let log = with(
            &json!([message("The answ")]),
            json!({"status": "incomplete", "incomplete_details": {"reason": reason}}),
        );
        assert_eq!(log.metadata["finish_reason"], normalized);
        assert_eq!(log.output.text(), "The answ");
        assert_eq!(
            (log.status, log.error_type),
            (RequestStatus::Warning, Some(ErrorType::ProviderPartialResponse)),
            "{reason}"
        );
    }
    let untold = with(&json!([message("The answ")]), json!({"status": "incomplete"}));
    assert_eq!(untold.metadata["finish_reason"], "length");
}

#[test]
fn failed_reply_fails_request_and_keeps_content() {
    let log = with(
        &json!([message("The answ")]),
        json!({"status": "failed", "error": {"code": "rate_limit_exceeded", "message": "Slow down"}}),
    );
    assert_eq!((log.status, log.error_type), (RequestStatus::Error, Some(ErrorType::ProviderRateLimit)));
    assert_eq!(log.error_message(), Some("Slow down"));
    assert_eq!(log.output.text(), "The answ");
    let cancelled = with(&json!([]), json!({"status": "cancelled"}));
    assert_eq!((cancelled.status, cancelled.output.messages().len()), (RequestStatus::Error, 0));
    assert_eq!(with(&json!([]), json!({"status": "queued"})).status, RequestStatus::Success);
}

#[test]
fn usage_is_kept_as_reported() {
    let log = with(
        &json!([message("So.")]),
        json!({"usage": {"input_tokens": 14, "input_tokens_details": {"cached_tokens": 8, "cache_write_tokens": 3},
            "output_tokens": 5, "output_tokens_details": {"reasoning_tokens": 4}, "total_tokens": 19},
            "tool_usage": {"image_gen": {"input_tokens": 2, "output_tokens": 0}, "web_search": {"num_requests": 1}}}),
    );
    assert_eq!((log.input_tokens, log.output_tokens, log.price), (Some(14), Some(5), None));
    let told: Vec<Option<&str>> = [
        "cached_tokens",
        "cache_creation_tokens",
        "reasoning_tokens",
        "image_generation_input_tokens",
        "image_generation_output_tokens",
        "web_search_requests",
    ]
    .into_iter()
    .map(|key| log.metadata.get(key).map(String::as_str))
    .collect();
    assert_eq!(told, [Some("8"), Some("3"), Some("4"), Some("2"), None, Some("1")]);

    for none in
        [json!(null), json!({"input_tokens": null}), json!({"input_tokens": -1, "output_tokens": "5"})]
    {
        let log = with(&json!([message("So.")]), json!({ "usage": none }));
        assert_eq!((log.input_tokens, log.output_tokens), (None, None), "{none}");
    }
}

#[test]
fn reported_cost_becomes_the_price() {
    let priced = |usage: Value| {
        let log = with(&json!([message("So.")]), json!({ "usage": usage }));
        (log.provider, log.price)
    };
    // Only xAI reports ticks: 10^10 ticks are one US dollar.
    assert_eq!(priced(json!({"cost_in_usd_ticks": 14_115_500})), ("xai".to_owned(), Some(0.001_411_55)));
    assert_eq!(priced(json!({"cost": 0.25})), ("openai".to_owned(), Some(0.25)));
    assert_eq!(priced(json!({"cost": {"currency": "USD", "total_cost": 0.5}})).1, Some(0.5));
    assert_eq!(priced(json!({"cost": {"currency": "EUR", "total_cost": 0.5}})).1, None);
    assert_eq!(priced(json!({"cost": null})).1, None);
}

#[test]
fn text_beside_the_items_is_not_duplicated() {
    let log = with(&json!([message("OK")]), json!({"output_text": "OK", "reasoning": "\n\n"}));
    assert_eq!(content(&log), json!([{"type": "text", "text": "OK", "id": "msg_1"}]));
    let log = with(&json!([]), json!({"output_text": "OK", "reasoning": "Say OK."}));
    assert_eq!(
        content(&log),
        json!([{"type": "thinking", "thinking": "Say OK."}, {"type": "text", "text": "OK"}])
    );
}

#[test]
fn reply_without_object_field_is_detected() {
    let nameless = json!({"status": "completed", "output": [message("So.")]});
    assert_eq!(log_of_output(&nameless).api_type.as_deref(), Some("responses"));
    for other in [
        json!({"output": [message("So.")]}),
        json!({"status": "completed", "output": ["https://example.org/a.png"]}),
        json!({"status": "succeeded", "output": [message("So.")]}),
        json!({"object": "response.compaction", "status": "completed", "output": []}),
        json!({"object": "response"}),
        json!({"object": "response", "output": "text"}),
    ] {
        assert_eq!(log_of_output(&other).api_type, None, "{other}");
    }
}

#[test]
fn malformed_replies_do_not_panic() {
    let whole = json!({
        "id": "resp_1", "object": "response", "status": "completed", "model": "m",
        "output": [message("So."), {"type": "reasoning", "summary": [{"type": "summary_text", "text": "a"}]},
            {"type": "function_call", "call_id": "call_1", "name": "n", "arguments": "{}"},
            {"type": "web_search_call", "action": {"sources": [{"url": "u"}]}},
            {"type": "code_interpreter_call", "code": "1", "outputs": [{"type": "logs", "logs": "1"}]},
            {"type": "shell_call", "action": {"commands": ["ls"]}, "environment": {"type": "local"}}],
        "usage": {"input_tokens": 1, "input_tokens_details": {"cached_tokens": 1}, "cost": {"total_cost": 1}},
        "error": {"code": "c", "message": "m"}, "incomplete_details": {"reason": "r"},
    });
    for odd in [json!(null), json!(7), json!("x"), json!([]), json!([[]]), json!({}), json!({"type": 7})] {
        super::responses_chunks::each_changed(&whole, &odd, &mut |changed| {
            log_of_output(changed);
        });
    }
}
