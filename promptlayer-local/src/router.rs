//! The router of the server: the API, the pages, and the checks that apply to both.

use axum::extract::{MatchedPath, Request, State};
use axum::http::{HeaderMap, HeaderValue, Method, StatusCode, Uri, header};
use axum::middleware::{self, Next};
use axum::response::{IntoResponse, Response};
use axum::routing::get;
use axum::{Json, Router};
use percent_encoding::percent_decode_str;
use serde_json::json;

use crate::access::{Refusal, discard_unread};
use crate::api::{self, ApiError};
use crate::app::App;
use crate::pages;
use crate::store::StoreError;

/// The `Server` header of the health endpoint.
pub(crate) const SERVER_NAME: &str = "promptlayer-local";

/// Returns the router of the server.
pub(crate) fn router(app: App) -> Router {
    Router::new()
        .merge(api::router(&app))
        .merge(pages::router(&app))
        .route("/health", get(health))
        .method_not_allowed_fallback(method_not_allowed)
        .fallback(not_found)
        // The layer that is added last sees a request first.
        .layer(middleware::from_fn(check_path))
        .layer(middleware::from_fn_with_state(app.clone(), check_host_and_origin))
        .layer(middleware::from_fn(discard_unread))
        .layer(middleware::map_response(forbid_sniffing))
        .with_state(app)
}

/// Responds with 200 once the database can be read. Needs no key.
async fn health(State(app): State<App>) -> Response {
    let is_readable = app.store().read(|store| store.has_request(1).map_err(StoreError::from)).await.is_ok();
    let (status, text) = if is_readable {
        (StatusCode::OK, "ok")
    } else {
        (StatusCode::SERVICE_UNAVAILABLE, "the database cannot be read")
    };
    // A second server that finds its port in use recognizes this one by the header.
    (status, [(header::SERVER, SERVER_NAME)], Json(json!({ "status": text }))).into_response()
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
    if wants_page(method, uri, headers) {
        pages::refused(error.status(), &error.message())
    } else {
        error.into_response()
    }
}

/// Refuses a path whose percent-encoding is not valid UTF-8. Such a path matches nothing.
async fn check_path(request: Request, next: Next) -> Response {
    if percent_decode_str(request.uri().path()).decode_utf8().is_ok() {
        return next.run(request).await;
    }
    not_found(request.method().clone(), request.uri().clone(), request.headers().clone()).await
}

async fn method_not_allowed(path: Option<MatchedPath>, uri: Uri) -> ApiError {
    let methods = path.map(|path| api::methods_of(path.as_str(), &uri));
    ApiError::MethodNotAllowed(methods.unwrap_or_default())
}

/// Responds with a page to browsers and with JSON to programs.
async fn not_found(method: Method, uri: Uri, headers: HeaderMap) -> Response {
    if wants_page(&method, &uri, &headers) {
        return pages::not_found("There is no such page.");
    }
    let message =
        format!("This server does not serve {method} {}; `served` lists what it serves", uri.path());
    ApiError::NoSuchPath { message, served: api::served() }.into_response()
}

/// Returns `true` if the response to a request should be a page, `false` if it should be JSON.
fn wants_page(method: &Method, uri: &Uri, headers: &HeaderMap) -> bool {
    let accepts_pages = headers
        .get(header::ACCEPT)
        .and_then(|accept| accept.to_str().ok())
        .is_some_and(|accept| accept.contains("text/html"));
    let is_page = match *method {
        Method::GET | Method::HEAD => {
            accepts_pages
                || uri.path() == "/"
                || uri.path() == "/traces"
                || uri.path().starts_with("/requests/")
                || uri.path().starts_with("/traces/")
        }
        _ => {
            let begins = |start: &str| uri.path().starts_with(start);
            begins("/key") || begins("/logout") || begins("/requests/") || begins("/templates/")
        }
    };
    is_page && !api::is_of_api(uri.path())
}
