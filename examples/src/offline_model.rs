//! A small local model with `OpenAI`'s API, for examples and tests without an account.
//!
//! It knows the answers to a few questions and repeats any other input, so its responses are always the same.
//! It supports chat completions (complete and streamed, with tools), legacy completions, the list of models,
//! and errors, all in the format of `OpenAI`'s API.

mod answer;
mod failure;
mod reply;
mod request;
mod tools;

use std::io;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use axum::body::Bytes;
use axum::extract::{DefaultBodyLimit, Request, State};
use axum::http::{Method, Uri, header};
use axum::middleware::{self, Next};
use axum::response::{IntoResponse, Response};
use axum::routing::{get, post};
use axum::{Json, Router};
use serde_json::json;

use self::failure::Failure;
use self::reply::Envelope;
use crate::loopback::Loopback;

/// The model name in the list of models. Other names are accepted too and returned in the response.
pub const MODEL: &str = "offline-model";

/// The prefix of model names that are treated as unknown: the response is a 404 with the code
/// `model_not_found`, as in `OpenAI`'s API.
pub const UNKNOWN_MODEL: &str = "no-such-model";

/// A model server on its own loopback port. It stops on drop.
///
/// | request | response |
/// |---|---|
/// | `POST /v1/chat/completions` | a completion, or its chunks with `stream`; a tool call if one is requested |
/// | `POST /v1/completions` | a legacy completion, or its chunks with `stream` |
/// | `GET /v1/models` | a list of one model |
///
/// The model calls a tool if the last message is from the user and mentions the name of the tool or the
/// weather, or if `tool_choice` requires a call. The arguments follow the schema of the tool.
///
/// Token counts are estimates: one token per four characters, rounded up, of the text of all messages and of
/// the response (or the names and arguments of the called tools).
///
/// ```
/// use examples::OfflineModel;
///
/// let model = OfflineModel::start()?;
/// assert!(model.url().starts_with("http://127.0.0.1:"));
/// # Ok::<(), std::io::Error>(())
/// ```
#[derive(Debug)]
pub struct OfflineModel {
    url: String,
    _server: Loopback,
}

impl OfflineModel {
    /// Starts the model on a free port.
    ///
    /// # Errors
    ///
    /// Returns an error if the port cannot be bound or the thread of the server cannot be started.
    pub fn start() -> io::Result<Self> {
        let server =
            Loopback::start(
                "offline-model",
                |listener| async move { axum::serve(listener, router()).await },
            )?;
        Ok(Self { url: format!("http://{}/v1", server.address()), _server: server })
    }

    /// Returns the base URL for clients: `http://127.0.0.1:PORT/v1`.
    pub fn url(&self) -> &str {
        &self.url
    }
}

/// The counter for completion ids, which must be unique.
type Counter = Arc<AtomicU64>;

fn router() -> Router {
    Router::new()
        .route("/v1/chat/completions", post(chat))
        .route("/v1/completions", post(completion))
        .route("/v1/models", get(models))
        .fallback(async |method: Method, uri: Uri| Failure::unknown_url(&method, uri.path()))
        .method_not_allowed_fallback(async |method: Method, uri: Uri| {
            Failure::wrong_method(&method, uri.path())
        })
        .layer(middleware::from_fn(authenticated))
        .layer(DefaultBodyLimit::disable())
        .with_state(Counter::default())
}

/// Rejects requests without an API key. Any key is accepted.
async fn authenticated(request: Request, next: Next) -> Response {
    let key = request
        .headers()
        .get(header::AUTHORIZATION)
        .and_then(|value| value.to_str().ok())
        .and_then(|value| value.trim().strip_prefix("Bearer"))
        .map(str::trim);
    match key {
        Some(key) if !key.is_empty() => next.run(request).await,
        _ => Failure::no_key().into_response(),
    }
}

async fn chat(State(counter): State<Counter>, body: Bytes) -> Result<Response, Failure> {
    let request = request::Chat::read(&body)?;
    let envelope = Envelope::new("chatcmpl", counter.fetch_add(1, Ordering::Relaxed), &request.options);
    Ok(reply::chat(&envelope, &request))
}

async fn completion(State(counter): State<Counter>, body: Bytes) -> Result<Response, Failure> {
    let request = request::Completion::read(&body)?;
    let envelope = Envelope::new("cmpl", counter.fetch_add(1, Ordering::Relaxed), &request.options);
    Ok(reply::completion(&envelope, &request))
}

async fn models() -> Json<serde_json::Value> {
    let model = json!({ "id": MODEL, "object": "model", "created": 0, "owned_by": "offline" });
    Json(json!({ "object": "list", "data": [model] }))
}
