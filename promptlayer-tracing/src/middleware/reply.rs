//! Reads the reply of an exchange while its body passes, and ends the call with it.

use http::header::{CONTENT_ENCODING, CONTENT_TYPE};
use http::{HeaderMap, StatusCode};
use promptlayer_blueprint::providers::errors;
use promptlayer_blueprint::providers::frames::{Format, Frames};
use serde::de::IgnoredAny;
use serde_json::Value;

use super::exchange::Exchange;
use crate::capture::{Captured, Chunk, Failure};
use crate::instrument::call::Call;

/// The limit for the memory of a stream's events, as a multiple of the limit for its bytes. An event needs
/// memory in addition to its text.
const EVENT_COST: usize = 2;
/// The field of the span for the HTTP status of the response.
const STATUS: &str = "http.response.status_code";
/// The metadata key for the reason why a log has no output, or not all of it.
const RESPONSE_BODY: &str = "response_body";
/// The header in which Amazon names the exception of an error response. A colon and a URL may follow the name.
pub(super) const EXCEPTION: &str = "x-amzn-errortype";
/// What stands for the type of an error that is the status of a response.
const ERROR_STATUS: &str = "HTTP error status";

/// Returns the reason of a status, and the name of Amazon's exception if the headers have it.
fn reason(status: StatusCode, headers: &HeaderMap) -> String {
    let exception = headers.get(EXCEPTION).and_then(|value| value.to_str().ok()?.split(':').next());
    let reasons = [status.canonical_reason(), exception];
    reasons.into_iter().flatten().collect::<Vec<_>>().join(": ")
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

/// How a body ended.
#[derive(Debug)]
pub(super) enum Ended {
    /// The body was read to its end.
    Read,
    /// The transport failed.
    Failed(Failure),
    /// The caller dropped the body.
    Dropped,
}

/// An exchange whose response is being read.
#[derive(Debug)]
pub(crate) struct Reply {
    exchange: Exchange,
    status: StatusCode,
    reason: String,
    kept: Kept,
    /// `true` if a JSON array is the stream of the call's events.
    is_array: bool,
}

impl Reply {
    /// Continues an exchange with its response. Returns `None` if nothing records it.
    pub(crate) fn begin(mut exchange: Exchange, status: StatusCode, headers: &HeaderMap) -> Option<Self> {
        exchange.call().span().record(STATUS, status.as_u16());
        if !exchange.is_recording() {
            return None;
        }
        let (is_array, limit) = (exchange.is_array(), exchange.limit());
        exchange.call_mut().keep_of_stream(limit.saturating_mul(EVENT_COST));
        let kept = Kept::new(status, headers, is_array, limit);
        Some(Self { exchange, status, reason: reason(status, headers), kept, is_array })
    }

    /// Polls the body inside the span of the exchange.
    pub(super) fn run<R>(&mut self, poll: impl FnOnce() -> R) -> R {
        self.exchange.call_mut().run(poll)
    }

    /// Sets the end time of the call.
    pub(super) fn stop(&mut self) {
        self.exchange.call_mut().stop();
    }

    /// Reads a piece of the body.
    pub(super) fn read(&mut self, data: &[u8]) {
        self.kept.look(data);
        match &mut self.kept {
            Kept::Events { frames, is_complete, .. } => {
                let call = self.exchange.call_mut();
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

    /// Ends the call.
    pub(super) fn end(mut self, how: Ended) {
        if let (Ended::Read, Kept::Events { frames, .. }) = (&how, &mut self.kept) {
            let call = self.exchange.call_mut();
            frames.finish(&mut |event| call.chunk(Chunk::Value(Captured::Json(event))));
        }
        let is_error = self.status.is_client_error() || self.status.is_server_error();
        let left_out = self.left_out();
        let mut call = self.exchange.into_call();
        if let Some(why) = left_out {
            say(&mut call, why);
        }
        match (how, self.kept) {
            (_, kept) if is_error => {
                let body = kept.into_text(&mut call);
                let status = self.status.as_u16();
                call.failed(failure_of_response(status, &self.reason, body.as_deref(), ERROR_STATUS));
            }
            (Ended::Failed(failure), _) => call.failed(failure),
            (Ended::Dropped, Kept::Events { is_complete: true, .. }) => call.finished(),
            // Dropping the call logs it as dropped.
            (Ended::Dropped, _) => {}
            (Ended::Read, Kept::Whole { bytes, kind, is_cut: false, .. }) => {
                whole(call, bytes, kind, self.is_array);
            }
            (Ended::Read, _) => call.finished(),
        }
    }

    /// Returns the reason why a part of the body is missing in the log, however the body ended.
    fn left_out(&self) -> Option<&'static str> {
        let is_cut = match &self.kept {
            Kept::Events { frames, .. } => frames.is_cut() || self.exchange.call().has_passed_by(),
            Kept::Whole { is_cut, .. } => *is_cut,
            Kept::None(why) => return Some(why),
        };
        is_cut.then_some("longer than the limit")
    }
}

/// Ends a call whose body was read to its end.
///
/// JSON is recognized by its content: some servers send it with another content type, or with none.
fn whole(mut call: Call, bytes: Vec<u8>, kind: Kind, is_array: bool) {
    let Ok(text) = String::from_utf8(bytes) else {
        say(&mut call, if kind == Kind::Binary { "not text" } else { "not UTF-8" });
        return call.finished();
    };
    match text.trim_start().chars().next() {
        None => say(&mut call, "empty"),
        Some('[') if is_array && is_json(&text) => {
            let mut frames = Frames::new(Format::Array, text.len());
            let mut keep = |event| call.chunk(Chunk::Value(Captured::Json(event)));
            frames.read(text.as_bytes(), &mut keep);
            frames.finish(&mut keep);
        }
        Some('{' | '[') if kind == Kind::Json || is_json(&text) => {
            return call.returned(Captured::Json(text));
        }
        _ if kind == Kind::Json => return call.returned(Captured::Json(text)),
        _ if kind == Kind::Binary => say(&mut call, "not text"),
        // A text, or server-sent events with a wrong content type.
        _ => call.chunk(Chunk::Value(Captured::Text(text))),
    }
    call.finished();
}

fn is_json(text: &str) -> bool {
    serde_json::from_str::<IgnoredAny>(text).is_ok()
}

/// Adds the reason to the metadata why the log has no output, or not all of it.
fn say(call: &mut Call, why: &str) {
    call.metadata(RESPONSE_BODY, &why);
    call.ready();
}

/// What the content type says of a body that is not a stream.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Kind {
    Json,
    Binary,
    Other,
}

/// The part of a body that is kept for the log.
#[derive(Debug)]
enum Kept {
    /// The events of a stream.
    Events {
        frames: Frames,
        /// `true` after the last event of the stream. Some clients drop the body there.
        is_complete: bool,
        /// The limit for the body, if the stream may turn out to be none.
        is_unseen: Option<usize>,
    },
    /// The whole body.
    Whole { bytes: Vec<u8>, limit: usize, is_cut: bool, kind: Kind },
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
        let media = header(CONTENT_TYPE).split(';').next().unwrap_or_default().trim().to_ascii_lowercase();
        let kind = match media.as_str() {
            "application/json" => Kind::Json,
            media if media.ends_with("+json") => Kind::Json,
            "application/octet-stream" => Kind::Binary,
            _ => Kind::Other,
        };
        if status.is_success() {
            if let Some(format) = format(&media, kind == Kind::Json && is_array) {
                let is_unseen = matches!(format, Format::ServerSent).then_some(limit);
                return Self::Events { frames: Frames::new(format, limit), is_complete: false, is_unseen };
            }
            if ["audio/", "image/", "video/"].iter().any(|start| media.starts_with(start)) {
                return Self::None("not text");
            }
        }
        Self::Whole { bytes: Vec::new(), limit, is_cut: false, kind }
    }

    /// Looks at the first piece of the body: JSON that is sent as server-sent events is not a stream.
    fn look(&mut self, data: &[u8]) {
        let Self::Events { is_unseen, .. } = self else { return };
        let Some(first) = data.trim_ascii_start().first() else { return };
        if let Some(limit) = is_unseen.take()
            && matches!(first, b'{' | b'[')
        {
            *self = Self::Whole { bytes: Vec::new(), limit, is_cut: false, kind: Kind::Other };
        }
    }

    /// Returns the whole body as text, without regard to its content type. If it is not text, tells the call.
    fn into_text(self, call: &mut Call) -> Option<String> {
        let Self::Whole { bytes, .. } = self else { return None };
        let text = String::from_utf8(bytes).ok();
        if text.is_none() {
            say(call, "not UTF-8");
        }
        text
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
        assert_eq!(kind(403, "Forbidden"), ErrorType::ProviderError);
        assert_eq!(kind(403, "Forbidden: UnrecognizedClientException"), ErrorType::ProviderAuthError);
    }

    #[test]
    fn reason_has_the_exception_of_amazon() {
        let forbidden = |name: &'static str| {
            let exception = (http::HeaderName::from_static(EXCEPTION), http::HeaderValue::from_static(name));
            reason(StatusCode::FORBIDDEN, &HeaderMap::from_iter([exception]))
        };
        assert_eq!(reason(StatusCode::FORBIDDEN, &HeaderMap::new()), "Forbidden");
        assert_eq!(forbidden("AccessDeniedException"), "Forbidden: AccessDeniedException");
        assert_eq!(forbidden("ExpiredTokenException:http://a/b"), "Forbidden: ExpiredTokenException");
    }
}
