//! Every answer that is not a success, with the body the document gives it.

use axum::Json;
use axum::http::{HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use serde::Serialize;

use super::body::BODY_TIMEOUT;
use super::rules::{Place, Problem, Problems};
use crate::store::StoreError;

/// How many seconds a client should wait before it sends a call again that found the database busy.
pub(crate) const RETRY_AFTER: HeaderValue = HeaderValue::from_static("1");

/// The longest message, and the longest name in a place, in characters: both may quote what a client sent.
const MESSAGE_LIMIT: usize = 2000;

const MIB: usize = 1024 * 1024;

/// Why a call was refused.
#[derive(Debug)]
pub(crate) enum ApiError {
    /// 401: no key, or another than the one accepted.
    Unauthorized,
    /// 400: well formed, but it names something that does not exist.
    BadRequest(String),
    /// 404
    NotFound(String),
    /// 405
    MethodNotAllowed,
    /// 403: the request comes from a page of another site.
    ForeignOrigin(String),
    /// 421: the request names a host that this server does not answer for.
    Misdirected(String),
    /// 408: the body took too long to arrive.
    TooSlow,
    /// 409
    Conflict(String),
    /// 413
    TooLarge { limit: usize },
    /// 413: short enough as text, but not as values in memory.
    TooHeavy { limit: usize },
    /// 413: the template is too long once its variables are filled in.
    RenderedTooLarge { limit: usize },
    /// 422, with the place of everything that is wrong.
    Invalid(Vec<Problem>),
    /// 500 or 503: the database.
    Store(StoreError),
    /// 500: this program failed.
    Failed(String),
}

impl ApiError {
    /// 422 for one thing wrong at one place.
    pub(crate) fn invalid(place: &Place<'_>, kind: &'static str, message: impl Into<String>) -> Self {
        let mut problems = Problems::default();
        problems.add(place, kind, message);
        Self::Invalid(problems.into_inner())
    }

    /// 400 for a request log that is not there.
    pub(crate) fn no_such_request(id: i64) -> Self {
        Self::BadRequest(format!(
            "There is no request with id {id}; log the request before tracking anything about it"
        ))
    }

    pub(crate) fn status(&self) -> StatusCode {
        match self {
            Self::Unauthorized => StatusCode::UNAUTHORIZED,
            Self::BadRequest(_) => StatusCode::BAD_REQUEST,
            Self::ForeignOrigin(_) => StatusCode::FORBIDDEN,
            Self::NotFound(_) => StatusCode::NOT_FOUND,
            Self::MethodNotAllowed => StatusCode::METHOD_NOT_ALLOWED,
            Self::TooSlow => StatusCode::REQUEST_TIMEOUT,
            Self::Conflict(_) => StatusCode::CONFLICT,
            Self::TooLarge { .. } | Self::TooHeavy { .. } | Self::RenderedTooLarge { .. } => {
                StatusCode::PAYLOAD_TOO_LARGE
            }
            Self::Misdirected(_) => StatusCode::MISDIRECTED_REQUEST,
            Self::Invalid(_) => StatusCode::UNPROCESSABLE_ENTITY,
            Self::Store(StoreError::Busy | StoreError::Interrupted) => StatusCode::SERVICE_UNAVAILABLE,
            Self::Store(StoreError::Database(_)) | Self::Failed(_) => StatusCode::INTERNAL_SERVER_ERROR,
        }
    }

    /// What failed, and what to do about it.
    pub(crate) fn message(self) -> String {
        match self {
            Self::Unauthorized => {
                "Missing or wrong API key; send it in the header X-API-KEY (any value, unless this server was given one)"
                    .to_owned()
            }
            Self::BadRequest(message)
            | Self::ForeignOrigin(message)
            | Self::NotFound(message)
            | Self::Conflict(message)
            | Self::Misdirected(message) => shortened(message),
            Self::MethodNotAllowed => "This path does not take this method".to_owned(),
            Self::TooSlow => {
                format!("The body did not arrive within {} seconds", BODY_TIMEOUT.as_secs())
            }
            Self::TooLarge { limit } => format!("The body is larger than {limit} bytes; send it in smaller parts"),
            Self::TooHeavy { limit } => format!(
                "The body has so many JSON values that they would take more than {} MiB of memory; send it in smaller \
                 parts",
                limit / MIB
            ),
            Self::RenderedTooLarge { limit } => {
                format!("The template has more than {limit} bytes once its variables are filled in; use shorter values")
            }
            Self::Invalid(_) => "The request is invalid".to_owned(),
            Self::Store(error) => error.to_string(),
            Self::Failed(message) => shortened(format!("The server failed: {message}")),
        }
    }
}

impl From<StoreError> for ApiError {
    fn from(error: StoreError) -> Self {
        Self::Store(error)
    }
}

/// Cuts a text that quotes what a client sent, so that no answer is longer than what it answers.
pub(super) fn shortened(mut text: String) -> String {
    if let Some((end, _)) = text.char_indices().nth(MESSAGE_LIMIT) {
        text.truncate(end);
        text.push('…');
    }
    text
}

impl From<rusqlite::Error> for ApiError {
    fn from(error: rusqlite::Error) -> Self {
        Self::Store(error.into())
    }
}

impl IntoResponse for ApiError {
    fn into_response(self) -> Response {
        let status = self.status();
        let mut response = match self {
            Self::Invalid(detail) => (status, Json(Invalid { detail })).into_response(),
            Self::Unauthorized => {
                let error = Some("unauthorized");
                (status, Json(Refused { success: false, error, message: self.message() })).into_response()
            }
            other => (status, Json(Refused { success: false, error: None, message: other.message() }))
                .into_response(),
        };
        if status == StatusCode::SERVICE_UNAVAILABLE {
            response.headers_mut().insert(header::RETRY_AFTER, RETRY_AFTER);
        }
        response
    }
}

#[derive(Serialize)]
struct Invalid {
    detail: Vec<Problem>,
}

#[derive(Serialize)]
struct Refused {
    success: bool,
    #[serde(skip_serializing_if = "Option::is_none")]
    error: Option<&'static str>,
    message: String,
}

#[cfg(test)]
mod tests {
    use super::{MESSAGE_LIMIT, shortened};

    #[test]
    fn long_message_is_cut_between_characters() {
        assert_eq!(shortened("short".to_owned()), "short");
        let exact = "ü".repeat(MESSAGE_LIMIT);
        assert_eq!(shortened(exact.clone()), exact);
        assert_eq!(shortened(format!("{exact}ü")), format!("{exact}…"));
    }
}
