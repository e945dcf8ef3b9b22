//! `PATCH /rest/prompt-templates/{identifier}`: publishes a version that differs from another in some fields.

use axum::Json;
use axum::extract::{Path, State};
use axum::http::StatusCode;
use serde_json::{Map, Value, json};

use super::body::JsonBody;
use super::error::ApiError;
use super::problem::Place;
use super::{publish, rules, snippets, templates};
use crate::app::App;
use crate::integer;
use crate::json_text::JsonText;
use crate::store::NewTemplate;

/// The fields of a chat whose items can be replaced one by one. `null` removes the field.
const LISTS: &[&str] = &["messages", "tools", "functions"];
/// The fields of a chat that are replaced as a whole. `null` removes the field.
const VALUES: &[&str] = &["function_call", "tool_choice"];

pub(super) async fn patch(
    State(app): State<App>,
    Path(identifier): Path<String>,
    body: JsonBody,
) -> Result<(StatusCode, Json<Value>), ApiError> {
    let (mut patch, _share): (Map<String, Value>, _) = body.parse(&rules::PATCH_TEMPLATE).await?;
    let number = patch.get("version").and_then(integer::read);
    let label = patch.get("label").and_then(Value::as_str).map(str::to_owned);
    if number.is_some() && label.is_some() {
        return Err(conflict("Give a version or a label, not both"));
    }
    app.store()
        .write(move |store| {
            let base = templates::find(store, &identifier, number, label.as_deref())?;
            let mut prompt = base.prompt;
            patch_prompt(&mut prompt, &mut patch)?;
            let place = Place::BODY;
            rules::check_prompt(&prompt, &place)?;
            let metadata = patched_metadata(base.metadata, &mut patch)?;
            let template = NewTemplate {
                name: base.prompt_name,
                tags: Vec::new(),
                prompt: JsonText::from(&prompt),
                metadata: metadata.as_ref().map(JsonText::from),
                commit_message: patch.get("commit_message").and_then(Value::as_str).map(str::to_owned),
                labels: texts(patch.get("release_labels")),
                external_ids: Vec::new(),
            };
            drop(prompt);
            Ok((StatusCode::CREATED, Json(publish::publish(store, template)?)))
        })
        .await
}

/// Applies the changes of the content.
fn patch_prompt(prompt: &mut Value, patch: &mut Map<String, Value>) -> Result<(), ApiError> {
    let is_completion = snippets::is_snippet(prompt);
    let foreign = if is_completion {
        LISTS.iter().chain(VALUES).find(|name| patch.contains_key(**name)).copied()
    } else {
        patch.contains_key("content").then_some("content")
    };
    if let Some(name) = foreign {
        let (kind, other) = if is_completion { ("completion", "chat") } else { ("chat", "completion") };
        return Err(conflict(&format!("The template is a {kind}, and {name} is a field of a {other}")));
    }
    let Some(prompt) = prompt.as_object_mut() else { return Ok(()) };
    for name in LISTS.iter().chain(&["content"]) {
        match patch.remove(*name) {
            None => {}
            // A chat without messages and a completion without content do not exist.
            Some(Value::Null) if matches!(*name, "messages" | "content") => {}
            Some(Value::Null) => {
                prompt.remove(*name);
            }
            Some(Value::Object(items)) => {
                let list = prompt.entry(*name).or_insert_with(|| json!([]));
                replace_items(name, list, items)?;
            }
            Some(list) => {
                prompt.insert((*name).to_owned(), list);
            }
        }
    }
    for name in VALUES {
        match patch.remove(*name) {
            None => {}
            Some(Value::Null) => {
                prompt.remove(*name);
            }
            Some(value) => {
                prompt.insert((*name).to_owned(), value);
            }
        }
    }
    Ok(())
}

/// Replaces items of a list by their indexes.
fn replace_items(name: &str, list: &mut Value, items: Map<String, Value>) -> Result<(), ApiError> {
    let mut none = Vec::new();
    let list = list.as_array_mut().unwrap_or(&mut none);
    let length = list.len();
    for (index, item) in items {
        let place = index.parse::<usize>().ok().and_then(|index| list.get_mut(index));
        let Some(place) = place else {
            return Err(conflict(&format!("There is no {name}[{index}]: the template has {length} {name}")));
        };
        *place = item;
    }
    Ok(())
}

/// Applies the changes of the model's parameters.
fn patched_metadata(
    metadata: Option<Value>,
    patch: &mut Map<String, Value>,
) -> Result<Option<Value>, ApiError> {
    let mut changes = match patch.remove("model_parameters") {
        Some(Value::Object(changes)) => changes,
        _ => Map::new(),
    };
    if let Some(format) = patch.remove("response_format")
        && changes.insert("response_format".to_owned(), format).is_some()
    {
        return Err(conflict("Give response_format or model_parameters.response_format, not both"));
    }
    if changes.is_empty() {
        return Ok(metadata);
    }
    let mut metadata = metadata.unwrap_or_default();
    let Some(model) = metadata.get_mut("model").and_then(Value::as_object_mut) else {
        return Err(conflict("The template has no model whose parameters could change"));
    };
    let parameters = model.entry("parameters").or_insert_with(|| json!({}));
    if let Some(parameters) = parameters.as_object_mut() {
        for (name, value) in changes {
            if name == "response_format" && value.is_null() {
                parameters.remove(&name);
            } else {
                parameters.insert(name, value);
            }
        }
    }
    Ok(Some(metadata))
}

fn texts(list: Option<&Value>) -> Vec<String> {
    let items = list.and_then(Value::as_array).into_iter().flatten();
    items.filter_map(Value::as_str).map(str::to_owned).collect()
}

fn conflict(message: &str) -> ApiError {
    ApiError::BadRequest(message.to_owned())
}
