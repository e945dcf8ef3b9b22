//! The headers of the trace in requests to services of your own.

use super::inject;
use super::settings::Hosts;

/// Adds the headers of the trace to requests to services of your own.
///
/// It is a layer of `tower` and a middleware of `reqwest-middleware`, each with the feature of that name. The call
/// during which the request is sent becomes the parent of the calls in the other service: see [`inject`].
///
/// Model calls are logged by the module `middleware`. It adds these headers for
/// [`Propagation::hosts`](super::Propagation::hosts) only.
#[cfg_attr(
    feature = "reqwest-middleware",
    doc = r#"
```
use promptlayer_tracing::propagation::InjectLayer;
use reqwest_middleware::ClientBuilder;

# fn client() -> reqwest_middleware::ClientWithMiddleware {
ClientBuilder::new(reqwest::Client::new())
    .with(InjectLayer::new().hosts(["orders.internal", "*.corp.example"]))
    .build()
# }
```
"#
)]
#[derive(Debug, Clone, Default)]
pub struct InjectLayer {
    hosts: Option<Hosts>,
}

impl InjectLayer {
    /// Creates a layer for a client whose requests all go to services of your own.
    pub fn new() -> Self {
        Self::default()
    }

    /// Restricts the headers to requests to these hosts. A host is a name without a port. `*.` at its start stands for
    /// every name below it.
    #[must_use]
    pub fn hosts<H: Into<String>>(mut self, hosts: impl IntoIterator<Item = H>) -> Self {
        self.hosts.get_or_insert_default().add(hosts);
        self
    }

    /// Adds the headers to a request to `host`.
    pub(super) fn inject(&self, host: &str, headers: &mut http::HeaderMap) {
        if self.hosts.as_ref().is_none_or(|hosts| hosts.contain(host)) {
            inject(headers);
        }
    }
}
