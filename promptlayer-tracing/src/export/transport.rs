//! The way to the service, as narrow as the pipeline needs it.

use std::future::Future;

use promptlayer_client::exporter::{Answer, Failure, Http, Written};

/// Sends and reads.
pub(crate) trait Transport: Send + Sync + 'static {
    /// Sends this body, which is JSON, and reads the answer, whatever its status. `written` is set before anything of
    /// the request is written to a connection.
    fn post(
        &self,
        path: &str,
        body: Vec<u8>,
        written: Written,
    ) -> impl Future<Output = Result<Answer, Failure>> + Send;

    /// Reads what is at a path.
    fn get(&self, path: &str) -> impl Future<Output = Result<Answer, Failure>> + Send;
}

impl Transport for Http {
    fn post(
        &self,
        path: &str,
        body: Vec<u8>,
        written: Written,
    ) -> impl Future<Output = Result<Answer, Failure>> + Send {
        self.post_observed(path, body, written)
    }

    fn get(&self, path: &str) -> impl Future<Output = Result<Answer, Failure>> + Send {
        self.get_bytes(path)
    }
}
