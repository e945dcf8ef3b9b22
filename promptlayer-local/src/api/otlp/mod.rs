//! `POST /v1/traces`: stores the spans of an OpenTelemetry exporter (OTLP over HTTP), with a request log for each
//! call to a model.
//!
//! | file | subject |
//! |---|---|
//! | `message` | the messages of the protocol, for both encodings |
//! | `encoding` | content types, and gzip |
//! | `weight` | the memory that a protobuf body needs once it is decoded |
//! | `attributes` | attributes as JSON |
//! | `spans` | a message as spans to store |
//! | `request_log` | the request log of a call to a model |
//! | `answer` | responses in the encoding of the request |

mod answer;
mod attributes;
mod encoding;
mod message;
mod request_log;
mod spans;
mod weight;

use axum::extract::{Query, Request, State};
use axum::http::Uri;
use axum::response::{IntoResponse, Response};
use serde::Deserialize;

use self::encoding::Encoding;
use self::spans::{Received, Rejections, TextLimits};
use super::body::{RawBody, from_json, weigh_json};
use super::error::ApiError;
use super::problem::Place;
use super::rules;
use crate::access::key_of;
use crate::app::App;
use crate::limits::Share;
use crate::store::{NewSpan, Resent, SpanOptions};

#[derive(Deserialize)]
struct Parameters {
    #[serde(default)]
    close_after: bool,
}

/// Stores the spans that can be stored, and reports the others in the response.
pub(super) async fn create(State(app): State<App>, request: Request) -> Response {
    let encoding = Encoding::of_request(request.headers());
    let result = store(&app, encoding, request).await;
    match (result, encoding) {
        (Ok(rejections), encoding) => answer::accepted(&rejections, encoding.unwrap_or(Encoding::Json)),
        (Err(error), Some(Encoding::Protobuf)) => answer::failed(error),
        (Err(error), _) => error.into_response(),
    }
}

async fn store(app: &App, encoding: Option<Encoding>, request: Request) -> Result<Rejections, ApiError> {
    // The key is checked here and not in a layer, so that a refusal has the encoding of the request.
    if !app.access().accepts(key_of(request.headers())) {
        return Err(ApiError::Unauthorized);
    }
    let Some(encoding) = encoding else {
        return Err(ApiError::UnsupportedMediaType(
            "Unsupported Content-Type; send application/x-protobuf or application/json".to_owned(),
        ));
    };
    let is_compressed = encoding::is_compressed(request.headers())?;
    let close_after = close_after(request.uri())?;
    let mut body = RawBody::receive(request, app).await?;
    if is_compressed {
        body = body.decompressed().await?;
    }
    let limits = TextLimits::new(app.body_limit());
    let (received, share) = match encoding {
        Encoding::Json => {
            let decode = move |body| spans::received(from_json(body, &rules::OTLP_TRACES)?, limits);
            body.decode(weigh_json, decode).await?
        }
        Encoding::Protobuf => {
            let decode = move |body: Vec<u8>| {
                let message = weight::decode(&body)?;
                drop(body);
                spans::received(message, limits)
            };
            body.decode(weight::weigh, decode).await?
        }
    };
    insert(app, received, close_after, share).await
}

fn close_after(uri: &Uri) -> Result<bool, ApiError> {
    let parameters = Query::<Parameters>::try_from_uri(uri);
    parameters.map(|Query(parameters)| parameters.close_after).map_err(|_| {
        let place = Place::QUERY;
        ApiError::invalid(&place.field("close_after"), "bool_parsing", "this should be true or false")
    })
}

async fn insert(
    app: &App,
    received: Received,
    close_after: bool,
    _share: Share,
) -> Result<Rejections, ApiError> {
    let Received { spans, mut rejections } = received;
    let options = SpanOptions { close_after, resent: Resent::Ignore };
    let receipt = app
        .store()
        .write(move |store| {
            let spans: Vec<NewSpan> = spans
                .into_iter()
                .map(|span| request_log::with_version(span, store))
                .collect::<rusqlite::Result<_>>()?;
            store.insert_spans(spans, options).map_err(ApiError::from)
        })
        .await?;
    if receipt.spans.is_empty() && receipt.resent == 0 && !receipt.rejected_spans.is_empty() {
        return Err(ApiError::TraceClosed(receipt.rejected_traces));
    }
    rejections.add_closed(receipt.rejected_spans.len(), &receipt.rejected_traces);
    Ok(rejections)
}
