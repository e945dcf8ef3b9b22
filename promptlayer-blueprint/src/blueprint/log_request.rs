//! The request log of one model call.

use std::collections::BTreeMap;
use std::time::SystemTime;

use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

use super::Prompt;
use crate::fields::{or_default, rfc3339};
use crate::{Score, Tags};

/// One model call, as `PromptLayer` logs it: the input, the output, and metadata of the call.
///
/// ```
/// use std::time::{Duration, SystemTime};
///
/// use promptlayer_blueprint::{ErrorType, LogRequest, Prompt, Score, Tags};
///
/// let start = SystemTime::now();
/// let request = LogRequest::new(
///     "openai",
///     "gpt-4o",
///     Prompt::user("What comes after 1,2,3 ?"),
///     Prompt::assistant("4"),
/// )
/// .times(start, start + Duration::from_millis(350))
/// .parameters([("temperature", 0.5)])
/// .tags(Tags::new(["arithmetic"])?)
/// .metadata([("customer", "17")])
/// .usage(14, 1)
/// .score(Score::MAX);
/// assert_eq!(request.output_tokens, Some(1));
///
/// // A call that failed:
/// let failed = LogRequest::new("openai", "gpt-4o", Prompt::user("Why?"), Prompt::assistant(""))
///     .failed(ErrorType::ProviderTimeout, "no answer within 30 s");
/// assert_eq!(failed.status.as_str(), "ERROR");
/// assert_eq!(failed.error_message(), Some("no answer within 30 s"));
/// # Ok::<(), promptlayer_blueprint::InvalidTag>(())
/// ```
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct LogRequest {
    /// Provider of the model: `openai`, `anthropic`, `google`, …
    pub provider: String,
    /// Name of the model, as the provider writes it.
    pub model: String,
    /// The model's input.
    pub input: Prompt,
    /// The model's output.
    pub output: Prompt,
    /// Start time of the call.
    #[serde(default, with = "rfc3339", skip_serializing_if = "Option::is_none")]
    pub request_start_time: Option<SystemTime>,
    /// End time of the call.
    #[serde(default, with = "rfc3339", skip_serializing_if = "Option::is_none")]
    pub request_end_time: Option<SystemTime>,
    /// Model parameters such as `temperature` and `max_tokens`.
    #[serde(default, deserialize_with = "or_default", skip_serializing_if = "Map::is_empty")]
    pub parameters: Map<String, Value>,
    /// Tags, for searching requests.
    #[serde(default, deserialize_with = "or_default", skip_serializing_if = "Tags::is_empty")]
    pub tags: Tags,
    /// Metadata, for searching requests. A key has at most 1024 characters.
    #[serde(default, deserialize_with = "or_default", skip_serializing_if = "BTreeMap::is_empty")]
    pub metadata: BTreeMap<String, String>,
    /// Name of the prompt template that the input was rendered from.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub prompt_name: Option<String>,
    /// Id of the prompt template that the input was rendered from.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub prompt_id: Option<u64>,
    /// Version of the prompt template, starting at 1.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub prompt_version_number: Option<u32>,
    /// Variables that the template was rendered with.
    #[serde(default, deserialize_with = "or_default", skip_serializing_if = "Map::is_empty")]
    pub prompt_input_variables: Map<String, Value>,
    /// Number of input tokens.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub input_tokens: Option<u64>,
    /// Number of output tokens.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub output_tokens: Option<u64>,
    /// Cost of the call in US dollars. If absent, the service computes it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub price: Option<f64>,
    /// Name of the function that made the call.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub function_name: Option<String>,
    /// Quality score of the response.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub score: Option<Score>,
    /// The provider's API that was called: `chat-completions`, `responses`, …
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub api_type: Option<String>,
    /// Outcome of the request.
    #[serde(default, deserialize_with = "or_default")]
    pub status: RequestStatus,
    /// Kind of error, if the request failed or its response is incomplete.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub error_type: Option<ErrorType>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    error_message: Option<String>,
}

impl LogRequest {
    /// Maximum length of an error message, in characters. The service enforces this limit.
    pub const MAX_ERROR_CHARACTERS: usize = 1024;

    /// Creates the log of a successful call.
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

    /// Sets the start and end time of the call. A time after the year 9999 is not sent.
    #[must_use]
    pub fn times(mut self, start: SystemTime, end: SystemTime) -> Self {
        self.request_start_time = Some(start);
        self.request_end_time = Some(end);
        self
    }

    /// Adds tags.
    #[must_use]
    pub fn tags(mut self, tags: Tags) -> Self {
        if self.tags.is_empty() {
            self.tags = tags;
        } else {
            self.tags.merge(&tags);
        }
        self
    }

    /// Adds metadata. The value of an existing key is replaced.
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

    /// Sets the number of input and output tokens.
    #[must_use]
    pub fn usage(mut self, input_tokens: u64, output_tokens: u64) -> Self {
        self.input_tokens = Some(input_tokens);
        self.output_tokens = Some(output_tokens);
        self
    }

    /// Sets the quality score of the response.
    #[must_use]
    pub fn score(mut self, score: Score) -> Self {
        self.score = Some(score);
        self
    }

    /// Sets the status to [`RequestStatus::Error`], with a kind and a message. The message is truncated as
    /// by [`LogRequest::set_error`].
    #[must_use]
    pub fn failed(mut self, kind: ErrorType, message: &str) -> Self {
        self.status = RequestStatus::Error;
        self.set_error(kind, message);
        self
    }

    /// Sets the error's kind and message. The message is truncated to [`LogRequest::MAX_ERROR_CHARACTERS`]
    /// characters. The status does not change: a response that was cut off may be logged as a warning.
    pub fn set_error(&mut self, kind: ErrorType, message: &str) {
        let end = message.char_indices().nth(Self::MAX_ERROR_CHARACTERS).map(|(end, _)| end);
        let message = end.and_then(|end| message.get(..end)).unwrap_or(message);
        self.error_type = Some(kind);
        self.error_message = Some(message.to_owned());
    }

    /// Returns the error message.
    pub fn error_message(&self) -> Option<&str> {
        self.error_message.as_deref()
    }
}

/// The outcome of a request.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "SCREAMING_SNAKE_CASE")]
#[non_exhaustive]
pub enum RequestStatus {
    /// The request succeeded.
    #[default]
    Success,
    /// The request returned a response that is incomplete, for example cut off.
    Warning,
    /// The request failed.
    Error,
}

impl RequestStatus {
    /// Returns the name that `PromptLayer` uses: `SUCCESS`, `WARNING` or `ERROR`.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Success => "SUCCESS",
            Self::Warning => "WARNING",
            Self::Error => "ERROR",
        }
    }
}

/// The kind of error of a request.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "SCREAMING_SNAKE_CASE")]
#[non_exhaustive]
pub enum ErrorType {
    /// The provider did not respond in time.
    ProviderTimeout,
    /// The account has used up its paid quota.
    ProviderQuotaLimit,
    /// The provider's rate limit was exceeded.
    ProviderRateLimit,
    /// The response was cut off.
    ProviderPartialResponse,
    /// The provider rejected the API key.
    ProviderAuthError,
    /// Any other error of the provider.
    ProviderError,
    /// The template could not be rendered.
    TemplateRenderError,
    /// A template variable is missing or empty.
    VariableMissingOrEmpty,
    /// Any other error.
    UnknownError,
}

impl ErrorType {
    /// Returns the name that `PromptLayer` uses, such as `PROVIDER_TIMEOUT`.
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
