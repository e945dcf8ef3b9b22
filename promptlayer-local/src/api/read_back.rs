//! `/api/public/v2`: returns logged requests and traces.

use axum::Json;
use axum::extract::{Path, State};
use axum::http::{HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use promptlayer_blueprint::Model;
use serde::Serialize;
use serde_json::value::RawValue;
use serde_json::{Value, json};

use super::blueprint;
use super::error::ApiError;
use super::problem::Place;
use crate::app::App;
use crate::store::{Closing, SpanStatus, StoreError, StoredRequest, StoredSpan};

/// The id of the only workspace.
pub(super) const WORKSPACE: i64 = 1;

pub(super) async fn request(State(app): State<App>, Path(id): Path<String>) -> Result<Response, ApiError> {
    let id = id.parse::<i64>().ok().filter(|id| *id >= 1).ok_or_else(|| {
        let place = Place::PATH;
        ApiError::invalid(
            &place.field("request_id"),
            "int_parsing",
            format!("this should be an integer of at least 1, found {id:?}"),
        )
    })?;
    app.store()
        .read(move |store| {
            let request = store.request(id)?;
            let request =
                request.ok_or_else(|| ApiError::NotFound(format!("There is no request with id {id}")))?;
            written(&described(&request))
        })
        .await
}

pub(super) async fn trace(
    State(app): State<App>,
    Path(trace_id): Path<String>,
) -> Result<Response, ApiError> {
    app.store()
        .read(move |store| {
            let spans = store.trace(&trace_id)?;
            if spans.is_empty() {
                return Err(no_such_trace(&trace_id));
            }
            let spans = spans.iter().map(SpanAnswer::from).collect();
            written(&TraceAnswer { success: true, trace_id: &trace_id, spans })
        })
        .await
}

pub(super) async fn close_trace(
    State(app): State<App>,
    Path(trace_id): Path<String>,
) -> Result<(StatusCode, Json<Value>), ApiError> {
    let id = trace_id.clone();
    match app.store().write(move |store| store.close_trace(&id).map_err(ApiError::from)).await? {
        Closing::Closed { id, at } => {
            let closure = json!({
                // PromptLayer's ids of closures are UUIDs, so the row id is formatted as one.
                "id": format!("00000000-0000-4000-8000-{id:012x}"),
                "workspace_id": WORKSPACE,
                "trace_id": trace_id,
                "status": "closed",
                "created_at": at.to_string(),
                "updated_at": at.to_string(),
            });
            Ok((StatusCode::CREATED, Json(json!({ "success": true, "closure": closure }))))
        }
        Closing::AlreadyClosed => Err(ApiError::Conflict("Trace already closed".to_owned())),
        Closing::NoSuchTrace => Err(no_such_trace(&trace_id)),
    }
}

fn no_such_trace(trace_id: &str) -> ApiError {
    ApiError::NotFound(format!("There is no trace with id {trace_id:?}"))
}

/// Returns a request log as JSON: the documented fields first, then all other stored fields.
pub(crate) fn described(request: &StoredRequest) -> Value {
    let mut model = Model::new(&request.provider, &request.model);
    model.parameters = request.parameters.clone();
    model.api_type = request.api_type.clone();
    let latency = request.end.nanoseconds().saturating_sub(request.start.nanoseconds());
    json!({
        "success": true,
        "request_id": request.id,
        "prompt_blueprint": blueprint::of_request(request.input.clone(), request.output.clone(), model),
        "provider": request.provider,
        "model": request.model,
        "input_tokens": request.input_tokens,
        "output_tokens": request.output_tokens,
        "tokens": request.input_tokens.saturating_add(request.output_tokens),
        "price": request.price,
        "request_start_time": request.start.to_string(),
        "request_end_time": request.end.to_string(),
        "latency_ms": milliseconds(latency),
        "trace_id": request.trace_id,

        "span_id": request.span_id,
        "input": request.input,
        "output": request.output,
        "api_type": request.api_type,
        "function_name": request.function_name,
        "parameters": request.parameters,
        "status": request.status,
        "error_type": request.error_type,
        "error_message": request.error_message,
        "tags": request.tags,
        "metadata": request.metadata,
        "scores": request.scores,
        "group_ids": request.groups,
        "prompt_name": request.link.name,
        "prompt_id": request.link.id,
        "prompt_version_number": request.link.version,
        "prompt_input_variables": request.link.variables,
    })
}

#[expect(
    clippy::cast_precision_loss,
    reason = "a duration of which the digits lost are below a nanosecond's worth"
)]
fn milliseconds(nanoseconds: i64) -> f64 {
    nanoseconds as f64 / 1e6
}

/// Serializes a response on the database thread. It can be large, and the thread that serves requests must
/// not be blocked.
fn written(answer: &impl Serialize) -> Result<Response, ApiError> {
    let json = serde_json::to_vec(answer)
        .map_err(|error| StoreError::Database(rusqlite::Error::ToSqlConversionFailure(Box::new(error))))?;
    Ok(([(header::CONTENT_TYPE, HeaderValue::from_static("application/json"))], json).into_response())
}

#[derive(Serialize)]
struct TraceAnswer<'a> {
    success: bool,
    trace_id: &'a str,
    spans: Vec<SpanAnswer<'a>>,
}

#[derive(Serialize)]
struct SpanAnswer<'a> {
    id: i64,
    trace_id: &'a str,
    span_id: &'a str,
    parent_id: Option<&'a str>,
    name: &'a str,
    kind: &'a str,
    start_time: String,
    end_time: String,
    status: &'a SpanStatus,
    trace_state: &'a str,
    attributes: &'a RawValue,
    events: &'a RawValue,
    links: &'a RawValue,
    resource: &'a RawValue,
    #[serde(skip_serializing_if = "Option::is_none")]
    request_log_id: Option<i64>,
}

impl<'a> From<&'a StoredSpan> for SpanAnswer<'a> {
    fn from(span: &'a StoredSpan) -> Self {
        Self {
            id: span.id,
            trace_id: &span.trace_id,
            span_id: &span.span_id,
            parent_id: span.parent_id.as_deref(),
            name: &span.name,
            kind: &span.kind,
            start_time: span.start.to_string(),
            end_time: span.end.to_string(),
            status: &span.status,
            trace_state: &span.trace_state,
            attributes: &span.attributes,
            events: &span.events,
            links: &span.links,
            resource: &span.resource,
            request_log_id: span.request_id,
        }
    }
}
