//! Every answer that is not a success, with the body the document gives it.

use axum::Json;
use axum::http::{HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use serde_json::{Value, json};

use super::rules::{Place, Problem, Problems};
use crate::store::StoreError;

/// How many seconds a client should wait before it sends a call again that found the database busy.
pub(crate) const RETRY_AFTER: HeaderValue = HeaderValue::from_static("1");

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
    /// 409
    Conflict(String),
    /// 413
    TooLarge { limit: usize },
    /// 422, with the place of everything that is wrong.
    Invalid(Vec<Problem>),
    /// 500 or 503
    Store(StoreError),
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

    fn status(&self) -> StatusCode {
        match self {
            Self::Unauthorized => StatusCode::UNAUTHORIZED,
            Self::BadRequest(_) => StatusCode::BAD_REQUEST,
            Self::NotFound(_) => StatusCode::NOT_FOUND,
            Self::MethodNotAllowed => StatusCode::METHOD_NOT_ALLOWED,
            Self::Conflict(_) => StatusCode::CONFLICT,
            Self::TooLarge { .. } => StatusCode::PAYLOAD_TOO_LARGE,
            Self::Invalid(_) => StatusCode::UNPROCESSABLE_ENTITY,
            Self::Store(StoreError::Busy | StoreError::Interrupted) => StatusCode::SERVICE_UNAVAILABLE,
            Self::Store(StoreError::Database(_)) => StatusCode::INTERNAL_SERVER_ERROR,
        }
    }

    fn body(&self) -> Value {
        let message = match self {
            Self::Invalid(problems) => return json!({ "detail": problems }),
            Self::Unauthorized => {
                "Missing or wrong API key; send it in the header X-API-KEY (any value, unless this server was given one)"
                    .to_owned()
            }
            Self::BadRequest(message) | Self::NotFound(message) | Self::Conflict(message) => message.clone(),
            Self::MethodNotAllowed => "This path does not take this method".to_owned(),
            Self::TooLarge { limit } => format!("The body is larger than {limit} bytes; send it in smaller parts"),
            Self::Store(error) => error.to_string(),
        };
        match self {
            Self::Unauthorized => json!({ "success": false, "error": "unauthorized", "message": message }),
            _ => json!({ "success": false, "message": message }),
        }
    }
}

impl From<StoreError> for ApiError {
    fn from(error: StoreError) -> Self {
        Self::Store(error)
    }
}

impl From<rusqlite::Error> for ApiError {
    fn from(error: rusqlite::Error) -> Self {
        Self::Store(error.into())
    }
}

impl IntoResponse for ApiError {
    fn into_response(self) -> Response {
        let status = self.status();
        let mut response = (status, Json(self.body())).into_response();
        if status == StatusCode::SERVICE_UNAVAILABLE {
            response.headers_mut().insert(header::RETRY_AFTER, RETRY_AFTER);
        }
        response
    }
}
