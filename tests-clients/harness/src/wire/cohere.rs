//! Version 1 of Cohere's Chat and Embed APIs.

use serde_json::{Value, json};

use crate::{
    ANSWER, Answer, Case, Expected, INPUT_TOKENS, OUTPUT_TOKENS, PARTS, QUESTION, Scripted, VECTOR, Wire,
};

const PROVIDER: &str = "cohere";

/// Returns the Chat API with a model. A stream is one JSON object on each line.
pub fn chat_v1(model: &str) -> Wire {
    let api = "chat";
    Wire::default()
        .case(Case::Stream, Scripted::new(Answer::lines(&events()), Expected::stream(PROVIDER, model, api)))
        .errors((PROVIDER, model, api), error)
}

/// Returns the Embed API with a model.
pub fn embed_v1(model: &str) -> Wire {
    let api = "embed";
    let reply = json!({
        "id": "e51f",
        "texts": [QUESTION],
        "embeddings": [VECTOR],
        "meta": {"api_version": {"version": "1"}, "billed_units": {"input_tokens": INPUT_TOKENS}},
        "response_type": "embeddings_floats",
    });
    let expected = Expected::embeddings(PROVIDER, model, api);
    Wire::default()
        .case(Case::Embeddings, Scripted::new(Answer::json(&reply), expected.clone()))
        .errors((PROVIDER, model, api), error)
        .expect(Case::Error, |error| error.input.clone_from(&expected.input))
}

fn error(status: u16, message: &str) -> Answer {
    Answer::error(status, &json!({"message": message}))
}

fn events() -> Vec<Value> {
    let mut events = vec![json!({
        "is_finished": false, "event_type": "stream-start", "generation_id": "g51",
    })];
    events.extend(
        PARTS.map(|part| json!({"is_finished": false, "event_type": "text-generation", "text": part})),
    );
    let tokens = json!({"input_tokens": INPUT_TOKENS, "output_tokens": OUTPUT_TOKENS});
    let response = json!({
        "response_id": "r51",
        "text": ANSWER,
        "generation_id": "g51",
        "chat_history": [{"role": "USER", "message": QUESTION}, {"role": "CHATBOT", "message": ANSWER}],
        "finish_reason": "COMPLETE",
        "meta": {"api_version": {"version": "1"}, "billed_units": tokens, "tokens": tokens},
    });
    events.push(json!({
        "is_finished": true, "event_type": "stream-end", "finish_reason": "COMPLETE", "response": response,
    }));
    events
}
