//! The table of all paths of the API. The router is built from it, and a 404 response lists it.

use axum::Router;
use axum::extract::{Request, State};
use axum::http::Uri;
use axum::middleware::{self, Next};
use axum::response::{IntoResponse, Response};
use axum::routing::{MethodRouter, get, patch, post, put};

use super::body::KeyInBody;
use super::{
    ApiError, external_ids, labels, legacy_templates, log_request, otlp, patch_template, publish, read_back,
    search, spans_bulk, template_list, template_paths, track_request, tracking,
};
use crate::access::key_of;
use crate::app::App;

/// A path, its methods, and their handlers.
struct Route {
    /// The path as PromptLayer's API document writes it.
    path: &'static str,
    /// The methods as the header `Allow` names them.
    methods: &'static str,
    key: KeyPlace,
    served: Served,
}

/// The place of the API key in a request.
#[derive(Clone, Copy, PartialEq)]
enum KeyPlace {
    Header,
    /// Old clients send the key in the body and not in a header.
    HeaderOrBody,
    /// The handler checks the key, because a refusal has the encoding of the request.
    Handler,
}

enum Served {
    By(fn() -> MethodRouter<App>),
    /// By the route of all paths that begin with the name of a template.
    AsTemplatePath,
}

const fn route(path: &'static str, methods: &'static str, handlers: fn() -> MethodRouter<App>) -> Route {
    Route { path, methods, key: KeyPlace::Header, served: Served::By(handlers) }
}

/// Returns a path for clients that send the key in the body.
const fn keyed_in_body(
    path: &'static str,
    methods: &'static str,
    handlers: fn() -> MethodRouter<App>,
) -> Route {
    Route { path, methods, key: KeyPlace::HeaderOrBody, served: Served::By(handlers) }
}

/// Returns a path that `template_paths` tells apart from the others that begin with the name of a template.
const fn template_path((path, methods): template_paths::Row) -> Route {
    Route { path, methods, key: KeyPlace::Header, served: Served::AsTemplatePath }
}

/// The route of all paths that begin with the name of a template. A name can contain slashes, and some clients do not
/// encode them as %2F. The router therefore sees the name and everything after it as one parameter.
const ALL_TEMPLATE_PATHS: &str = "/prompt-templates/{*path}";

const ROUTES: &[Route] = &[
    route("/spans-bulk", "POST", || post(spans_bulk::create)),
    Route {
        path: "/v1/traces",
        methods: "POST",
        key: KeyPlace::Handler,
        served: Served::By(|| post(otlp::create)),
    },
    route("/log-request", "POST", || post(log_request::create)),
    keyed_in_body("/track-request", "POST", || post(track_request::create)),
    route("/rest/track-score", "POST", || post(tracking::score)),
    route("/rest/track-metadata", "POST", || post(tracking::metadata)),
    route("/rest/track-prompt", "POST", || post(tracking::prompt)),
    route("/rest/track-group", "POST", || post(tracking::group)),
    keyed_in_body("/library-track-score", "POST", || post(tracking::score)),
    keyed_in_body("/library-track-metadata", "POST", || post(tracking::metadata)),
    keyed_in_body("/library-track-prompt", "POST", || post(tracking::prompt)),
    keyed_in_body("/track-group", "POST", || post(tracking::group)),
    keyed_in_body("/create-group", "POST", || post(tracking::create_group)),
    route("/rest/prompt-templates", "POST", || post(publish::create)),
    route("/rest/prompt-templates/{identifier}", "PATCH", || patch(patch_template::patch)),
    route("/prompt-templates", "GET", || get(template_list::list)),
    template_path(template_paths::TEMPLATE),
    template_path(template_paths::LABELS),
    template_path(template_paths::SNIPPET_USAGE),
    template_path(template_paths::EXTERNAL_IDS),
    template_path(template_paths::EXTERNAL_ID),
    route("/prompt-templates/by-external-id/{source}/{external_id}", "PUT", || put(external_ids::upsert)),
    route("/prompts/{prompt_id}/label", "POST", || post(labels::create)),
    route("/prompt-labels/{prompt_label_id}", "PATCH, DELETE", || {
        patch(labels::r#move).delete(labels::delete)
    }),
    route("/library-get-prompt-template", "GET", || get(legacy_templates::read)),
    keyed_in_body("/library-publish-prompt-template", "POST", || post(legacy_templates::publish)),
    route("/rest/prompts", "GET", || get(template_list::list)),
    route("/api/public/v2/requests/search", "POST", || post(search::search)),
    route("/api/public/v2/requests/suggestions", "GET", || get(search::suggestions)),
    route("/api/public/v2/requests/analytics", "POST", || post(search::analytics)),
    route("/api/public/v2/requests/{request_id}", "GET", || get(read_back::request)),
    route("/api/public/v2/traces/{trace_id}", "GET", || get(read_back::trace)),
    route("/api/public/v2/traces/{trace_id}/close", "POST", || post(read_back::close_trace)),
];

/// Returns the router of the API.
pub(crate) fn router(app: &App) -> Router<App> {
    let keyed = group(KeyPlace::Header)
        .route("/prompt-templates/", get(template_list::list))
        .route(ALL_TEMPLATE_PATHS, template_paths::handlers())
        .route_layer(middleware::from_fn_with_state(app.clone(), require_key));
    let keyed_in_body = group(KeyPlace::HeaderOrBody)
        .route_layer(middleware::from_fn_with_state(app.clone(), require_key_here_or_in_body));
    Router::new().merge(keyed).merge(keyed_in_body).merge(group(KeyPlace::Handler))
}

fn group(key: KeyPlace) -> Router<App> {
    let routes = ROUTES.iter().filter(|route| route.key == key);
    routes.fold(Router::new(), |router, route| match route.served {
        Served::By(handlers) => router.route(route.path, handlers()),
        Served::AsTemplatePath => router,
    })
}

/// Returns all methods and paths of the API, each as `POST /spans-bulk`.
pub(crate) fn served() -> Vec<String> {
    let routes = ROUTES.iter().flat_map(|route| route.methods.split(", ").map(|method| (method, route.path)));
    routes.map(|(method, path)| format!("{method} {path}")).collect()
}

/// Returns `true` if a path belongs to the API and not to the pages, whether it exists or not.
pub(crate) fn is_of_api(path: &str) -> bool {
    let begins = |route: &Route| {
        let fixed = route.path.split('{').next().unwrap_or_default();
        path.starts_with(fixed)
    };
    path.starts_with("/api/")
        || path.starts_with("/rest/")
        || path.starts_with("/v1/")
        || ROUTES.iter().any(begins)
}

/// Returns the methods of a path that the router matched, as the header `Allow` names them. Empty if the path is not
/// one of the API.
pub(crate) fn methods_of(matched: &str, uri: &Uri) -> &'static str {
    let path = if matched == ALL_TEMPLATE_PATHS { template_paths::described(uri.path()) } else { matched };
    methods_of_row(path)
}

/// Returns the methods of a row of the table.
pub(super) fn methods_of_row(path: &str) -> &'static str {
    ROUTES.iter().find(|route| route.path == path).map_or("", |route| route.methods)
}

async fn require_key(State(app): State<App>, request: Request, next: Next) -> Response {
    if app.access().accepts(key_of(request.headers())) {
        next.run(request).await
    } else {
        ApiError::Unauthorized.into_response()
    }
}

/// Checks the key of the headers. If they have none, the extractor of the body looks for it there.
async fn require_key_here_or_in_body(State(app): State<App>, mut request: Request, next: Next) -> Response {
    match key_of(request.headers()) {
        None => {
            request.extensions_mut().insert(KeyInBody);
            next.run(request).await
        }
        key if app.access().accepts(key) => next.run(request).await,
        Some(_) => ApiError::Unauthorized.into_response(),
    }
}
