//! The paths that begin with the name of a template.
//!
//! The name can contain slashes, and some clients do not encode them as %2F. The router cannot tell where such a name
//! ends. This file tells by the last segments of the path, before it is decoded: a name with an encoded slash before
//! `labels` is a name.

use axum::Json;
use axum::extract::{FromRequest, Query, Request, State};
use axum::http::{StatusCode, Uri};
use axum::response::{IntoResponse, Response};
use axum::routing::{MethodRouter, get};
use percent_encoding::percent_decode_str;

use super::body::{JsonBody, OptionalJsonBody};
use super::error::ApiError;
use super::problem::Place;
use super::{external_ids, labels, query, snippets, templates};
use crate::app::App;
use crate::store::ExternalId;

/// What a path names.
#[derive(Debug, PartialEq)]
enum Target {
    Template(String),
    Labels(String),
    SnippetUsage(String),
    /// The external ids of the template with this id. The id is not yet parsed.
    ExternalIds(String),
    ExternalId(String, ExternalId),
}

/// A path and its methods, as the table of all paths has them.
pub(super) type Row = (&'static str, &'static str);

pub(super) const TEMPLATE: Row = ("/prompt-templates/{identifier}", "GET, POST");
pub(super) const LABELS: Row = ("/prompt-templates/{identifier}/labels", "GET");
pub(super) const SNIPPET_USAGE: Row = ("/prompt-templates/{identifier}/snippet-usage", "GET");
pub(super) const EXTERNAL_IDS: Row = ("/prompt-templates/{prompt_template_id}/external-ids", "GET, POST");
pub(super) const EXTERNAL_ID: Row =
    ("/prompt-templates/{prompt_template_id}/external-ids/{source}/{external_id}", "DELETE");

pub(super) fn handlers() -> MethodRouter<App> {
    get(read).post(write).delete(remove)
}

async fn read(
    State(app): State<App>,
    uri: Uri,
    Query(query): Query<Vec<(String, String)>>,
) -> Result<Response, ApiError> {
    let answer = match Target::of(uri.path()) {
        Target::Template(identifier) => templates::read_raw(&app, identifier, &query).await?,
        Target::Labels(identifier) => labels::list(&app, identifier).await?,
        Target::SnippetUsage(identifier) => snippets::usage(&app, identifier, &query).await?,
        Target::ExternalIds(template) => external_ids::list(&app, id(&template)?).await?,
        target @ Target::ExternalId(..) => return Err(target.method_not_allowed()),
    };
    Ok(answer.into_response())
}

async fn write(State(app): State<App>, request: Request) -> Result<Response, ApiError> {
    match Target::of(request.uri().path()) {
        Target::Template(identifier) => {
            let body = OptionalJsonBody::from_request(request, &app).await?;
            Ok(templates::read_rendered(&app, identifier, body).await?.into_response())
        }
        Target::ExternalIds(template) => {
            let template = id(&template)?;
            let body = JsonBody::from_request(request, &app).await?;
            let answer = external_ids::attach(&app, template, body).await?;
            Ok((StatusCode::CREATED, answer).into_response())
        }
        target => Err(target.method_not_allowed()),
    }
}

async fn remove(State(app): State<App>, uri: Uri) -> Result<Json<serde_json::Value>, ApiError> {
    match Target::of(uri.path()) {
        Target::ExternalId(template, external) => external_ids::detach(&app, id(&template)?, external).await,
        target => Err(target.method_not_allowed()),
    }
}

impl Target {
    fn of(path: &str) -> Self {
        let path = path.strip_prefix("/prompt-templates/").unwrap_or_default();
        let segments: Vec<&str> = path.split('/').collect();
        let joined = |segments: &[&str]| decoded(&segments.join("/"));
        match segments.as_slice() {
            [name @ .., "labels"] if !name.is_empty() => Self::Labels(joined(name)),
            [name @ .., "snippet-usage"] if !name.is_empty() => Self::SnippetUsage(joined(name)),
            [template, "external-ids"] => Self::ExternalIds(decoded(template)),
            [template, "external-ids", source, external_id] => Self::ExternalId(
                decoded(template),
                ExternalId { source: decoded(source), external_id: decoded(external_id) },
            ),
            all => Self::Template(joined(all)),
        }
    }

    fn row(&self) -> Row {
        match self {
            Self::Template(_) => TEMPLATE,
            Self::Labels(_) => LABELS,
            Self::SnippetUsage(_) => SNIPPET_USAGE,
            Self::ExternalIds(_) => EXTERNAL_IDS,
            Self::ExternalId(..) => EXTERNAL_ID,
        }
    }

    fn method_not_allowed(&self) -> ApiError {
        ApiError::MethodNotAllowed(self.row().1)
    }
}

/// Returns a path as the table of all paths has it.
pub(super) fn described(path: &str) -> &'static str {
    Target::of(path).row().0
}

/// Decodes a part of a path. The router has refused paths that are not UTF-8.
fn decoded(segment: &str) -> String {
    percent_decode_str(segment).decode_utf8_lossy().into_owned()
}

/// Parses the id of a template in a path.
fn id(text: &str) -> Result<i64, ApiError> {
    let place = Place::PATH;
    query::positive(text, &place.field("prompt_template_id"))
}

#[cfg(test)]
mod tests {
    use super::Target;

    #[test]
    fn last_segments_tell_what_a_path_names() {
        let template = |name: &str| Target::Template(name.to_owned());
        for (path, target) in [
            ("a", template("a")),
            ("a/b", template("a/b")),
            ("a%2Fb", template("a/b")),
            ("labels", template("labels")),
            ("a%2Flabels", template("a/labels")),
            ("a/labels", Target::Labels("a".to_owned())),
            ("a/b%20c/labels", Target::Labels("a/b c".to_owned())),
            ("a/snippet-usage", Target::SnippetUsage("a".to_owned())),
            ("1/external-ids", Target::ExternalIds("1".to_owned())),
        ] {
            assert_eq!(Target::of(&format!("/prompt-templates/{path}")), target);
        }
        let Target::ExternalId(template, id) = Target::of("/prompt-templates/1/external-ids/my%2Fcms/x%20y")
        else {
            panic!("not an external id");
        };
        assert_eq!((template.as_str(), id.source.as_str(), id.external_id.as_str()), ("1", "my/cms", "x y"));
    }
}
