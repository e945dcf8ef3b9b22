//! Reads, measures and parses request bodies within a memory budget.
//!
//! Every body that the API accepts passes through [`RawBody`]. The memory of one body is limited by
//! its length and by its [weight](super::weight). The memory of all bodies together is limited by
//! [`BodyBudget`].

use std::borrow::Cow;
use std::future::poll_fn;
use std::io::{Cursor, Read};
use std::pin::pin;

use axum::body::Body;
use axum::extract::{FromRequest, Request};
use axum::http::{HeaderMap, header};
use flate2::read::MultiGzDecoder;
use futures_core::Stream;
use serde::Deserialize;
use serde::de::DeserializeOwned;

use super::error::ApiError;
use super::problem::Place;
use super::rules::{self, Rule};
use super::weight::weigh;
use crate::app::App;
use crate::limits::{BODY_TIMEOUT, BodyBudget, Share};

/// The minimum of the weight limit, for any length limit: 96 MiB. The weight is the memory of the parsed
/// values.
const WEIGHT_LIMIT: usize = 96 * 1024 * 1024;

/// A body up to this length, or of unknown length, starts as a small body: 1 MiB.
const SMALL_LENGTH: usize = 1024 * 1024;
/// A body above this weight is large, however short its text is: 4 MiB.
const SMALL_WEIGHT: usize = 4 * 1024 * 1024;
/// A body up to this length is parsed at once. Moving it to another thread would take longer.
const INLINE_LENGTH: usize = 16 * 1024;

/// A body that has arrived but is not yet parsed.
pub(super) struct RawBody {
    bytes: Vec<u8>,
    budget: BodyBudget,
    share: Share,
    length_limit: usize,
    weight_limit: usize,
}

/// Marks a request that has no API key in its headers, and may have it in the field `api_key` of its body. The
/// extractors of this file check that key before they return the body.
#[derive(Clone, Copy)]
pub(super) struct KeyInBody;
/// A JSON body that is not yet parsed.
pub(crate) struct JsonBody(RawBody);

/// A JSON body that may be missing. Its content type is not checked.
pub(crate) struct OptionalJsonBody(JsonBody);

impl FromRequest<App> for JsonBody {
    type Rejection = ApiError;

    async fn from_request(request: Request, app: &App) -> Result<Self, ApiError> {
        if !is_json(request.headers()) {
            if request.extensions().get::<KeyInBody>().is_some() {
                return Err(ApiError::Unauthorized);
            }
            return Err(ApiError::invalid(
                &Place::BODY,
                "model_attributes_type",
                "the body should be JSON; send the header Content-Type: application/json",
            ));
        }
        RawBody::receive(request, app).await.map(Self)
    }
}

impl FromRequest<App> for OptionalJsonBody {
    type Rejection = ApiError;

    async fn from_request(request: Request, app: &App) -> Result<Self, ApiError> {
        RawBody::receive(request, app).await.map(|body| Self(JsonBody(body)))
    }
}

impl RawBody {
    /// Waits for a share of the budget, and reads the body.
    pub(super) async fn receive(request: Request, app: &App) -> Result<Self, ApiError> {
        let limit = app.body_limit();
        let has_key_in_body = request.extensions().get::<KeyInBody>().is_some();
        let declared = declared_length(request.headers());
        if declared.is_some_and(|length| length > limit) {
            return Err(ApiError::TooLarge { limit });
        }
        let mut body = Self {
            bytes: Vec::with_capacity(declared.unwrap_or_default()),
            share: app.bodies().share(declared.is_some_and(|length| length > SMALL_LENGTH)).await,
            budget: app.bodies().clone(),
            length_limit: limit,
            weight_limit: WEIGHT_LIMIT.max(limit.saturating_add(limit / 2)),
        };
        let reading = body.read(request.into_body(), limit);
        tokio::time::timeout(BODY_TIMEOUT, reading).await.unwrap_or(Err(ApiError::TooSlow))?;
        if has_key_in_body {
            body.check_key(app).await?;
        }
        Ok(body)
    }

    /// Checks the API key in the body. No other value of the body is created for this.
    async fn check_key(&mut self, app: &App) -> Result<(), ApiError> {
        let bytes = std::mem::take(&mut self.bytes);
        let is_short = bytes.len() <= INLINE_LENGTH;
        let app = app.clone();
        let check = move || (app.access().accepts(key_in(&bytes).as_deref()), bytes);
        let (is_accepted, bytes) = if is_short { check() } else { offload(check).await? };
        self.bytes = bytes;
        if is_accepted { Ok(()) } else { Err(ApiError::Unauthorized) }
    }

    async fn read(&mut self, body: Body, limit: usize) -> Result<(), ApiError> {
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

    /// Decompresses a body of gzip. The length limit applies to the decompressed body.
    pub(super) async fn decompressed(mut self) -> Result<Self, ApiError> {
        let compressed = Cursor::new(std::mem::take(&mut self.bytes));
        let mut decoder = MultiGzDecoder::new(compressed);
        let mut limit = SMALL_LENGTH.min(self.length_limit);
        loop {
            let mut bytes = std::mem::take(&mut self.bytes);
            let read = move || {
                let room = limit.saturating_add(1).saturating_sub(bytes.len());
                let read =
                    (&mut decoder).take(u64::try_from(room).unwrap_or(u64::MAX)).read_to_end(&mut bytes);
                read.map(|_| (decoder, bytes))
            };
            (decoder, self.bytes) = offload(read).await?.map_err(|error| {
                ApiError::invalid(&Place::BODY, "gzip_invalid", format!("the body is not gzip: {error}"))
            })?;
            if self.bytes.len() <= limit {
                return Ok(self);
            }
            if limit == self.length_limit {
                return Err(ApiError::TooLarge { limit });
            }
            self.share.grow(&self.budget).await;
            limit = self.length_limit;
        }
    }

    /// Measures the memory of the decoded body, and decodes the body if the memory is within the limit. The
    /// caller must keep the share as long as it keeps the result.
    pub(super) async fn decode<T: Send + 'static>(
        mut self,
        weigh: fn(&[u8], usize) -> Result<usize, ApiError>,
        decode: impl FnOnce(Vec<u8>) -> Result<T, ApiError> + Send + 'static,
    ) -> Result<(T, Share), ApiError> {
        let limit = self.weight_limit;
        let bytes = std::mem::take(&mut self.bytes);
        let is_short = bytes.len() <= INLINE_LENGTH;
        let (weight, bytes) = if is_short {
            (weigh(&bytes, limit), bytes)
        } else {
            offload(move || (weigh(&bytes, limit), bytes)).await?
        };
        let weight = weight?;
        if weight > limit {
            return Err(ApiError::TooHeavy { limit });
        }
        if weight > SMALL_WEIGHT {
            self.share.grow(&self.budget).await;
        }
        let decoded = if is_short && weight <= SMALL_WEIGHT {
            decode(bytes)?
        } else {
            offload(move || decode(bytes)).await??
        };
        Ok((decoded, self.share))
    }
}

impl JsonBody {
    /// Checks the body with a rule and deserializes it for the handler. The handler must keep the share as
    /// long as it keeps the content.
    pub(super) async fn parse<T>(mut self, rule: &'static Rule) -> Result<(T, Share), ApiError>
    where
        T: DeserializeOwned + Send + 'static,
    {
        if self.0.bytes.len() <= INLINE_LENGTH {
            // A text of this length always weighs less than the limit for small bodies.
            let value = from_json(std::mem::take(&mut self.0.bytes), rule)?;
            return Ok((value, self.0.share));
        }
        self.0.decode(weigh_json, move |bytes| from_json(bytes, rule)).await
    }
}

/// Returns an upper bound of the memory that a JSON text needs as a tree of values.
pub(super) fn weigh_json(text: &[u8], limit: usize) -> Result<usize, ApiError> {
    weigh(text, limit).map_err(|error| not_json(&error))
}

/// Parses JSON, checks it with a rule and deserializes it.
pub(super) fn from_json<T: DeserializeOwned>(text: Vec<u8>, rule: &Rule) -> Result<T, ApiError> {
    let value = serde_json::from_slice(&text).map_err(|error| not_json(&error))?;
    drop(text);
    rules::parse(value, rule)
}

impl OptionalJsonBody {
    /// Parses the body like [`JsonBody::parse`]. An empty body and `null` become the default value.
    pub(super) async fn parse<T>(self, rule: &'static Rule) -> Result<(T, Share), ApiError>
    where
        T: DeserializeOwned + Default + Send + 'static,
    {
        if matches!(self.0.0.bytes.trim_ascii(), b"" | b"null") {
            return Ok((T::default(), self.0.0.share));
        }
        self.0.parse(rule).await
    }
}

/// Runs CPU-intensive work on a blocking thread, so that it does not block the thread that serves all
/// requests.
pub(super) async fn offload<T: Send + 'static>(
    work: impl FnOnce() -> T + Send + 'static,
) -> Result<T, ApiError> {
    tokio::task::spawn_blocking(work).await.map_err(|error| ApiError::Failed(error.to_string()))
}

/// Returns the field `api_key` of a body.
pub(super) fn key_in(body: &[u8]) -> Option<Cow<'_, str>> {
    #[derive(Deserialize)]
    struct Keyed<'b> {
        #[serde(borrow)]
        api_key: Option<Cow<'b, str>>,
    }
    serde_json::from_slice::<Keyed<'_>>(body).ok()?.api_key
}

fn is_json(headers: &HeaderMap) -> bool {
    media_type(headers).is_some_and(|media_type| {
        media_type == "application/json"
            || (media_type.starts_with("application/") && media_type.ends_with("+json"))
    })
}

/// Returns the media type of a body without its parameters, in lower case.
pub(super) fn media_type(headers: &HeaderMap) -> Option<String> {
    let content_type = headers.get(header::CONTENT_TYPE)?.to_str().ok()?;
    Some(content_type.split(';').next().unwrap_or_default().trim().to_ascii_lowercase())
}

/// Returns the length that the client declared, or `None` if it sends the body in chunks.
fn declared_length(headers: &HeaderMap) -> Option<usize> {
    if headers.contains_key(header::TRANSFER_ENCODING) {
        return None;
    }
    // A request with neither header has no body.
    headers.get(header::CONTENT_LENGTH).map_or(Some(0), |length| length.to_str().ok()?.parse().ok())
}

fn not_json(error: &serde_json::Error) -> ApiError {
    ApiError::invalid(&Place::BODY, "json_invalid", format!("the body is not JSON: {error}"))
}
