//! What is read out of a call, whoever the provider.

use std::borrow::Cow;
use std::collections::BTreeMap;

use serde_json::{Map, Value};

use super::finish::Finish;
use super::shape::{Object, Shape};
use crate::blueprint::{ErrorType, Prompt};

/// What an input says of the request.
#[derive(Debug, Default)]
pub struct Request {
    /// The interface that it is a request of.
    pub shape: Option<&'static Shape>,
    /// Who serves it, only where the request surely tells.
    pub provider: Option<Cow<'static, str>>,
    /// The model, if it is named.
    pub model: Option<String>,
    /// The messages or the text, if there are any.
    pub prompt: Option<Prompt>,
    /// Sampling parameters and other settings, by the names that the provider gives them.
    pub parameters: Map<String, Value>,
    /// Arguments that have no place in a request: a customer, a limit of the caller's own.
    pub unplaced: Map<String, Value>,
}

/// What an output says of the reply.
#[derive(Debug, Default)]
pub struct Reply {
    /// The interface that it is a reply of.
    pub shape: Option<&'static Shape>,
    /// Who served it, only where the reply surely tells.
    pub provider: Option<Cow<'static, str>>,
    /// The model, if it is named.
    pub model: Option<String>,
    /// The messages or the text, if there are any.
    pub prompt: Option<Prompt>,
    /// Token counts.
    pub usage: Usage,
    /// Why the model ended.
    pub finish: Option<Finish>,
    /// The provider answered with an error, which the function passed on as a value.
    pub error: Option<(ErrorType, String)>,
    /// What the provider says that it cost, in US dollars.
    pub price: Option<f64>,
    /// What has no field in the log: the id of the reply, the tier that it was served in.
    pub metadata: BTreeMap<&'static str, String>,
}

/// Tokens, as the provider counts them.
#[derive(Debug, Default, Clone, PartialEq, Eq)]
pub struct Usage {
    /// Of the request, in the provider's own meaning: Anthropic's leaves out what was read from and
    /// written to its cache, `OpenAI`'s and Gemini's hold it.
    pub input: Option<u64>,
    /// Of the reply, with those of thinking.
    pub output: Option<u64>,
    /// Of the request, read from a cache.
    pub cached: Option<u64>,
    /// Of the request, written to a cache.
    pub cache_creation: Option<u64>,
    /// Of the reply, spent on thinking.
    pub reasoning: Option<u64>,
    /// Any others, by the metadata key that they go by.
    pub other: BTreeMap<&'static str, u64>,
}

impl Usage {
    /// What the log has no field for, by metadata key. Nothing is said of what there was none of.
    pub fn metadata(&self) -> impl Iterator<Item = (&'static str, u64)> {
        [
            ("cached_tokens", self.cached),
            ("cache_creation_tokens", self.cache_creation),
            ("reasoning_tokens", self.reasoning),
        ]
        .into_iter()
        .filter_map(|(key, count)| Some((key, count?)))
        .chain(self.other.iter().map(|(key, count)| (*key, *count)))
        .filter(|(_, count)| *count > 0)
    }
}

/// What of a request is not its prompt. What is absent or `null` was not asked for.
pub(super) fn parameters(object: Object, prompt_fields: &[&str]) -> Map<String, Value> {
    object
        .into_iter()
        .filter(|(name, value)| !value.is_null() && !prompt_fields.contains(&name.as_str()))
        .collect()
}
