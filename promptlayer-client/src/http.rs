//! One way to the service and back, for the REST client and for the export pipeline.

use std::{
    error::Error as StdError,
    fmt,
    sync::Arc,
    time::{Duration, SystemTime},
};

use reqwest::{
    Body, Method, Response,
    header::{CONTENT_TYPE, DATE, HeaderMap, HeaderName, HeaderValue, RETRY_AFTER},
    redirect,
};
use secrecy::ExposeSecret;
use serde::{Deserialize, Serialize, de::DeserializeOwned};
use sha2::{Digest, Sha256};
use tokio::runtime::Handle;

use crate::body::{WholeBody, Written};
use crate::config::Settings;
use crate::redact::Redactor;
use crate::{ClientBuilder, Error, Repr};

const VERSION: &str = env!("CARGO_PKG_VERSION");
const USER_AGENT: &str = concat!("promptlayer-rust/", env!("CARGO_PKG_VERSION"));
const API_KEY_HEADER: HeaderName = HeaderName::from_static("x-api-key");
const SDK_VERSION_HEADER: HeaderName = HeaderName::from_static("x-sdk-version");

/// The most that is read of an answer, in bytes. The greatest are traces that are read back; what is
/// larger is no answer of this service.
pub(crate) const MAX_ANSWER_BYTES: usize = 16 << 20;

/// What the service answered, whatever its status.
#[derive(Debug)]
pub struct Answer {
    /// The HTTP status.
    pub status: u16,
    /// How long to wait before the next attempt, if the service asks for it.
    pub retry_after: Option<Duration>,
    /// Complete where the status is 2xx; else as much as could be read, since it is only quoted.
    pub body: Vec<u8>,
}

impl Answer {
    /// Returns `true` for a 2xx status.
    pub fn is_success(&self) -> bool {
        is_success(self.status)
    }
}

/// Why there is no (complete) answer.
#[derive(Debug)]
pub struct Failure {
    /// What went wrong.
    pub kind: FailureKind,
    /// The status, where it came and the body after it did not. It is a 2xx then.
    pub status: Option<u16>,
    /// The cause.
    pub source: Box<dyn StdError + Send + Sync>,
}

/// The kind of a [`Failure`].
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum FailureKind {
    /// No connection was made (refused, no route, DNS, TLS): surely not processed.
    NotSent,
    /// Time ran out after the connection was made.
    TimedOut,
    /// The connection broke, or what came over it was not HTTP.
    Broken,
    /// There is no tokio runtime here, so nothing was tried.
    NoRuntime,
}

/// The settings and a pool of connections. Cheap to clone; clones share the pool.
///
/// A connection belongs to the tokio runtime on which it was first used, and dies with it. So each
/// runtime that outlives another wants a pool of its own: see [`Http::with_own_connections`].
#[derive(Clone)]
pub struct Http {
    pool: reqwest::Client,
    settings: Arc<Settings>,
}

impl Http {
    pub(super) fn new(settings: Arc<Settings>) -> Result<Self, Error> {
        let pool = build_pool(&settings).map_err(|source| {
            Error::from(Repr::HttpSetup { source: source.without_url().into() }).redacted(&settings.redactor)
        })?;
        Ok(Self { pool, settings })
    }

    /// The same settings with connections of its own.
    pub(super) fn with_own_connections(&self) -> Result<Self, Error> {
        Self::new(Arc::clone(&self.settings))
    }

    pub(super) fn base_url(&self) -> &str {
        &self.settings.base_url
    }

    pub(super) fn timeout(&self) -> Duration {
        self.settings.timeout
    }

    /// The key, for the one endpoint that wants it in the body. To be written nowhere else.
    pub(super) fn api_key(&self) -> &str {
        self.settings.api_key.expose_secret()
    }

    /// What removes the key from texts.
    pub fn redactor(&self) -> &Redactor {
        &self.settings.redactor
    }

    /// Identifies the base URL and the key together, in 16 hexadecimal digits.
    ///
    /// These are 64 bits of a SHA-256 hash: too few to compute a key from, which has at least twice as many. Only a key
    /// that was guessed can be confirmed with it.
    pub fn destination(&self) -> String {
        let base_url = self.base_url().as_bytes();
        let mut hash = Sha256::new_with_prefix(b"promptlayer-tracing: the destination of a spool");
        // Its length keeps what is of the URL apart from what is of the key.
        hash.update((base_url.len() as u64).to_be_bytes());
        hash.update(base_url);
        hash.update(self.api_key().as_bytes());
        let number = hash.finalize().iter().take(8).fold(0, |number, byte| (number << 8) | u64::from(*byte));
        format!("{number:016x}")
    }

    /// Sends `body`, which is JSON, and reads the answer, whatever its status.
    pub async fn post_bytes(&self, path: &str, body: Vec<u8>) -> Result<Answer, Failure> {
        self.post_observed(path, body, Written::default()).await
    }

    /// The same, and sets `written` before anything is written to a connection.
    pub async fn post_observed(
        &self,
        path: &str,
        body: Vec<u8>,
        written: Written,
    ) -> Result<Answer, Failure> {
        let sent = self.send(Method::POST, path, Some(WholeBody::new(body, written.clone()))).await;
        sent.map_err(|failure| match failure.kind {
            FailureKind::TimedOut | FailureKind::Broken if !written.is_set() => {
                Failure { kind: FailureKind::NotSent, ..failure }
            }
            _ => failure,
        })
    }

    /// Reads what is at `path`, which may have a query, whatever the status.
    pub async fn get_bytes(&self, path: &str) -> Result<Answer, Failure> {
        self.send(Method::GET, path, None).await
    }

    /// Sends `body` as JSON and reads the JSON of a 2xx answer.
    pub(super) async fn post_json<T: DeserializeOwned>(
        &self,
        path: &str,
        body: &(impl Serialize + Sync),
    ) -> Result<T, Error> {
        let body = serde_json::to_vec(body).map_err(|source| self.error_of_encoding(source))?;
        let answer = self.post_bytes(path, body).await;
        self.read(&Method::POST, path, answer)
    }

    /// Sends `body`, and reads no more of the answer than whether it was done.
    pub(super) async fn post_unanswered(&self, path: &str, body: Vec<u8>) -> Result<(), Error> {
        let answer = self.post_bytes(path, body).await;
        let answer = self.accept(&Method::POST, path, answer)?;
        self.declined(path, &answer.body).map_or(Ok(()), Err)
    }

    /// The error of an answer that says, for all its 2xx, that nothing was done.
    pub fn declined(&self, path: &str, body: &[u8]) -> Option<Error> {
        #[derive(Deserialize)]
        struct Outcome {
            success: bool,
        }
        // Only a plain "no" is one: an answer without the field is the status's "yes".
        match serde_json::from_slice(body) {
            Ok(Outcome { success: false }) => {
                Some(Error::from_declined(describe(&Method::POST, path), body, self.redactor()))
            }
            _ => None,
        }
    }

    /// Reads the JSON of a 2xx answer.
    pub(super) async fn get_json<T: DeserializeOwned>(&self, path: &str) -> Result<T, Error> {
        let answer = self.get_bytes(path).await;
        self.read(&Method::GET, path, answer)
    }

    fn read<T: DeserializeOwned>(
        &self,
        method: &Method,
        path: &str,
        answer: Result<Answer, Failure>,
    ) -> Result<T, Error> {
        let answer = self.accept(method, path, answer)?;
        serde_json::from_slice(&answer.body).map_err(|source| {
            Error::from_unreadable(describe(method, path), &answer.body, self.redactor(), source)
        })
    }

    fn accept(&self, method: &Method, path: &str, answer: Result<Answer, Failure>) -> Result<Answer, Error> {
        match answer {
            Ok(answer) if answer.is_success() => Ok(answer),
            Ok(answer) => Err(self.error_of_answer(describe(method, path), &answer)),
            Err(failure) => Err(self.error_of_failure(describe(method, path), failure)),
        }
    }

    /// The error that an answer other than 2xx stands for; `request` says which it answers.
    pub fn error_of_answer(&self, request: String, answer: &Answer) -> Error {
        Error::from_answer(request, answer, self.redactor())
    }

    /// The error that a missing answer stands for; `request` says which it should answer.
    pub fn error_of_failure(&self, request: String, failure: Failure) -> Error {
        Error::from_failure(request, self.settings.timeout, self.redactor(), failure)
    }

    /// The error that a request stands for which cannot be written as JSON.
    pub(super) fn error_of_encoding(&self, source: serde_json::Error) -> Error {
        Error::from(Repr::Encode { what: "the request", source }).redacted(self.redactor())
    }

    async fn send(&self, method: Method, path: &str, body: Option<WholeBody>) -> Result<Answer, Failure> {
        // The timers and sockets below panic where there is no runtime.
        if let Err(source) = Handle::try_current() {
            let kind = FailureKind::NoRuntime;
            return Err(Failure { kind, status: None, source: source.into() });
        }
        let mut request = self.pool.request(method, format!("{}{path}", self.settings.base_url));
        if let Some(body) = body {
            request = request
                .header(CONTENT_TYPE, HeaderValue::from_static("application/json"))
                .body(Body::wrap(body));
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
    /// Leaves the key out, and the pool, which would show it as a default header.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Http")
            .field("base_url", &self.redactor().text(&self.settings.base_url))
            .field("timeout", &self.settings.timeout)
            .finish_non_exhaustive()
    }
}

fn build_pool(settings: &Settings) -> Result<reqwest::Client, reqwest::Error> {
    let built = pool_builder(settings).build();
    // On a system without root certificates the verifier cannot be made, and with it no client at
    // all. Plain HTTP needs none: it gets a client that trusts nobody.
    if built.is_err() && settings.base_url.starts_with("http:") {
        return pool_builder(settings).tls_certs_only([]).build();
    }
    built
}

fn pool_builder(settings: &Settings) -> reqwest::ClientBuilder {
    let headers = HeaderMap::from_iter([
        (API_KEY_HEADER, settings.api_key_header.clone()),
        (SDK_VERSION_HEADER, HeaderValue::from_static(VERSION)),
    ]);
    let builder = reqwest::Client::builder();
    let builder = match &settings.http {
        Some(set_up) => set_up(builder),
        None => builder,
    };
    builder
        // A redirect can carry the key to another host.
        .redirect(redirect::Policy::none())
        .timeout(settings.timeout)
        // Less than the whole: a connection that is not made must not look like an answer that is late.
        .connect_timeout((settings.timeout / 4 * 3).min(ClientBuilder::CONNECT_TIMEOUT))
        .user_agent(USER_AGENT)
        .default_headers(headers)
}

fn is_success(status: u16) -> bool {
    (200..300).contains(&status)
}

/// What an error calls a request: the method, and the path without its query.
fn describe(method: &Method, path: &str) -> String {
    let path = path.split('?').next().unwrap_or(path);
    format!("{method} {}", crate::cut(path, Error::MAX_QUOTED_BYTES))
}

fn failure(error: reqwest::Error, status: Option<u16>) -> Failure {
    // Asked first: a connection that was not made in time is not made all the same.
    let kind = if error.is_connect() {
        FailureKind::NotSent
    } else if error.is_timeout() {
        FailureKind::TimedOut
    } else {
        FailureKind::Broken
    };
    Failure { kind, status, source: error.without_url().into() }
}

/// What was read of the body, and why it is not all of it.
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

/// `Retry-After` in either of its forms. A date in the past asks for no wait.
fn retry_after(headers: &HeaderMap, now: SystemTime) -> Option<Duration> {
    let value = headers.get(RETRY_AFTER)?.to_str().ok()?.trim();
    if !value.is_empty() && value.bytes().all(|byte| byte.is_ascii_digit()) {
        // More than a count of seconds can hold is as long as it can say.
        return Some(Duration::from_secs(value.parse().unwrap_or(u64::MAX)));
    }
    let parse = |value: &HeaderValue| httpdate::parse_http_date(value.to_str().ok()?.trim()).ok();
    let date = parse(headers.get(RETRY_AFTER)?)?;
    // By the clock that named the time, if it can be read: this machine's may be set to another year.
    let now = headers.get(DATE).and_then(parse).unwrap_or(now);
    Some(date.duration_since(now).unwrap_or_default())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn retry_after_is_understood_in_seconds_and_as_a_date() {
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
    fn retry_after_as_a_date_is_read_by_the_servers_clock() {
        let date = |value: &'static str| HeaderValue::from_static(value);
        let headers = HeaderMap::from_iter([
            (RETRY_AFTER, date("Sun, 06 Nov 1994 08:50:07 GMT")),
            (DATE, date("Sun, 06 Nov 1994 08:49:37 GMT")),
        ]);
        assert_eq!(retry_after(&headers, SystemTime::UNIX_EPOCH), Some(Duration::from_secs(30)));
    }
}
