//! Responses of OpenAI's chat completions.

use promptlayer_blueprint::{ContentBlock, ErrorType, LogRequest, OutputMediaType, RequestStatus};
use serde_json::{Value, json};

use super::{assistant, calls, lines, log_of, log_of_output, said};

/// Returns the log of a response with this message.
fn of(message: &Value) -> LogRequest {
    log_of_output(
        &json!({"model": "gpt-4o-2024", "choices": [{"finish_reason": "stop", "message": message}]}),
    )
}

/// Returns the log of a response with this finish reason.
fn ended_with(reason: &Value) -> LogRequest {
    log_of_output(&json!({"choices": [
        {"finish_reason": reason, "message": {"role": "assistant", "content": "The answer"}},
    ]}))
}

#[test]
fn reply_supplies_data_missing_in_request() {
    let log = of(&json!({"role": "assistant", "content": "Because."}));
    assert_eq!((log.provider.as_str(), log.model.as_str()), ("openai", "gpt-4o-2024"));
    assert_eq!(log.api_type.as_deref(), Some("chat-completions"));
    assert_eq!(said(&log.output), lines([("assistant", "Because.")]));
    assert!(log.input.messages().is_empty());
}

#[test]
fn requested_model_has_priority_over_response_model() {
    let request = json!({"model": "gpt-4o", "messages": [{"role": "user", "content": "why?"}]});
    let reply =
        json!({"model": "gpt-4o-2024", "choices": [{"message": {"role": "assistant", "content": "So."}}]});
    assert_eq!(log_of(&request, &reply).model, "gpt-4o");
}

#[test]
fn choices_become_messages_and_worst_reason_counts() {
    let log = log_of_output(&json!({"choices": [
        {"index": 0, "finish_reason": null, "message": {"role": "assistant", "content": "One"}},
        {"index": 1, "finish_reason": "stop", "message": {"role": "assistant", "content": "Two"}},
        {"index": 2, "finish_reason": "length", "message": {"role": "assistant", "content": "Thr"}},
    ]}));
    assert_eq!(said(&log.output), lines([("assistant", "One"), ("assistant", "Two"), ("assistant", "Thr")]));
    assert_eq!((log.metadata["finish_reason"].as_str(), log.status), ("length", RequestStatus::Warning));

    let ended = |words: [&str; 3]| {
        let choices = words.map(|word| json!({"finish_reason": word, "message": {"content": "One"}}));
        log_of_output(&json!({ "choices": choices })).metadata["finish_reason"].clone()
    };
    assert_eq!(ended(["stop", "tool_calls", "stop"]), "stop", "of those that are as bad the first");
    assert_eq!(ended(["stop", "content_filter", "length"]), "content_filter");
    assert_eq!(ended(["length", "error", "stop"]), "error");
}

#[test]
fn usage_is_kept_as_reported() {
    let tokens = |usage: Value| {
        let log = log_of_output(&json!({
            "choices": [{"message": {"role": "assistant", "content": "So."}}], "usage": usage,
        }));
        (log.input_tokens, log.output_tokens)
    };
    assert_eq!(tokens(json!({"prompt_tokens": 14, "completion_tokens": 0})), (Some(14), Some(0)));
    assert_eq!(tokens(json!({"prompt_tokens": 14})), (Some(14), None));
    assert_eq!(tokens(json!({"prompt_tokens": null, "completion_tokens": -1})), (None, None));
    assert_eq!(tokens(json!(null)), (None, None));
}

#[test]
fn finish_reason_determines_status() {
    let words =
        [("stop", "stop"), ("tool_calls", "tool_calls"), ("function_call", "tool_calls"), ("eos", "stop")];
    for (word, reason) in words {
        let log = ended_with(&json!(word));
        assert_eq!((log.status, log.error_type), (RequestStatus::Success, None), "{word}");
        assert_eq!(log.metadata["finish_reason"], reason);
        let own = log.metadata.get("provider_finish_reason").map(String::as_str);
        assert_eq!(own, (word != reason).then_some(word), "the provider's word where it is another");
    }
    for (word, reason) in
        [("length", "length"), ("max_tokens", "length"), ("content_filter", "content_filter")]
    {
        let log = ended_with(&json!(word));
        let warned = (RequestStatus::Warning, Some(ErrorType::ProviderPartialResponse));
        assert_eq!((log.status, log.error_type), warned, "{word}");
        assert!(log.error_message().is_some_and(|message| message.contains("cut")));
        assert_eq!(log.metadata["finish_reason"], reason);
        assert_eq!(log.output.text(), "The answer", "what there is of it");
    }
    for nothing in [json!(null), json!(""), json!(7)] {
        assert!(ended_with(&nothing).metadata.is_empty(), "{nothing}");
    }
}

#[test]
fn thought_precedes_answer_under_either_field_name() {
    for name in ["reasoning_content", "reasoning"] {
        let log = of(&json!({"role": "assistant", "content": "42", name: "six times seven"}));
        assert_eq!(
            assistant(&log.output, 0).content,
            [ContentBlock::from_thinking("six times seven"), ContentBlock::from_text("42")]
        );
    }
    let both = of(&json!({"role": "assistant", "content": "42", "reasoning": "b", "reasoning_content": "a"}));
    assert_eq!(assistant(&both.output, 0).content.len(), 2, "the same thought is said once");
    let none = of(&json!({"role": "assistant", "content": "42", "reasoning": null, "reasoning_content": ""}));
    assert_eq!(assistant(&none.output, 0).content, [ContentBlock::from_text("42")]);
}

/// Returns text, signature and id of the thoughts in a message.
fn thoughts(message: &Value) -> Vec<[String; 3]> {
    let log = of(message);
    let content = assistant(&log.output, 0).content.iter();
    content
        .filter_map(|block| match block {
            ContentBlock::Thinking(thought) => Some([
                thought.thinking.clone(),
                thought.signature.clone().unwrap_or_default(),
                thought.id.clone().unwrap_or_default(),
            ]),
            _ => None,
        })
        .collect()
}

#[test]
fn thoughts_in_blocks_keep_their_signatures() {
    let message = json!({"role": "assistant", "content": "42", "reasoning": "six times seven", "reasoning_details": [
        {"type": "reasoning.text", "text": "six times seven", "signature": "EqQB", "id": null, "index": 0},
        {"type": "reasoning.summary", "summary": "multiplied", "id": "rs_1", "index": 1},
        {"type": "reasoning.encrypted", "data": "gAAAA", "id": "rs_1", "index": 1},
        {"type": "reasoning.encrypted", "data": "gBBBB", "id": "rs_2", "index": 2},
    ]});
    assert_eq!(
        thoughts(&message),
        [["six times seven", "EqQB", ""], ["multiplied", "gAAAA", "rs_1"], ["", "gBBBB", "rs_2"]]
    );
    let encrypted = json!({"content": "42", "reasoning": "six times seven", "reasoning_details": [
        {"type": "reasoning.encrypted", "data": "gAAAA", "id": "rs_1"},
    ]});
    assert_eq!(thoughts(&encrypted), [["six times seven", "", ""], ["", "gAAAA", "rs_1"]]);
    let blocks = json!({"content": "42", "reasoning_content": "hm", "thinking_blocks": [
        {"type": "thinking", "thinking": "hm", "signature": "EqQB"},
        {"type": "redacted_thinking", "data": "EmwK"},
    ]});
    assert_eq!(thoughts(&blocks), [["hm", "EqQB", ""], ["", "EmwK", ""]]);
    let copilot = json!({"content": "42", "reasoning_text": "hm", "reasoning_opaque": "opaque"});
    assert_eq!(thoughts(&copilot), [["hm", "opaque", ""]]);
    for nothing in [json!([]), json!(null), json!("text"), json!([7, {"type": "reasoning.text"}])] {
        assert!(thoughts(&json!({"content": "42", "reasoning_details": nothing})).is_empty(), "{nothing}");
    }
}

#[test]
fn content_parts_are_read_like_in_a_request() {
    let log = of(&json!({"role": "assistant", "content": [
        {"type": "thinking", "thinking": [{"type": "text", "text": "six times seven"}]},
        {"type": "text", "text": "42"},
    ]}));
    assert_eq!(
        assistant(&log.output, 0).content,
        [ContentBlock::from_thinking("six times seven"), ContentBlock::from_text("42")]
    );
}

#[test]
fn refusal_becomes_text_and_finish_reason() {
    let log = of(&json!({"role": "assistant", "content": null, "refusal": "I cannot help with that."}));
    assert_eq!(said(&log.output), lines([("assistant", "I cannot help with that.")]));
    assert_eq!(
        (log.status, log.error_type),
        (RequestStatus::Warning, Some(ErrorType::ProviderPartialResponse))
    );
    assert_eq!(log.error_message(), Some("the model refused to answer"));
    assert_eq!(log.metadata["finish_reason"], "refusal");
    assert_eq!(log.metadata["provider_finish_reason"], "stop");
}

#[test]
fn spoken_answer_becomes_transcript_and_audio() {
    let log = of(&json!({"role": "assistant", "content": null, "audio": {
        "id": "audio_1", "data": "UklGRg==", "expires_at": 1, "transcript": "Because it is so.",
    }}));
    assert_eq!(log.output.text(), "Because it is so.");
    let [_, ContentBlock::OutputMedia(sound)] = assistant(&log.output, 0).content.as_slice() else {
        panic!("{:?}", log.output)
    };
    assert_eq!(sound.url, "data:audio/wav;base64,UklGRg==");
    assert_eq!((sound.mime_type.as_deref(), sound.media_type), (Some("audio/wav"), OutputMediaType::Audio));
    assert_eq!(sound.id.as_deref(), Some("audio_1"));
    let silent = of(&json!({"role": "assistant", "content": "So.", "audio": null}));
    assert_eq!(said(&silent.output), lines([("assistant", "So.")]));
}

#[test]
fn image_beside_text_becomes_output_media() {
    let log = of(&json!({"role": "assistant", "content": "Here.", "images": [
        {"type": "image_url", "image_url": {"url": "data:image/webp;base64,UklG"}, "index": 0},
    ]}));
    let [_, ContentBlock::OutputMedia(image)] = assistant(&log.output, 0).content.as_slice() else {
        panic!("{:?}", log.output)
    };
    assert_eq!(image.url, "data:image/webp;base64,UklG");
    assert_eq!((image.mime_type.as_deref(), image.media_type), (Some("image/webp"), OutputMediaType::Image));
}

/// Returns the annotations of a response's first text block.
fn cited(log: &LogRequest) -> Value {
    let content = &assistant(&log.output, 0).content;
    let text = content.iter().find_map(|block| match block {
        ContentBlock::Text(text) => Some(text),
        _ => None,
    });
    serde_json::to_value(&text.unwrap().annotations).unwrap()
}

#[test]
fn citations_are_attached_to_the_text() {
    let page = json!({"start_index": 0, "end_index": 4, "title": "Bern", "url": "https://example.org/bern"});
    let mut flat = page.clone();
    flat["type"] = json!("url_citation");
    for annotation in [json!({"type": "url_citation", "url_citation": page}), flat.clone()] {
        let log = of(
            &json!({"role": "assistant", "content": "Bern.", "reasoning": "hm", "annotations": [annotation]}),
        );
        assert_eq!(cited(&log), json!([flat]));
    }
    let others = json!([
        {"type": "url_citation", "url_citation": {"url": "u", "title": "t", "content": "the words"}},
        {"type": "file_citation", "index": 3, "file_id": "file-1", "filename": "a.pdf"},
        {"type": "container_file_citation", "container_id": "c", "file_id": "f"},
        null,
    ]);
    assert_eq!(
        cited(&of(&json!({"content": "Bern.", "annotations": others}))),
        json!([
            {"type": "url_citation", "title": "t", "url": "u", "start_index": 0, "end_index": 0, "cited_text": "the words"},
            {"type": "file_citation", "index": 3, "file_id": "file-1", "filename": "a.pdf"},
            {"type": "container_file_citation", "container_id": "c", "file_id": "f"},
        ])
    );
}

#[test]
fn mark_in_text_cites_source_with_its_number() {
    let log = log_of_output(&json!({
        "choices": [{"message": {"role": "assistant", "content": "Zürich[2], a[0] [3] [x] [1"}}],
        "citations": ["https://a.example", "https://b.example"],
        "search_results": [{"title": "A", "url": "https://a.example"}, {"title": "B", "url": "https://b.example"}],
    }));
    assert_eq!(
        cited(&log),
        json!([{"type": "url_citation", "title": "B", "url": "https://b.example", "start_index": 6, "end_index": 9}])
    );
    assert_eq!(log.metadata["citations"], r#"["https://a.example","https://b.example"]"#);
}

#[test]
fn tool_calls_belong_to_the_message() {
    let log = of(&json!({"role": "assistant", "content": null, "tool_calls": [
        {"id": "call_1", "type": "function", "function": {"name": "weather", "arguments": "{}"}},
        {"id": "call_2", "type": "custom", "custom": {"name": "sql", "input": "select 1"}},
    ]}));
    let message = assistant(&log.output, 0);
    assert!(message.content.is_empty());
    assert_eq!(calls(message), [["call_1", "weather", "{}"], ["call_2", "sql", "select 1"]]);

    let log = of(&json!({"role": "assistant", "function_call": {"name": "weather", "arguments": "{}"}}));
    assert_eq!(assistant(&log.output, 0).function_call.as_ref().unwrap().name, "weather");
}

#[test]
fn reply_is_from_the_model_for_any_role() {
    for message in [
        json!({"content": "Because."}),
        json!({"role": null, "content": "Because."}),
        json!({"role": "model", "content": "Because."}),
    ] {
        assert_eq!(said(&of(&message).output), lines([("assistant", "Because.")]), "{message}");
    }
}

#[test]
fn error_response_is_a_failed_request() {
    let cases = [
        (
            json!({"error": {"message": "Slow down", "type": "requests", "code": "rate_limit_exceeded"}}),
            ErrorType::ProviderRateLimit,
            "Slow down",
        ),
        (
            json!({"error": {"message": "Incorrect API key provided", "code": "invalid_api_key"}}),
            ErrorType::ProviderAuthError,
            "Incorrect API key provided",
        ),
        (
            json!({"error": {"message": "See billing", "type": "insufficient_quota"}}),
            ErrorType::ProviderQuotaLimit,
            "See billing",
        ),
        (json!({"error": "upstream timed out"}), ErrorType::ProviderTimeout, "upstream timed out"),
        (
            json!({"error": {"message": "No such model", "code": null}, "choices": []}),
            ErrorType::ProviderError,
            "No such model",
        ),
    ];
    let request = json!({"model": "gpt-4o", "messages": [{"role": "user", "content": "why?"}]});
    for (reply, kind, message) in cases {
        let log = log_of(&request, &reply);
        assert_eq!((log.status, log.error_type), (RequestStatus::Error, Some(kind)), "{reply}");
        assert_eq!(log.error_message(), Some(message));
        assert!(log.output.messages().is_empty());
        assert_eq!(said(&log.input), lines([("user", "why?")]));
    }
    let coded = log_of(&request, &json!({"error": {"code": 500}}));
    assert_eq!(coded.error_type, Some(ErrorType::ProviderError));
    assert!(coded.error_message().unwrap().contains("500"));
}

#[test]
fn error_with_choices_fails_request_and_keeps_content() {
    let error = json!({"message": "Provider returned error", "code": 502});
    for reply in [
        json!({"error": error, "choices": [{"message": {"role": "assistant", "content": "Bec"}}]}),
        json!({"choices": [{"error": error, "message": {"role": "assistant", "content": "Bec"}}]}),
    ] {
        let log = log_of_output(&reply);
        assert_eq!(
            (log.status, log.error_message()),
            (RequestStatus::Error, Some("Provider returned error"))
        );
        assert_eq!(log.output.text(), "Bec");
    }
}

#[test]
fn empty_error_field_does_not_fail_request() {
    let log = log_of_output(&json!({
        "error": null, "choices": [{"message": {"role": "assistant", "content": "Because."}}],
    }));
    assert_eq!((log.status, log.output.text().as_str()), (RequestStatus::Success, "Because."));
    for none in [json!(null), json!(false), json!("")] {
        let log = log_of_output(&json!({"answer": "Because.", "error": none}));
        assert_eq!((log.status, log.error_message()), (RequestStatus::Success, None), "{none}");
        assert!(log.output.text().contains("Because."), "{none}");
    }
}

#[test]
fn unrelated_choices_field_is_kept_whole() {
    let value = json!({"choices": ["red", "green"], "model": "T"});
    let log = log_of_output(&value);
    assert_eq!((log.provider.as_str(), log.model.as_str()), ("custom", "unknown"));
    assert_eq!(serde_json::from_str::<Value>(&log.output.text()).unwrap(), value);
}

#[test]
fn unknown_annotation_follows_the_text() {
    let file = json!({"type": "file", "file": {"hash": "h", "name": "a.pdf", "content": [{"type": "text", "text": "A"}]}});
    let page = json!({"type": "url_citation", "url_citation": {"url": "u", "title": "t"}});
    let annotations = json!([file, page, 7]);
    for message in [
        json!({"role": "assistant", "content": "Bern.", "annotations": annotations}),
        json!({"role": "assistant", "content": [{"type": "text", "text": "Bern.", "annotations": annotations}]}),
    ] {
        let log = of(&message);
        assert_eq!(cited(&log)[0]["url"], "u");
        let texts: Vec<&str> =
            assistant(&log.output, 0).content.iter().filter_map(ContentBlock::text).collect();
        assert_eq!((texts.len(), texts[0], texts[2]), (3, "Bern.", "7"), "{message}");
        assert_eq!(serde_json::from_str::<Value>(texts[1]).unwrap(), file);
    }
    let without_text = of(&json!({"content": null, "annotations": [page]}));
    let content = &assistant(&without_text.output, 0).content;
    assert_eq!(serde_json::from_str::<Value>(content[0].text().unwrap()).unwrap(), page);
}
