//! `POST /log-request`: one request log, of no trace.

use axum::Json;
use axum::extract::State;
use axum::http::StatusCode;
use serde::Serialize;
use serde_json::Value;

use super::body::JsonBody;
use super::error::ApiError;
use super::{App, blueprint, rules};
use crate::moment::Moment;
use crate::store::NewRequest;

#[derive(Serialize)]
pub(super) struct Logged {
    id: i64,
    prompt_version: Value,
    status: String,
    error_type: Option<String>,
    error_message: Option<String>,
}

pub(super) async fn create(
    State(app): State<App>,
    JsonBody(body): JsonBody,
) -> Result<(StatusCode, Json<Logged>), ApiError> {
    let request: NewRequest = rules::parse(body, &rules::LOG_REQUEST)?;
    let now = Moment::now();
    let prompt_version = blueprint::of_request(
        &request.input,
        &request.output,
        &blueprint::Model {
            provider: &request.provider,
            name: &request.model,
            parameters: &request.parameters,
            api_type: request.api_type.as_deref(),
        },
    );
    let mut logged = Logged {
        id: 0,
        prompt_version,
        status: request.status.clone(),
        error_type: request.error_type.clone(),
        error_message: request.error_message.clone(),
    };
    logged.id = app
        .store()
        .write(move |store| store.insert_request(&request, (now, now)).map_err(ApiError::from))
        .await?;
    Ok((StatusCode::CREATED, Json(logged)))
}
