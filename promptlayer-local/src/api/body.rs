//! Bodies, read whole and parsed once.

use std::future::poll_fn;
use std::pin::Pin;

use axum::body::{Body, BodyDataStream};
use axum::extract::{FromRequest, Request};
use axum::http::{HeaderMap, header};
use futures_core::Stream;
use serde_json::Value;

use super::App;
use super::error::ApiError;
use super::rules::Place;

/// How many bytes beyond the limit are still read, and thrown away: a client in the middle of writing its body sees
/// the answer 413 only once it has written it, and otherwise a broken connection.
const DISCARDED: usize = 256 * 1024 * 1024;

/// A body that is JSON.
pub(crate) struct JsonBody(pub(crate) Value);

/// A body that is JSON, or nothing at all.
pub(crate) struct OptionalJsonBody(pub(crate) Option<Value>);

impl FromRequest<App> for JsonBody {
    type Rejection = ApiError;

    async fn from_request(request: Request, app: &App) -> Result<Self, ApiError> {
        let (head, body) = request.into_parts();
        let bytes = read(body, app.body_limit).await?;
        if !is_json(&head.headers) {
            return Err(ApiError::invalid(
                &Place::BODY,
                "model_attributes_type",
                "the body should be JSON; send the header Content-Type: application/json",
            ));
        }
        parse(&bytes).map(Self)
    }
}

impl FromRequest<App> for OptionalJsonBody {
    type Rejection = ApiError;

    async fn from_request(request: Request, app: &App) -> Result<Self, ApiError> {
        let bytes = read(request.into_body(), app.body_limit).await?;
        if bytes.iter().all(u8::is_ascii_whitespace) {
            return Ok(Self(None));
        }
        parse(&bytes).map(|value| Self(Some(value)))
    }
}

fn is_json(headers: &HeaderMap) -> bool {
    let Some(content_type) = headers.get(header::CONTENT_TYPE).and_then(|value| value.to_str().ok()) else {
        return false;
    };
    let media_type = content_type.split(';').next().unwrap_or_default().trim().to_ascii_lowercase();
    media_type == "application/json"
        || (media_type.starts_with("application/") && media_type.ends_with("+json"))
}

fn parse(bytes: &[u8]) -> Result<Value, ApiError> {
    serde_json::from_slice(bytes).map_err(|error| {
        ApiError::invalid(&Place::BODY, "json_invalid", format!("the body is not JSON: {error}"))
    })
}

async fn read(body: Body, limit: usize) -> Result<Vec<u8>, ApiError> {
    let mut stream = body.into_data_stream();
    let mut bytes = Vec::new();
    let mut received = 0_usize;
    while let Some(chunk) = next(&mut stream).await {
        let chunk = chunk.map_err(|error| {
            ApiError::invalid(&Place::BODY, "json_invalid", format!("the body broke off: {error}"))
        })?;
        received = received.saturating_add(chunk.len());
        if received > limit.saturating_add(DISCARDED) {
            break;
        }
        if received > limit {
            bytes = Vec::new();
        } else {
            bytes.extend_from_slice(&chunk);
        }
    }
    if received > limit { Err(ApiError::TooLarge { limit }) } else { Ok(bytes) }
}

async fn next(stream: &mut BodyDataStream) -> Option<Result<axum::body::Bytes, axum::Error>> {
    poll_fn(|context| Pin::new(&mut *stream).poll_next(context)).await
}
