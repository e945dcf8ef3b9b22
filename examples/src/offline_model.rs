//! A small model that speaks `OpenAI`'s API on loopback, for examples and tests with no account.
//!
//! It knows the answers to a handful of questions and repeats what it was told otherwise, so its answers are the same
//! every time. What it does speak, it speaks as the service does: chat completions (whole and streamed, with tools),
//! legacy completions, the list of models, and errors in the service's own shape.

mod answer;
mod failure;
mod reply;
mod request;
mod tools;

#[cfg(test)]
mod tests;

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

/// The model its own list of models names. Any other name is accepted too, and repeated in the answer.
pub const MODEL: &str = "offline-model";

/// A model name that begins with this is answered as the service answers an unknown model: 404, `model_not_found`.
pub const UNKNOWN_MODEL: &str = "no-such-model";

/// A model on a loopback port of its own, until it is dropped.
///
/// | request | answer |
/// |---|---|
/// | `POST /v1/chat/completions` | a completion, or with `stream` its chunks; a tool call where a tool is asked for |
/// | `POST /v1/completions` | a legacy completion, or with `stream` its chunks |
/// | `GET /v1/models` | a list of one |
///
/// A tool is called when the last message is the user's and mentions the tool's name or the weather, or when
/// `tool_choice` demands one. Its arguments follow the tool's own schema.
///
/// Token counts are an estimate: one token for every four characters begun, in the text of all messages, and in the
/// answer or the names and arguments of the tools it calls.
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
    /// Starts the model on a port that the system chooses.
    ///
    /// # Errors
    ///
    /// If the port cannot be bound or the server's thread cannot be started.
    pub fn start() -> io::Result<Self> {
        let server =
            Loopback::start(
                "offline-model",
                |listener| async move { axum::serve(listener, router()).await },
            )?;
        Ok(Self { url: format!("http://{}/v1", server.address()), _server: server })
    }

    /// The base URL a client is given: `http://127.0.0.1:PORT/v1`.
    pub fn url(&self) -> &str {
        &self.url
    }
}

/// Numbers the completions, whose ids must differ.
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

/// Any key is right, but there must be one.
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
