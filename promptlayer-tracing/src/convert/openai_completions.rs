//! OpenAI's legacy completions.

use serde_json::{Map, Value};

use super::openai_chat::{self, PROVIDER};
use super::{Reply, Request, json};
use crate::blueprint::{CompletionPrompt, ContentBlock};

const API_TYPE: &str = "completions";

/// The fields of a request that are the prompt; all others are parameters.
const PROMPT_FIELDS: &[&str] = &["model", "prompt"];

/// Reads a request.
pub(super) fn request(object: Map<String, Value>) -> Request {
    let prompt = match object.get("prompt") {
        // Several prompts in one request; a list of tokens is shown as it is.
        Some(Value::Array(prompts)) if prompts.iter().all(Value::is_string) => {
            prompts.iter().map(|prompt| ContentBlock::from_text(json::readable(prompt))).collect()
        }
        Some(Value::String(prompt)) => vec![ContentBlock::from_text(prompt.as_str())],
        Some(other) => vec![ContentBlock::from_text(other.to_string())],
        None => Vec::new(),
    };
    Request {
        provider: Some(PROVIDER),
        api_type: Some(API_TYPE),
        model: json::string(&object, "model").map(str::to_owned),
        prompt: Some(CompletionPrompt::new(prompt).into()),
        parameters: openai_chat::parameters(object, PROMPT_FIELDS),
        unplaced: Map::new(),
    }
}

/// Reads a reply: every choice is a block of text.
pub(super) fn reply(object: &Map<String, Value>) -> Reply {
    let choices = object.get("choices").and_then(Value::as_array).map(Vec::as_slice).unwrap_or_default();
    let texts: Vec<ContentBlock> = choices
        .iter()
        .filter_map(|choice| choice.get("text")?.as_str())
        .map(ContentBlock::from_text)
        .collect();
    Reply {
        prompt: Some(CompletionPrompt::new(texts).into()),
        ..openai_chat::common_reply(object, choices, API_TYPE)
    }
}
