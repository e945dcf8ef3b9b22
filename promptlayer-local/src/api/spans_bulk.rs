//! `POST /spans-bulk`: stores many spans, with a request log for each span that has one.

use std::collections::BTreeSet;

use axum::Json;
use axum::extract::State;
use axum::http::StatusCode;
use serde::{Deserialize, Serialize};

use super::body::JsonBody;
use super::error::ApiError;
use super::rules;
use crate::app::App;
use crate::store::{BulkReceipt, LoggedId, NewSpan, Resent, SpanOptions, StoredId};

#[derive(Deserialize)]
struct SpansBulk {
    spans: Vec<NewSpan>,
    #[serde(default)]
    close_after: bool,
}

#[derive(Serialize)]
pub(super) struct Created {
    success: bool,
    spans: Vec<StoredId>,
    request_logs: Vec<LoggedId>,
    #[serde(flatten)]
    rejected: Option<LeftOut>,
}

/// The fields that the response has only if spans were rejected.
#[derive(Serialize)]
struct LeftOut {
    rejected_span_ids: Vec<String>,
    rejected_trace_ids: BTreeSet<String>,
    rejection_reason: &'static str,
}

/// Stores the spans of a body. Checks the whole body first: one invalid span rejects all of them.
pub(super) async fn create(
    State(app): State<App>,
    body: JsonBody,
) -> Result<(StatusCode, Json<Created>), ApiError> {
    let (bulk, _share): (SpansBulk, _) = body.parse(&rules::SPANS_BULK).await?;
    let options = SpanOptions { close_after: bulk.close_after, resent: Resent::Store };
    let BulkReceipt { spans, requests, rejected_spans, rejected_traces, .. } = app
        .store()
        .write(move |store| store.insert_spans(bulk.spans, options).map_err(ApiError::from))
        .await?;
    let rejected = (!rejected_spans.is_empty()).then_some(LeftOut {
        rejected_span_ids: rejected_spans,
        rejected_trace_ids: rejected_traces,
        rejection_reason: "trace_closed",
    });
    Ok((StatusCode::CREATED, Json(Created { success: true, spans, request_logs: requests, rejected })))
}
