//! The page of one request: its input, its output, its facts, and the trace that it belongs to.

use std::collections::BTreeMap;

use askama::Template;
use axum::extract::{Path, Query, State};
use axum::http::StatusCode;
use axum::response::Response;
use percent_encoding::{NON_ALPHANUMERIC, utf8_percent_encode};
use serde_json::value::RawValue;

use super::filters::Parameters;
use super::list::{Score, Status};
use super::message::{Block, Message, TextStyle, Tool, messages, tools};
use super::{HAS_REPLAY, failed, format, html, not_found, trace};
use crate::app::App;
use crate::comparison::METADATA_FACTS;
use crate::store::{Filter, Reader, RequestRow, Sort, StoreError, StoredRequest, TextField};
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

/// The maximum number of characters of a template's name: that of PromptLayer's API document.
const LONGEST_TEMPLATE_NAME: usize = 512;

/// The maximum number of spans above the request's span that the page shows.
const MOST_ANCESTORS: usize = 8;

/// The maximum number of bytes that a form of the page begins with. Encoded, a byte can need three.
const LONGEST_FORM: usize = super::FORM_LIMIT / 4;

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
    first_token: Option<String>,
    /// Output tokens in a second, after the first token.
    speed: Option<String>,
    tokens_in: String,
    tokens_out: String,
    cached_tokens: Option<String>,
    reasoning_tokens: Option<String>,
    price: Option<String>,
    price_is_estimate: bool,
    parameters: Vec<(String, String)>,
    tags: Vec<Tag>,
    /// All tags, one a line, if they fit into a form.
    all_tags: Option<String>,
    metadata: Vec<(String, String)>,
    scores: Vec<Score>,
    groups: Vec<i64>,
    prompt: Option<Prompt>,
    input: Vec<Message>,
    output: Vec<Message>,
    tools: Vec<Tool>,
    attributes: Vec<(String, String)>,
    trace: Option<TraceLink>,
    links: Links,
    has_replay: bool,
    refused: Refused,
}

/// The reason why a change was refused, and the submitted form. Both are empty if no change was refused.
#[derive(Default)]
pub(super) struct Refused {
    pub(super) reason: &'static str,
    /// The fields of the form. The field `edit` names the change.
    pub(super) fields: Vec<(String, String)>,
}

/// The trace of a request, and the spans above the span of the request.
struct TraceLink {
    /// `None` if the id of the trace cannot be part of an address.
    address: Option<String>,
    spans: String,
    duration: String,
    /// The names of the spans above, the topmost first, and their addresses.
    above: Vec<(String, String)>,
}

/// The addresses of other pages.
#[derive(Default)]
struct Links {
    /// The list that the request was opened from.
    list: String,
    newer: Option<String>,
    older: Option<String>,
    /// The id of the request before this one with the same name.
    same_name: Option<i64>,
    /// This page with its texts in the other style.
    other_style: String,
    is_raw: bool,
    /// The address that the forms are sent to.
    edit: String,
}

/// A tag, with the address of the requests that have it.
struct Tag {
    text: String,
    address: String,
}

/// The template that a request was made from.
struct Prompt {
    name: String,
    /// The page of the template, unless the name is too long for one.
    address: Option<String>,
    version: Option<i64>,
    variables: Vec<(String, String)>,
}

pub(super) async fn page(
    State(app): State<App>,
    Path(id): Path<String>,
    Query(query): Query<Vec<(String, String)>>,
) -> Response {
    let is_raw = query.iter().any(|(key, value)| key == "raw" && value == "1");
    let parameters = Parameters::new(query);
    let filters = parameters.read(Timestamp::now()).filters;
    let page = app.store().read(move |store| {
        let page = match id.parse() {
            Ok(number) => read(store, number, is_raw, &parameters, &filters)?,
            Err(_) => None,
        };
        Ok::<_, StoreError>(match page {
            Some(page) => html(&page),
            None => not_found(&format!("There is no request {}.", format::short(&id, LONGEST_TAG))),
        })
    });
    page.await.unwrap_or_else(|error| failed(&error))
}

/// Returns the page with the reason why a change was refused, and with what the reader entered.
pub(super) async fn page_with(app: &App, id: i64, parameters: Parameters, refused: Refused) -> Response {
    let filters = parameters.read(Timestamp::now()).filters;
    let page = app.store().read(move |store| {
        let page = read(store, id, false, &parameters, &filters)?;
        Ok::<_, StoreError>(page.map(|page| html(&Page { refused, ..page })))
    });
    match page.await {
        Ok(Some(mut page)) => {
            if page.status().is_success() {
                *page.status_mut() = StatusCode::UNPROCESSABLE_ENTITY;
            }
            page
        }
        Ok(None) => not_found("There is no such request."),
        Err(error) => failed(&error),
    }
}

impl Refused {
    /// Returns the reason if this kind of change was refused.
    fn reason(&self, edit: &str) -> Option<&'static str> {
        (self.field("edit") == edit && !edit.is_empty()).then_some(self.reason)
    }

    /// Returns what the reader entered into a field of a change that was refused.
    fn entered(&self, edit: &str, name: &str) -> &str {
        if self.reason(edit).is_some() { self.field(name) } else { "" }
    }

    fn field(&self, name: &str) -> &str {
        self.fields.iter().find(|(key, _)| key == name).map(|(_, value)| value.as_str()).unwrap_or_default()
    }
}

fn read(
    store: &Reader<'_>,
    id: i64,
    is_raw: bool,
    parameters: &Parameters,
    filters: &[Filter],
) -> rusqlite::Result<Option<Page>> {
    let (Some(request), Some(facts)) = (store.request(id)?, store.facts(id)?) else { return Ok(None) };
    let trace = match (&request.trace_id, request.span_row) {
        (Some(trace_id), Some(row)) => trace_link(store, trace_id, row)?,
        _ => None,
    };
    let attributes = match request.span_row {
        Some(row) => attributes(store.span_attributes(row)?.as_deref().unwrap_or_default()),
        None => Vec::new(),
    };
    let (newer, older) = store.neighbors(filters, parameters.sort(), id)?;
    let at = |id: i64| parameters.address_at(&format!("/requests/{id}"));
    let here = at(id);
    let at_edit = parameters.address_at(&format!("/requests/{id}/edit"));
    let sign = if here.contains('?') { '&' } else { '?' };
    let of_name = [Filter::is(TextField::Name, facts.name.clone())];
    let (_, same_name) = store.neighbors(&of_name, Sort::default(), id)?;
    let links = Links {
        same_name: same_name.filter(|_| !facts.name.is_empty()),
        list: parameters.address(),
        newer: newer.map(at),
        older: older.map(at),
        other_style: if is_raw { here } else { format!("{here}{sign}raw=1") },
        is_raw,
        edit: at_edit,
    };
    let style = if is_raw { TextStyle::Raw } else { TextStyle::Rendered };
    Ok(Some(Page { attributes, trace, links, ..Page::new(request, &facts, style) }))
}

fn trace_link(store: &Reader<'_>, trace_id: &str, row: i64) -> rusqlite::Result<Option<TraceLink>> {
    let Some(facts) = store.trace_facts(trace_id)? else { return Ok(None) };
    let address = trace::address(trace_id);
    let ancestors = store.ancestors(trace_id, row, MOST_ANCESTORS)?;
    let above = ancestors.into_iter().map(|span| {
        let address = address.as_deref().unwrap_or_default();
        (format::short(&span.name, LONGEST_TAG), format!("{address}?span={}#selected", span.row))
    });
    Ok(Some(TraceLink {
        spans: format::count(facts.spans),
        duration: format::duration(facts.duration_ns),
        above: above.collect(),
        address: address.map(|address| format!("{address}?span={row}#selected")),
    }))
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

fn shown_tags(tags: &[String]) -> Vec<Tag> {
    let tag = |tag: &String| Tag {
        text: format::short(tag, LONGEST_TAG),
        address: Parameters::default().with_text("tag", tag),
    };
    let mut shown: Vec<Tag> = tags.iter().take(MOST_TAGS).map(tag).collect();
    if tags.len() > MOST_TAGS {
        shown.push(Tag { text: format!("… {} more", tags.len() - MOST_TAGS), address: "#".to_owned() });
    }
    shown
}

/// Returns the number of output tokens in a second, after the first token.
#[expect(clippy::cast_precision_loss, reason = "shown to three digits")]
fn speed(facts: &RequestRow) -> Option<String> {
    let nanoseconds = facts.duration_ns.checked_sub(facts.first_token_ns.unwrap_or_default())?;
    if facts.output_tokens < 2 || nanoseconds < 1_000_000 {
        return None;
    }
    let speed = facts.output_tokens as f64 / (nanoseconds as f64 / 1e9);
    Some(if speed < 10.0 { format!("{speed:.1}") } else { format!("{speed:.0}") })
}

impl Page {
    fn new(request: StoredRequest, row: &RequestRow, style: TextStyle) -> Self {
        let facts = |map: serde_json::Map<String, serde_json::Value>| -> Vec<(String, String)> {
            pairs(map.into_iter().map(|(name, value)| (name, format::inline(&value))))
        };
        let link = request.link;
        let prompt = link.name.map(|name| (name.clone(), name));
        let prompt = prompt.or_else(|| link.id.map(|id| (format!("template {id}"), id.to_string())));
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
            duration: format::duration(row.duration_ns),
            first_token: row.first_token_ns.map(format::duration),
            speed: speed(row),
            tokens_in: format::count(request.input_tokens),
            tokens_out: format::count(request.output_tokens),
            cached_tokens: row.cached_tokens.map(format::count),
            reasoning_tokens: row.reasoning_tokens.map(format::count),
            price: (row.price > 0.0).then(|| format::price(row.price)),
            price_is_estimate: row.price_is_estimate,
            parameters: facts(request.parameters),
            tags: shown_tags(&request.tags),
            all_tags: Some(request.tags.join("\n")).filter(|tags| tags.len() <= LONGEST_FORM),
            metadata: pairs(
                request.metadata.into_iter().filter(|(key, _)| !METADATA_FACTS.contains(&key.as_str())),
            ),
            scores: request.scores.into_iter().take(MOST_TAGS).map(Score::from).collect(),
            groups: request.groups.into_iter().take(MOST_TAGS).collect(),
            prompt: prompt.map(|(name, identifier)| Prompt {
                name: format::short(&name, LONGEST_NAME),
                address: (identifier.chars().count() <= LONGEST_TEMPLATE_NAME)
                    .then(|| format!("/templates/{}", utf8_percent_encode(&identifier, NON_ALPHANUMERIC))),
                version: link.version,
                variables: facts(link.variables),
            }),
            input: messages(&request.input, "prompt", style),
            output: messages(&request.output, "completion", style),
            tools: tools(&request.input),
            attributes: Vec::new(),
            trace: None,
            links: Links::default(),
            has_replay: HAS_REPLAY,
            refused: Refused::default(),
        }
    }
}
