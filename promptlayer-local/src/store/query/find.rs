//! A page of the requests that fulfill conditions, and the figures of what was found.
//!
//! A page is found by a position and not by a page number, so every page costs the same, and the rows after a
//! position stay the same when new requests arrive.
//!
//! The work for a page is limited, however many requests are stored. There are two ways to find requests:
//!
//! - If an index finds at most [`MOST_FOUND`] requests that fulfill one of the conditions, all of them are read and
//!   checked against the other conditions. The figures then count all requests.
//! - Otherwise, the requests are read in the order of the list until the page is full, at most [`MOST_READ`] of them.
//!   The figures then count the first [`MOST_FOUND`] requests, or what was found among those that were read.

use std::cmp::Ordering;
use std::collections::BTreeMap;

use rusqlite::{OptionalExtension, Row, params_from_iter};

use super::filter::{Comparison, Filter, Number, NumberField, Sql, TextTest};
use super::sort::{PageKey, Sort, SortBy, SortValue};
use crate::store::{Reader, count_of};
use crate::timestamp::Timestamp;

/// The maximum number of requests that the figures count, if they do not count all.
pub(super) const MOST_FOUND: usize = limit(10_000, 200);

/// The maximum number of requests that are read in the order of the list to find those of a page, or of the figures.
pub(crate) const MOST_READ: usize = limit(30_000, 600);

/// The maximum number of requests that are looked up in the index of texts one by one.
const MOST_LOOKED_UP: usize = limit(1_000, 20);

/// Returns a limit. Tests have lower limits, so that they reach them with little data.
const fn limit(limit: usize, of_tests: usize) -> usize {
    if cfg!(test) { of_tests } else { limit }
}

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

/// A page of the requests that were found.
#[derive(Debug)]
pub(crate) struct Found {
    pub(crate) rows: Vec<RequestRow>,
    /// The number of all stored requests.
    pub(crate) stored: i64,
    pub(crate) figures: Figures,
    pub(crate) links: Links,
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
const HIT: &str = "f.request_id, f.status = 'ERROR', f.duration_ns, f.input_tokens, f.output_tokens, f.price";

/// A page of requests by its number.
#[derive(Debug)]
pub(crate) struct NumberedPage {
    pub(crate) rows: Vec<RequestRow>,
    /// The number of requests on all pages.
    pub(crate) total: usize,
}

/// What reading in the order of the list found.
#[derive(Default)]
pub(super) struct Scan {
    pub(super) hits: Vec<Hit>,
    /// The last request that was read, if reading stopped at the maximum number.
    pub(super) stopped_at: Option<PageKey>,
}

/// The hits of a page, with the figures and the positions around it.
pub(super) struct Page {
    pub(super) ids: Vec<i64>,
    pub(super) figures: Figures,
    pub(super) links: Links,
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
        if let Some(words) = words.filter(|_| best.as_ref().is_none_or(|(least, _)| *least > MOST_LOOKED_UP))
        {
            // Looking up many requests in the index of texts one by one takes too long, so the index is read instead.
            let driver = words.driver();
            let is_complete = self.count(&driver, MOST_FOUND + 1)? <= MOST_FOUND;
            let others: Vec<&Filter> = filters
                .iter()
                .copied()
                .filter(|filter| !matches!(filter, Filter::Words(one) if one == words))
                .collect();
            return self.hits_of(driver, &others, sort).map(|hits| Some((hits, is_complete)));
        }
        match best {
            Some((_, driver)) => self.hits_of(driver, filters, sort).map(|hits| Some((hits, true))),
            None => Ok(None),
        }
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
            let scan = self.scan(&filters, sort, Some(&key), 1, MOST_READ)?;
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
        self.best(filters).map(|best| best.map(|(_, driver)| driver))
    }

    fn best(&self, filters: &[&Filter]) -> rusqlite::Result<Option<(usize, Sql)>> {
        let mut best: Option<(usize, Sql)> = None;
        for driver in drivers(filters) {
            let count = self.count(&driver, MOST_FOUND + 1)?;
            if count <= MOST_FOUND && best.as_ref().is_none_or(|(least, _)| count < *least) {
                best = Some((count, driver));
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

    fn scanned(
        &self,
        filters: &[&Filter],
        sort: Sort,
        from: Option<&PageKey>,
        limit: usize,
    ) -> rusqlite::Result<Page> {
        scanned_page(sort, from, limit, |sort, from, most_hits| {
            self.scan(filters, sort, from, most_hits, MOST_READ)
        })
    }

    /// Reads requests in the order of the list, from a position on, until enough of them fulfill the conditions or
    /// `most_read` requests were read.
    fn scan(
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

        let statement = |condition: &dyn Fn(&mut Sql)| {
            let mut sql = Sql::new("SELECT ");
            sql.push(&column).push(", ").push(HIT).push(", ").join(filters.iter().copied(), "AND");
            sql.push(" FROM request_facts AS f INDEXED BY ").push(index).push(" WHERE 1");
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
        let statements = match &range.from {
            // Two statements, because SQLite seeks by one column only: the requests with the same value can be many.
            Some(key) => vec![
                statement(&|sql: &mut Sql| {
                    sql.push(" AND ").push(&column).push(" = ").value(key.value.clone());
                    sql.push(" AND f.request_id").push(after).value(key.id);
                }),
                statement(&|sql: &mut Sql| {
                    sql.push(" AND ").push(&column).push(after).value(key.value.clone());
                    until(sql);
                }),
            ],
            None => vec![statement(&until)],
        };

        let mut scan = Scan::default();
        let mut read = 0;
        for sql in statements {
            let mut statement = self.connection.prepare(&sql.text)?;
            let mut rows = statement.query(params_from_iter(sql.values))?;
            while let Some(row) = rows.next()? {
                if row.get(7)? {
                    scan.hits.push(read_hit(row)?);
                    if scan.hits.len() == most_hits {
                        return Ok(scan);
                    }
                }
                read += 1;
                if read == most_read {
                    scan.stopped_at = Some(PageKey { value: row.get(0)?, id: row.get(1)? });
                    return Ok(scan);
                }
            }
        }
        Ok(scan)
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

/// Returns the conditions that must all be fulfilled, without the lists around them.
pub(super) fn conjuncts(filters: &[Filter]) -> Vec<&Filter> {
    let mut all = Vec::new();
    for filter in filters {
        match filter {
            Filter::All(filters) => all.extend(conjuncts(filters)),
            filter => all.push(filter),
        }
    }
    all
}

/// Returns the queries that find requests by one condition, or by all conditions on one number.
fn drivers(filters: &[&Filter]) -> Vec<Sql> {
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
                drivers.extend(Filter::numbers_driver(*field, of_field));
            }
            filter => drivers.extend(filter.driver()),
        }
    }
    drivers
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

/// Compares two positions in the order of a list.
pub(super) fn in_order(one: &PageKey, other: &PageKey, sort: Sort) -> Ordering {
    let order = one.compare(other);
    if sort.descending { order.reverse() } else { order }
}

/// Returns a page of hits that are read in the order of the list. `scan` reads hits in an order, after a position, until
/// it has the given number of them or has read [`MOST_READ`] rows.
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
            Scan { hits: first.hits, stopped_at }
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
        },
        ids: page.hits.iter().map(|hit| hit.key.id).collect(),
    })
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
        },
        ids: shown.iter().map(|hit| hit.key.id).collect(),
    }
}

impl Figures {
    fn of(hits: &[Hit], are_complete: bool) -> Self {
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

fn read_hit(row: &Row<'_>) -> rusqlite::Result<Hit> {
    Ok(Hit {
        key: PageKey { value: row.get(0)?, id: row.get(1)? },
        is_error: row.get(2)?,
        duration_ns: row.get(3)?,
        input_tokens: row.get(4)?,
        output_tokens: row.get(5)?,
        price: row.get(6)?,
    })
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
