//! Logs model calls where they leave the process as HTTP requests, without any mapping code.
//!
//! [`PromptLayerMiddleware`] is one value for every place where a client lets you in:
//!
//! | your client | feature | what to do |
//! |---|---|---|
//! | takes a client of the crate `reqwest-middleware` (rig, async-openai) | `reqwest-middleware` | `ClientBuilder::with(PromptLayerMiddleware::new())` |
//! | is built from `tower` services over `http` requests | `tower` | `ServiceBuilder::layer(PromptLayerMiddleware::new())` |
//! | is the AWS SDK | `aws` | `config.interceptor(PromptLayerMiddleware::new())` |
//! | only takes a base address | `proxy` | `promptlayer_tracing::proxy(address)` |
#![cfg_attr(feature = "reqwest-middleware", doc = include_str!("docs/reqwest.md"))]
#![cfg_attr(feature = "tower", doc = include_str!("docs/tower.md"))]
#![cfg_attr(feature = "aws", doc = include_str!("docs/aws.md"))]
//!
//! # What is logged
//!
//! A call is a `POST` to the host of a known provider ([`PromptLayerMiddleware::host`] adds hosts) on a path
//! that calls a model. The middleware passes all other requests through unchanged. It also does so if no
//! [`layer`](crate::layer()) is installed.
//!
//! Each call makes one request log, when the body of its response has been read, has failed, or was dropped.
//! The provider is determined by the host. The model is read from the request, or else from the URL. A
//! response with an error status is logged as a failed request with the provider's message. A request without
//! a response is logged as failed too.
//!
//! Headers and the query of the URL are never logged, because they may contain API keys. A request is logged
//! without its input if its body is not JSON. A response is logged without its output if it is compressed, not
//! text, or longer than [`PromptLayerMiddleware::body_limit`]. In these cases the reason is in the metadata of
//! the log, under `request_body` and `response_body`.
//!
//! # Inside a call that is recorded already
//!
//! If the innermost open span around the request is itself a model call, the request is that call: it
//! completes the call's request log, and makes no span of its own. Such a span is that of a function with
//! `#[promptlayer]` without a `kind` or with the kind of the request (`llm` or `embedding`), or that of another
//! crate, such as rig's `chat`.
//!
//! - The request log has the function's name, place in the trace, tags, metadata, prompt, and hook, and the
//!   times, messages, parameters, tokens and finish reason of the request.
//! - `input`, `output`, `provider`, `model` and `parameters` of the attribute take precedence. Arguments and a
//!   returned value that are not the request's messages are kept beside the log.
//! - The call has failed if the request or the function has. If both have, the log has the provider's message.
//! - If the body of the response is read after the function returned, the log is made then.
//!
//! If another model call begins inside the same function, the first request was not the whole call. Both then
//! make request logs of their own, and the function becomes a span around them. After a request that failed,
//! another one is a retry: the failed one makes a log of its own, and the other one completes the function's
//! log.
//!
//! Around a request that belongs to no call, annotated functions become spans, and the log inherits their
//! tags, metadata and prompt.
//!
//! # What the caller sees
//!
//! The caller receives the same status, headers, version, URL, extensions and bytes as without the
//! middleware. Each read of the body is passed on immediately: the body is copied on the way and never
//! buffered first. The log is made when the reader has received the whole body or drops it. The request is
//! changed only by [`PromptLayerMiddleware::include_usage`].
//!
//! # Retries
//!
//! If something between your code and the middleware retries requests, every attempt is logged. If the retries
//! happen behind the middleware, only the final outcome is logged.
#![cfg_attr(
    not(all(feature = "aws", feature = "proxy", feature = "reqwest-middleware", feature = "tower")),
    allow(dead_code, reason = "each adapter uses a part of it")
)]

mod adapters;
mod exchange;
mod frame;
mod reply;
mod request_body;
mod request_copy;
mod response_body;
mod route;
mod usage;

#[cfg(feature = "tower")]
#[cfg_attr(docsrs, doc(cfg(feature = "tower")))]
pub use self::adapters::tower::{PromptLayerService, ResponseFuture};
#[cfg(feature = "proxy")]
pub(crate) use self::exchange::{Exchange, RequestHead, Responding};
#[cfg(all(feature = "proxy", not(feature = "tower")))]
pub(crate) use self::request_body::RequestBody;
#[cfg(feature = "tower")]
#[cfg_attr(docsrs, doc(cfg(feature = "tower")))]
pub use self::request_body::RequestBody;
#[cfg(all(feature = "proxy", not(feature = "tower")))]
pub(crate) use self::response_body::ResponseBody;
#[cfg(feature = "tower")]
#[cfg_attr(docsrs, doc(cfg(feature = "tower")))]
pub use self::response_body::ResponseBody;
#[cfg(feature = "proxy")]
pub(crate) use self::route::{Address, Hosts};

/// Logs model calls.
///
/// It is a middleware of `reqwest-middleware`, a layer of `tower`, and an interceptor of the AWS SDK, each with
/// the feature of that name. See the [module](self) for how to install it.
///
/// ```
/// use promptlayer_tracing::middleware::PromptLayerMiddleware;
///
/// let middleware = PromptLayerMiddleware::new()
///     .host("my-proxy:8080", "openai")
///     .include_usage(true)
///     .body_limit(1 << 20); // 1 MiB
/// ```
#[derive(Debug, Clone)]
pub struct PromptLayerMiddleware {
    hosts: Vec<(String, String)>,
    body_limit: usize,
    include_usage: bool,
}

impl Default for PromptLayerMiddleware {
    fn default() -> Self {
        Self { hosts: Vec::new(), body_limit: Self::DEFAULT_BODY_LIMIT, include_usage: false }
    }
}

impl PromptLayerMiddleware {
    /// The default of [`body_limit`](Self::body_limit): 4 MiB.
    pub const DEFAULT_BODY_LIMIT: usize = 4 << 20;

    /// Creates a middleware that knows the hosts of the providers that `PromptLayer` names, and Ollama on
    /// this machine.
    pub fn new() -> Self {
        Self::default()
    }

    /// Also logs calls to `host` as calls of `provider`.
    ///
    /// `host` matches one port if it contains one (`my-proxy:8080`), and any port otherwise. `provider` is
    /// the name that `PromptLayer` uses. Hosts added here take precedence over the known hosts.
    #[must_use]
    pub fn host(mut self, host: impl Into<String>, provider: impl Into<String>) -> Self {
        self.hosts.push((host.into(), provider.into()));
        self
    }

    /// Sets the maximum number of bytes that are copied of a request body and of a response body.
    ///
    /// Defaults to [`DEFAULT_BODY_LIMIT`](Self::DEFAULT_BODY_LIMIT). For a longer stream, the log contains
    /// the beginning and states that the rest is missing, however the stream ends.
    #[must_use]
    pub fn body_limit(mut self, bytes: usize) -> Self {
        self.body_limit = bytes;
        self
    }

    /// Sets whether streams are asked for their usage. Defaults to `false`.
    ///
    /// OpenAI, and many servers with its API, send the tokens of a stream only if the request has
    /// `"stream_options": {"include_usage": true}`. With `true`, the middleware adds this field to requests for
    /// streams of chat completions and completions that have no `stream_options`. Nothing else in the body
    /// changes. A request whose body is not in memory is sent unchanged, and so is everything while no
    /// [`layer`](crate::layer()) records the call.
    ///
    /// The stream then has one more chunk, before its end: its `choices` are an empty list, and its `usage` has
    /// the tokens. Clients that read the deltas of all choices skip it, as async-openai and the providers' own
    /// clients do. Code that takes the first choice of every chunk without a check fails on it. A server that
    /// refuses unknown fields refuses the request. For these reasons the setting is off by default.
    #[must_use]
    pub fn include_usage(mut self, include: bool) -> Self {
        self.include_usage = include;
        self
    }
}
