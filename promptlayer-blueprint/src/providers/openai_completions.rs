//! OpenAI's legacy completions.

use serde_json::{Map, Value};

use super::openai_chat::{self, Choice, Choices, append_lists, merge};
use super::reading::Shape;
use super::reading::{self, Reply, Request};
use super::shape::Object;
use super::{json, openai_images, vendor};
use crate::blueprint::{CompletionPrompt, ContentBlock};

pub(super) static SHAPE: Shape = Shape {
    api_type: "completions",
    family: "openai",
    is_shared: true,
    is_request: |object| {
        object.get("model").is_some_and(Value::is_string)
            && matches!(object.get("prompt"), Some(Value::String(_) | Value::Array(_)))
            && !openai_images::is_request(object)
    },
    request,
    is_reply,
    reply,
    // A chunk of a completion has the same shape as a completion.
    is_chunk: is_reply,
    sum: |chunks| Choices::<TextChoice>::sum(&chunks, KIND),
    write: None,
};

/// The `object` field of a completion.
const KIND: &str = "text_completion";

/// Request fields that belong to the prompt. All other fields are parameters.
const PROMPT_FIELDS: &[&str] = &["model", "prompt"];

fn is_reply(object: &Object) -> bool {
    openai_chat::first_choice_has(object, "text", Value::is_string)
        || (openai_chat::is_called(object, KIND) && object.get("choices").is_some_and(Value::is_array))
}

/// Reads a request.
fn request(object: Object) -> Request {
    let prompt = match object.get("prompt") {
        // A request may contain several prompts. A list of tokens is kept as a list.
        Some(Value::Array(prompts)) if prompts.iter().all(Value::is_string) => {
            prompts.iter().map(|prompt| ContentBlock::from_text(json::readable(prompt))).collect()
        }
        Some(Value::String(prompt)) => vec![ContentBlock::from_text(prompt.as_str())],
        Some(other) => vec![ContentBlock::from_text(other.to_string())],
        None => Vec::new(),
    };
    Request {
        shape: Some(&SHAPE),
        provider: vendor::of_request(&object).map(Into::into),
        model: json::string(&object, "model").map(str::to_owned),
        prompt: Some(CompletionPrompt::new(prompt).into()),
        parameters: reading::parameters(object, PROMPT_FIELDS),
        unplaced: Map::new(),
    }
}

/// Reads a response. Each choice becomes a text block.
fn reply(object: &Object) -> Reply {
    let texts: Vec<ContentBlock> = openai_chat::choices(object)
        .iter()
        .filter_map(|choice| choice.get("text")?.as_str())
        .map(ContentBlock::from_text)
        .collect();
    Reply { prompt: Some(CompletionPrompt::new(texts).into()), ..openai_chat::common_reply(object, &SHAPE) }
}

/// A choice that is assembled from its chunks.
#[derive(Default)]
struct TextChoice {
    text: String,
    logprobs: Object,
    fields: Object,
}

impl<'a> Choice<'a> for TextChoice {
    fn add(&mut self, choice: &'a Object) {
        for (key, value) in choice {
            match (key.as_str(), value) {
                ("text", Value::String(piece)) => self.text.push_str(piece),
                ("logprobs", Value::Object(logprobs)) => append_lists(&mut self.logprobs, logprobs),
                ("text" | "logprobs" | "index", _) => {}
                (key, value) => merge(&mut self.fields, key, value),
            }
        }
    }

    fn whole(self) -> Object {
        let mut whole = self.fields;
        whole.insert("text".to_owned(), self.text.into());
        if !self.logprobs.is_empty() {
            whole.insert("logprobs".to_owned(), self.logprobs.into());
        }
        whole
    }
}
