//! Release labels: lists, creates, moves and deletes them.

use axum::Json;
use axum::extract::{Path, State};
use axum::http::StatusCode;
use serde::Deserialize;
use serde_json::{Value, json};

use super::body::JsonBody;
use super::error::ApiError;
use super::problem::Place;
use super::{query, rules};
use crate::app::App;
use crate::integer;
use crate::store::{Label, Reader, Writer};

/// Handles `GET /prompt-templates/{identifier}/labels`.
pub(super) async fn list(app: &App, identifier: String) -> Result<Json<Value>, ApiError> {
    app.store()
        .read(move |store| {
            let template = query::template_id(store, &identifier)?;
            let labels: Vec<Value> = store
                .labels(template)?
                .into_iter()
                .map(|label| {
                    json!({
                        "prompt_version_id": label.version_id,
                        "prompt_version_number": label.version_number,
                        "release_label": label.name,
                        "release_label_id": label.id,
                    })
                })
                .collect();
            Ok(Json(json!({ "release_labels": labels })))
        })
        .await
}

#[derive(Deserialize)]
struct Create {
    #[serde(deserialize_with = "integer::required")]
    prompt_version_number: i64,
    name: String,
}

/// Handles `POST /prompts/{prompt_id}/label`.
pub(super) async fn create(
    State(app): State<App>,
    Path(template): Path<String>,
    body: JsonBody,
) -> Result<Json<Value>, ApiError> {
    let template = in_path(&template, "prompt_id")?;
    let (Create { prompt_version_number, name }, _share) = body.parse(&rules::CREATE_LABEL).await?;
    app.store()
        .write(move |store| {
            if store.template_name(template)?.is_none() {
                return Err(ApiError::NotFound(format!("There is no prompt template with id {template}")));
            }
            if let Some(label) = store.labels(template)?.into_iter().find(|label| label.name == name) {
                let place = Place::BODY;
                return Err(ApiError::invalid(
                    &place.field("name"),
                    "value_error",
                    format!(
                        "version {} of the template has this label; move it with PATCH /prompt-labels/{}",
                        label.version_number, label.id
                    ),
                ));
            }
            let version = version_id(store, template, prompt_version_number)?;
            let id = store.set_label(template, &name, version)?;
            stored(store, id)
        })
        .await
}

#[derive(Deserialize)]
struct Move {
    #[serde(deserialize_with = "integer::required")]
    prompt_version_number: i64,
}

/// Handles `PATCH /prompt-labels/{prompt_label_id}`.
pub(super) async fn r#move(
    State(app): State<App>,
    Path(id): Path<String>,
    body: JsonBody,
) -> Result<Json<Value>, ApiError> {
    let id = in_path(&id, "prompt_label_id")?;
    let (Move { prompt_version_number }, _share) = body.parse(&rules::MOVE_LABEL).await?;
    app.store()
        .write(move |store| {
            let label = store.label(id)?.ok_or_else(|| no_such_label(id))?;
            let version = version_id(store, label.template_id, prompt_version_number)?;
            store.set_label(label.template_id, &label.name, version)?;
            stored(store, id)
        })
        .await
}

/// Handles `DELETE /prompt-labels/{prompt_label_id}`.
pub(super) async fn delete(State(app): State<App>, Path(id): Path<String>) -> Result<StatusCode, ApiError> {
    let id = in_path(&id, "prompt_label_id")?;
    let is_deleted = app.store().write(move |store| store.delete_label(id).map_err(ApiError::from)).await?;
    if is_deleted { Ok(StatusCode::NO_CONTENT) } else { Err(no_such_label(id)) }
}

fn stored(store: &Writer<'_>, id: i64) -> Result<Json<Value>, ApiError> {
    let Label { name, template_id, version_id, created, .. } =
        store.label(id)?.ok_or_else(|| no_such_label(id))?;
    Ok(Json(json!({
        "id": id,
        "name": name,
        "prompt_id": template_id,
        "prompt_version_id": version_id,
        "created_at": created.to_string(),
    })))
}

fn version_id(store: &Reader<'_>, template: i64, number: i64) -> Result<i64, ApiError> {
    store.version_id(template, number)?.ok_or_else(|| {
        let place = Place::BODY;
        ApiError::invalid(
            &place.field("prompt_version_number"),
            "value_error",
            format!("the template has no version {number}"),
        )
    })
}

fn in_path(text: &str, name: &str) -> Result<i64, ApiError> {
    let place = Place::PATH;
    query::positive(text, &place.field(name))
}

fn no_such_label(id: i64) -> ApiError {
    ApiError::NotFound(format!("There is no release label with id {id}"))
}
