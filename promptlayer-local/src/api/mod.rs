//! The REST API. Each file has one subject.

mod blueprint;
mod body;
pub(crate) mod error;
mod log_request;
mod read_back;
mod render;
mod rules;
mod spans_bulk;
mod template_list;
mod templates;
mod tracking;
mod weight;

use std::sync::Arc;

use axum::Router;
use axum::extract::{Request, State};
use axum::http::{HeaderMap, HeaderValue, Method, Uri, header};
use axum::middleware::{self, Next};
use axum::response::{IntoResponse, Response};
use axum::routing::{get, post};

use percent_encoding::percent_decode_str;

use crate::access::{Access, Refusal, discard_unread, key_of};
use crate::store::Store;
use crate::{Config, pages};
pub(crate) use body::BODY_TIMEOUT;
use body::BodyBudget;
pub(crate) use error::RETRY_AFTER;

use error::ApiError;

/// The state that all handlers share.
#[derive(Clone)]
pub(crate) struct App {
    store: Store,
    access: Arc<Access>,
    bodies: BodyBudget,
    body_limit: usize,
    url: Arc<str>,
}

impl App {
    pub(crate) fn new(store: Store, access: Access, config: &Config, url: String) -> Self {
        Self {
            store,
            access: Arc::new(access),
            bodies: BodyBudget::default(),
            body_limit: config.body_limit,
            url: url.into(),
        }
    }

    /// Returns the database.
    pub(crate) fn store(&self) -> &Store {
        &self.store
    }

    /// Returns the base URL for clients on this machine.
    pub(crate) fn url(&self) -> &str {
        &self.url
    }

    /// Returns the access rules.
    pub(crate) fn access(&self) -> &Access {
        &self.access
    }
}

/// Returns the router of the whole server, including the pages.
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
        // A name can contain slashes, and some clients do not encode them as %2F.
        .route("/prompt-templates/{*identifier}", get(templates::read_raw).post(templates::read_rendered))
        .route("/api/public/v2/requests/{request_id}", get(read_back::request))
        .route("/api/public/v2/traces/{trace_id}", get(read_back::trace))
        .route("/api/public/v2/traces/{trace_id}/close", post(read_back::close_trace))
        .route_layer(middleware::from_fn_with_state(app.clone(), require_key));
    Router::new()
        .merge(keyed)
        // Only this path may carry the key in its body. Its handler checks the key.
        .route("/create-group", post(tracking::create_group))
        .merge(pages::router(&app))
        .method_not_allowed_fallback(method_not_allowed)
        .fallback(not_found)
        // The layer that is added last sees a request first.
        .layer(middleware::from_fn(check_path))
        .layer(middleware::from_fn_with_state(app.clone(), check_host_and_origin))
        .layer(middleware::from_fn(discard_unread))
        .layer(middleware::map_response(forbid_sniffing))
        .with_state(app)
}

/// Stops browsers from treating a response as another type than its `Content-Type`.
async fn forbid_sniffing(mut response: Response) -> Response {
    response.headers_mut().insert(header::X_CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff"));
    response
}

async fn check_host_and_origin(State(app): State<App>, request: Request, next: Next) -> Response {
    let (method, uri, headers) = (request.method(), request.uri(), request.headers());
    let Err(refusal) = app.access().hosts().check(method, uri, request.version(), headers) else {
        return next.run(request).await;
    };
    let error = match refusal {
        Refusal::Malformed(message) => ApiError::BadRequest(message.to_owned()),
        Refusal::Host(host) => ApiError::Misdirected(format!(
            "This server does not answer for the host {host:?}; use an IP address or localhost, or start it with \
             --allow-host if this is a name of its machine"
        )),
        Refusal::Origin(origin) => ApiError::ForeignOrigin(format!(
            "A page of the origin {origin:?} may not change anything here; send the request from a program"
        )),
    };
    if wants_page(method, uri, headers) { pages::refused(error) } else { error.into_response() }
}

/// Refuses a path whose percent-encoding is not valid UTF-8. Such a path matches nothing.
async fn check_path(request: Request, next: Next) -> Response {
    if percent_decode_str(request.uri().path()).decode_utf8().is_ok() {
        return next.run(request).await;
    }
    not_found(request.method().clone(), request.uri().clone(), request.headers().clone()).await
}

async fn require_key(State(app): State<App>, request: Request, next: Next) -> Response {
    if app.access().accepts(key_of(request.headers())) {
        next.run(request).await
    } else {
        ApiError::Unauthorized.into_response()
    }
}

async fn method_not_allowed() -> ApiError {
    ApiError::MethodNotAllowed
}

/// Responds with a page to browsers and with JSON to programs.
async fn not_found(method: Method, uri: Uri, headers: HeaderMap) -> Response {
    if wants_page(&method, &uri, &headers) {
        return pages::not_found("There is no such page.");
    }
    ApiError::NotFound(format!("There is no {method} {}", uri.path())).into_response()
}

/// Returns `true` if the response to a request should be a page, `false` if it should be JSON.
fn wants_page(method: &Method, uri: &Uri, headers: &HeaderMap) -> bool {
    let accepts_pages = headers
        .get(header::ACCEPT)
        .and_then(|accept| accept.to_str().ok())
        .is_some_and(|accept| accept.contains("text/html"));
    let is_page = match *method {
        Method::GET | Method::HEAD => {
            accepts_pages || uri.path() == "/" || uri.path().starts_with("/requests/")
        }
        _ => uri.path() == "/key" || uri.path() == "/logout",
    };
    is_page && !is_api_path(uri.path())
}

fn is_api_path(path: &str) -> bool {
    ["/api/", "/rest/", "/v1/", "/prompt-templates", "/spans-bulk", "/log-request", "/create-group"]
        .iter()
        .any(|prefix| path.starts_with(prefix))
}
