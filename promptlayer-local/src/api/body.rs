//! Request bodies: read, weighed and parsed in one place, within a budget of memory.
//!
//! Every body that the API accepts passes through [`JsonBody::parse`]. What one body may cost is bounded by its length
//! and by its [weight](super::weight); what all bodies together may cost is bounded by [`BodyBudget`].

use std::future::poll_fn;
use std::pin::pin;
use std::sync::Arc;
use std::time::Duration;

use axum::body::Body;
use axum::extract::{FromRequest, Request};
use axum::http::{HeaderMap, header};
use futures_core::Stream;
use serde::de::DeserializeOwned;
use serde_json::Value;
use tokio::sync::{OwnedSemaphorePermit, Semaphore};

use super::App;
use super::error::ApiError;
use super::rules::{self, Place, Rule};
use super::weight::weigh;
use crate::memory;

/// How long a body may take to arrive.
pub(crate) const BODY_TIMEOUT: Duration = Duration::from_secs(120);

/// The least weight that every body may have, for any limit of its length: 96 MiB.
const WEIGHT_LIMIT: usize = 96 * 1024 * 1024;

/// A body up to this length, or of unknown length, starts as a small one: 1 MiB.
const SMALL_LENGTH: usize = 1024 * 1024;
/// A body above this weight is a large one, however short its text: 4 MiB.
const SMALL_WEIGHT: usize = 4 * 1024 * 1024;
/// A body up to this length is parsed at once instead of on another thread, which would take longer.
const INLINE_LENGTH: usize = 16 * 1024;

/// How many bodies are held in memory at once: 64 small ones and 2 large ones. The others wait, unread.
///
/// A small body never waits for a large one.
#[derive(Clone)]
pub(super) struct BodyBudget {
    small: Arc<Semaphore>,
    large: Arc<Semaphore>,
}

impl Default for BodyBudget {
    fn default() -> Self {
        Self { small: Arc::new(Semaphore::new(64)), large: Arc::new(Semaphore::new(2)) }
    }
}

/// A body's share of the [`BodyBudget`]; keep it until the body's content is no longer needed.
#[derive(Default)]
pub(super) struct Share {
    is_large: bool,
    permits: Vec<OwnedSemaphorePermit>,
}

impl BodyBudget {
    async fn share(&self, is_large: bool) -> Share {
        let mut share = Share::default();
        if is_large {
            share.grow(self).await;
        } else {
            share.add(&self.small).await;
        }
        share
    }
}

impl Share {
    async fn add(&mut self, semaphore: &Arc<Semaphore>) {
        // A semaphore that is never closed always gives a permit.
        self.permits.extend(semaphore.clone().acquire_owned().await.ok());
    }

    pub(super) fn is_large(&self) -> bool {
        self.is_large
    }

    /// Makes this the share of a large body.
    async fn grow(&mut self, budget: &BodyBudget) {
        if !self.is_large {
            self.is_large = true;
            self.add(&budget.large).await;
        }
    }
}

impl Drop for Share {
    fn drop(&mut self) {
        if let (true, Ok(runtime)) = (self.is_large, tokio::runtime::Handle::try_current()) {
            // A task of its own begins once the handler has built its answer. Until then, small parts of the body that
            // the answer repeats may occupy every page.
            runtime.spawn(async { tokio::task::spawn_blocking(memory::give_back).await });
        }
    }
}

/// A body that has arrived and is not yet parsed.
pub(crate) struct JsonBody {
    bytes: Vec<u8>,
    budget: BodyBudget,
    share: Share,
    weight_limit: usize,
}

/// A body that is JSON, or nothing at all; its content type does not matter.
pub(crate) struct OptionalJsonBody(JsonBody);

impl FromRequest<App> for JsonBody {
    type Rejection = ApiError;

    async fn from_request(request: Request, app: &App) -> Result<Self, ApiError> {
        if !is_json(request.headers()) {
            return Err(ApiError::invalid(
                &Place::BODY,
                "model_attributes_type",
                "the body should be JSON; send the header Content-Type: application/json",
            ));
        }
        Self::read(request, app).await
    }
}

impl FromRequest<App> for OptionalJsonBody {
    type Rejection = ApiError;

    async fn from_request(request: Request, app: &App) -> Result<Self, ApiError> {
        JsonBody::read(request, app).await.map(Self)
    }
}

impl JsonBody {
    async fn read(request: Request, app: &App) -> Result<Self, ApiError> {
        let limit = app.body_limit;
        let declared = declared_length(request.headers());
        if declared.is_some_and(|length| length > limit) {
            return Err(ApiError::TooLarge { limit });
        }
        let mut body = Self {
            bytes: Vec::with_capacity(declared.unwrap_or_default()),
            share: app.bodies.share(declared.is_some_and(|length| length > SMALL_LENGTH)).await,
            budget: app.bodies.clone(),
            weight_limit: WEIGHT_LIMIT.max(limit.saturating_add(limit / 2)),
        };
        let reading = body.receive(request.into_body(), limit);
        tokio::time::timeout(BODY_TIMEOUT, reading).await.unwrap_or(Err(ApiError::TooSlow))?;
        Ok(body)
    }

    async fn receive(&mut self, body: Body, limit: usize) -> Result<(), ApiError> {
        let mut stream = pin!(body.into_data_stream());
        while let Some(chunk) = poll_fn(|context| stream.as_mut().poll_next(context)).await {
            let chunk = chunk.map_err(|error| {
                ApiError::invalid(&Place::BODY, "json_invalid", format!("the body broke off: {error}"))
            })?;
            let length = self.bytes.len().saturating_add(chunk.len());
            if length > limit {
                return Err(ApiError::TooLarge { limit });
            }
            if length > SMALL_LENGTH {
                self.share.grow(&self.budget).await;
            }
            self.bytes.extend_from_slice(&chunk);
        }
        Ok(())
    }

    /// Checks the body by a rule and makes of it what the handler needs. The handler keeps the share as long as it
    /// keeps the content.
    pub(super) async fn parse<T>(mut self, rule: &'static Rule) -> Result<(T, Share), ApiError>
    where
        T: DeserializeOwned + Send + 'static,
    {
        let bytes = std::mem::take(&mut self.bytes);
        if bytes.len() <= INLINE_LENGTH {
            // Even the heaviest text of this length weighs less than a small body may.
            let value = rules::parse(parse(&bytes)?, rule)?;
            return Ok((value, self.share));
        }
        let limit = self.weight_limit;
        let (weight, bytes) = offload(move || (weigh(&bytes, limit), bytes)).await?;
        let weight = weight.map_err(|error| not_json(&error))?;
        if weight > limit {
            return Err(ApiError::TooHeavy { limit });
        }
        if weight > SMALL_WEIGHT {
            self.share.grow(&self.budget).await;
        }
        let value = offload(move || {
            let value = parse(&bytes)?;
            drop(bytes);
            rules::parse(value, rule)
        })
        .await??;
        Ok((value, self.share))
    }
}

impl OptionalJsonBody {
    /// Like [`JsonBody::parse`]; no body, and `null`, are the default.
    pub(super) async fn parse<T>(self, rule: &'static Rule) -> Result<(T, Share), ApiError>
    where
        T: DeserializeOwned + Default + Send + 'static,
    {
        if matches!(self.0.bytes.trim_ascii(), b"" | b"null") {
            return Ok((T::default(), self.0.share));
        }
        self.0.parse(rule).await
    }
}

/// Runs what keeps a processor busy for long away from the thread that answers all requests.
pub(super) async fn offload<T: Send + 'static>(
    work: impl FnOnce() -> T + Send + 'static,
) -> Result<T, ApiError> {
    tokio::task::spawn_blocking(work).await.map_err(|error| ApiError::Failed(error.to_string()))
}

fn is_json(headers: &HeaderMap) -> bool {
    let Some(content_type) = headers.get(header::CONTENT_TYPE).and_then(|value| value.to_str().ok()) else {
        return false;
    };
    let media_type = content_type.split(';').next().unwrap_or_default().trim().to_ascii_lowercase();
    media_type == "application/json"
        || (media_type.starts_with("application/") && media_type.ends_with("+json"))
}

/// The length that the client announced, or nothing if it sends the body in chunks.
fn declared_length(headers: &HeaderMap) -> Option<usize> {
    if headers.contains_key(header::TRANSFER_ENCODING) {
        return None;
    }
    // A request with neither header has no body.
    headers.get(header::CONTENT_LENGTH).map_or(Some(0), |length| length.to_str().ok()?.parse().ok())
}

fn parse(bytes: &[u8]) -> Result<Value, ApiError> {
    serde_json::from_slice(bytes).map_err(|error| not_json(&error))
}

fn not_json(error: &serde_json::Error) -> ApiError {
    ApiError::invalid(&Place::BODY, "json_invalid", format!("the body is not JSON: {error}"))
}
