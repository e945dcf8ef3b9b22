//! One request: what went in, what came out, and the trace it is part of.

use askama::Template;
use axum::extract::{Path, State};
use axum::response::Response;

use super::list::{Score, Status};
use super::message::{Block, Message, Tool, messages, tools};
use super::trace::{Trace, attributes};
use super::{failed, format, html, not_found};
use crate::api::App;
use crate::moment::Moment;
use crate::store::StoredRequest;

#[derive(Template)]
#[template(path = "request.html")]
struct Page {
    id: i64,
    name: String,
    status: Status,
    error_type: Option<String>,
    error_message: Option<String>,
    provider: String,
    model: String,
    api_type: Option<String>,
    time: String,
    datetime: Moment,
    duration: String,
    tokens_in: String,
    tokens_out: String,
    price: Option<String>,
    parameters: Vec<(String, String)>,
    tags: Vec<String>,
    metadata: Vec<(String, String)>,
    scores: Vec<Score>,
    groups: Vec<i64>,
    prompt: Option<Prompt>,
    input: Vec<Message>,
    output: Vec<Message>,
    tools: Vec<Tool>,
    attributes: Vec<(String, String)>,
    trace: Option<Trace>,
}

/// The template a request was made from.
struct Prompt {
    name: String,
    version: Option<i64>,
    variables: Vec<(String, String)>,
}

pub(super) async fn page(State(app): State<App>, Path(id): Path<String>) -> Response {
    match read(&app, &id) {
        Ok(Some(page)) => html(&page),
        Ok(None) => not_found(&format!("There is no request {id}.")),
        Err(error) => failed(&error),
    }
}

fn read(app: &App, id: &str) -> rusqlite::Result<Option<Page>> {
    let Ok(id) = id.parse() else { return Ok(None) };
    let store = app.store();
    let Some(request) = store.request(id)? else { return Ok(None) };
    let spans = match &request.trace_id {
        Some(trace_id) => store.trace(trace_id)?,
        None => Vec::new(),
    };
    let attributes =
        spans.iter().find(|span| Some(span.id) == request.span_row).map(attributes).unwrap_or_default();
    let trace = request.trace_id.clone().map(|id| Trace::lay_out(id, &spans, request.span_row));
    Ok(Some(Page { attributes, trace, ..Page::from(request) }))
}

impl From<StoredRequest> for Page {
    fn from(request: StoredRequest) -> Self {
        let nanoseconds = request.end.nanoseconds().saturating_sub(request.start.nanoseconds());
        let facts = |map: serde_json::Map<String, serde_json::Value>| -> Vec<(String, String)> {
            map.into_iter().map(|(name, value)| (name, format::inline(&value))).collect()
        };
        let link = request.link;
        let prompt = link.name.or_else(|| link.id.map(|id| format!("template {id}")));
        Self {
            id: request.id,
            name: request.name,
            status: Status::of(&request.status),
            error_type: request.error_type,
            error_message: request.error_message,
            provider: request.provider,
            model: request.model,
            api_type: request.api_type,
            time: format::time(request.start),
            datetime: request.start,
            duration: format::duration(nanoseconds),
            tokens_in: format::count(request.input_tokens),
            tokens_out: format::count(request.output_tokens),
            price: (request.price > 0.0).then(|| format!("${}", request.price)),
            parameters: facts(request.parameters),
            tags: request.tags,
            metadata: request.metadata.into_iter().collect(),
            scores: request.scores.into_iter().map(Score::from).collect(),
            groups: request.groups,
            prompt: prompt.map(|name| Prompt {
                name,
                version: link.version,
                variables: facts(link.variables),
            }),
            input: messages(&request.input, "prompt"),
            output: messages(&request.output, "completion"),
            tools: tools(&request.input),
            attributes: Vec::new(),
            trace: None,
        }
    }
}
