//! Streamed responses of OpenAI's chat completions.

use promptlayer_blueprint::{ContentBlock, ErrorType, LogRequest, RequestStatus, providers};
use serde_json::{Value, json};

use super::{arguments, assistant, captured, lines, said, span};
use crate::process::convert::log_request;
use crate::span::finished::{FinishedSpan, Output};

/// Returns the log of a call with this argument `request` and a stream of these items.
pub(super) fn log_of_stream<'a>(request: impl Into<Option<&'a Value>>, chunks: &[Value]) -> LogRequest {
    let input = request.into().map(|request| arguments([("request", request.clone())]));
    let output = Some(Output::Chunks(chunks.iter().map(captured).collect()));
    log_request(&FinishedSpan { input, output, ..span() }, None)
}

/// Builds a chunk with these choices.
fn chunk(choices: &Value) -> Value {
    json!({"id": "chatcmpl-1", "object": "chat.completion.chunk", "model": "gpt-4o-2024", "choices": choices})
}

/// Builds a chunk with this delta of the first choice.
fn delta(delta: &Value) -> Value {
    chunk(&json!([{"index": 0, "delta": delta, "finish_reason": null}]))
}

/// Returns the message that deltas are assembled into, in OpenAI's format.
pub(super) fn message(deltas: &[Value]) -> Value {
    let chunks: Vec<Value> = deltas.iter().map(delta).collect();
    let whole = providers::joined(chunks);
    whole["choices"][0]["message"].clone()
}

#[test]
fn chunks_are_assembled_into_whole_reply() {
    let chunks = [
        delta(&json!({"role": "assistant", "content": ""})),
        delta(&json!({"content": "Be"})),
        delta(&json!({"content": "cause."})),
        chunk(&json!([{"index": 0, "delta": {}, "finish_reason": "stop"}])),
        json!({"object": "chat.completion.chunk", "choices": [], "service_tier": "default",
            "usage": {"prompt_tokens": 3, "completion_tokens": 2}}),
        json!("[DONE]"),
    ];
    assert_eq!(
        providers::joined(chunks.to_vec()),
        json!({
            "id": "chatcmpl-1", "object": "chat.completion", "model": "gpt-4o-2024", "service_tier": "default",
            "choices": [{"index": 0, "finish_reason": "stop", "message": {"role": "assistant", "content": "Because."}}],
            "usage": {"prompt_tokens": 3, "completion_tokens": 2},
        })
    );
    let log = log_of_stream(None, &chunks);
    assert_eq!(said(&log.output), lines([("assistant", "Because.")]));
    assert_eq!((log.input_tokens, log.output_tokens), (Some(3), Some(2)));
    assert_eq!((log.model.as_str(), log.api_type.as_deref()), ("gpt-4o-2024", Some("chat-completions")));
    assert_eq!(log.metadata["service_tier"], "default");
}

#[test]
fn choices_are_assembled_by_index_not_position() {
    let log = log_of_stream(
        None,
        &[
            chunk(&json!([{"index": 1_000_000_000_u64, "delta": {"content": "Three"}}])),
            chunk(&json!([{"index": 1, "delta": {"content": "T"}}, {"index": 0, "delta": {"content": "O"}}])),
            chunk(&json!([{"index": 0, "delta": {"content": "ne"}, "finish_reason": "stop"}])),
            chunk(&json!([{"index": 1, "delta": {"content": "wo"}, "finish_reason": "length"}])),
        ],
    );
    assert_eq!(
        said(&log.output),
        lines([("assistant", "One"), ("assistant", "Two"), ("assistant", "Three")])
    );
    assert_eq!(log.metadata["finish_reason"], "length");
    let unnumbered = chunk(&json!([{"delta": {"content": "O"}}, {"delta": {"content": "T"}}]));
    let without = log_of_stream(None, &[unnumbered.clone(), unnumbered]);
    assert_eq!(said(&without.output), lines([("assistant", "OO"), ("assistant", "TT")]));
}

#[test]
fn repeated_role_is_kept_once() {
    let piece = |text: &str| json!({"role": "assistant", "content": text});
    assert_eq!(message(&[piece("So"), piece(".")]), json!({"role": "assistant", "content": "So."}));
}

#[test]
fn thoughts_refusals_and_function_calls_are_assembled() {
    let got = message(&[
        json!({"reasoning_content": "six ", "content": null}),
        json!({"reasoning_content": "times seven"}),
        json!({"refusal": "I can"}),
        json!({"refusal": "not."}),
        json!({"function_call": {"name": "weather", "arguments": "{\"ci"}}),
        json!({"function_call": {"arguments": "ty\":1}"}}),
    ]);
    assert_eq!(
        got,
        json!({
            "role": "assistant", "reasoning_content": "six times seven", "refusal": "I cannot.",
            "function_call": {"name": "weather", "arguments": "{\"city\":1}"},
        })
    );
    let refused =
        log_of_stream(None, &[delta(&json!({"refusal": "I can"})), delta(&json!({"refusal": "not."}))]);
    assert_eq!(
        (refused.metadata["finish_reason"].as_str(), refused.output.text().as_str()),
        ("refusal", "I cannot.")
    );
}

#[test]
fn thought_blocks_are_assembled_by_index() {
    let detail = |detail: Value| json!({"reasoning_details": [detail]});
    let got = message(&[
        detail(
            json!({"type": "reasoning.text", "text": "six ", "index": 0, "format": "anthropic-claude-v1"}),
        ),
        detail(json!({"type": "reasoning.text", "text": "times", "index": 0})),
        detail(json!({"type": "reasoning.text", "signature": "EqQB", "index": 0})),
        detail(json!({"type": "reasoning.summary", "summary": "mul", "id": "rs_1", "index": 1})),
        detail(json!({"type": "reasoning.summary", "summary": "tiplied", "index": 1})),
        detail(json!({"type": "reasoning.encrypted", "data": "gAAAA", "id": "rs_1", "index": 1})),
        detail(json!(7)),
    ]);
    assert_eq!(
        got["reasoning_details"],
        json!([
            {"type": "reasoning.text", "text": "six times", "signature": "EqQB", "index": 0, "format": "anthropic-claude-v1"},
            {"type": "reasoning.summary", "summary": "multiplied", "id": "rs_1", "index": 1},
            {"type": "reasoning.encrypted", "data": "gAAAA", "id": "rs_1", "index": 1},
        ])
    );
}

#[test]
fn content_parts_are_assembled() {
    let thinking =
        |text: &str| json!({"content": [{"type": "thinking", "thinking": [{"type": "text", "text": text}]}]});
    let got = message(&[
        json!({"role": "assistant", "content": ""}),
        thinking("six "),
        thinking("times seven"),
        json!({"content": [{"type": "text", "text": "4"}]}),
        json!({"content": "2"}),
        json!({"content": [{"type": "reference", "reference_ids": [1]}]}),
        json!({"content": "!"}),
    ]);
    assert_eq!(
        got["content"],
        json!([
            {"type": "thinking", "thinking": [{"type": "text", "text": "six times seven"}]},
            {"type": "text", "text": "42"},
            {"type": "reference", "reference_ids": [1]},
            {"type": "text", "text": "!"},
        ])
    );
    let log = log_of_stream(None, &[delta(&thinking("six")), delta(&json!({"content": "42"}))]);
    assert_eq!(
        assistant(&log.output, 0).content,
        [ContentBlock::from_thinking("six"), ContentBlock::from_text("42")]
    );
}

#[test]
fn spoken_answer_is_assembled() {
    let got = message(&[
        json!({"audio": {"id": "audio_1", "transcript": "Be"}}),
        json!({"audio": {"transcript": "cause.", "data": "AAAA"}}),
        json!({"audio": {"data": "BBBB"}}),
        json!({"audio": {"expires_at": 7}}),
    ]);
    assert_eq!(
        got["audio"],
        json!({"id": "audio_1", "transcript": "Because.", "data": "AAAABBBB", "expires_at": 7})
    );
}

#[test]
fn lists_are_concatenated() {
    let got = message(&[json!({"annotations": [1]}), json!({"annotations": [2], "images": [3]})]);
    assert_eq!((&got["annotations"], &got["images"]), (&json!([1, 2]), &json!([3])));
    let logprobs = |list: &Value| chunk(&json!([{"index": 0, "delta": {}, "logprobs": list}]));
    let whole = providers::joined(vec![
        logprobs(&json!(null)),
        logprobs(&json!({"content": [{"token": "a"}], "refusal": null})),
        logprobs(&json!({"content": [{"token": "b"}], "reasoning_content": [{"token": "c"}]})),
    ]);
    assert_eq!(
        whole["choices"][0]["logprobs"],
        json!({"content": [{"token": "a"}, {"token": "b"}], "reasoning_content": [{"token": "c"}]})
    );
}

#[test]
fn latest_usage_is_kept() {
    let tokens = |chunks: &[Value]| {
        let mut all = vec![delta(&json!({"content": "So."}))];
        all.extend_from_slice(chunks);
        let log = log_of_stream(None, &all);
        (log.input_tokens, log.output_tokens)
    };
    let with = |usage: Value| json!({"object": "chat.completion.chunk", "choices": [], "usage": usage});
    let one = with(json!({"prompt_tokens": 3, "completion_tokens": 1}));
    let two = with(json!({"prompt_tokens": 3, "completion_tokens": 2}));
    assert_eq!(tokens(&[]), (None, None));
    assert_eq!(tokens(&[one.clone(), two.clone()]), (Some(3), Some(2)), "as the sum so far");
    assert_eq!(tokens(&[two.clone(), two.clone()]), (Some(3), Some(2)), "told twice");
    assert_eq!(tokens(&[two.clone(), with(json!(null))]), (Some(3), Some(2)));
    assert_eq!(tokens(&[two, with(json!({"completion_tokens": 4}))]), (Some(3), Some(4)));
    let usage = json!({"prompt_tokens": 5, "completion_tokens": 6});
    let groq =
        json!({"object": "chat.completion.chunk", "choices": [], "x_groq": {"id": "req_1", "usage": usage}});
    assert_eq!(tokens(&[groq]), (Some(5), Some(6)));
    assert_eq!(tokens(&[chunk(&json!([{"index": 0, "delta": {}, "usage": usage}]))]), (Some(5), Some(6)));
}

#[test]
fn error_in_stream_fails_request_and_keeps_received_content() {
    let error = json!({"code": 429, "message": "Rate limit exceeded"});
    let begun = delta(&json!({"content": "Bec"}));
    let mut ended = chunk(&json!([{"index": 0, "delta": {"content": ""}, "finish_reason": "error"}]));
    ended["error"] = error.clone();
    for last in [json!({ "error": error }), ended] {
        let log = log_of_stream(None, &[begun.clone(), last]);
        assert_eq!((log.status, log.error_type), (RequestStatus::Error, Some(ErrorType::ProviderRateLimit)));
        assert_eq!(log.error_message(), Some("Rate limit exceeded"));
        assert_eq!(log.output.text(), "Bec");
    }
    let vllm = json!({"object": "error", "message": "too long", "type": "BadRequestError", "code": 400});
    let log = log_of_stream(None, &[begun, vllm]);
    assert_eq!((log.error_message(), log.output.text().as_str()), (Some("too long"), "Bec"));
    let log = log_of_stream(None, &[chunk(&json!([])), json!({ "error": error })]);
    assert_eq!(log.error_message(), Some("Rate limit exceeded"), "before the first choice");
}

#[test]
fn interrupted_stream_keeps_received_content() {
    let log = log_of_stream(None, &[delta(&json!({"role": "assistant", "content": "Bec"}))]);
    assert_eq!((log.output.text().as_str(), log.status), ("Bec", RequestStatus::Success));
    assert!(!log.metadata.contains_key("finish_reason"));
    let before = log_of_stream(None, &[chunk(&json!([]))]);
    assert!(before.output.messages().is_empty(), "{:?}", before.output);
    assert_eq!(before.api_type.as_deref(), Some("chat-completions"));
}

#[test]
fn whole_message_beside_deltas_is_kept_once() {
    let both = |piece: &str, whole: &str| {
        json!({"object": "chat.completion.chunk", "choices": [
            {"index": 0, "delta": {"content": piece}, "message": {"role": "assistant", "content": whole}},
        ]})
    };
    assert_eq!(log_of_stream(None, &[both("Be", "Be"), both("cause", "Because")]).output.text(), "Because");
    assert_eq!(log_of_stream(None, &[both("", "Be"), both("", "Because")]).output.text(), "Because");
}

#[test]
fn malformed_chunks_do_not_panic() {
    let strange = [
        json!(null),
        json!([1, [2]]),
        json!({"choices": {"0": {}}}),
        json!({"choices": [null, 7, {"delta": 7, "index": -1}, {"delta": null, "index": 1.5}]}),
        json!({"choices": [{"index": "0", "delta": {"content": {"text": "x"}, "tool_calls": {}, "role": 7}}]}),
        json!({"choices": [{"delta": {"tool_calls": [null, 7, [], {"index": -3, "function": 7, "id": 7}]}}]}),
        json!({"choices": [{"delta": {"content": [null, 7, {"type": "thinking"}, {"type": "thinking", "thinking": 7}]}}]}),
        json!({"choices": [{"delta": {"reasoning_details": [{"index": "x", "text": 7}], "audio": 7, "function_call": []}}]}),
        json!({"usage": 7, "choices": [{"finish_reason": 7, "logprobs": [], "delta": {"annotations": "x"}}], "id": []}),
    ];
    let mut chunks = vec![delta(&json!({"content": "So"}))];
    chunks.extend(strange);
    chunks.push(delta(&json!({"content": "."})));
    assert!(log_of_stream(None, &chunks).output.text().contains("So"));
    for at in 0..chunks.len() {
        log_of_stream(None, &chunks[at..=at]);
    }
}

/// Returns variants of a value: in each, one nested value is replaced.
fn replaced(value: &Value, by: &Value) -> Vec<Value> {
    let mut all = vec![by.clone()];
    match value {
        Value::Object(object) => {
            for (key, inner) in object {
                all.extend(replaced(inner, by).into_iter().map(|inner| {
                    let mut object = object.clone();
                    object.insert(key.clone(), inner);
                    Value::Object(object)
                }));
            }
        }
        Value::Array(items) => {
            for (at, inner) in items.iter().enumerate() {
                all.extend(replaced(inner, by).into_iter().map(|inner| {
                    let mut items = items.clone();
                    items[at] = inner;
                    Value::Array(items)
                }));
            }
        }
        _ => {}
    }
    all
}

#[test]
fn value_of_any_type_gives_a_log() {
    let request = json!({
        "model": "m", "tools": [{"type": "function", "function": {"name": "now"}}], "tool_choice": "auto",
        "provider": {"order": ["a"]}, "data_sources": [{"type": "azure_search"}], "messages": [
            {"role": "user", "content": [
                {"type": "file", "file": {"file_data": "data:a/b;base64,AA", "filename": "a.b"}},
                {"type": "input_audio", "input_audio": {"data": "AA", "format": "wav"}},
                {"type": "thinking", "thinking": [{"text": "hm"}]},
            ]},
            {"role": "assistant", "tool_calls": [{"id": "a", "function": {"name": "now", "arguments": "{}"}}]},
        ],
    });
    let reply = json!({
        "id": "gen-1", "provider": "p", "error": null, "citations": ["u"], "search_results": [{"url": "u", "title": "t"}],
        "x_groq": {"usage": {}}, "timings": {"prompt_n": 1, "predicted_n": 1}, "system_fingerprint": "b1-2",
        "choices": [{"index": 0, "finish_reason": "stop", "message": {
            "content": "So[1]", "refusal": "no", "audio": {"data": "AA"}, "images": [{"image_url": {"url": "u"}}],
            "reasoning_details": [{"type": "reasoning.text", "text": "hm", "id": "1"}],
            "annotations": [{"type": "url_citation", "url_citation": {"url": "u", "end_index": 4}}],
        }}],
        "usage": {"prompt_tokens": 1, "completion_tokens": 2, "prompt_tokens_details": {"cached_tokens": 1}, "cost": 1},
    });
    let mut streamed = reply["choices"][0]["message"].clone();
    streamed["tool_calls"] = request["messages"][1]["tool_calls"].clone();
    let streamed =
        json!([chunk(&json!([{"index": 0, "delta": streamed, "logprobs": {"content": [1]}}])), reply]);
    for by in [
        json!(null),
        json!(7),
        json!(-1.5),
        json!("é["),
        json!([[]]),
        json!({"type": "text"}),
        json!(u64::MAX),
    ] {
        for request in replaced(&request, &by) {
            drop(super::log_of_input(arguments([("request", request)])));
        }
        for reply in replaced(&reply, &by) {
            drop(super::log_of_output(&reply));
        }
        for chunks in replaced(&streamed, &by) {
            drop(log_of_stream(None, chunks.as_array().map_or(&[], Vec::as_slice)));
        }
    }
}
