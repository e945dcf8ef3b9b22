//! The checked settings of a client.

use std::sync::Arc;
use std::time::Duration;

use reqwest::header::HeaderMap;
use secrecy::SecretString;

use crate::Redactor;

/// A closure that customizes the HTTP client.
pub(crate) type SetUp = Arc<dyn Fn(reqwest::ClientBuilder) -> reqwest::ClientBuilder + Send + Sync>;

/// Validated settings.
#[derive(Clone)]
pub(crate) struct Settings {
    /// Empty for a destination that is not PromptLayer.
    pub(crate) api_key: SecretString,
    /// The headers of every request that hold secrets: the API key, and what a collector asks for.
    pub(crate) headers: HeaderMap,
    pub(crate) redactor: Redactor,
    /// Has no trailing slash, so that a path can be appended.
    pub(crate) base_url: String,
    /// The URL for traces of OpenTelemetry, if it is not a path below the base URL.
    pub(crate) traces_url: Option<String>,
    pub(crate) timeout: Duration,
    pub(crate) http: Option<SetUp>,
}
