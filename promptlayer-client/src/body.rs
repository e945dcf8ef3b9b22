//! A request body that records whether it was written.

use std::convert::Infallible;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::AtomicBool;
use std::sync::atomic::Ordering::SeqCst;
use std::task::{Context, Poll};

use bytes::Bytes;
use http_body::{Body, Frame, SizeHint};

/// Records whether any byte of a request may have been written to a connection.
///
/// The HTTP client polls the body after it has a connection and before it writes the head, which it sends
/// together with the body. So if the body was never polled, the request was not sent.
#[derive(Debug, Clone, Default)]
pub struct Written(Arc<AtomicBool>);

impl Written {
    /// Records that the request may be on a connection from now on.
    pub fn set(&self) {
        self.0.store(true, SeqCst);
    }

    /// Returns `true` if a part of the body was handed to a connection.
    pub fn is_set(&self) -> bool {
        self.0.load(SeqCst)
    }
}

/// A complete body in one chunk.
#[derive(Debug)]
pub(super) struct WholeBody {
    bytes: Option<Bytes>,
    written: Written,
}

impl WholeBody {
    pub(super) fn new(bytes: Vec<u8>, written: Written) -> Self {
        if bytes.is_empty() {
            // The HTTP client never polls an empty body.
            written.set();
        }
        Self { bytes: Some(bytes.into()), written }
    }
}

impl Body for WholeBody {
    type Data = Bytes;
    type Error = Infallible;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        _: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Self::Data>, Self::Error>>> {
        self.written.set();
        Poll::Ready(self.bytes.take().map(|bytes| Ok(Frame::data(bytes))))
    }

    fn is_end_stream(&self) -> bool {
        self.bytes.is_none()
    }

    fn size_hint(&self) -> SizeHint {
        SizeHint::with_exact(self.bytes.as_ref().map_or(0, |bytes| bytes.len() as u64))
    }
}
