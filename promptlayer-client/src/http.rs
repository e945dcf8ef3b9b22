//! The HTTP transport to PromptLayer, shared by the REST client and the export pipeline.

use std::error::Error as StdError;
use std::fmt;
use std::sync::Arc;
use std::time::{Duration, SystemTime};
#[cfg(feature = "blocking")]
use std::{
    process,
    sync::{Mutex, PoisonError},
};

use reqwest::header::{
    CONTENT_ENCODING, CONTENT_TYPE, DATE, HeaderMap, HeaderName, HeaderValue, RETRY_AFTER,
};
use reqwest::{Body, Method, Response, redirect};
use secrecy::ExposeSecret;
use serde::Deserialize;
use sha2::{Digest, Sha256};
use tokio::runtime::Handle;

#[cfg(feature = "blocking")]
use crate::blocking;
use crate::body::{WholeBody, Written};
use crate::redact::Redactor;
use crate::settings::Settings;
use crate::{ClientBuilder, Error, Repr};

const VERSION: &str = env!("CARGO_PKG_VERSION");
const USER_AGENT: &str = concat!("promptlayer-rust/", env!("CARGO_PKG_VERSION"));
pub(crate) const API_KEY_HEADER: HeaderName = HeaderName::from_static("x-api-key");
const SDK_VERSION_HEADER: HeaderName = HeaderName::from_static("x-sdk-version");

/// The path that logs a single request.
pub const LOG_REQUEST_PATH: &str = "/log-request";

/// The path that takes spans of OpenTelemetry: OTLP over HTTP.
pub const TRACES_PATH: &str = "/v1/traces";

/// The maximum size of a response, in bytes. The largest responses are traces that are read back. Anything
/// larger does not come from PromptLayer.
pub(crate) const MAX_ANSWER_BYTES: usize = 16 << 20;

/// The body of a request.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Payload {
    /// The body as it is sent.
    pub bytes: Vec<u8>,
    /// The form of the body.
    pub media: Media,
}

impl Payload {
    /// Returns the body of a JSON text.
    pub fn json(bytes: Vec<u8>) -> Self {
        Self { bytes, media: Media::Json }
    }
}

/// The form of a body, which the headers of the request name.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Media {
    /// JSON.
    Json,
    /// Protobuf.
    Protobuf,
    /// Protobuf, compressed with gzip.
    GzippedProtobuf,
}

/// An HTTP response of PromptLayer, with any status.
#[derive(Debug)]
pub struct Answer {
    /// The HTTP status.
    pub status: u16,
    /// The wait before the next attempt, if the response asks for one.
    pub retry_after: Option<Duration>,
    /// Complete if the status is 2xx. Otherwise as much as could be read, because it is only quoted.
    pub body: Vec<u8>,
}

impl Answer {
    /// Returns `true` for a 2xx status.
    pub fn is_success(&self) -> bool {
        is_success(self.status)
    }
}

/// The reason for an incomplete or missing response.
#[derive(Debug)]
pub struct Failure {
    /// What went wrong.
    pub kind: FailureKind,
    /// The status, if it was received but the body was not. It is always a 2xx status.
    pub status: Option<u16>,
    /// The cause.
    pub source: Box<dyn StdError + Send + Sync>,
}

/// The kind of a [`Failure`].
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum FailureKind {
    /// No connection was made (refused, no route, DNS, TLS), so the request was not processed.
    NotSent,
    /// The time-out passed after the connection was made.
    TimedOut,
    /// The connection broke, or the response was not HTTP.
    Broken,
    /// The request was awaited outside a tokio runtime, so nothing was sent.
    NoRuntime,
}

/// The settings and a connection pool. Cheap to clone: clones share the pool.
///
/// A connection belongs to the tokio runtime on which it was first used, and ends with it. So each runtime
/// that outlives another needs its own pool: see `Http::with_own_connections`.
#[derive(Clone)]
pub struct Http {
    pool: reqwest::Client,
    /// The connections of the thread that waits for calls outside of async code. They must not be those of `pool`:
    /// a runtime whose only thread waits for a call cannot serve the connections of that call. With the process whose
    /// thread it is: a fork has another one.
    #[cfg(feature = "blocking")]
    blocking_pool: Arc<Mutex<Option<(u32, reqwest::Client)>>>,
    settings: Arc<Settings>,
}

impl Http {
    pub(super) fn new(settings: Arc<Settings>) -> Result<Self, Error> {
        let pool = build_pool(&settings).map_err(|source| {
            Error::from(Repr::HttpSetup { source: source.without_url().into() }).redacted(&settings.redactor)
        })?;
        Ok(Self {
            pool,
            #[cfg(feature = "blocking")]
            blocking_pool: Arc::default(),
            settings,
        })
    }

    /// Returns the connections for the current thread.
    #[cfg(feature = "blocking")]
    fn pool(&self) -> Result<reqwest::Client, Failure> {
        if !blocking::on_blocking_thread() {
            return Ok(self.pool.clone());
        }
        let mut blocking_pool = self.blocking_pool.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some((process, pool)) = &*blocking_pool
            && *process == process::id()
        {
            return Ok(pool.clone());
        }
        let pool = build_pool(&self.settings).map_err(|error| failure(error, None))?;
        *blocking_pool = Some((process::id(), pool.clone()));
        Ok(pool)
    }

    /// Returns the connections.
    #[cfg(not(feature = "blocking"))]
    #[allow(clippy::unnecessary_wraps, reason = "building the connections of another thread can fail")]
    fn pool(&self) -> Result<reqwest::Client, Failure> {
        Ok(self.pool.clone())
    }

    /// Returns a client with the same settings and its own connections.
    pub(super) fn with_own_connections(&self) -> Result<Self, Error> {
        Self::new(Arc::clone(&self.settings))
    }

    pub(super) fn base_url(&self) -> &str {
        &self.settings.base_url
    }

    pub(super) fn timeout(&self) -> Duration {
        self.settings.timeout
    }

    /// Returns how often a call is sent again.
    pub(super) fn retries(&self) -> u32 {
        self.settings.retries
    }

    /// Returns the API key, for the one endpoint that needs it in the body. Do not write it anywhere else.
    pub(super) fn api_key(&self) -> &str {
        self.settings.api_key.expose_secret()
    }

    /// Returns the redactor, which removes the API key from texts.
    pub fn redactor(&self) -> &Redactor {
        &self.settings.redactor
    }

    /// Returns the settings, to derive others from them.
    pub(super) fn settings(&self) -> &Settings {
        &self.settings
    }

    /// Returns a hash that identifies the base URL and the API key together, as 16 hexadecimal digits.
    ///
    /// It is 64 bits of a SHA-256 hash. That is too little to compute the key, which has at least twice as
    /// many bits. The hash can only confirm a guessed key.
    pub fn destination(&self) -> String {
        let base_url = self.base_url().as_bytes();
        let mut hash = Sha256::new_with_prefix(b"promptlayer-tracing: the destination of a spool");
        // The length separates the URL from the key.
        hash.update((base_url.len() as u64).to_be_bytes());
        hash.update(base_url);
        hash.update(self.api_key().as_bytes());
        first_digits(hash)
    }

    /// Sends the JSON text `body` and returns the response, with any status.
    pub async fn post_bytes(&self, path: &str, body: Vec<u8>) -> Result<Answer, Failure> {
        self.post_observed(path, Payload::json(body), Written::default()).await
    }

    /// Sends a body and returns the response, with any status. Sets `written` before anything is written to a
    /// connection.
    pub async fn post_observed(
        &self,
        path: &str,
        body: Payload,
        written: Written,
    ) -> Result<Answer, Failure> {
        self.send_observed(Method::POST, path, body, written).await
    }

    async fn send_observed(
        &self,
        method: Method,
        path: &str,
        body: Payload,
        written: Written,
    ) -> Result<Answer, Failure> {
        let Payload { bytes, media } = body;
        let body = Some((WholeBody::new(bytes, written.clone()), media));
        let sent = self.send(method, path, body).await;
        sent.map_err(|failure| match failure.kind {
            FailureKind::TimedOut | FailureKind::Broken if !written.is_set() => {
                Failure { kind: FailureKind::NotSent, ..failure }
            }
            _ => failure,
        })
    }

    /// Sends a GET request to `path`, which may have a query, and returns the response, with any status.
    pub async fn get_bytes(&self, path: &str) -> Result<Answer, Failure> {
        self.send(Method::GET, path, None).await
    }

    /// Sends one request of any method and returns the response, with any status.
    pub(super) async fn attempt(
        &self,
        method: Method,
        path: &str,
        body: Option<Vec<u8>>,
    ) -> Result<Answer, Failure> {
        match body {
            Some(body) => self.send_observed(method, path, Payload::json(body), Written::default()).await,
            None => self.send(method, path, None).await,
        }
    }

    /// Returns an error if the body of a 2xx response to a POST request says that the request failed.
    pub fn declined(&self, path: &str, body: &[u8]) -> Option<Error> {
        says_failed(body)
            .then(|| Error::from_declined(describe(&Method::POST, path, 1), body, self.redactor()))
    }

    /// Creates the error for a response with a status other than 2xx. `request` describes the request.
    pub fn error_of_answer(&self, request: String, answer: &Answer) -> Error {
        Error::from_answer(request, answer, self.redactor())
    }

    /// Creates the error for a missing response. `request` describes the request.
    pub fn error_of_failure(&self, request: String, failure: Failure) -> Error {
        Error::from_failure(request, self.settings.timeout, self.redactor(), failure)
    }

    async fn send(
        &self,
        method: Method,
        path: &str,
        body: Option<(WholeBody, Media)>,
    ) -> Result<Answer, Failure> {
        // The timers and sockets below panic outside a tokio runtime.
        if let Err(source) = Handle::try_current() {
            let kind = FailureKind::NoRuntime;
            return Err(Failure { kind, status: None, source: source.into() });
        }
        let url = match &self.settings.traces_url {
            Some(url) if path == TRACES_PATH => url.clone(),
            _ => format!("{}{path}", self.settings.base_url),
        };
        let mut request = self.pool()?.request(method, url);
        if let Some((body, media)) = body {
            let content_type = match media {
                Media::Json => "application/json",
                Media::Protobuf | Media::GzippedProtobuf => "application/x-protobuf",
            };
            request = request.header(CONTENT_TYPE, HeaderValue::from_static(content_type));
            if media == Media::GzippedProtobuf {
                request = request.header(CONTENT_ENCODING, HeaderValue::from_static("gzip"));
            }
            request = request.body(Body::wrap(body));
        }
        let response = request.send().await.map_err(|error| failure(error, None))?;
        let status = response.status().as_u16();
        let retry_after = retry_after(response.headers(), SystemTime::now());
        match read_body(response).await {
            (body, None) => Ok(Answer { status, retry_after, body }),
            (body, Some(_)) if !is_success(status) => Ok(Answer { status, retry_after, body }),
            (_, Some(failure)) => Err(failure),
        }
    }
}

impl fmt::Debug for Http {
    /// Omits the API key, and the pool, whose output has the key as a default header.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Http")
            .field("base_url", &self.redactor().text(&self.settings.base_url))
            .field("timeout", &self.settings.timeout)
            .finish_non_exhaustive()
    }
}

fn build_pool(settings: &Settings) -> Result<reqwest::Client, reqwest::Error> {
    let built = pool_builder(settings).build();
    // On a system without root certificates, the certificate verifier cannot be created, and so no client
    // either. Plain HTTP does not need certificates, so it gets a client that trusts none.
    #[cfg(any(feature = "rustls", feature = "native-tls"))]
    if built.is_err() && settings.base_url.starts_with("http:") {
        return pool_builder(settings).tls_certs_only([]).build();
    }
    built
}

fn pool_builder(settings: &Settings) -> reqwest::ClientBuilder {
    let mut headers = settings.headers.clone();
    headers.insert(SDK_VERSION_HEADER, HeaderValue::from_static(VERSION));
    let builder = reqwest::Client::builder();
    let builder = match &settings.http {
        Some(set_up) => set_up(builder),
        None => builder,
    };
    builder
        // A redirect can send the key to another host.
        .redirect(redirect::Policy::none())
        .timeout(settings.timeout)
        // Less than the whole time-out, so that a failed connection is not mistaken for a late response.
        .connect_timeout((settings.timeout / 4 * 3).min(ClientBuilder::CONNECT_TIMEOUT))
        .user_agent(USER_AGENT)
        .default_headers(headers)
}

/// Returns the first 64 bits of a hash as 16 hexadecimal digits.
pub(crate) fn first_digits(hash: Sha256) -> String {
    let number = hash.finalize().iter().take(8).fold(0, |number, byte| (number << 8) | u64::from(*byte));
    format!("{number:016x}")
}

fn is_success(status: u16) -> bool {
    (200..300).contains(&status)
}

/// Returns `true` if the body of a 2xx response says that the request failed. Only `"success": false` does. Without the
/// field, the status decides.
pub(super) fn says_failed(body: &[u8]) -> bool {
    #[derive(Deserialize)]
    struct Outcome {
        success: bool,
    }
    matches!(serde_json::from_slice(body), Ok(Outcome { success: false }))
}

/// Describes a request in an error: the method, the path without its query, and the number of attempts.
pub(super) fn describe(method: &Method, path: &str, attempts: u32) -> String {
    let path = path.split('?').next().unwrap_or(path);
    let path = crate::cut(path, Error::MAX_QUOTED_BYTES);
    if attempts > 1 { format!("{method} {path} ({attempts} attempts)") } else { format!("{method} {path}") }
}

fn failure(error: reqwest::Error, status: Option<u16>) -> Failure {
    // `is_connect` comes first: if connecting timed out, there was still no connection.
    let kind = if error.is_connect() {
        FailureKind::NotSent
    } else if error.is_timeout() {
        FailureKind::TimedOut
    } else {
        FailureKind::Broken
    };
    Failure { kind, status, source: error.without_url().into() }
}

/// Reads the body. Returns what was read, and the failure if that is not the whole body.
async fn read_body(mut response: Response) -> (Vec<u8>, Option<Failure>) {
    let status = Some(response.status().as_u16());
    let mut body = Vec::new();
    loop {
        match response.chunk().await {
            Ok(Some(chunk)) if body.len() + chunk.len() <= MAX_ANSWER_BYTES => {
                body.extend_from_slice(&chunk);
            }
            Ok(Some(_)) => {
                let source = format!("the answer is larger than {MAX_ANSWER_BYTES} bytes").into();
                return (body, Some(Failure { kind: FailureKind::Broken, status, source }));
            }
            Ok(None) => return (body, None),
            Err(error) => return (body, Some(failure(error, status))),
        }
    }
}

/// Parses `Retry-After` as a number of seconds or as a date. A date in the past means no wait.
fn retry_after(headers: &HeaderMap, now: SystemTime) -> Option<Duration> {
    let value = headers.get(RETRY_AFTER)?.to_str().ok()?.trim();
    if !value.is_empty() && value.bytes().all(|byte| byte.is_ascii_digit()) {
        // A number that overflows is the longest possible wait.
        return Some(Duration::from_secs(value.parse().unwrap_or(u64::MAX)));
    }
    let parse = |value: &HeaderValue| httpdate::parse_http_date(value.to_str().ok()?.trim()).ok();
    let date = parse(headers.get(RETRY_AFTER)?)?;
    // Uses the server's clock if the `Date` header can be parsed, because the clock of this machine may be
    // wrong.
    let now = headers.get(DATE).and_then(parse).unwrap_or(now);
    Some(date.duration_since(now).unwrap_or_default())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn retry_after_is_parsed_as_seconds_and_as_a_date() {
        let now = httpdate::parse_http_date("Sun, 06 Nov 1994 08:49:37 GMT").unwrap();
        let wait = |value: &'static str| {
            let headers = HeaderMap::from_iter([(RETRY_AFTER, HeaderValue::from_static(value))]);
            retry_after(&headers, now)
        };

        assert_eq!(wait("120"), Some(Duration::from_secs(120)));
        assert_eq!(wait("Sun, 06 Nov 1994 08:50:07 GMT"), Some(Duration::from_secs(30)));
        assert_eq!(wait("Sun, 06 Nov 1994 08:00:00 GMT"), Some(Duration::ZERO));
        assert_eq!(wait("99999999999999999999"), Some(Duration::from_secs(u64::MAX)));
        assert_eq!(wait("soon"), None);
        assert_eq!(wait("-1"), None);
        assert_eq!(retry_after(&HeaderMap::new(), SystemTime::now()), None);
    }

    #[test]
    fn retry_after_date_is_relative_to_the_servers_clock() {
        let date = |value: &'static str| HeaderValue::from_static(value);
        let headers = HeaderMap::from_iter([
            (RETRY_AFTER, date("Sun, 06 Nov 1994 08:50:07 GMT")),
            (DATE, date("Sun, 06 Nov 1994 08:49:37 GMT")),
        ]);
        assert_eq!(retry_after(&headers, SystemTime::UNIX_EPOCH), Some(Duration::from_secs(30)));
    }
}
