//! The checked settings of a client.

use std::sync::Arc;
use std::time::Duration;

use reqwest::header::HeaderValue;
use secrecy::SecretString;

use crate::Redactor;

/// A closure that customizes the HTTP client.
pub(crate) type SetUp = Arc<dyn Fn(reqwest::ClientBuilder) -> reqwest::ClientBuilder + Send + Sync>;

/// Validated settings.
pub(crate) struct Settings {
    pub(crate) api_key: SecretString,
    pub(crate) api_key_header: HeaderValue,
    pub(crate) redactor: Redactor,
    /// Has no trailing slash, so that a path can be appended.
    pub(crate) base_url: String,
    pub(crate) timeout: Duration,
    pub(crate) http: Option<SetUp>,
}
