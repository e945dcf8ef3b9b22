//! The response to a request, or a simulated failure.

use std::future::pending;
use std::sync::Arc;
use std::time::Duration;

use axum::body::Body;
use axum::http::{HeaderName, HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use serde_json::Value;
use tokio::sync::watch;

use super::request::Request;
use super::service::Answer;
use super::wire::Cut;

/// A response that replaces the default response of the recorder.
///
/// A request is *processed* if the recorder stores its data, so that it can be read back. The default body of
/// the response is then sent, unless the reply has its own body. Requests answered with a success status are
/// processed, others are not. [`processed`](Self::processed) simulates a server that processes the request
/// and then reports a failure.
///
/// ```
/// use tests::{Gate, Reply};
///
/// let gate = Gate::new();
/// let replies = [
///     Reply::status(429).header("Retry-After", "2"),
///     Reply::status(500).processed(),
///     Reply::service().broken_json(),
///     Reply::service().lost(),
///     Reply::service().hang(&gate),
/// ];
/// # drop(replies);
/// ```
#[derive(Debug, Clone)]
#[must_use]
pub struct Reply {
    status: Option<StatusCode>,
    headers: Vec<(HeaderName, HeaderValue)>,
    body: Option<Vec<u8>>,
    processed: bool,
    broken: bool,
    lost: bool,
    gate: Option<Gate>,
    delay: Duration,
    most_spans: usize,
    most_ids: usize,
}

impl Reply {
    /// Creates the default response.
    pub fn service() -> Self {
        Self {
            status: None,
            headers: Vec::new(),
            body: None,
            processed: true,
            broken: false,
            lost: false,
            gate: None,
            delay: Duration::ZERO,
            most_spans: usize::MAX,
            most_ids: usize::MAX,
        }
    }

    /// Creates a response with this status. If it is a failure without a body, a body like PromptLayer's is
    /// sent.
    ///
    /// # Panics
    ///
    /// Panics if the status is not in the range 100 to 999.
    pub fn status(status: u16) -> Self {
        let Ok(status) = StatusCode::from_u16(status) else {
            panic!("{status} is no HTTP status: give one from 100 to 999");
        };
        Self { status: Some(status), processed: status.is_success(), ..Self::service() }
    }

    /// Creates a redirect to this URL that keeps the method and the body: 307.
    ///
    /// # Panics
    ///
    /// Panics if the URL is not a valid header value.
    pub fn redirect(to: &str) -> Self {
        Self::status(307).header("Location", to)
    }

    /// Resets the connection once the request has arrived, before it is processed.
    pub fn reset() -> Self {
        Self { processed: false, ..Self::service() }.lost()
    }

    /// Adds a header.
    ///
    /// # Panics
    ///
    /// Panics if the name or the value is invalid.
    pub fn header(mut self, name: &str, value: &str) -> Self {
        let (Ok(name), Ok(value)) = (name.parse::<HeaderName>(), HeaderValue::from_str(value)) else {
            panic!("{name:?}: {value:?} is no header");
        };
        self.headers.push((name, value));
        self
    }

    /// Sets the body. It is sent as JSON unless a header says otherwise.
    pub fn body(mut self, body: impl Into<Vec<u8>>) -> Self {
        self.body = Some(body.into());
        self
    }

    /// Sets the body to this JSON value.
    pub fn json(self, body: &Value) -> Self {
        self.body(body.to_string())
    }

    /// Sends only the first half of the body, with a matching `Content-Length`, so that it cannot be parsed
    /// as JSON.
    pub fn broken_json(mut self) -> Self {
        self.broken = true;
        self
    }

    /// Processes the request although the response is a failure.
    pub fn processed(mut self) -> Self {
        self.processed = true;
        self
    }

    /// Does not process the request although the response is a success.
    pub fn unprocessed(mut self) -> Self {
        self.processed = false;
        self
    }

    /// Processes only the first `most` spans of the request.
    pub fn store_at_most(mut self, most: usize) -> Self {
        self.most_spans = most;
        self
    }

    /// Returns only the first `most` request ids, regardless of how many spans were processed.
    pub fn answer_at_most(mut self, most: usize) -> Self {
        self.most_ids = most;
        self
    }

    /// Resets the connection instead of sending the response.
    pub fn lost(mut self) -> Self {
        self.lost = true;
        self
    }

    /// Holds the response back until the gate is opened. The request is recorded and processed immediately.
    pub fn hang(mut self, gate: &Gate) -> Self {
        self.gate = Some(gate.clone());
        self
    }

    /// Delays the response. The request is recorded and processed immediately.
    pub fn delay(mut self, delay: Duration) -> Self {
        self.delay = delay;
        self
    }

    pub(super) fn is_processed(&self) -> bool {
        self.processed
    }

    /// Returns the part of the request that is processed.
    pub(super) fn taken_in(&self, request: &Arc<Request>) -> Arc<Request> {
        if request.spans().count() <= self.most_spans {
            return Arc::clone(request);
        }
        let mut taken = Request::clone(request);
        if let Some(spans) = taken.json.as_mut().and_then(|json| json["spans"].as_array_mut()) {
            spans.truncate(self.most_spans);
        }
        Arc::new(taken)
    }

    /// Returns the status, if one was set.
    pub(super) fn given_status(&self) -> Option<StatusCode> {
        self.status
    }

    pub(super) async fn send(self, mut own: Answer, cut: &Cut) -> Response {
        if let Some(gate) = &self.gate {
            gate.wait().await;
        }
        if !self.delay.is_zero() {
            tokio::time::sleep(self.delay).await;
        }
        if self.lost {
            cut.now();
        }
        if let Some(ids) = own.body.get_mut("request_logs").and_then(Value::as_array_mut) {
            ids.truncate(self.most_ids);
        }
        let mut body = self.body.unwrap_or_else(|| own.body.to_string().into_bytes());
        if self.broken {
            body.truncate(body.len() / 2);
        }
        let mut response = (self.status.unwrap_or(own.status), Body::from(body)).into_response();
        let headers = response.headers_mut();
        headers.insert(header::CONTENT_TYPE, HeaderValue::from_static("application/json"));
        for (name, value) in self.headers {
            headers.insert(name, value);
        }
        response
    }
}

/// Holds responses back until it is opened. Clones share the same gate.
#[derive(Debug, Clone)]
pub struct Gate(Arc<watch::Sender<bool>>);

impl Gate {
    /// Creates a closed gate.
    pub fn new() -> Self {
        Self(Arc::new(watch::Sender::new(false)))
    }

    /// Lets all waiting and all later responses through.
    pub fn open(&self) {
        self.0.send_replace(true);
    }

    async fn wait(&self) {
        let mut open = self.0.subscribe();
        if open.wait_for(|open| *open).await.is_err() {
            // The gate can no longer be opened.
            pending::<()>().await;
        }
    }
}

impl Default for Gate {
    fn default() -> Self {
        Self::new()
    }
}
