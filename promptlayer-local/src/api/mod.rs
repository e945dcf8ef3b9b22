//! The REST API: a file a subject.

mod blueprint;
mod body;
mod error;
mod log_request;
mod read_back;
mod render;
mod rules;
mod spans_bulk;
mod template_list;
mod templates;
mod tracking;

use std::sync::Arc;

use axum::Router;
use axum::extract::{Request, State};
use axum::http::{HeaderMap, Method, Uri, header};
use axum::middleware::{self, Next};
use axum::response::{IntoResponse, Response};
use axum::routing::{get, post};

use crate::store::Store;
use crate::{Config, pages};
pub(crate) use error::RETRY_AFTER;

use error::ApiError;

/// What every handler may need.
#[derive(Clone)]
pub(crate) struct App {
    store: Store,
    api_key: Option<Arc<str>>,
    body_limit: usize,
    url: Arc<str>,
}

impl App {
    pub(crate) fn new(store: Store, config: Config, url: String) -> Self {
        Self { store, api_key: config.api_key.map(Arc::from), body_limit: config.body_limit, url: url.into() }
    }

    /// The database.
    pub(crate) fn store(&self) -> &Store {
        &self.store
    }

    /// The base URL a program on this machine is pointed at.
    pub(crate) fn url(&self) -> &str {
        &self.url
    }

    fn accepts(&self, key: Option<&str>) -> bool {
        match (&self.api_key, key) {
            (Some(only), Some(key)) => **only == *key,
            (None, Some(key)) => !key.is_empty(),
            (_, None) => false,
        }
    }
}

/// Everything the server answers, pages included.
pub(crate) fn router(app: App) -> Router {
    let keyed = Router::new()
        .route("/spans-bulk", post(spans_bulk::create))
        .route("/log-request", post(log_request::create))
        .route("/rest/track-score", post(tracking::score))
        .route("/rest/track-metadata", post(tracking::metadata))
        .route("/rest/track-prompt", post(tracking::prompt))
        .route("/rest/track-group", post(tracking::group))
        .route("/rest/prompt-templates", post(templates::publish))
        .route("/prompt-templates", get(template_list::list))
        .route("/prompt-templates/", get(template_list::list))
        // A name may hold slashes, which not every client writes as %2F.
        .route("/prompt-templates/{*identifier}", get(templates::read_raw).post(templates::read_filled))
        .route("/api/public/v2/requests/{request_id}", get(read_back::request))
        .route("/api/public/v2/traces/{trace_id}", get(read_back::trace))
        .route("/api/public/v2/traces/{trace_id}/close", post(read_back::close_trace))
        .route_layer(middleware::from_fn_with_state(app.clone(), require_key));
    Router::new()
        .merge(keyed)
        // The one path that may carry its key in the body.
        .route("/create-group", post(tracking::create_group))
        .merge(pages::router())
        .method_not_allowed_fallback(method_not_allowed)
        .fallback(not_found)
        .with_state(app)
}

async fn require_key(State(app): State<App>, request: Request, next: Next) -> Response {
    if app.accepts(key_of(request.headers())) {
        next.run(request).await
    } else {
        ApiError::Unauthorized.into_response()
    }
}

fn key_of(headers: &HeaderMap) -> Option<&str> {
    headers.get("x-api-key").and_then(|key| key.to_str().ok())
}

async fn method_not_allowed() -> ApiError {
    ApiError::MethodNotAllowed
}

/// A person is shown a page, a program is told in JSON.
async fn not_found(method: Method, uri: Uri, headers: HeaderMap) -> Response {
    let wants_page = headers
        .get(header::ACCEPT)
        .and_then(|accept| accept.to_str().ok())
        .is_some_and(|accept| accept.contains("text/html"));
    let is_page = method == Method::GET && (wants_page || uri.path().starts_with("/requests/"));
    if is_page && !is_api_path(uri.path()) {
        return pages::not_found("There is no such page.");
    }
    ApiError::NotFound(format!("There is no {method} {}", uri.path())).into_response()
}

fn is_api_path(path: &str) -> bool {
    ["/api/", "/rest/", "/v1/", "/prompt-templates", "/spans-bulk", "/log-request"]
        .iter()
        .any(|prefix| path.starts_with(prefix))
}
