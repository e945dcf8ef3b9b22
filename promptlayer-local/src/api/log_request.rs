//! `POST /log-request`: stores one request log that belongs to no trace.

use axum::Json;
use axum::extract::State;
use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};
use promptlayer_blueprint::Model;
use serde::Serialize;
use serde_json::Value;

use super::blueprint::Blueprint;
use super::body::{JsonBody, offload};
use super::error::ApiError;
use super::{blueprint, rules};
use crate::app::App;
use crate::store::{NewRequest, StoredRequest};
use crate::timestamp::Timestamp;

#[derive(Serialize)]
struct Logged<'a> {
    id: i64,
    prompt_version: Blueprint,
    status: &'a str,
    error_type: Option<&'a str>,
    error_message: Option<&'a str>,
}

pub(super) async fn create(State(app): State<App>, body: JsonBody) -> Result<Response, ApiError> {
    let (request, share): (NewRequest, _) = body.parse(&rules::LOG_REQUEST).await?;
    let now = Timestamp::now();
    // The response repeats the logged content. The store frees a request while it writes it, so a small
    // request is cloned first and a large one is read back.
    let copy = (!share.is_large()).then(|| request.clone());
    let id = app
        .store()
        .write(move |store| store.insert_request(request, (now, now)).map_err(ApiError::from))
        .await?;
    if let Some(request) = copy {
        return Ok(answer(id, Content::from(request)));
    }
    let stored = app.store().read(move |store| store.request(id).map_err(ApiError::from)).await?;
    let stored = stored.ok_or_else(|| ApiError::Failed("the request just logged is gone".to_owned()))?;
    offload(move || answer(id, Content::from(stored))).await
}

/// The content of a request log that the response repeats.
pub(super) struct Content {
    model: Model,
    input: Value,
    output: Value,
    status: String,
    error_type: Option<String>,
    error_message: Option<String>,
}

impl From<NewRequest> for Content {
    fn from(request: NewRequest) -> Self {
        let mut model = Model::new(request.provider, request.model);
        // The rules of the body allow only an object.
        if let Value::Object(parameters) = request.parameters.into_value() {
            model.parameters = parameters;
        }
        model.api_type = request.api_type;
        Self {
            model,
            input: request.input.into_value(),
            output: request.output.into_value(),
            status: request.status,
            error_type: request.error_type,
            error_message: request.error_message,
        }
    }
}

impl From<StoredRequest> for Content {
    fn from(request: StoredRequest) -> Self {
        let mut model = Model::new(request.provider, request.model);
        model.parameters = request.parameters;
        model.api_type = request.api_type;
        Self {
            model,
            input: request.input,
            output: request.output,
            status: request.status,
            error_type: request.error_type,
            error_message: request.error_message,
        }
    }
}

impl Content {
    pub(super) fn blueprint(self) -> Blueprint {
        blueprint::of_request(self.input, self.output, self.model)
    }
}

fn answer(id: i64, content: Content) -> Response {
    let Content { model, input, output, status, error_type, error_message } = content;
    let logged = Logged {
        id,
        prompt_version: blueprint::of_request(input, output, model),
        status: &status,
        error_type: error_type.as_deref(),
        error_message: error_message.as_deref(),
    };
    (StatusCode::CREATED, Json(logged)).into_response()
}
