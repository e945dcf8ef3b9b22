//! The way to the service, as narrow as the pipeline needs it.

use std::future::Future;

use crate::client::{Answer, Failure, Http};

/// Sends and reads.
pub(crate) trait Transport: Send + Sync + 'static {
    /// Sends this body, which is JSON, and reads the answer, whatever its status.
    fn post(&self, path: &str, body: Vec<u8>) -> impl Future<Output = Result<Answer, Failure>> + Send;

    /// Reads what is at a path.
    fn get(&self, path: &str) -> impl Future<Output = Result<Answer, Failure>> + Send;
}

impl Transport for Http {
    fn post(&self, path: &str, body: Vec<u8>) -> impl Future<Output = Result<Answer, Failure>> + Send {
        self.post_bytes(path, body)
    }

    fn get(&self, path: &str) -> impl Future<Output = Result<Answer, Failure>> + Send {
        self.get_bytes(path)
    }
}
