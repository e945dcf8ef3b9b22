//! Reconciliation after a lost response: reads a trace to find out which spans of the request arrived.

use std::collections::BTreeMap;

use promptlayer_blueprint::{RequestId, SpanId, TraceId, semconv};
use promptlayer_client::exporter::{Answer, Failure};
use serde::Deserialize;
use serde_json::Value;

use crate::export::encode::read_id::ReadId;

/// The spans of a trace, with the request id of each span that has one.
pub(crate) type Held = BTreeMap<SpanId, Option<RequestId>>;

#[derive(Debug, Deserialize)]
struct Trace {
    spans: Vec<Span>,
}

#[derive(Debug, Deserialize)]
struct Span {
    #[serde(default, rename = "span_id")]
    id: Option<ReadId<SpanId>>,
    #[serde(default)]
    request_log_id: Option<RequestId>,
    #[serde(default)]
    attributes: Value,
}

impl Span {
    /// Returns `true` if the call had not ended. The span does not prove that the one with the rest was stored.
    fn is_unfinished(&self) -> bool {
        self.attributes.get(semconv::UNFINISHED) == Some(&Value::Bool(true))
    }
}

/// Returns the path of a trace.
pub(crate) fn path(trace: TraceId) -> String {
    format!("/api/public/v2/traces/{trace}")
}

/// Returns the spans that a response contains. Returns `None` if the response says nothing about the trace.
pub(crate) fn held(answer: &Result<Answer, Failure>) -> Option<Held> {
    let answer = answer.as_ref().ok()?;
    match answer.status {
        // A trace that does not exist contains none of the spans.
        404 => Some(Held::new()),
        200..=299 => {
            let trace: Trace = serde_json::from_slice(&answer.body).ok()?;
            let spans = trace.spans.into_iter().filter(|span| !span.is_unfinished());
            Some(spans.filter_map(|span| Some((span.id?.0?, span.request_log_id))).collect())
        }
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn reading(status: u16, body: &str) -> Option<Held> {
        held(&Ok(Answer { status, retry_after: None, body: body.into() }))
    }

    #[test]
    fn trace_contains_spans_and_their_request_ids() {
        let read = reading(
            200,
            r#"{"success":true,"spans":[{"span_id":"1a2b3c4d5e6f7a8","request_log_id":7,"id":1},{"span_id":"00000000000000ff"},{"name":"odd"}]}"#,
        );
        let id = |text: &str| text.parse::<SpanId>().unwrap();
        let expected =
            Held::from([(id("01a2b3c4d5e6f7a8"), Some(RequestId::new(7))), (id("00000000000000ff"), None)]);
        assert_eq!(read, Some(expected));
    }

    #[test]
    fn unfinished_span_proves_nothing_about_the_finished_one() {
        let body = |attributes: &str| {
            format!(r#"{{"spans":[{{"span_id":"00000000000000ff","attributes":{attributes}}}]}}"#)
        };
        for (attributes, count) in [
            (r#"{"promptlayer.unfinished":true}"#, 0),
            (r#"{"promptlayer.unfinished":false}"#, 1),
            ("{}", 1),
            ("null", 1),
            ("[1]", 1),
        ] {
            assert_eq!(reading(200, &body(attributes)).unwrap().len(), count, "{attributes}");
        }
    }

    #[test]
    fn missing_trace_is_empty_and_unreadable_trace_is_none() {
        assert_eq!(reading(404, "{}"), Some(Held::new()));
        for (status, body) in [(500, "{}"), (401, "{}"), (200, "<html>"), (200, "{}")] {
            assert_eq!(reading(status, body), None, "{status} {body}");
        }
    }
}
