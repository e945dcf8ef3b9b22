//! Makes a provider's request from a prompt.
//!
//! The opposite direction of [`request`](super::request()): each wire format writes what it reads. A part of the
//! prompt that the format cannot express is left out and reported.

use std::fmt;

use serde_json::{Map, Value};

use super::detect;
use super::draft::{Draft, Omission, Omissions};
use crate::blueprint::Prompt;

/// A request for a provider's API.
#[derive(Debug, Clone, PartialEq)]
#[non_exhaustive]
pub struct ProviderRequest {
    /// The body of the request. Formats that have the model in the URL have it in `model` here too, as the SDKs of
    /// their providers do.
    pub body: Map<String, Value>,
    /// The parts of the prompt that the API cannot express, in their order.
    pub omissions: Vec<Omission>,
}

/// The provider or its API is unknown to [`to_request`].
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct UnknownApi {
    provider: String,
    api: Option<String>,
}

impl fmt::Display for UnknownApi {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.api {
            Some(api) => {
                write!(formatter, "no request can be made for the API `{api}` of `{}`", self.provider)
            }
            None => write!(formatter, "no request can be made for the provider `{}`", self.provider),
        }
    }
}

impl std::error::Error for UnknownApi {}

/// Makes the request that a provider takes for a prompt.
///
/// `provider` and `api` are PromptLayer's names, such as `openai` and `responses`. Without `api`, the API is the one
/// that the provider recommends for chats. `parameters` are added to the request as they are.
///
/// ```
/// use promptlayer_blueprint::Prompt;
/// use promptlayer_blueprint::providers::to_request;
/// use serde_json::{Map, json};
///
/// let parameters = Map::from_iter([("max_tokens".to_owned(), json!(100))]);
/// let request = to_request(&Prompt::user("Hello"), "anthropic", None, "claude-sonnet-5", &parameters)?;
/// assert_eq!(
///     serde_json::Value::Object(request.body),
///     json!({
///         "model": "claude-sonnet-5",
///         "max_tokens": 100,
///         "messages": [{"role": "user", "content": [{"type": "text", "text": "Hello"}]}],
///     }),
/// );
/// # Ok::<(), promptlayer_blueprint::providers::UnknownApi>(())
/// ```
///
/// # Errors
///
/// Returns an error if the provider has no API of this name, or none that this crate can write.
pub fn to_request(
    prompt: &Prompt,
    provider: &str,
    api: Option<&str>,
    model: &str,
    parameters: &Map<String, Value>,
) -> Result<ProviderRequest, UnknownApi> {
    let unknown = || UnknownApi { provider: provider.to_owned(), api: api.map(str::to_owned) };
    let write = detect::by_name(provider, api).and_then(|shape| shape.write).ok_or_else(unknown)?;
    let mut omissions = Omissions::default();
    let body = write(&Draft { prompt, provider, model, parameters }, &mut omissions);
    Ok(ProviderRequest { body, omissions: omissions.into_list() })
}
