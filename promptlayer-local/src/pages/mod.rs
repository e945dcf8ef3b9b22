//! Pages for people: what was logged, to be looked at. No script, nothing loaded from elsewhere.

mod format;
mod list;
mod message;
mod request;
mod trace;

use askama::Template;
use axum::Router;
use axum::http::{HeaderName, HeaderValue, StatusCode, header};
use axum::response::{Html, IntoResponse, Response};
use axum::routing::get;

use crate::api::{App, RETRY_AFTER};
use crate::store::StoreError;

/// What a page may load: its own style sheet and icon, and images that are written into the page itself. Prompts and
/// replies are not to be trusted, so that even a mistake in escaping them runs and fetches nothing.
const POLICY: HeaderValue = HeaderValue::from_static(
    "default-src 'none'; style-src 'self'; img-src 'self' data:; base-uri 'none'; form-action 'none'; \
     frame-ancestors 'none'",
);

pub(crate) fn router() -> Router<App> {
    Router::new()
        .route("/", get(list::page))
        .route("/requests/{id}", get(request::page))
        .route("/style.css", get(async || asset("text/css; charset=utf-8", include_str!("style.css"))))
        .route("/icon.svg", get(async || asset("image/svg+xml", include_str!("icon.svg"))))
}

/// The page that says there is none.
pub(crate) fn not_found(message: &str) -> Response {
    let mut page = html(&Missing { message });
    if page.status().is_success() {
        *page.status_mut() = StatusCode::NOT_FOUND;
    }
    page
}

#[derive(Template)]
#[template(path = "missing.html")]
struct Missing<'a> {
    message: &'a str,
}

/// The page for a database that failed, or is too busy to answer now.
fn failed(error: &StoreError) -> Response {
    let mut page = html(&Failed { message: &error.to_string() });
    if page.status().is_success() {
        let is_temporary = !matches!(error, StoreError::Database(_));
        *page.status_mut() =
            if is_temporary { StatusCode::SERVICE_UNAVAILABLE } else { StatusCode::INTERNAL_SERVER_ERROR };
        if is_temporary {
            page.headers_mut().insert(header::RETRY_AFTER, RETRY_AFTER);
        }
    }
    page
}

#[derive(Template)]
#[template(path = "failed.html")]
struct Failed<'a> {
    message: &'a str,
}

fn html(template: &impl Template) -> Response {
    match template.render() {
        Ok(page) => (headers(), Html(page)).into_response(),
        Err(error) => (StatusCode::INTERNAL_SERVER_ERROR, format!("The page could not be written: {error}"))
            .into_response(),
    }
}

fn asset(media_type: &'static str, text: &'static str) -> Response {
    (headers(), [(header::CONTENT_TYPE, media_type)], text).into_response()
}

fn headers() -> [(HeaderName, HeaderValue); 4] {
    [
        (header::CONTENT_SECURITY_POLICY, POLICY),
        (header::X_CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff")),
        (header::REFERRER_POLICY, HeaderValue::from_static("no-referrer")),
        (header::CACHE_CONTROL, HeaderValue::from_static("no-cache")),
    ]
}
