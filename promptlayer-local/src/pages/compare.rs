//! `GET /compare?a=…&b=…`: two requests side by side, with what differs between them. The list sends `id=…&id=…`, and the
//! older of the two is then the first one.

use askama::Template;
use axum::extract::{Query, State};
use axum::response::Response;

use super::list::Status;
use super::{failed, format, html, not_found};
use crate::app::App;
use crate::comparison::{self, Compared, Difference, LONGEST_VALUE, Pair, Section};
use crate::store::{RequestRow, StoreError, StoredRequest};

#[derive(Template)]
#[template(path = "compare.html")]
struct Page {
    sides: [Side; 2],
    differences: Vec<Difference>,
    sections: [Section; 2],
}

/// One of the two requests.
struct Side {
    id: i64,
    name: String,
    status: Status,
}

pub(super) async fn page(State(app): State<App>, Query(query): Query<Vec<(String, String)>>) -> Response {
    let Some((a, b)) = ids(&query) else {
        return not_found(
            "The address of this page needs the ids of two requests, such as /compare?a=1&b=2.",
        );
    };
    let page = app.store().read(move |store| {
        let sides = (comparison::read(store, a)?, comparison::read(store, b)?);
        Ok::<_, StoreError>(match sides {
            (Some(a), Some(b)) => html(&Page::new(&a, &b)),
            (None, _) => not_found(&format!("There is no request {a}.")),
            (_, None) => not_found(&format!("There is no request {b}.")),
        })
    });
    page.await.unwrap_or_else(|error| failed(&error))
}

/// Returns the ids of an address. `None` if there are not exactly two.
fn ids(query: &[(String, String)]) -> Option<(i64, i64)> {
    let of = |name: &str| -> Vec<i64> {
        query.iter().filter(|(key, _)| key == name).filter_map(|(_, id)| id.trim().parse().ok()).collect()
    };
    match (of("a").as_slice(), of("b").as_slice(), of("id").as_slice()) {
        ([a, ..], [b, ..], _) => Some((*a, *b)),
        (_, _, [one, other]) => Some((*one.min(other), *one.max(other))),
        _ => None,
    }
}

impl Page {
    fn new(a: &(StoredRequest, RequestRow), b: &(StoredRequest, RequestRow)) -> Self {
        let side = |(request, row): &(StoredRequest, RequestRow)| Side {
            id: request.id,
            name: format::short(&request.name, LONGEST_VALUE),
            status: Status::of(&row.status),
        };
        let Compared { differences, sections } = Compared::new(a, b);
        Self { differences, sections, sides: [side(a), side(b)] }
    }
}
