//! The types of Rust crates that call several providers and serialize in a form of their own. They are rewritten
//! into the wire format of chat completions, which the readers detect.

mod genai;
mod langchain;
mod rig;

use serde_json::{Value, json};

/// Rewrites a request. Returns any other value as it is.
pub(super) fn request(value: Value) -> Value {
    genai::request(&value).or_else(|| rig::request(&value)).unwrap_or(value)
}

/// Rewrites a response. Returns any other value as it is.
pub(super) fn response(value: Value) -> Value {
    genai::response(&value).or_else(|| langchain::response(&value)).unwrap_or(value)
}

/// Rewrites the events of a stream. Returns any other items as they are.
pub(super) fn events(items: Vec<Value>) -> Vec<Value> {
    genai::events(&items).or_else(|| rig::events(&items)).unwrap_or(items)
}

/// Returns an event of a streamed chat completion.
fn chunk(choice: &Value, usage: &Value) -> Value {
    json!({"object": "chat.completion.chunk", "choices": [choice], "usage": usage})
}
