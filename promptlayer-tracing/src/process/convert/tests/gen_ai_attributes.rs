//! The OpenTelemetry `gen_ai.*` attributes of a call.

use std::sync::Arc;
use std::time::Duration;

use serde_json::{Value, json};

use super::{FinishedSpan, arguments, captured, span};
use crate::PromptLink;
use crate::capture::Captured;
use crate::kind::SpanKind;
use crate::process::convert;
use crate::span::finished::{Inherited, Output};
use crate::span::input_output::Ending;

fn attributes(request: Value, reply: &Value) -> Value {
    let input = Some(arguments([("request", request)]));
    let output = Some(Output::Value(captured(reply)));
    Value::Object(convert::request(&FinishedSpan { input, output, ..span() }, None).attributes)
}

#[test]
fn chat_has_request_response_and_usage_attributes() {
    let said = attributes(
        json!({
            "model": "gpt-4o",
            "messages": [{"role": "user", "content": "Why?"}],
            "temperature": 0.5,
            "max_completion_tokens": 64,
            "stop": "END",
            "seed": 7,
            "n": 1,
        }),
        &json!({
            "id": "chatcmpl-1",
            "object": "chat.completion",
            "created": 1,
            "model": "gpt-4o-2024-08-06",
            "choices": [{
                "index": 0,
                "message": {"role": "assistant", "content": "Because."},
                "finish_reason": "length",
            }],
            "usage": {
                "prompt_tokens": 12,
                "completion_tokens": 7,
                "total_tokens": 19,
                "prompt_tokens_details": {"cached_tokens": 4},
                "completion_tokens_details": {"reasoning_tokens": 3},
            },
        }),
    );
    assert_eq!(
        said,
        json!({
            "gen_ai.operation.name": "chat",
            "gen_ai.provider.name": "openai",
            "gen_ai.system": "openai",
            "gen_ai.request.model": "gpt-4o",
            "gen_ai.request.temperature": 0.5,
            "gen_ai.request.max_tokens": 64,
            "gen_ai.request.stop_sequences": ["END"],
            "gen_ai.request.seed": 7,
            "gen_ai.request.choice.count": 1,
            "gen_ai.response.id": "chatcmpl-1",
            "gen_ai.response.model": "gpt-4o-2024-08-06",
            "gen_ai.response.finish_reasons": ["length"],
            "gen_ai.usage.input_tokens": 12,
            "gen_ai.usage.prompt_tokens": 12,
            "gen_ai.usage.output_tokens": 7,
            "gen_ai.usage.completion_tokens": 7,
            "gen_ai.usage.cache_read.input_tokens": 4,
            "gen_ai.usage.reasoning.output_tokens": 3,
        })
    );
}

#[test]
fn input_tokens_include_cache_tokens_for_every_provider() {
    let claude = json!({
        "id": "msg_1",
        "type": "message",
        "role": "assistant",
        "model": "claude",
        "content": [{"type": "text", "text": "Because."}],
        "stop_reason": "end_turn",
        "usage": {
            "input_tokens": 3, "output_tokens": 7, "cache_read_input_tokens": 20, "cache_creation_input_tokens": 100,
        },
    });
    let converse = json!({
        "output": {"message": {"role": "assistant", "content": [{"text": "Because."}]}},
        "stopReason": "end_turn",
        "usage": {
            "inputTokens": 3, "outputTokens": 7, "totalTokens": 130,
            "cacheReadInputTokens": 20, "cacheWriteInputTokens": 100,
        },
        "metrics": {"latencyMs": 1},
    });
    for reply in [claude, converse] {
        let output = Some(Output::Value(captured(&reply)));
        let converted = convert::request(&FinishedSpan { output, ..span() }, None);
        assert_eq!(converted.log.input_tokens, Some(3), "the log has the provider's own number");
        let said = converted.attributes;
        for (name, count) in [
            ("gen_ai.usage.input_tokens", 123),
            ("gen_ai.usage.prompt_tokens", 123),
            ("gen_ai.usage.cache_read.input_tokens", 20),
            ("gen_ai.usage.cache_creation.input_tokens", 100),
            ("gen_ai.usage.cache_write.input_tokens", 100),
        ] {
            assert_eq!(said[name], count, "{name} of {reply}");
        }
    }
}

#[test]
fn known_values_become_attributes() {
    let prompt = Some(PromptLink::new("forecast").version(2));
    let metadata = [("conversation_id".to_owned(), "talk-9".to_owned())].into();
    let span = FinishedSpan {
        inherited: Arc::new(Inherited { metadata, prompt, ..Inherited::default() }),
        input: Some(arguments([(
            "request",
            json!({
                "model": "gpt-4o",
                "messages": [{"role": "user", "content": "Why?"}],
                "response_format": {"type": "json_schema", "json_schema": {"name": "answer"}},
            }),
        )])),
        output: Some(Output::Chunks([captured(&json!("{}"))].into_iter().collect())),
        time_to_first_chunk: Some(Duration::from_millis(250)),
        ..span()
    };
    let said = convert::request(&span, None).attributes;
    for (name, value) in [
        ("gen_ai.response.time_to_first_chunk", json!(0.25)),
        ("gen_ai.conversation.id", json!("talk-9")),
        ("gen_ai.prompt.name", json!("forecast")),
        ("gen_ai.prompt.version", json!("2")),
        ("gen_ai.output.type", json!("json")),
    ] {
        assert_eq!(said[name], value, "{name}");
    }
}

#[test]
fn output_type_is_read_from_the_parameters_of_every_api() {
    let messages = json!([{"role": "user", "content": "Why?"}]);
    let contents = json!([{"role": "user", "parts": [{"text": "Why?"}]}]);
    for (request, expected) in [
        (json!({"model": "m", "messages": messages, "response_format": {"type": "text"}}), "text"),
        (json!({"model": "m", "messages": messages, "modalities": ["text", "audio"]}), "speech"),
        (json!({"model": "m", "messages": messages, "format": {"type": "object"}, "options": {}}), "json"),
        (json!({"model": "m", "input": "Why?", "text": {"format": {"type": "json_object"}}}), "json"),
        (json!({"contents": contents, "generationConfig": {"responseMimeType": "application/json"}}), "json"),
        (
            json!({"contents": contents, "generationConfig": {"responseModalities": ["TEXT", "IMAGE"]}}),
            "image",
        ),
    ] {
        assert_eq!(attributes(request.clone(), &json!(null))["gen_ai.output.type"], expected, "{request}");
    }
    let plain = attributes(json!({"model": "m", "messages": messages}), &json!(null));
    assert_eq!(plain.get("gen_ai.output.type"), None);
}

#[test]
fn each_choice_has_a_finish_reason() {
    let choice = |reason: Value| json!({"index": 0, "message": {"role": "assistant", "content": "a"}, "finish_reason": reason});
    let chat = |choices: Value| {
        let reply = json!({
            "id": "chatcmpl-1", "object": "chat.completion", "created": 1, "model": "m", "choices": choices,
        });
        attributes(json!(null), &reply).get("gen_ai.response.finish_reasons").cloned()
    };
    let reasons = chat(json!([choice(json!("stop")), choice(json!(null)), choice(json!("length"))]));
    assert_eq!(reasons, Some(json!(["stop", "error", "length"])));
    assert_eq!(chat(json!([choice(json!("stop"))])), Some(json!(["stop"])));
    assert_eq!(chat(json!([choice(json!(null))])), None, "a server that sends none has not failed");

    let candidate = |reason: &str| json!({"content": {"role": "model", "parts": [{"text": "a"}]}, "finishReason": reason});
    let gemini = json!({"candidates": [candidate("STOP"), candidate("SAFETY")], "modelVersion": "m"});
    assert_eq!(attributes(json!(null), &gemini)["gen_ai.response.finish_reasons"], json!(["STOP", "SAFETY"]));
}

#[test]
fn choice_of_a_broken_stream_has_failed() {
    let chunk = |index: u64, reason: Value| {
        captured(&json!({
            "id": "chatcmpl-1", "object": "chat.completion.chunk", "created": 1, "model": "m",
            "choices": [{"index": index, "delta": {"role": "assistant", "content": "a"}, "finish_reason": reason}],
        }))
    };
    let reasons = |chunks: Vec<Captured>| {
        let span = FinishedSpan {
            output: Some(Output::Chunks(chunks.into_iter().collect())),
            ending: Ending::Cancelled,
            ..span()
        };
        convert::request(&span, None).attributes["gen_ai.response.finish_reasons"].clone()
    };
    assert_eq!(reasons(vec![chunk(0, json!(null))]), json!(["error"]));
    assert_eq!(reasons(vec![chunk(0, json!(null)), chunk(1, json!("stop"))]), json!(["error", "stop"]));
}

#[test]
fn embeddings_operation_is_set_for_every_provider() {
    for (request, reply) in [
        (
            json!({"model": "embed-v4.0", "texts": ["why?"], "input_type": "search_query"}),
            json!({"id": "r", "embeddings": {"float": [[0.5]]}, "response_type": "embeddings_by_type"}),
        ),
        (
            json!({"model": "all-minilm", "input": ["why?"]}),
            json!({"model": "all-minilm", "embeddings": [[0.5]], "total_duration": 1, "prompt_eval_count": 2}),
        ),
        (
            json!({"model": "models/gemini-embedding-001", "content": {"parts": [{"text": "why?"}]}}),
            json!({"embedding": {"values": [0.5]}}),
        ),
    ] {
        assert_eq!(attributes(request, &reply)["gen_ai.operation.name"], "embeddings", "{reply}");
    }
}

#[test]
fn embedding_without_request_has_its_operation() {
    let span = FinishedSpan { kind: Some(SpanKind::Embedding), ..span() };
    let said = convert::request(&span, Some("xai")).attributes;
    let operation = json!({
        "gen_ai.operation.name": "embeddings",
        "gen_ai.provider.name": "x_ai",
        "gen_ai.system": "x_ai",
    });
    assert_eq!(Value::Object(said), operation);
}

#[test]
fn function_without_model_call_has_its_operation() {
    let said = |kind| Value::Object(convert::function_attributes(&FinishedSpan { kind, ..span() }));
    assert_eq!(
        said(Some(SpanKind::Tool)),
        json!({"gen_ai.operation.name": "execute_tool", "gen_ai.tool.name": "ask"})
    );
    assert_eq!(
        said(Some(SpanKind::Agent)),
        json!({"gen_ai.operation.name": "invoke_agent", "gen_ai.agent.name": "ask"})
    );
    assert_eq!(
        said(Some(SpanKind::Chain)),
        json!({"gen_ai.operation.name": "invoke_workflow", "gen_ai.workflow.name": "ask"})
    );
    assert_eq!(said(Some(SpanKind::Retriever)), json!({"gen_ai.operation.name": "retrieval"}));
    assert_eq!(said(None), json!({}));
}
