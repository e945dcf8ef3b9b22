//! The list of traces.

use askama::Template;
use axum::extract::{Query, State};
use axum::response::Response;

use super::super::filters::{Parameters, TRACES};
use super::super::form::FilterForm;
use super::super::list::{Fact, PageLinks, Status};
use super::super::{failed, format, html, not_found};
use super::address;
use crate::app::App;
use crate::store::{Figures, FoundTraces, PageKey, SortBy, StoreError, TraceRow};
use crate::timestamp::Timestamp;

/// The number of traces on a page.
const PER_PAGE: usize = 50;

/// The maximum number of characters that the list shows of a name, and of the name of a service.
const LONGEST_NAME: usize = 120;
const LONGEST_SERVICE: usize = 60;

#[derive(Template)]
#[template(path = "traces.html")]
struct List {
    url: String,
    /// The number of all stored traces.
    stored: String,
    is_empty: bool,
    form: FilterForm,
    summary: Vec<Fact>,
    note: Option<String>,
    /// The number of traces that were read if reading stopped before the page was full.
    searched: String,
    rows: Vec<Row>,
    links: PageLinks,
}

struct Row {
    id: i64,
    /// `None` if the id of the trace cannot be part of an address.
    address: Option<String>,
    name: String,
    service: String,
    time: String,
    datetime: Timestamp,
    duration: String,
    spans: String,
    requests: String,
    errors: Option<String>,
    tokens: Option<(String, String)>,
    price: Option<String>,
    price_is_estimate: bool,
    status: Status,
}

pub(in crate::pages) async fn page(
    State(app): State<App>,
    Query(query): Query<Vec<(String, String)>>,
) -> Response {
    let before = query.iter().find(|(key, _)| key == "before").map(|(_, text)| text.clone());
    let parameters = Parameters::of_traces(query);
    let before = match before.map(|text| PageKey::parse(&text, SortBy::Start)) {
        None => None,
        Some(Some(key)) => Some(key),
        Some(None) => return not_found("The address of this page is incomplete."),
    };
    let (filter, problems) = parameters.read_traces(Timestamp::now());
    let url = app.url().to_owned();
    let page = app.store().read(move |store| {
        let found = store.find_traces(&filter, before.as_ref(), PER_PAGE)?;
        let form = FilterForm::read(store, &parameters, TRACES, problems)?;
        Ok::<_, StoreError>(html(&List::new(url, form, &parameters, before.as_ref(), found)))
    });
    page.await.unwrap_or_else(|error| failed(&error))
}

impl List {
    fn new(
        url: String,
        form: FilterForm,
        parameters: &Parameters,
        before: Option<&PageKey>,
        found: FoundTraces,
    ) -> Self {
        let is_filtered = form.is_filtered();
        Self {
            url,
            stored: format::count(found.stored),
            is_empty: found.stored == 0,
            form,
            summary: summary(&found.figures, found.stored, is_filtered),
            note: note(&found.figures, is_filtered),
            searched: format::size(found.links.searched),
            links: PageLinks::new(parameters, before, &found.links),
            rows: found.rows.into_iter().map(Row::from).collect(),
        }
    }
}

fn summary(figures: &Figures, stored: i64, is_filtered: bool) -> Vec<Fact> {
    let count = |number: usize| format::count(number.try_into().unwrap_or(i64::MAX));
    let traces = match (is_filtered, figures.are_complete) {
        (false, _) => format::count(stored),
        (true, true) => count(figures.requests),
        (true, false) => format!("{}+", count(figures.requests)),
    };
    let fact = |label, value| Fact { label, value, class: "" };
    let mut facts = vec![fact("traces", traces)];
    if figures.requests > 0 {
        let errors = Fact {
            label: "with errors",
            value: format::share(figures.errors, figures.requests),
            class: if figures.errors > 0 { "bad" } else { "" },
        };
        facts.extend([
            errors,
            fact("p50", format::duration(figures.p50_ns)),
            fact("p95", format::duration(figures.p95_ns)),
            fact("tokens in", format::count(figures.input_tokens)),
            fact("tokens out", format::count(figures.output_tokens)),
            fact("cost", format::price(figures.price)),
        ]);
    }
    facts
}

/// Says which traces the figures count, if these are not all.
fn note(figures: &Figures, is_filtered: bool) -> Option<String> {
    if figures.are_complete || figures.requests == 0 {
        return None;
    }
    let traces = format::count(figures.requests.try_into().unwrap_or(i64::MAX));
    let these = if is_filtered { " of these traces" } else { "" };
    Some(format!("The figures are of the newest {traces}{these}."))
}

impl From<TraceRow> for Row {
    fn from(row: TraceRow) -> Self {
        Self {
            id: row.id,
            address: row.trace_id.as_deref().and_then(address),
            status: Status::of_trace(&row),
            name: format::short(&row.name, LONGEST_NAME),
            service: format::short(&row.service, LONGEST_SERVICE),
            time: format::time(row.start),
            datetime: row.start,
            duration: format::duration(row.duration_ns),
            spans: format::count(row.spans),
            requests: format::count(row.requests),
            errors: (row.errors > 0).then(|| format::count(row.errors)),
            tokens: (row.requests > 0)
                .then(|| (format::count(row.input_tokens), format::count(row.output_tokens))),
            price: (row.price > 0.0).then(|| format::price(row.price)),
            price_is_estimate: row.price_is_estimate,
        }
    }
}
