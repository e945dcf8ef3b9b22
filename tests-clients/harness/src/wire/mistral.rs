//! Mistral's chat and embeddings: `OpenAI`'s APIs with fields of its own.

use serde_json::{Value, json};

use crate::{
    ANSWER, ARGUMENTS, Answer, CALL_ID, Case, Expected, INPUT_TOKENS, OUTPUT_TOKENS, PARTS, Scripted, TOOL,
    VECTOR, Wire,
};

const PROVIDER: &str = "mistral";

/// Returns the chat API with a model.
pub fn chat(model: &str) -> Wire {
    let api = "chat-completions";
    let text = json!({"role": "assistant", "content": ANSWER, "tool_calls": null, "prefix": false});
    let call = json!({"id": CALL_ID, "function": {"name": TOOL, "arguments": ARGUMENTS}, "index": 0});
    let calls = json!({"role": "assistant", "content": "", "tool_calls": [call], "prefix": false});
    Wire::default()
        .case(
            Case::Reply,
            Scripted::new(Answer::json(&reply(model, &text, "stop")), Expected::reply(PROVIDER, model, api)),
        )
        .case(
            Case::Stream,
            Scripted::new(Answer::events(&chunks(model)), Expected::stream(PROVIDER, model, api)),
        )
        .case(
            Case::Tools,
            Scripted::new(
                Answer::json(&reply(model, &calls, "tool_calls")),
                Expected::tools(PROVIDER, model, api),
            ),
        )
        .errors((PROVIDER, model, api), error)
}

/// Returns the embeddings API with a model.
pub fn embeddings(model: &str) -> Wire {
    let api = "embeddings";
    let reply = json!({
        "id": "emb-6c1e",
        "object": "list",
        "data": [{"object": "embedding", "embedding": VECTOR, "index": 0}],
        "model": model,
        "usage": {"prompt_tokens": INPUT_TOKENS, "total_tokens": INPUT_TOKENS, "completion_tokens": 0},
    });
    let expected =
        Expected { tokens: (Some(INPUT_TOKENS), Some(0)), ..Expected::embeddings(PROVIDER, model, api) };
    Wire::default()
        .case(Case::Embeddings, Scripted::new(Answer::json(&reply), expected.clone()))
        .errors((PROVIDER, model, api), error)
        .expect(Case::Error, |error| error.input.clone_from(&expected.input))
}

fn error(status: u16, message: &str) -> Answer {
    let kind = match status {
        401 => "invalid_api_key",
        429 => "rate_limited",
        _ => "internal_server_error",
    };
    let body = json!({"object": "error", "message": message, "type": kind, "param": null, "code": "1300"});
    Answer::error(status, &body)
}

fn usage() -> Value {
    json!({
        "prompt_tokens": INPUT_TOKENS,
        "total_tokens": INPUT_TOKENS + OUTPUT_TOKENS,
        "completion_tokens": OUTPUT_TOKENS,
    })
}

fn reply(model: &str, message: &Value, finish: &str) -> Value {
    json!({
        "id": "6d21",
        "object": "chat.completion",
        "created": 1_767_225_600,
        "model": model,
        "choices": [{"index": 0, "message": message, "finish_reason": finish}],
        "usage": usage(),
    })
}

fn chunks(model: &str) -> Vec<Value> {
    let chunk = |delta: Value, finish: Value| {
        json!({
            "id": "6d22",
            "object": "chat.completion.chunk",
            "created": 1_767_225_600,
            "model": model,
            "choices": [{"index": 0, "delta": delta, "finish_reason": finish}],
        })
    };
    let mut chunks = vec![chunk(json!({"role": "assistant", "content": ""}), Value::Null)];
    chunks.extend(PARTS.map(|part| chunk(json!({"content": part}), Value::Null)));
    let mut last = chunk(json!({"content": ""}), json!("stop"));
    last["usage"] = usage();
    chunks.push(last);
    chunks
}
