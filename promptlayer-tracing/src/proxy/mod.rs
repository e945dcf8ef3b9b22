//! A proxy in the same process, for clients that only take a base address.
//!
//! ```no_run
//! # fn main() -> Result<(), promptlayer_tracing::Error> {
//! let proxy = promptlayer_tracing::proxy("https://api.openai.com/v1").start()?;
//! // Give the client this address in place of the provider's.
//! let base_address = proxy.url();
//! # let _ = base_address;
//! # Ok(())
//! # }
//! ```
//!
//! The proxy listens on the loopback interface of this machine, on a port that the system chooses. It sends
//! each request on to the provider, and the response back, piece by piece. Model calls are logged as
//! [`middleware`](crate::middleware) describes.
//!
//! # Inside an annotated function
//!
//! The proxy receives requests from a connection and does not see which function made them. Calls through
//! [`Proxy::url`] are therefore logged on their own. [`Proxy::scoped`] gives an address that belongs to the
//! current span: calls through it are logged inside that span, with its tags, metadata and prompt.
//!
//! ```no_run
//! use promptlayer_tracing::promptlayer;
//! use promptlayer_tracing::proxy::Proxy;
//! # struct Client;
//! # impl Client {
//! #     fn new(address: &str) -> Self { Self }
//! #     async fn ask(&self, question: &str) -> Result<String, std::io::Error> { Ok(question.to_owned()) }
//! # }
//!
//! #[promptlayer(tags = ["chat"])]
//! async fn ask(proxy: &Proxy, question: &str) -> Result<String, std::io::Error> {
//!     let address = proxy.scoped();
//!     Client::new(address.url()).ask(question).await
//! }
//! ```
//!
//! # What is passed on
//!
//! Method, path, query, headers and bodies, in both directions. The exceptions:
//!
//! - headers that belong to one connection (`connection` and the headers it names, `keep-alive`, `te`,
//!   `trailer`, `transfer-encoding`, `upgrade`, `proxy-…`) are not, so web sockets do not work;
//! - `host` names the provider, and `accept-encoding` asks for an uncompressed response, which can be logged;
//! - redirects are not followed, but passed on;
//! - if the provider cannot be reached, the client receives a response with the status 502.
//!
//! The proxy has no time-out of its own. If the client gives up and closes its connection, the request to the
//! provider is dropped.
//!
//! A hook that calls a model through the proxy runs again for that call: the proxy does not see that a hook
//! made it.
//!
//! # Security
//!
//! Only programs on this machine can connect. A request is refused if its `host` is not the loopback interface,
//! or if a web page of another origin made it. The proxy adds no key: each request needs the client's own. It
//! sends requests to the one provider that it was made for. Headers are never logged.

mod forward;
mod scopes;
mod server;

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use reqwest::Url;

pub use self::scopes::ScopedUrl;
use self::scopes::Scopes;
use self::server::Server;
use crate::error::{Error, Repr};
use crate::middleware::PromptLayerMiddleware;

/// Customizes the HTTP client of the proxy.
type SetUp = Box<dyn FnOnce(reqwest::ClientBuilder) -> reqwest::ClientBuilder + Send>;

/// A builder for a [`Proxy`], made by [`promptlayer_tracing::proxy`](crate::proxy()).
///
/// ```
/// use promptlayer_tracing::middleware::PromptLayerMiddleware;
///
/// # fn main() -> Result<(), promptlayer_tracing::Error> {
/// let proxy = promptlayer_tracing::proxy("http://llm.internal.example:8000/v1")
///     .provider("openai") // the host does not show it
///     .middleware(PromptLayerMiddleware::new().include_usage(true))
///     .http(|http| http.no_proxy())
///     .start()?;
/// # drop(proxy);
/// # Ok(())
/// # }
/// ```
#[must_use]
pub struct ProxyBuilder {
    provider_url: String,
    provider: Option<String>,
    middleware: PromptLayerMiddleware,
    http: Option<SetUp>,
}

impl fmt::Debug for ProxyBuilder {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter
            .debug_struct("ProxyBuilder")
            .field("provider", &self.provider)
            .field("middleware", &self.middleware)
            .finish_non_exhaustive()
    }
}

impl ProxyBuilder {
    pub(crate) fn new(provider_url: String) -> Self {
        Self { provider_url, provider: None, middleware: PromptLayerMiddleware::new(), http: None }
    }

    /// Sets the name of the provider, as `PromptLayer` uses it.
    ///
    /// By default, the host of the provider determines it, or else what the requests and responses show.
    pub fn provider(mut self, provider: impl Into<String>) -> Self {
        self.provider = Some(provider.into());
        self
    }

    /// Sets how calls are logged: the limit for bodies, and whether streams are asked for their usage. If
    /// [`host`](PromptLayerMiddleware::host) names the host of this provider, it takes precedence over
    /// [`provider`](Self::provider). Defaults to [`PromptLayerMiddleware::new`].
    pub fn middleware(mut self, middleware: PromptLayerMiddleware) -> Self {
        self.middleware = middleware;
        self
    }

    /// Customizes the HTTP client that sends requests to the provider, for example with a certificate
    /// authority of your own.
    ///
    /// Redirects are never followed, and bodies never decompressed, even if the closure sets it.
    pub fn http(
        mut self,
        set_up: impl FnOnce(reqwest::ClientBuilder) -> reqwest::ClientBuilder + Send + 'static,
    ) -> Self {
        self.http = Some(Box::new(set_up));
        self
    }

    /// Starts the proxy on a thread of its own. It works without an async runtime, and with each.
    ///
    /// Calls are recorded by the subscriber that is the default of this thread now, or, without one, by
    /// the global one.
    ///
    /// # Errors
    ///
    /// Returns an error of the kind [`Proxy`](crate::ErrorKind::Proxy) if the address is not an `http` or
    /// `https` URL without user information, query and fragment, if TLS cannot be set up, or if no port is
    /// free, and [`ThreadStart`](crate::ErrorKind::ThreadStart) if the thread cannot start.
    pub fn start(self) -> Result<Proxy, Error> {
        let upstream = upstream(&self.provider_url)?;
        let http = self.http.map_or_else(reqwest::Client::builder, |http| http(reqwest::Client::builder()));
        let client = http
            .redirect(reqwest::redirect::Policy::none())
            .no_gzip()
            .no_brotli()
            .no_zstd()
            .no_deflate()
            .build()
            .map_err(|error| Repr::Proxy {
                reason: "the HTTP client cannot be set up",
                source: Some(error.into()),
            })?;
        let scopes = Arc::new(Scopes::default());
        let server = Server::start(|port| forward::Forwarder {
            port,
            upstream,
            provider: self.provider,
            middleware: self.middleware,
            client,
            scopes: Arc::clone(&scopes),
            dispatch: scopes::current_dispatch(),
        })?;
        Ok(Proxy { url: format!("http://127.0.0.1:{}", server.port()), scopes, server })
    }
}

/// Checks the address of a provider.
fn upstream(url: &str) -> Result<Url, Error> {
    let invalid = |reason| Error::from(Repr::Proxy { reason, source: None });
    let url = Url::parse(url).map_err(|_| invalid("the provider's address is not a URL"))?;
    if !["http", "https"].contains(&url.scheme()) || url.host().is_none() {
        return Err(invalid("the provider's address is not an `http` or `https` URL"));
    }
    if !url.username().is_empty() || url.password().is_some() {
        return Err(invalid("the provider's address has user information: give it to the client"));
    }
    if url.query().is_some() || url.fragment().is_some() {
        return Err(invalid("the provider's address has a query or a fragment"));
    }
    Ok(url)
}

/// A proxy in this process that logs the model calls which pass through it. See the [module](self).
///
/// Dropping it ends it: it accepts no more requests, and those in progress go on for up to 30 seconds.
/// [`shutdown`](Self::shutdown) waits for them. At the end of the program, shut it down before the guard of the
/// layer, so that these requests are delivered too.
///
/// ```
/// use std::time::Duration;
///
/// # fn main() -> Result<(), promptlayer_tracing::Error> {
/// let proxy = promptlayer_tracing::proxy("https://api.openai.com/v1").start()?;
///
/// // A client for the whole program. Its calls are logged on their own.
/// let base_address = proxy.url();
/// assert!(base_address.starts_with("http://127.0.0.1:"));
///
/// // An address for the calls inside the current span. Without a span, it is that of the proxy.
/// let scoped = proxy.scoped();
/// assert_eq!(scoped.url(), proxy.url());
/// drop(scoped);
///
/// let is_done = proxy.shutdown(Duration::from_secs(5));
/// assert!(is_done, "no request was in progress");
/// # Ok(())
/// # }
/// ```
#[derive(Debug)]
pub struct Proxy {
    url: String,
    scopes: Arc<Scopes>,
    server: Server,
}

impl Proxy {
    /// Returns the base address for clients, without a slash at its end. It stands for the provider's address
    /// that the proxy was made for.
    pub fn url(&self) -> &str {
        &self.url
    }

    /// Returns a base address whose calls belong to the current span, as long as the returned value lives.
    ///
    /// Requests that begin later are refused with the status 404. If there is no current span, or if 4096
    /// such addresses are open, the address is that of [`url`](Self::url).
    ///
    /// The address is a secret: its random part lets a program on this machine add calls to your trace.
    pub fn scoped(&self) -> ScopedUrl {
        Scopes::open(&self.scopes, &self.url)
    }

    /// Ends the proxy, and waits until the requests in progress have ended. Returns `false` if some had not
    /// within this time. They are then dropped.
    pub fn shutdown(mut self, timeout: Duration) -> bool {
        self.server.shutdown(timeout)
    }
}

#[cfg(test)]
mod tests {
    #[test]
    fn invalid_provider_address_is_refused() {
        for url in [
            "",
            "api.openai.com",
            "ftp://api.openai.com",
            "https://user@api.openai.com",
            "https://:sk@api.openai.com",
            "https://api.openai.com/v1?key=sk",
            "https://api.openai.com/v1#a",
        ] {
            let error = crate::proxy(url).start().unwrap_err();
            assert_eq!(error.kind(), crate::ErrorKind::Proxy, "{url}");
            assert!(!format!("{error:?} {error}").contains("sk"), "{error:?}");
        }
    }
}
