//! One model call, as a request log.

use std::collections::BTreeMap;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

use super::{Prompt, or_default, rfc3339};
use crate::{Score, Tags};

/// One model call, as `PromptLayer` logs it: what went in, what came out, and what is known about it.
///
/// ```
/// use promptlayer_blueprint::{LogRequest, Prompt, Tags};
///
/// let request = LogRequest::new(
///     "openai",
///     "gpt-4o",
///     Prompt::user("What comes after 1,2,3 ?"),
///     Prompt::assistant("4"),
/// )
/// .tags(Tags::new(["arithmetic"])?)
/// .usage(14, 1);
/// # Ok::<(), promptlayer_blueprint::InvalidTag>(())
/// ```
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct LogRequest {
    /// Whose model it was: `openai`, `anthropic`, `google`, …
    pub provider: String,
    /// The model's name, as the provider calls it.
    pub model: String,
    /// What went in.
    pub input: Prompt,
    /// What came out.
    pub output: Prompt,
    /// When the call began.
    #[serde(default, with = "rfc3339", skip_serializing_if = "Option::is_none")]
    pub request_start_time: Option<Timestamp>,
    /// When the call ended.
    #[serde(default, with = "rfc3339", skip_serializing_if = "Option::is_none")]
    pub request_end_time: Option<Timestamp>,
    /// `temperature`, `max_tokens` and the like.
    #[serde(default, deserialize_with = "or_default", skip_serializing_if = "Map::is_empty")]
    pub parameters: Map<String, Value>,
    /// Tags, by which requests can be found.
    #[serde(default, deserialize_with = "or_default", skip_serializing_if = "Tags::is_empty")]
    pub tags: Tags,
    /// Keys (of 1024 characters at most) and values, by which requests can be found.
    #[serde(default, deserialize_with = "or_default", skip_serializing_if = "BTreeMap::is_empty")]
    pub metadata: BTreeMap<String, String>,
    /// The template that the input was made from, by name.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub prompt_name: Option<String>,
    /// The template that the input was made from, by id.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub prompt_id: Option<u64>,
    /// The template's version, from 1.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub prompt_version_number: Option<u32>,
    /// The variables that the template was rendered with.
    #[serde(default, deserialize_with = "or_default", skip_serializing_if = "Map::is_empty")]
    pub prompt_input_variables: Map<String, Value>,
    /// How many tokens went in.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub input_tokens: Option<u64>,
    /// How many tokens came out.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub output_tokens: Option<u64>,
    /// What it cost, in US dollars. Where it is absent, the service works it out.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub price: Option<f64>,
    /// The function that made the call.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub function_name: Option<String>,
    /// How good the reply was.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub score: Option<Score>,
    /// Which of the provider's interfaces was called: `chat-completions`, `responses`, …
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub api_type: Option<String>,
    /// How it ended.
    #[serde(default, deserialize_with = "or_default")]
    pub status: RequestStatus,
    /// What kind of error it ended with.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub error_type: Option<ErrorType>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    error_message: Option<String>,
}

impl LogRequest {
    /// The greatest length of an error's message, in characters: a limit of the service.
    pub const MAX_ERROR_CHARACTERS: usize = 1024;

    /// A successful call of a model of `provider`.
    pub fn new(
        provider: impl Into<String>,
        model: impl Into<String>,
        input: impl Into<Prompt>,
        output: impl Into<Prompt>,
    ) -> Self {
        Self {
            provider: provider.into(),
            model: model.into(),
            input: input.into(),
            output: output.into(),
            request_start_time: None,
            request_end_time: None,
            parameters: Map::new(),
            tags: Tags::default(),
            metadata: BTreeMap::new(),
            prompt_name: None,
            prompt_id: None,
            prompt_version_number: None,
            prompt_input_variables: Map::new(),
            input_tokens: None,
            output_tokens: None,
            price: None,
            function_name: None,
            score: None,
            api_type: None,
            status: RequestStatus::default(),
            error_type: None,
            error_message: None,
        }
    }

    /// When the call began and ended.
    #[must_use]
    pub fn times(mut self, start: Timestamp, end: Timestamp) -> Self {
        self.request_start_time = Some(start);
        self.request_end_time = Some(end);
        self
    }

    /// Adds tags.
    #[must_use]
    pub fn tags(mut self, tags: impl Into<Tags>) -> Self {
        self.tags.merge(&tags.into());
        self
    }

    /// Adds metadata. A key that is there already gets the new value.
    #[must_use]
    pub fn metadata<K: Into<String>, V: Into<String>>(
        mut self,
        metadata: impl IntoIterator<Item = (K, V)>,
    ) -> Self {
        self.metadata.extend(metadata.into_iter().map(|(key, value)| (key.into(), value.into())));
        self
    }

    /// Adds parameters such as `temperature`.
    #[must_use]
    pub fn parameters<K: Into<String>, V: Into<Value>>(
        mut self,
        parameters: impl IntoIterator<Item = (K, V)>,
    ) -> Self {
        self.parameters.extend(parameters.into_iter().map(|(name, value)| (name.into(), value.into())));
        self
    }

    /// How many tokens went in and came out.
    #[must_use]
    pub fn usage(mut self, input_tokens: u64, output_tokens: u64) -> Self {
        self.input_tokens = Some(input_tokens);
        self.output_tokens = Some(output_tokens);
        self
    }

    /// How good the reply was.
    #[must_use]
    pub fn score(mut self, score: Score) -> Self {
        self.score = Some(score);
        self
    }

    /// That the call failed, and how. The message is cut as by [`LogRequest::set_error`].
    #[must_use]
    pub fn failed(mut self, kind: ErrorType, message: &str) -> Self {
        self.status = RequestStatus::Error;
        self.set_error(kind, message);
        self
    }

    /// Says what kind of error there was, and what it said, of which the first
    /// [`LogRequest::MAX_ERROR_CHARACTERS`] characters are kept. The status stays what it is: a call
    /// that was cut short may be a warning.
    pub fn set_error(&mut self, kind: ErrorType, message: &str) {
        let end = message.char_indices().nth(Self::MAX_ERROR_CHARACTERS).map(|(end, _)| end);
        let message = end.and_then(|end| message.get(..end)).unwrap_or(message);
        self.error_type = Some(kind);
        self.error_message = Some(message.to_owned());
    }

    /// What the error said.
    pub fn error_message(&self) -> Option<&str> {
        self.error_message.as_deref()
    }
}

/// How a request ended.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "SCREAMING_SNAKE_CASE")]
#[non_exhaustive]
pub enum RequestStatus {
    /// As it should.
    #[default]
    Success,
    /// With a reply that is not all it should be.
    Warning,
    /// Without a reply.
    Error,
}

impl RequestStatus {
    /// As `PromptLayer` writes it: `SUCCESS`, `WARNING` or `ERROR`.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Success => "SUCCESS",
            Self::Warning => "WARNING",
            Self::Error => "ERROR",
        }
    }
}

/// What kind of error a request ended with.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "SCREAMING_SNAKE_CASE")]
#[non_exhaustive]
pub enum ErrorType {
    /// The provider did not answer in time.
    ProviderTimeout,
    /// The account has used up what it paid for.
    ProviderQuotaLimit,
    /// There were too many requests.
    ProviderRateLimit,
    /// The reply broke off.
    ProviderPartialResponse,
    /// The provider does not accept the key.
    ProviderAuthError,
    /// The provider failed in another way.
    ProviderError,
    /// The template could not be rendered.
    TemplateRenderError,
    /// A variable of the template was missing or empty.
    VariableMissingOrEmpty,
    /// Anything else.
    UnknownError,
}

impl ErrorType {
    /// As `PromptLayer` writes it, such as `PROVIDER_TIMEOUT`.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::ProviderTimeout => "PROVIDER_TIMEOUT",
            Self::ProviderQuotaLimit => "PROVIDER_QUOTA_LIMIT",
            Self::ProviderRateLimit => "PROVIDER_RATE_LIMIT",
            Self::ProviderPartialResponse => "PROVIDER_PARTIAL_RESPONSE",
            Self::ProviderAuthError => "PROVIDER_AUTH_ERROR",
            Self::ProviderError => "PROVIDER_ERROR",
            Self::TemplateRenderError => "TEMPLATE_RENDER_ERROR",
            Self::VariableMissingOrEmpty => "VARIABLE_MISSING_OR_EMPTY",
            Self::UnknownError => "UNKNOWN_ERROR",
        }
    }
}
