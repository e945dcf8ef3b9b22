//! The data that is read from a call, in one form for all providers, and the table of functions that read it.

use std::borrow::Cow;
use std::collections::BTreeMap;
use std::fmt;

use serde_json::{Map, Value};

use super::draft::{Draft, Omissions};
use super::finish::Finish;
use super::json::{Fields, Object, whole_number};
use crate::blueprint::{ErrorType, Prompt};

/// The wire format of a provider API. Servers of other providers may use it too. Each provider's module
/// defines its own.
pub struct Shape {
    /// `PromptLayer`'s name for the API.
    pub api_type: &'static str,
    /// The provider that defines the API. It is used as the provider if the actual provider is unknown.
    pub family: &'static str,
    /// `true` if other providers use this wire format too, so that `family` does not identify the provider.
    pub(super) is_shared: bool,
    pub(super) is_request: fn(&Object) -> bool,
    pub(super) request: fn(Object) -> Request,
    /// Returns `true` if an object is a whole response.
    pub(super) is_reply: fn(&Object) -> bool,
    /// Reads a whole response.
    pub(super) reply: fn(&Object) -> Reply,
    /// Returns `true` if an object is an event of a streamed response in this format and in no other.
    pub(super) is_chunk: fn(&Object) -> bool,
    /// Assembles the events of a streamed response into the whole response.
    pub(super) sum: fn(Vec<Value>) -> Object,
    /// Writes a request for a prompt. `None` if the API is not one for prompts, such as embeddings.
    pub(super) write: Option<fn(&Draft<'_>, &mut Omissions) -> Object>,
}

impl Shape {
    /// A wire format of one provider that neither streams nor has prompts to write.
    pub(super) const BASE: Self = Self {
        api_type: "",
        family: "",
        is_shared: false,
        is_request: never,
        request: |_| Request::default(),
        is_reply: never,
        reply: |_| Reply::default(),
        is_chunk: never,
        sum: |_| Object::new(),
        write: None,
    };

    /// Returns the provider if only one provider uses this wire format, else `None`.
    pub fn only_speaker(&self) -> Option<&'static str> {
        (!self.is_shared).then_some(self.family)
    }

    /// Returns `true` if the responses are embeddings.
    pub(super) fn is_for_embeddings(&self) -> bool {
        ["embed", "embeddings", "embed-content"].contains(&self.api_type)
    }

    /// Returns the provider that usually serves this format. OpenAI's formats are those of many servers.
    pub(super) fn usual_speaker(&self) -> Option<&'static str> {
        (self.family != "openai").then_some(self.family)
    }
}

impl Request {
    /// Creates a request. The fields of its body that are not in `prompt_fields` are parameters.
    pub(super) fn new(
        shape: &'static Shape,
        prompt: impl Into<Prompt>,
        body: Object,
        prompt_fields: &[&str],
    ) -> Self {
        Self {
            shape: Some(shape),
            model: body.owned("model"),
            prompt: Some(prompt.into()),
            parameters: parameters(body, prompt_fields),
            ..Self::default()
        }
    }

    /// Fills in what the request lacks from another reading of the same call.
    #[must_use]
    pub fn or(mut self, other: Self) -> Self {
        self.model = self.model.or(other.model);
        self.shape = self.shape.or(other.shape);
        self.provider = self.provider.or(other.provider);
        for (name, value) in other.parameters {
            self.parameters.entry(name).or_insert(value);
        }
        // A prompt may consist of nothing but the offered tools.
        let tools = match self.prompt {
            Some(Prompt::Chat(chat)) if chat.messages.is_empty() => chat.tools,
            Some(_) => return self,
            None => Vec::new(),
        };
        self.prompt = other.prompt;
        if let Some(Prompt::Chat(chat)) = &mut self.prompt
            && chat.tools.is_empty()
        {
            chat.tools = tools;
        }
        self
    }
}

impl Reply {
    /// Fills in what the response lacks from another reading of the same call.
    #[must_use]
    pub fn or(mut self, other: Self) -> Self {
        // The shape says how the usage is counted.
        if self.usage == Usage::default() {
            (self.usage, self.shape) = (other.usage, self.shape.or(other.shape));
        }
        self.provider = self.provider.or(other.provider);
        self.model = self.model.or(other.model);
        self.prompt = self.prompt.or(other.prompt);
        self.finish = self.finish.or(other.finish);
        self.error = self.error.or(other.error);
        self.price = self.price.or(other.price);
        for (key, value) in other.metadata {
            self.metadata.entry(key).or_insert(value);
        }
        self
    }
}

impl fmt::Debug for Shape {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.debug_tuple("Shape").field(&self.family).field(&self.api_type).finish()
    }
}

/// The request, as read from a call's input.
#[derive(Debug, Default)]
pub struct Request {
    /// The API that the request is written for.
    pub shape: Option<&'static Shape>,
    /// The provider, only if the request identifies it.
    pub provider: Option<Cow<'static, str>>,
    /// The model, if it is named.
    pub model: Option<String>,
    /// The messages or the text, if there are any.
    pub prompt: Option<Prompt>,
    /// Sampling parameters and other settings, by the names that the provider gives them.
    pub parameters: Map<String, Value>,
    /// Arguments that are not part of the request, for example a customer id or a limit of the application.
    pub unplaced: Map<String, Value>,
}

/// The response, as read from a call's output.
#[derive(Debug, Default)]
pub struct Reply {
    /// The API that the response comes from.
    pub shape: Option<&'static Shape>,
    /// The provider, only if the response identifies it.
    pub provider: Option<Cow<'static, str>>,
    /// The model, if it is named.
    pub model: Option<String>,
    /// The messages or the text, if there are any.
    pub prompt: Option<Prompt>,
    /// Token counts.
    pub usage: Usage,
    /// The finish reason of the model.
    pub finish: Option<Finish>,
    /// The error that the provider returned, if the function returned it as a value.
    pub error: Option<(ErrorType, String)>,
    /// The cost that the provider reports, in US dollars.
    pub price: Option<f64>,
    /// Data without a field in the log, for example the id of the response and the service tier.
    pub metadata: BTreeMap<&'static str, String>,
    /// Parts of the returned value that are not part of the response, such as the other fields of a struct.
    pub unplaced: Map<String, Value>,
}

/// Token counts, as reported by the provider.
#[derive(Debug, Default, Clone, PartialEq, Eq)]
pub struct Usage {
    /// Input tokens, as the provider defines them. Anthropic excludes the tokens that were read from or
    /// written to its cache. `OpenAI` and Gemini include them.
    pub input: Option<u64>,
    /// Output tokens, including reasoning tokens.
    pub output: Option<u64>,
    /// Input tokens that were read from a cache.
    pub cached: Option<u64>,
    /// Input tokens that were written to a cache.
    pub cache_creation: Option<u64>,
    /// Output tokens that were used for reasoning.
    pub reasoning: Option<u64>,
    /// Other counts, by metadata key.
    pub other: BTreeMap<&'static str, u64>,
}

impl Usage {
    /// Returns the counts without a field in the log, by metadata key. Omits counts that are zero.
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

/// The paths of a format's token counts in its usage object. The first path that has a count is used.
pub(super) struct UsagePaths {
    /// Input tokens.
    pub(super) input: &'static [&'static str],
    /// Output tokens, including those for reasoning.
    pub(super) output: &'static [&'static str],
    /// Input tokens that were read from a cache.
    pub(super) cached: &'static [&'static str],
    /// Input tokens that were written to a cache.
    pub(super) cache_creation: &'static [&'static str],
    /// Output tokens that were used for reasoning.
    pub(super) reasoning: &'static [&'static str],
    /// Counts without a field in the log: the path, and the metadata key.
    pub(super) other: &'static [(&'static str, &'static str)],
}

impl UsagePaths {
    /// A table without any path.
    pub(super) const NONE: Self =
        Self { input: &[], output: &[], cached: &[], cache_creation: &[], reasoning: &[], other: &[] };

    /// Reads the counts of the usage object in a field.
    pub(super) fn within(&self, object: &Object, key: &str) -> Usage {
        object.object(key).map(|usage| self.read(usage)).unwrap_or_default()
    }

    /// Reads the counts of a usage object.
    pub(super) fn read(&self, usage: &Object) -> Usage {
        let count = |path: &str| whole_number(usage.at(path)?);
        let first = |paths: &[&str]| paths.iter().find_map(|path| count(path));
        Usage {
            input: first(self.input),
            output: first(self.output),
            cached: first(self.cached),
            cache_creation: first(self.cache_creation),
            reasoning: first(self.reasoning),
            other: self.other.iter().filter_map(|(path, key)| Some((*key, count(path)?))).collect(),
        }
    }
}

fn never(_: &Object) -> bool {
    false
}

/// Returns the fields of a request that are not in `prompt_fields`. Omits fields that are `null`: they have
/// no effect on the request.
pub(super) fn parameters(object: Object, prompt_fields: &[&str]) -> Map<String, Value> {
    object
        .into_iter()
        .filter(|(name, value)| !value.is_null() && !prompt_fields.contains(&name.as_str()))
        .collect()
}
