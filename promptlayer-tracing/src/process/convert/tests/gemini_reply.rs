//! Responses of Gemini's `generateContent`.

use promptlayer_blueprint::{ErrorType, LogRequest, RequestStatus};
use serde_json::{Value, json};

use super::responses_chunks::each_changed;
use super::{assistant, calls, lines, log_of, log_of_output, said};

/// Returns the log of a response with these parts.
fn of(parts: &Value) -> LogRequest {
    log_of_output(
        &json!({"candidates": [{"content": {"role": "model", "parts": parts}, "finishReason": "STOP"}]}),
    )
}

fn blocks(log: &LogRequest) -> Value {
    serde_json::to_value(&assistant(&log.output, 0).content).unwrap()
}

#[test]
fn each_candidate_becomes_a_message() {
    let log = log_of_output(&json!({
        "candidates": [
            {"index": 0, "content": {"role": "model", "parts": [{"text": "One"}]}, "finishReason": "STOP"},
            {"index": 1, "content": {"role": "model", "parts": [{"text": "Two"}]}, "finishReason": "MAX_TOKENS"},
            {"index": 2, "finishReason": "SAFETY"},
        ],
        "modelVersion": "models/gemini-2.5-flash", "responseId": "r1",
        "usageMetadata": {
            "promptTokenCount": 7, "cachedContentTokenCount": 4, "candidatesTokenCount": 2, "thoughtsTokenCount": 3,
            "toolUsePromptTokenCount": 5, "serviceTier": "standard",
            "candidatesTokensDetails": [{"modality": "TEXT", "tokenCount": 1}, {"modality": "IMAGE", "tokenCount": 1}],
        },
    }));
    assert_eq!(said(&log.output), lines([("assistant", "One"), ("assistant", "Two"), ("assistant", "")]));
    assert_eq!((log.provider.as_str(), log.model.as_str()), ("google", "gemini-2.5-flash"));
    assert_eq!((log.input_tokens, log.output_tokens), (Some(7), Some(5)));
    let told = ["cached_tokens", "reasoning_tokens", "tool_use_prompt_tokens", "output_image_tokens"];
    assert_eq!(told.map(|key| log.metadata[key].as_str()), ["4", "3", "5", "1"]);
    assert_eq!(
        (log.metadata["response_id"].as_str(), log.metadata["service_tier"].as_str()),
        ("r1", "standard")
    );
    assert_eq!((log.status, log.metadata["finish_reason"].as_str()), (RequestStatus::Warning, "length"));
}

#[test]
fn reply_in_snake_case_is_read() {
    let log = log_of_output(&json!({
        "candidates": [{
            "content": {"role": "model", "parts": [
                {"text": "hm", "thought": true, "function_call": null, "thought_signature": null},
                {"text": null, "thought": null, "function_call": {"id": null, "name": "add", "args": {"x": 1}}, "thought_signature": "s"},
            ]},
            "finish_reason": "STOP", "grounding_metadata": null,
        }],
        "model_version": "gemini-2.5-flash", "prompt_feedback": null,
        "usage_metadata": {"prompt_token_count": 7, "candidates_token_count": 2, "thoughts_token_count": null},
    }));
    assert_eq!(calls(assistant(&log.output, 0)), [["add-0", "add", r#"{"x":1}"#]]);
    assert_eq!(blocks(&log), json!([{"type": "thinking", "thinking": "hm", "signature": "s"}]));
    assert_eq!((log.input_tokens, log.output_tokens), (Some(7), Some(2)));
    assert_eq!(log.model, "gemini-2.5-flash");
}

/// Crates that are generated from Google's protocol buffers write enums as numbers.
#[test]
fn enums_that_are_numbers_are_read() {
    let reply = |reason: u64| {
        log_of_output(&json!({
            "candidates": [{"content": {"role": "model", "parts": [{"text": "So"}]}, "finishReason": reason}],
            "usageMetadata": {"promptTokenCount": 7, "promptTokensDetails": [{"modality": 4, "tokenCount": 3}]},
        }))
    };
    let log = reply(2);
    assert_eq!((log.status, log.metadata["finish_reason"].as_str()), (RequestStatus::Warning, "length"));
    assert_eq!(log.metadata["provider_finish_reason"], "MAX_TOKENS");
    assert_eq!(log.metadata["input_audio_tokens"], "3");
    for (number, reason) in
        [(1, "stop"), (3, "content_filter"), (4, "content_filter"), (9, "error"), (5, "OTHER")]
    {
        assert_eq!(reply(number).metadata["finish_reason"], reason, "{number}");
    }
    assert!(!reply(99).metadata.contains_key("finish_reason"));
    let log = log_of_output(&json!({"promptFeedback": {"blockReason": 4}}));
    assert_eq!(log.metadata["provider_finish_reason"], "PROHIBITED_CONTENT");
    let log = of(&json!([{"codeExecutionResult": {"outcome": 2, "output": "no"}}]));
    assert_eq!(blocks(&log)[0]["outcome"], "OUTCOME_FAILED");
}

#[test]
fn turn_that_calls_tools_has_reason_tool_calls() {
    let log = of(&json!([{"text": "So."}, {"functionCall": {"name": "add"}}]));
    assert_eq!((log.status, log.metadata["finish_reason"].as_str()), (RequestStatus::Success, "tool_calls"));
    assert_eq!(log.metadata["provider_finish_reason"], "STOP");
    let log = log_of_output(&json!({"candidates": [
        {"content": {"parts": [{"functionCall": {"name": "add"}}]}, "finishReason": "MAX_TOKENS"},
    ]}));
    assert_eq!((log.status, log.metadata["finish_reason"].as_str()), (RequestStatus::Warning, "length"));
}

#[test]
fn reply_with_only_calls_has_no_text() {
    let log = of(
        &json!([{"functionCall": {"name": "add", "args": {"x": 1}}}, {"functionCall": {"name": "add", "id": "b"}}, {"text": ""}]),
    );
    assert_eq!(blocks(&log), json!([]));
    assert_eq!(calls(assistant(&log.output, 0)), [["add-0", "add", r#"{"x":1}"#], ["b", "add", "{}"]]);
}

/// The provider requires each signature in the next request.
#[test]
fn signature_is_kept_if_its_part_cannot_hold_it() {
    let log = of(&json!([{"functionCall": {"name": "add"}, "thoughtSignature": "s"}]));
    assert_eq!(blocks(&log), json!([{"type": "thinking", "thinking": "", "signature": "s"}]));
    let log = of(&json!([{"text": "So.", "thoughtSignature": "s"}]));
    assert_eq!(blocks(&log), json!([{"type": "text", "text": "So.", "thought_signature": "s"}]));
    let log = of(&json!([{"text": "So."}, {"text": "", "thoughtSignature": "s"}]));
    assert_eq!(blocks(&log), json!([{"type": "text", "text": "So.", "thought_signature": "s"}]));
}

#[test]
fn generated_files_become_output_media() {
    let log = of(&json!([
        {"inlineData": {"mimeType": "image/png", "data": "aGk="}, "thoughtSignature": "s"},
        {"inlineData": {"mimeType": "audio/L16;rate=24000", "data": "aGk="}},
        {"inlineData": {"mimeType": "application/pdf", "data": "aGk="}},
    ]));
    assert_eq!(
        blocks(&log),
        json!([
            {"type": "output_media", "url": "data:image/png;base64,aGk=", "mime_type": "image/png", "media_type": "image",
             "provider_metadata": {"thoughtSignature": "s"}},
            {"type": "output_media", "url": "data:audio/L16;rate=24000;base64,aGk=", "mime_type": "audio/L16;rate=24000",
             "media_type": "audio"},
            {"type": "media", "media": {"type": "application/pdf", "url": "aGk=", "format": "base64"}},
        ])
    );
}

#[test]
fn gemini_tool_parts_become_server_tool_blocks() {
    let log = of(&json!([
        {"executableCode": {"language": "PYTHON", "code": "print(1)", "id": "c"}},
        {"codeExecutionResult": {"outcome": "OUTCOME_FAILED", "output": "no"}},
        {"toolCall": {"id": "t", "toolType": "GOOGLE_SEARCH_WEB", "args": {"queries": ["why"]}}},
    ]));
    assert_eq!(
        blocks(&log),
        json!([
            {"type": "code", "code": "print(1)", "id": "c"},
            {"type": "code_execution_result", "output": "no", "outcome": "OUTCOME_FAILED"},
            {"type": "server_tool_use", "id": "t", "name": "GOOGLE_SEARCH_WEB", "input": {"queries": ["why"]}},
        ])
    );
}

#[test]
fn grounding_becomes_annotations_of_its_segments() {
    let log = log_of_output(&json!({"candidates": [{
        "content": {"role": "model", "parts": [{"text": "hm", "thought": true}, {"text": "Spain won. Cafe X. Mine."}]},
        "finishReason": "STOP",
        "groundingMetadata": {
            "webSearchQueries": ["who won"],
            "groundingChunks": [
                {"web": {"uri": "https://a", "title": "a.org"}},
                {"maps": {"uri": "https://m", "title": "Cafe X", "placeId": "places/1"}},
                {"retrievedContext": {"uri": "files/7", "title": "mine.pdf", "text": "…"}},
                {"web": {"uri": "https://b", "title": "b.org"}},
            ],
            "groundingSupports": [
                {"segment": {"endIndex": 10, "text": "Spain won."}, "groundingChunkIndices": [0, 99]},
                {"segment": {"partIndex": 1, "startIndex": 11, "endIndex": 18}, "groundingChunkIndices": [1]},
                {"segment": {"partIndex": 7, "startIndex": 19, "endIndex": 24}, "groundingChunkIndices": [2, -1]},
                {"groundingChunkIndices": [0]},
            ],
        },
        "citationMetadata": {"citationSources": [{"startIndex": 2, "endIndex": 5, "uri": "https://c", "license": "MIT"}]},
    }]}));
    assert_eq!(
        blocks(&log)[1]["annotations"],
        json!([
            {"type": "url_citation", "title": "a.org", "url": "https://a", "start_index": 0, "end_index": 10, "cited_text": "Spain won."},
            {"type": "map_citation", "title": "Cafe X", "url": "https://m", "place_id": "places/1", "start_index": 11, "end_index": 18},
            {"type": "file_citation", "index": 19, "file_id": "files/7", "filename": "mine.pdf"},
            {"type": "url_citation", "title": "b.org", "url": "https://b", "start_index": 0, "end_index": 24},
            {"type": "url_citation", "title": "https://c", "url": "https://c", "start_index": 2, "end_index": 5},
        ])
    );
    assert_eq!(log.metadata["web_search_queries"], r#"["who won"]"#);
}

#[test]
fn blocked_prompt_has_no_output_and_reports_the_reason() {
    let reply = json!({
        "promptFeedback": {"blockReason": "OTHER", "blockReasonMessage": "no"},
        "usageMetadata": {"promptTokenCount": 7}, "modelVersion": "gemini-2.5-flash",
    });
    let log = log_of_output(&reply);
    assert!(log.output.messages().is_empty());
    assert_eq!(
        (log.status, log.error_type),
        (RequestStatus::Warning, Some(ErrorType::ProviderPartialResponse))
    );
    assert_eq!(log.metadata["finish_reason"], "content_filter");
    assert_eq!(log.metadata["provider_finish_reason"], "OTHER");
    assert_eq!(log.metadata["block_reason_message"], "no");
    assert_eq!((log.input_tokens, log.output_tokens), (Some(7), None));
}

#[test]
fn finish_reason_determines_status() {
    let status = |reason: &str| {
        let log =
            log_of_output(&json!({"candidates": [{"content": {"role": "model"}, "finishReason": reason}]}));
        (log.metadata["finish_reason"].clone(), log.status)
    };
    for reason in ["SAFETY", "RECITATION", "PROHIBITED_CONTENT", "SPII", "IMAGE_SAFETY", "MODEL_ARMOR"] {
        assert_eq!(status(reason), ("content_filter".to_owned(), RequestStatus::Warning), "{reason}");
    }
    for reason in ["MALFORMED_FUNCTION_CALL", "UNEXPECTED_TOOL_CALL", "MISSING_THOUGHT_SIGNATURE"] {
        assert_eq!(status(reason), ("error".to_owned(), RequestStatus::Error), "{reason}");
    }
    assert_eq!(status("OTHER"), ("OTHER".to_owned(), RequestStatus::Success));
}

#[test]
fn traffic_type_identifies_vertex() {
    let reply = json!({
        "candidates": [{"content": {"role": "model", "parts": [{"text": "So."}]}, "finishReason": "STOP"}],
        "usageMetadata": {"promptTokenCount": 7, "trafficType": "ON_DEMAND"},
    });
    let request = json!({"contents": [{"role": "user", "parts": [{"text": "why?"}]}]});
    assert_eq!(log_of(&request, &reply).provider, "vertexai");
}

#[test]
fn value_that_resembles_a_reply_is_kept_whole() {
    for value in [
        json!({"candidates": ["Ada", "Grace"]}),
        json!({"candidates": [{"name": "Ada", "content": "of her letter"}]}),
        json!({"candidates": []}),
        json!({"embedding": {"model": "mine"}}),
    ] {
        let log = log_of_output(&value);
        assert_eq!(log.provider, "custom", "{value}");
        assert_eq!(serde_json::from_str::<Value>(&log.output.text()).unwrap(), value);
    }
}

#[test]
fn embeddings_are_logged_by_count_and_dimensions() {
    let log = log_of_output(&json!({"embedding": {"values": [0.5, 1.0, 2.0]}}));
    assert_eq!(
        (log.output.text().as_str(), log.api_type.as_deref()),
        ("1 embedding of 3 dimensions", Some("embed-content"))
    );
    let log = log_of_output(&json!({"embeddings": [{"values": [0.5, 1.0]}, {"values": [1.0, 2.0]}]}));
    assert_eq!(log.output.text(), "2 embeddings of 2 dimensions");
}

#[test]
fn malformed_replies_do_not_panic() {
    let whole = json!({
        "candidates": [{
            "content": {"role": "model", "parts": [
                {"text": "So.", "thoughtSignature": "s"}, {"inlineData": {"mimeType": "image/png", "data": "aGk="}},
                {"functionCall": {"name": "add", "args": {"x": 1}}},
            ]},
            "finishReason": "STOP",
            "groundingMetadata": {
                "groundingChunks": [{"web": {"uri": "https://a"}}],
                "groundingSupports": [{"segment": {"partIndex": 0, "endIndex": 3}, "groundingChunkIndices": [0]}],
            },
            "citationMetadata": {"citations": [{"uri": "https://c", "startIndex": 1}]},
        }],
        "promptFeedback": {"blockReason": "OTHER"},
        "usageMetadata": {"promptTokenCount": 7, "promptTokensDetails": [{"modality": "AUDIO", "tokenCount": 1}]},
    });
    let odds = [
        json!(null),
        json!(-7),
        json!(u64::MAX),
        json!(""),
        json!([]),
        json!({}),
        json!([[7]]),
        json!({"a": 7}),
    ];
    for odd in odds {
        each_changed(&whole, &odd, &mut |changed| drop(log_of_output(changed)));
    }
}

#[test]
fn candidate_without_content_is_a_reply() {
    for word in ["MAX_TOKENS", "PROHIBITED_CONTENT", "MALFORMED_FUNCTION_CALL"] {
        let log = log_of_output(&json!({
            "candidates": [{"content": {}, "finishReason": word, "index": 0}],
            "usageMetadata": {"promptTokenCount": 7, "thoughtsTokenCount": 64, "totalTokenCount": 71},
            "modelVersion": "gemini-2.5-flash",
        }));
        assert_eq!((log.provider.as_str(), log.api_type.as_deref()), ("google", Some("generate-content")));
        assert_eq!(said(&log.output), lines([("assistant", "")]));
        assert_eq!((log.input_tokens, log.output_tokens), (Some(7), Some(64)), "{word}");
        assert_eq!(log.metadata["provider_finish_reason"], word);
        assert_ne!(log.status, RequestStatus::Success, "{word}");
    }
}

#[test]
fn embeddings_with_usage_are_embeddings() {
    let usage = json!({"promptTokenCount": 4});
    for (reply, said) in [
        (
            json!({"embeddings": [{"values": [0.5, 1.0]}], "usageMetadata": usage}),
            "1 embedding of 2 dimensions",
        ),
        (json!({"embedding": {"values": [0.5, 1.0]}, "usageMetadata": usage}), "1 embedding of 2 dimensions"),
    ] {
        let log = log_of_output(&reply);
        assert_eq!((log.output.text().as_str(), log.api_type.as_deref()), (said, Some("embed-content")));
        assert_eq!((log.input_tokens, log.output_tokens), (Some(4), None));
    }
}
