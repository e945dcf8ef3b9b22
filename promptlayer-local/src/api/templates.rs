//! `/rest/prompt-templates` and `/prompt-templates/{identifier}`: publishes and reads templates.

use axum::Json;
use axum::extract::{Path, Query, State};
use serde::Deserialize;
use serde_json::{Map, Value, json};

use super::body::{JsonBody, OptionalJsonBody, offload};
use super::error::ApiError;
use super::problem::Place;
use super::read_back::WORKSPACE;
use super::{render, rules};
use crate::app::App;
use crate::json_text::JsonText;
use crate::store::{ExternalId, NewTemplate, PublishError, StoredVersion, VersionChoice};

#[derive(Deserialize)]
struct Publish {
    prompt_template: Base,
    prompt_version: Version,
    #[serde(default)]
    release_labels: Option<Vec<String>>,
    #[serde(default)]
    external_ids: Option<Vec<ExternalId>>,
}

#[derive(Deserialize)]
struct Base {
    prompt_name: String,
    #[serde(default)]
    tags: Vec<String>,
}

#[derive(Deserialize)]
struct Version {
    prompt_template: JsonText,
    #[serde(default)]
    commit_message: Option<String>,
    #[serde(default)]
    metadata: Option<JsonText>,
}

pub(super) async fn publish(State(app): State<App>, body: JsonBody) -> Result<Json<Value>, ApiError> {
    let (body, _share): (Publish, _) = body.parse(&rules::PUBLISH).await?;
    let template = NewTemplate {
        name: body.prompt_template.prompt_name,
        tags: body.prompt_template.tags,
        prompt: body.prompt_version.prompt_template,
        metadata: body.prompt_version.metadata,
        commit_message: body.prompt_version.commit_message,
        labels: body.release_labels.unwrap_or_default(),
        external_ids: body.external_ids.unwrap_or_default(),
    };
    let labels = template.labels.clone();
    let (published, version) = app
        .store()
        .write(move |store| {
            let published = store.publish(template).map_err(|error| match error {
                PublishError::Taken { id, by } => ApiError::Conflict(format!(
                    "The external id {:?} of {:?} belongs to the prompt template {by:?}",
                    id.external_id, id.source
                )),
                PublishError::Database(error) => error.into(),
            })?;
            // The version is read back instead of kept in memory, because a prompt can be as large as a body.
            let version = store.version(published.template_id, VersionChoice::Number(published.number))?;
            Ok::<_, ApiError>((published, version))
        })
        .await?;
    let version = version.ok_or_else(|| ApiError::Failed("the version just published is gone".to_owned()))?;
    // The values are moved, not cloned, for the same reason.
    let answer = [
        ("id", json!(published.template_id)),
        ("prompt_name", json!(version.prompt_name)),
        ("prompt_version_id", json!(published.version_id)),
        ("version_number", json!(published.number)),
        ("tags", json!(published.tags)),
        ("release_labels", json!(labels)),
        ("prompt_template", version.prompt),
        ("metadata", version.metadata.unwrap_or_default()),
        ("commit_message", json!(version.commit_message)),
        ("external_ids", json!(published.external_ids)),
    ];
    Ok(Json(Value::Object(answer.into_iter().map(|(name, value)| (name.to_owned(), value)).collect())))
}

/// Handles `GET`: returns the template as it was published.
pub(super) async fn read_raw(
    State(app): State<App>,
    Path(identifier): Path<String>,
    Query(query): Query<Vec<(String, String)>>,
) -> Result<Json<Value>, ApiError> {
    let place = Place::QUERY;
    let given = |name: &str| query.iter().rev().find(|(key, _)| key == name).map(|(_, value)| value.as_str());
    let (number, label) = match (given("version"), given("label")) {
        (Some(_), Some(_)) => {
            let problem = "give a version or a label, not both";
            return Err(ApiError::invalid(&place.field("label"), "value_error", problem));
        }
        (version, label) => {
            (version.map(|version| positive(version, &place.field("version"))).transpose()?, label)
        }
    };
    let version = find(&app, identifier, number, label.map(str::to_owned)).await?;
    let mut answer = object_of(&version);
    answer.insert("success".to_owned(), json!(true));
    answer.insert("workspace_id".to_owned(), json!(WORKSPACE));
    answer.insert("tags".to_owned(), json!(version.tags));
    answer.insert("created_at".to_owned(), json!(version.created.to_string()));
    // References to other templates are not resolved, so the list is always empty.
    answer.insert("snippets".to_owned(), json!([]));
    Ok(Json(Value::Object(answer)))
}

#[derive(Default, Deserialize)]
struct Get {
    #[serde(default, deserialize_with = "crate::integer::optional")]
    version: Option<i64>,
    #[serde(default)]
    label: Option<String>,
    #[serde(default)]
    input_variables: Option<Map<String, Value>>,
    #[serde(default)]
    skip_input_variable_rendering: bool,
}

/// Handles `POST`: returns the template, rendered with the variables if there are any.
pub(super) async fn read_rendered(
    State(app): State<App>,
    Path(identifier): Path<String>,
    body: OptionalJsonBody,
) -> Result<Json<Value>, ApiError> {
    let (get, _share): (Get, _) = body.parse(&rules::GET_TEMPLATE).await?;
    let mut version = find(&app, identifier, get.version, get.label).await?;
    if let Some(variables) = get.input_variables.filter(|_| !get.skip_input_variable_rendering) {
        let limit = app.body_limit();
        version = offload(move || {
            render::render(&mut version.prompt, &variables, limit)?;
            Ok::<_, ApiError>(version)
        })
        .await??;
    }
    let mut answer = object_of(&version);
    answer.insert("workspace_id".to_owned(), json!(WORKSPACE));
    answer.insert("tags".to_owned(), json!(version.tags));
    Ok(Json(Value::Object(answer)))
}

/// Returns the fields that both `GET` and `POST` include in their response.
fn object_of(version: &StoredVersion) -> Map<String, Value> {
    [
        ("id", json!(version.template_id)),
        ("prompt_name", json!(version.prompt_name)),
        ("version", json!(version.number)),
        ("prompt_template", version.prompt.clone()),
        ("metadata", json!(version.metadata)),
        ("commit_message", json!(version.commit_message)),
        // These are arguments for a provider's client library. Only PromptLayer's hosted service knows the
        // provider.
        ("llm_kwargs", Value::Null),
    ]
    .into_iter()
    .map(|(name, value)| (name.to_owned(), value))
    .collect()
}

async fn find(
    app: &App,
    identifier: String,
    number: Option<i64>,
    label: Option<String>,
) -> Result<StoredVersion, ApiError> {
    app.store()
        .read(move |store| {
            let Some(template) = store.find_template(&identifier)? else {
                return Err(ApiError::NotFound(format!(
                    "There is no prompt template named {identifier:?}, nor with that id"
                )));
            };
            let choice = VersionChoice::new(number, label.as_deref());
            store.version(template, choice)?.ok_or_else(|| {
                ApiError::NotFound(match choice {
                    VersionChoice::Label(label) => {
                        format!("No version of {identifier:?} has the label {label:?}")
                    }
                    VersionChoice::Number(number) => format!("{identifier:?} has no version {number}"),
                    VersionChoice::Latest => format!("{identifier:?} has no version"),
                })
            })
        })
        .await
}

/// Parses a number of a query, which must be at least 1.
pub(super) fn positive(text: &str, place: &Place<'_>) -> Result<i64, ApiError> {
    text.parse().ok().filter(|number| *number >= 1).ok_or_else(|| {
        ApiError::invalid(
            place,
            "int_parsing",
            format!("this should be an integer of at least 1, found {text:?}"),
        )
    })
}
