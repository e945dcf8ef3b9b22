//! The list of requests.

use askama::Template;
use axum::extract::{Query, State};
use axum::response::Response;

use super::{failed, format, html};
use crate::api::App;
use crate::moment::Moment;
use crate::store::RequestRow;

/// How many requests a page shows.
const PER_PAGE: usize = 50;

#[derive(Template)]
#[template(path = "list.html")]
struct List<'a> {
    url: &'a str,
    total: usize,
    first: usize,
    last: usize,
    newer: Option<usize>,
    older: Option<usize>,
    rows: Vec<Row>,
}

struct Row {
    id: i64,
    name: String,
    model: String,
    time: String,
    datetime: Moment,
    status: Status,
    tokens_in: String,
    tokens_out: String,
    tags: Vec<String>,
    scores: Vec<Score>,
}

/// A score with the name it goes by, which the one without a name needs not show.
pub(super) struct Score {
    pub(super) name: Option<String>,
    pub(super) value: i64,
}

/// How a request ended: a word, and the class that colours it.
#[derive(Clone, Copy)]
pub(super) struct Status {
    pub(super) word: &'static str,
    pub(super) class: &'static str,
}

pub(super) async fn page(State(app): State<App>, Query(query): Query<Vec<(String, String)>>) -> Response {
    let asked = query.iter().find(|(key, _)| key == "page").and_then(|(_, page)| page.parse().ok());
    match read(&app, asked.unwrap_or(1)) {
        Ok(list) => html(&list),
        Err(error) => failed(&error),
    }
}

fn read(app: &App, asked: usize) -> rusqlite::Result<List<'_>> {
    let store = app.store();
    let total = store.count_requests()?;
    let pages = total.div_ceil(PER_PAGE).max(1);
    let page = asked.clamp(1, pages);
    let before = (page - 1) * PER_PAGE;
    let rows: Vec<Row> = store.list_requests(before, PER_PAGE)?.into_iter().map(Row::from).collect();
    Ok(List {
        url: app.url(),
        total,
        first: before + 1,
        last: before + rows.len(),
        newer: (page > 1).then(|| page - 1),
        older: (page < pages).then_some(page + 1),
        rows,
    })
}

impl From<RequestRow> for Row {
    fn from(row: RequestRow) -> Self {
        Self {
            id: row.id,
            name: row.name,
            model: row.model,
            time: format::time(row.start),
            datetime: row.start,
            status: Status::of(&row.status),
            tokens_in: format::count(row.input_tokens),
            tokens_out: format::count(row.output_tokens),
            tags: row.tags,
            scores: row.scores.into_iter().map(Score::from).collect(),
        }
    }
}

impl From<(String, i64)> for Score {
    fn from((name, value): (String, i64)) -> Self {
        Self { name: (name != "default").then_some(name), value }
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
}
