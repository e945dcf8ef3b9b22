//! The ids of templates in other systems. Each belongs to one template.

use rusqlite::{OptionalExtension, params};
use serde::{Deserialize, Serialize};

use super::{PublishError, Reader, Writer};

/// The id of a template in another system.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct ExternalId {
    pub(crate) source: String,
    pub(crate) external_id: String,
}

impl Reader<'_> {
    /// Returns the external ids of a template, sorted.
    pub(crate) fn external_ids(&self, template: i64) -> rusqlite::Result<Vec<ExternalId>> {
        self.connection
            .prepare(
                "SELECT source, external_id FROM external_ids WHERE template_id = ? ORDER BY source, external_id",
            )?
            .query_map([template], |row| Ok(ExternalId { source: row.get(0)?, external_id: row.get(1)? }))?
            .collect()
    }

    /// Returns the template that has this external id, with its name.
    pub(crate) fn template_of_external_id(&self, id: &ExternalId) -> rusqlite::Result<Option<(i64, String)>> {
        self.connection
            .query_row(
                "SELECT templates.id, templates.name FROM external_ids JOIN templates ON templates.id = template_id
                 WHERE source = ? AND external_id = ?",
                params![id.source, id.external_id],
                |row| Ok((row.get(0)?, row.get(1)?)),
            )
            .optional()
    }
}

impl Writer<'_> {
    /// Assigns the external ids to the template. Returns an error if another template has one of them.
    pub(crate) fn claim_external_ids(&self, template: i64, ids: &[ExternalId]) -> Result<(), PublishError> {
        for id in ids {
            match self.template_of_external_id(id)? {
                Some((owner, _)) if owner == template => {}
                Some((_, by)) => return Err(PublishError::Taken { id: id.clone(), by }),
                None => {
                    self.connection.execute(
                        "INSERT INTO external_ids (source, external_id, template_id) VALUES (?, ?, ?)",
                        params![id.source, id.external_id, template],
                    )?;
                }
            }
        }
        Ok(())
    }

    /// Returns `false` if the template has no such external id.
    pub(crate) fn delete_external_id(&self, template: i64, id: &ExternalId) -> rusqlite::Result<bool> {
        let deleted = self.connection.execute(
            "DELETE FROM external_ids WHERE template_id = ? AND source = ? AND external_id = ?",
            params![template, id.source, id.external_id],
        )?;
        Ok(deleted > 0)
    }
}
