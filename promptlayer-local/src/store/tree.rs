//! Reads a trace for a page: first the structure of the whole trace, then the details of the spans that are
//! shown.

use std::collections::{HashMap, HashSet};

use rusqlite::{OptionalExtension, Row};
use serde::Deserialize;
use serde_json::value::RawValue;

use super::trace_facts::FAILED;
use super::{Reader, integer};
use crate::timestamp::Timestamp;

/// The number of characters that are read of a name and of an error description: one more than a page shows.
const NAME_CHARACTERS: usize = 201;
const DESCRIPTION_CHARACTERS: usize = 201;

/// The maximum number of bytes of attributes that the node type of a span is looked for in.
const LONGEST_ATTRIBUTES: usize = 64 * 1024;

/// The maximum number of spans of a trace in which the ancestors of a span are looked for.
const MOST_SEARCHED: i64 = 10_000;

/// The fields of a span that the tree of a trace is built from.
#[derive(Debug, Clone)]
pub(crate) struct SpanNode {
    /// The id of the span's row.
    pub(crate) row: i64,
    pub(crate) span_id: String,
    pub(crate) parent_id: Option<String>,
    pub(crate) start: Timestamp,
    pub(crate) end: Timestamp,
    /// `true` if the span or its request failed.
    pub(crate) failed: bool,
    pub(crate) request: Option<NodeRequest>,
}

/// The facts of the request log of a span.
#[derive(Debug, Clone)]
pub(crate) struct NodeRequest {
    pub(crate) id: i64,
    /// The time of the first token.
    pub(crate) first_token: Option<Timestamp>,
    pub(crate) input_tokens: i64,
    pub(crate) output_tokens: i64,
    pub(crate) price: f64,
    pub(crate) price_is_estimate: bool,
}

/// The fields of a span that a line of the tree shows. The name and the description are cut.
#[derive(Debug, Default)]
pub(crate) struct SpanDetails {
    pub(crate) name: String,
    /// The kind of OpenTelemetry: `SpanKind.CLIENT`.
    pub(crate) kind: String,
    /// The error.
    pub(crate) description: Option<String>,
    /// The type of the operation that the attributes name.
    pub(crate) node_type: Option<Box<RawValue>>,
    /// `true` if the span had not ended when it was sent.
    pub(crate) unfinished: bool,
}

/// A span above another one.
#[derive(Debug)]
pub(crate) struct Ancestor {
    pub(crate) row: i64,
    pub(crate) name: String,
}

/// The attributes in which SDKs name the type of an operation. Other attributes are not parsed.
#[derive(Debug, Default, Deserialize)]
struct TypeAttributes {
    #[serde(default)]
    node_type: Option<Box<RawValue>>,
    #[serde(default, rename = "openinference.span.kind")]
    openinference: Option<Box<RawValue>>,
    #[serde(default, rename = "gen_ai.operation.name")]
    gen_ai: Option<Box<RawValue>>,
}

impl Reader<'_> {
    /// Returns all spans of a trace in the order in which they started, without their content.
    pub(crate) fn trace_nodes(&self, trace_id: &str) -> rusqlite::Result<Vec<SpanNode>> {
        self.connection
            .prepare(
                "SELECT spans.id, span_id, parent_id, spans.start_ns, spans.end_ns, status_code, f.request_id, f.status,
                     f.start_ns, f.first_token_ns, f.input_tokens, f.output_tokens, f.price, f.price_is_estimate
                 FROM spans LEFT JOIN requests ON requests.span_row = spans.id
                     LEFT JOIN request_facts AS f ON f.request_id = requests.id
                 WHERE trace_id = ? ORDER BY spans.start_ns, spans.id",
            )?
            .query_map([trace_id], read_node)?
            .collect()
    }

    /// Returns the details of the spans with these row ids, in the same order. A missing row has empty
    /// details.
    pub(crate) fn span_details(
        &self,
        rows: impl IntoIterator<Item = i64>,
    ) -> rusqlite::Result<Vec<SpanDetails>> {
        let mut statement = self.connection.prepare(
            "SELECT substr(name, 1, ?2), kind, substr(status_description, 1, ?3),
                 iif(octet_length(attributes) <= ?4, attributes, ''), unfinished
             FROM spans WHERE id = ?1",
        )?;
        let limits = [NAME_CHARACTERS, DESCRIPTION_CHARACTERS, LONGEST_ATTRIBUTES].map(integer);
        rows.into_iter()
            .map(|row| {
                let parameters = [row, limits[0], limits[1], limits[2]];
                statement.query_row(parameters, read_details).optional().map(Option::unwrap_or_default)
            })
            .collect()
    }

    /// Returns the nearest spans above a span, the topmost first. Returns none if the trace is too large to search.
    pub(crate) fn ancestors(&self, trace_id: &str, row: i64, most: usize) -> rusqlite::Result<Vec<Ancestor>> {
        if self.trace_facts(trace_id)?.is_none_or(|trace| trace.spans > MOST_SEARCHED) {
            return Ok(Vec::new());
        }
        let spans: Vec<(i64, String, Option<String>)> = self
            .connection
            .prepare("SELECT id, span_id, parent_id FROM spans WHERE trace_id = ? ORDER BY start_ns, id")?
            .query_map([trace_id], |row| Ok((row.get(0)?, row.get(1)?, row.get(2)?)))?
            .collect::<rusqlite::Result<_>>()?;
        let mut by_id: HashMap<&str, (i64, Option<&str>)> = HashMap::new();
        let mut parent = None;
        for (id, span_id, parent_id) in &spans {
            by_id.entry(span_id).or_insert((*id, parent_id.as_deref()));
            if *id == row {
                parent = parent_id.as_deref();
            }
        }
        let mut name = self.connection.prepare("SELECT substr(name, 1, ?2) FROM spans WHERE id = ?1")?;
        let mut ancestors = Vec::new();
        let mut seen = HashSet::from([row]);
        while let Some((row, next)) = parent.and_then(|parent| by_id.get(parent)) {
            if ancestors.len() == most || !seen.insert(*row) {
                break;
            }
            let name = name.query_row([*row, integer(NAME_CHARACTERS)], |row| row.get(0))?;
            ancestors.push(Ancestor { row: *row, name });
            parent = *next;
        }
        ancestors.reverse();
        Ok(ancestors)
    }

    /// Returns all attributes of a span as their stored JSON.
    pub(crate) fn span_attributes(&self, row: i64) -> rusqlite::Result<Option<String>> {
        self.connection
            .query_row("SELECT attributes FROM spans WHERE id = ?", [row], |row| row.get(0))
            .optional()
    }
}

fn read_node(row: &Row<'_>) -> rusqlite::Result<SpanNode> {
    let request = match row.get::<_, Option<i64>>(6)? {
        Some(id) => {
            let start: i64 = row.get(8)?;
            let first_token: Option<i64> = row.get(9)?;
            Some(NodeRequest {
                id,
                first_token: first_token
                    .map(|nanoseconds| Timestamp::from_nanoseconds(start.saturating_add(nanoseconds))),
                input_tokens: row.get(10)?,
                output_tokens: row.get(11)?,
                price: row.get(12)?,
                price_is_estimate: row.get(13)?,
            })
        }
        None => None,
    };
    Ok(SpanNode {
        row: row.get(0)?,
        span_id: row.get(1)?,
        parent_id: row.get(2)?,
        start: Timestamp::from_nanoseconds(row.get(3)?),
        end: Timestamp::from_nanoseconds(row.get(4)?),
        failed: row.get_ref(5)?.as_str()? == FAILED || row.get_ref(7)?.as_str_or_null()? == Some("ERROR"),
        request,
    })
}

fn read_details(row: &Row<'_>) -> rusqlite::Result<SpanDetails> {
    let types: TypeAttributes = serde_json::from_str(row.get_ref(3)?.as_str()?).unwrap_or_default();
    Ok(SpanDetails {
        name: row.get(0)?,
        kind: row.get(1)?,
        description: row.get(2)?,
        node_type: types.node_type.or(types.openinference).or(types.gen_ai),
        unfinished: row.get(4)?,
    })
}
