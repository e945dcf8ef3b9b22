//! `POST /rest/track-*`, the same under the paths of older clients, and `POST /create-group`: adds data to a stored
//! request log.

use std::collections::BTreeMap;

use axum::Json;
use axum::body::to_bytes;
use axum::extract::{Request, State};
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value, json};

use super::body::{JsonBody, KeyInBody, key_in};
use super::error::ApiError;
use super::problem::Place;
use super::rules;
use crate::app::App;
use crate::integer;
use crate::json_text::JsonText;
use crate::limits::BODY_TIMEOUT;
use crate::store::{VersionChoice, Writer};

#[derive(Serialize)]
pub(super) struct Tracked {
    success: bool,
    message: &'static str,
}

impl Tracked {
    const fn saying(message: &'static str) -> Json<Self> {
        Json(Self { success: true, message })
    }
}

#[derive(Deserialize)]
struct TrackScore {
    #[serde(deserialize_with = "integer::required")]
    request_id: i64,
    #[serde(deserialize_with = "integer::required")]
    score: i64,
    #[serde(default)]
    name: Option<String>,
}

pub(super) async fn score(State(app): State<App>, body: JsonBody) -> Result<Json<Tracked>, ApiError> {
    let (TrackScore { request_id, score, name }, _share) = body.parse(&rules::TRACK_SCORE).await?;
    app.store()
        .write(move |store| {
            needs_request(store, request_id)?;
            Ok::<_, ApiError>(store.set_score(request_id, name, score)?)
        })
        .await?;
    Ok(Tracked::saying("Score tracked successfully"))
}

#[derive(Deserialize)]
struct TrackMetadata {
    request_id: Value,
    metadata: Map<String, Value>,
}

pub(super) async fn metadata(State(app): State<App>, body: JsonBody) -> Result<Json<Tracked>, ApiError> {
    let (TrackMetadata { request_id, metadata }, _share) = body.parse(&rules::TRACK_METADATA).await?;
    let request_id = integer(&request_id, "request_id")?;
    let metadata: BTreeMap<String, String> =
        metadata.into_iter().map(|(key, value)| (key, as_text(value))).collect();
    app.store()
        .write(move |store| {
            needs_request(store, request_id)?;
            Ok::<_, ApiError>(store.merge_metadata(request_id, metadata)?)
        })
        .await?;
    Ok(Tracked::saying("Metadata tracked successfully"))
}

#[derive(Deserialize)]
struct TrackPrompt {
    request_id: Value,
    prompt_name: String,
    #[serde(default = "JsonText::empty_object")]
    prompt_input_variables: JsonText,
    #[serde(default)]
    version: Option<Value>,
    #[serde(default)]
    label: Option<String>,
}

pub(super) async fn prompt(State(app): State<App>, body: JsonBody) -> Result<Json<Tracked>, ApiError> {
    let (TrackPrompt { request_id, prompt_name, prompt_input_variables, version, label }, _share) =
        body.parse(&rules::TRACK_PROMPT).await?;
    let request_id = integer(&request_id, "request_id")?;
    let version = version.map(|version| integer(&version, "version")).transpose()?;
    if version.is_some() && label.is_some() {
        let place = Place::BODY;
        return Err(ApiError::invalid(
            &place.field("label"),
            "value_error",
            "give a version or a label, not both",
        ));
    }
    app.store()
        .write(move |store| {
            needs_request(store, request_id)?;
            let choice = VersionChoice::new(version, label.as_deref());
            let template = store.find_template(&prompt_name)?;
            let version = template.map(|template| store.version(template, choice)).transpose()?.flatten();
            let Some(version) = version else {
                return Err(ApiError::BadRequest(match (template, choice) {
                    (None, _) => format!("There is no prompt template named {prompt_name:?}"),
                    (_, VersionChoice::Label(label)) => {
                        format!("No version of {prompt_name:?} has the label {label:?}")
                    }
                    (_, VersionChoice::Number(number)) => format!("{prompt_name:?} has no version {number}"),
                    (_, VersionChoice::Latest) => format!("{prompt_name:?} has no version"),
                }));
            };
            Ok(store.link_prompt(request_id, &version, prompt_input_variables)?)
        })
        .await?;
    Ok(Tracked::saying("Prompt tracked successfully"))
}

/// Returns an error if the request log does not exist.
fn needs_request(store: &Writer<'_>, id: i64) -> Result<(), ApiError> {
    if store.has_request(id)? { Ok(()) } else { Err(ApiError::no_such_request(id)) }
}

#[derive(Deserialize)]
struct TrackGroup {
    #[serde(deserialize_with = "integer::required")]
    request_id: i64,
    #[serde(deserialize_with = "integer::required")]
    group_id: i64,
}

pub(super) async fn group(State(app): State<App>, body: JsonBody) -> Result<Json<Tracked>, ApiError> {
    let (TrackGroup { request_id, group_id }, _share) = body.parse(&rules::TRACK_GROUP).await?;
    app.store()
        .write(move |store| {
            needs_request(store, request_id)?;
            if !store.has_group(group_id)? {
                return Err(ApiError::no_such_group(group_id));
            }
            Ok(store.join_group(request_id, group_id)?)
        })
        .await?;
    Ok(Tracked::saying("Group tracked successfully"))
}

/// The maximum number of bytes to read of a body that creates a group. Such a body contains at most a key.
const GROUP_BODY_LIMIT: usize = 4096;

/// Creates a group. PromptLayer's Python client sends the key of this request in the body and not in a
/// header. Other bodies are not looked at.
pub(super) async fn create_group(State(app): State<App>, request: Request) -> Result<Json<Value>, ApiError> {
    let has_key_in_body = request.extensions().get::<KeyInBody>().is_some();
    let reading = to_bytes(request.into_body(), GROUP_BODY_LIMIT);
    let body = tokio::time::timeout(BODY_TIMEOUT, reading).await.map_err(|_| ApiError::TooSlow)?;
    if has_key_in_body && !app.access().accepts(body.ok().as_deref().and_then(key_in).as_deref()) {
        return Err(ApiError::Unauthorized);
    }
    let id = app.store().write(|store| store.create_group().map_err(ApiError::from)).await?;
    Ok(Json(json!({ "success": true, "id": id })))
}

/// Parses an id or a version. PromptLayer's API document allows a string that contains the integer.
fn integer(value: &Value, field: &str) -> Result<i64, ApiError> {
    let number = match value {
        Value::String(text) => text.trim().parse().ok(),
        value => integer::read(value),
    };
    number.ok_or_else(|| {
        let place = Place::BODY;
        ApiError::invalid(
            &place.field(field),
            "int_parsing",
            format!(
                "this should be an integer, or a string that holds one, found {}",
                rules::described(value)
            ),
        )
    })
}

/// Converts a metadata value to text. Metadata values are strings; other values are stored as their JSON.
pub(super) fn as_text(value: Value) -> String {
    match value {
        Value::String(text) => text,
        other => other.to_string(),
    }
}
