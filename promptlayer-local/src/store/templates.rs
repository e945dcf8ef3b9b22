//! The registry: templates, their versions, and the release labels of versions.
//!
//! The list of templates is filtered and sorted outside SQLite. Every page of it therefore reads the
//! summaries of all templates, no matter which page it is. The texts of versions are read only for the
//! templates on the page.

use std::collections::{BTreeMap, BTreeSet};

use rusqlite::{OptionalExtension, Row, named_params, params};
use serde_json::Value;

use super::{ExternalId, Reader, Writer, count_of, integer, json_column, run_with_texts};
use crate::json_text::JsonText;
use crate::timestamp::Timestamp;

/// A template, or its next version, to publish.
#[derive(Debug)]
pub(crate) struct NewTemplate {
    pub(crate) name: String,
    pub(crate) tags: Vec<String>,
    pub(crate) prompt: JsonText,
    pub(crate) metadata: Option<JsonText>,
    pub(crate) commit_message: Option<String>,
    pub(crate) labels: Vec<String>,
    pub(crate) external_ids: Vec<ExternalId>,
}

/// The result of publishing a template.
#[derive(Debug)]
pub(crate) struct Published {
    pub(crate) template_id: i64,
    pub(crate) version_id: i64,
    pub(crate) number: i64,
    pub(crate) tags: Vec<String>,
    pub(crate) external_ids: Vec<ExternalId>,
}

/// The reason why a template was not published.
#[derive(Debug)]
pub(crate) enum PublishError {
    /// Another template has this external id.
    Taken {
        id: ExternalId,
        by: String,
    },
    Database(rusqlite::Error),
}

impl From<rusqlite::Error> for PublishError {
    fn from(error: rusqlite::Error) -> Self {
        Self::Database(error)
    }
}

/// The version of a template to read.
#[derive(Debug, Clone, Copy)]
pub(crate) enum VersionChoice<'a> {
    Latest,
    Number(i64),
    Label(&'a str),
}

impl<'a> VersionChoice<'a> {
    /// Selects the version with this number, or else with this label, or else the latest.
    pub(crate) fn new(number: Option<i64>, label: Option<&'a str>) -> Self {
        match (number, label) {
            (Some(number), _) => Self::Number(number),
            (None, Some(label)) => Self::Label(label),
            (None, None) => Self::Latest,
        }
    }
}

/// A stored version of a template.
#[derive(Debug)]
pub(crate) struct StoredVersion {
    pub(crate) template_id: i64,
    pub(crate) prompt_name: String,
    pub(crate) number: i64,
    pub(crate) prompt: Value,
    pub(crate) metadata: Option<Value>,
    pub(crate) commit_message: Option<String>,
    pub(crate) created: Timestamp,
    pub(crate) tags: Vec<String>,
}

/// The text of a version, without what belongs to its template.
#[derive(Debug)]
pub(crate) struct VersionText {
    pub(crate) template_id: i64,
    pub(crate) prompt_name: String,
    pub(crate) version_id: i64,
    pub(crate) number: i64,
    pub(crate) prompt: Value,
}

/// A version of a template, without its text.
#[derive(Debug)]
pub(crate) struct VersionSummary {
    pub(crate) number: i64,
    pub(crate) commit_message: Option<String>,
    pub(crate) created: Timestamp,
}

/// The fields by which a list of templates is filtered and sorted.
#[derive(Debug)]
pub(crate) struct TemplateSummary {
    pub(crate) id: i64,
    pub(crate) name: String,
    pub(crate) created: Timestamp,
    pub(crate) updated: Timestamp,
    pub(crate) tags: Vec<String>,
    pub(crate) labels: Vec<String>,
    pub(crate) external_ids: Vec<ExternalId>,
}

const TAGS: &str = "SELECT tag FROM template_tags WHERE template_id = ? ORDER BY tag";

impl Writer<'_> {
    /// Creates the template or its next version, and moves the labels to that version.
    pub(crate) fn publish(&self, template: NewTemplate) -> Result<Published, PublishError> {
        let connection = self.connection;
        let now = Timestamp::now().nanoseconds();
        let template_id: i64 = connection.query_row(
            "INSERT INTO templates (name, created_ns, updated_ns) VALUES (?1, ?2, ?2)
             ON CONFLICT (name) DO UPDATE SET updated_ns = excluded.updated_ns RETURNING id",
            params![template.name, now],
            |row| row.get(0),
        )?;
        self.claim_external_ids(template_id, &template.external_ids)?;
        for tag in &template.tags {
            connection.execute(
                "INSERT INTO template_tags (template_id, tag) VALUES (?, ?) ON CONFLICT DO NOTHING",
                params![template_id, tag],
            )?;
        }
        let number: i64 = connection.query_row(
            "SELECT coalesce(max(number), 0) + 1 FROM template_versions WHERE template_id = ?",
            [template_id],
            |row| row.get(0),
        )?;
        // The statement uses neither RETURNING nor SELECT: both make SQLite copy the prompt once more.
        let mut insert = connection.prepare(
            "INSERT INTO template_versions (template_id, number, prompt, metadata, commit_message, created_ns)
             VALUES (:template_id, :number, :prompt, :metadata, :commit_message, :now)",
        )?;
        let metadata = template.metadata.unwrap_or_else(JsonText::null);
        let version_id = run_with_texts(
            connection,
            &mut insert,
            [(":prompt", template.prompt), (":metadata", metadata)],
            named_params! {
                ":template_id": template_id,
                ":number": number,
                ":commit_message": template.commit_message,
                ":now": now,
            },
        )?;
        for label in &template.labels {
            self.set_label(template_id, label, version_id)?;
        }
        let tags = self.column(template_id, TAGS)?;
        let external_ids = self.external_ids(template_id)?;
        Ok(Published { template_id, version_id, number, tags, external_ids })
    }

    pub(crate) fn rename_template(&self, id: i64, name: &str) -> rusqlite::Result<()> {
        self.connection.execute("UPDATE templates SET name = ? WHERE id = ?", params![name, id])?;
        Ok(())
    }
}

impl Reader<'_> {
    /// Finds a template by its name or else by its id. A name can look like an id, so the name has priority.
    pub(crate) fn find_template(&self, identifier: &str) -> rusqlite::Result<Option<i64>> {
        self.connection
            .query_row(
                "SELECT id FROM templates WHERE name = ?1 OR id = ?2 ORDER BY name = ?1 DESC LIMIT 1",
                params![identifier, identifier.parse::<i64>().ok()],
                |row| row.get(0),
            )
            .optional()
    }

    pub(crate) fn template_named(&self, name: &str) -> rusqlite::Result<Option<i64>> {
        self.connection
            .query_row("SELECT id FROM templates WHERE name = ?", [name], |row| row.get(0))
            .optional()
    }

    pub(crate) fn template_name(&self, id: i64) -> rusqlite::Result<Option<String>> {
        self.connection
            .query_row("SELECT name FROM templates WHERE id = ?", [id], |row| row.get(0))
            .optional()
    }

    /// Calls `read` for every version whose text contains `part`, ordered by template and number.
    pub(crate) fn each_version_with(
        &self,
        part: &str,
        mut read: impl FnMut(VersionText) -> rusqlite::Result<()>,
    ) -> rusqlite::Result<()> {
        let mut statement = self.connection.prepare(
            "SELECT template_id, name, version.id, number, prompt
             FROM template_versions AS version JOIN templates ON templates.id = template_id
             WHERE instr(prompt, ?) > 0 ORDER BY template_id, number",
        )?;
        let mut rows = statement.query([part])?;
        while let Some(row) = rows.next()? {
            read(VersionText {
                template_id: row.get("template_id")?,
                prompt_name: row.get("name")?,
                version_id: row.get("id")?,
                number: row.get("number")?,
                prompt: json_column(row, "prompt")?,
            })?;
        }
        Ok(())
    }

    pub(crate) fn version(
        &self,
        template: i64,
        choice: VersionChoice<'_>,
    ) -> rusqlite::Result<Option<StoredVersion>> {
        let (number, label) = match choice {
            VersionChoice::Latest => (None, None),
            VersionChoice::Number(number) => (Some(number), None),
            VersionChoice::Label(label) => (None, Some(label)),
        };
        let version = self
            .connection
            .query_row(
                "SELECT templates.name, version.*
                 FROM template_versions AS version JOIN templates ON templates.id = version.template_id
                 WHERE templates.id = :template
                     AND (:number IS NULL OR version.number = :number)
                     AND (:label IS NULL OR version.id =
                         (SELECT version_id FROM release_labels WHERE template_id = :template AND name = :label))
                 ORDER BY version.number DESC LIMIT 1",
                named_params! { ":template": template, ":number": number, ":label": label },
                read_version,
            )
            .optional()?;
        let Some(mut version) = version else { return Ok(None) };
        version.tags = self.column(template, TAGS)?;
        Ok(Some(version))
    }

    /// Returns the templates whose latest version is a completion.
    pub(crate) fn completion_templates(&self) -> rusqlite::Result<BTreeSet<i64>> {
        self.connection
            .prepare(
                "SELECT template_id FROM template_versions AS version
                 WHERE json_extract(prompt, '$.type') = 'completion' AND number =
                     (SELECT max(number) FROM template_versions WHERE template_id = version.template_id)",
            )?
            .query_map([], |row| row.get(0))?
            .collect()
    }

    /// Returns the newest versions of a template, the newest first.
    pub(crate) fn versions(&self, template: i64, limit: usize) -> rusqlite::Result<Vec<VersionSummary>> {
        self.connection
            .prepare(
                "SELECT number, commit_message, created_ns FROM template_versions WHERE template_id = ?
                 ORDER BY number DESC LIMIT ?",
            )?
            .query_map([template, integer(limit)], |row| {
                Ok(VersionSummary {
                    number: row.get(0)?,
                    commit_message: row.get(1)?,
                    created: Timestamp::from_nanoseconds(row.get(2)?),
                })
            })?
            .collect()
    }

    /// Returns how many of the newest requests of a template were made from each of its versions.
    pub(crate) fn template_uses(
        &self,
        name: &str,
        limit: usize,
    ) -> rusqlite::Result<BTreeMap<Option<i64>, usize>> {
        self.connection
            .prepare(
                "SELECT prompt_version, count(*) FROM (
                     SELECT prompt_version FROM request_facts WHERE prompt_name = ? ORDER BY start_ns DESC LIMIT ?
                 ) GROUP BY prompt_version",
            )?
            .query_map(params![name, integer(limit)], |row| Ok((row.get(0)?, count_of(row, 1)?)))?
            .collect()
    }

    /// Returns all templates, without the text of any version.
    pub(crate) fn templates(&self) -> rusqlite::Result<Vec<TemplateSummary>> {
        let mut tags =
            self.grouped("SELECT template_id, tag FROM template_tags ORDER BY tag", |row| row.get(1))?;
        let mut labels = self
            .grouped("SELECT template_id, name FROM release_labels ORDER BY template_id, name", |row| {
                row.get(1)
            })?;
        let mut external_ids = self.grouped(
            "SELECT template_id, source, external_id FROM external_ids ORDER BY source, external_id",
            |row| Ok(ExternalId { source: row.get(1)?, external_id: row.get(2)? }),
        )?;
        self.connection
            .prepare("SELECT id, name, created_ns, updated_ns FROM templates ORDER BY id")?
            .query_map([], |row| {
                let id = row.get("id")?;
                Ok(TemplateSummary {
                    id,
                    name: row.get("name")?,
                    created: Timestamp::from_nanoseconds(row.get("created_ns")?),
                    updated: Timestamp::from_nanoseconds(row.get("updated_ns")?),
                    tags: tags.remove(&id).unwrap_or_default(),
                    labels: labels.remove(&id).unwrap_or_default(),
                    external_ids: external_ids.remove(&id).unwrap_or_default(),
                })
            })?
            .collect()
    }

    /// Runs a query and groups its rows by template. The template's id is the first column.
    fn grouped<T>(
        &self,
        sql: &str,
        read: impl Fn(&Row<'_>) -> rusqlite::Result<T>,
    ) -> rusqlite::Result<BTreeMap<i64, Vec<T>>> {
        let mut groups: BTreeMap<i64, Vec<T>> = BTreeMap::new();
        let mut statement = self.connection.prepare(sql)?;
        let mut rows = statement.query([])?;
        while let Some(row) = rows.next()? {
            groups.entry(row.get(0)?).or_default().push(read(row)?);
        }
        Ok(groups)
    }
}

fn read_version(row: &Row<'_>) -> rusqlite::Result<StoredVersion> {
    Ok(StoredVersion {
        template_id: row.get("template_id")?,
        prompt_name: row.get("name")?,
        number: row.get("number")?,
        prompt: json_column(row, "prompt")?,
        metadata: json_column(row, "metadata")?,
        commit_message: row.get("commit_message")?,
        created: Timestamp::from_nanoseconds(row.get("created_ns")?),
        tags: Vec::new(),
    })
}
