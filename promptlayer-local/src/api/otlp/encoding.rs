//! The encodings of a body, by its headers.

use axum::http::{HeaderMap, header};

use crate::api::body::media_type;
use crate::api::error::ApiError;

/// The media type of protobuf bodies.
pub(super) const PROTOBUF: &str = "application/x-protobuf";

/// The encoding of a message.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Encoding {
    Protobuf,
    Json,
}

impl Encoding {
    /// Returns the encoding that the `Content-Type` names, or `None` for any other type.
    pub(super) fn of_request(headers: &HeaderMap) -> Option<Self> {
        match media_type(headers)?.as_str() {
            PROTOBUF => Some(Self::Protobuf),
            "application/json" => Some(Self::Json),
            _ => None,
        }
    }
}

/// Returns `true` if the body is compressed with gzip.
///
/// # Errors
///
/// Returns an error if it has another content encoding.
pub(super) fn is_compressed(headers: &HeaderMap) -> Result<bool, ApiError> {
    let Some(encoding) = headers.get(header::CONTENT_ENCODING) else { return Ok(false) };
    let encoding = encoding.to_str().unwrap_or_default().trim().to_ascii_lowercase();
    match encoding.as_str() {
        "gzip" => Ok(true),
        "identity" | "" => Ok(false),
        _ => Err(ApiError::UnsupportedMediaType(
            "Unsupported Content-Encoding; send the body as it is, or with gzip".to_owned(),
        )),
    }
}
