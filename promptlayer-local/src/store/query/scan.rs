//! Reads requests in the order of a list, and stops when a page is full or when enough were read.

use std::cmp::Ordering;
use std::collections::BinaryHeap;
use std::ops::RangeInclusive;

use rusqlite::{Rows, params_from_iter};

use super::filter::{BLOCK, Comparison, Filter, Number, NumberField, Sql, TextTest};
use super::page::{Figures, HIT, Hit, Links, MOST_FOUND, Page, in_order, limit, page_of, read_hit};
use super::sort::{PageKey, Sort, SortBy, SortValue};
use crate::store::Reader;
use crate::store::schema::block;

/// The maximum number of requests or traces that are read in the order of the list, to find those of a page or of the
/// figures.
pub(super) const MOST_READ: usize = limit(30_000, 600);

/// The same where the requests that are read lie apart in the file, so that reading one takes longer: those with the same
/// text, and those in the order of a number.
const MOST_READ_OF_A_TEXT: usize = limit(10_000, 400);
const MOST_READ_OF_NUMBERS: usize = limit(3_000, 300);

/// What reading in the order of the list found.
#[derive(Default)]
pub(super) struct Scan {
    pub(super) hits: Vec<Hit>,
    /// The number of requests that were read.
    pub(super) read: usize,
    /// The last request that was read, if reading stopped at the maximum number.
    pub(super) stopped_at: Option<PageKey>,
}

impl Reader<'_> {
    pub(super) fn scanned(
        &self,
        filters: &[&Filter],
        sort: Sort,
        from: Option<&PageKey>,
        limit: usize,
    ) -> rusqlite::Result<Page> {
        scanned_page(sort, from, limit, |sort, from, most_hits| {
            self.scan(filters, sort, from, most_hits, most_read(filters, sort))
        })
    }

    /// Reads requests in the order of the list, from a position on, until enough of them fulfill the conditions or
    /// `most_read` requests were read.
    pub(super) fn scan(
        &self,
        filters: &[&Filter],
        sort: Sort,
        from: Option<&PageKey>,
        most_hits: usize,
        most_read: usize,
    ) -> rusqlite::Result<Scan> {
        let range = Range::of(filters, sort, from);
        let column = format!("f.{}", sort.by.column());
        let (index, equal) = equality(filters, sort);
        let direction = if sort.descending { " DESC" } else { "" };
        let after = if sort.descending { " < " } else { " > " };

        let statement = |block: Option<i64>, condition: &dyn Fn(&mut Sql)| {
            let mut sql = Sql::new("SELECT ");
            sql.push(&column).push(", ").push(HIT).push(", ").join(filters.iter().copied(), "AND");
            sql.push(" FROM request_facts AS f INDEXED BY ").push(index).push(" WHERE 1");
            if let Some(block) = block {
                sql.push(" AND ").push(BLOCK).push(" = ").value(block);
            }
            if let Some((column, text)) = &equal {
                sql.push(" AND f.").push(column).push(" = ").value(text.clone());
            }
            condition(&mut sql);
            sql.push(" ORDER BY ").push(&column).push(direction).push(", f.request_id").push(direction);
            sql
        };
        let until = |sql: &mut Sql| {
            if let Some(bound) = range.until {
                let within = if sort.descending { " >= " } else { " <= " };
                sql.push(" AND ").push(&column).push(within).value(bound);
            }
        };
        let of_block = |block| match &range.from {
            // Two statements, because SQLite seeks by one column only: the requests with the same value can be many.
            Some(key) => vec![
                statement(block, &|sql: &mut Sql| {
                    sql.push(" AND ").push(&column).push(" = ").value(key.value.clone());
                    sql.push(" AND f.request_id").push(after).value(key.id);
                }),
                statement(block, &|sql: &mut Sql| {
                    sql.push(" AND ").push(&column).push(after).value(key.value.clone());
                    until(sql);
                }),
            ],
            None => vec![statement(block, &until)],
        };
        let sources = match self.blocks_of(sort.by)? {
            Some(blocks) => blocks.flat_map(|block| of_block(Some(block))).collect(),
            None => of_block(None),
        };
        self.merge(sources, sort, most_hits, most_read)
    }

    /// Returns the blocks of requests if the index of this order has a part for each of them.
    fn blocks_of(&self, by: SortBy) -> rusqlite::Result<Option<RangeInclusive<i64>>> {
        if !by.is_in_blocks() {
            return Ok(None);
        }
        let ends = concat!(
            "SELECT (SELECT ",
            block!(),
            " FROM request_facts ORDER BY request_id LIMIT 1),
                 (SELECT ",
            block!(),
            " FROM request_facts ORDER BY request_id DESC LIMIT 1)"
        );
        self.connection.query_row(ends, [], |row| {
            let (first, last): (Option<i64>, Option<i64>) = (row.get(0)?, row.get(1)?);
            // Without requests, no blocks.
            Ok(Some(first.unwrap_or(1)..=last.unwrap_or(0)))
        })
    }

    /// Reads the requests of several queries, each of which is in the order of the list, in this order.
    fn merge(
        &self,
        sources: Vec<Sql>,
        sort: Sort,
        most_hits: usize,
        most_read: usize,
    ) -> rusqlite::Result<Scan> {
        let mut statements = Vec::with_capacity(sources.len());
        for sql in &sources {
            statements.push(self.connection.prepare(&sql.text)?);
        }
        let mut streams = Vec::with_capacity(sources.len());
        for (statement, sql) in statements.iter_mut().zip(sources) {
            streams.push(statement.query(params_from_iter(sql.values))?);
        }
        let mut heads = BinaryHeap::with_capacity(streams.len());
        for (stream, rows) in streams.iter_mut().enumerate() {
            heads.extend(Head::next(rows, stream, sort)?);
        }
        let mut scan = Scan::default();
        while let Some(Head { hit, fulfills, stream, .. }) = heads.pop() {
            scan.read += 1;
            let position = (scan.read == most_read).then(|| hit.key.clone());
            if fulfills {
                scan.hits.push(hit);
                if scan.hits.len() == most_hits {
                    break;
                }
            }
            if position.is_some() {
                scan.stopped_at = position;
                break;
            }
            if let Some(rows) = streams.get_mut(stream) {
                heads.extend(Head::next(rows, stream, sort)?);
            }
        }
        Ok(scan)
    }
}

/// The next request of a query.
struct Head {
    hit: Hit,
    /// `true` if the request fulfills the conditions.
    fulfills: bool,
    /// The number of the query.
    stream: usize,
    sort: Sort,
}

impl Head {
    fn next(rows: &mut Rows<'_>, stream: usize, sort: Sort) -> rusqlite::Result<Option<Self>> {
        let Some(row) = rows.next()? else { return Ok(None) };
        Ok(Some(Self { hit: read_hit(row)?, fulfills: row.get(7)?, stream, sort }))
    }
}

/// The greatest is the first in the order of the list, as a [`BinaryHeap`] needs it.
impl Ord for Head {
    fn cmp(&self, other: &Self) -> Ordering {
        in_order(&other.hit.key, &self.hit.key, self.sort)
    }
}

impl PartialOrd for Head {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl PartialEq for Head {
    fn eq(&self, other: &Self) -> bool {
        self.cmp(other).is_eq()
    }
}

impl Eq for Head {}

/// Returns the maximum number of requests that are read in this order.
pub(super) fn most_read(filters: &[&Filter], sort: Sort) -> usize {
    match equality(filters, sort) {
        _ if sort.by.is_in_blocks() => MOST_READ_OF_NUMBERS,
        (_, Some(_)) => MOST_READ_OF_A_TEXT,
        (_, None) => MOST_READ,
    }
}

/// Returns the index that reads requests in the order of the list, and the column of that index that must be equal to
/// a text.
fn equality(filters: &[&Filter], sort: Sort) -> (&'static str, Option<(&'static str, String)>) {
    if sort.by == SortBy::Start {
        for filter in filters {
            if let Filter::Text(field, TextTest::Is(texts)) = filter
                && let ([text], Some(index)) = (texts.as_slice(), field.index())
            {
                return (index, Some((field.column(), text.clone())));
            }
        }
    }
    (sort.by.index(), None)
}

/// The part of a list that the conditions on its start times leave.
pub(super) struct Range {
    pub(super) from: Option<PageKey>,
    /// The last start time.
    pub(super) until: Option<i64>,
}

impl Range {
    pub(super) fn of(filters: &[&Filter], sort: Sort, from: Option<&PageKey>) -> Self {
        let mut range = Self { from: from.cloned(), until: None };
        if sort.by != SortBy::Start {
            return range;
        }
        let (mut least, mut most) = (None, None);
        for filter in filters {
            let Filter::Number(NumberField::Start, comparison, Number::Integer(bound)) = filter else {
                continue;
            };
            match comparison {
                Comparison::Greater | Comparison::GreaterOrEqual => least = least.max(Some(*bound)),
                Comparison::Less | Comparison::LessOrEqual => {
                    most = Some(most.map_or(*bound, |most: i64| most.min(*bound)));
                }
                Comparison::Equal => {}
            }
        }
        let (first, until) = if sort.descending { (most, least) } else { (least, most) };
        range.until = until;
        if let Some(first) = first {
            let id = if sort.descending { i64::MAX } else { i64::MIN };
            let first = PageKey { value: SortValue::Integer(first), id };
            if range.from.as_ref().is_none_or(|from| in_order(from, &first, sort) == Ordering::Less) {
                range.from = Some(first);
            }
        }
        range
    }
}

/// Returns a page of hits that are read in the order of the list. `scan` reads hits in an order, after a position, until
/// it has the given number of them or has read as many rows as allowed.
pub(super) fn scanned_page(
    sort: Sort,
    from: Option<&PageKey>,
    limit: usize,
    scan: impl Fn(Sort, Option<&PageKey>, usize) -> rusqlite::Result<Scan>,
) -> rusqlite::Result<Page> {
    let first = scan(sort, None, MOST_FOUND)?;
    if first.stopped_at.is_none() && first.hits.len() < MOST_FOUND {
        return Ok(page_of(&first.hits, true, sort, from, limit));
    }
    let figures = Figures::of(&first.hits, false);
    let mut page = match from {
        None => {
            let stopped_at = first.stopped_at.filter(|_| first.hits.len() <= limit);
            Scan { stopped_at, ..first }
        }
        Some(_) => scan(sort, from, limit + 1)?,
    };
    let has_next = page.hits.len() > limit;
    page.hits.truncate(limit);

    let reversed = Sort { descending: !sort.descending, ..sort };
    let before = match from {
        Some(key) => scan(reversed, Some(&key.including(reversed)), limit + 1)?.hits,
        None => Vec::new(),
    };
    let at_end =
        if has_next || page.hits.is_empty() { scan(reversed, None, limit + 1)?.hits } else { Vec::new() };
    let key_of = |hits: &[Hit], index: usize| hits.get(index).map(|hit| hit.key.clone());
    Ok(Page {
        figures,
        links: Links {
            here: page.hits.first().map(|hit| hit.key.including(sort)),
            has_previous: !before.is_empty(),
            previous: key_of(&before, limit),
            next: page.hits.last().filter(|_| has_next).map(|hit| hit.key.clone()),
            last: key_of(&at_end, limit),
            unread: page.stopped_at,
            searched: page.read,
        },
        ids: page.hits.iter().map(|hit| hit.key.id).collect(),
    })
}
