//! The response of an OTLP endpoint, as protobuf or as JSON.

use opentelemetry_proto::tonic::collector::trace::v1::ExportTraceServiceResponse;
use prost::Message as _;
use serde::Deserialize;
use serde_json::{Map, Value};

/// What a response with the status 200 says.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum ExportAnswer {
    /// All spans were accepted, perhaps with a warning.
    Accepted { warning: Option<String> },
    /// Some of the spans were rejected. The response does not say which.
    Partial { rejected: u64, message: String },
    /// The response is not one of an OTLP endpoint, or contradicts itself.
    Unreadable,
}

/// The field of the only message that a response has.
const PARTIAL_SUCCESS: &str = "partialSuccess";

#[derive(Debug, Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
struct JsonPartialSuccess {
    /// A number, or a text: the JSON of protobuf has integers of 64 bits as texts.
    rejected_spans: Option<Value>,
    error_message: Option<String>,
}

impl ExportAnswer {
    /// Reads the body of a response to `sent` spans.
    pub(crate) fn read(body: &[u8], sent: usize) -> Self {
        // No message of protobuf begins with a brace: that would be the start of a group.
        let is_json = body.trim_ascii_start().starts_with(b"{");
        let said = if is_json { read_json(body) } else { read_protobuf(body) };
        let Some((rejected, message)) = said else { return Self::Unreadable };
        match u64::try_from(rejected) {
            Ok(0) => Self::Accepted { warning: Some(message).filter(|message| !message.is_empty()) },
            Ok(rejected) if rejected <= sent as u64 => Self::Partial { rejected, message },
            // A negative number, or more than were sent.
            _ => Self::Unreadable,
        }
    }
}

fn read_protobuf(body: &[u8]) -> Option<(i64, String)> {
    let answer = ExportTraceServiceResponse::decode(body).ok()?;
    let partial = answer.partial_success.unwrap_or_default();
    Some((partial.rejected_spans, partial.error_message))
}

fn read_json(body: &[u8]) -> Option<(i64, String)> {
    let mut answer: Map<String, Value> = serde_json::from_slice(body).ok()?;
    let partial = match answer.remove(PARTIAL_SUCCESS) {
        Some(partial) => Option::<JsonPartialSuccess>::deserialize(partial).ok()?.unwrap_or_default(),
        None if answer.is_empty() => JsonPartialSuccess::default(),
        // An answer in another form, perhaps to say that the request failed.
        None => return None,
    };
    let rejected = match partial.rejected_spans {
        None | Some(Value::Null) => 0,
        Some(Value::String(digits)) => digits.parse().ok()?,
        Some(number) => number.as_i64()?,
    };
    Some((rejected, partial.error_message.unwrap_or_default()))
}

/// An error: `google.rpc.Status`. Its details are left out.
#[derive(Clone, PartialEq, prost::Message)]
struct RpcStatus {
    #[prost(int32, tag = "1")]
    code: i32,
    #[prost(string, tag = "2")]
    message: String,
}

/// Returns the text to quote of the body of an error: the message of a `google.rpc.Status`, or the body as it is.
pub(crate) fn error_text(body: Vec<u8>) -> Vec<u8> {
    // The first byte of a protobuf status is the key of its number. Texts and JSON do not begin so.
    match RpcStatus::decode(body.as_slice()) {
        Ok(status) if !status.message.is_empty() => status.message.into_bytes(),
        _ => body,
    }
}

#[cfg(test)]
mod tests {
    use opentelemetry_proto::tonic::collector::trace::v1::ExportTracePartialSuccess;

    use super::*;

    fn protobuf(rejected_spans: i64, message: &str) -> Vec<u8> {
        let partial = ExportTracePartialSuccess { rejected_spans, error_message: message.to_owned() };
        ExportTraceServiceResponse { partial_success: Some(partial) }.encode_to_vec()
    }

    fn accepted(warning: Option<&str>) -> ExportAnswer {
        ExportAnswer::Accepted { warning: warning.map(str::to_owned) }
    }

    #[test]
    fn empty_and_whole_responses_accept_all_spans() {
        for body in
            [&b""[..], b"{}", br#"{"partialSuccess":null}"#, br#"{"partialSuccess":{}}"#, &protobuf(0, "")]
        {
            assert_eq!(ExportAnswer::read(body, 3), accepted(None), "{body:?}");
        }
        let warning = br#"{"partialSuccess":{"rejectedSpans":0,"errorMessage":"slow"}}"#;
        assert_eq!(ExportAnswer::read(warning, 3), accepted(Some("slow")));
        assert_eq!(ExportAnswer::read(&protobuf(0, "slow"), 3), accepted(Some("slow")));
    }

    #[test]
    fn partial_success_has_the_number_of_rejected_spans() {
        let partial = ExportAnswer::Partial { rejected: 2, message: "bad".to_owned() };
        assert_eq!(ExportAnswer::read(&protobuf(2, "bad"), 3), partial);
        for rejected in ["2", "\"2\""] {
            let body = format!(r#"{{"partialSuccess":{{"rejectedSpans":{rejected},"errorMessage":"bad"}}}}"#);
            assert_eq!(ExportAnswer::read(body.as_bytes(), 3), partial, "{rejected}");
        }
    }

    #[test]
    fn other_bodies_and_impossible_numbers_are_unreadable() {
        let impossible = br#"{"partialSuccess":{"rejectedSpans":1.5}}"#;
        let declined = br#"{"success":false,"message":"quota"}"#;
        let bodies =
            [&b"<html>"[..], declined, b"{", b"ok", b"[]", &protobuf(4, ""), &protobuf(-1, ""), impossible];
        for body in bodies {
            assert_eq!(ExportAnswer::read(body, 3), ExportAnswer::Unreadable, "{body:?}");
        }
    }

    #[test]
    fn message_of_a_status_is_quoted_and_other_errors_as_they_are() {
        let status = RpcStatus { code: 3, message: "bad span".to_owned() }.encode_to_vec();
        assert_eq!(error_text(status), b"bad span");
        for body in [&b""[..], b"down", br#"{"code":3,"message":"bad"}"#, b"<html>", b"\x00\x01\xff"] {
            assert_eq!(error_text(body.to_vec()), body);
        }
    }
}
