//! The transport: the part of the HTTP client that the pipeline needs.

use std::future::Future;

use promptlayer_client::exporter::{Answer, Failure, Http, Payload, Written};

/// Sends requests and reads traces.
pub(crate) trait Transport: Send + Sync + 'static {
    /// Sends a body and returns the response, with any status. `written` is set before any part of the
    /// request is written to a connection.
    fn post(
        &self,
        path: &str,
        body: Payload,
        written: Written,
    ) -> impl Future<Output = Result<Answer, Failure>> + Send;

    /// Sends a GET request to a path.
    fn get(&self, path: &str) -> impl Future<Output = Result<Answer, Failure>> + Send;
}

impl Transport for Http {
    fn post(
        &self,
        path: &str,
        body: Payload,
        written: Written,
    ) -> impl Future<Output = Result<Answer, Failure>> + Send {
        self.post_observed(path, body, written)
    }

    fn get(&self, path: &str) -> impl Future<Output = Result<Answer, Failure>> + Send {
        self.get_bytes(path)
    }
}
