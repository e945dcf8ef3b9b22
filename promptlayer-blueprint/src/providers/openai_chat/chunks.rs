//! Assembles the choices of a streamed response.

use serde_json::Value;

use super::delta::Delta;
use super::sum::{Choice, Choices, append_lists, merge};
use crate::providers::shape::Object;

/// Assembles chunks into the whole response.
pub(super) fn sum(chunks: &[Value]) -> Object {
    Choices::<ChatChoice<'_>>::sum(chunks, "chat.completion")
}

/// A choice that is assembled from its chunks.
#[derive(Default)]
struct ChatChoice<'a> {
    delta: Delta,
    /// The whole message. Perplexity repeats it in every chunk, and some servers send it instead of deltas.
    message: Option<&'a Object>,
    logprobs: Object,
    fields: Object,
}

impl<'a> Choice<'a> for ChatChoice<'a> {
    fn add(&mut self, choice: &'a Object) {
        for (key, value) in choice {
            match (key.as_str(), value) {
                ("delta", Value::Object(delta)) => self.delta.add(delta),
                ("message", Value::Object(message)) => self.message = Some(message),
                ("logprobs", Value::Object(logprobs)) => append_lists(&mut self.logprobs, logprobs),
                ("delta" | "message" | "logprobs" | "index", _) => {}
                // xAI sends an empty finish reason until the choice has finished.
                ("finish_reason", Value::String(word)) if word.is_empty() => {}
                (key, value) => merge(&mut self.fields, key, value),
            }
        }
    }

    fn whole(self) -> Object {
        let mut whole = self.fields;
        let message = match self.message {
            Some(message) if self.delta.says_nothing() => message.clone(),
            _ => self.delta.message(),
        };
        whole.insert("message".to_owned(), message.into());
        if !self.logprobs.is_empty() {
            whole.insert("logprobs".to_owned(), self.logprobs.into());
        }
        whole
    }
}
