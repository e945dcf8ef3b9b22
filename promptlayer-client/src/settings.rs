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
    /// How often a call is sent again.
    pub(crate) retries: u32,
    pub(crate) http: Option<SetUp>,
}

/// How connections are made.
#[derive(Clone, Default)]
pub(crate) struct Connections {
    pub(crate) proxy: Option<reqwest::Proxy>,
    #[cfg(any(feature = "rustls", feature = "native-tls"))]
    pub(crate) authorities: Vec<reqwest::Certificate>,
    pub(crate) max_idle: Option<usize>,
}

impl Connections {
    /// Returns these settings together with those of `set_up`, which can change them.
    pub(crate) fn with(self, set_up: Option<SetUp>) -> SetUp {
        Arc::new(move |builder| {
            let builder = self.apply(builder);
            match &set_up {
                Some(set_up) => set_up(builder),
                None => builder,
            }
        })
    }

    fn apply(&self, mut builder: reqwest::ClientBuilder) -> reqwest::ClientBuilder {
        if let Some(proxy) = &self.proxy {
            builder = builder.proxy(proxy.clone());
        }
        #[cfg(any(feature = "rustls", feature = "native-tls"))]
        for authority in &self.authorities {
            builder = builder.add_root_certificate(authority.clone());
        }
        if let Some(max_idle) = self.max_idle {
            builder = builder.pool_max_idle_per_host(max_idle);
        }
        builder
    }
}
