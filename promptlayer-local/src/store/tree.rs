//! Reads a trace for a page: first the structure of the whole trace, then the details of the spans that are
//! shown.

use rusqlite::{OptionalExtension, Row};
use serde::Deserialize;
use serde_json::value::RawValue;

use super::{Reader, integer};
use crate::timestamp::Timestamp;

/// The number of characters that are read of a name and of an error description: one more than a page shows.
const NAME_CHARACTERS: usize = 201;
const DESCRIPTION_CHARACTERS: usize = 4001;

/// The fields of a span that the tree of a trace is built from.
#[derive(Debug, Clone)]
pub(crate) struct SpanNode {
    /// The id of the span's row.
    pub(crate) row: i64,
    pub(crate) span_id: String,
    pub(crate) parent_id: Option<String>,
    pub(crate) start: Timestamp,
    pub(crate) end: Timestamp,
}

/// The fields of a span that a page shows. The name and the description are cut.
#[derive(Debug, Default)]
pub(crate) struct SpanDetails {
    pub(crate) name: String,
    pub(crate) failed: bool,
    pub(crate) description: Option<String>,
    pub(crate) request_id: Option<i64>,
    /// The attributes, each as the JSON text that was sent.
    pub(crate) attributes: ShownAttributes,
}

/// The attributes that a line of a trace shows. Other attributes are not parsed.
#[derive(Debug, Default, Deserialize)]
pub(crate) struct ShownAttributes {
    #[serde(default)]
    pub(crate) node_type: Option<Box<RawValue>>,
    #[serde(default)]
    pub(crate) function_input: Option<Box<RawValue>>,
    #[serde(default)]
    pub(crate) function_output: Option<Box<RawValue>>,
}

impl Reader<'_> {
    /// Returns all spans of a trace in the order in which they started, without their content.
    pub(crate) fn trace_nodes(&self, trace_id: &str) -> rusqlite::Result<Vec<SpanNode>> {
        self.connection
            .prepare(
                "SELECT id, span_id, parent_id, start_ns, end_ns FROM spans
                 WHERE trace_id = ? ORDER BY start_ns, id",
            )?
            .query_map([trace_id], |row| {
                Ok(SpanNode {
                    row: row.get(0)?,
                    span_id: row.get(1)?,
                    parent_id: row.get(2)?,
                    start: Timestamp::from_nanoseconds(row.get(3)?),
                    end: Timestamp::from_nanoseconds(row.get(4)?),
                })
            })?
            .collect()
    }

    /// Returns the details of the spans with these row ids, in the same order. A missing row has empty
    /// details.
    pub(crate) fn span_details(
        &self,
        rows: impl IntoIterator<Item = i64>,
    ) -> rusqlite::Result<Vec<SpanDetails>> {
        let mut statement = self.connection.prepare(
            "SELECT substr(spans.name, 1, ?2) AS name, substr(status_description, 1, ?3) AS description,
                 spans.status_code = 'StatusCode.ERROR' AS failed, spans.attributes, requests.id AS request_id
             FROM spans LEFT JOIN requests ON requests.span_row = spans.id WHERE spans.id = ?1",
        )?;
        rows.into_iter()
            .map(|row| {
                let parameters = [row, integer(NAME_CHARACTERS), integer(DESCRIPTION_CHARACTERS)];
                statement.query_row(parameters, read_details).optional().map(Option::unwrap_or_default)
            })
            .collect()
    }

    /// Returns all attributes of a span as their stored JSON.
    pub(crate) fn span_attributes(&self, row: i64) -> rusqlite::Result<Option<String>> {
        self.connection
            .query_row("SELECT attributes FROM spans WHERE id = ?", [row], |row| row.get(0))
            .optional()
    }
}

fn read_details(row: &Row<'_>) -> rusqlite::Result<SpanDetails> {
    Ok(SpanDetails {
        name: row.get("name")?,
        failed: row.get("failed")?,
        description: row.get("description")?,
        request_id: row.get("request_id")?,
        attributes: super::json_column(row, "attributes")?,
    })
}
