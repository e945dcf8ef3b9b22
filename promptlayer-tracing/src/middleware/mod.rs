//! Logs every model call that is made through a client of the crate
//! [`reqwest-middleware`](reqwest_middleware), without any mapping code.
//!
//! ```no_run
//! # async fn run() -> Result<(), reqwest_middleware::Error> {
//! use promptlayer_tracing::middleware::PromptLayerMiddleware;
//!
//! let client = reqwest_middleware::ClientBuilder::new(reqwest::Client::new())
//!     .with(PromptLayerMiddleware::new())
//!     .build();
//! let request = r#"{"model": "gpt-4o", "messages": [{"role": "user", "content": "Why?"}]}"#;
//! let reply = client
//!     .post("https://api.openai.com/v1/chat/completions")
//!     .header("content-type", "application/json")
//!     .bearer_auth("…")
//!     .body(request)
//!     .send()
//!     .await?;
//! # Ok(())
//! # }
//! ```
//!
//! A call is a `POST` to the host of a known provider ([`PromptLayerMiddleware::host`] adds hosts) on a path
//! that calls a model. The middleware passes all other requests through unchanged. It also does so if no
//! [`layer`](crate::layer()) is installed.
//!
//! # What is logged
//!
//! Each call makes one request log, when the body of its response has been read, has failed, or was dropped.
//! An annotated function around the call becomes a span, and the call inherits its tags, metadata and prompt.
//! The provider is determined by the host. The model is read from the request, or else from the URL. A
//! response with an error status is logged as a failed request with the provider's message. A request without
//! a response is logged as failed too.
//!
//! Headers and the query of the URL are never logged, because they may contain API keys. A request is logged
//! without its input if its body is a stream or not JSON. A response is logged without its output if it is
//! compressed, not text, or longer than [`PromptLayerMiddleware::body_limit`]. In these cases the reason is
//! in the metadata of the log, under `request_body` and `response_body`.
//!
//! # What the caller sees
//!
//! The caller receives the same status, headers, version, URL, extensions and bytes as without the
//! middleware. Each read of the body is passed on immediately: the body is copied on the way and never
//! buffered first. The log is made when the reader has received the whole body or drops it.
//!
//! # Retries
//!
//! If another middleware retries requests and was added before this one, every attempt is logged. If it was
//! added after this one, only the final outcome is logged.
//!
//! # With async-openai
//!
//! Its feature `middleware` accepts any service in place of its own HTTP client:
//!
//! ```ignore
//! use async_openai::{Client, config::OpenAIConfig, error::OpenAIError, middleware::HttpRequestFactory};
//!
//! let service = tower::service_fn(move |request: HttpRequestFactory| {
//!     let client = client.clone();
//!     async move {
//!         let request = request.build().await?;
//!         client.execute(request).await.map_err(|error| OpenAIError::Boxed(error.into()))
//!     }
//! });
//! let openai = Client::with_config(OpenAIConfig::default()).with_http_service(service);
//! ```

mod answer;
mod route;

use http::Extensions;
use reqwest::{Method, Request, Response, Url};
use reqwest_middleware::{Error, Middleware, Next, Result};
use tracing::field::Empty;
use tracing::{Level, Span};

use self::route::Route;
use crate::capture::{Captured, Failure};
use crate::instrument::call::Call;
use crate::instrument::future::Traced;
use crate::span::input_output::Input;

/// The metadata key for the reason why a log has no input.
const REQUEST_BODY: &str = "request_body";
/// The metadata key for the reason why a log has no output, or not all of it.
const RESPONSE_BODY: &str = "response_body";
/// The field of the span for the HTTP status of the response.
const STATUS: &str = "http.response.status_code";

/// A middleware that logs model calls. [`ClientBuilder::with`](reqwest_middleware::ClientBuilder::with) adds
/// it to a client.
///
/// ```
/// use promptlayer_tracing::middleware::PromptLayerMiddleware;
///
/// let middleware = PromptLayerMiddleware::new().host("my-proxy:8080", "openai");
/// let client = reqwest_middleware::ClientBuilder::new(reqwest::Client::new()).with(middleware).build();
/// ```
#[derive(Debug, Clone)]
pub struct PromptLayerMiddleware {
    hosts: Vec<(String, String)>,
    body_limit: usize,
}

impl Default for PromptLayerMiddleware {
    fn default() -> Self {
        Self { hosts: Vec::new(), body_limit: Self::DEFAULT_BODY_LIMIT }
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

    /// Begins the call for a request. Returns `None` if the request is not a model call, or if its span is
    /// disabled.
    fn call(&self, request: &Request) -> Option<Call> {
        if request.method() != Method::POST || !tracing::level_enabled!(Level::INFO) {
            return None;
        }
        let route = Route::from_url(request.url(), &self.hosts)?;
        let span = span(request.url());
        if span.is_disabled() {
            return None;
        }
        let mut call = Call::begin(span, route.site);
        if call.is_recording() {
            self.describe(&mut call, request, route);
        }
        Some(call)
    }

    fn describe(&self, call: &mut Call, request: &Request, route: Route<'_>) {
        call.provider(&route.provider);
        call.request_kind(route.kind());
        match input(request, self.body_limit) {
            Ok(body) => call.input(match route.model {
                // The model of the URL is used only if the request body names none.
                Some(model) => Input::Arguments(vec![
                    ("request", Captured::Json(body)),
                    ("model", Captured::Text(model.into_owned())),
                ]),
                None => Input::Value(Captured::Json(body)),
            }),
            Err(why) => {
                if let Some(model) = route.model {
                    call.model(&model);
                }
                call.metadata(REQUEST_BODY, &why);
            }
        }
        call.ready();
    }
}

#[async_trait::async_trait]
impl Middleware for PromptLayerMiddleware {
    async fn handle(
        &self,
        request: Request,
        extensions: &mut Extensions,
        next: Next<'_>,
    ) -> Result<Response> {
        let Some(call) = self.call(&request) else {
            return next.run(request, extensions).await;
        };
        let is_array = request.url().path().ends_with(":streamGenerateContent");
        let limit = self.body_limit;
        Traced::begun(call, next.run(request, extensions), move |call, answered| match answered {
            Ok(response) => Ok(answer::logged(call, response, is_array, limit)),
            Err(error) => {
                failed(call, &error);
                Err(error)
            }
        })
        .await
    }
}

/// Ends a call that received no response.
fn failed(call: Call, error: &Error) {
    call.failed(match error {
        Error::Reqwest(error) => Failure::from_source(error, std::any::type_name::<reqwest::Error>()),
        Error::Middleware(error) => {
            let error: &(dyn std::error::Error + Send + Sync) = error.as_ref();
            Failure::from_source(error, std::any::type_name::<Error>())
        }
    });
}

/// Creates the span of a call.
///
/// The layer recognizes it by the field `promptlayer.call`. The other fields are declared as those of the
/// attribute, and the call records them when it ends.
fn span(url: &Url) -> Span {
    tracing::span!(
        target: "promptlayer_tracing::middleware",
        Level::INFO,
        "model_request",
        promptlayer.call = Empty,
        url.full = %address(url),
        server.address = url.host_str().unwrap_or_default(),
        server.port = url.port_or_known_default(),
        http.response.status_code = Empty,
        gen_ai.operation.name = Empty,
        gen_ai.provider.name = Empty,
        gen_ai.system = Empty,
        gen_ai.request.model = Empty,
        gen_ai.response.id = Empty,
        gen_ai.response.model = Empty,
        gen_ai.response.finish_reasons = Empty,
        gen_ai.usage.input_tokens = Empty,
        gen_ai.usage.output_tokens = Empty,
        gen_ai.usage.prompt_tokens = Empty,
        gen_ai.usage.completion_tokens = Empty,
        error.type = Empty,
    )
}

/// Returns the URL without its query and user information, which may contain keys.
fn address(url: &Url) -> String {
    let port = url.port().map(|port| format!(":{port}")).unwrap_or_default();
    format!("{}://{}{port}{}", url.scheme(), url.host_str().unwrap_or_default(), url.path())
}

/// Returns the JSON body of a request, or the reason why there is none.
fn input(request: &Request, limit: usize) -> std::result::Result<String, String> {
    let Some(body) = request.body() else { return Err("empty".to_owned()) };
    let Some(bytes) = body.as_bytes() else { return Err("a stream".to_owned()) };
    if !bytes.trim_ascii_start().starts_with(b"{") {
        return Err("not JSON".to_owned());
    }
    if bytes.len() > limit {
        return Err(format!("longer than {limit} bytes"));
    }
    std::str::from_utf8(bytes).map(str::to_owned).map_err(|_| "not UTF-8".to_owned())
}
