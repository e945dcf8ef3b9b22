//! The future of a call.

use std::fmt;
use std::pin::Pin;
use std::task::{Context, Poll};

use crate::Error;

/// A call of the API. It is sent when it is awaited, inside a tokio runtime.
///
/// With the feature `blocking`, `Wait` (in the module `blocking`) sends it outside of async code.
#[must_use = "a call is sent when this is awaited"]
pub struct ApiFuture<T>(Pin<Box<dyn Future<Output = Result<T, Error>> + Send>>);

impl<T> ApiFuture<T> {
    pub(crate) fn new(call: impl Future<Output = Result<T, Error>> + Send + 'static) -> Self {
        Self(Box::pin(call))
    }
}

impl<T> Future for ApiFuture<T> {
    type Output = Result<T, Error>;

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        self.0.as_mut().poll(cx)
    }
}

impl<T> fmt::Debug for ApiFuture<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("ApiFuture")
    }
}
