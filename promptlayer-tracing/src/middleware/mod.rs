//! Logs every call of a model that is made through a client of the crate
//! [`reqwest-middleware`](reqwest_middleware), without a line of mapping.
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
//! A call is a `POST` to a known provider's host ([`PromptLayerMiddleware::host`] adds others) on a path that
//! asks a model. Anything else passes as if the middleware were not there, and so does everything where no
//! [`layer`](crate::layer()) listens.
//!
//! # What is logged
//!
//! One request log a call, when its answer's body has been read, has failed, or was dropped half-way. An
//! annotated function around it becomes a span, whose tags, metadata and prompt the call takes over. The host
//! tells the provider, and the address the model where the request does not. An answer with a status of an error
//! is a failed request with the provider's words, and so is one that never came.
//!
//! Headers are never read into a log, nor is an address's query, since keys stand there. A request whose body
//! is a stream, or no JSON, is logged without its input, and an answer that is compressed, no text, or longer
//! than [`PromptLayerMiddleware::body_limit`] without its output. What was left out is said in the log's metadata, under
//! `request_body` and `response_body`.
//!
//! # What the caller sees
//!
//! The same status, headers, version, address, extensions and bytes, each read passed on as it comes: the body
//! is copied on its way, and never waited for. Its log is made when the reader has all of it, or drops it.
//!
//! # Retries
//!
//! Where another middleware retries, this one logs each try if it was added after it, and the outcome alone if it
//! was added before.
//!
//! # With async-openai
//!
//! Its feature `middleware` takes any service in the place of its own client:
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
use crate::call::Call;
use crate::capture::{Captured, Failure};
use crate::exchange::Input;
use crate::future::Traced;

/// The metadata key that says why a log has no input, or not all of it.
const REQUEST_BODY: &str = "request_body";
/// The metadata key that says why a log has no output, or not all of it.
const RESPONSE_BODY: &str = "response_body";
/// The span's field for the answer's status.
const STATUS: &str = "http.response.status_code";

/// The middleware: [`ClientBuilder::with`](reqwest_middleware::ClientBuilder::with) adds it to a client.
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

    /// Knows the hosts of the providers that `PromptLayer` names, and Ollama on this machine.
    pub fn new() -> Self {
        Self::default()
    }

    /// Logs calls at `host` too, with a port (`my-proxy:8080`) or at any, as those of `provider`, by the name
    /// that `PromptLayer` gives it. It goes before the hosts that are known.
    #[must_use]
    pub fn host(mut self, host: impl Into<String>, provider: impl Into<String>) -> Self {
        self.hosts.push((host.into(), provider.into()));
        self
    }

    /// The most that is copied of a request's body, and of an answer's, in bytes. Defaults to
    /// [`DEFAULT_BODY_LIMIT`](Self::DEFAULT_BODY_LIMIT). Of a longer stream the log has the beginning,
    /// and says so however it ends.
    #[must_use]
    pub fn body_limit(mut self, bytes: usize) -> Self {
        self.body_limit = bytes;
        self
    }

    /// The call that a request begins; `None` where it is none, or nobody sees its span.
    fn call(&self, request: &Request) -> Option<Call> {
        if request.method() != Method::POST || !tracing::level_enabled!(Level::INFO) {
            return None;
        }
        let route = Route::of(request.url(), &self.hosts)?;
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
                // By its name it stands in where the request has none.
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

/// Ends a call that was not answered.
fn failed(call: Call, error: &Error) {
    call.failed(match error {
        Error::Reqwest(error) => Failure::of_source(error, std::any::type_name::<reqwest::Error>()),
        Error::Middleware(error) => {
            let error: &(dyn std::error::Error + Send + Sync) = error.as_ref();
            Failure::of_source(error, std::any::type_name::<Error>())
        }
    });
}

/// The span of a call. `promptlayer.call` is what the layer knows it by, and in the fields of OpenTelemetry's names a
/// call says what it did when it ends, as the attribute's do.
fn span(url: &Url) -> Span {
    tracing::span!(
        target: "promptlayer_tracing::middleware",
        Level::INFO,
        "model_request",
        promptlayer.call = Empty,
        url.full = %address(url),
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

/// An address without its query and without what names a user: keys stand there.
fn address(url: &Url) -> String {
    let port = url.port().map(|port| format!(":{port}")).unwrap_or_default();
    format!("{}://{}{port}{}", url.scheme(), url.host_str().unwrap_or_default(), url.path())
}

/// A request's JSON, else why there is none.
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
