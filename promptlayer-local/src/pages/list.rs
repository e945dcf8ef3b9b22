//! The list of requests, newest first.

use askama::Template;
use axum::extract::{Query, State};
use axum::response::Response;

use super::{failed, format, html, not_found};
use crate::app::App;
use crate::store::{PageKey, RequestPage, RequestRow, StoreError};
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
    /// The range of the requests on this page.
    range: String,
    total: i64,
    rows: Vec<Row>,
    links: Links,
}

/// The links to the other pages. Each URL names a position in the list and not a page number, so it shows the
/// same requests when new ones arrive.
#[derive(Default)]
struct Links {
    /// The page that begins with the first request of this page.
    permanent: Option<String>,
    newest: Option<String>,
    newer: Option<String>,
    older: Option<String>,
    oldest: Option<String>,
}

struct Row {
    id: i64,
    name: String,
    model: String,
    time: String,
    datetime: Timestamp,
    status: Status,
    tokens_in: String,
    tokens_out: String,
    tags: Vec<String>,
    has_more_tags: bool,
    scores: Vec<Score>,
    has_more_scores: bool,
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
    let before = match query.iter().find(|(key, _)| key == "before").map(|(_, text)| text.parse::<PageKey>())
    {
        None => None,
        Some(Ok(key)) => Some(key),
        Some(Err(())) => return not_found("The address of this page is incomplete."),
    };
    let url = app.url().to_owned();
    let page = app.store().read(move |store| {
        let page = store.list_requests(before, PER_PAGE)?;
        Ok::<_, StoreError>(html(&List::new(url, before, page)))
    });
    page.await.unwrap_or_else(|error| failed(&error))
}

impl List {
    fn new(url: String, before: Option<PageKey>, page: RequestPage) -> Self {
        let shown = page.rows.len();
        let at = |key: PageKey| format!("/?before={key}");
        let newest = || "/".to_owned();
        Self {
            url,
            range: match before {
                None => format!("{}–{shown} of {}", shown.min(1), page.total),
                Some(key) => {
                    format!("{shown} up to {} UTC, of {}", format::time(key.timestamp()), page.total)
                }
            },
            total: page.total,
            links: Links {
                permanent: page.rows.first().map(|row| at(row.key_including())),
                newest: page.has_newer.then(newest),
                newer: page.has_newer.then(|| page.newer.map_or_else(newest, at)),
                older: page.older.map(at),
                oldest: page.oldest.map(at),
            },
            rows: page.rows.into_iter().map(Row::from).collect(),
        }
    }
}

impl From<RequestRow> for Row {
    fn from(row: RequestRow) -> Self {
        Self {
            id: row.id,
            name: format::short(&row.name, LONGEST_NAME),
            model: format::short(&row.model, LONGEST_WORD),
            time: format::time(row.start),
            datetime: row.start,
            status: Status::of(&row.status),
            tokens_in: format::count(row.input_tokens),
            tokens_out: format::count(row.output_tokens),
            has_more_tags: row.tags.len() > MOST_TAGS,
            tags: row.tags.iter().take(MOST_TAGS).map(|tag| format::short(tag, LONGEST_WORD)).collect(),
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
}
