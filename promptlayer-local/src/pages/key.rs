//! The login form for the API key, and the sessions that it opens.

use askama::Template;
use axum::extract::{Form, FromRequest, Request, State};
use axum::http::{HeaderMap, HeaderValue, StatusCode, header};
use axum::middleware::Next;
use axum::response::Response;
use serde::Deserialize;

use super::{html, see_other};
use crate::app::App;
use crate::limits::BODY_TIMEOUT;

#[derive(Template)]
#[template(path = "key.html")]
struct KeyPage<'a> {
    /// `true` if the server has a key.
    needs_key: bool,
    is_logged_in: bool,
    /// The error of the last attempt.
    problem: Option<&'a str>,
    /// The page to show after the login.
    next: &'a str,
}

#[derive(Deserialize)]
pub(super) struct Given {
    key: String,
    #[serde(default)]
    next: String,
}

/// Shows the login form instead of a page to clients without the key.
pub(super) async fn require_session(State(app): State<App>, request: Request, next: Next) -> Response {
    if app.access().may_see_pages(request.headers()) {
        return next.run(request).await;
    }
    let target = request.uri().path_and_query().map_or("/", |target| target.as_str());
    form(StatusCode::UNAUTHORIZED, None, target)
}

/// Handles `GET /key`: shows the login form.
pub(super) async fn show(State(app): State<App>, headers: HeaderMap) -> Response {
    let needs_key = app.access().needs_key();
    let is_logged_in = needs_key && app.access().sessions().has(&headers);
    page(StatusCode::OK, &KeyPage { needs_key, is_logged_in, problem: None, next: "/" })
}

/// Handles `POST /key`: checks the key and opens a session.
pub(super) async fn log_in(State(app): State<App>, request: Request) -> Response {
    let reading = Form::<Given>::from_request(request, &app);
    let Ok(Ok(Form(given))) = tokio::time::timeout(BODY_TIMEOUT, reading).await else {
        return form(StatusCode::BAD_REQUEST, Some("The form could not be read. Enter the key again."), "/");
    };
    let next = if is_local(&given.next) { given.next.as_str() } else { "/" };
    if !app.access().needs_key() {
        return see_other(next, None);
    }
    if !app.access().accepts(Some(given.key.trim())) {
        return form(StatusCode::UNAUTHORIZED, Some("This is not the key of this server."), next);
    }
    match app.access().sessions().open() {
        Ok(cookie) => see_other(next, Some(&cookie)),
        Err(_) => form(
            StatusCode::INTERNAL_SERVER_ERROR,
            Some("The operating system gave no random bytes for a session. Try again."),
            next,
        ),
    }
}

/// Handles `POST /logout`: ends the session.
pub(super) async fn log_out(State(app): State<App>, headers: HeaderMap) -> Response {
    see_other("/key", Some(&app.access().sessions().close(&headers)))
}

fn form(status: StatusCode, problem: Option<&str>, next: &str) -> Response {
    page(status, &KeyPage { needs_key: true, is_logged_in: false, problem, next })
}

fn page(status: StatusCode, page: &KeyPage<'_>) -> Response {
    let mut response = html(page);
    if response.status().is_success() {
        *response.status_mut() = status;
    }
    response.headers_mut().insert(header::CACHE_CONTROL, HeaderValue::from_static("no-store"));
    response
}

/// Returns `true` if the target is a path on this server. Browsers read `//host` and `/\host` as another
/// host.
fn is_local(target: &str) -> bool {
    let mut bytes = target.bytes();
    bytes.next() == Some(b'/')
        && !matches!(bytes.next(), Some(b'/' | b'\\'))
        && target.bytes().all(|byte| byte.is_ascii_graphic())
}

#[cfg(test)]
mod tests {
    use super::is_local;

    #[test]
    fn only_paths_of_this_server_are_redirected_to() {
        for (target, expected) in [
            ("/", true),
            ("/requests/7?x=1#trace", true),
            ("", false),
            ("requests", false),
            ("//evil.example", false),
            ("/\\evil.example", false),
            ("/\t/evil.example", false),
            ("https://evil.example", false),
            ("/a\r\nSet-Cookie: x=y", false),
        ] {
            assert_eq!(is_local(target), expected, "{target:?}");
        }
    }
}
