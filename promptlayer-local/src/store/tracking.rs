//! Adds data to a stored request log: scores, metadata, its template and its groups.

use std::collections::BTreeMap;

use rusqlite::{named_params, params};

use super::facts::TEXT_CHARACTERS;
use super::requests::DEFAULT_SCORE;
use super::{NewRequest, Reader, StoredVersion, Writer, integer, run_with_texts};
use crate::json_text::JsonText;
use crate::timestamp::Timestamp;

/// A request log that was made from the arguments of a client library.
pub(crate) struct TrackedRequest {
    pub(crate) request: NewRequest,
    pub(crate) group: Option<i64>,
    /// The span of the call. Clients send it later.
    pub(crate) span_id: Option<String>,
}

impl Reader<'_> {
    pub(crate) fn has_request(&self, id: i64) -> rusqlite::Result<bool> {
        self.exists("SELECT EXISTS (SELECT 1 FROM requests WHERE id = ?)", id)
    }

    pub(crate) fn has_group(&self, id: i64) -> rusqlite::Result<bool> {
        self.exists("SELECT EXISTS (SELECT 1 FROM request_groups WHERE id = ?)", id)
    }

    fn exists(&self, sql: &str, id: i64) -> rusqlite::Result<bool> {
        self.connection.query_row(sql, [id], |row| row.get(0))
    }
}

impl Writer<'_> {
    /// Stores the request log. It joins its trace when its span arrives: see `schema_templates`.
    pub(crate) fn insert_tracked(
        &self,
        tracked: TrackedRequest,
        times: (Timestamp, Timestamp),
    ) -> rusqlite::Result<i64> {
        let TrackedRequest { mut request, group, span_id } = tracked;
        if let (None, Some(id)) = (&request.link.name, request.link.id) {
            request.link.name = self.template_name(id)?;
        }
        let id = self.insert_request(request, times)?;
        if let Some(group) = group {
            self.join_group(id, group)?;
        }
        if let Some(span_id) = span_id {
            self.connection.execute(
                "INSERT INTO awaited_spans (span_id, request_id) VALUES (?, ?)
                 ON CONFLICT (span_id) DO UPDATE SET request_id = excluded.request_id",
                params![span_id, id],
            )?;
        }
        Ok(id)
    }

    /// Sets a score. It replaces a score of the same name.
    pub(crate) fn set_score(&self, request: i64, name: Option<String>, score: i64) -> rusqlite::Result<()> {
        let mut insert = self.connection.prepare(
            "INSERT INTO scores (request_id, name, score) VALUES (:request, :name, :score)
             ON CONFLICT (request_id, name) DO UPDATE SET score = excluded.score",
        )?;
        let name = name.unwrap_or_else(|| DEFAULT_SCORE.to_owned());
        let values = named_params! { ":request": request, ":score": score };
        run_with_texts(self.connection, &mut insert, [(":name", name)], values)?;
        Ok(())
    }

    /// Adds metadata. New values replace those of the same key; other keys stay.
    pub(crate) fn merge_metadata(
        &self,
        request: i64,
        metadata: BTreeMap<String, String>,
    ) -> rusqlite::Result<()> {
        let mut insert = self.connection.prepare(
            "INSERT INTO request_metadata (request_id, key, value) VALUES (:request, :key, :value)
             ON CONFLICT (request_id, key) DO UPDATE SET value = excluded.value",
        )?;
        for (key, value) in metadata {
            let values = named_params! { ":request": request };
            run_with_texts(self.connection, &mut insert, [(":key", key), (":value", value)], values)?;
        }
        Ok(())
    }

    /// Removes a score.
    pub(crate) fn remove_score(&self, request: i64, name: &str) -> rusqlite::Result<()> {
        self.connection
            .execute("DELETE FROM scores WHERE request_id = ? AND name = ?", params![request, name])
            .map(drop)
    }

    /// Removes a metadata value.
    pub(crate) fn remove_metadata(&self, request: i64, key: &str) -> rusqlite::Result<()> {
        self.connection
            .execute("DELETE FROM request_metadata WHERE request_id = ? AND key = ?", params![request, key])
            .map(drop)
    }

    /// Replaces all tags.
    pub(crate) fn set_tags(&self, request: i64, tags: &[String]) -> rusqlite::Result<()> {
        self.connection.execute("DELETE FROM request_tags WHERE request_id = ?", [request])?;
        let mut insert = self
            .connection
            .prepare("INSERT INTO request_tags (request_id, position, tag) VALUES (?, ?, ?)")?;
        for (position, tag) in tags.iter().enumerate() {
            insert.execute(params![request, integer(position), tag])?;
        }
        Ok(())
    }

    /// Links the request to the template version and the variables that it was made from.
    pub(crate) fn link_prompt(
        &self,
        request: i64,
        version: &StoredVersion,
        variables: JsonText,
    ) -> rusqlite::Result<()> {
        let mut update = self.connection.prepare(
            "UPDATE requests SET prompt_name = :name, prompt_id = :id, prompt_version = :version,
                 prompt_variables = :variables WHERE id = :request",
        )?;
        run_with_texts(
            self.connection,
            &mut update,
            [(":variables", variables)],
            named_params! {
                ":name": version.prompt_name,
                ":id": version.template_id,
                ":version": version.number,
                ":request": request,
            },
        )?;
        self.connection.execute(
            "UPDATE request_facts SET prompt_name = substr(?2, 1, ?4), prompt_version = ?3 WHERE request_id = ?1",
            params![request, version.prompt_name, version.number, integer(TEXT_CHARACTERS)],
        )?;
        Ok(())
    }

    pub(crate) fn create_group(&self) -> rusqlite::Result<i64> {
        self.connection.execute(
            "INSERT INTO request_groups (created_ns) VALUES (?)",
            [Timestamp::now().nanoseconds()],
        )?;
        Ok(self.connection.last_insert_rowid())
    }

    pub(crate) fn join_group(&self, request: i64, group: i64) -> rusqlite::Result<()> {
        self.connection.execute(
            "INSERT INTO group_members (request_id, group_id) VALUES (?, ?) ON CONFLICT DO NOTHING",
            [request, group],
        )?;
        Ok(())
    }
}
