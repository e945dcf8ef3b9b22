//! Responses in the encoding of the request.

use axum::Json;
use axum::http::{HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use prost::Message;
use serde_json::json;

use super::encoding::{Encoding, PROTOBUF};
use super::spans::Rejections;
use crate::api::error::ApiError;
use crate::limits::RETRY_AFTER;

#[derive(Clone, PartialEq, Message)]
struct ExportTraceServiceResponse {
    #[prost(message, optional, tag = "1")]
    partial_success: Option<PartialSuccess>,
}

#[derive(Clone, PartialEq, Message)]
struct PartialSuccess {
    #[prost(int64, tag = "1")]
    rejected_spans: i64,
    #[prost(string, tag = "2")]
    error_message: String,
}

/// An error: `google.rpc.Status`.
#[derive(Clone, PartialEq, Message)]
struct Status {
    #[prost(int32, tag = "1")]
    code: i32,
    #[prost(string, tag = "2")]
    message: String,
}

/// Returns the response to a request whose other spans are stored.
pub(super) fn accepted(rejections: &Rejections, encoding: Encoding) -> Response {
    let partial = rejections.summary();
    match encoding {
        Encoding::Json => Json(json!({
            "partialSuccess": partial.map(|(rejected_spans, error_message)| {
                json!({ "rejectedSpans": rejected_spans, "errorMessage": error_message })
            }),
        }))
        .into_response(),
        Encoding::Protobuf => {
            let partial_success = partial.map(|(rejected_spans, error_message)| PartialSuccess {
                rejected_spans: i64::try_from(rejected_spans).unwrap_or(i64::MAX),
                error_message,
            });
            protobuf(StatusCode::OK, &ExportTraceServiceResponse { partial_success })
        }
    }
}

/// Returns the response to a protobuf request that failed.
pub(super) fn failed(error: ApiError) -> Response {
    let status = error.status();
    let mut response = protobuf(status, &Status { code: code_of(status), message: error.message() });
    if status == StatusCode::SERVICE_UNAVAILABLE {
        response.headers_mut().insert(header::RETRY_AFTER, RETRY_AFTER);
    }
    response
}

fn protobuf(status: StatusCode, message: &impl Message) -> Response {
    let content_type = (header::CONTENT_TYPE, HeaderValue::from_static(PROTOBUF));
    (status, [content_type], message.encode_to_vec()).into_response()
}

/// Returns the gRPC code for a status of HTTP.
fn code_of(status: StatusCode) -> i32 {
    match status {
        StatusCode::BAD_REQUEST | StatusCode::UNSUPPORTED_MEDIA_TYPE | StatusCode::UNPROCESSABLE_ENTITY => 3,
        StatusCode::REQUEST_TIMEOUT => 4,
        StatusCode::PAYLOAD_TOO_LARGE => 8,
        StatusCode::CONFLICT => 9,
        StatusCode::SERVICE_UNAVAILABLE => 14,
        StatusCode::UNAUTHORIZED => 16,
        _ => 13,
    }
}
