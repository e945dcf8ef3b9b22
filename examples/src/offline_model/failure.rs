//! Error responses in the format of `OpenAI`'s API.

use axum::Json;
use axum::http::{Method, StatusCode};
use axum::response::{IntoResponse, Response};
use serde_json::json;

/// An error response to an invalid request.
#[derive(Debug)]
pub(super) struct Failure {
    status: StatusCode,
    message: String,
    param: Option<String>,
    code: Option<&'static str>,
}

impl Failure {
    fn new(status: StatusCode, message: String) -> Self {
        Self { status, message, param: None, code: None }
    }

    fn at(mut self, param: &str, code: &'static str) -> Self {
        self.param = Some(param.to_owned());
        self.code = Some(code);
        self
    }

    pub(super) fn no_key() -> Self {
        let message = "No API key was given. Send one in the header 'Authorization: Bearer KEY'.";
        let mut failure = Self::new(StatusCode::UNAUTHORIZED, message.to_owned());
        failure.code = Some("invalid_api_key");
        failure
    }

    pub(super) fn unknown_url(method: &Method, path: &str) -> Self {
        let mut failure = Self::new(StatusCode::NOT_FOUND, format!("Unknown request URL: {method} {path}."));
        failure.code = Some("unknown_url");
        failure
    }

    pub(super) fn wrong_method(method: &Method, path: &str) -> Self {
        Self::new(StatusCode::METHOD_NOT_ALLOWED, format!("Not allowed to {method} on {path}."))
    }

    pub(super) fn unknown_model(model: &str) -> Self {
        let message = format!("The model '{model}' does not exist or you do not have access to it.");
        let mut failure = Self::new(StatusCode::NOT_FOUND, message);
        failure.code = Some("model_not_found");
        failure
    }

    pub(super) fn not_json(error: &serde_json::Error) -> Self {
        Self::new(StatusCode::BAD_REQUEST, format!("The body of the request is not JSON: {error}."))
    }

    pub(super) fn not_an_object() -> Self {
        Self::new(StatusCode::BAD_REQUEST, "The body of the request is not a JSON object.".to_owned())
    }

    pub(super) fn missing(param: &str) -> Self {
        Self::new(StatusCode::BAD_REQUEST, format!("Missing required parameter: '{param}'."))
            .at(param, "missing_required_parameter")
    }

    pub(super) fn wrong_type(param: &str, expected: &str) -> Self {
        Self::new(StatusCode::BAD_REQUEST, format!("Invalid type for '{param}': expected {expected}."))
            .at(param, "invalid_type")
    }

    pub(super) fn wrong_value(param: &str, expected: &str) -> Self {
        Self::new(StatusCode::BAD_REQUEST, format!("Invalid value for '{param}': expected {expected}."))
            .at(param, "invalid_value")
    }
}

impl IntoResponse for Failure {
    fn into_response(self) -> Response {
        let error = json!({
            "message": self.message,
            "type": "invalid_request_error",
            "param": self.param,
            "code": self.code,
        });
        (self.status, Json(json!({ "error": error }))).into_response()
    }
}
