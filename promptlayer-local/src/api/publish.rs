//! `POST /rest/prompt-templates`: publishes a template or its next version.

use axum::Json;
use axum::extract::State;
use serde::Deserialize;
use serde_json::{Value, json};

use super::body::JsonBody;
use super::error::ApiError;
use super::rules;
use crate::app::App;
use crate::json_text::JsonText;
use crate::store::{ExternalId, NewTemplate, PublishError, Published, StoredVersion, VersionChoice, Writer};

#[derive(Deserialize)]
pub(super) struct Publish {
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

impl From<Publish> for NewTemplate {
    fn from(body: Publish) -> Self {
        Self {
            name: body.prompt_template.prompt_name,
            tags: body.prompt_template.tags,
            prompt: body.prompt_version.prompt_template,
            metadata: body.prompt_version.metadata,
            commit_message: body.prompt_version.commit_message,
            labels: body.release_labels.unwrap_or_default(),
            external_ids: body.external_ids.unwrap_or_default(),
        }
    }
}

impl From<PublishError> for ApiError {
    fn from(error: PublishError) -> Self {
        match error {
            PublishError::Taken { id, by } => Self::Conflict(format!(
                "The external id {:?} of {:?} belongs to the prompt template {by:?}",
                id.external_id, id.source
            )),
            PublishError::Database(error) => error.into(),
        }
    }
}

pub(super) async fn create(State(app): State<App>, body: JsonBody) -> Result<Json<Value>, ApiError> {
    let (body, _share): (Publish, _) = body.parse(&rules::PUBLISH).await?;
    let template = NewTemplate::from(body);
    app.store().write(move |store| publish(store, template)).await.map(Json)
}

/// Publishes a version and returns the body of the response.
pub(super) fn publish(store: &Writer<'_>, template: NewTemplate) -> Result<Value, ApiError> {
    let labels = template.labels.clone();
    let published = store.publish(template)?;
    // The version is read back instead of kept in memory, because a prompt can be as large as a body.
    let version = store.version(published.template_id, VersionChoice::Number(published.number))?;
    let version = version.ok_or_else(|| ApiError::Failed("the version just published is gone".to_owned()))?;
    Ok(answer(&published, version, &labels))
}

/// Returns the body of the response. The values are moved, not cloned, because a prompt can be as large as a body.
fn answer(published: &Published, version: StoredVersion, labels: &[String]) -> Value {
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
    Value::Object(answer.into_iter().map(|(name, value)| (name.to_owned(), value)).collect())
}
