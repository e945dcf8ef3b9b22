//! A page of the requests that fulfill conditions, and the figures of what was found.
//!
//! A page is found by a position and not by a page number, so every page costs the same, and the rows after a
//! position stay the same when new requests arrive.
//!
//! The work for a page is limited, however many requests are stored. There are two ways to find requests:
//!
//! - If an index finds at most [`MOST_FOUND`] requests that fulfill one of the conditions, all of them are read and
//!   checked against the other conditions. The figures then count all requests.
//! - Otherwise, the requests are read in the order of the list until the page is full, or until [`most_read`] of them
//!   were read. The figures then count the first [`MOST_FOUND`] requests, or what was found among those that were
//!   read.

use std::cmp::Ordering;
use std::collections::BTreeMap;

use rusqlite::{OptionalExtension, Row, params_from_iter};

use super::filter::{Filter, NumberField, Sql, Words};
use super::page::{Figures, HIT, Hit, Links, MOST_FOUND, in_order, limit, page_of, read_hit};
use super::scan::most_read;
use super::sort::{PageKey, Sort};
use crate::store::{Reader, count_of};
use crate::timestamp::Timestamp;

/// The maximum number of requests that are looked up in the index of texts one by one.
const MOST_LOOKED_UP: usize = limit(500, 20);

/// The number of tags, and of scores, that the list reads for a request: one more than it shows.
const MOST_TAGS: i64 = 9;

/// The number of characters that the list reads of a tag and of a score's name: one more than it shows.
const TAG_CHARACTERS: i64 = 201;

/// The facts of a request, as the list shows them. Texts are cut.
#[derive(Debug)]
pub(crate) struct RequestRow {
    pub(crate) id: i64,
    pub(crate) start: Timestamp,
    pub(crate) duration_ns: i64,
    pub(crate) first_token_ns: Option<i64>,
    pub(crate) name: String,
    pub(crate) model: String,
    pub(crate) provider: String,
    pub(crate) status: String,
    pub(crate) error_type: Option<String>,
    pub(crate) prompt_name: Option<String>,
    pub(crate) input_tokens: i64,
    pub(crate) output_tokens: i64,
    pub(crate) cached_tokens: Option<i64>,
    pub(crate) reasoning_tokens: Option<i64>,
    pub(crate) price: f64,
    /// `true` if the request was logged without a price, and the price is from a table.
    pub(crate) price_is_estimate: bool,
    pub(crate) input_preview: String,
    pub(crate) output_preview: String,
    /// The first tags of the request.
    pub(crate) tags: Vec<String>,
    pub(crate) scores: BTreeMap<String, i64>,
}

/// A page of the requests that were found.
#[derive(Debug)]
pub(crate) struct Found {
    pub(crate) rows: Vec<RequestRow>,
    /// The number of all stored requests.
    pub(crate) stored: i64,
    pub(crate) figures: Figures,
    pub(crate) links: Links,
}

/// A page of requests by its number.
#[derive(Debug)]
pub(crate) struct NumberedPage {
    pub(crate) rows: Vec<RequestRow>,
    /// The number of requests on all pages.
    pub(crate) total: usize,
}

impl Reader<'_> {
    /// Returns the requests after a position, or the first requests, that fulfill all conditions.
    pub(crate) fn find_requests(
        &self,
        filters: &[Filter],
        sort: Sort,
        from: Option<&PageKey>,
        limit: usize,
    ) -> rusqlite::Result<Found> {
        let filters = conjuncts(filters);
        let page = match self.indexed(&filters, sort)? {
            Some((hits, is_complete)) => page_of(&hits, is_complete, sort, from, limit),
            None => self.scanned(&filters, sort, from, limit)?,
        };
        Ok(Found {
            rows: self.rows_of(&page.ids)?,
            stored: self.connection.query_row("SELECT requests FROM request_counts", [], |row| row.get(0))?,
            figures: page.figures,
            links: page.links,
        })
    }

    /// Finds the hits by the condition that fewest requests fulfill. Returns them in the order of the list, with `true`
    /// if these are all. Returns `None` if each condition is fulfilled by too many requests.
    pub(super) fn indexed(
        &self,
        filters: &[&Filter],
        sort: Sort,
    ) -> rusqlite::Result<Option<(Vec<Hit>, bool)>> {
        let best = self.best(filters)?;
        let words = filters.iter().find_map(|filter| match filter {
            Filter::Words(words) => Some(words),
            _ => None,
        });
        // Looking up many requests in the index of texts one by one takes too long, so the index is read instead.
        let driver = match words.filter(|_| best.as_ref().is_none_or(|best| best.count > MOST_LOOKED_UP)) {
            Some(words) => {
                let query = words.driver();
                let count = self.count(&query, MOST_FOUND + 1)?;
                Some(Driver { query, count, words: Some(words) })
            }
            None => best,
        };
        let Some(Driver { query, count, words }) = driver else { return Ok(None) };
        // The index of texts has answered this condition, and asking it again for each request takes long.
        let left = filters.iter().copied();
        let left: Vec<&Filter> =
            left.filter(|filter| !matches!(filter, Filter::Words(one) if Some(one) == words)).collect();
        self.hits_of(query, &left, sort).map(|hits| Some((hits, count <= MOST_FOUND)))
    }

    /// Returns the numbered page of the requests that fulfill all conditions, and their number. Pages are numbered from 1.
    ///
    /// Reads as many requests as needed, except that words are looked for in the newest [`MOST_FOUND`] requests that have
    /// them.
    pub(crate) fn find_page(
        &self,
        filters: &[Filter],
        sort: Sort,
        page: usize,
        per_page: usize,
    ) -> rusqlite::Result<NumberedPage> {
        let all = conjuncts(filters);
        let begin = page.saturating_sub(1).saturating_mul(per_page);
        let (hits, total) = match self.indexed(&all, sort)? {
            Some((hits, _)) => {
                let total = hits.len();
                (hits, total)
            }
            None => {
                let total = self.count_all(&all)?;
                let hits = if begin < total {
                    self.scan(&all, sort, None, begin.saturating_add(per_page), usize::MAX)?.hits
                } else {
                    Vec::new()
                };
                (hits, total)
            }
        };
        let ids: Vec<i64> = hits.iter().skip(begin).take(per_page).map(|hit| hit.key.id).collect();
        Ok(NumberedPage { rows: self.rows_of(&ids)?, total })
    }

    /// Returns the requests before and after a request in a list.
    pub(crate) fn neighbors(
        &self,
        filters: &[Filter],
        sort: Sort,
        id: i64,
    ) -> rusqlite::Result<(Option<i64>, Option<i64>)> {
        let filters = conjuncts(filters);
        let sql = format!("SELECT {} FROM request_facts WHERE request_id = ?", sort.by.column());
        let Some(value) = self.connection.query_row(&sql, [id], |row| row.get(0)).optional()? else {
            return Ok((None, None));
        };
        let key = PageKey { value, id };
        if let Some((hits, _)) = self.indexed(&filters, sort)? {
            let before = hits.iter().rev().find(|hit| in_order(&hit.key, &key, sort) == Ordering::Less);
            let after = hits.iter().find(|hit| in_order(&hit.key, &key, sort) == Ordering::Greater);
            return Ok((before.map(|hit| hit.key.id), after.map(|hit| hit.key.id)));
        }
        let next = |sort| {
            let scan = self.scan(&filters, sort, Some(&key), 1, most_read(&filters, sort))?;
            Ok::<_, rusqlite::Error>(scan.hits.first().map(|hit| hit.key.id))
        };
        Ok((next(Sort { descending: !sort.descending, ..sort })?, next(sort)?))
    }

    /// Returns the facts of a request.
    pub(crate) fn facts(&self, id: i64) -> rusqlite::Result<Option<RequestRow>> {
        self.connection
            .prepare("SELECT * FROM request_facts WHERE request_id = ?")?
            .query_row([id], read_row)
            .optional()
    }

    fn count_all(&self, filters: &[&Filter]) -> rusqlite::Result<usize> {
        let mut sql = Sql::new("SELECT count(*) FROM request_facts AS f WHERE ");
        if filters.is_empty() {
            sql = Sql::new("SELECT requests FROM request_counts");
        } else {
            sql.join(filters.iter().copied(), "AND");
        }
        self.connection.prepare(&sql.text)?.query_row(params_from_iter(sql.values), |row| count_of(row, 0))
    }

    /// Returns the source of the facts of all requests that can fulfill the conditions, for a `FROM` clause. An index
    /// of texts is read first, because looking up each request in it takes longer.
    pub(super) fn source(&self, filters: &[Filter]) -> rusqlite::Result<Sql> {
        let driver = self.best_driver(&conjuncts(filters))?;
        Ok(driver.map_or_else(|| Sql::new("request_facts AS f"), from_driver))
    }

    /// Returns the query for the condition that fewest requests fulfill, if at most [`MOST_FOUND`] fulfill it.
    pub(super) fn best_driver(&self, filters: &[&Filter]) -> rusqlite::Result<Option<Sql>> {
        self.best(filters).map(|best| best.map(|driver| driver.query))
    }

    fn best<'f>(&self, filters: &[&'f Filter]) -> rusqlite::Result<Option<Driver<'f>>> {
        let mut best: Option<Driver<'f>> = None;
        for mut driver in drivers(filters) {
            driver.count = self.count(&driver.query, MOST_FOUND + 1)?;
            if driver.count <= MOST_FOUND && best.as_ref().is_none_or(|best| driver.count < best.count) {
                best = Some(driver);
            }
        }
        Ok(best)
    }

    fn count(&self, driver: &Sql, limit: usize) -> rusqlite::Result<usize> {
        let sql = format!("SELECT count(*) FROM ({} LIMIT {limit})", driver.text);
        self.connection.prepare(&sql)?.query_row(params_from_iter(&driver.values), |row| count_of(row, 0))
    }

    /// Returns the requests of a driver that fulfill the conditions, in the order of the list.
    fn hits_of(&self, driver: Sql, filters: &[&Filter], sort: Sort) -> rusqlite::Result<Vec<Hit>> {
        let mut sql = Sql::new("SELECT f.");
        sql.push(sort.by.column()).push(", ").push(HIT).push(" FROM (").append(driver);
        sql.push(&format!(" ORDER BY id DESC LIMIT {MOST_FOUND}) AS d"));
        sql.push(" CROSS JOIN request_facts AS f ON f.request_id = d.id WHERE ")
            .join(filters.iter().copied(), "AND");
        let mut hits: Vec<Hit> = self
            .connection
            .prepare(&sql.text)?
            .query_map(params_from_iter(sql.values), read_hit)?
            .collect::<rusqlite::Result<_>>()?;
        hits.sort_unstable_by(|one, other| in_order(&one.key, &other.key, sort));
        Ok(hits)
    }

    fn rows_of(&self, ids: &[i64]) -> rusqlite::Result<Vec<RequestRow>> {
        let mut facts = self.connection.prepare("SELECT * FROM request_facts WHERE request_id = ?")?;
        let mut tags = self.connection.prepare(
            "SELECT substr(tag, 1, ?2) FROM request_tags WHERE request_id = ?1 ORDER BY position LIMIT ?3",
        )?;
        let mut scores = self.connection.prepare(
            "SELECT substr(name, 1, ?2), score FROM scores WHERE request_id = ?1 ORDER BY name LIMIT ?3",
        )?;
        ids.iter()
            .map(|id| {
                let mut row = facts.query_row([id], read_row)?;
                let parameters = [*id, TAG_CHARACTERS, MOST_TAGS];
                row.tags = tags.query_map(parameters, |tag| tag.get(0))?.collect::<rusqlite::Result<_>>()?;
                row.scores = scores
                    .query_map(parameters, |score| Ok((score.get(0)?, score.get(1)?)))?
                    .collect::<rusqlite::Result<_>>()?;
                Ok(row)
            })
            .collect()
    }
}

/// Returns a source of the facts of the requests of a driver, for a `FROM` clause.
pub(super) fn from_driver(driver: Sql) -> Sql {
    let mut sql = Sql::new("(");
    sql.append(driver).push(") AS d CROSS JOIN request_facts AS f ON f.request_id = d.id");
    sql
}

/// Returns the conditions that must all be fulfilled, without the lists around them. Those that take least time come
/// first, because SQLite does not check the others once one is not fulfilled.
pub(super) fn conjuncts(filters: &[Filter]) -> Vec<&Filter> {
    fn flatten<'f>(filters: &'f [Filter], all: &mut Vec<&'f Filter>) {
        for filter in filters {
            match filter {
                Filter::All(filters) => flatten(filters, all),
                filter => all.push(filter),
            }
        }
    }
    let mut all = Vec::new();
    flatten(filters, &mut all);
    all.sort_by_key(|filter| filter.effort());
    all
}

/// A query that finds requests by one condition, or by all conditions on one number.
struct Driver<'f> {
    query: Sql,
    /// The number of requests that it finds, as far as they were counted.
    count: usize,
    /// The words that it looks for.
    words: Option<&'f Words>,
}

/// Returns the queries that find requests. They are not counted yet.
fn drivers<'f>(filters: &[&'f Filter]) -> Vec<Driver<'f>> {
    let uncounted = |query| Driver { query, count: 0, words: None };
    let mut numbers: Vec<NumberField> = Vec::new();
    let mut drivers = Vec::new();
    for filter in filters {
        match filter {
            Filter::Number(field, ..) if numbers.contains(field) => {}
            Filter::Number(field, ..) => {
                numbers.push(*field);
                let of_field = filters
                    .iter()
                    .copied()
                    .filter(|filter| matches!(filter, Filter::Number(other, ..) if other == field));
                drivers.extend(Filter::numbers_driver(*field, of_field).map(uncounted));
            }
            Filter::Words(words) => {
                drivers.push(Driver { words: Some(words), ..uncounted(words.driver()) });
            }
            filter => drivers.extend(filter.driver().map(uncounted)),
        }
    }
    drivers
}

fn read_row(row: &Row<'_>) -> rusqlite::Result<RequestRow> {
    Ok(RequestRow {
        id: row.get("request_id")?,
        start: Timestamp::from_nanoseconds(row.get("start_ns")?),
        duration_ns: row.get("duration_ns")?,
        first_token_ns: row.get("first_token_ns")?,
        name: row.get("name")?,
        model: row.get("model")?,
        provider: row.get("provider")?,
        status: row.get("status")?,
        error_type: row.get("error_type")?,
        prompt_name: row.get("prompt_name")?,
        input_tokens: row.get("input_tokens")?,
        output_tokens: row.get("output_tokens")?,
        cached_tokens: row.get("cached_tokens")?,
        reasoning_tokens: row.get("reasoning_tokens")?,
        price: row.get("price")?,
        price_is_estimate: row.get("price_is_estimate")?,
        input_preview: row.get("input_preview")?,
        output_preview: row.get("output_preview")?,
        tags: Vec::new(),
        scores: BTreeMap::new(),
    })
}
