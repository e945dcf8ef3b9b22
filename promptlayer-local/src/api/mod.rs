//! The REST API. Each file has one subject.

mod blueprint;
mod body;
mod error;
mod log_request;
mod otlp;
mod problem;
mod read_back;
mod render;
mod rules;
mod search;
mod spans_bulk;
mod template_list;
mod templates;
mod tracking;
mod weight;

use axum::Router;
use axum::extract::{Request, State};
use axum::middleware::{self, Next};
use axum::response::{IntoResponse, Response};
use axum::routing::{get, post};
pub(crate) use error::ApiError;
pub(crate) use read_back::described;

use crate::access::key_of;
use crate::app::App;

/// Returns the router of the API.
pub(crate) fn router(app: &App) -> Router<App> {
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
        .route("/api/public/v2/requests/search", post(search::search))
        .route("/api/public/v2/requests/suggestions", get(search::suggestions))
        .route("/api/public/v2/requests/analytics", post(search::analytics))
        .route("/api/public/v2/requests/{request_id}", get(read_back::request))
        .route("/api/public/v2/traces/{trace_id}", get(read_back::trace))
        .route("/api/public/v2/traces/{trace_id}/close", post(read_back::close_trace))
        .route_layer(middleware::from_fn_with_state(app.clone(), require_key));
    Router::new()
        .merge(keyed)
        // Only this path may carry the key in its body. Its handler checks the key.
        .route("/create-group", post(tracking::create_group))
        // Its handler checks the key too, because a refusal has the encoding of the request.
        .route("/v1/traces", post(otlp::create))
}

async fn require_key(State(app): State<App>, request: Request, next: Next) -> Response {
    if app.access().accepts(key_of(request.headers())) {
        next.run(request).await
    } else {
        ApiError::Unauthorized.into_response()
    }
}
