//! Ollama: chat, generate, and embed.

use serde_json::{Value, json};

use crate::{
    ANSWER, ARGUMENTS, Answer, Case, Expected, INPUT_TOKENS, OUTPUT_TOKENS, PARTS, Scripted, TOOL, VECTOR,
    Wire,
};

const PROVIDER: &str = "ollama";

/// Returns the chat API with a model.
pub fn chat(model: &str) -> Wire {
    let api = "chat";
    let arguments: Value = serde_json::from_str(ARGUMENTS).expect("the arguments are JSON");
    let message = |text: &str| json!({"message": {"role": "assistant", "content": text}});
    let calls = json!({"message": {
        "role": "assistant",
        "content": "",
        "tool_calls": [{"function": {"name": TOOL, "arguments": arguments}}],
    }});
    let mut parts: Vec<Value> = PARTS.map(|part| line(model, message(part))).into();
    parts.push(last(model, message("")));
    Wire::default()
        .case(
            Case::Reply,
            Scripted::new(Answer::json(&last(model, message(ANSWER))), Expected::reply(PROVIDER, model, api)),
        )
        .case(Case::Stream, Scripted::new(Answer::lines(&parts), Expected::stream(PROVIDER, model, api)))
        .case(
            Case::Tools,
            Scripted::new(Answer::json(&last(model, calls)), Expected::tools(PROVIDER, model, api)),
        )
        .errors((PROVIDER, model, api), error)
}

/// Returns the generate API with a model.
pub fn generate(model: &str) -> Wire {
    let api = "generate";
    let response = |text: &str| json!({"response": text});
    let mut end = last(model, response(""));
    end["context"] = json!([105, 2364, 107]);
    let mut parts: Vec<Value> = PARTS.map(|part| line(model, response(part))).into();
    parts.push(end);
    Wire::default()
        .case(
            Case::Reply,
            Scripted::new(
                Answer::json(&last(model, response(ANSWER))),
                Expected::reply(PROVIDER, model, api),
            ),
        )
        .case(Case::Stream, Scripted::new(Answer::lines(&parts), Expected::stream(PROVIDER, model, api)))
        .errors((PROVIDER, model, api), error)
}

/// Returns the embed API with a model.
pub fn embed(model: &str) -> Wire {
    let api = "embed";
    let reply = json!({
        "model": model,
        "embeddings": [VECTOR],
        "total_duration": 14_143_917,
        "load_duration": 1_019_500,
        "prompt_eval_count": INPUT_TOKENS,
    });
    let expected = Expected::embeddings(PROVIDER, model, api);
    Wire::default()
        .case(Case::Embeddings, Scripted::new(Answer::json(&reply), expected.clone()))
        .errors((PROVIDER, model, api), error)
        .expect(Case::Error, |error| error.input.clone_from(&expected.input))
}

fn error(status: u16, message: &str) -> Answer {
    Answer::error(status, &json!({"error": message}))
}

fn line(model: &str, mut content: Value) -> Value {
    content["model"] = model.into();
    content["created_at"] = "2026-01-01T00:00:00.417263Z".into();
    content["done"] = false.into();
    content
}

fn last(model: &str, content: Value) -> Value {
    let mut last = line(model, content);
    last["done"] = true.into();
    last["done_reason"] = "stop".into();
    last["total_duration"] = 402_114_000.into();
    last["load_duration"] = 51_200_000.into();
    last["prompt_eval_count"] = INPUT_TOKENS.into();
    last["prompt_eval_duration"] = 120_400_000.into();
    last["eval_count"] = OUTPUT_TOKENS.into();
    last["eval_duration"] = 210_300_000.into();
    last
}
