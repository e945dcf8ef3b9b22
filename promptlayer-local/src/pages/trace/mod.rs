//! Shows traces.
//!
//! - This file: one trace as a waterfall. Each span has a line with a bar for its time.
//! - `axis`: the marks of the time axis.
//! - `bar`: the bar of a span.
//! - `list`: the list of traces.
//! - `span`: one span with all its data.
//!
//! The tree of `trace_tree` is built from all spans, without their content. The page then reads the details of the
//! spans that it shows: one part of the tree, below the ancestors of its first span.

mod axis;
mod bar;
pub(super) mod list;
pub(super) mod span;

use askama::Template;
use axum::extract::{Path, Query, State};
use axum::response::Response;
use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, utf8_percent_encode};

use self::axis::Tick;
use super::list::{Fact, Status};
use super::{failed, format, html, not_found};
use crate::app::App;
use crate::store::{Reader, SpanDetails, SpanNode, StoreError, TraceRow};
use crate::timestamp::Timestamp;
use crate::trace_tree::{self, Parts, Place, Show, Sums, critical_path};

/// The maximum number of spans on a page. Further spans are on other parts of the trace.
const MOST: usize = 5_000;

/// The maximum indentation level. Spans that are nested deeper have this level too.
const DEEPEST: usize = 16;

/// The maximum number of characters that a page shows of a name, and of an error in a line.
const LONGEST_NAME: usize = 200;
const LONGEST_ERROR: usize = 160;

/// The minimum length of a bar with a mark of the first token, in thousandths. The mark would cover a shorter one.
const SHORTEST_MARKED: i64 = 10;

/// The maximum number of bytes of a trace id in an address.
const LONGEST_ID: usize = 256;

/// The characters that stay as they are in a segment of a path.
const SEGMENT: &AsciiSet = &NON_ALPHANUMERIC.remove(b'-').remove(b'_').remove(b'.').remove(b'~');

#[derive(Template)]
#[template(path = "trace.html")]
struct Page {
    id: String,
    address: String,
    name: String,
    service: String,
    status: Status,
    time: String,
    datetime: Timestamp,
    figures: Vec<Fact>,
    views: Vec<View>,
    ticks: Vec<Tick>,
    lines: Vec<Line>,
    /// The other parts, if there are any.
    parts: Option<PartLinks>,
}

/// A choice of the spans that are shown.
struct View {
    label: &'static str,
    count: String,
    address: String,
    is_current: bool,
}

/// The links to the parts of a trace.
struct PartLinks {
    range: String,
    earlier: Option<String>,
    later: Option<String>,
    /// The part with the selected span, if it is another one.
    selected: Option<String>,
}

/// A span as a line of the waterfall.
#[expect(clippy::struct_excessive_bools, reason = "independent marks of a line")]
struct Line {
    row: i64,
    /// The depth, and the marks of the line, as CSS classes.
    classes: String,
    name: String,
    kind: Option<String>,
    duration: String,
    tokens: Option<String>,
    cost: Option<String>,
    cost_is_estimate: bool,
    /// The begin and the length of the bar, and the mark of the first token, in percent of the trace's duration.
    begin: String,
    length: String,
    first_token: Option<String>,
    failed: bool,
    failed_below: bool,
    unfinished: bool,
    is_current: bool,
    error: Option<String>,
    request_id: Option<i64>,
    /// The number of the following lines that are below this one.
    below: usize,
}

/// The parameters of the page of a trace.
#[derive(Default)]
struct Selection {
    show: Option<Show>,
    part: Option<usize>,
    /// The row id of the selected span.
    span: Option<i64>,
}

/// The times and the marks that all lines of a page are made from.
struct Context<'a> {
    sums: &'a [Sums],
    is_critical: &'a [bool],
    /// The begin and the end of the trace.
    whole: (i64, i64),
    selected: Option<i64>,
}

pub(super) async fn page(
    State(app): State<App>,
    Path(trace_id): Path<String>,
    Query(query): Query<Vec<(String, String)>>,
) -> Response {
    let selection = Selection::of(&query);
    let page = app.store().read(move |store| {
        Ok::<_, StoreError>(match Page::read(store, &trace_id, &selection)? {
            Some(page) => html(&page),
            None => not_found(&format!("There is no trace {}.", format::short(&trace_id, LONGEST_NAME))),
        })
    });
    page.await.unwrap_or_else(|error| failed(&error))
}

/// Returns the address of the page of a trace, or `None` if its id cannot be part of an address.
pub(super) fn address(trace_id: &str) -> Option<String> {
    let is_usable = !trace_id.is_empty() && trace_id.len() <= LONGEST_ID;
    is_usable.then(|| format!("/traces/{}", utf8_percent_encode(trace_id, SEGMENT)))
}

impl Selection {
    fn of(query: &[(String, String)]) -> Self {
        let mut selection = Self::default();
        for (key, value) in query {
            match key.as_str() {
                "show" => {
                    selection.show = View::ALL.iter().find(|(_, _, key)| key == value).map(|view| view.0);
                }
                "part" => selection.part = value.parse().ok(),
                "span" => selection.span = value.parse().ok(),
                _ => {}
            }
        }
        selection
    }
}

impl Page {
    fn read(store: &Reader<'_>, trace_id: &str, selection: &Selection) -> rusqlite::Result<Option<Self>> {
        let nodes = store.trace_nodes(trace_id)?;
        let Some(facts) = store.trace_facts(trace_id)?.filter(|_| !nodes.is_empty()) else {
            return Ok(None);
        };
        let address = address(trace_id).unwrap_or_default();
        let show = selection.show.unwrap_or(Show::All);

        let order = trace_tree::in_tree_order(&nodes);
        let sums = trace_tree::sums(&nodes, &order);
        let is_critical = critical_path::critical_path(&nodes, &order);
        let total = trace_tree::total(&order, &sums);
        let (begin, end) = trace_tree::times(&nodes);

        let order = trace_tree::filtered(&nodes, order, show);
        let shown = trace_tree::select(&order, MOST, selection.part, |place| {
            nodes.get(place.index).is_some_and(|node| Some(node.row) == selection.span)
        });
        let shown_nodes: Vec<(&SpanNode, Place)> =
            shown.places.iter().filter_map(|place| Some((nodes.get(place.index)?, *place))).collect();
        let details = store.span_details(shown_nodes.iter().map(|(node, _)| node.row))?;
        let context =
            Context { sums: &sums, is_critical: &is_critical, whole: (begin, end), selected: selection.span };
        let lines: Vec<Line> = shown_nodes
            .into_iter()
            .zip(details)
            .zip(trace_tree::counts_below(&shown.places))
            .enumerate()
            .map(|(number, (((node, place), details), below))| {
                context.line(node, place, details, below, number < shown.above)
            })
            .collect();
        let duration = end.saturating_sub(begin);
        let is_open = lines.iter().any(|line| line.unfinished);
        Ok(Some(Self {
            id: format::short(trace_id, LONGEST_NAME),
            name: format::short(&facts.name, LONGEST_NAME),
            service: format::short(&facts.service, LONGEST_NAME),
            status: Status::of_trace(&facts).while_open(is_open),
            time: format::time(Timestamp::from_nanoseconds(begin)),
            datetime: Timestamp::from_nanoseconds(begin),
            figures: figures(&facts, &total, duration),
            views: View::all(&address, show, &total),
            ticks: axis::ticks(duration),
            lines,
            parts: shown.parts.map(|parts| PartLinks::new(&parts, &address, show, selection.span)),
            address,
        }))
    }

    fn is_filtered(&self) -> bool {
        self.views.iter().skip(1).any(|view| view.is_current)
    }
}

fn figures(facts: &TraceRow, total: &Sums, duration: i64) -> Vec<Fact> {
    let fact = |label, value| Fact { label, value, class: "" };
    let mut figures = vec![
        fact("duration", format::duration(duration)),
        fact("spans", format::count(total.spans)),
        fact("requests", format::count(total.requests)),
        Fact {
            label: "errors",
            value: format::count(total.errors),
            class: if total.errors > 0 { "bad" } else { "" },
        },
    ];
    if total.requests > 0 {
        let about = if facts.price_is_estimate { "≈ " } else { "" };
        figures.extend([
            fact("tokens in", format::count(total.input_tokens)),
            fact("tokens out", format::count(total.output_tokens)),
            fact("cost", format!("{about}{}", format::price(total.price))),
        ]);
    }
    figures
}

/// Appends the parameters that are not the default to the address of a trace.
fn with_parameters(address: &str, show: Show, part: Option<usize>, span: Option<i64>) -> String {
    let mut address = address.to_owned();
    let show = View::ALL.iter().find(|(other, _, key)| *other == show && !key.is_empty());
    let parameters = [
        show.map(|(_, _, key)| format!("show={key}")),
        part.map(|part| format!("part={part}")),
        span.map(|span| format!("span={span}")),
    ];
    for (index, parameter) in parameters.into_iter().flatten().enumerate() {
        address.push(if index == 0 { '?' } else { '&' });
        address.push_str(&parameter);
    }
    address
}

impl View {
    /// All views: their label, and the value of the parameter `show`.
    const ALL: [(Show, &'static str, &'static str); 3] = [
        (Show::All, "All spans", ""),
        (Show::Errors, "Errors", "errors"),
        (Show::Requests, "Requests", "requests"),
    ];

    fn all(address: &str, current: Show, total: &Sums) -> Vec<Self> {
        Self::ALL
            .into_iter()
            .map(|(show, label, _)| Self {
                label,
                count: format::count(match show {
                    Show::All => total.spans,
                    Show::Errors => total.errors,
                    Show::Requests => total.requests,
                }),
                address: with_parameters(address, show, None, None),
                is_current: show == current,
            })
            .collect()
    }
}

impl PartLinks {
    fn new(parts: &Parts, address: &str, show: Show, selected: Option<i64>) -> Self {
        let part = |number: usize| with_parameters(address, show, Some(number), selected);
        Self {
            range: parts.range.clone(),
            earlier: parts.earlier.map(part),
            later: parts.later.map(part),
            selected: parts
                .is_elsewhere
                .then(|| format!("{}#selected", with_parameters(address, show, None, selected))),
        }
    }
}

impl Context<'_> {
    fn line(
        &self,
        node: &SpanNode,
        place: Place,
        details: SpanDetails,
        below: usize,
        is_above: bool,
    ) -> Line {
        let sums = self.sums.get(place.index).cloned().unwrap_or_default();
        let failed_below = sums.errors > i64::from(node.failed);
        let is_current = self.selected == Some(node.row);
        let mut classes = format!("d{}", place.depth.min(DEEPEST));
        for (is_set, class) in [
            (node.failed, " failed"),
            (self.is_critical.get(place.index) == Some(&true), " critical"),
            (is_current, " current"),
            (is_above, " above"),
        ] {
            if is_set {
                classes.push_str(class);
            }
        }
        let (begin, length) = bar::position(node, self.whole);
        let first_token = node.request.as_ref().and_then(|request| request.first_token);
        let error = details.description.filter(|text| node.failed && !text.is_empty());
        Line {
            row: node.row,
            classes,
            name: format::short(&details.name, LONGEST_NAME),
            kind: trace_tree::kind(&details.kind, details.node_type.as_deref()),
            duration: format::duration(node.end.nanoseconds().saturating_sub(node.start.nanoseconds())),
            tokens: (sums.requests > 0)
                .then(|| format::count(sums.input_tokens.saturating_add(sums.output_tokens))),
            cost: (sums.price > 0.0).then(|| format::price(sums.price)),
            cost_is_estimate: sums.price_is_estimate,
            begin: percent(begin),
            length: percent(length),
            first_token: first_token
                .filter(|at| length >= SHORTEST_MARKED && *at > node.start && *at < node.end)
                .map(|at| percent(bar::thousandths(at, self.whole))),
            failed: node.failed,
            failed_below,
            unfinished: details.unfinished,
            is_current,
            error: error.map(|text| format::short(&text, LONGEST_ERROR)),
            request_id: node.request.as_ref().map(|request| request.id),
            below,
        }
    }
}

/// Formats thousandths in percent: `12.5%`.
fn percent(thousandths: i64) -> String {
    match thousandths % 10 {
        0 => format!("{}%", thousandths / 10),
        tenth => format!("{}.{tenth}%", thousandths / 10),
    }
}
