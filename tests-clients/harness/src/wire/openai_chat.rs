//! `OpenAI`'s chat completions. Other vendors serve the same API: they differ in the name and the model.

use serde_json::{Value, json};

use crate::{
    ANSWER, ARGUMENTS, Answer, CALL_ID, Case, Expected, INPUT_TOKENS, OUTPUT_TOKENS, PARTS, Scripted, TOOL,
    Wire,
};

const API: &str = "chat-completions";

/// Returns the API with the model of a provider.
pub fn wire(provider: &str, model: &str) -> Wire {
    let call = json!({
        "id": CALL_ID,
        "type": "function",
        "function": {"name": TOOL, "arguments": ARGUMENTS},
    });
    let text = json!({"role": "assistant", "content": ANSWER, "refusal": null, "annotations": []});
    let calls = json!({
        "role": "assistant", "content": null, "refusal": null, "annotations": [], "tool_calls": [call],
    });
    Wire::default()
        .case(
            Case::Reply,
            Scripted::new(Answer::json(&reply(model, &text, "stop")), Expected::reply(provider, model, API)),
        )
        .case(
            Case::Stream,
            Scripted::new(Answer::events(&chunks(model)), Expected::stream(provider, model, API)),
        )
        .case(
            Case::Tools,
            Scripted::new(
                Answer::json(&reply(model, &calls, "tool_calls")),
                Expected::tools(provider, model, API),
            ),
        )
        .errors((provider, model, API), error)
}

/// Returns the API for a client that knows neither tools nor the usage of streams: the model calls one of the
/// request's `functions`.
pub fn wire_of_functions(provider: &str, model: &str) -> Wire {
    let call = json!({
        "role": "assistant", "content": null, "refusal": null, "annotations": [],
        "function_call": {"name": TOOL, "arguments": ARGUMENTS},
    });
    let mut chunks = chunks(model);
    chunks.pop();
    wire(provider, model)
        .replace(Case::Stream, Scripted::new(Answer::events(&chunks), Expected::stream(provider, model, API)))
        .replace(
            Case::Tools,
            Scripted::new(
                Answer::json(&reply(model, &call, "function_call")),
                Expected::tools(provider, model, API),
            ),
        )
}

/// Returns an error response.
pub fn error(status: u16, message: &str) -> Answer {
    let (kind, code) = match status {
        401 => ("invalid_request_error", json!("invalid_api_key")),
        429 => ("requests", json!("rate_limit_exceeded")),
        _ => ("server_error", Value::Null),
    };
    let error = json!({"message": message, "type": kind, "param": null, "code": code});
    Answer::error(status, &json!({"error": error}))
}

/// Returns the usage of a complete reply.
pub(super) fn usage() -> Value {
    json!({
        "prompt_tokens": INPUT_TOKENS,
        "completion_tokens": OUTPUT_TOKENS,
        "total_tokens": INPUT_TOKENS + OUTPUT_TOKENS,
        "prompt_tokens_details": {"cached_tokens": 0, "audio_tokens": 0},
        "completion_tokens_details": {
            "reasoning_tokens": 0,
            "audio_tokens": 0,
            "accepted_prediction_tokens": 0,
            "rejected_prediction_tokens": 0,
        },
    })
}

pub(super) fn reply(model: &str, message: &Value, finish: &str) -> Value {
    json!({
        "id": "chatcmpl-C4k1",
        "object": "chat.completion",
        "created": 1_767_225_600,
        "model": model,
        "choices": [{"index": 0, "message": message, "logprobs": null, "finish_reason": finish}],
        "usage": usage(),
        "service_tier": "default",
        "system_fingerprint": "fp_4c1d",
    })
}

pub(super) fn chunks(model: &str) -> Vec<Value> {
    let chunk = |choices: Value, usage: Value| {
        json!({
            "id": "chatcmpl-C4k2",
            "object": "chat.completion.chunk",
            "created": 1_767_225_600,
            "model": model,
            "service_tier": "default",
            "system_fingerprint": "fp_4c1d",
            "choices": choices,
            "usage": usage,
        })
    };
    let choice = |delta: Value, finish: Value| {
        chunk(json!([{"index": 0, "delta": delta, "logprobs": null, "finish_reason": finish}]), Value::Null)
    };
    let mut chunks = vec![choice(json!({"role": "assistant", "content": "", "refusal": null}), Value::Null)];
    chunks.extend(PARTS.map(|part| choice(json!({"content": part}), Value::Null)));
    chunks.push(choice(json!({}), json!("stop")));
    chunks.push(chunk(json!([]), usage()));
    chunks
}
