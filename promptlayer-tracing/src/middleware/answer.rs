//! Copies the body of a response on its way to the caller, and logs it at the end.

use std::pin::Pin;
use std::task::{Context, Poll};

use http::header::{CONTENT_ENCODING, CONTENT_TYPE};
use http::{HeaderMap, StatusCode};
use http_body::{Body as _, Frame, SizeHint};
use promptlayer_blueprint::providers::errors;
use promptlayer_blueprint::providers::frames::{Format, Frames};
use reqwest::{Body, Response, ResponseBuilderExt as _};
use serde_json::Value;

use super::{RESPONSE_BODY, STATUS};
use crate::capture::{Captured, Chunk, Failure};
use crate::instrument::call::Call;

/// The limit for the memory of a stream's events, as a multiple of the limit for its bytes. An event needs
/// memory in addition to its text.
const EVENT_COST: usize = 2;

/// Wraps the body of a response, so that the call ends when the body ends.
pub(super) fn logged(mut call: Call, response: Response, is_array: bool, limit: usize) -> Response {
    call.span().record(STATUS, response.status().as_u16());
    if !call.is_recording() {
        return response;
    }
    call.keep_of_stream(limit.saturating_mul(EVENT_COST));
    let kept = Kept::new(response.status(), response.headers(), is_array, limit);
    let log = Log { call, status: response.status(), kept };
    let url = response.url().clone();
    let (mut parts, body) = http::Response::<Body>::from(response).into_parts();
    // The URL is in an extension whose type is private to reqwest. Only this builder can create it.
    if let Ok(carrier) = http::Response::builder().url(url).body(()) {
        parts.extensions.extend(carrier.into_parts().0.extensions);
    }
    Response::from(http::Response::from_parts(parts, Body::wrap(Tee { body, log: Some(log), ended: None })))
}

/// Creates the failure for an error response: its status, and its body if the body was read.
fn failure_of_response(status: u16, reason: &str, body: Option<&str>, type_name: &'static str) -> Failure {
    let mut said = format!("{status} {reason}").trim_end().to_owned();
    if let Some(message) = body.map(errors::message_of_body).filter(|message| !message.is_empty()) {
        said.push_str(": ");
        said.push_str(&message);
    }
    let mut failure = Failure::new(type_name, vec![said]);
    failure.evidence.status = Some(status);
    // The response comes from a provider, so the type name is not needed as evidence.
    failure.evidence.is_of_http = true;
    failure
}

/// A body that copies each frame and passes it on immediately.
struct Tee {
    body: Body,
    /// `None` once the call has ended.
    log: Option<Log>,
    /// How the body ended, once it has.
    ///
    /// The call ends later, when the reader polls again or drops the body, so that the reader does not wait
    /// for the log.
    ended: Option<Ended>,
}

impl Tee {
    /// Returns `true` if no more data follows. For a body that may be compressed, reqwest shows this only in
    /// the size hint.
    fn is_over(&self) -> bool {
        self.body.is_end_stream() || self.body.size_hint().exact() == Some(0)
    }

    /// Records how the body ended, and sets the end time of the call.
    fn ends(&mut self, how: Ended) {
        if let Some(log) = &mut self.log {
            log.call.stop();
            self.ended = Some(how);
        }
    }

    /// Ends the call.
    fn end(&mut self, how: Ended) {
        if let Some(log) = self.log.take() {
            log.end(how);
        }
    }
}

impl http_body::Body for Tee {
    type Data = <Body as http_body::Body>::Data;
    type Error = reqwest::Error;

    fn poll_frame(
        self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Self::Data>, Self::Error>>> {
        let this = self.get_mut();
        if let Some(how) = this.ended.take() {
            this.end(how);
        }
        let body = Pin::new(&mut this.body);
        let Some(log) = &mut this.log else { return body.poll_frame(context) };
        let polled = log.call.run(|| body.poll_frame(context));
        match &polled {
            Poll::Pending => {}
            Poll::Ready(Some(Ok(frame))) => {
                if let Some(data) = frame.data_ref() {
                    log.read(data);
                }
                // A reader that knows the length does not poll again.
                if this.is_over() {
                    this.ends(Ended::Read);
                }
            }
            Poll::Ready(Some(Err(error))) => {
                let failure = Failure::from_source(error, std::any::type_name::<reqwest::Error>());
                this.ends(Ended::Failed(failure));
            }
            Poll::Ready(None) => this.ends(Ended::Read),
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

impl Drop for Tee {
    fn drop(&mut self) {
        let how = self.ended.take();
        self.end(how.unwrap_or_else(|| if self.is_over() { Ended::Read } else { Ended::Dropped }));
    }
}

/// How a body ended.
enum Ended {
    /// The body was read to its end.
    Read,
    /// The transport failed.
    Failed(Failure),
    /// The caller dropped the body.
    Dropped,
}

/// A call whose response is being read.
struct Log {
    call: Call,
    status: StatusCode,
    kept: Kept,
}

impl Log {
    fn read(&mut self, data: &[u8]) {
        match &mut self.kept {
            Kept::Events { frames, is_complete } => {
                let call = &mut self.call;
                frames.read(data, &mut |event| {
                    *is_complete |= is_last(&event);
                    call.chunk(Chunk::Value(Captured::Json(event)));
                });
            }
            Kept::Whole { bytes, limit, is_cut, .. } => {
                if *is_cut || data.len() > limit.saturating_sub(bytes.len()) {
                    // A truncated body is not valid JSON, so there is no reason to keep it.
                    *is_cut = true;
                    *bytes = Vec::new();
                } else {
                    bytes.extend_from_slice(data);
                }
            }
            Kept::None(_) => {}
        }
    }

    fn end(mut self, how: Ended) {
        if let (Ended::Read, Kept::Events { frames, .. }) = (&how, &mut self.kept) {
            frames.finish(&mut |event| self.call.chunk(Chunk::Value(Captured::Json(event))));
        }
        if let Some(why) = self.left_out() {
            say(&mut self.call, why);
        }
        if self.is_error() {
            let body = match self.kept {
                Kept::Whole { bytes, .. } => String::from_utf8(bytes).ok(),
                Kept::Events { .. } | Kept::None(_) => None,
            };
            let reason = self.status.canonical_reason().unwrap_or_default();
            let type_name = std::any::type_name::<Response>();
            let failure = failure_of_response(self.status.as_u16(), reason, body.as_deref(), type_name);
            return self.call.failed(failure);
        }
        match (how, self.kept) {
            (Ended::Failed(failure), _) => self.call.failed(failure),
            (Ended::Dropped, Kept::Events { is_complete: true, .. }) => self.call.finished(),
            // Dropping the call logs it as dropped.
            (Ended::Dropped, _) => {}
            (Ended::Read, Kept::Whole { bytes, is_json, is_cut: false, .. }) => {
                whole(self.call, bytes, is_json);
            }
            (Ended::Read, _) => self.call.finished(),
        }
    }

    /// Returns the reason why a part of the body is missing in the log, however the body ended.
    fn left_out(&self) -> Option<&'static str> {
        let is_cut = match &self.kept {
            Kept::Events { frames, .. } => frames.is_cut() || self.call.has_passed_by(),
            Kept::Whole { is_cut, .. } => *is_cut,
            Kept::None(why) => return Some(why),
        };
        is_cut.then_some("longer than the limit")
    }

    fn is_error(&self) -> bool {
        self.status.is_client_error() || self.status.is_server_error()
    }
}

/// Ends a call whose body was read to its end.
fn whole(mut call: Call, bytes: Vec<u8>, is_json: bool) {
    match String::from_utf8(bytes) {
        Ok(body) if is_json && !body.is_empty() => return call.returned(Captured::Json(body)),
        // The content type does not identify the format: this is a text, or server-sent events with a wrong
        // content type.
        Ok(body) if !body.is_empty() => call.chunk(Chunk::Value(Captured::Text(body))),
        Ok(_) => say(&mut call, "empty"),
        Err(_) => say(&mut call, "not UTF-8"),
    }
    call.finished();
}

/// Adds the reason to the metadata why the log has no output, or not all of it.
fn say(call: &mut Call, why: &str) {
    call.metadata(RESPONSE_BODY, &why);
    call.ready();
}

/// The part of a body that is kept for the log.
enum Kept {
    /// The events of a stream.
    Events {
        frames: Frames,
        /// `true` after the last event of the stream. Some clients drop the body there.
        is_complete: bool,
    },
    /// The whole body.
    Whole { bytes: Vec<u8>, limit: usize, is_cut: bool, is_json: bool },
    /// Nothing, for this reason.
    None(&'static str),
}

impl Kept {
    fn new(status: StatusCode, headers: &HeaderMap, is_array: bool, limit: usize) -> Self {
        let header = |name| headers.get(name).and_then(|value| value.to_str().ok()).unwrap_or_default();
        let encoding = header(CONTENT_ENCODING);
        // reqwest removes this header from the bodies that it decodes.
        if !encoding.is_empty() && !encoding.eq_ignore_ascii_case("identity") {
            return Self::None("compressed");
        }
        let kind = header(CONTENT_TYPE).split(';').next().unwrap_or_default().trim().to_ascii_lowercase();
        let is_json = kind == "application/json" || kind.ends_with("+json");
        if status.is_success()
            && let Some(format) = format(&kind, is_json && is_array)
        {
            return Self::Events { frames: Frames::new(format, limit), is_complete: false };
        }
        let is_media = ["audio/", "image/", "video/"].iter().any(|start| kind.starts_with(start));
        if is_media || kind == "application/octet-stream" {
            return Self::None("not text");
        }
        Self::Whole { bytes: Vec::new(), limit, is_cut: false, is_json }
    }
}

/// Returns the format of a streamed body by its media type. Returns `None` if the body is not a stream.
fn format(kind: &str, is_array: bool) -> Option<Format> {
    match kind {
        "text/event-stream" => Some(Format::ServerSent),
        "application/x-ndjson"
        | "application/ndjson"
        | "application/jsonl"
        | "application/x-jsonlines"
        | "application/stream+json" => Some(Format::Lines),
        "application/vnd.amazon.eventstream" => Some(Format::Amazon),
        _ if is_array => Some(Format::Array),
        _ => None,
    }
}

/// The `type` of the last event of a stream, for all providers.
const LAST_TYPES: &[&str] =
    &["message_stop", "response.completed", "response.incomplete", "response.failed", "message-end"];

/// Returns `true` if the event is the last one of its stream.
fn is_last(event: &str) -> bool {
    if event == "[DONE]" {
        return true;
    }
    // Parse only the events that may match.
    if !event.contains("\"done\"") && !LAST_TYPES.iter().any(|last| event.contains(last)) {
        return false;
    }
    serde_json::from_str::<Value>(event).is_ok_and(|event| {
        let kind = event.get("type").and_then(Value::as_str);
        event.get("done") == Some(&Value::Bool(true)) || kind.is_some_and(|kind| LAST_TYPES.contains(&kind))
    })
}

#[cfg(test)]
mod tests {
    use promptlayer_blueprint::ErrorType;

    use super::*;

    #[test]
    fn an_answer_with_a_status_says_the_providers_words() {
        let said = |status, body| failure_of_response(status, "Reason", body, "x").chain.join(": ");
        assert_eq!(said(429, None), "429 Reason");
        assert_eq!(said(429, Some("")), "429 Reason");
        assert_eq!(
            said(400, Some(r#"{"error": {"message": "no such model"}}"#)),
            "400 Reason: no such model"
        );
        assert_eq!(said(400, Some(r#"[{"error": {"message": "m"}}]"#)), "400 Reason: m");
        assert_eq!(said(400, Some(r#"{"message": "m"}"#)), "400 Reason: m");
        assert_eq!(said(404, Some(r#"{"detail": "m"}"#)), "404 Reason: m");
        assert_eq!(said(500, Some(r#"{"error": "m"}"#)), "500 Reason: m");
        assert_eq!(said(502, Some(" <html>bad gateway</html>\n")), "502 Reason: <html>bad gateway</html>");
        let kind = |status, reason| {
            crate::process::convert::error_type(&failure_of_response(status, reason, None, "x"))
        };
        assert_eq!(kind(500, ""), ErrorType::ProviderError);
        assert_eq!(kind(504, "Gateway Timeout"), ErrorType::ProviderTimeout);
        assert_eq!(kind(429, ""), ErrorType::ProviderRateLimit);
    }
}
