//! `search_requests`: finds requests by the filters and orders of the list.

use std::fmt::Write as _;

use rmcp::model::JsonObject;
use serde_json::{Map, Value, json};

use super::super::line;
use super::super::search::{Filters, order};
use super::super::terminal::one_line;
use super::text::{named, quoted};
use super::tool::{Answer, Database, Definition, Refusal, number, parameters};
use crate::filters::{FIELDS, Field, Kind, ORDERS, PERIODS, STATUSES, Unit};
use crate::format;
use crate::store::{Filter, Found, PageKey, RequestRow, Side, Sort};
use crate::timestamp::Timestamp;

/// The number of requests that are returned, at most and by default.
const MOST: usize = 100;
const DEFAULT: usize = 20;

/// The parameter that the page calls `q`.
const WORDS: &str = "words";

pub(super) const TOOL: Definition = Definition {
    name: "search_requests",
    title: "Search logged requests",
    description: "Finds logged calls to language models. Without arguments, returns the newest. All filters that are \
        given must be fulfilled. Returns for each request its id, time (RFC 3339, UTC), latency_ms and \
        time_to_first_token_ms (milliseconds), model, status, tokens, price (US dollars; price_is_estimate if the \
        program logged none), tags, scores, and the first 200 characters of the prompt (input) and of the answer \
        (output). Also returns figures of all requests that were found, and next_cursor if there are more: repeat the \
        call with it as cursor and the same other arguments. Read a whole request with get_request.",
    parameters: schemas,
    required: &[],
    run,
};

fn schemas() -> Map<String, Value> {
    let mut schemas: Map<String, Value> =
        FIELDS.iter().map(|field| (parameter(field).to_owned(), schema(field))).collect();
    let orders: Vec<&str> = ORDERS.iter().map(|(name, _)| *name).collect();
    schemas.extend(parameters([
        (
            "sort",
            json!({
                "type": "string", "enum": orders, "default": "time",
                "description": "What the requests are sorted by. The newest, slowest, longest or most expensive is first.",
            }),
        ),
        (
            "ascending",
            json!({ "type": "boolean", "default": false, "description": "Reverses the order: the oldest or smallest first." }),
        ),
        (
            "limit",
            json!({
                "type": "integer", "minimum": 1, "maximum": MOST, "default": DEFAULT,
                "description": "The maximum number of requests to return.",
            }),
        ),
        (
            "cursor",
            json!({
                "type": "string",
                "description": "next_cursor of the page before. Give the same filters and the same sort as there.",
            }),
        ),
    ]));
    schemas
}

/// Returns the name of the parameter for a filter.
fn parameter(field: &Field) -> &'static str {
    if field.key == "q" { WORDS } else { field.key }
}

fn schema(field: &Field) -> Value {
    let text = |description: String| json!({ "type": "string", "description": description });
    let values = |values: &[(&'static str, &str)]| -> Vec<&'static str> {
        values.iter().map(|(value, _)| *value).collect()
    };
    let list = |description: &str| json!({ "type": "array", "items": { "type": "string" }, "description": description });
    let part = "A whole text, which must be equal, or a part of it with * in place of the rest";
    match field.kind {
        Kind::Words(side) => text(format!(
            "The {} must have all of these words, in any order. Upper and lower case and accents make no difference. \
             A word of at least three letters with * at its end can be the beginning of a longer one.",
            match side {
                Side::Both => "prompt or the answer",
                Side::Input => "prompt",
                Side::Output => "answer",
            }
        )),
        Kind::Text(_) => text(format!("{}. {part}, such as {}.", field.label, field.hint)),
        Kind::Tag => list("The request must have all of these tags. Each can have * in place of a part."),
        Kind::Metadata => list(
            "Metadata that the request must have, each as key=value or as key alone, such as user=42. The value can \
             have * in place of a part.",
        ),
        Kind::Status | Kind::HasErrors => json!({
            "type": "string", "enum": values(STATUSES), "description": "The status that was logged.",
        }),
        Kind::When => json!({
            "type": "string", "enum": values(PERIODS),
            "description": "When the call started: a period that ends now, or a day in the time zone of this machine.",
        }),
        Kind::Since | Kind::Until => text(format!(
            "The call started {} this date or time, such as {}: RFC 3339, in the time zone of this machine unless it \
             ends with an offset such as Z.",
            if field.kind == Kind::Since { "at or after" } else { "before" },
            field.hint
        )),
        Kind::Score => text(
            "A score, which is an integer from 0 to 100: any of the request (<50), or one with a name (helpful>=80)."
                .to_owned(),
        ),
        Kind::Amount(_, unit) => {
            let (what, unit) = match unit {
                Unit::Duration if field.key == "first" => ("Time to the first token", "s (the default), ms or min"),
                Unit::Duration => ("Duration of the call", "s (the default), ms or min"),
                Unit::Count => ("Tokens of the prompt and the answer together", "tokens"),
                Unit::Dollars => ("Price", "US dollars"),
            };
            let example = field.hint.split(" or ").next().unwrap_or_default();
            text(format!(
                "{what}, in {unit}, as a bound such as {example} or as a range such as 1..2. A number without a sign is \
                 the minimum."
            ))
        }
        Kind::Group | Kind::SpanName => {
            json!({ "type": "integer", "description": "The id of a group that the request belongs to." })
        }
    }
}

fn run(database: &Database, arguments: JsonObject) -> Result<Answer, Refusal> {
    let query = Query::read(arguments)?;
    let from = query.cursor.as_deref().map(|cursor| position(cursor, query.sort)).transpose()?;
    let (found, unindexed) = database.read(|store| {
        let found = store.find_requests(&query.filters, query.sort, from.as_ref(), query.limit)?;
        Ok((found, store.unindexed()?))
    })?;
    let unsearched = if query.filters.iter().any(Filter::has_words) { unindexed } else { 0 };
    Ok(answer(&found, query.sort, unsearched))
}

/// The arguments of a call.
struct Query {
    filters: Vec<Filter>,
    sort: Sort,
    limit: usize,
    cursor: Option<String>,
}

impl Query {
    fn read(arguments: JsonObject) -> Result<Self, Refusal> {
        let mut pairs = Vec::new();
        let (mut limit, mut cursor) = (DEFAULT, None);
        for (name, value) in arguments {
            let wrong = |expected: &str| {
                Refusal(format!("{name} must be {expected}, found {}", format::inline(&value)))
            };
            match name.as_str() {
                _ if value.is_null() => {}
                "limit" => {
                    let value = crate::integer::read(&value).ok_or_else(|| wrong("an integer"))?;
                    limit = number("limit", Some(value), 1..=MOST, DEFAULT)?;
                }
                "cursor" => cursor = Some(value.as_str().ok_or_else(|| wrong("a text"))?.to_owned()),
                "ascending" => {
                    if value.as_bool().ok_or_else(|| wrong("true or false"))? {
                        pairs.push(("order".to_owned(), "asc".to_owned()));
                    }
                }
                "sort" => {
                    let sort = value.as_str().ok_or_else(|| wrong("a text"))?;
                    pairs.push((
                        "sort".to_owned(),
                        order(sort).map_err(|problem| Refusal(format!("sort: {problem}")))?,
                    ));
                }
                other => {
                    let Some(field) = FIELDS.iter().find(|field| parameter(field) == other) else {
                        return Err(unknown(other));
                    };
                    let values = match &value {
                        Value::Array(values) => values.as_slice(),
                        one => std::slice::from_ref(one),
                    };
                    for one in values {
                        let text = match one {
                            Value::String(text) => text.clone(),
                            Value::Number(number) => number.to_string(),
                            _ => return Err(wrong("a text")),
                        };
                        pairs.push((field.key.to_owned(), text));
                    }
                }
            }
        }
        let filters = Filters::new(pairs).read(Timestamp::now());
        let (filters, sort) = filters.map_err(|problem| Refusal(problem.to_string()))?;
        Ok(Self { filters, sort, limit, cursor })
    }
}

fn unknown(name: &str) -> Refusal {
    let filters: Vec<&str> = FIELDS.iter().map(parameter).collect();
    Refusal(format!(
        "There is no parameter {}. The parameters are {}, sort, ascending, limit and cursor.",
        named(name),
        filters.join(", ")
    ))
}

/// Returns a cursor for the page after a position. It names the order, because a position has a meaning in one order only.
fn cursor(position: &PageKey, sort: Sort) -> String {
    format!("{}:{position}", order_name(sort))
}

/// Parses a cursor of a list in this order.
fn position(cursor: &str, sort: Sort) -> Result<PageKey, Refusal> {
    let (order, position) = cursor.split_once(':').unwrap_or((cursor, ""));
    let key = (order == order_name(sort)).then(|| PageKey::parse(position, sort.by)).flatten();
    key.ok_or_else(|| {
        Refusal(format!(
            "The cursor {} is not one of a list in this order ({}). Give next_cursor of the page before with the same \
             sort and ascending, or leave it out to begin at the first page.",
            named(cursor),
            order_name(sort)
        ))
    })
}

fn order_name(sort: Sort) -> String {
    let name = ORDERS.iter().find(|(_, by)| *by == sort.by).map_or("time", |(name, _)| *name);
    format!("{name}-{}", if sort.descending { "desc" } else { "asc" })
}

fn answer(found: &Found, sort: Sort, unsearched: usize) -> Answer {
    let figures = &found.figures;
    // Reading stops after many requests that do not fulfill the filters. The next page then begins where it stopped.
    let next =
        found.links.next.as_ref().or(found.links.unread.as_ref()).map(|position| cursor(position, sort));
    let structured = json!({
        "requests": found.rows.iter().map(line::json).collect::<Vec<_>>(),
        "found": {
            "requests": figures.requests,
            "is_complete": figures.are_complete,
            "errors": figures.errors,
            "input_tokens": figures.input_tokens,
            "output_tokens": figures.output_tokens,
            "price": figures.price,
            "latency_p50_ms": line::milliseconds(figures.p50_ns),
            "latency_p95_ms": line::milliseconds(figures.p95_ns),
        },
        "stored_requests": found.stored,
        "unsearched_requests": unsearched,
        "next_cursor": next,
    });
    let mut text = match figures.requests {
        0 => format!("No request was found; {} are stored.\n", format::count(found.stored)),
        requests => format!(
            "{} of {}{} requests; {} errors, half within {}, 95 % within {}, {}.\n",
            found.rows.len(),
            if figures.are_complete { "" } else { "more than " },
            format::size(requests),
            format::size(figures.errors),
            format::duration(figures.p50_ns),
            format::duration(figures.p95_ns),
            format::price(figures.price),
        ),
    };
    if unsearched > 0 {
        // Writing to a string cannot fail.
        let _ = writeln!(
            text,
            "The newest {unsearched} requests were not searched for words: a server has not indexed them yet."
        );
    }
    for row in &found.rows {
        text.push_str(&row_text(row));
    }
    if let Some(cursor) = &next {
        text.push_str(match found.links.unread {
            None => "More: repeat the call with cursor ",
            Some(_) => "Not all requests were read. To go on, repeat the call with cursor ",
        });
        text.push_str(cursor);
        text.push('\n');
    }
    Answer { text, structured }
}

fn row_text(row: &RequestRow) -> String {
    let error = row.error_type.as_deref().map(|kind| format!(" ({})", one_line(kind))).unwrap_or_default();
    let about = if row.price_is_estimate { "about " } else { "" };
    let tags = if row.tags.is_empty() {
        String::new()
    } else {
        format!(", tags {}", row.tags.iter().map(|tag| named(tag)).collect::<Vec<_>>().join(" "))
    };
    format!(
        "\nrequest {}: {} {}{error}, name {}, model {}, {}, {} tokens, {about}{}{tags}\n{}{}",
        row.id,
        row.start,
        row.status,
        named(&row.name),
        named(&row.model),
        format::duration(row.duration_ns),
        format::count(row.input_tokens.saturating_add(row.output_tokens)),
        format::price(row.price),
        quoted(&format!("prompt: {}", one_line(&row.input_preview))),
        quoted(&format!("answer: {}", one_line(&row.output_preview))),
    )
}
