//! What is added to a request log after it was stored: scores, metadata, its template, its groups.

use std::collections::BTreeMap;

use rusqlite::params;
use serde_json::{Map, Value};

use super::requests::DEFAULT_SCORE;
use super::{Reader, StoredVersion, Writer};
use crate::moment::Moment;

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
    /// Sets a score, in place of the one of the same name.
    pub(crate) fn set_score(&self, request: i64, name: Option<&str>, score: i64) -> rusqlite::Result<()> {
        self.connection.execute(
            "INSERT INTO scores (request_id, name, score) VALUES (?, ?, ?)
             ON CONFLICT (request_id, name) DO UPDATE SET score = excluded.score",
            params![request, name.unwrap_or(DEFAULT_SCORE), score],
        )?;
        Ok(())
    }

    /// Adds metadata: keys given replace those there, others stay.
    pub(crate) fn merge_metadata(
        &self,
        request: i64,
        metadata: &BTreeMap<String, String>,
    ) -> rusqlite::Result<()> {
        for (key, value) in metadata {
            self.connection.execute(
                "INSERT INTO request_metadata (request_id, key, value) VALUES (?, ?, ?)
                 ON CONFLICT (request_id, key) DO UPDATE SET value = excluded.value",
                params![request, key, value],
            )?;
        }
        Ok(())
    }

    /// Says which version of which template the request was made from, and with what.
    pub(crate) fn link_prompt(
        &self,
        request: i64,
        version: &StoredVersion,
        variables: Map<String, Value>,
    ) -> rusqlite::Result<()> {
        self.connection.execute(
            "UPDATE requests SET prompt_name = ?, prompt_id = ?, prompt_version = ?, prompt_variables = ? WHERE id = ?",
            params![
                version.prompt_name,
                version.template_id,
                version.number,
                Value::Object(variables).to_string(),
                request
            ],
        )?;
        Ok(())
    }

    pub(crate) fn create_group(&self) -> rusqlite::Result<i64> {
        self.connection
            .execute("INSERT INTO request_groups (created_ns) VALUES (?)", [Moment::now().nanoseconds()])?;
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
