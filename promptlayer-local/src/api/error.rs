//! Error responses, with the bodies that PromptLayer's API document defines.

use std::collections::BTreeSet;
use std::time::Duration;

use axum::Json;
use axum::http::{HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use serde::Serialize;

use super::problem::{Place, Problem, Problems, shortened};
use crate::limits::{BODY_TIMEOUT, RETRY_AFTER};
use crate::store::StoreError;

const MIB: usize = 1024 * 1024;

/// The reason why a request was refused.
#[derive(Debug)]
pub(crate) enum ApiError {
    /// 401: the key is missing or is not the accepted key.
    Unauthorized,
    /// 400: the request is well formed, but it names something that does not exist.
    BadRequest(String),
    /// 404: the path or the requested object does not exist.
    NotFound(String),
    /// 404: the API has no such path. The response lists all paths.
    NoSuchPath { message: String, served: Vec<String> },
    /// 405: the path does not support the method. Holds the methods that it supports, as the header `Allow` names
    /// them. If it is empty, the router sets that header.
    MethodNotAllowed(&'static str),
    /// 403: a page of another site sent the request.
    ForeignOrigin(String),
    /// 421: this server does not serve the host that the request names.
    Misdirected(String),
    /// 408: the body did not arrive in time.
    TooSlow,
    /// 409: the request conflicts with stored data.
    Conflict(String),
    /// 413: the body is longer than the limit.
    TooLarge { limit: usize },
    /// 413: the body is within the length limit, but its parsed values need too much memory.
    TooHeavy { limit: usize },
    /// 413: the rendered template is too long.
    RenderedTooLarge { limit: usize },
    /// 413: the spans are stored as too much text.
    TooMuchText { limit: usize },
    /// 415: the body has another type or encoding than the path takes.
    UnsupportedMediaType(String),
    /// 409: the traces of all spans are closed.
    TraceClosed(BTreeSet<String>),
    /// 413: the template takes too long to render.
    RenderedTooSlowly { limit: Duration },
    /// 422, with the location of every problem.
    Invalid(Vec<Problem>),
    /// 500 or 503: the database failed or is busy.
    Store(StoreError),
    /// 500: the server failed.
    Failed(String),
}

impl ApiError {
    /// Returns a 422 error with one problem.
    pub(crate) fn invalid(place: &Place<'_>, kind: &'static str, message: impl Into<String>) -> Self {
        let mut problems = Problems::default();
        problems.add(place, kind, message);
        Self::Invalid(problems.into_inner())
    }

    /// Returns a 400 error for a request log that does not exist.
    pub(crate) fn no_such_request(id: i64) -> Self {
        Self::BadRequest(format!(
            "There is no request with id {id}; log the request before tracking anything about it"
        ))
    }

    /// Returns a 400 error for a group that does not exist.
    pub(crate) fn no_such_group(id: i64) -> Self {
        Self::BadRequest(format!("There is no group with id {id}; create one with POST /create-group"))
    }

    pub(crate) fn status(&self) -> StatusCode {
        match self {
            Self::Unauthorized => StatusCode::UNAUTHORIZED,
            Self::BadRequest(_) => StatusCode::BAD_REQUEST,
            Self::ForeignOrigin(_) => StatusCode::FORBIDDEN,
            Self::NotFound(_) | Self::NoSuchPath { .. } => StatusCode::NOT_FOUND,
            Self::MethodNotAllowed(_) => StatusCode::METHOD_NOT_ALLOWED,
            Self::TooSlow => StatusCode::REQUEST_TIMEOUT,
            Self::Conflict(_) | Self::TraceClosed(_) => StatusCode::CONFLICT,
            Self::UnsupportedMediaType(_) => StatusCode::UNSUPPORTED_MEDIA_TYPE,
            Self::TooLarge { .. }
            | Self::TooHeavy { .. }
            | Self::TooMuchText { .. }
            | Self::RenderedTooLarge { .. }
            | Self::RenderedTooSlowly { .. } => StatusCode::PAYLOAD_TOO_LARGE,
            Self::Misdirected(_) => StatusCode::MISDIRECTED_REQUEST,
            Self::Invalid(_) => StatusCode::UNPROCESSABLE_ENTITY,
            Self::Store(StoreError::Busy | StoreError::Interrupted) => StatusCode::SERVICE_UNAVAILABLE,
            Self::Store(StoreError::Database(_)) | Self::Failed(_) => StatusCode::INTERNAL_SERVER_ERROR,
        }
    }

    /// Returns the message for the client: what failed, and what to do about it.
    pub(crate) fn message(self) -> String {
        match self {
            Self::Unauthorized => {
                "Missing or wrong API key; send it in the header X-API-KEY (any value, unless this server was given one)"
                    .to_owned()
            }
            Self::BadRequest(message)
            | Self::ForeignOrigin(message)
            | Self::NotFound(message)
            | Self::NoSuchPath { message, .. }
            | Self::Conflict(message)
            | Self::UnsupportedMediaType(message)
            | Self::Misdirected(message) => shortened(message),
            Self::MethodNotAllowed("") => "This path does not take this method".to_owned(),
            Self::MethodNotAllowed(methods) => {
                format!("This path does not take this method; it takes {methods}")
            }
            Self::TooSlow => {
                format!("The body did not arrive within {} seconds", BODY_TIMEOUT.as_secs())
            }
            Self::TooLarge { limit } => format!("The body is larger than {limit} bytes; send it in smaller parts"),
            Self::TooHeavy { limit } => format!(
                "The body has so many values that they would take more than {} MiB of memory; send it in smaller \
                 parts",
                limit / MIB
            ),
            Self::RenderedTooLarge { limit } => {
                format!("The template has more than {limit} bytes once its variables are filled in; use shorter values")
            }
            Self::RenderedTooSlowly { limit } => {
                format!("The template takes more than {} seconds to render; use fewer loops", limit.as_secs())
            }
            Self::TooMuchText { limit } => format!(
                "The spans would be stored as more than {} MiB, because each repeats its resource and scope; send them in \
                 smaller parts",
                limit / MIB
            ),
            Self::TraceClosed(traces) => {
                let traces: Vec<_> = traces.into_iter().collect();
                shortened(format!("Trace already closed: {}", traces.join(", ")))
            }
            Self::Invalid(problems) => match problems.into_iter().next() {
                Some(problem) => format!("The request is invalid: {}", problem.into_message()),
                None => "The request is invalid".to_owned(),
            },
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

impl From<rusqlite::Error> for ApiError {
    fn from(error: rusqlite::Error) -> Self {
        Self::Store(error.into())
    }
}

impl IntoResponse for ApiError {
    fn into_response(self) -> Response {
        let status = self.status();
        let mut response = match self {
            Self::Invalid(detail) => {
                // PromptLayer's clients show the field `message` of an error.
                let message =
                    detail.first().map_or_else(|| Self::Invalid(Vec::new()).message(), Problem::to_string);
                (status, Json(Invalid { message, detail })).into_response()
            }
            Self::Unauthorized => {
                let error = Some("unauthorized");
                let message = self.message();
                (status, Json(Refused { success: false, error, message, served: None })).into_response()
            }
            Self::NoSuchPath { message, served } => {
                let (message, served) = (shortened(message), Some(served));
                (status, Json(Refused { success: false, error: None, message, served })).into_response()
            }
            Self::MethodNotAllowed(methods) => {
                let message = self.message();
                let body = Json(Refused { success: false, error: None, message, served: None });
                let mut response = (status, body).into_response();
                if !methods.is_empty() {
                    response.headers_mut().insert(header::ALLOW, HeaderValue::from_static(methods));
                }
                response
            }
            Self::TraceClosed(ref traces) => {
                let trace_ids = traces.iter().cloned().collect();
                (status, Json(Closed { error: self.message(), trace_ids })).into_response()
            }
            other => {
                let message = other.message();
                (status, Json(Refused { success: false, error: None, message, served: None })).into_response()
            }
        };
        if status == StatusCode::SERVICE_UNAVAILABLE {
            response.headers_mut().insert(header::RETRY_AFTER, RETRY_AFTER);
        }
        response
    }
}

#[derive(Serialize)]
struct Invalid {
    /// The first problem.
    message: String,
    detail: Vec<Problem>,
}

/// The body that PromptLayer's API document defines for closed traces.
#[derive(Serialize)]
struct Closed {
    error: String,
    trace_ids: Vec<String>,
}

#[derive(Serialize)]
struct Refused {
    success: bool,
    #[serde(skip_serializing_if = "Option::is_none")]
    error: Option<&'static str>,
    message: String,
    /// The methods and paths of the API, if there is no such path.
    #[serde(skip_serializing_if = "Option::is_none")]
    served: Option<Vec<String>>,
}
