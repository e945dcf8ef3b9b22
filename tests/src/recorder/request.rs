//! A recorded request.

use std::fmt;
use std::time::Instant;

use axum::body::Bytes;
use axum::extract::Query;
use axum::http::request::Parts;
use axum::http::{HeaderMap, Method};
use serde_json::Value;

use super::otlp;

/// A recorded request.
#[derive(Debug, Clone)]
#[non_exhaustive]
pub struct Request {
    /// Its position in the order of arrival, from 0.
    pub number: usize,
    /// The time at which its head arrived.
    pub at: Instant,
    /// The method.
    pub method: Method,
    /// The path as sent, without the query.
    pub path: String,
    /// The decoded name-value pairs of the query.
    pub query: Vec<(String, String)>,
    /// The headers.
    pub headers: HeaderMap,
    /// The body as sent.
    pub raw: Bytes,
    /// The body as JSON, if it is JSON. That of a `POST /v1/traces` is converted to the form of a `POST /spans-bulk`.
    pub json: Option<Value>,
}

impl Request {
    pub(super) fn new(number: usize, at: Instant, head: &Parts, raw: Bytes) -> Self {
        Self {
            number,
            at,
            method: head.method.clone(),
            path: head.uri.path().to_owned(),
            query: Query::try_from_uri(&head.uri).map(|Query(pairs)| pairs).unwrap_or_default(),
            headers: head.headers.clone(),
            json: otlp::read(head, &raw).or_else(|| serde_json::from_slice(&raw).ok()),
            raw,
        }
    }

    /// Returns a header, if it exists and is text.
    pub fn header(&self, name: &str) -> Option<&str> {
        self.headers.get(name)?.to_str().ok()
    }

    /// Returns the first value of a query parameter.
    pub fn query(&self, name: &str) -> Option<&str> {
        self.query.iter().find(|(key, _)| key == name).map(|(_, value)| value.as_str())
    }

    /// Returns the spans of a `POST /spans-bulk` or `POST /v1/traces`.
    pub fn spans(&self) -> impl Iterator<Item = &Value> {
        let body = self.json.as_ref().filter(|_| matches!(&*self.path, "/spans-bulk" | "/v1/traces"));
        body.and_then(|body| body.get("spans")?.as_array()).into_iter().flatten()
    }

    /// Returns the request logs inside the spans, or the request log of a `POST /log-request`.
    pub fn request_logs(&self) -> impl Iterator<Item = &Value> {
        let inside = self.spans().filter_map(|span| span.get("log_request")).filter(|log| !log.is_null());
        let itself = self.json.as_ref().filter(|_| self.path == "/log-request");
        inside.chain(itself)
    }
}

impl fmt::Display for Request {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} {} ({} bytes)", self.method, self.path, self.raw.len())
    }
}
