//! External ids of templates: lists, attaches and detaches them, and publishes by them.

use axum::Json;
use axum::extract::{Path, State};
use axum::http::StatusCode;
use serde_json::{Value, json};

use super::body::JsonBody;
use super::error::ApiError;
use super::problem::{Place, Problems};
use super::publish::{self, Publish};
use super::rules::{self, EXTERNAL_ID_LENGTH, SOURCE_LENGTH};
use crate::app::App;
use crate::store::{ExternalId, NewTemplate, Reader};

/// Handles `GET /prompt-templates/{prompt_template_id}/external-ids`.
pub(super) async fn list(app: &App, template: i64) -> Result<Json<Value>, ApiError> {
    app.store()
        .read(move |store| {
            needs_template(store, template)?;
            Ok(Json(json!({ "success": true, "external_ids": store.external_ids(template)? })))
        })
        .await
}

/// Handles `POST /prompt-templates/{prompt_template_id}/external-ids`.
pub(super) async fn attach(app: &App, template: i64, body: JsonBody) -> Result<Json<Value>, ApiError> {
    let (id, _share): (ExternalId, _) = body.parse(&rules::ATTACH_EXTERNAL_ID).await?;
    app.store()
        .write(move |store| {
            needs_template(store, template)?;
            store.claim_external_ids(template, std::slice::from_ref(&id))?;
            Ok::<_, ApiError>(Json(json!({ "success": true, "external_id": id })))
        })
        .await
}

/// Handles `DELETE /prompt-templates/{prompt_template_id}/external-ids/{source}/{external_id}`.
pub(super) async fn detach(app: &App, template: i64, id: ExternalId) -> Result<Json<Value>, ApiError> {
    check(&id)?;
    app.store()
        .write(move |store| {
            needs_template(store, template)?;
            if store.delete_external_id(template, &id)? {
                Ok(Json(json!({ "success": true })))
            } else {
                Err(ApiError::NotFound(format!(
                    "The prompt template {template} has no external id {:?} of {:?}",
                    id.external_id, id.source
                )))
            }
        })
        .await
}

/// Handles `PUT /prompt-templates/by-external-id/{source}/{external_id}`: publishes the next version of the template
/// with this external id, which also takes the name of the body. Without such a template, publishes by the name, and
/// attaches the external id.
pub(super) async fn upsert(
    State(app): State<App>,
    Path((source, external_id)): Path<(String, String)>,
    body: JsonBody,
) -> Result<(StatusCode, Json<Value>), ApiError> {
    let id = ExternalId { source, external_id };
    check(&id)?;
    let (body, _share): (Publish, _) = body.parse(&rules::PUBLISH).await?;
    let mut template = NewTemplate::from(body);
    app.store()
        .write(move |store| {
            let owner = store.template_of_external_id(&id)?;
            let is_known = owner.is_some() || store.template_named(&template.name)?.is_some();
            match owner {
                Some((owner, name)) if name != template.name => {
                    if store.template_named(&template.name)?.is_some() {
                        return Err(ApiError::Conflict(format!(
                            "The external id {:?} of {:?} belongs to the prompt template {name:?}, and there is another \
                             named {:?}",
                            id.external_id, id.source, template.name
                        )));
                    }
                    store.rename_template(owner, &template.name)?;
                }
                Some(_) => {}
                None => template.external_ids.push(id),
            }
            let status = if is_known { StatusCode::OK } else { StatusCode::CREATED };
            Ok((status, Json(publish::publish(store, template)?)))
        })
        .await
}

fn needs_template(store: &Reader<'_>, id: i64) -> Result<(), ApiError> {
    match store.template_name(id)? {
        Some(_) => Ok(()),
        None => Err(ApiError::NotFound(format!("There is no prompt template with id {id}"))),
    }
}

/// Checks the lengths of an external id in a path.
fn check(id: &ExternalId) -> Result<(), ApiError> {
    let mut problems = Problems::default();
    let place = Place::PATH;
    rules::check_length(&id.source, 1, SOURCE_LENGTH, &place.field("source"), &mut problems);
    rules::check_length(&id.external_id, 1, EXTERNAL_ID_LENGTH, &place.field("external_id"), &mut problems);
    if problems.is_empty() { Ok(()) } else { Err(ApiError::Invalid(problems.into_inner())) }
}
