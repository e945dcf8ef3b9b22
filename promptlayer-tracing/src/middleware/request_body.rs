//! Copies the body of a request while it is sent.

use std::collections::VecDeque;
use std::fmt;
use std::pin::Pin;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::{Context, Poll, Waker, ready};

use bytes::{Buf, Bytes};
use http::HeaderMap;
use http::header::{CONTENT_ENCODING, CONTENT_LENGTH};
use http_body::{Body, Frame, SizeHint};
use pin_project_lite::pin_project;

use super::exchange::Exchange;
use super::usage;

/// The part of a request's body that was sent so far.
#[derive(Debug)]
pub(super) struct RequestCopy {
    bytes: Vec<u8>,
    limit: usize,
    is_cut: bool,
    is_complete: bool,
    is_compressed: bool,
}

impl RequestCopy {
    pub(super) fn new(headers: &HeaderMap, limit: usize) -> Self {
        let encoding = headers.get(CONTENT_ENCODING);
        let is_compressed =
            encoding.is_some_and(|encoding| !encoding.as_bytes().eq_ignore_ascii_case(b"identity"));
        Self { bytes: Vec::new(), limit, is_cut: false, is_complete: false, is_compressed }
    }

    pub(super) fn read(&mut self, data: &[u8]) {
        if self.is_cut || self.is_compressed || data.len() > self.limit.saturating_sub(self.bytes.len()) {
            // A truncated body is not valid JSON, so there is no reason to keep it.
            self.is_cut = true;
            self.bytes = Vec::new();
        } else {
            self.bytes.extend_from_slice(data);
        }
    }

    pub(super) fn complete(&mut self) {
        self.is_complete = true;
    }

    /// Takes the body as JSON. Returns the reason if it cannot be logged.
    pub(super) fn json(&mut self) -> Result<String, String> {
        if self.is_compressed {
            return Err("compressed".to_owned());
        }
        if self.is_cut {
            return Err(format!("longer than {} bytes", self.limit));
        }
        if !self.is_complete {
            return Err("not sent to its end".to_owned());
        }
        let bytes = std::mem::take(&mut self.bytes);
        if bytes.is_empty() {
            return Err("empty".to_owned());
        }
        if !bytes.trim_ascii_start().starts_with(b"{") {
            return Err("not JSON".to_owned());
        }
        String::from_utf8(bytes).map_err(|_| "not UTF-8".to_owned())
    }
}

pub(super) fn lock(copy: &Mutex<RequestCopy>) -> MutexGuard<'_, RequestCopy> {
    copy.lock().unwrap_or_else(PoisonError::into_inner)
}

/// The sender's side of the copy of a request's body.
#[derive(Debug)]
pub(crate) struct Copied(pub(super) Arc<Mutex<RequestCopy>>);

pin_project! {
    /// The body of a request, which is copied while it is sent.
    ///
    /// Each frame is passed on when it is asked for.
    pub struct RequestBody<B>
    where
        B: Body,
    {
        #[pin]
        body: B,
        // What the body gave before it was sent.
        ahead: VecDeque<Result<Frame<Bytes>, B::Error>>,
        copy: Option<Copied>,
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

fn data(frame: &Frame<Bytes>) -> &[u8] {
    frame.data_ref().map_or(&[], |data| data.as_ref())
}

/// Returns the data of a frame. Copies nothing if they are [`Bytes`] already.
pub(super) fn into_bytes(mut data: impl Buf) -> Bytes {
    data.copy_to_bytes(data.remaining())
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
        if let (Some(Copied(copy)), Poll::Ready(frame)) = (&this.copy, &polled) {
            let mut copy = lock(copy);
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
