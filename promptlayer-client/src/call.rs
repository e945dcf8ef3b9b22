//! One call of the API: a method, a path, a query and a body; how it is sent, and how often.

use std::fmt::{self, Write as _};
use std::future::IntoFuture;

use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, utf8_percent_encode};
use reqwest::Method;
use serde::Serialize;
use serde::de::DeserializeOwned;
use serde_json::Value;

use crate::http::{Answer, describe, says_failed};
use crate::{ApiFuture, Client, Error, retry};

/// The characters that are percent-encoded in a path or a query: all except the unreserved characters.
const ESCAPED: &AsciiSet = &NON_ALPHANUMERIC.remove(b'-').remove(b'_').remove(b'.').remove(b'~');

/// A call that is ready to be sent.
#[derive(Debug, Clone)]
pub(crate) struct Call {
    method: Method,
    path: String,
    query: String,
    body: Option<Vec<u8>>,
    idempotent: bool,
}

impl Call {
    /// Creates a call without a body. `path` begins with a slash, and its variable parts are encoded.
    pub(crate) fn new(method: Method, path: impl Into<String>) -> Self {
        let idempotent = method.is_idempotent();
        Self { method, path: path.into(), query: String::new(), body: None, idempotent }
    }

    pub(crate) fn get(path: impl Into<String>) -> Self {
        Self::new(Method::GET, path)
    }

    pub(crate) fn post(path: impl Into<String>) -> Self {
        Self::new(Method::POST, path)
    }

    /// Adds a query parameter.
    pub(crate) fn query(mut self, name: &str, value: impl fmt::Display) -> Self {
        let separator = if self.query.is_empty() { '?' } else { '&' };
        // Writing to a `String` does not fail.
        let _ = write!(self.query, "{separator}{}={}", escape(name), escape(&value.to_string()));
        self
    }

    /// Sets the body, and so the content type.
    pub(crate) fn json(mut self, body: &(impl Serialize + ?Sized)) -> Result<Self, Error> {
        let body = serde_json::to_vec(body).map_err(|source| Error::encode("the request", source))?;
        self.body = Some(body);
        Ok(self)
    }

    /// Sets a body that is JSON already.
    pub(crate) fn json_bytes(mut self, body: Vec<u8>) -> Self {
        self.body = Some(body);
        self
    }

    /// Declares that this call may be repeated: that it has the same effect if it is processed twice. Calls with the
    /// methods GET, PUT and DELETE always may.
    pub(crate) fn idempotent(mut self) -> Self {
        self.idempotent = true;
        self
    }
}

impl Client {
    /// Sends a call, again if that can help, and returns the response. Its status is 2xx.
    pub(crate) async fn send(&self, call: Call) -> Result<Answer, Error> {
        let http = self.http();
        let Call { method, path, query, body, idempotent } = call;
        let path = path + &query;
        let (mut attempts, mut may_be_done) = (0, false);
        loop {
            attempts += 1;
            let outcome = http.attempt(method.clone(), &path, body.clone()).await;
            let retried = attempts <= http.retries();
            if let Some(wait) = retry::wait(&outcome, idempotent, attempts).filter(|_| retried) {
                may_be_done |= retry::may_be_done(&outcome);
                tokio::time::sleep(wait).await;
                continue;
            }
            let request = || describe(&method, &path, attempts);
            return match outcome {
                Ok(answer) if answer.is_success() && says_failed(&answer.body) => {
                    Err(Error::from_declined(request(), &answer.body, http.redactor()))
                }
                Ok(answer) if answer.is_success() => Ok(answer),
                // An earlier attempt deleted it.
                Ok(answer) if answer.status == 404 && method == Method::DELETE && may_be_done => {
                    Ok(Answer { status: 204, retry_after: None, body: Vec::new() })
                }
                Ok(answer) => Err(http.error_of_answer(request(), &answer)),
                Err(failure) => Err(http.error_of_failure(request(), failure)),
            };
        }
    }

    /// Sends a call and parses the JSON of the response.
    pub(crate) async fn read<T: DeserializeOwned>(&self, call: Call) -> Result<T, Error> {
        let request = describe(&call.method, &call.path, 1);
        let answer = self.send(call).await?;
        // A response without a body is `null`, so that a caller of any endpoint can read it.
        let body = if answer.body.is_empty() { b"null" } else { &*answer.body };
        serde_json::from_slice(body).map_err(|source| self.http().error_of_unreadable(request, body, source))
    }
}

/// A request to any path of PromptLayer's API. Send it with `.await`. See [`Client::request`].
///
/// It has the key, the retries and the errors of all other calls. The response is read as JSON. A response without a
/// body is [`Value::Null`].
///
/// A path that does not begin with `/`, or that has a query or a part `..`, is reported as
/// [`InvalidInput`](crate::ErrorKind::InvalidInput) when the request is awaited. Nothing is sent then.
#[derive(Debug)]
#[must_use = "a request is sent when this is awaited"]
pub struct ApiRequest {
    client: Client,
    call: Result<Call, Error>,
}

impl ApiRequest {
    pub(crate) fn new(client: Client, method: Method, path: &str) -> Self {
        Self { client, call: check_path(path).map(|()| Call::new(method, path)) }
    }

    /// Adds query parameters. Their names and values are percent-encoded.
    pub fn query<K: AsRef<str>, V: fmt::Display>(self, pairs: impl IntoIterator<Item = (K, V)>) -> Self {
        let add = |call| pairs.into_iter().fold(call, |call: Call, (k, v)| call.query(k.as_ref(), v));
        Self { call: self.call.map(add), ..self }
    }

    /// Sets the body, which is sent as JSON.
    pub fn json(self, body: &(impl Serialize + ?Sized)) -> Self {
        Self { call: self.call.and_then(|call| call.json(body)), ..self }
    }

    /// Declares that the request has the same effect if it is processed twice. It is then repeated after every failure
    /// that may pass. By default, this holds for GET, PUT and DELETE. Other requests are only repeated if they were
    /// certainly not processed.
    pub fn idempotent(self) -> Self {
        Self { call: self.call.map(Call::idempotent), ..self }
    }

    /// Sends the request and reads the response as a `T`.
    ///
    /// # Errors
    ///
    /// Returns an [`Error`] if the request is invalid or fails, or if the response is not a `T`.
    pub fn read<T: DeserializeOwned + 'static>(self) -> ApiFuture<T> {
        ApiFuture::new(async move { self.client.read(self.call?).await })
    }
}

impl IntoFuture for ApiRequest {
    type Output = Result<Value, Error>;
    type IntoFuture = ApiFuture<Value>;

    /// Sends the request. Requires a tokio runtime.
    fn into_future(self) -> ApiFuture<Value> {
        self.read()
    }
}

/// Encodes a text for a path or a query.
pub(crate) fn escape(text: &str) -> impl fmt::Display + '_ {
    utf8_percent_encode(text, ESCAPED)
}

/// Encodes a name as one segment of a path. `what` says in an error what it names.
pub(crate) fn segment(what: &'static str, name: &str) -> Result<String, Error> {
    let name = name.trim();
    // A name of only dots would be a segment that refers to another path, even if it is encoded.
    if matches!(name, "" | "." | "..") {
        return Err(Error::invalid_argument(what, format!("`{name}` names nothing")));
    }
    Ok(escape(name).to_string())
}

/// Checks a path of which the caller has encoded the parts.
fn check_path(path: &str) -> Result<(), Error> {
    let refuse = |reason: &str| {
        let reason = format!("{reason}: `{}`", crate::cut(path, Error::MAX_QUOTED_BYTES));
        Err(Error::invalid_argument("path", reason))
    };
    if !path.starts_with('/') {
        return refuse("it does not begin with `/`");
    }
    if path.contains(['?', '#']) {
        return refuse("it has a query or a fragment; give parameters to `.query(…)`");
    }
    if path.contains(|c: char| c == '\\' || c.is_whitespace() || c.is_control()) {
        return refuse("it has a character that must be percent-encoded");
    }
    // The parser of URLs removes such parts, and so the path would leave that of the base URL.
    let decoded = path.to_ascii_lowercase().replace("%2e", ".");
    if decoded.split('/').any(|part| matches!(part, "." | "..")) {
        return refuse("it has a part `.` or `..`");
    }
    Ok(())
}
