//! Streamed replies: the choices that their chunks add up to.

use serde_json::Value;

use super::delta::Delta;
use super::sum::{Choice, Choices, append_lists, merge};
use crate::providers::shape::Object;

/// Adds chunks up to the whole reply.
pub(super) fn sum(chunks: &[Value]) -> Object {
    Choices::<ChatChoice<'_>>::sum(chunks, "chat.completion")
}

/// What the chunks of a choice add up to.
#[derive(Default)]
struct ChatChoice<'a> {
    delta: Delta,
    /// The whole message, which Perplexity repeats in every chunk, and some servers send instead of deltas.
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
                // xAI has an empty one until there is one.
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
