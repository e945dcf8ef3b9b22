//! Requests and responses of Bedrock's Converse API.

use promptlayer_blueprint::{ErrorType, LogRequest, RequestStatus, ToolChoice};
use serde_json::{Value, json};

use super::{arguments, assistant, calls, chat, lines, log_of, log_of_input, log_of_output, said};

/// Returns the log of a request with these fields and one message.
fn with(fields: &Value) -> LogRequest {
    let mut request = json!({"messages": [{"role": "user", "content": [{"text": "why?"}]}]});
    request.as_object_mut().unwrap().extend(fields.as_object().unwrap().clone());
    log_of_input(arguments([("request", request), ("model_id", json!("amazon.nova-lite-v1:0"))]))
}

/// Returns the messages of a request with these messages, serialized.
fn messages(messages: &Value) -> Value {
    serde_json::to_value(with(&json!({ "messages": messages })).input.messages()).unwrap()
}

/// Returns the content of the single message that these blocks of a user become.
fn blocks(blocks: &Value) -> Value {
    let mut read = messages(&json!([{"role": "user", "content": blocks}]));
    assert_eq!(read.as_array().map(Vec::len), Some(1));
    read[0]["content"].take()
}

fn reply(content: &Value, fields: &Value) -> LogRequest {
    let mut reply = json!({
        "output": {"message": {"role": "assistant", "content": content}}, "stopReason": "end_turn",
        "usage": {"inputTokens": 8, "outputTokens": 3, "totalTokens": 11}, "metrics": {"latencyMs": 378},
    });
    reply.as_object_mut().unwrap().extend(fields.as_object().unwrap().clone());
    log_of_output(&reply)
}

fn text(text: &str) -> Value {
    json!({"type": "text", "text": text})
}

#[test]
fn model_is_read_and_settings_become_parameters() {
    let settings = json!({
        "inferenceConfig": {"maxTokens": 16, "temperature": 0.5}, "additionalModelRequestFields": {"top_k": 3},
        "performanceConfig": {"latency": "optimized"},
    });
    let mut fields = settings.clone();
    fields["system"] =
        json!([{"text": "Be brief. "}, {"cachePoint": {"type": "default"}}, {"text": "Be kind."}]);
    let log = with(&fields);
    assert_eq!((log.provider.as_str(), log.model.as_str()), ("amazon.bedrock", "amazon.nova-lite-v1:0"));
    assert_eq!(log.api_type.as_deref(), Some("converse"));
    assert_eq!(said(&log.input), lines([("system", "Be brief. Be kind."), ("user", "why?")]));
    assert_eq!(Value::Object(log.parameters), settings);

    let named = json!({"modelId": "amazon.nova-pro-v1:0", "messages": [{"role": "user", "content": [{"text": "why?"}]}]});
    let log = log_of_input(arguments([("request", named)]));
    assert_eq!((log.model.as_str(), log.parameters.len()), ("amazon.nova-pro-v1:0", 0));
}

#[test]
fn files_are_read_as_base64_numbers_text_or_url() {
    let stored = json!({"s3Location": {"uri": "s3://bucket/a"}});
    let media = |title: &str, kind: &str, url: &str, format: &str| json!({"type": "media", "media": {"title": title, "type": kind, "url": url, "format": format}});
    let untitled = |kind: &str, url: &str, format: &str| json!({"type": "media", "media": {"type": kind, "url": url, "format": format}});
    let image = |url: &str| json!({"type": "image_url", "image_url": {"url": url}});
    assert_eq!(
        blocks(&json!([
            {"image": {"format": "png", "source": {"bytes": "AAAA"}}},
            {"image": {"format": "jpeg", "source": {"bytes": [102, 111]}}},
            {"image": {"format": "webp", "source": stored}},
            {"document": {"format": "pdf", "name": "Rust", "context": "A book.", "source": {"bytes": "AAAA"}}},
            {"document": {"format": "txt", "name": "Notes", "source": {"text": "Safety."}}},
            {"document": {"name": "Parts", "source": {"content": [{"text": "One"}, {"text": "Two"}]}}},
            {"document": {"format": "docx", "name": "Word", "source": stored}},
            {"video": {"format": "three_gp", "source": stored}},
            {"video": {"format": "mkv", "source": {"bytes": "AAAA"}}},
            {"audio": {"format": "mp3", "source": {"bytes": "AAAA"}}},
        ])),
        json!([
            image("data:image/png;base64,AAAA"),
            image("data:image/jpeg;base64,Zm8="),
            image("s3://bucket/a"),
            media("Rust", "application/pdf", "AAAA", "base64"),
            text("A book."),
            media("Notes", "text/plain", "Safety.", "neither"),
            media("Parts", "text/plain", "One\nTwo", "neither"),
            media(
                "Word",
                "application/vnd.openxmlformats-officedocument.wordprocessingml.document",
                "s3://bucket/a",
                "url"
            ),
            untitled("video/3gpp", "s3://bucket/a", "url"),
            untitled("video/x-matroska", "AAAA", "base64"),
            untitled("audio/mpeg", "AAAA", "base64"),
        ])
    );
}

#[test]
fn thoughts_calls_and_results_are_placed() {
    let read = messages(&json!([
        {"role": "assistant", "content": [
            {"reasoningContent": {"reasoningText": {"text": "Multiply.", "signature": "sig"}}},
            {"reasoningContent": {"redactedContent": [102, 111]}},
            {"text": "Let me see."},
            {"toolUse": {"toolUseId": "t1", "name": "multiply", "input": {"a": 17}}},
            {"toolUse": {"toolUseId": "s1", "name": "nova_grounding", "type": "server_tool_use", "input": {"q": "x"}}},
        ]},
        {"role": "user", "content": [
            {"toolResult": {"toolUseId": "t1", "content": [{"text": "is "}, {"json": {"product": 391}},
                {"image": {"format": "png", "source": {"bytes": "AA"}}}]}},
            {"toolResult": {"toolUseId": "t2", "status": "error", "content": [{"text": "no such city"}]}},
            {"cachePoint": {"type": "default"}},
            {"text": "go on"},
        ]},
    ]));
    assert_eq!(
        read,
        json!([
            {"role": "assistant",
             "content": [
                {"type": "thinking", "thinking": "Multiply.", "signature": "sig"},
                {"type": "thinking", "thinking": "", "signature": "Zm8="},
                text("Let me see."),
                {"type": "server_tool_use", "id": "s1", "name": "nova_grounding", "input": {"q": "x"}},
             ],
             "tool_calls": [{"type": "function", "id": "t1",
                "function": {"name": "multiply", "arguments": r#"{"a":17}"#}}]},
            {"role": "tool", "tool_call_id": "t1", "content": [text("is "), text("{\n  \"product\": 391\n}"),
                {"type": "image_url", "image_url": {"url": "data:image/png;base64,AA"}}]},
            {"role": "tool", "tool_call_id": "t2", "content": [text("no such city"), text(r#"{"is_error": true}"#)]},
            {"role": "user", "content": [text("go on")]},
        ])
    );
}

#[test]
fn guarded_blocks_are_content_and_unknown_blocks_are_kept() {
    let odd = [
        json!({"searchResult": {"source": "https://a", "title": "A", "content": [{"text": "x"}]}}),
        json!({"document": {"name": "none", "source": {"bytes": [999]}}}),
        json!({"hologram": {"depth": 3}}),
    ];
    for block in odd {
        let log = with(&json!({"messages": [{"role": "user", "content": [{"text": "x"}]},
            {"role": "user", "content": [
                {"guardContent": {"text": {"text": "Look at ", "qualifiers": ["query"]}}},
                {"guardContent": {"image": {"format": "png", "source": {"bytes": "AA"}}}}, block]}],
            "inferenceConfig": {}}));
        // A block with an unknown name may belong to any API, so the request is not detected.
        if block.get("hologram").is_some() {
            assert_ne!(log.api_type.as_deref(), Some("converse"));
            continue;
        }
        let content = serde_json::to_value(log.input.messages()[1].content()).unwrap();
        assert_eq!(content[0], text("Look at "));
        assert_eq!(content[1]["image_url"]["url"], "data:image/png;base64,AA");
        assert_eq!(serde_json::from_str::<Value>(content[2]["text"].as_str().unwrap()).unwrap(), block);
    }
}

#[test]
fn tools_and_choice_move_to_prompt_and_the_rest_stays() {
    let schema = json!({"type": "object", "properties": {"city": {"type": "string"}}});
    let spec =
        json!({"toolSpec": {"name": "weather", "description": "Now.", "inputSchema": {"json": schema}}});
    let function = json!([{"type": "function", "function":
        {"name": "weather", "description": "Now.", "parameters": schema}}]);
    let log = with(&json!({"toolConfig": {"tools": [spec], "toolChoice": {"any": {}}}}));
    assert_eq!(serde_json::to_value(&chat(&log.input).tools).unwrap(), function);
    assert_eq!(chat(&log.input).tool_choice, Some(ToolChoice::Mode("required".to_owned())));
    assert!(log.parameters.is_empty(), "{:?}", log.parameters);

    let system = json!({"systemTool": {"name": "nova_grounding"}});
    let log = with(&json!({"toolConfig": {"tools": [spec, system], "toolChoice": {"oracle": {}}}}));
    assert_eq!(serde_json::to_value(&chat(&log.input).tools).unwrap(), function);
    assert_eq!(log.parameters["toolConfig"], json!({"tools": [system], "toolChoice": {"oracle": {}}}));

    for (choice, expected) in [
        (json!({"auto": {}}), ToolChoice::Mode("auto".to_owned())),
        (json!({"auto": null, "tool": {"name": "weather"}}), ToolChoice::function("weather")),
    ] {
        let log = with(&json!({"toolConfig": {"tools": [spec], "toolChoice": choice}}));
        assert_eq!(chat(&log.input).tool_choice, Some(expected));
    }
}

#[test]
fn request_is_detected_by_untyped_blocks_and_own_fields() {
    let message = |block: Value| json!([{"role": "user", "content": [block]}]);
    let own = [
        json!({"messages": message(json!({"text": "why?"}))}),
        json!({"messages": message(json!({"text": "why?"})), "system": [{"text": "Be brief."}]}),
        json!({"messages": message(json!({"text": "why?"})), "inferenceConfig": {}, "stream": true}),
        json!({"messages": message(json!({"toolResult": {"toolUseId": "t", "content": []}})), "stream": true}),
    ];
    let others = [
        json!({"messages": message(json!({"text": "why?"})), "customer": 7}),
        json!({"messages": message(json!({"type": "text", "text": "why?"})), "inferenceConfig": {}}),
        json!({"messages": [{"role": "user", "content": "why?"}], "inferenceConfig": {}}),
        json!({"messages": message(json!({"toolUse": 7}))}),
        json!({"messages": message(json!({"image": "a.png"}))}),
        json!({"messages": [], "inferenceConfig": {}}),
        json!({"inferenceConfig": {}}),
    ];
    let api_type = |request: &Value| log_of_input(arguments([("request", request.clone())])).api_type;
    for request in own {
        assert_eq!(api_type(&request).as_deref(), Some("converse"), "{request}");
    }
    for request in others {
        assert_ne!(api_type(&request).as_deref(), Some("converse"), "{request}");
    }
}

#[test]
fn reply_keeps_text_calls_tokens_and_latency() {
    let content = json!([
        {"text": "Let me see."}, {"toolUse": {"toolUseId": "t1", "name": "multiply", "input": {"a": 17}}},
    ]);
    let log = reply(
        &content,
        &json!({
            "stopReason": "tool_use", "serviceTier": {"type": "flex"},
            "usage": {"inputTokens": 8, "outputTokens": 3, "cacheReadInputTokens": 5, "cacheWriteInputTokens": 7},
            "trace": {"promptRouter": {"invokedModelId": "arn:nova"}},
        }),
    );
    assert_eq!((log.provider.as_str(), log.model.as_str()), ("amazon.bedrock", "arn:nova"));
    assert_eq!(said(&log.output), lines([("assistant", "Let me see.")]));
    assert_eq!(calls(assistant(&log.output, 0)), [["t1", "multiply", r#"{"a":17}"#]]);
    assert_eq!((log.input_tokens, log.output_tokens), (Some(8), Some(3)));
    for (key, value) in [
        ("cached_tokens", "5"),
        ("cache_creation_tokens", "7"),
        ("service_tier", "flex"),
        ("provider_latency_ms", "378"),
        ("finish_reason", "tool_calls"),
        ("provider_finish_reason", "tool_use"),
    ] {
        assert_eq!(log.metadata.get(key).map(String::as_str), Some(value), "{key}");
    }
}

#[test]
fn stop_reason_is_normalized() {
    let cases = [
        ("end_turn", "stop", RequestStatus::Success),
        ("stop_sequence", "stop", RequestStatus::Success),
        ("max_tokens", "length", RequestStatus::Warning),
        ("model_context_window_exceeded", "length", RequestStatus::Warning),
        ("guardrail_intervened", "content_filter", RequestStatus::Warning),
        ("content_filtered", "content_filter", RequestStatus::Warning),
        ("malformed_model_output", "error", RequestStatus::Error),
        ("malformed_tool_use", "error", RequestStatus::Error),
    ];
    for (word, reason, status) in cases {
        let log = reply(&json!([{"text": "So"}]), &json!({ "stopReason": word }));
        assert_eq!((log.metadata["finish_reason"].as_str(), log.status), (reason, status), "{word}");
    }
}

#[test]
fn citations_become_annotations_of_the_whole_text() {
    let log = reply(
        &json!([{"citationsContent": {
            "content": [{"text": "The sky "}, {"text": "is blue."}],
            "citations": [
                {"title": "A", "location": {"web": {"url": "https://a", "domain": "a"}}, "sourceContent": [{"text": "blue"}]},
                {"title": "B", "source": "kb-7", "location": {"searchResultLocation": {"searchResultIndex": 0}}},
                {"title": "C", "location": {"documentPage": {"documentIndex": 2, "start": 1, "end": 2}}},
            ],
        }}]),
        &json!({}),
    );
    assert_eq!(
        serde_json::to_value(&assistant(&log.output, 0).content).unwrap(),
        json!([{"type": "text", "text": "The sky is blue.", "annotations": [
            {"type": "url_citation", "title": "A", "url": "https://a", "start_index": 0, "end_index": 16,
             "cited_text": "blue"},
            {"type": "url_citation", "title": "B", "url": "kb-7", "start_index": 0, "end_index": 16},
            {"type": "file_citation", "index": 2, "file_id": "", "filename": "C"},
        ]}])
    );
}

#[test]
fn message_field_alone_is_an_error_after_a_request() {
    let request = json!({"messages": [{"role": "user", "content": [{"text": "why?"}]}]});
    let message = json!({"message": "This model version has reached the end of its life."});
    let log = log_of(&request, &message);
    assert_eq!((log.status, log.api_type.as_deref()), (RequestStatus::Error, Some("converse")));
    assert!(log.error_message().unwrap().contains("end of its life"));
    let without_request = log_of_output(&message);
    assert_eq!(without_request.status, RequestStatus::Success);
    assert!(without_request.output.text().contains("end of its life"));
    let others = [
        json!({"output": {"text": "So."}}),
        json!({"output": {"message": {"role": "assistant", "content": "So."}}}),
        json!({"output": {"message": {"role": "assistant", "content": [{"type": "text", "text": "So."}]}}}),
    ];
    for other in others {
        assert_eq!(log_of_output(&other).api_type, None, "{other}");
    }
}

#[test]
fn values_with_wrong_types_are_converted() {
    let log = reply(
        &json!([{"text": "So."}, {"toolUse": {"toolUseId": 7, "input": "half"}}]),
        &json!({"usage": 7, "metrics": null, "stopReason": 7, "throttlingException": "none"}),
    );
    assert_eq!(calls(assistant(&log.output, 0)), [["", "", "half"]]);
    assert_eq!((log.output.text().as_str(), log.input_tokens), ("So.", None));
    assert_eq!(log.error_type, Some(ErrorType::ProviderRateLimit));
    let log = with(&json!({"toolConfig": 7, "system": {"text": "odd"}, "inferenceConfig": null}));
    assert_eq!(log.parameters["toolConfig"], json!(7));
    assert!(log.input.text().contains("odd"));
}
