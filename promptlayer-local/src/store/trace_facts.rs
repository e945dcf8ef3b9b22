//! The facts of a trace: the values that the list of traces shows, filters and sorts by.
//!
//! They are updated when spans are stored, once for each trace of a body. The spans of a trace arrive in any order and
//! in any number of bodies, mostly with the root last.

use std::collections::{HashMap, HashSet};

use rusqlite::{Connection, OptionalExtension, Statement, named_params, params};
use serde::Deserialize;
use serde_json::Value;

use super::NewSpan;
use super::facts::{RequestTotals, cut};

/// The status of a span that failed.
pub(super) const FAILED: &str = "StatusCode.ERROR";

/// The number of traces that are collected before they are written when an older database is filled.
const GROUP: usize = 1_000;

/// The parts of a span that the facts are derived from.
struct Source<'a> {
    trace_id: &'a str,
    name: &'a str,
    has_parent: bool,
    start: i64,
    end: i64,
    failed: bool,
    resource: &'a str,
    replaces: bool,
}

/// The span that names its trace: the first span without a parent. If there is none yet, the first span.
#[derive(Debug, Clone, Default)]
struct Root {
    has_parent: bool,
    start: i64,
    name: String,
    service: String,
    failed: bool,
    /// `true` if the span replaces an unfinished one, whose name and status it takes over. Not stored.
    replaces: bool,
}

/// The facts of a trace, or of a part of it.
#[derive(Debug, Default)]
struct Facts {
    /// `None` if this part has no spans.
    root: Option<Root>,
    start: i64,
    end: i64,
    spans: i64,
    requests: i64,
    /// The number of spans that failed, or whose request failed.
    errors: i64,
    input_tokens: i64,
    output_tokens: i64,
    price: f64,
    price_is_estimate: bool,
}

/// Collects the facts of the spans of a body, and then writes them.
pub(super) struct TraceFactsWriter<'c> {
    connection: &'c Connection,
    joined: Statement<'c>,
    /// In the order in which they arrived.
    traces: Vec<Collected>,
    /// The positions in `traces` by trace id.
    positions: HashMap<String, usize>,
}

/// What was collected of a trace.
#[derive(Default)]
struct Collected {
    trace_id: String,
    facts: Facts,
    /// The names of the spans.
    names: HashSet<String>,
}

impl Root {
    /// Returns `true` if this span names the trace rather than the other one, which arrived earlier.
    fn precedes(&self, other: &Self) -> bool {
        let [own, other] = [self, other].map(|root| (root.has_parent, root.start));
        own < other || (self.replaces && own == other)
    }
}

impl Facts {
    /// Adds the facts of spans and requests that arrived later.
    fn add(&mut self, later: Self) {
        if let Some(root) = later.root {
            let (start, end) = match self.root {
                Some(_) => (self.start.min(later.start), self.end.max(later.end)),
                None => (later.start, later.end),
            };
            (self.start, self.end) = (start, end);
            if self.root.as_ref().is_none_or(|known| root.precedes(known)) {
                self.root = Some(root);
            }
        }
        self.spans += later.spans;
        self.requests += later.requests;
        self.errors += later.errors;
        self.input_tokens = self.input_tokens.saturating_add(later.input_tokens);
        self.output_tokens = self.output_tokens.saturating_add(later.output_tokens);
        self.price += later.price;
        self.price_is_estimate |= later.price_is_estimate;
    }
}

impl<'c> TraceFactsWriter<'c> {
    pub(super) fn new(connection: &'c Connection) -> rusqlite::Result<Self> {
        let joined = connection.prepare(
            "SELECT status = 'ERROR', input_tokens, output_tokens, price, price_is_estimate FROM request_facts
             WHERE request_id = (SELECT id FROM requests WHERE span_row = ?)",
        )?;
        Ok(Self { connection, joined, traces: Vec::new(), positions: HashMap::new() })
    }

    /// Adds a span that will be stored. `replaces` is `true` if an unfinished one was removed for it.
    pub(super) fn add_span(&mut self, span: &NewSpan, replaces: bool) {
        self.add(&Source {
            trace_id: &span.context.trace_id,
            name: &span.name,
            has_parent: has_parent(span.parent_id.as_deref()),
            start: span.start_time,
            end: span.end_time,
            failed: span.status.status_code == FAILED,
            resource: span.resource.as_str(),
            replaces,
        });
    }

    /// Adds errors of spans that were counted already.
    pub(super) fn add_errors(&mut self, trace_id: &str, errors: i64) {
        self.collected(trace_id, |trace| trace.facts.add(Facts { errors, ..Facts::default() }));
    }

    /// Adds the request of a span that was added or is stored.
    pub(super) fn add_request(&mut self, trace_id: &str, span_failed: bool, totals: RequestTotals) {
        let totals = Facts {
            requests: 1,
            errors: i64::from(totals.failed && !span_failed),
            input_tokens: totals.input_tokens,
            output_tokens: totals.output_tokens,
            price: totals.price,
            price_is_estimate: totals.price_is_estimate,
            ..Facts::default()
        };
        self.collected(trace_id, |trace| trace.facts.add(totals));
    }

    /// Adds the request that was logged before its span and joined it when the span was stored. Returns `true` if there
    /// is one.
    pub(super) fn add_joined_request(
        &mut self,
        trace_id: &str,
        span_row: i64,
        span_failed: bool,
    ) -> rusqlite::Result<bool> {
        let totals = self.joined.query_row([span_row], |row| {
            Ok(RequestTotals {
                failed: row.get(0)?,
                input_tokens: row.get(1)?,
                output_tokens: row.get(2)?,
                price: row.get(3)?,
                price_is_estimate: row.get(4)?,
            })
        });
        let totals = totals.optional()?;
        if let Some(totals) = totals {
            self.add_request(trace_id, span_failed, totals);
        }
        Ok(totals.is_some())
    }

    fn collected(&mut self, trace_id: &str, add: impl FnOnce(&mut Collected)) {
        if let Some(trace) = self.positions.get(trace_id).and_then(|position| self.traces.get_mut(*position))
        {
            return add(trace);
        }
        let mut trace = Collected { trace_id: trace_id.to_owned(), ..Collected::default() };
        add(&mut trace);
        self.positions.insert(trace_id.to_owned(), self.traces.len());
        self.traces.push(trace);
    }

    fn add(&mut self, span: &Source<'_>) {
        self.collected(span.trace_id, |Collected { facts, names, .. }| {
            let Source { has_parent, start, replaces, .. } = *span;
            let mut root = Root { has_parent, start, replaces, ..Root::default() };
            if facts.root.as_ref().is_none_or(|known| root.precedes(known)) {
                root.name = cut(span.name);
                root.service = service(span.resource);
                root.failed = span.failed;
            }
            facts.add(Facts {
                root: Some(root),
                start: span.start,
                end: span.end,
                spans: 1,
                errors: i64::from(span.failed),
                ..Facts::default()
            });
            if !names.contains(span.name) {
                names.insert(cut(span.name));
            }
        });
    }

    /// Adds what was collected to the stored facts.
    pub(super) fn write(&mut self) -> rusqlite::Result<()> {
        let mut statements = Statements::new(self.connection)?;
        self.positions.clear();
        for Collected { trace_id, facts, names } in self.traces.drain(..) {
            statements.write(&trace_id, facts, names)?;
        }
        Ok(())
    }
}

/// The prepared statements that store the facts of a trace.
struct Statements<'c> {
    connection: &'c Connection,
    read: Statement<'c>,
    insert: Statement<'c>,
    update: Statement<'c>,
    name: Statement<'c>,
    new_name: Statement<'c>,
    link: Statement<'c>,
    /// The ids of the names that were looked up.
    names: HashMap<String, i64>,
}

impl<'c> Statements<'c> {
    fn new(connection: &'c Connection) -> rusqlite::Result<Self> {
        Ok(Self {
            connection,
            read: connection.prepare("SELECT * FROM trace_facts WHERE trace_id = ?")?,
            insert: connection.prepare(
                "INSERT INTO trace_facts (trace_id, root_has_parent, root_start_ns, name, service, root_failed, start_ns,
                     end_ns, spans, requests, errors, input_tokens, output_tokens, price, price_is_estimate)
                 VALUES (:trace_id, :root_has_parent, :root_start_ns, :name, :service, :root_failed, :start_ns,
                     :end_ns, :spans, :requests, :errors, :input_tokens, :output_tokens, :price, :price_is_estimate)",
            )?,
            update: connection.prepare(
                "UPDATE trace_facts SET root_has_parent = :root_has_parent, root_start_ns = :root_start_ns, name = :name,
                     service = :service, root_failed = :root_failed, start_ns = :start_ns, end_ns = :end_ns,
                     spans = :spans, requests = :requests, errors = :errors, input_tokens = :input_tokens,
                     output_tokens = :output_tokens, price = :price, price_is_estimate = :price_is_estimate
                 WHERE trace_id = :trace_id",
            )?,
            name: connection.prepare("SELECT id FROM span_names WHERE name = ?")?,
            new_name: connection.prepare("INSERT INTO span_names (name) VALUES (?)")?,
            link: connection
                .prepare("INSERT INTO names_of_traces (trace, name) VALUES (?, ?) ON CONFLICT DO NOTHING")?,
            names: HashMap::new(),
        })
    }

    fn write(&mut self, trace_id: &str, later: Facts, names: HashSet<String>) -> rusqlite::Result<()> {
        let stored = self
            .read
            .query_row([trace_id], |row| {
                let root = Root {
                    has_parent: row.get("root_has_parent")?,
                    start: row.get("root_start_ns")?,
                    name: row.get("name")?,
                    service: row.get("service")?,
                    failed: row.get("root_failed")?,
                    replaces: false,
                };
                let facts = Facts {
                    root: Some(root),
                    start: row.get("start_ns")?,
                    end: row.get("end_ns")?,
                    spans: row.get("spans")?,
                    requests: row.get("requests")?,
                    errors: row.get("errors")?,
                    input_tokens: row.get("input_tokens")?,
                    output_tokens: row.get("output_tokens")?,
                    price: row.get("price")?,
                    price_is_estimate: row.get("price_is_estimate")?,
                };
                Ok((row.get::<_, i64>("id")?, facts))
            })
            .optional()?;
        let (id, facts) = match stored {
            Some((id, mut facts)) => {
                facts.add(later);
                (Some(id), facts)
            }
            None => (None, later),
        };
        // Every trace that is not stored has a span here.
        let Some(root) = &facts.root else { return Ok(()) };
        let values = named_params! {
            ":trace_id": trace_id,
            ":root_has_parent": root.has_parent,
            ":root_start_ns": root.start,
            ":name": root.name,
            ":service": root.service,
            ":root_failed": root.failed,
            ":start_ns": facts.start,
            ":end_ns": facts.end,
            ":spans": facts.spans,
            ":requests": facts.requests,
            ":errors": facts.errors,
            ":input_tokens": facts.input_tokens,
            ":output_tokens": facts.output_tokens,
            ":price": facts.price,
            ":price_is_estimate": facts.price_is_estimate,
        };
        let id = match id {
            Some(id) => {
                self.update.execute(values)?;
                id
            }
            None => {
                self.insert.execute(values)?;
                self.connection.last_insert_rowid()
            }
        };
        for name in names {
            let name = self.name_id(name)?;
            self.link.execute(params![id, name])?;
        }
        Ok(())
    }

    fn name_id(&mut self, name: String) -> rusqlite::Result<i64> {
        if let Some(id) = self.names.get(&name) {
            return Ok(*id);
        }
        let id = match self.name.query_row([&name], |row| row.get(0)).optional()? {
            Some(id) => id,
            None => {
                self.new_name.execute([&name])?;
                self.connection.last_insert_rowid()
            }
        };
        self.names.insert(name, id);
        Ok(id)
    }
}

/// Writes the facts of all traces of an older database, which has none.
pub(super) fn write_all(connection: &Connection) -> rusqlite::Result<()> {
    let mut spans = connection.prepare(
        "SELECT spans.trace_id, spans.name, spans.parent_id, spans.start_ns, spans.end_ns, spans.status_code,
             spans.resource, f.request_id IS NOT NULL, f.status = 'ERROR', f.input_tokens, f.output_tokens, f.price,
             f.price_is_estimate
         FROM spans LEFT JOIN requests ON requests.span_row = spans.id
             LEFT JOIN request_facts AS f ON f.request_id = requests.id
         ORDER BY spans.trace_id, spans.start_ns, spans.id",
    )?;
    let mut writer = TraceFactsWriter::new(connection)?;
    let mut rows = spans.query([])?;
    while let Some(row) = rows.next()? {
        let trace_id = row.get_ref(0)?.as_str()?;
        if writer.traces.len() >= GROUP && !writer.positions.contains_key(trace_id) {
            writer.write()?;
        }
        let failed = row.get_ref(5)?.as_str()? == FAILED;
        writer.add(&Source {
            trace_id,
            name: row.get_ref(1)?.as_str()?,
            has_parent: has_parent(row.get_ref(2)?.as_str_or_null()?),
            start: row.get(3)?,
            end: row.get(4)?,
            failed,
            resource: row.get_ref(6)?.as_str()?,
            replaces: false,
        });
        if row.get(7)? {
            let totals = RequestTotals {
                failed: row.get(8)?,
                input_tokens: row.get(9)?,
                output_tokens: row.get(10)?,
                price: row.get(11)?,
                price_is_estimate: row.get(12)?,
            };
            writer.add_request(trace_id, failed, totals);
        }
    }
    writer.write()
}

/// Returns `true` if a span names a parent. Some clients send an empty id for a root.
fn has_parent(parent_id: Option<&str>) -> bool {
    parent_id.is_some_and(|id| !id.is_empty())
}

/// Returns the name of the service that a resource describes, or an empty text.
fn service(resource: &str) -> String {
    #[derive(Deserialize)]
    struct Resource {
        attributes: Attributes,
    }
    #[derive(Deserialize)]
    struct Attributes {
        #[serde(rename = "service.name")]
        service: Value,
    }
    match serde_json::from_str::<Resource>(resource) {
        Ok(Resource { attributes: Attributes { service: Value::String(name) } }) => cut(&name),
        _ => String::new(),
    }
}
