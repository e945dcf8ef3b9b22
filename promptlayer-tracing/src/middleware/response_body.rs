//! The body of a response, which is read for the log on its way to the caller.

use std::error::Error;
use std::fmt;
use std::pin::Pin;
use std::task::{Context, Poll};

use bytes::Bytes;
#[cfg(any(feature = "proxy", feature = "tower"))]
use http::Response;
use http_body::{Body, Frame, SizeHint};
use pin_project_lite::pin_project;

#[cfg(any(feature = "proxy", feature = "tower"))]
use super::exchange::Exchange;
use super::frame::{data, into_bytes};
use super::reply::{Ended, Reply};
use crate::capture::Failure;

/// The error of a body, boxed.
pub(crate) type BoxError = Box<dyn Error + Send + Sync>;

pin_project! {
    /// The body of a response, as the caller of a `PromptLayerService` receives it.
    ///
    /// It copies each frame for the log and passes it on immediately. The example of `PromptLayerService` shows
    /// where its name is needed.
    pub struct ResponseBody<B>
    where
        B: Body,
    {
        #[pin]
        body: B,
        reply: Pending,
    }

    impl<B> PinnedDrop for ResponseBody<B>
    where
        B: Body,
    {
        fn drop(this: Pin<&mut Self>) {
            let this = this.project();
            let otherwise = if is_over(&*this.body) { Ended::Read } else { Ended::Dropped };
            this.reply.end(otherwise);
        }
    }
}

/// The reply while its body is read.
struct Pending {
    /// `None` once the call has ended.
    reply: Option<Reply>,
    /// How the body ended, once it has.
    ///
    /// The call ends later, when the reader polls again or drops the body, so that the reader does not wait
    /// for the log.
    ended: Option<Ended>,
}

impl Pending {
    /// Records how the body ended, and sets the end time of the call.
    fn ends(&mut self, how: Ended) {
        if let Some(reply) = &mut self.reply {
            reply.stop();
            self.ended = Some(how);
        }
    }

    /// Ends the call in the way that was recorded, or else in this one.
    fn end(&mut self, otherwise: Ended) {
        let how = self.ended.take().unwrap_or(otherwise);
        if let Some(reply) = self.reply.take() {
            reply.end(how);
        }
    }
}

/// Returns `true` if no more data follows. For a body that may be compressed, reqwest shows this only in the
/// size hint.
fn is_over(body: &impl Body) -> bool {
    body.is_end_stream() || body.size_hint().exact() == Some(0)
}

impl<B: Body> ResponseBody<B> {
    /// Wraps the body of a response, so that the exchange ends when the body ends.
    #[cfg(any(feature = "proxy", feature = "tower"))]
    pub(crate) fn of_exchange(exchange: Option<Exchange>, response: Response<B>) -> Response<Self> {
        let reply =
            exchange.and_then(|exchange| Reply::begin(exchange, response.status(), response.headers()));
        response.map(|body| Self::new(body, reply))
    }

    pub(crate) fn new(body: B, reply: Option<Reply>) -> Self {
        Self { body, reply: Pending { reply, ended: None } }
    }
}

impl<B: Body> fmt::Debug for ResponseBody<B> {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.debug_struct("ResponseBody").finish_non_exhaustive()
    }
}

impl<B> Body for ResponseBody<B>
where
    B: Body,
    B::Error: Into<BoxError>,
{
    type Data = Bytes;
    type Error = BoxError;

    fn poll_frame(
        self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, BoxError>>> {
        let mut this = self.project();
        let pending = this.reply;
        if pending.ended.is_some() {
            pending.end(Ended::Read);
        }
        let polled = match &mut pending.reply {
            Some(reply) => reply.run(|| this.body.as_mut().poll_frame(context)),
            None => this.body.as_mut().poll_frame(context),
        };
        let polled = match polled {
            Poll::Ready(Some(frame)) => {
                Poll::Ready(Some(frame.map(|frame| frame.map_data(into_bytes)).map_err(Into::into)))
            }
            Poll::Ready(None) => Poll::Ready(None),
            Poll::Pending => Poll::Pending,
        };
        if let Some(reply) = &mut pending.reply {
            match &polled {
                Poll::Pending => {}
                Poll::Ready(Some(Ok(frame))) => {
                    reply.read(data(frame));
                    // A reader that knows the length does not poll again.
                    if is_over(&*this.body) {
                        pending.ends(Ended::Read);
                    }
                }
                Poll::Ready(Some(Err(error))) => {
                    let failure = Failure::from_source(&**error, std::any::type_name::<B::Error>());
                    pending.ends(Ended::Failed(failure));
                }
                Poll::Ready(None) => pending.ends(Ended::Read),
            }
        }
        polled
    }

    fn is_end_stream(&self) -> bool {
        self.body.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.body.size_hint()
    }
}
