//! `OpenAI`'s embeddings. Other vendors serve the same API.

use serde_json::json;

use crate::wire::openai_chat;
use crate::{Answer, Case, Expected, INPUT_TOKENS, Scripted, VECTOR, Wire};

const API: &str = "embeddings";

/// Returns the API with the model of a provider.
pub fn wire(provider: &str, model: &str) -> Wire {
    let reply = json!({
        "object": "list",
        "data": [{"object": "embedding", "index": 0, "embedding": VECTOR}],
        "model": model,
        "usage": {"prompt_tokens": INPUT_TOKENS, "total_tokens": INPUT_TOKENS},
    });
    let expected = Expected::embeddings(provider, model, API);
    Wire::default()
        .case(Case::Embeddings, Scripted::new(Answer::json(&reply), expected.clone()))
        .errors((provider, model, API), openai_chat::error)
        .expect(Case::Error, |error| error.input.clone_from(&expected.input))
}
