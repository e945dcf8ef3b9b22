//! The reasoning of a model before its answer.
//!
//! OpenAI does not return it in this API. Each server that does uses its own field.

use serde_json::Value;

use crate::blueprint::{ContentBlock, ThinkingContent};
use crate::providers::json;
use crate::providers::shape::Object;

/// Fields that contain a thought as text: `DeepSeek`, vLLM and llama.cpp; `OpenRouter` and Groq; Copilot.
const TEXTS: &[&str] = &["reasoning_content", "reasoning", "reasoning_text"];

/// The field that contains the signature of a thought, in Copilot's responses.
const SIGNATURE: &str = "reasoning_opaque";

/// Returns the thoughts of a message. Blocks are preferred to a single text, because they contain more
/// data.
pub(super) fn blocks(message: &Object) -> Vec<ContentBlock> {
    let items = |key: &str| message.get(key).and_then(Value::as_array).map(Vec::as_slice).unwrap_or_default();
    let mut thoughts = details(items("reasoning_details"));
    // LiteLLM passes Anthropic's thinking blocks on in this field.
    thoughts.extend(items("thinking_blocks").iter().filter_map(|block| thought(block.as_object()?)));
    if thoughts.iter().all(|thought| thought.thinking.is_empty()) {
        let text = TEXTS.iter().find_map(|key| json::string(message, key));
        let signature = json::string(message, SIGNATURE).map(str::to_owned);
        if text.is_some() || signature.is_some() {
            let thinking = text.unwrap_or_default().to_owned();
            thoughts.insert(0, ThinkingContent { thinking, signature, id: None });
        }
    }
    thoughts.into_iter().map(ContentBlock::Thinking).collect()
}

/// Reads the reasoning blocks of `OpenRouter`. An encrypted block is merged with the summary of the same
/// thought.
fn details(details: &[Value]) -> Vec<ThinkingContent> {
    let mut thoughts: Vec<ThinkingContent> = Vec::new();
    for detail in details.iter().filter_map(Value::as_object) {
        let text = |key: &str| json::string(detail, key).map(str::to_owned);
        let next = ThinkingContent {
            thinking: text("text").or_else(|| text("summary")).unwrap_or_default(),
            signature: text("signature").or_else(|| text("data")),
            id: text("id"),
        };
        match thoughts.last_mut() {
            Some(last)
                if next.thinking.is_empty()
                    && last.signature.is_none()
                    && (next.id.is_none() || last.id == next.id) =>
            {
                last.signature = next.signature;
            }
            _ => thoughts.push(next),
        }
    }
    thoughts.retain(|thought| !thought.thinking.is_empty() || thought.signature.is_some());
    thoughts
}

/// Reads a content part that is a thought.
pub(super) fn part(part: &Object) -> Option<ContentBlock> {
    thought(part).map(ContentBlock::Thinking)
}

/// Reads a thought block: a text, or for Mistral a list of parts. A redacted thought has only data that the
/// provider can read.
fn thought(block: &Object) -> Option<ThinkingContent> {
    let text = |key: &str| json::string(block, key).map(str::to_owned);
    if let Some(data) = text("data") {
        return Some(ThinkingContent { signature: Some(data), ..ThinkingContent::default() });
    }
    let thinking = match block.get("thinking")? {
        Value::String(text) => text.clone(),
        Value::Array(parts) => parts.iter().map(text_of).collect(),
        _ => return None,
    };
    Some(ThinkingContent { thinking, signature: text("signature"), id: text("id") })
}

fn text_of(part: &Value) -> String {
    part.get("text").and_then(Value::as_str).map_or_else(|| json::readable(part), str::to_owned)
}
