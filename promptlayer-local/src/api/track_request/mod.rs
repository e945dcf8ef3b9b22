//! `POST /track-request`: stores a request log from the arguments of a client library and from its response.
//!
//! PromptLayer's clients use it for their proxies of provider libraries, for `run`, and for LangChain. `exchange` reads
//! provider requests and responses, `langchain` those of LangChain, and `log` makes the request log.

mod exchange;
mod langchain;
mod log;

use axum::Json;
use axum::extract::State;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

use super::blueprint::Blueprint;
use super::body::{JsonBody, offload};
use super::error::ApiError;
use super::log_request::Content;
use super::rules;
use crate::app::App;
use crate::integer;
use crate::json_text::JsonText;
use crate::store::TrackedRequest;
use crate::timestamp::Timestamp;

#[derive(Deserialize)]
struct TrackRequest {
    function_name: String,
    #[serde(default)]
    provider_type: Option<String>,
    #[serde(default)]
    args: Value,
    #[serde(default)]
    kwargs: Value,
    #[serde(default)]
    request_response: Value,
    #[serde(default)]
    request_start_time: Option<Timestamp>,
    #[serde(default)]
    request_end_time: Option<Timestamp>,
    #[serde(default)]
    tags: Option<Vec<String>>,
    #[serde(default)]
    metadata: Option<Map<String, Value>>,
    #[serde(default, deserialize_with = "integer::optional")]
    prompt_id: Option<i64>,
    #[serde(default, deserialize_with = "integer::optional")]
    prompt_version: Option<i64>,
    #[serde(default)]
    prompt_input_variables: Option<JsonText>,
    #[serde(default, deserialize_with = "integer::optional")]
    group_id: Option<i64>,
    #[serde(default)]
    span_id: Option<String>,
    #[serde(default)]
    return_prompt_blueprint: Option<bool>,
    #[serde(default)]
    status: Option<String>,
    #[serde(default)]
    error_type: Option<String>,
    #[serde(default)]
    error_message: Option<String>,
}

#[derive(Serialize)]
pub(super) struct Tracked {
    success: bool,
    request_id: i64,
    prompt_blueprint: Option<Blueprint>,
    message: &'static str,
}

pub(super) async fn create(State(app): State<App>, body: JsonBody) -> Result<Json<Tracked>, ApiError> {
    let (tracked, share): (TrackRequest, _) = body.parse(&rules::TRACK_REQUEST).await?;
    let now = Timestamp::now();
    let group = tracked.group_id;
    let span_id = tracked.span_id.clone().filter(|id| id.bytes().any(|byte| byte != b'0'));
    let wants_blueprint = tracked.return_prompt_blueprint.unwrap_or_default();
    let request = if share.is_large() {
        offload(move || log::of_tracked(tracked)).await?
    } else {
        log::of_tracked(tracked)
    };
    // The store frees a request while it writes it, so a small request is cloned first and a large one is read back.
    let copy = (wants_blueprint && !share.is_large()).then(|| request.clone());
    let id = app
        .store()
        .write(move |store| {
            if let Some(group) = group
                && !store.has_group(group)?
            {
                return Err(ApiError::no_such_group(group));
            }
            Ok(store.insert_tracked(TrackedRequest { request, group, span_id }, (now, now))?)
        })
        .await?;
    let prompt_blueprint = match copy {
        Some(request) => Some(Content::from(request).blueprint()),
        None if wants_blueprint => {
            let stored = app.store().read(move |store| store.request(id).map_err(ApiError::from)).await?;
            let stored =
                stored.ok_or_else(|| ApiError::Failed("the request just logged is gone".to_owned()))?;
            Some(Content::from(stored).blueprint())
        }
        None => None,
    };
    Ok(Json(Tracked {
        success: true,
        request_id: id,
        prompt_blueprint,
        message: "Request tracked successfully",
    }))
}
