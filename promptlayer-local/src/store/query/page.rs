//! Requests that were found, a page of them, and their figures.

use std::cmp::Ordering;

use rusqlite::Row;

use super::sort::{PageKey, Sort};

/// The maximum number of requests that the figures count, if they do not count all.
pub(super) const MOST_FOUND: usize = limit(10_000, 200);

/// Returns a limit. Tests have lower limits, so that they reach them with little data.
pub(super) const fn limit(limit: usize, of_tests: usize) -> usize {
    if cfg!(test) { of_tests } else { limit }
}

/// The figures of the requests that were found.
#[derive(Debug, Clone, Default, PartialEq)]
pub(crate) struct Figures {
    /// The number of requests that were found.
    pub(crate) requests: usize,
    /// `true` if the figures count all requests that fulfill the conditions.
    pub(crate) are_complete: bool,
    pub(crate) errors: usize,
    pub(crate) input_tokens: i64,
    pub(crate) output_tokens: i64,
    pub(crate) price: f64,
    /// The durations that half, and 95 %, of the requests do not exceed.
    pub(crate) p50_ns: i64,
    pub(crate) p95_ns: i64,
}

/// The positions of a page and of the pages around it.
#[derive(Debug, Default, PartialEq)]
pub(crate) struct Links {
    /// The position of this page, for a link that shows the same requests later.
    pub(crate) here: Option<PageKey>,
    /// `true` if there are requests before this page.
    pub(crate) has_previous: bool,
    /// The page before this one. `None` if it is the first page, or if this is the first page.
    pub(crate) previous: Option<PageKey>,
    pub(crate) next: Option<PageKey>,
    /// The last page. `None` if it is this page, or if finding it would take too long.
    pub(crate) last: Option<PageKey>,
    /// The position up to which requests were read, if reading stopped before the page was full.
    pub(crate) unread: Option<PageKey>,
    /// The number of requests that were read, if `unread` is one.
    pub(crate) searched: usize,
}

/// A request that was found: its position in the list, and its share of the figures.
#[derive(Debug)]
pub(super) struct Hit {
    pub(super) key: PageKey,
    pub(super) is_error: bool,
    pub(super) duration_ns: i64,
    pub(super) input_tokens: i64,
    pub(super) output_tokens: i64,
    pub(super) price: f64,
}

/// The columns of a [`Hit`], after the value that the list is sorted by.
pub(super) const HIT: &str =
    "f.request_id, f.status = 'ERROR', f.duration_ns, f.input_tokens, f.output_tokens, f.price";

/// The hits of a page, with the figures and the positions around it.
pub(super) struct Page {
    pub(super) ids: Vec<i64>,
    pub(super) figures: Figures,
    pub(super) links: Links,
}

/// Compares two positions in the order of a list.
pub(super) fn in_order(one: &PageKey, other: &PageKey, sort: Sort) -> Ordering {
    let order = one.compare(other);
    if sort.descending { order.reverse() } else { order }
}

/// Returns a page of all hits, which are in the order of the list.
pub(super) fn page_of(
    hits: &[Hit],
    are_complete: bool,
    sort: Sort,
    from: Option<&PageKey>,
    limit: usize,
) -> Page {
    let begin = from
        .map_or(0, |from| hits.partition_point(|hit| in_order(&hit.key, from, sort) != Ordering::Greater));
    let shown: Vec<&Hit> = hits.iter().skip(begin).take(limit).collect();
    let end = begin + shown.len();
    let has_next = end < hits.len();
    let key_of = |index: Option<usize>| index.and_then(|index| hits.get(index)).map(|hit| hit.key.clone());
    Page {
        figures: Figures::of(hits, are_complete),
        links: Links {
            here: shown.first().map(|hit| hit.key.including(sort)),
            has_previous: begin > 0,
            previous: key_of(begin.checked_sub(limit + 1)),
            next: shown.last().filter(|_| has_next).map(|hit| hit.key.clone()),
            last: key_of(hits.len().checked_sub(limit + 1).filter(|_| has_next || shown.is_empty())),
            unread: None,
            searched: 0,
        },
        ids: shown.iter().map(|hit| hit.key.id).collect(),
    }
}

impl Figures {
    pub(super) fn of(hits: &[Hit], are_complete: bool) -> Self {
        let mut figures = Self { requests: hits.len(), are_complete, ..Self::default() };
        let mut durations = Vec::with_capacity(hits.len());
        for hit in hits {
            figures.errors += usize::from(hit.is_error);
            figures.input_tokens = figures.input_tokens.saturating_add(hit.input_tokens);
            figures.output_tokens = figures.output_tokens.saturating_add(hit.output_tokens);
            figures.price += hit.price;
            durations.push(hit.duration_ns);
        }
        figures.p50_ns = percentile(&mut durations, 50);
        figures.p95_ns = percentile(&mut durations, 95);
        figures
    }
}

/// Returns the value that this share of the values does not exceed, by the nearest rank. Returns 0 for no values.
fn percentile(values: &mut [i64], percent: usize) -> i64 {
    match (values.len() * percent).div_ceil(100).checked_sub(1) {
        Some(rank) => *values.select_nth_unstable(rank).1,
        None => 0,
    }
}

pub(super) fn read_hit(row: &Row<'_>) -> rusqlite::Result<Hit> {
    Ok(Hit {
        key: PageKey { value: row.get(0)?, id: row.get(1)? },
        is_error: row.get(2)?,
        duration_ns: row.get(3)?,
        input_tokens: row.get(4)?,
        output_tokens: row.get(5)?,
        price: row.get(6)?,
    })
}
