//! `OpenRouter`'s chat completions and embeddings: `OpenAI`'s APIs with fields of its own.

use serde_json::{Value, json};

use crate::wire::{openai_chat, openai_embeddings};
use crate::{ANSWER, ARGUMENTS, Answer, CALL_ID, Case, Expected, Scripted, TOOL, Wire};

const PROVIDER: &str = "openrouter";

/// Returns the chat API with a model.
pub fn chat(model: &str) -> Wire {
    let api = "chat-completions";
    let text = json!({"role": "assistant", "content": ANSWER, "refusal": null, "reasoning": null});
    let call = json!({
        "index": 0, "id": CALL_ID, "type": "function", "function": {"name": TOOL, "arguments": ARGUMENTS},
    });
    let calls = json!({"role": "assistant", "content": null, "refusal": null, "tool_calls": [call]});
    let reply = routed(openai_chat::reply(model, &text, "stop"));
    let calls = routed(openai_chat::reply(model, &calls, "tool_calls"));
    let chunks: Vec<Value> = openai_chat::chunks(model).into_iter().map(routed).collect();
    Wire::default()
        .case(Case::Reply, Scripted::new(Answer::json(&reply), Expected::reply(PROVIDER, model, api)))
        .case(Case::Stream, Scripted::new(Answer::events(&chunks), Expected::stream(PROVIDER, model, api)))
        .case(Case::Tools, Scripted::new(Answer::json(&calls), Expected::tools(PROVIDER, model, api)))
        .errors((PROVIDER, model, api), error)
}

/// Returns the embeddings API with a model.
pub fn embeddings(model: &str) -> Wire {
    openai_embeddings::wire(PROVIDER, model)
}

fn error(status: u16, message: &str) -> Answer {
    Answer::error(status, &json!({"error": {"message": message, "code": status}, "user_id": "user_2x"}))
}

/// Adds the fields of the router to a reply or a chunk.
fn routed(mut body: Value) -> Value {
    body["id"] = "gen-1767225600-Qx".into();
    body["provider"] = "Novita".into();
    if body["usage"].is_object() {
        body["usage"]["cost"] = json!(0.000_012_5);
        body["usage"]["is_byok"] = false.into();
    }
    for choice in body["choices"].as_array_mut().into_iter().flatten() {
        choice["native_finish_reason"] = choice["finish_reason"].clone();
    }
    body
}
