//! The body of a request, which is copied while it is sent.

use std::collections::VecDeque;
use std::fmt;
use std::pin::Pin;
use std::task::{Context, Poll, Waker, ready};

use bytes::Bytes;
use http::HeaderMap;
use http::header::CONTENT_LENGTH;
use http_body::{Body, Frame, SizeHint};
use pin_project_lite::pin_project;

use super::exchange::Exchange;
use super::frame::{data, into_bytes};
use super::request_copy::SharedCopy;
use super::usage;

pin_project! {
    /// The body of a request, as the service inside a `PromptLayerService` receives it.
    ///
    /// It copies each frame for the log when the service asks for it, and passes it on. The example of
    /// `PromptLayerService` shows where its name is needed.
    pub struct RequestBody<B>
    where
        B: Body,
    {
        #[pin]
        body: B,
        // What the body gave before it was sent.
        ahead: VecDeque<Result<Frame<Bytes>, B::Error>>,
        copy: Option<SharedCopy>,
    }
}

impl<B: Body> fmt::Debug for RequestBody<B> {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.debug_struct("RequestBody").finish_non_exhaustive()
    }
}

impl<B: Body> RequestBody<B> {
    /// Wraps the body of an exchange, which begins to be sent.
    pub(crate) fn of_exchange(exchange: Option<&mut Exchange>, headers: &mut HeaderMap, body: B) -> Self
    where
        B: Unpin,
    {
        let mut body = Self { body, ahead: VecDeque::new(), copy: None };
        if let Some(exchange) = exchange {
            body.copy = exchange.copied_request(headers);
            if exchange.takes_stream_options() {
                // A body that is in memory is ready: no body is waited for.
                let mut context = Context::from_waker(Waker::noop());
                if body.poll_whole(&mut context, exchange.limit()) == Poll::Ready(true) {
                    body.include_usage(headers);
                }
            }
        }
        body
    }

    /// Reads the body ahead, until it ends or is longer than `limit`. Returns `true` if all of it was read.
    ///
    /// What was read is sent first.
    pub(crate) fn poll_whole(&mut self, context: &mut Context<'_>, limit: usize) -> Poll<bool>
    where
        B: Unpin,
    {
        let mut length = self.ahead.iter().flatten().map(|frame| data(frame).len()).sum::<usize>();
        while !self.body.is_end_stream() {
            let Some(frame) = ready!(Pin::new(&mut self.body).poll_frame(context)) else { break };
            let frame = frame.map(|frame| frame.map_data(into_bytes));
            let read = frame.as_ref().ok().filter(|frame| frame.is_data()).map(|frame| data(frame).len());
            self.ahead.push_back(frame);
            let Some(read) = read else { return Poll::Ready(false) };
            length += read;
            if length > limit {
                return Poll::Ready(false);
            }
        }
        Poll::Ready(true)
    }

    /// Asks for the usage of a stream, if the whole body was read ahead, is JSON and asks for a stream.
    pub(crate) fn include_usage(&mut self, headers: &mut HeaderMap) {
        if !self.body.is_end_stream() {
            return;
        }
        let bytes: Vec<u8> = self.ahead.iter().flatten().flat_map(data).copied().collect();
        if let Some(changed) = usage::with_usage(&bytes) {
            self.ahead = VecDeque::from([Ok(Frame::data(Bytes::from(changed)))]);
            // Without the header, the sender writes the length of the body.
            headers.remove(CONTENT_LENGTH);
        }
    }
}

impl<B: Body> Body for RequestBody<B> {
    type Data = Bytes;
    type Error = B::Error;

    fn poll_frame(
        self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, B::Error>>> {
        let mut this = self.project();
        let polled = match this.ahead.pop_front() {
            Some(frame) => Poll::Ready(Some(frame)),
            None => match this.body.as_mut().poll_frame(context) {
                Poll::Ready(frame) => Poll::Ready(frame.map(|frame| Ok(frame?.map_data(into_bytes)))),
                Poll::Pending => Poll::Pending,
            },
        };
        if let (Some(copy), Poll::Ready(frame)) = (&this.copy, &polled) {
            let mut copy = copy.lock();
            if let Some(Ok(frame)) = frame {
                copy.read(data(frame));
            }
            // A sender that knows the length does not poll again.
            let is_over = this.body.is_end_stream() || this.body.size_hint().exact() == Some(0);
            if frame.is_none() || (is_over && this.ahead.is_empty()) {
                copy.complete();
            }
        }
        polled
    }

    fn is_end_stream(&self) -> bool {
        self.ahead.is_empty() && self.body.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        let frames = self.ahead.iter().filter_map(|frame| frame.as_ref().ok());
        let ahead = frames.map(|frame| data(frame).len() as u64).sum::<u64>();
        let rest = self.body.size_hint();
        let mut hint = SizeHint::new();
        if let Some(upper) = rest.upper() {
            hint.set_upper(upper.saturating_add(ahead));
        }
        hint.set_lower(rest.lower().saturating_add(ahead));
        hint
    }
}
