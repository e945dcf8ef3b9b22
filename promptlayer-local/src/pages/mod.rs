//! HTML pages that show the logged data. They load nothing from other servers, and work without their script: it
//! adds live rows, keys, and times in the zone of the reader.

mod chart;
mod compare;
mod edit;
mod events;
mod figures;
mod files;
mod form;
mod key;
mod list;
mod markdown;
mod message;
#[cfg(feature = "replay")]
mod replay;
mod request;
mod templates;
mod trace;

use askama::Template;
use axum::extract::DefaultBodyLimit;
use axum::http::{HeaderName, HeaderValue, StatusCode, header};
use axum::response::{Html, IntoResponse, Response};
use axum::routing::{get, post};
use axum::{Router, middleware};

use crate::app::App;
use crate::limits::RETRY_AFTER;
use crate::store::StoreError;
use crate::{filters, format};

/// The content security policy of a page: it may load the script, the style sheet and the icon of this server, and
/// images that are embedded in the page, and send forms to this server. Prompts and responses are untrusted. Even if
/// their escaping failed, the page would not run their scripts or send anything to another server.
const POLICY: HeaderValue = HeaderValue::from_static(
    "default-src 'none'; script-src 'self'; connect-src 'self'; style-src 'self'; img-src 'self' data:; \
     base-uri 'none'; form-action 'self'; frame-ancestors 'none'",
);

/// The maximum length of a form, in bytes.
const FORM_LIMIT: usize = 16 * 1024;

/// `true` if the pages link to Replay, which is off until a provider is configured.
const HAS_REPLAY: bool = cfg!(feature = "replay");

const STYLE: &str =
    concat!(include_str!("style.css"), include_str!("trace/trace.css"), include_str!("replay/replay.css"));
const KEYED_STYLE: &str = concat!(
    include_str!("style.css"),
    include_str!("trace/trace.css"),
    include_str!("replay/replay.css"),
    include_str!("keyed.css")
);

pub(crate) fn router(app: &App) -> Router<App> {
    let style = if app.access().needs_key() { KEYED_STYLE } else { STYLE };
    let pages = Router::new()
        .route("/", get(list::page))
        .route("/requests/{id}", get(request::page))
        .route("/requests/{id}/edit", post(edit::edit))
        .route("/requests/{id}/{file}", get(files::file))
        .route("/traces", get(trace::list::page))
        .route("/traces/{trace_id}", get(trace::page))
        .route("/traces/{trace_id}/spans/{row}", get(trace::span::page))
        .route("/events", get(events::stream))
        .route("/figures", get(figures::page))
        .route("/compare", get(compare::page))
        .route("/templates", get(templates::list))
        .route("/templates/{identifier}", get(templates::page))
        .route("/templates/{identifier}/labels", post(templates::edit_labels));
    #[cfg(feature = "replay")]
    let pages = pages
        .route("/requests/{id}/replay", replay::of_request())
        .route("/templates/{identifier}/replay", replay::of_template());
    let pages = pages
        .route_layer(middleware::from_fn_with_state(app.clone(), key::require_session))
        // These routes need no session, because the login form itself uses them.
        .route("/key", get(key::show).post(key::log_in))
        .route("/logout", post(key::log_out))
        .layer(DefaultBodyLimit::max(FORM_LIMIT))
        .route("/style.css", get(async move || asset("text/css; charset=utf-8", style)))
        .route("/script.js", get(async || asset("text/javascript; charset=utf-8", include_str!("script.js"))))
        .route(
            "/trace.js",
            get(async || asset("text/javascript; charset=utf-8", include_str!("trace/trace.js"))),
        )
        .route("/icon.svg", get(icon))
        // Browsers ask for it where a page has no `link` to an icon, such as one of JSON.
        .route("/favicon.ico", get(icon));
    #[cfg(feature = "replay")]
    let pages =
        pages.route("/replay.js", get(async || asset("text/javascript; charset=utf-8", replay::SCRIPT)));
    pages
}

/// Returns a 404 page.
pub(crate) fn not_found(message: &str) -> Response {
    notice(StatusCode::NOT_FOUND, "Not found", message)
}

/// Returns a page with the reason why a request was refused.
pub(crate) fn refused(status: StatusCode, message: &str) -> Response {
    notice(status, "Refused", message)
}

fn notice(status: StatusCode, heading: &str, message: &str) -> Response {
    let mut page = html(&Notice { heading, message });
    if page.status().is_success() {
        *page.status_mut() = status;
    }
    page
}

#[derive(Template)]
#[template(path = "missing.html")]
struct Notice<'a> {
    heading: &'a str,
    message: &'a str,
}

/// Returns a page for a database that failed or is too busy to respond.
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

/// Returns a redirect to a path of this server.
fn see_other(target: &str, cookie: Option<&str>) -> Response {
    let mut response = StatusCode::SEE_OTHER.into_response();
    let headers = response.headers_mut();
    headers.insert(header::CACHE_CONTROL, HeaderValue::from_static("no-store"));
    for (name, value) in [(header::LOCATION, Some(target)), (header::SET_COOKIE, cookie)] {
        if let Some(value) = value.and_then(|value| HeaderValue::from_str(value).ok()) {
            headers.insert(name, value);
        }
    }
    response
}

fn html(template: &impl Template) -> Response {
    match template.render() {
        Ok(page) => (headers(), Html(page)).into_response(),
        Err(error) => (StatusCode::INTERNAL_SERVER_ERROR, format!("The page could not be written: {error}"))
            .into_response(),
    }
}

async fn icon() -> Response {
    asset("image/svg+xml", include_str!("icon.svg"))
}

fn asset(media_type: &'static str, text: &'static str) -> Response {
    (headers(), [(header::CONTENT_TYPE, media_type)], text).into_response()
}

fn headers() -> [(HeaderName, HeaderValue); 3] {
    [
        (header::CONTENT_SECURITY_POLICY, POLICY),
        // Not `no-referrer`: browsers would send forms with `Origin: null`, which the origin check refuses.
        (header::REFERRER_POLICY, HeaderValue::from_static("same-origin")),
        (header::CACHE_CONTROL, HeaderValue::from_static("no-cache")),
    ]
}
