//! The list of requests: the filters, what was found, and its figures.

use askama::Template;
use axum::extract::{Query, State};
use axum::response::Response;

use super::filters::{ORDERS, Parameters};
use super::form::FilterForm;
use super::{failed, format, html, not_found};
use crate::app::App;
use crate::store::{Figures, Filter, Found, Links, PageKey, RequestRow, Sort, SortBy, StoreError, TraceRow};
use crate::timestamp::Timestamp;

/// The number of requests on a page.
const PER_PAGE: usize = 50;

/// The maximum number of characters that the list shows of a name, and of a model, a tag or a score's name.
const LONGEST_NAME: usize = 120;
const LONGEST_WORD: usize = 60;

/// The maximum number of tags, and of scores, that the list shows for a request.
const MOST_TAGS: usize = 8;

#[derive(Template)]
#[template(path = "list.html")]
struct List {
    url: String,
    /// The number of all stored requests.
    stored: String,
    is_empty: bool,
    form: FilterForm,
    summary: Vec<Fact>,
    note: Option<String>,
    /// The number of requests that were read if reading stopped before the page was full.
    searched: String,
    columns: Vec<Column>,
    rows: Vec<Row>,
    links: PageLinks,
}

/// A figure of the summary.
pub(super) struct Fact {
    pub(super) label: &'static str,
    pub(super) value: String,
    pub(super) class: &'static str,
}

/// The heading of a column that the list can be sorted by.
struct Column {
    label: &'static str,
    class: &'static str,
    /// The address of the list in the order of this column, if it can be sorted by it.
    sorted: Option<String>,
    /// The order of this column now: `ascending` or `descending`.
    order: Option<&'static str>,
}

/// The links to the other pages. Each address names a position in the list and not a page number, so it shows the same
/// requests when new ones arrive.
#[derive(Default)]
pub(super) struct PageLinks {
    /// The page that begins with the first request of this page.
    pub(super) permanent: Option<String>,
    pub(super) first: Option<String>,
    pub(super) previous: Option<String>,
    pub(super) next: Option<String>,
    pub(super) last: Option<String>,
    /// The page that goes on with the requests that were not read.
    pub(super) unread: Option<String>,
    pub(super) words: [&'static str; 4],
    /// `true` if new requests appear on this page.
    pub(super) is_live: bool,
}

struct Row {
    id: i64,
    address: String,
    name: Link,
    model: Link,
    provider: String,
    time: String,
    datetime: Timestamp,
    duration: String,
    first_token: Option<String>,
    status: Status,
    status_address: String,
    error_type: Option<Link>,
    tokens_in: String,
    tokens_out: String,
    price: Option<String>,
    price_is_estimate: bool,
    input: String,
    output: String,
    tags: Vec<Link>,
    has_more_tags: bool,
    scores: Vec<Score>,
    has_more_scores: bool,
}

/// A value of a row, with the address that filters by it.
struct Link {
    text: String,
    address: String,
}

/// A score with its name. A score with the default name has no name here.
pub(super) struct Score {
    pub(super) name: Option<String>,
    pub(super) value: i64,
}

/// The status of a request: the text, and the CSS class for its color.
#[derive(Clone, Copy)]
pub(super) struct Status {
    pub(super) word: &'static str,
    pub(super) class: &'static str,
}

pub(super) async fn page(State(app): State<App>, Query(query): Query<Vec<(String, String)>>) -> Response {
    let before = query.iter().find(|(key, _)| key == "before").map(|(_, text)| text.clone());
    let parameters = Parameters::new(query);
    let sort = parameters.sort();
    let before = match before.map(|text| PageKey::parse(&text, sort.by)) {
        None => None,
        Some(Some(key)) => Some(key),
        Some(None) => return not_found("The address of this page is incomplete."),
    };
    let read = parameters.read(Timestamp::now());
    if read.filters.iter().any(Filter::has_words)
        && let Err(error) = app.store().prepare_search().await
    {
        return failed(&error);
    }
    let url = app.url().to_owned();
    let page = app.store().read(move |store| {
        let mut problems = read.problems;
        if read.filters.iter().any(Filter::has_words) {
            let unindexed = store.unindexed()?;
            if unindexed > 0 {
                problems.push(format!(
                    "The texts of the newest {} requests are not searched yet. Load this page again in a moment.",
                    format::size(unindexed)
                ));
            }
        }
        let form = FilterForm::read(store, &parameters, "/", problems)?;
        let found = store.find_requests(&read.filters, sort, before.as_ref(), PER_PAGE)?;
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
        found: Found,
    ) -> Self {
        let sort = parameters.sort();
        let is_filtered = form.is_filtered();
        Self {
            url,
            stored: format::count(found.stored),
            is_empty: found.stored == 0,
            form,
            summary: summary(&found.figures, found.stored, is_filtered),
            note: note(&found.figures, is_filtered, sort),
            searched: format::size(found.links.searched),
            columns: columns(parameters, sort),
            links: PageLinks::new(parameters, before, &found.links),
            rows: found.rows.into_iter().map(|row| Row::new(row, parameters)).collect(),
        }
    }
}

fn summary(figures: &Figures, stored: i64, is_filtered: bool) -> Vec<Fact> {
    let requests = match (is_filtered, figures.are_complete) {
        (false, _) => format::count(stored),
        (true, true) => format::size(figures.requests),
        (true, false) => format!("{}+", format::size(figures.requests)),
    };
    let mut facts = vec![Fact { label: "requests", value: requests, class: "" }];
    if figures.requests > 0 {
        let errors = Fact {
            label: "failed",
            value: format::share(figures.errors, figures.requests),
            class: if figures.errors > 0 { "bad" } else { "" },
        };
        let fact = |label, value| Fact { label, value, class: "" };
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

/// Says which requests the figures count, if these are not all.
fn note(figures: &Figures, is_filtered: bool, sort: Sort) -> Option<String> {
    if figures.are_complete || figures.requests == 0 {
        return None;
    }
    let requests = format::size(figures.requests);
    let first = if sort == Sort::default() { "newest" } else { "first" };
    let these = if is_filtered { " of these requests" } else { "" };
    Some(format!("The figures are of the {first} {requests}{these}."))
}

fn columns(parameters: &Parameters, sort: Sort) -> Vec<Column> {
    let plain = |label, class| Column { label, class, sorted: None, order: None };
    let sorted = |label, class, by: SortBy| {
        let word = ORDERS.iter().find(|(_, order)| *order == by).map_or("time", |(word, _)| *word);
        let is_current = sort.by == by;
        let order = if is_current && sort.descending { "asc" } else { "" };
        let parameters =
            Parameters::clone(parameters).set_to("sort", if by == SortBy::Start { "" } else { word });
        Column {
            label,
            class,
            sorted: Some(parameters.with("order", order)),
            order: is_current.then_some(if sort.descending { "descending" } else { "ascending" }),
        }
    };
    vec![
        plain("Id", "id"),
        sorted("Time", "time", SortBy::Start),
        plain("Name", "name"),
        plain("Prompt and answer", "texts"),
        plain("Model", "model"),
        sorted("Latency", "latency number", SortBy::Duration),
        sorted("Tokens", "tokens number", SortBy::Tokens),
        sorted("Cost", "cost number", SortBy::Price),
        plain("Status", "status"),
        plain("Tags", "tags"),
        plain("Score", "score number"),
    ]
}

impl PageLinks {
    pub(super) fn new(parameters: &Parameters, before: Option<&PageKey>, links: &Links) -> Self {
        let base = parameters.address();
        let at = |key: &PageKey| {
            let sign = if base.contains('?') { '&' } else { '?' };
            format!("{base}{sign}before={key}")
        };
        let sort = parameters.sort();
        Self {
            permanent: links.here.as_ref().map(at),
            first: links.has_previous.then(|| base.clone()),
            previous: links.has_previous.then(|| links.previous.as_ref().map_or_else(|| base.clone(), at)),
            next: links.next.as_ref().map(at),
            last: links.last.as_ref().map(at),
            unread: links.unread.as_ref().map(at),
            words: match (sort.by, sort.descending) {
                (SortBy::Start, true) => ["Newest", "Newer", "Older", "Oldest"],
                (SortBy::Start, false) => ["Oldest", "Older", "Newer", "Newest"],
                _ => ["First", "Previous", "Next", "Last"],
            },
            is_live: before.is_none(),
        }
    }

    /// Returns `true` if there are requests on other pages.
    pub(super) fn has_elsewhere(&self) -> bool {
        self.first.is_some() || self.last.is_some() || self.next.is_some()
    }
}

impl Row {
    fn new(row: RequestRow, parameters: &Parameters) -> Self {
        let link = |key: &str, text: &str, characters: usize| Link {
            text: format::short(text, characters),
            address: if text.is_empty() { String::new() } else { parameters.with_text(key, text) },
        };
        let status = Status::of(&row.status);
        Self {
            id: row.id,
            address: parameters.address_at(&format!("/requests/{}", row.id)),
            name: link("name", &row.name, LONGEST_NAME),
            model: link("model", &row.model, LONGEST_WORD),
            provider: format::short(&row.provider, LONGEST_WORD),
            time: format::time(row.start),
            datetime: row.start,
            duration: format::duration(row.duration_ns),
            first_token: row.first_token_ns.map(format::duration),
            status,
            status_address: parameters.with("status", status.class),
            error_type: row
                .error_type
                .map(|kind| Link { text: format::words(&kind), ..link("error", &kind, LONGEST_WORD) }),
            tokens_in: format::count(row.input_tokens),
            tokens_out: format::count(row.output_tokens),
            price: (row.price > 0.0).then(|| format::price(row.price)),
            price_is_estimate: row.price_is_estimate,
            input: row.input_preview,
            output: row.output_preview,
            has_more_tags: row.tags.len() > MOST_TAGS,
            tags: row.tags.iter().take(MOST_TAGS).map(|tag| link("tag", tag, LONGEST_WORD)).collect(),
            has_more_scores: row.scores.len() > MOST_TAGS,
            scores: row.scores.into_iter().take(MOST_TAGS).map(Score::from).collect(),
        }
    }
}

impl From<(String, i64)> for Score {
    fn from((name, value): (String, i64)) -> Self {
        Self { name: (name != "default").then(|| format::short(&name, LONGEST_WORD)), value }
    }
}

impl Status {
    pub(super) fn of(status: &str) -> Self {
        match status {
            "ERROR" => Self { word: "Error", class: "error" },
            "WARNING" => Self { word: "Warning", class: "warning" },
            _ => Self { word: "Success", class: "success" },
        }
    }

    /// Returns the status of a trace: whether its root failed, or another span.
    pub(super) fn of_trace(trace: &TraceRow) -> Self {
        match trace.errors {
            0 => Self { word: "Success", class: "success" },
            errors if trace.root_failed || errors >= trace.spans => Self { word: "Error", class: "error" },
            _ => Self { word: "Errors inside", class: "warning" },
        }
    }

    /// Returns the status of a trace whose shown spans have not all ended: nothing has failed so far.
    pub(super) fn while_open(self, is_open: bool) -> Self {
        if is_open && self.class == "success" { Self { word: "Unfinished", class: "warning" } } else { self }
    }
}
