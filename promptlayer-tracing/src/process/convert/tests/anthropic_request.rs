//! Requests of Anthropic's Messages API.

use promptlayer_blueprint::{LogRequest, Tool, ToolChoice};
use serde_json::{Value, json};

use super::{arguments, assistant, calls, chat, lines, log_of_input, said};

/// Returns the log of a request with these fields, a model, a token limit and one message.
fn with(fields: Value) -> LogRequest {
    let mut request = json!({
        "model": "claude-sonnet-4-6", "max_tokens": 64, "messages": [{"role": "user", "content": "why?"}],
    });
    let Value::Object(fields) = fields else { panic!("{fields}") };
    request.as_object_mut().unwrap().extend(fields);
    log_of_input(arguments([("request", request)]))
}

/// Returns the log of a request with these messages.
fn of(messages: &Value) -> LogRequest {
    with(json!({ "messages": messages }))
}

/// Returns the content of the single message that these blocks of a user become.
fn blocks(blocks: &Value) -> Value {
    let log = of(&json!([{"role": "user", "content": blocks}]));
    let [message] = log.input.messages() else { panic!("{:?}", log.input) };
    serde_json::to_value(message.content()).unwrap()
}

/// Returns the API type that a request is detected as.
fn api_type(request: Value) -> Option<String> {
    log_of_input(arguments([("request", request)])).api_type
}

#[test]
fn request_keeps_model_and_other_fields_become_parameters() {
    let log = with(json!({
        "system": "Be brief.", "temperature": 0.5, "top_k": 3, "stop_sequences": ["#"], "stream": true,
        "thinking": {"type": "enabled", "budget_tokens": 1024}, "metadata": {"user_id": "u-1"}, "top_p": null,
        "mcp_servers": [{"type": "url", "name": "maps", "url": "https://example.com"}],
    }));
    assert_eq!((log.provider.as_str(), log.model.as_str()), ("anthropic", "claude-sonnet-4-6"));
    assert_eq!(log.api_type.as_deref(), Some("messages"));
    assert_eq!(said(&log.input), lines([("system", "Be brief."), ("user", "why?")]));
    assert_eq!(
        Value::Object(log.parameters),
        json!({
            "max_tokens": 64, "temperature": 0.5, "top_k": 3, "stop_sequences": ["#"], "stream": true,
            "thinking": {"type": "enabled", "budget_tokens": 1024}, "metadata": {"user_id": "u-1"},
            "mcp_servers": [{"type": "url", "name": "maps", "url": "https://example.com"}],
        })
    );
}

#[test]
fn system_blocks_become_one_message_without_cache_control() {
    let log = with(json!({"system": [
        {"type": "text", "text": "Be brief. ", "cache_control": {"type": "ephemeral"}},
        {"type": "text", "text": "Be kind."},
    ]}));
    assert_eq!(said(&log.input), lines([("system", "Be brief. Be kind."), ("user", "why?")]));
    assert!(!serde_json::to_string(&log).unwrap().contains("cache_control"));
    for none in [json!(""), json!([])] {
        let log = with(json!({"system": none, "anthropic_version": "bedrock-2023-05-31"}));
        assert_eq!(said(&log.input), lines([("user", "why?")]));
    }
}

#[test]
fn version_identifies_bedrock_and_vertex_without_model() {
    for (version, provider) in [
        ("bedrock-2023-05-31", "amazon.bedrock"),
        ("vertex-2023-10-16", "vertexai"),
        ("2023-06-01", "anthropic"),
    ] {
        let request = json!({
            "anthropic_version": version, "max_tokens": 8, "messages": [{"role": "user", "content": "why?"}],
        });
        let log = log_of_input(arguments([("request", request), ("model", json!("claude-haiku"))]));
        assert_eq!((log.provider.as_str(), log.model.as_str()), (provider, "claude-haiku"));
        assert_eq!(log.api_type.as_deref(), Some("messages"));
    }
}

#[test]
fn images_are_read_by_url_data_or_file_id() {
    assert_eq!(
        blocks(&json!([
            {"type": "image", "source": {"type": "base64", "media_type": "image/png", "data": "AAAA"}},
            {"type": "image", "source": {"type": "url", "url": "https://example.com/a.png"}},
            {"type": "image", "source": {"type": "file", "file_id": "file_1"}},
            {"type": "container_upload", "file_id": "file_2"},
        ])),
        json!([
            {"type": "image_url", "image_url": {"url": "data:image/png;base64,AAAA"}},
            {"type": "image_url", "image_url": {"url": "https://example.com/a.png"}},
            {"type": "media", "media": {"type": "application/octet-stream", "url": "file_1", "format": "neither"}},
            {"type": "media", "media": {"type": "application/octet-stream", "url": "file_2", "format": "neither"}},
        ])
    );
}

#[test]
fn documents_keep_title_type_and_context() {
    let document = |source: Value| json!({"type": "document", "title": "Rust", "source": source});
    let media = |kind: &str, url: &str, format: &str| json!({"type": "media", "media": {"title": "Rust", "type": kind, "url": url, "format": format}});
    let mut told = document(json!({"type": "base64", "media_type": "application/pdf", "data": "AAAA"}));
    told["context"] = json!("A book.");
    assert_eq!(
        blocks(&json!([
            told,
            document(json!({"type": "text", "media_type": "text/plain", "data": "Safety."})),
            document(json!({"type": "content", "content": [
                {"type": "text", "text": "One"}, {"type": "text", "text": "Two"},
            ]})),
            document(json!({"type": "content", "content": "Three"})),
            document(json!({"type": "url", "url": "https://example.com/a.pdf"})),
            document(json!({"type": "file", "file_id": "file_1"})),
        ])),
        json!([
            media("application/pdf", "AAAA", "base64"),
            {"type": "text", "text": "A book."},
            media("text/plain", "Safety.", "neither"),
            media("text/plain", "One\nTwo", "neither"),
            media("text/plain", "Three", "neither"),
            media("application/pdf", "https://example.com/a.pdf", "url"),
            media("application/octet-stream", "file_1", "neither"),
        ])
    );
}

#[test]
fn unknown_block_is_kept_whole_without_cache_control() {
    let picture =
        json!({"type": "image", "source": {"type": "base64", "media_type": "image/png", "data": "AA"}});
    let whole = [
        json!({"type": "search_result", "source": "https://a", "title": "A", "content": [{"type": "text", "text": "x"}]}),
        json!({"type": "document", "source": {"type": "content", "content": [picture]}}),
        json!({"type": "image", "source": {"type": "hologram"}}),
        json!({"type": "compaction", "content": "What was said before."}),
        json!({"type": "text", "words": "none"}),
        json!({"type": "tool_use", "id": "t", "name": "a user calls nothing", "input": {}}),
    ];
    for block in whole {
        let mut cached = block.clone();
        cached["cache_control"] = json!({"type": "ephemeral"});
        let read = blocks(&json!([{"type": "text", "text": "See: "}, cached]));
        let text = read[1]["text"].as_str().unwrap();
        assert_eq!(serde_json::from_str::<Value>(text).unwrap(), block);
        assert_eq!(read[1]["type"], "text");
    }
}

#[test]
fn model_thoughts_calls_and_texts_are_placed() {
    let log = of(&json!([
        {"role": "user", "content": [{"type": "text", "text": "17 times 23?"}]},
        {"role": "assistant", "content": [
            {"type": "thinking", "thinking": "Multiply.", "signature": "sig"},
            {"type": "redacted_thinking", "data": "secret"},
            {"type": "text", "text": "Let me see."},
            {"type": "tool_use", "id": "toolu_1", "name": "multiply", "input": {"a": 17, "b": 23}},
            {"type": "tool_use", "id": "toolu_2", "name": "now", "input": {}},
        ]},
    ]));
    let message = assistant(&log.input, 1);
    assert_eq!(
        serde_json::to_value(&message.content).unwrap(),
        json!([
            {"type": "thinking", "thinking": "Multiply.", "signature": "sig"},
            {"type": "thinking", "thinking": "", "signature": "secret"},
            {"type": "text", "text": "Let me see."},
        ])
    );
    assert_eq!(calls(message), [["toolu_1", "multiply", r#"{"a":17,"b":23}"#], ["toolu_2", "now", "{}"]]);
}

#[test]
fn tool_results_become_messages_between_user_messages() {
    let log = of(&json!([{"role": "user", "content": [
        {"type": "text", "text": "before"},
        {"type": "tool_result", "tool_use_id": "toolu_1", "content": "391"},
        {"type": "tool_result", "tool_use_id": "toolu_2", "content": [
            {"type": "text", "text": "seen"},
            {"type": "image", "source": {"type": "url", "url": "https://example.com/a.png"}},
        ]},
        {"type": "tool_result", "tool_use_id": "toolu_3", "is_error": true, "content": "no such city"},
        {"type": "tool_result", "tool_use_id": "toolu_4", "is_error": false},
        {"type": "text", "text": "after"},
    ]}]));
    let written = serde_json::to_value(log.input.messages()).unwrap();
    let text = |text: &str| json!({"type": "text", "text": text});
    let image = json!({"type": "image_url", "image_url": {"url": "https://example.com/a.png"}});
    assert_eq!(
        written,
        json!([
            {"role": "user", "content": [text("before")]},
            {"role": "tool", "tool_call_id": "toolu_1", "content": [text("391")]},
            {"role": "tool", "tool_call_id": "toolu_2", "content": [text("seen"), image]},
            {"role": "tool", "tool_call_id": "toolu_3", "content": [text("no such city"), text(r#"{"is_error": true}"#)]},
            {"role": "tool", "tool_call_id": "toolu_4", "content": []},
            {"role": "user", "content": [text("after")]},
        ])
    );
}

#[test]
fn custom_tools_are_functions_and_anthropic_tools_built_in() {
    let schema = json!({"type": "object", "properties": {"city": {"type": "string"}}});
    let log = with(json!({"tools": [
        {"name": "weather", "description": "Now.", "input_schema": schema, "strict": true,
         "cache_control": {"type": "ephemeral"}},
        {"type": "custom", "name": "news", "input_schema": schema},
        {"type": "web_search_20250305", "name": "web_search", "max_uses": 2},
        {"type": "mcp_toolset", "mcp_server_name": "maps"},
    ]}));
    let tools = &chat(&log.input).tools;
    assert_eq!(
        serde_json::to_value(tools).unwrap(),
        json!([
            {"type": "function", "function":
                {"name": "weather", "description": "Now.", "strict": true, "parameters": schema}},
            {"type": "function", "function": {"name": "news", "parameters": schema}},
            {"type": "web_search", "id": "web_search_20250305", "name": "web_search", "description": "",
             "provider": "anthropic",
             "config": {"type": "web_search_20250305", "name": "web_search", "max_uses": 2}},
            {"type": "mcp", "id": "mcp_toolset", "name": "maps", "description": "", "provider": "anthropic",
             "config": {"type": "mcp_toolset", "mcp_server_name": "maps"}},
        ])
    );
    assert!(!log.parameters.contains_key("tools"));
}

#[test]
fn anthropic_tools_have_kinds_and_unknown_stay_parameters() {
    for (kind, form) in [
        ("web_search_20250305", "web_search"),
        ("web_fetch_20250910", "url_context"),
        ("code_execution_20250825", "code_interpreter"),
        ("bash_20250124", "bash"),
        ("text_editor_20250728", "text_editor"),
    ] {
        let log = with(json!({"tools": [{"type": kind, "name": "x"}]}));
        let [Tool::BuiltIn(tool)] = chat(&log.input).tools.as_slice() else { panic!("{kind}") };
        assert_eq!((tool.kind.as_str(), tool.id.as_str()), (form, kind));
    }
    let computer = json!({"type": "computer_20250124", "name": "computer", "display_width_px": 1024});
    let broken = json!({"name": "no schema"});
    let bash = json!({"type": "bash_20250124", "name": "bash"});
    let log = with(json!({"tools": [computer, bash, broken]}));
    assert_eq!(chat(&log.input).tools.len(), 1);
    assert_eq!(log.parameters["tools"], json!([computer, broken]));
}

#[test]
fn tool_choice_uses_blueprint_names() {
    let mode = |mode: &str| Some(ToolChoice::Mode(mode.to_owned()));
    for (choice, expected) in [
        (json!({"type": "auto"}), mode("auto")),
        (json!({"type": "any"}), mode("required")),
        (json!({"type": "none"}), mode("none")),
        (json!({"type": "tool", "name": "weather"}), Some(ToolChoice::function("weather"))),
    ] {
        let log = with(json!({ "tool_choice": choice }));
        assert_eq!(chat(&log.input).tool_choice, expected);
        assert!(!log.parameters.contains_key("tool_choice"), "{choice}");
    }
    let single = json!({"type": "any", "disable_parallel_tool_use": true});
    let log = with(json!({ "tool_choice": single }));
    assert_eq!(chat(&log.input).tool_choice, mode("required"));
    assert_eq!(log.parameters["tool_choice"], single, "the blueprint has no word for one call at a time");
    let unknown = json!({"type": "oracle"});
    let log = with(json!({"tool_choice": unknown, "system": "x"}));
    assert_eq!((&chat(&log.input).tool_choice, &log.parameters["tool_choice"]), (&None, &unknown));
}

#[test]
fn empty_message_is_kept_without_content() {
    let log = of(&json!([
        {"role": "user", "content": ""}, {"role": "assistant", "content": []},
        {"role": "user", "content": [{"type": "text", "text": ""}]},
    ]));
    assert_eq!(said(&log.input), lines([("user", ""), ("assistant", ""), ("user", "")]));
    assert!(log.input.messages().iter().all(|message| message.content().is_empty()));
}

#[test]
fn system_message_among_others_stays_system() {
    let log = with(json!({"system": "a", "messages": [
        {"role": "user", "content": "b"}, {"role": "system", "content": "c"},
    ]}));
    assert_eq!(said(&log.input), lines([("system", "a"), ("user", "b"), ("system", "c")]));
}

#[test]
fn one_anthropic_field_is_enough_for_any_model() {
    let proofs = [
        json!({"anthropic_version": "2023-06-01"}),
        json!({"system": "Be brief.", "max_tokens": 8}),
        json!({"stop_sequences": ["#"], "max_tokens": 8}),
        json!({"tools": [{"name": "now", "input_schema": {"type": "object"}}]}),
        json!({"tools": [{"type": "bash_20250124", "name": "bash"}]}),
        json!({"tool_choice": {"type": "any"}}),
        json!({"tool_choice": {"type": "tool", "name": "now"}}),
        json!({"thinking": {"type": "enabled", "budget_tokens": 1024}}),
        json!({"thinking": {"type": "adaptive"}}),
        json!({"context_management": {"edits": []}}),
        json!({"messages": [{"role": "assistant", "content": [
            {"type": "tool_use", "id": "t", "name": "now", "input": {}}]}]}),
        json!({"messages": [{"role": "user", "content": [
            {"type": "tool_result", "tool_use_id": "t", "content": "noon"}]}]}),
        json!({"messages": [{"role": "user", "content": [
            {"type": "image", "source": {"type": "url", "url": "https://a"}}]}]}),
        json!({"messages": [{"role": "assistant", "content": [
            {"type": "thinking", "thinking": "x", "signature": "s"}]}]}),
    ];
    for proof in proofs {
        let mut request = json!({"model": "house", "messages": [{"role": "user", "content": "why?"}]});
        request.as_object_mut().unwrap().extend(proof.as_object().unwrap().clone());
        assert_eq!(api_type(request).as_deref(), Some("messages"), "{proof}");
    }
}

#[test]
fn bare_claude_request_without_openai_fields_is_anthropic() {
    let bare =
        json!({"model": "claude-x", "max_tokens": 8, "messages": [{"role": "user", "content": "why?"}]});
    assert_eq!(api_type(bare.clone()).as_deref(), Some("messages"));
    let others = [
        json!({"model": "gpt-4o"}),
        json!({"max_tokens": null}),
        json!({"n": 2}),
        json!({"response_format": {"type": "json_object"}}),
        json!({"tools": [{"type": "function", "function": {"name": "now"}}]}),
        json!({"messages": [{"role": "system", "content": "Be brief."}, {"role": "user", "content": "why?"}]}),
        json!({"messages": [{"role": "user", "content": [
            {"type": "image_url", "image_url": {"url": "https://a"}}]}]}),
        json!({"messages": [{"role": "assistant", "content": "x", "tool_calls": []}]}),
        json!({"messages": [{"role": "tool", "content": "x", "tool_call_id": "t"}]}),
        json!({"messages": [{"role": "assistant", "content": null}]}),
    ];
    for other in others {
        let mut request = bare.clone();
        request.as_object_mut().unwrap().extend(other.as_object().unwrap().clone());
        assert_ne!(api_type(request).as_deref(), Some("messages"), "{other}");
    }
}

#[test]
fn fields_shared_with_other_apis_do_not_identify_anthropic() {
    let others = [
        json!({"thinking": {"type": "enabled"}}),
        json!({"thinking": {"type": "enabled", "token_budget": 100}}),
        json!({"model": "command-r-plus", "stop_sequences": ["#"], "max_tokens": 8}),
        json!({"messages": [{"role": "assistant", "content": [{"type": "thinking", "thinking": "hm"}]}]}),
        json!({"tool_choice": "auto"}),
        json!({"thinking": {"type": "enabled", "budget_tokens": 1024},
            "tools": [{"type": "function", "function": {"name": "now"}}]}),
    ];
    for other in others {
        let mut request = json!({"model": "house", "messages": [{"role": "user", "content": "why?"}]});
        request.as_object_mut().unwrap().extend(other.as_object().unwrap().clone());
        assert_ne!(api_type(request).as_deref(), Some("messages"), "{other}");
    }
}

#[test]
fn request_with_wrong_types_is_converted() {
    let log = with(json!({"anthropic_version": "x", "system": 7, "tools": "hammer", "tool_choice": 3}));
    assert_eq!(said(&log.input), lines([("system", "7"), ("user", "why?")]));
    assert_eq!((&log.parameters["tools"], &log.parameters["tool_choice"]), (&json!("hammer"), &json!(3)));
    let odd =
        blocks(&json!([{"type": "text", "text": "a", "citations": "none"}, {"type": "image", "source": 7}]));
    assert_eq!(odd[0], json!({"type": "text", "text": "a"}));
    assert!(odd[1]["text"].as_str().unwrap().contains('7'));
    let log = of(
        &json!([{"role": "user", "content": [{"type": "tool_result", "tool_use_id": "t", "content": 7}]}]),
    );
    assert_eq!(said(&log.input), lines([("tool", "7")]));
}
