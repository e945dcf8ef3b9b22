//! `/prompt-templates/{identifier}`: reads templates, raw or rendered.

use axum::Json;
use serde::Deserialize;
use serde_json::{Map, Value, json};

use super::body::{OptionalJsonBody, offload};
use super::error::ApiError;
use super::llm_kwargs::{self, Choice};
use super::query::{flag, template_id, version_in};
use super::read_back::WORKSPACE;
use super::snippets::{self, Snippet};
use super::{render, rules};
use crate::app::App;
use crate::store::{Reader, StoredVersion, VersionChoice};

/// Handles `GET`: returns the template as it was published, with its snippets resolved.
pub(super) async fn read_raw(
    app: &App,
    identifier: String,
    query: &[(String, String)],
) -> Result<Json<Value>, ApiError> {
    let (number, label) = version_in(query)?;
    let resolves = flag(query, "resolve_snippets")?.unwrap_or(true);
    let has_kwargs = flag(query, "include_llm_kwargs")?.unwrap_or_default();
    let limit = app.body_limit();
    let (version, used) = app
        .store()
        .read(move |store| {
            let mut version = find(store, &identifier, number, label.as_deref())?;
            let used = if resolves {
                snippets::resolve(store, &mut version.prompt, limit)?
            } else {
                snippets::used(store, &version.prompt, limit)?
            };
            Ok::<_, ApiError>((version, used))
        })
        .await?;
    offload(move || Json(raw(version, &used, has_kwargs))).await
}

fn raw(version: StoredVersion, used: &[Snippet], has_kwargs: bool) -> Value {
    let created = version.created.to_string();
    let choice = Choice::default();
    let kwargs =
        has_kwargs.then(|| llm_kwargs::of_template(&version.prompt, version.metadata.as_ref(), &choice));
    let kwargs = kwargs.flatten().map(|kwargs| kwargs.arguments);
    let mut answer = object_of(version, kwargs);
    answer.insert("success".to_owned(), json!(true));
    answer.insert("created_at".to_owned(), json!(created));
    answer.insert("snippets".to_owned(), json!(used));
    Value::Object(answer)
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
    #[serde(flatten)]
    choice: Choice,
}

/// Handles `POST`: returns the template, rendered with the variables if there are any, and the arguments for the
/// library of its provider.
pub(super) async fn read_rendered(
    app: &App,
    identifier: String,
    body: OptionalJsonBody,
) -> Result<Json<Value>, ApiError> {
    let (get, _share): (Get, _) = body.parse(&rules::GET_TEMPLATE).await?;
    let limit = app.body_limit();
    let mut version = app
        .store()
        .read(move |store| find_resolved(store, &identifier, get.version, get.label.as_deref(), limit))
        .await?;
    let variables = get.input_variables.filter(|_| !get.skip_input_variable_rendering);
    let choice = get.choice;
    offload(move || {
        if let Some(variables) = variables {
            render::render(&mut version.prompt, &variables, limit)?;
        }
        let kwargs = llm_kwargs::of_template(&version.prompt, version.metadata.as_ref(), &choice);
        let arguments = kwargs.map(|kwargs| {
            // Clients choose the function to call by the model in the metadata.
            let metadata = version.metadata.get_or_insert_with(|| json!({}));
            if let Some(metadata) = metadata.as_object_mut() {
                metadata.insert("model".to_owned(), kwargs.model);
            }
            kwargs.arguments
        });
        Ok(Json(Value::Object(object_of(version, arguments))))
    })
    .await?
}

/// Returns the fields that both `GET` and `POST` include in their response. The values are moved, because a prompt can
/// be as large as a body.
fn object_of(version: StoredVersion, llm_kwargs: Option<Value>) -> Map<String, Value> {
    [
        ("id", json!(version.template_id)),
        ("prompt_name", json!(version.prompt_name)),
        ("version", json!(version.number)),
        ("workspace_id", json!(WORKSPACE)),
        ("prompt_template", version.prompt),
        ("metadata", version.metadata.unwrap_or_default()),
        ("commit_message", json!(version.commit_message)),
        ("tags", json!(version.tags)),
        ("llm_kwargs", llm_kwargs.unwrap_or_default()),
    ]
    .into_iter()
    .map(|(name, value)| (name.to_owned(), value))
    .collect()
}

/// Returns a version of a template, with its snippets resolved.
pub(crate) fn find_resolved(
    store: &Reader<'_>,
    identifier: &str,
    number: Option<i64>,
    label: Option<&str>,
    limit: usize,
) -> Result<StoredVersion, ApiError> {
    let mut version = find(store, identifier, number, label)?;
    snippets::resolve(store, &mut version.prompt, limit)?;
    Ok(version)
}

/// Returns a version of a template.
pub(super) fn find(
    store: &Reader<'_>,
    identifier: &str,
    number: Option<i64>,
    label: Option<&str>,
) -> Result<StoredVersion, ApiError> {
    let template = template_id(store, identifier)?;
    let choice = VersionChoice::new(number, label);
    store.version(template, choice)?.ok_or_else(|| {
        ApiError::NotFound(match choice {
            VersionChoice::Label(label) => {
                format!("No version of {identifier:?} has the label {label:?}")
            }
            VersionChoice::Number(number) => format!("{identifier:?} has no version {number}"),
            VersionChoice::Latest => format!("{identifier:?} has no version"),
        })
    })
}
