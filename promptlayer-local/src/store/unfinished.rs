//! Spans that have not ended: they are stored as unfinished, and replaced when they arrive again.
//!
//! `promptlayer-tracing` sends a call that has not ended with the attribute `promptlayer.unfinished` and without a
//! request log. The whole span follows under the same ids. Either can arrive first.

use std::collections::HashMap;

use promptlayer_blueprint::semconv;
use rusqlite::{Connection, OptionalExtension, Row, Statement, named_params, params};
use serde_json::Value;

use super::{NewSpan, SpanContext};

/// What is stored under the ids of a span that arrives.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Earlier {
    /// Nothing, or only spans that have ended, if the span has ended too.
    None,
    /// A span that stays, with its request log.
    Kept { row: i64, request: Option<i64> },
    /// A span that had not ended. It is replaced.
    Unfinished { row: i64 },
    /// The same, with a request log that was sent on its own and has joined it. It is completed in its row.
    Joined { row: i64, request: i64 },
}

/// The prepared statements that find and remove unfinished spans. One instance serves a whole body.
pub(super) struct EarlierSpans<'c> {
    unfinished: Statement<'c>,
    any: Statement<'c>,
    remove: Statement<'c>,
    complete: Statement<'c>,
}

impl<'c> EarlierSpans<'c> {
    pub(super) fn new(connection: &'c Connection) -> rusqlite::Result<Self> {
        Ok(Self {
            unfinished: connection.prepare(
                "SELECT spans.id, requests.id FROM spans LEFT JOIN requests ON requests.span_row = spans.id
                 WHERE trace_id = ? AND span_id = ? AND unfinished = 1",
            )?,
            any: connection.prepare(
                "SELECT spans.id, requests.id FROM spans LEFT JOIN requests ON requests.span_row = spans.id
                 WHERE trace_id = ? AND span_id = ? AND unfinished = 0 LIMIT 1",
            )?,
            remove: connection.prepare("DELETE FROM spans WHERE id = ?")?,
            complete: connection.prepare(
                "UPDATE spans SET parent_id = :parent_id, name = :name, kind = :kind, start_ns = :start_ns, end_ns = :end_ns,
                     status_code = :status_code, status_description = :status_description, attributes = :attributes,
                     events = :events, links = :links, resource = :resource, unfinished = 0
                 WHERE id = :id",
            )?,
        })
    }

    /// Returns what is stored under the ids of a span that arrives.
    pub(super) fn find(&mut self, ids: &SpanContext, is_unfinished: bool) -> rusqlite::Result<Earlier> {
        let read = |row: &Row<'_>| Ok((row.get(0)?, row.get(1)?));
        let ids = params![ids.trace_id, ids.span_id];
        if is_unfinished && let Some((row, request)) = self.any.query_row(ids, read).optional()? {
            return Ok(Earlier::Kept { row, request });
        }
        Ok(match self.unfinished.query_row(ids, read).optional()? {
            Some((row, request @ Some(_))) if is_unfinished => Earlier::Kept { row, request },
            Some((row, Some(request))) => Earlier::Joined { row, request },
            Some((row, None)) => Earlier::Unfinished { row },
            None => Earlier::None,
        })
    }

    /// Completes a span in its row.
    pub(super) fn complete(&mut self, row: i64, span: &NewSpan) -> rusqlite::Result<()> {
        let updated = self.complete.execute(named_params! {
            ":id": row,
            ":parent_id": span.parent_id,
            ":name": span.name,
            ":kind": span.kind,
            ":start_ns": span.start_time,
            ":end_ns": span.end_time,
            ":status_code": span.status.status_code,
            ":status_description": span.status.description,
            ":attributes": span.attributes,
            ":events": span.events,
            ":links": span.links,
            ":resource": span.resource,
        })?;
        debug_assert_eq!(updated, 1);
        Ok(())
    }

    /// Removes a span. The one that replaces it gets a new row, so that it is pushed to other servers too.
    pub(super) fn remove(&mut self, row: i64) -> rusqlite::Result<()> {
        self.remove.execute([row]).map(drop)
    }
}

/// Returns `true` if the attributes of a span mark it as unfinished.
pub(super) fn is_marked(attributes: &str) -> bool {
    // Few spans have the mark, and the attributes may be long.
    attributes.contains(semconv::UNFINISHED)
        && serde_json::from_str::<HashMap<String, Value>>(attributes)
            .is_ok_and(|attributes| attributes.get(semconv::UNFINISHED) == Some(&Value::Bool(true)))
}
