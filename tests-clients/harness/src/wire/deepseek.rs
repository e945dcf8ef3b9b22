//! `DeepSeek`'s chat completions: `OpenAI`'s API with fields of its own.

use serde_json::{Value, json};

use crate::wire::openai_chat;
use crate::{ANSWER, Answer, Case, Expected, INPUT_TOKENS, Scripted, Wire};

const PROVIDER: &str = "deepseek";
const API: &str = "chat-completions";

/// Returns the chat API with a model.
pub fn chat(model: &str) -> Wire {
    let text = json!({"role": "assistant", "content": ANSWER});
    let reply = with_cache(openai_chat::reply(model, &text, "stop"));
    Wire::default()
        .case(Case::Reply, Scripted::new(Answer::json(&reply), Expected::reply(PROVIDER, model, API)))
        .errors((PROVIDER, model, API), openai_chat::error)
}

/// Adds the counts of the cache to the usage of a reply.
fn with_cache(mut reply: Value) -> Value {
    reply["usage"]["prompt_cache_hit_tokens"] = 0.into();
    reply["usage"]["prompt_cache_miss_tokens"] = INPUT_TOKENS.into();
    reply
}
