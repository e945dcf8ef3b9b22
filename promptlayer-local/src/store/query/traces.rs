//! A page of the traces that fulfill conditions, newest first.
//!
//! Traces are found as requests are: by an index, if it finds few of them, otherwise by reading a limited number of
//! them in the order of the list.

use std::collections::HashSet;

use rusqlite::{OptionalExtension, Row, params_from_iter};

use super::filter::{Filter, Sql, TextTest};
use super::find::conjuncts;
use super::page::{Figures, Hit, Links, MOST_FOUND, in_order, page_of};
use super::scan::{MOST_READ, Range, Scan, scanned_page};
use super::sort::{PageKey, Sort};
use crate::store::Reader;
use crate::timestamp::Timestamp;

/// The maximum number of names that a part of a name is looked for in. The newest ones are read.
const MOST_NAMES: usize = 100_000;

/// The maximum number of bytes of a trace id that the list reads. A longer one makes no usable address.
const LONGEST_ID: usize = 256;

/// The conditions that the traces of a list fulfill.
#[derive(Debug, Default)]
pub(crate) struct TraceFilter {
    /// A part of the name of one of the spans.
    pub(crate) name: Option<String>,
    /// Whether a span or a request of the trace failed.
    pub(crate) has_errors: Option<bool>,
    /// Conditions on the start time.
    pub(crate) times: Vec<Filter>,
}

/// The facts of a trace, as the list shows them. Texts are cut.
#[derive(Debug)]
pub(crate) struct TraceRow {
    pub(crate) id: i64,
    /// `None` if the id is too long for an address.
    pub(crate) trace_id: Option<String>,
    pub(crate) name: String,
    pub(crate) service: String,
    pub(crate) start: Timestamp,
    pub(crate) duration_ns: i64,
    pub(crate) spans: i64,
    pub(crate) requests: i64,
    pub(crate) errors: i64,
    pub(crate) root_failed: bool,
    pub(crate) input_tokens: i64,
    pub(crate) output_tokens: i64,
    pub(crate) price: f64,
    pub(crate) price_is_estimate: bool,
}

/// A page of the traces that were found.
#[derive(Debug)]
pub(crate) struct FoundTraces {
    pub(crate) rows: Vec<TraceRow>,
    /// The number of all stored traces.
    pub(crate) stored: i64,
    /// The figures of the traces: here, `requests` is the number of traces.
    pub(crate) figures: Figures,
    pub(crate) links: Links,
}

/// The columns of a [`Hit`], with the end time in place of the duration.
const HIT: &str = "f.start_ns, f.id, f.errors > 0, f.end_ns, f.input_tokens, f.output_tokens, f.price";

impl Reader<'_> {
    /// Returns the traces after a position, or the newest traces, that fulfill all conditions.
    pub(crate) fn find_traces(
        &self,
        filter: &TraceFilter,
        from: Option<&PageKey>,
        limit: usize,
    ) -> rusqlite::Result<FoundTraces> {
        let sort = Sort::default();
        let names = filter.name.as_deref().map(|part| self.names_with(part)).transpose()?;
        let few = match &names {
            Some(names) => self.traces_of_names(names, filter, sort)?,
            None => None,
        };
        let page = match few {
            Some(hits) => page_of(&hits, true, sort, from, limit),
            None => scanned_page(sort, from, limit, |sort, from, most_hits| {
                self.scan_traces(filter, names.as_ref(), sort, from, most_hits)
            })?,
        };
        let mut rows = self.connection.prepare(&select_row("id = ?"))?;
        Ok(FoundTraces {
            rows: page
                .ids
                .iter()
                .map(|id| rows.query_row([id], read_row))
                .collect::<rusqlite::Result<_>>()?,
            stored: self.connection.query_row("SELECT traces FROM trace_counts", [], |row| row.get(0))?,
            figures: page.figures,
            links: page.links,
        })
    }

    /// Returns the ids of the names that contain this text.
    fn names_with(&self, part: &str) -> rusqlite::Result<HashSet<i64>> {
        let mut sql = Sql::new("SELECT id FROM (SELECT id, name FROM span_names ORDER BY id DESC LIMIT ");
        sql.push(&MOST_NAMES.to_string()).push(") WHERE ");
        sql.test("name", &TextTest::Contains(part.to_owned()));
        self.connection
            .prepare(&sql.text)?
            .query_map(params_from_iter(sql.values), |row| row.get(0))?
            .collect()
    }

    /// Returns the traces that have a span with one of these names, in the order of the list. Returns `None` if they
    /// are too many.
    fn traces_of_names(
        &self,
        names: &HashSet<i64>,
        filter: &TraceFilter,
        sort: Sort,
    ) -> rusqlite::Result<Option<Vec<Hit>>> {
        let mut of_name = self.connection.prepare("SELECT trace FROM names_of_traces WHERE name = ?")?;
        let mut traces = HashSet::new();
        for name in names {
            let mut rows = of_name.query([name])?;
            while let Some(row) = rows.next()? {
                traces.insert(row.get::<_, i64>(0)?);
                if traces.len() > MOST_FOUND {
                    return Ok(None);
                }
            }
        }
        let mut sql = Sql::new("SELECT ");
        sql.push(HIT).push(" FROM trace_facts AS f WHERE ");
        conditions(&mut sql, filter);
        sql.push(" AND f.id = ");
        let mut statement = self.connection.prepare(&format!("{}?", sql.text))?;
        let mut hits = Vec::new();
        for trace in traces {
            let values = sql.values.iter().cloned().chain([trace.into()]);
            let mut rows = statement.query(params_from_iter(values))?;
            if let Some(row) = rows.next()? {
                hits.push(read_hit(row)?);
            }
        }
        hits.sort_unstable_by(|one, other| in_order(&one.key, &other.key, sort));
        Ok(Some(hits))
    }

    /// Reads traces in the order of the list, from a position on, until enough of them fulfill the conditions or
    /// [`MOST_READ`] traces were read.
    fn scan_traces(
        &self,
        filter: &TraceFilter,
        names: Option<&HashSet<i64>>,
        sort: Sort,
        from: Option<&PageKey>,
        most_hits: usize,
    ) -> rusqlite::Result<Scan> {
        let range = Range::of(&conjuncts(&filter.times), sort, from);
        let index = if filter.has_errors == Some(true) { "traces_with_errors" } else { "traces_by_time" };
        let direction = if sort.descending { " DESC" } else { "" };
        let (after, within) = if sort.descending { (" < ", " >= ") } else { (" > ", " <= ") };
        let statement = |condition: &dyn Fn(&mut Sql)| {
            let mut sql = Sql::new("SELECT ");
            sql.push(HIT).push(", ");
            conditions(&mut sql, filter);
            sql.push(" FROM trace_facts AS f INDEXED BY ").push(index).push(" WHERE 1");
            if filter.has_errors == Some(true) {
                sql.push(" AND f.errors > 0");
            }
            condition(&mut sql);
            sql.push(" ORDER BY f.start_ns").push(direction).push(", f.id").push(direction);
            sql
        };
        let until = |sql: &mut Sql| {
            if let Some(bound) = range.until {
                sql.push(" AND f.start_ns").push(within).value(bound);
            }
        };
        let statements = match &range.from {
            // Two statements, because SQLite seeks by one column only.
            Some(key) => vec![
                statement(&|sql: &mut Sql| {
                    sql.push(" AND f.start_ns = ").value(key.value.clone());
                    sql.push(" AND f.id").push(after).value(key.id);
                }),
                statement(&|sql: &mut Sql| {
                    sql.push(" AND f.start_ns").push(after).value(key.value.clone());
                    until(sql);
                }),
            ],
            None => vec![statement(&until)],
        };

        let mut names_of = self.connection.prepare("SELECT name FROM names_of_traces WHERE trace = ?")?;
        let mut has_name = |trace: i64| -> rusqlite::Result<bool> {
            let Some(wanted) = names else { return Ok(true) };
            let mut rows = names_of.query([trace])?;
            while let Some(row) = rows.next()? {
                if wanted.contains(&row.get(0)?) {
                    return Ok(true);
                }
            }
            Ok(false)
        };
        let mut scan = Scan::default();
        for sql in statements {
            let mut statement = self.connection.prepare(&sql.text)?;
            let mut rows = statement.query(params_from_iter(sql.values))?;
            while let Some(row) = rows.next()? {
                if row.get(7)? && has_name(row.get(1)?)? {
                    scan.hits.push(read_hit(row)?);
                    if scan.hits.len() == most_hits {
                        return Ok(scan);
                    }
                }
                scan.read += 1;
                if scan.read == MOST_READ {
                    scan.stopped_at = Some(PageKey { value: row.get(0)?, id: row.get(1)? });
                    return Ok(scan);
                }
            }
        }
        Ok(scan)
    }

    /// Returns the facts of a trace, without reading its spans.
    pub(crate) fn trace_facts(&self, trace_id: &str) -> rusqlite::Result<Option<TraceRow>> {
        self.connection.query_row(&select_row("trace_id = ?"), [trace_id], read_row).optional()
    }
}

fn select_row(condition: &str) -> String {
    format!(
        "SELECT *, iif(octet_length(trace_id) <= {LONGEST_ID}, trace_id, NULL) AS short_id
         FROM trace_facts WHERE {condition}"
    )
}

/// Appends the conditions on a row `f` of `trace_facts`, except the one on names.
fn conditions(sql: &mut Sql, filter: &TraceFilter) {
    sql.join(&filter.times, "AND").push(match filter.has_errors {
        Some(true) => " AND f.errors > 0",
        Some(false) => " AND f.errors = 0",
        None => "",
    });
}

fn read_hit(row: &Row<'_>) -> rusqlite::Result<Hit> {
    let start: i64 = row.get(0)?;
    Ok(Hit {
        key: PageKey { value: row.get(0)?, id: row.get(1)? },
        is_error: row.get(2)?,
        duration_ns: row.get::<_, i64>(3)?.saturating_sub(start),
        input_tokens: row.get(4)?,
        output_tokens: row.get(5)?,
        price: row.get(6)?,
    })
}

fn read_row(row: &Row<'_>) -> rusqlite::Result<TraceRow> {
    let start: i64 = row.get("start_ns")?;
    Ok(TraceRow {
        id: row.get("id")?,
        trace_id: row.get("short_id")?,
        name: row.get("name")?,
        service: row.get("service")?,
        start: Timestamp::from_nanoseconds(start),
        duration_ns: row.get::<_, i64>("end_ns")?.saturating_sub(start),
        spans: row.get("spans")?,
        requests: row.get("requests")?,
        errors: row.get("errors")?,
        root_failed: row.get("root_failed")?,
        input_tokens: row.get("input_tokens")?,
        output_tokens: row.get("output_tokens")?,
        price: row.get("price")?,
        price_is_estimate: row.get("price_is_estimate")?,
    })
}
