//! A client for chat completions that needs no crate of a provider.

use reqwest::StatusCode;
use secrecy::ExposeSecret;
use serde_json::Value;

use crate::Endpoint;

/// A client for the chat completions of a service with OpenAI's API. Requests and responses are plain JSON.
///
/// ```
/// use examples::ChatClient;
/// use serde_json::json;
///
/// # #[tokio::main(flavor = "current_thread")]
/// # async fn main() -> Result<(), Box<dyn std::error::Error>> {
/// let model = examples::OfflineModel::start()?;
/// let (endpoint, _) = examples::endpoint_from(|name| match name {
///     "OPENAI_API_KEY" => Some("offline".to_owned()),
///     "OPENAI_BASE_URL" => Some(model.url().to_owned()),
///     _ => None,
/// })?;
/// let request = json!({ "model": "gpt-4o-mini", "messages": [{ "role": "user", "content": "Hello" }] });
/// let response = ChatClient::new(endpoint).create(&request).await?;
/// assert_eq!(response["choices"][0]["message"]["content"], "(offline model) You said: Hello");
/// # Ok(())
/// # }
/// ```
#[derive(Debug, Clone)]
pub struct ChatClient {
    http: reqwest::Client,
    endpoint: Endpoint,
}

/// An error of [`ChatClient::create`].
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ChatError {
    /// The service returned an error.
    #[error("{message} ({status})")]
    Api {
        /// The status of the response.
        status: StatusCode,
        /// The message in the response.
        message: String,
    },
    /// No response was received, or its body is not JSON.
    #[error("the request failed")]
    Http(#[from] reqwest::Error),
}

impl ChatClient {
    /// Creates a client for `endpoint`.
    pub fn new(endpoint: Endpoint) -> Self {
        Self { http: reqwest::Client::new(), endpoint }
    }

    /// Sends a request to `POST /chat/completions` and returns the response.
    ///
    /// # Errors
    ///
    /// Returns an error if the request cannot be sent or the service returns an error.
    pub async fn create(&self, request: &Value) -> Result<Value, ChatError> {
        let Endpoint { base_url, api_key, organization, project } = &self.endpoint;
        let mut post = self
            .http
            .post(format!("{base_url}/chat/completions"))
            .bearer_auth(api_key.expose_secret())
            .json(request);
        for (header, value) in [("openai-organization", organization), ("openai-project", project)] {
            if let Some(value) = value {
                post = post.header(header, value);
            }
        }
        let response = post.send().await?;
        let status = response.status();
        if status.is_success() {
            return Ok(response.json().await?);
        }
        let body = response.text().await?;
        let message = serde_json::from_str::<Value>(&body)
            .ok()
            .and_then(|body| Some(body.pointer("/error/message")?.as_str()?.to_owned()))
            .unwrap_or(body);
        Err(ChatError::Api { status, message })
    }
}
