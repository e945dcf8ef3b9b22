//! The copy of a request's body, for the log.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use http::HeaderMap;
use http::header::CONTENT_ENCODING;

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

/// The copy of a request's body, shared between its sender and its exchange.
#[derive(Debug, Clone)]
pub(super) struct SharedCopy(Arc<Mutex<RequestCopy>>);

impl SharedCopy {
    pub(super) fn new(copy: RequestCopy) -> Self {
        Self(Arc::new(Mutex::new(copy)))
    }

    pub(super) fn lock(&self) -> MutexGuard<'_, RequestCopy> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
