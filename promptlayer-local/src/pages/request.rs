//! The page of one request: its input, its output, and the trace that it belongs to.

use std::collections::BTreeMap;

use askama::Template;
use axum::extract::{Path, Query, State};
use axum::response::Response;
use serde_json::value::RawValue;

use super::list::{Score, Status};
use super::message::{Block, Message, Tool, messages, tools};
use super::trace::Trace;
use super::{failed, format, html, not_found};
use crate::app::App;
use crate::store::{Reader, StoreError, StoredRequest};
use crate::timestamp::Timestamp;

/// The maximum number of characters that the page shows of a name, of a tag, of a value outside the
/// conversation, and of an error. Prompts and responses are shown in full.
const LONGEST_NAME: usize = 200;
const LONGEST_TAG: usize = 100;
const LONGEST_VALUE: usize = 4000;
const LONGEST_ERROR: usize = 20_000;

/// The maximum number of tags, scores or groups, and of key-value pairs of one kind, such as metadata, that
/// the page shows.
const MOST_TAGS: usize = 100;
const MOST_PAIRS: usize = 300;

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
    datetime: Timestamp,
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

/// The template that a request was made from.
struct Prompt {
    name: String,
    version: Option<i64>,
    variables: Vec<(String, String)>,
}

pub(super) async fn page(
    State(app): State<App>,
    Path(id): Path<String>,
    Query(query): Query<Vec<(String, String)>>,
) -> Response {
    let part = query.iter().find(|(key, _)| key == "spans").and_then(|(_, number)| number.parse().ok());
    let page = app.store().read(move |store| {
        let page = match id.parse() {
            Ok(number) => read(store, number, part)?,
            Err(_) => None,
        };
        Ok::<_, StoreError>(match page {
            Some(page) => html(&page),
            None => not_found(&format!("There is no request {}.", format::short(&id, LONGEST_TAG))),
        })
    });
    page.await.unwrap_or_else(|error| failed(&error))
}

fn read(store: &Reader<'_>, id: i64, part: Option<usize>) -> rusqlite::Result<Option<Page>> {
    let Some(request) = store.request(id)? else { return Ok(None) };
    let trace = match &request.trace_id {
        Some(trace_id) => Some(Trace::read(store, trace_id, request.span_row, part)?),
        None => None,
    };
    let attributes = match request.span_row {
        Some(row) => attributes(store.span_attributes(row)?.as_deref().unwrap_or_default()),
        None => Vec::new(),
    };
    Ok(Some(Page { attributes, trace, ..Page::from(request) }))
}

/// Returns the attributes of a span without its input and output, which the request shows.
fn attributes(json: &str) -> Vec<(String, String)> {
    let attributes: BTreeMap<String, &RawValue> = serde_json::from_str(json).unwrap_or_default();
    pairs(
        attributes
            .into_iter()
            .filter(|(name, _)| !matches!(name.as_str(), "function_input" | "function_output"))
            .map(|(name, value)| (name, format::inline_raw(value))),
    )
}

/// Shortens names and values that are too long, and replaces pairs beyond the limit with their number.
fn pairs(entries: impl Iterator<Item = (String, String)>) -> Vec<(String, String)> {
    let mut entries =
        entries.map(|(name, value)| (format::short(&name, LONGEST_NAME), format::cut(&value, LONGEST_VALUE)));
    let mut shown: Vec<_> = entries.by_ref().take(MOST_PAIRS).collect();
    let more = entries.count();
    if more > 0 {
        shown.push(("…".to_owned(), format!("{more} more")));
    }
    shown
}

fn shown_tags(tags: &[String]) -> Vec<String> {
    let mut shown: Vec<String> =
        tags.iter().take(MOST_TAGS).map(|tag| format::short(tag, LONGEST_TAG)).collect();
    if tags.len() > MOST_TAGS {
        shown.push(format!("… {} more", tags.len() - MOST_TAGS));
    }
    shown
}

impl From<StoredRequest> for Page {
    fn from(request: StoredRequest) -> Self {
        let nanoseconds = request.end.nanoseconds().saturating_sub(request.start.nanoseconds());
        let facts = |map: serde_json::Map<String, serde_json::Value>| -> Vec<(String, String)> {
            pairs(map.into_iter().map(|(name, value)| (name, format::inline(&value))))
        };
        let link = request.link;
        let prompt = link.name.or_else(|| link.id.map(|id| format!("template {id}")));
        Self {
            id: request.id,
            name: format::short(&request.name, LONGEST_NAME),
            status: Status::of(&request.status),
            error_type: request.error_type.map(|text| format::short(&text, LONGEST_NAME)),
            error_message: request.error_message.map(|text| format::cut(&text, LONGEST_ERROR)),
            provider: format::short(&request.provider, LONGEST_NAME),
            model: format::short(&request.model, LONGEST_NAME),
            api_type: request.api_type.map(|text| format::short(&text, LONGEST_NAME)),
            time: format::time(request.start),
            datetime: request.start,
            duration: format::duration(nanoseconds),
            tokens_in: format::count(request.input_tokens),
            tokens_out: format::count(request.output_tokens),
            price: (request.price > 0.0).then(|| format!("${}", request.price)),
            parameters: facts(request.parameters),
            tags: shown_tags(&request.tags),
            metadata: pairs(request.metadata.into_iter()),
            scores: request.scores.into_iter().take(MOST_TAGS).map(Score::from).collect(),
            groups: request.groups.into_iter().take(MOST_TAGS).collect(),
            prompt: prompt.map(|name| Prompt {
                name: format::short(&name, LONGEST_NAME),
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
