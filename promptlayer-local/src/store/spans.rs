//! Writes spans, one body at a time, and reads them, one trace at a time.

use std::collections::{BTreeMap, BTreeSet, HashMap, HashSet};

use rusqlite::{Connection, OptionalExtension, Row, Statement, named_params, params};
use serde::{Deserialize, Serialize};
use serde_json::value::RawValue;

use super::requests::RequestWriter;
use super::trace_facts::{FAILED, TraceFactsWriter};
use super::unfinished::{self, Earlier, EarlierSpans};
use super::{NewRequest, Reader, Writer, json_column, run_with_texts};
use crate::json_text::JsonText;
use crate::timestamp::Timestamp;

/// A span as the client sent it.
#[derive(Debug, Deserialize)]
pub(crate) struct NewSpan {
    pub(crate) name: String,
    pub(crate) context: SpanContext,
    pub(crate) kind: String,
    #[serde(default)]
    pub(crate) parent_id: Option<String>,
    #[serde(deserialize_with = "Timestamp::of_span")]
    pub(crate) start_time: i64,
    #[serde(deserialize_with = "Timestamp::of_span")]
    pub(crate) end_time: i64,
    pub(crate) status: SpanStatus,
    pub(crate) attributes: JsonText,
    #[serde(default = "JsonText::empty_list")]
    pub(crate) events: JsonText,
    #[serde(default = "JsonText::empty_list")]
    pub(crate) links: JsonText,
    pub(crate) resource: JsonText,
    #[serde(default)]
    pub(crate) log_request: Option<NewRequest>,
}

#[derive(Debug, Clone, Deserialize)]
pub(crate) struct SpanContext {
    pub(crate) trace_id: String,
    pub(crate) span_id: String,
    pub(crate) trace_state: String,
}

#[derive(Debug, Serialize, Deserialize)]
pub(crate) struct SpanStatus {
    pub(crate) status_code: String,
    #[serde(default)]
    pub(crate) description: Option<String>,
}

/// How a body of spans is stored.
#[derive(Debug, Clone, Copy)]
pub(crate) struct SpanOptions {
    /// Closes the traces of the spans afterwards.
    pub(crate) close_after: bool,
    pub(crate) resent: Resent,
}

/// What to do with a span that is stored already. It has the same trace id, span id and start time.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Resent {
    /// Stores it again.
    Store,
    /// Ignores it. If the stored span has no request log, it gets the one of the resent span.
    Ignore,
}

/// The result of storing a body of spans.
#[derive(Debug, Default)]
pub(crate) struct BulkReceipt {
    pub(crate) spans: Vec<StoredId>,
    pub(crate) requests: Vec<LoggedId>,
    /// The number of spans that were stored already.
    pub(crate) resent: usize,
    pub(crate) rejected_spans: Vec<String>,
    pub(crate) rejected_traces: BTreeSet<String>,
}

#[derive(Debug, Serialize)]
pub(crate) struct StoredId {
    id: i64,
    name: String,
    span_id: String,
}

#[derive(Debug, Serialize)]
pub(crate) struct LoggedId {
    id: i64,
    span_id: String,
}

/// A stored span. Its JSON values are the stored text.
#[derive(Debug)]
pub(crate) struct StoredSpan {
    pub(crate) id: i64,
    pub(crate) trace_id: String,
    pub(crate) span_id: String,
    pub(crate) parent_id: Option<String>,
    pub(crate) name: String,
    pub(crate) kind: String,
    pub(crate) start: Timestamp,
    pub(crate) end: Timestamp,
    pub(crate) status: SpanStatus,
    pub(crate) trace_state: String,
    pub(crate) attributes: Box<RawValue>,
    pub(crate) events: Box<RawValue>,
    pub(crate) links: Box<RawValue>,
    pub(crate) resource: Box<RawValue>,
    pub(crate) request_id: Option<i64>,
    /// `true` if the span had not ended when it was sent.
    pub(crate) unfinished: bool,
}

/// The result of closing a trace.
#[derive(Debug)]
pub(crate) enum Closing {
    Closed { id: i64, at: Timestamp },
    AlreadyClosed,
    NoSuchTrace,
}

impl Writer<'_> {
    /// Stores all spans and their request logs, except those of closed traces.
    pub(crate) fn insert_spans(
        &self,
        spans: Vec<NewSpan>,
        options: SpanOptions,
    ) -> rusqlite::Result<BulkReceipt> {
        write_all(self.connection, spans, options)
    }

    /// Closes a trace, which then accepts no more spans.
    pub(crate) fn close_trace(&self, trace_id: &str) -> rusqlite::Result<Closing> {
        let known: bool = self.connection.query_row(
            "SELECT EXISTS (SELECT 1 FROM spans WHERE trace_id = ?)",
            [trace_id],
            |row| row.get(0),
        )?;
        if !known {
            return Ok(Closing::NoSuchTrace);
        }
        let at = Timestamp::now();
        let id = self
            .connection
            .query_row(
                "INSERT INTO closed_traces (trace_id, closed_ns) VALUES (?, ?) ON CONFLICT DO NOTHING RETURNING id",
                params![trace_id, at.nanoseconds()],
                |row| row.get(0),
            )
            .optional()?;
        Ok(id.map_or(Closing::AlreadyClosed, |id| Closing::Closed { id, at }))
    }
}

impl Reader<'_> {
    /// Returns the spans of a trace in the order in which they started. The result is empty if there is no
    /// such trace.
    pub(crate) fn trace(&self, trace_id: &str) -> rusqlite::Result<Vec<StoredSpan>> {
        self.connection
            .prepare(
                "SELECT spans.*, requests.id AS request_id FROM spans
                 LEFT JOIN requests ON requests.span_row = spans.id
                 WHERE trace_id = ? ORDER BY spans.start_ns, spans.id",
            )?
            .query_map([trace_id], read_span)?
            .collect()
    }

    /// Returns one span of a trace by the id of its row.
    pub(crate) fn span(&self, trace_id: &str, row: i64) -> rusqlite::Result<Option<StoredSpan>> {
        self.connection
            .query_row(
                "SELECT spans.*, requests.id AS request_id FROM spans
                 LEFT JOIN requests ON requests.span_row = spans.id
                 WHERE spans.id = ? AND trace_id = ?",
                params![row, trace_id],
                read_span,
            )
            .optional()
    }
}

fn write_all(
    connection: &Connection,
    spans: Vec<NewSpan>,
    options: SpanOptions,
) -> rusqlite::Result<BulkReceipt> {
    let mut receipt = BulkReceipt::default();
    let closed = closed_among(connection, &spans)?;
    let mut span_writer = SpanWriter::new(connection)?;
    let mut request_writer = RequestWriter::new(connection)?;
    let mut traces = TraceFactsWriter::new(connection)?;
    let mut earlier_spans = EarlierSpans::new(connection)?;
    let mut stored = match options.resent {
        Resent::Store => None,
        Resent::Ignore => Some(StoredSpans::find(connection, &spans)?),
    };

    for mut span in spans {
        let SpanContext { trace_id, span_id, .. } = span.context.clone();
        if closed.get(&trace_id) == Some(&true) {
            receipt.rejected_spans.push(span_id);
            receipt.rejected_traces.insert(trace_id);
            continue;
        }
        let request = span.log_request.take();
        let times =
            (Timestamp::from_nanoseconds(span.start_time), Timestamp::from_nanoseconds(span.end_time));
        let failed = span.status.status_code == FAILED;
        let key = (trace_id, span.start_time, span_id.clone());
        let is_unfinished = request.is_none() && unfinished::is_marked(span.attributes.as_str());
        let earlier = earlier_spans.find(&span.context, is_unfinished)?;
        match earlier {
            Earlier::None => {}
            // What arrives is older than what is stored, or its request log is stored already.
            Earlier::Kept { row, request } => {
                receipt.resent += 1;
                receipt.requests.extend(request.map(|id| LoggedId { id, span_id: span_id.clone() }));
                receipt.spans.push(StoredId { id: row, name: span.name, span_id });
                continue;
            }
            Earlier::Joined { row, request } => {
                earlier_spans.complete(row, &span)?;
                traces.add_errors(&key.0, i64::from(failed));
                receipt.requests.push(LoggedId { id: request, span_id: span_id.clone() });
                receipt.spans.push(StoredId { id: row, name: span.name, span_id });
                continue;
            }
            Earlier::Unfinished { row } => {
                // The row counts in the facts of its trace only when they are written.
                traces.write()?;
                earlier_spans.remove(row)?;
            }
        }
        let replaces = matches!(earlier, Earlier::Unfinished { .. });
        let known = stored.as_mut().and_then(|stored| stored.0.get_mut(&key)).filter(|_| !replaces);
        if let Some(known) = known {
            receipt.resent += 1;
            if let (Some(request), false) = (request, known.has_request) {
                let logged = request_writer.insert(request, Some((known.row, &span.name)), times)?;
                traces.add_request(&key.0, failed, logged.totals);
                receipt.requests.push(LoggedId { id: logged.id, span_id });
                known.has_request = true;
            }
            continue;
        }
        traces.add_span(&span, replaces);
        let (row, name) = span_writer.insert(span, is_unfinished)?;
        let mut has_request = request.is_some();
        if let Some(request) = request {
            let logged = request_writer.insert(request, Some((row, &name)), times)?;
            traces.add_request(&key.0, failed, logged.totals);
            receipt.requests.push(LoggedId { id: logged.id, span_id: span_id.clone() });
        } else {
            has_request = traces.add_joined_request(&key.0, row, failed)?;
        }
        if let Some(stored) = &mut stored {
            stored.0.insert(key, FoundSpan { row, has_request });
        }
        receipt.spans.push(StoredId { id: row, name, span_id });
    }
    traces.write()?;
    if options.close_after {
        let now = Timestamp::now().nanoseconds();
        let mut close = connection.prepare(
            "INSERT INTO closed_traces (trace_id, closed_ns) VALUES (?, ?) ON CONFLICT DO NOTHING",
        )?;
        for trace_id in closed.keys() {
            close.execute(params![trace_id, now])?;
        }
    }
    Ok(receipt)
}

/// Returns the traces of the spans, each with `true` if it is closed.
fn closed_among(connection: &Connection, spans: &[NewSpan]) -> rusqlite::Result<BTreeMap<String, bool>> {
    let mut statement =
        connection.prepare("SELECT EXISTS (SELECT 1 FROM closed_traces WHERE trace_id = ?)")?;
    let mut traces = BTreeMap::new();
    for span in spans {
        let trace_id = span.context.trace_id.as_str();
        if !traces.contains_key(trace_id) {
            traces.insert(trace_id.to_owned(), statement.query_row([trace_id], |row| row.get(0))?);
        }
    }
    Ok(traces)
}

/// The spans of a body that are stored already.
struct StoredSpans(HashMap<SpanKey, FoundSpan>);

/// What makes two spans the same: the trace id, the start time and the span id.
type SpanKey = (String, i64, String);

#[derive(Clone, Copy)]
struct FoundSpan {
    row: i64,
    has_request: bool,
}

impl StoredSpans {
    fn find(connection: &Connection, spans: &[NewSpan]) -> rusqlite::Result<Self> {
        let wanted: HashSet<(&str, i64, &str)> = spans
            .iter()
            .map(|span| (span.context.trace_id.as_str(), span.start_time, span.context.span_id.as_str()))
            .collect();
        // The index of traces has the start time but not the span id. Each start is read once, because a client
        // can send any number of spans with the same one.
        let starts: BTreeSet<(&str, i64)> = wanted.iter().map(|(trace, start, _)| (*trace, *start)).collect();
        let mut statement = connection.prepare(
            "SELECT spans.span_id, spans.id, requests.id IS NOT NULL FROM spans
             LEFT JOIN requests ON requests.span_row = spans.id
             WHERE spans.trace_id = ? AND spans.start_ns = ?",
        )?;
        let mut found = HashMap::new();
        for (trace_id, start) in starts {
            let mut rows = statement.query(params![trace_id, start])?;
            while let Some(row) = rows.next()? {
                let span_id = row.get_ref(0)?.as_str()?;
                if wanted.contains(&(trace_id, start, span_id)) {
                    let span = FoundSpan { row: row.get(1)?, has_request: row.get(2)? };
                    let known = found.entry((trace_id.to_owned(), start, span_id.to_owned())).or_insert(span);
                    if span.has_request {
                        *known = span;
                    }
                }
            }
        }
        Ok(Self(found))
    }
}

/// The prepared statement that stores a span. One instance serves a whole body.
struct SpanWriter<'t> {
    connection: &'t Connection,
    statement: Statement<'t>,
}

impl<'t> SpanWriter<'t> {
    fn new(connection: &'t Connection) -> rusqlite::Result<Self> {
        let statement = connection.prepare(
            "INSERT INTO spans (trace_id, span_id, parent_id, name, kind, start_ns, end_ns, status_code,
                 status_description, trace_state, attributes, events, links, resource, unfinished)
             VALUES (:trace_id, :span_id, :parent_id, :name, :kind, :start_ns, :end_ns, :status_code,
                 :status_description, :trace_state, :attributes, :events, :links, :resource, :unfinished)",
        )?;
        Ok(Self { connection, statement })
    }

    /// Stores a span. Returns the id of its row and its name.
    fn insert(&mut self, span: NewSpan, is_unfinished: bool) -> rusqlite::Result<(i64, String)> {
        let row = run_with_texts(
            self.connection,
            &mut self.statement,
            [
                (":attributes", span.attributes),
                (":events", span.events),
                (":links", span.links),
                (":resource", span.resource),
            ],
            named_params! {
                ":trace_id": span.context.trace_id,
                ":span_id": span.context.span_id,
                ":parent_id": span.parent_id,
                ":name": span.name,
                ":kind": span.kind,
                ":start_ns": span.start_time,
                ":end_ns": span.end_time,
                ":status_code": span.status.status_code,
                ":status_description": span.status.description,
                ":trace_state": span.context.trace_state,
                ":unfinished": is_unfinished,
            },
        )?;
        Ok((row, span.name))
    }
}

fn read_span(row: &Row<'_>) -> rusqlite::Result<StoredSpan> {
    Ok(StoredSpan {
        id: row.get("id")?,
        trace_id: row.get("trace_id")?,
        span_id: row.get("span_id")?,
        parent_id: row.get("parent_id")?,
        name: row.get("name")?,
        kind: row.get("kind")?,
        start: Timestamp::from_nanoseconds(row.get("start_ns")?),
        end: Timestamp::from_nanoseconds(row.get("end_ns")?),
        status: SpanStatus {
            status_code: row.get("status_code")?,
            description: row.get("status_description")?,
        },
        trace_state: row.get("trace_state")?,
        attributes: json_column(row, "attributes")?,
        events: json_column(row, "events")?,
        links: json_column(row, "links")?,
        resource: json_column(row, "resource")?,
        request_id: row.get("request_id")?,
        unfinished: row.get("unfinished")?,
    })
}
