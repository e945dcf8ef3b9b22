//! Discards request bodies that are refused before they are read.

use std::future::poll_fn;
use std::pin::Pin;
use std::task::{Context, Poll, ready};
use std::time::Duration;

use axum::body::{Body, BodyDataStream, Bytes, HttpBody};
use axum::extract::Request;
use axum::middleware::Next;
use axum::response::Response;
use futures_core::Stream;

/// The maximum number of bytes to read and discard from a refused body.
const DISCARDED: usize = 256 * 1024 * 1024;
/// The maximum time to read a refused body.
const DISCARD_TIME: Duration = Duration::from_secs(30);

/// Sends the response of a refused request at once, and reads the rest of its body while and after the
/// response is sent.
///
/// A client that is still writing its body reads the response only after it has written the body. If the
/// server left the rest unread, the client would see a broken connection instead of the response.
pub(crate) async fn discard_unread(request: Request, next: Next) -> Response {
    let request = request.map(|body| {
        if body.is_end_stream() { body } else { Body::from_stream(Watched(Some(body.into_data_stream()))) }
    });
    next.run(request).await
}

/// A body that is read to its end even if the handler drops it earlier.
struct Watched(Option<BodyDataStream>);

impl Stream for Watched {
    type Item = Result<Bytes, axum::Error>;

    fn poll_next(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        let Some(body) = &mut self.0 else { return Poll::Ready(None) };
        let chunk = ready!(Pin::new(body).poll_next(context));
        if !matches!(chunk, Some(Ok(_))) {
            self.0 = None;
        }
        Poll::Ready(chunk)
    }
}

impl Drop for Watched {
    fn drop(&mut self) {
        if let (Some(body), Ok(runtime)) = (self.0.take(), tokio::runtime::Handle::try_current()) {
            runtime.spawn(tokio::time::timeout(DISCARD_TIME, discard(body)));
        }
    }
}

async fn discard(mut body: BodyDataStream) {
    let mut discarded = 0_usize;
    while let Some(Ok(chunk)) = poll_fn(|context| Pin::new(&mut body).poll_next(context)).await {
        discarded = discarded.saturating_add(chunk.len());
        if discarded > DISCARDED {
            return;
        }
    }
}
