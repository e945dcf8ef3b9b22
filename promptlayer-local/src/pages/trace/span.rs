//! One span with all its data. The page of a trace shows it in a panel beside the waterfall.

use std::collections::BTreeMap;

use askama::Template;
use axum::extract::{Path, State};
use axum::response::Response;
use serde_json::value::RawValue;

use super::super::{failed, format, html, not_found};
use super::{LONGEST_NAME, address, with_parameters};
use crate::app::App;
use crate::store::{Reader, StoreError, StoredSpan};
use crate::timestamp::Timestamp;
use crate::trace_tree::{self, Show};

/// The maximum number of characters that the page shows of an input, an output, an error or a stack trace, and of
/// another value.
const LONGEST_CONTENT: usize = 20_000;
const LONGEST_VALUE: usize = 4_000;

/// The maximum number of key-value pairs of one kind, and of events or links.
const MOST_PAIRS: usize = 300;
const MOST_EVENTS: usize = 100;

/// The maximum number of bytes of a JSON text that is indented. A longer text is shown as it is.
const LONGEST_INDENTED: usize = 256 * 1024;

/// The number of characters from which a value has a block of its own.
const LONGEST_ON_LINE: usize = 60;

/// The fields of a JSON object, each as the text that was sent.
type Fields = BTreeMap<String, Box<RawValue>>;

#[derive(Template)]
#[template(path = "span.html")]
struct Page {
    /// The address of the trace with this span selected.
    trace: String,
    name: String,
    kind: Option<String>,
    failed: bool,
    is_ok: bool,
    unfinished: bool,
    error: Option<String>,
    request_id: Option<i64>,
    parent: Option<Link>,
    time: String,
    datetime: Timestamp,
    duration: String,
    trace_id: String,
    span_id: String,
    parent_id: Option<String>,
    span_kind: String,
    trace_state: String,
    input: Option<String>,
    output: Option<String>,
    events: Vec<Event>,
    attributes: Vec<Pair>,
    links: Vec<SpanLink>,
    resource: Vec<Pair>,
    /// The number of events and links that are not shown.
    more_events: usize,
    more_links: usize,
}

struct Link {
    text: String,
    address: String,
}

/// A name with its value. `is_block` is `true` if the value is long or has several lines.
struct Pair {
    name: String,
    value: String,
    is_block: bool,
}

struct Event {
    name: String,
    /// The time since the span started.
    after: Option<String>,
    /// The type and the message of an exception.
    exception: Option<String>,
    stack_trace: Option<String>,
    pairs: Vec<Pair>,
}

/// A link to another span.
struct SpanLink {
    trace_id: String,
    span_id: String,
    /// The page of the other trace, if it is stored.
    address: Option<String>,
    pairs: Vec<Pair>,
}

pub(in crate::pages) async fn page(
    State(app): State<App>,
    Path((trace_id, row)): Path<(String, String)>,
) -> Response {
    let page = app.store().read(move |store| {
        let span = match row.parse() {
            Ok(row) => store.span(&trace_id, row)?,
            Err(_) => None,
        };
        Ok::<_, StoreError>(match span {
            Some(span) => html(&Page::read(store, span)?),
            None => not_found("There is no such span in this trace."),
        })
    });
    page.await.unwrap_or_else(|error| failed(&error))
}

impl Page {
    fn read(store: &Reader<'_>, span: StoredSpan) -> rusqlite::Result<Self> {
        let trace = address(&span.trace_id).unwrap_or_default();
        let parent = store.ancestors(&span.trace_id, span.id, 1)?.pop().map(|parent| Link {
            text: format::short(&parent.name, LONGEST_NAME),
            address: format!("{trace}/spans/{}", parent.row),
        });
        let mut attributes = fields(&span.attributes);
        let mut content = |key: &str| attributes.remove(key).map(|value| readable(&value, LONGEST_CONTENT));
        let (input, output) = (content("function_input"), content("function_output"));
        let node_type = attributes.get("node_type").map(AsRef::as_ref);
        let kind = trace_tree::kind("", node_type);

        let (events, more_events) = list(&span.events);
        let (links, more_links) = list(&span.links);
        let links = links.into_iter().map(|link| SpanLink::read(store, link));
        let text = |text: &str| format::short(text, LONGEST_NAME);
        Ok(Self {
            name: text(&span.name),
            kind,
            failed: span.status.status_code == "StatusCode.ERROR",
            is_ok: span.status.status_code == "StatusCode.OK",
            unfinished: span.unfinished,
            error: span
                .status
                .description
                .filter(|text| !text.is_empty())
                .map(|text| format::cut(&text, LONGEST_CONTENT)),
            request_id: span.request_id,
            parent,
            time: format::time(span.start),
            datetime: span.start,
            duration: format::duration(span.end.nanoseconds().saturating_sub(span.start.nanoseconds())),
            trace_id: text(&span.trace_id),
            span_id: text(&span.span_id),
            parent_id: span.parent_id.as_deref().filter(|id| !id.is_empty()).map(text),
            span_kind: text(span.kind.strip_prefix("SpanKind.").unwrap_or(&span.kind)),
            trace_state: text(&span.trace_state),
            input,
            output,
            events: events.into_iter().map(|event| Event::new(event, span.start)).collect(),
            attributes: pairs(attributes),
            links: links.collect::<rusqlite::Result<_>>()?,
            resource: resource(&span.resource),
            more_events,
            more_links,
            trace: with_parameters(&trace, Show::All, None, Some(span.id)),
        })
    }
}

impl Event {
    fn new(mut event: Fields, start: Timestamp) -> Self {
        let name = take_text(&mut event, "name").unwrap_or_default();
        let after = event
            .get("timestamp")
            .and_then(|at| format::inline_raw(at).parse::<i64>().ok())
            .map(|at| at.saturating_sub(start.nanoseconds()));
        if after.is_some() {
            event.remove("timestamp");
        }
        let mut attributes = event.remove("attributes").map(|value| fields(&value)).unwrap_or_default();
        let exception =
            [take_text(&mut attributes, "exception.type"), take_text(&mut attributes, "exception.message")];
        let exception: Vec<String> =
            exception.into_iter().flatten().filter(|text| !text.is_empty()).collect();
        let stack_trace = take_text(&mut attributes, "exception.stacktrace");
        event.append(&mut attributes);
        Self {
            name: format::short(&name, LONGEST_NAME),
            after: after.map(|after| match after {
                0.. => format!("+{}", format::duration(after)),
                _ => format!("−{}", format::duration(after.saturating_neg())),
            }),
            exception: (!exception.is_empty()).then(|| format::cut(&exception.join(": "), LONGEST_CONTENT)),
            stack_trace: stack_trace
                .filter(|text| !text.is_empty())
                .map(|text| format::cut(&text, LONGEST_CONTENT)),
            pairs: pairs(event),
        }
    }
}

impl SpanLink {
    fn read(store: &Reader<'_>, mut link: Fields) -> rusqlite::Result<Self> {
        // SDKs send the ids in an object `context` or beside the attributes.
        let mut context = link.remove("context").map(|value| fields(&value)).unwrap_or_default();
        let mut id = |key: &str| take_text(&mut context, key).or_else(|| take_text(&mut link, key));
        let trace_id = id("trace_id").unwrap_or_default();
        let span_id = id("span_id").unwrap_or_default();
        let mut attributes = link.remove("attributes").map(|value| fields(&value)).unwrap_or_default();
        link.append(&mut context);
        link.append(&mut attributes);
        let is_stored = store.trace_facts(&trace_id)?.is_some();
        Ok(Self {
            address: address(&trace_id).filter(|_| is_stored),
            trace_id: format::short(&trace_id, LONGEST_NAME),
            span_id: format::short(&span_id, LONGEST_NAME),
            pairs: pairs(link),
        })
    }
}

/// Parses an object. Any other value has no fields.
fn fields(json: &RawValue) -> Fields {
    serde_json::from_str(json.get()).unwrap_or_default()
}

/// Parses a list of objects. Returns the first ones, and the number of those that are left out.
fn list(json: &RawValue) -> (Vec<Fields>, usize) {
    let all: Vec<&RawValue> = serde_json::from_str(json.get()).unwrap_or_default();
    let shown = all.iter().take(MOST_EVENTS).map(|item| fields(item)).collect();
    (shown, all.len().saturating_sub(MOST_EVENTS))
}

/// Returns the attributes of a resource, and its other fields if they are not empty.
fn resource(json: &RawValue) -> Vec<Pair> {
    let mut resource = fields(json);
    let mut attributes = resource.remove("attributes").map(|value| fields(&value)).unwrap_or_default();
    resource.retain(|_, value| value.get() != "\"\"");
    attributes.append(&mut resource);
    pairs(attributes)
}

/// Removes a field and returns its text.
fn take_text(fields: &mut Fields, key: &str) -> Option<String> {
    fields.remove(key).map(|value| format::inline_raw(&value))
}

/// Formats fields for people, and replaces those beyond the limit with their number.
fn pairs(fields: Fields) -> Vec<Pair> {
    let more = fields.len().saturating_sub(MOST_PAIRS);
    let mut pairs: Vec<Pair> = fields
        .into_iter()
        .take(MOST_PAIRS)
        .map(|(name, value)| {
            let value = readable(&value, LONGEST_VALUE);
            Pair {
                name: format::short(&name, LONGEST_NAME),
                is_block: value.contains('\n') || value.chars().nth(LONGEST_ON_LINE).is_some(),
                value,
            }
        })
        .collect();
    if more > 0 {
        pairs.push(Pair { name: "…".to_owned(), value: format!("{more} more"), is_block: false });
    }
    pairs
}

/// Formats a value for people, and shortens it. JSON inside a text is indented too.
fn readable(value: &RawValue, characters: usize) -> String {
    let text = format::inline_raw(value);
    if text.len() > LONGEST_INDENTED {
        return format::cut(&text, characters);
    }
    format::cut(&format::readable(&text), characters)
}
