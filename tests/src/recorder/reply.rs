//! How a request is answered, or is not.

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

/// An answer to give instead of the service's own.
///
/// A reply is *processed* where the service takes the request in: what it stores can be read back, and unless the reply
/// has a body of its own, the service's is sent. A reply that succeeds is processed, one that fails is not;
/// [`processed`](Self::processed) is for a service that did its work and then failed to say so.
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
    /// What the service answers.
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

    /// This status; with a body like the service's where it fails and none is given.
    ///
    /// # Panics
    ///
    /// If it is no status: from 100 to 999.
    pub fn status(status: u16) -> Self {
        let Ok(status) = StatusCode::from_u16(status) else {
            panic!("{status} is no HTTP status: give one from 100 to 999");
        };
        Self { status: Some(status), processed: status.is_success(), ..Self::service() }
    }

    /// A redirect to this URL that keeps the method and the body: 307.
    ///
    /// # Panics
    ///
    /// If the URL cannot stand in a header.
    pub fn redirect(to: &str) -> Self {
        Self::status(307).header("Location", to)
    }

    /// No answer: the connection is reset once the request has arrived, before it is processed.
    pub fn reset() -> Self {
        Self { processed: false, ..Self::service() }.lost()
    }

    /// Adds a header.
    ///
    /// # Panics
    ///
    /// If the name or the value cannot stand in a header.
    pub fn header(mut self, name: &str, value: &str) -> Self {
        let (Ok(name), Ok(value)) = (name.parse::<HeaderName>(), HeaderValue::from_str(value)) else {
            panic!("{name:?}: {value:?} is no header");
        };
        self.headers.push((name, value));
        self
    }

    /// This body, sent as JSON unless a header says otherwise.
    pub fn body(mut self, body: impl Into<Vec<u8>>) -> Self {
        self.body = Some(body.into());
        self
    }

    /// This JSON as the body.
    pub fn json(self, body: &Value) -> Self {
        self.body(body.to_string())
    }

    /// Sends only the first half of the body, under a head that fits it: it cannot be read as JSON.
    pub fn broken_json(mut self) -> Self {
        self.broken = true;
        self
    }

    /// Takes the request in although the reply fails.
    pub fn processed(mut self) -> Self {
        self.processed = true;
        self
    }

    /// Does not take the request in although the reply succeeds.
    pub fn unprocessed(mut self) -> Self {
        self.processed = false;
        self
    }

    /// Takes in no more than the first `most` spans of the request.
    pub fn store_at_most(mut self, most: usize) -> Self {
        self.most_spans = most;
        self
    }

    /// Answers with no more than the first `most` ids of requests, whatever was taken in.
    pub fn answer_at_most(mut self, most: usize) -> Self {
        self.most_ids = most;
        self
    }

    /// Resets the connection where the answer would have been.
    pub fn lost(mut self) -> Self {
        self.lost = true;
        self
    }

    /// Holds the answer back until the gate is opened; the request is recorded and taken in at once.
    pub fn hang(mut self, gate: &Gate) -> Self {
        self.gate = Some(gate.clone());
        self
    }

    /// Sends the answer this much later; the request is recorded and taken in at once.
    pub fn delay(mut self, delay: Duration) -> Self {
        self.delay = delay;
        self
    }

    pub(super) fn is_processed(&self) -> bool {
        self.processed
    }

    /// The request as far as the service takes it in.
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

    /// The status it was given, if it was.
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

/// Holds answers back until it is opened. Clones are the same gate.
#[derive(Debug, Clone)]
pub struct Gate(Arc<watch::Sender<bool>>);

impl Gate {
    /// A closed gate.
    pub fn new() -> Self {
        Self(Arc::new(watch::Sender::new(false)))
    }

    /// Lets everything through that waits, and everything that comes later.
    pub fn open(&self) {
        self.0.send_replace(true);
    }

    async fn wait(&self) {
        let mut open = self.0.subscribe();
        if open.wait_for(|open| *open).await.is_err() {
            // It can be opened no more.
            pending::<()>().await;
        }
    }
}

impl Default for Gate {
    fn default() -> Self {
        Self::new()
    }
}
