//! The release labels of templates. A label belongs to one version of its template, and can move to another.

use rusqlite::{OptionalExtension, Row, params};

use super::{Reader, Writer};
use crate::timestamp::Timestamp;

/// A release label.
#[derive(Debug)]
pub(crate) struct Label {
    pub(crate) id: i64,
    pub(crate) name: String,
    pub(crate) template_id: i64,
    pub(crate) version_id: i64,
    pub(crate) version_number: i64,
    pub(crate) created: Timestamp,
}

const SELECT: &str = "SELECT release_labels.*, template_versions.number FROM release_labels
    JOIN template_versions ON template_versions.id = version_id";

impl Reader<'_> {
    pub(crate) fn label(&self, id: i64) -> rusqlite::Result<Option<Label>> {
        let sql = format!("{SELECT} WHERE release_labels.id = ?");
        self.connection.query_row(&sql, [id], read_label).optional()
    }

    /// Returns the labels of a template, sorted by name.
    pub(crate) fn labels(&self, template: i64) -> rusqlite::Result<Vec<Label>> {
        let sql = format!("{SELECT} WHERE release_labels.template_id = ? ORDER BY name");
        self.connection.prepare(&sql)?.query_map([template], read_label)?.collect()
    }

    /// Returns the row id of a version.
    pub(crate) fn version_id(&self, template: i64, number: i64) -> rusqlite::Result<Option<i64>> {
        self.connection
            .query_row(
                "SELECT id FROM template_versions WHERE template_id = ? AND number = ?",
                [template, number],
                |row| row.get(0),
            )
            .optional()
    }
}

impl Writer<'_> {
    /// Sets the label on a version. Moves it if another version of the template has it. Returns its id.
    pub(crate) fn set_label(&self, template: i64, name: &str, version_id: i64) -> rusqlite::Result<i64> {
        self.connection.query_row(
            "INSERT INTO release_labels (template_id, name, version_id, created_ns) VALUES (?, ?, ?, ?)
             ON CONFLICT (template_id, name) DO UPDATE SET version_id = excluded.version_id RETURNING id",
            params![template, name, version_id, Timestamp::now().nanoseconds()],
            |row| row.get(0),
        )
    }

    /// Returns `false` if there is no such label.
    pub(crate) fn delete_label(&self, id: i64) -> rusqlite::Result<bool> {
        Ok(self.connection.execute("DELETE FROM release_labels WHERE id = ?", [id])? > 0)
    }
}

fn read_label(row: &Row<'_>) -> rusqlite::Result<Label> {
    Ok(Label {
        id: row.get("id")?,
        name: row.get("name")?,
        template_id: row.get("template_id")?,
        version_id: row.get("version_id")?,
        version_number: row.get("number")?,
        created: Timestamp::from_nanoseconds(row.get("created_ns")?),
    })
}
