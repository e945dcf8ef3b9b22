//! Everything that is stored, as records that can be written to a file and stored again.
//!
//! An import into an empty database stores the same ids. Otherwise, records get new ids, and the ids by which they
//! refer to each other are translated.

use std::collections::{BTreeMap, HashMap};

use rusqlite::types::FromSql;
use rusqlite::{Connection, OptionalExtension, Row, Statement, named_params, params};
use serde::de::{Deserializer, Error as _};
use serde::{Deserialize, Serialize};
use serde_json::value::RawValue;

use super::requests::RequestWriter;
use super::{ExternalId, NewLink, NewRequest, Reader, Store, StoreError, Writer, trace_facts, unfinished};
use crate::json_text::JsonText;
use crate::timestamp::Timestamp;

/// The version of the format. It changes when an older program could not read the records.
pub(crate) const VERSION: u32 = 1;

/// A stored object. Times are in nanoseconds since 1970.
#[derive(Debug, Clone, Serialize)]
#[serde(tag = "type", rename_all = "snake_case")]
pub(crate) enum Record {
    /// The first record of a file.
    Export(ExportRecord),
    Template(TemplateRecord),
    TemplateVersion(VersionRecord),
    Label(LabelRecord),
    Group(GroupRecord),
    Span(Box<SpanRecord>),
    ClosedTrace(ClosedTraceRecord),
    Request(Box<RequestRecord>),
}

impl Record {
    /// Parses a record. The text of its JSON values is kept.
    pub(crate) fn parse(json: &[u8]) -> serde_json::Result<Self> {
        // A derived implementation would parse the JSON values, because the type can come after them.
        #[derive(Deserialize)]
        struct Kind {
            r#type: String,
        }
        let Kind { r#type } = serde_json::from_slice(json)?;
        match r#type.as_str() {
            "export" => serde_json::from_slice(json).map(Self::Export),
            "template" => serde_json::from_slice(json).map(Self::Template),
            "template_version" => serde_json::from_slice(json).map(Self::TemplateVersion),
            "label" => serde_json::from_slice(json).map(Self::Label),
            "group" => serde_json::from_slice(json).map(Self::Group),
            "span" => serde_json::from_slice(json).map(Self::Span),
            "closed_trace" => serde_json::from_slice(json).map(Self::ClosedTrace),
            "request" => serde_json::from_slice(json).map(Self::Request),
            other => Err(serde_json::Error::custom(format_args!("{other:?} is not a type of record"))),
        }
    }
}

/// Keeps the text of a JSON value.
fn raw<'de, D: Deserializer<'de>>(deserializer: D) -> Result<JsonText, D::Error> {
    Box::<RawValue>::deserialize(deserializer).map(|raw| JsonText::from_stored(raw.get().to_owned()))
}

#[derive(Debug, Clone, Serialize, Deserialize)]
pub(crate) struct ExportRecord {
    version: u32,
}

#[derive(Debug, Clone, Serialize, Deserialize)]
pub(crate) struct GroupRecord {
    id: i64,
    created_ns: i64,
}

#[derive(Debug, Clone, Serialize, Deserialize)]
pub(crate) struct ClosedTraceRecord {
    trace_id: String,
    closed_ns: i64,
}

#[derive(Debug, Clone, Serialize, Deserialize)]
pub(crate) struct TemplateRecord {
    id: i64,
    name: String,
    created_ns: i64,
    updated_ns: i64,
    #[serde(default)]
    tags: Vec<String>,
    #[serde(default)]
    external_ids: Vec<ExternalId>,
}

#[derive(Debug, Clone, Serialize, Deserialize)]
pub(crate) struct VersionRecord {
    id: i64,
    template_id: i64,
    number: i64,
    #[serde(deserialize_with = "raw")]
    prompt: JsonText,
    #[serde(deserialize_with = "raw")]
    metadata: JsonText,
    commit_message: Option<String>,
    created_ns: i64,
}

#[derive(Debug, Clone, Serialize, Deserialize)]
pub(crate) struct LabelRecord {
    id: i64,
    template_id: i64,
    name: String,
    version_id: i64,
    created_ns: i64,
}

#[derive(Debug, Clone, Serialize, Deserialize)]
pub(crate) struct SpanRecord {
    pub(crate) id: i64,
    pub(crate) trace_id: String,
    pub(crate) span_id: String,
    pub(crate) parent_id: Option<String>,
    pub(crate) name: String,
    pub(crate) kind: String,
    pub(crate) start_ns: i64,
    pub(crate) end_ns: i64,
    pub(crate) status_code: String,
    pub(crate) status_description: Option<String>,
    pub(crate) trace_state: String,
    #[serde(deserialize_with = "raw")]
    pub(crate) attributes: JsonText,
    #[serde(deserialize_with = "raw")]
    pub(crate) events: JsonText,
    #[serde(deserialize_with = "raw")]
    pub(crate) links: JsonText,
    #[serde(deserialize_with = "raw")]
    pub(crate) resource: JsonText,
}

#[derive(Debug, Clone, Serialize, Deserialize)]
pub(crate) struct RequestRecord {
    pub(crate) id: i64,
    /// The id of the span that the request belongs to.
    pub(crate) span: Option<i64>,
    /// The client's id of the span that the request will belong to once it arrives.
    #[serde(default)]
    pub(crate) awaited_span: Option<String>,
    pub(crate) provider: String,
    pub(crate) model: String,
    pub(crate) api_type: Option<String>,
    pub(crate) function_name: String,
    #[serde(deserialize_with = "raw")]
    pub(crate) input: JsonText,
    #[serde(deserialize_with = "raw")]
    pub(crate) output: JsonText,
    #[serde(deserialize_with = "raw")]
    pub(crate) parameters: JsonText,
    pub(crate) start_ns: i64,
    pub(crate) end_ns: i64,
    pub(crate) input_tokens: i64,
    pub(crate) output_tokens: i64,
    pub(crate) price: f64,
    pub(crate) status: String,
    pub(crate) error_type: Option<String>,
    pub(crate) error_message: Option<String>,
    pub(crate) prompt_name: Option<String>,
    pub(crate) prompt_id: Option<i64>,
    pub(crate) prompt_version: Option<i64>,
    #[serde(deserialize_with = "raw")]
    pub(crate) prompt_variables: JsonText,
    #[serde(default)]
    pub(crate) tags: Vec<String>,
    #[serde(default)]
    pub(crate) metadata: BTreeMap<String, String>,
    #[serde(default)]
    pub(crate) scores: BTreeMap<String, i64>,
    #[serde(default)]
    pub(crate) groups: Vec<i64>,
}

impl Reader<'_> {
    /// Returns the number of requests and spans.
    pub(crate) fn totals(&self) -> rusqlite::Result<(u64, u64)> {
        self.connection.query_row(
            "SELECT (SELECT requests FROM request_counts), (SELECT count(*) FROM spans)",
            [],
            |row| Ok((unsigned(row.get(0)?), unsigned(row.get(1)?))),
        )
    }

    /// Passes everything that is stored to `write`, an object after those that it refers to.
    pub(crate) fn export<E: From<rusqlite::Error>>(
        &self,
        mut write: impl FnMut(Record) -> Result<(), E>,
    ) -> Result<(), E> {
        write(Record::Export(ExportRecord { version: VERSION }))?;
        for template in self.templates()? {
            write(Record::Template(TemplateRecord {
                id: template.id,
                name: template.name,
                created_ns: template.created.nanoseconds(),
                updated_ns: template.updated.nanoseconds(),
                tags: template.tags,
                external_ids: template.external_ids,
            }))?;
        }
        self.each(
            "SELECT * FROM template_versions ORDER BY id",
            |row| {
                Ok(Record::TemplateVersion(VersionRecord {
                    id: row.get("id")?,
                    template_id: row.get("template_id")?,
                    number: row.get("number")?,
                    prompt: json(row, "prompt")?,
                    metadata: json(row, "metadata")?,
                    commit_message: row.get("commit_message")?,
                    created_ns: row.get("created_ns")?,
                }))
            },
            &mut write,
        )?;
        self.each(
            "SELECT * FROM release_labels ORDER BY id",
            |row| {
                Ok(Record::Label(LabelRecord {
                    id: row.get("id")?,
                    template_id: row.get("template_id")?,
                    name: row.get("name")?,
                    version_id: row.get("version_id")?,
                    created_ns: row.get("created_ns")?,
                }))
            },
            &mut write,
        )?;
        self.each(
            "SELECT * FROM request_groups ORDER BY id",
            |row| Ok(Record::Group(GroupRecord { id: row.get("id")?, created_ns: row.get("created_ns")? })),
            &mut write,
        )?;
        self.each(
            "SELECT * FROM spans ORDER BY id",
            |row| Ok(Record::Span(Box::new(read_span(row)?))),
            &mut write,
        )?;
        self.each(
            "SELECT * FROM closed_traces ORDER BY id",
            |row| {
                Ok(Record::ClosedTrace(ClosedTraceRecord {
                    trace_id: row.get("trace_id")?,
                    closed_ns: row.get("closed_ns")?,
                }))
            },
            &mut write,
        )?;
        let mut parts = RequestParts::new(self.connection)?;
        self.each(
            "SELECT * FROM requests ORDER BY id",
            |row| parts.read(row).map(|request| Record::Request(Box::new(request))),
            &mut write,
        )
    }

    fn each<E: From<rusqlite::Error>>(
        &self,
        sql: &str,
        mut read: impl FnMut(&Row<'_>) -> rusqlite::Result<Record>,
        write: &mut impl FnMut(Record) -> Result<(), E>,
    ) -> Result<(), E> {
        let mut statement = self.connection.prepare(sql)?;
        let mut rows = statement.query([])?;
        while let Some(row) = rows.next()? {
            write(read(row)?)?;
        }
        Ok(())
    }

    /// Returns the next spans after an id, each with its request: at most this number, and the first ones that have
    /// this many bytes.
    pub(crate) fn spans_after(
        &self,
        id: i64,
        limit: usize,
        bytes: usize,
    ) -> rusqlite::Result<Vec<(SpanRecord, Option<RequestRecord>)>> {
        let mut parts = RequestParts::new(self.connection)?;
        let mut request = self.connection.prepare("SELECT * FROM requests WHERE span_row = ?")?;
        let mut spans = self.connection.prepare("SELECT * FROM spans WHERE id > ? ORDER BY id LIMIT ?")?;
        let mut rows = spans.query([id, super::integer(limit)])?;
        let (mut found, mut size) = (Vec::new(), 0_usize);
        while let Some(row) = rows.next()? {
            let span = read_span(row)?;
            let request = request.query_row([span.id], |row| parts.read(row)).optional()?;
            let texts = [&span.attributes, &span.events, &span.links, &span.resource];
            size += texts.into_iter().map(|text| text.as_str().len()).sum::<usize>();
            size += request.as_ref().map(RequestRecord::size).unwrap_or_default();
            found.push((span, request));
            if size >= bytes {
                break;
            }
        }
        Ok(found)
    }

    /// Returns the next request after an id, up to another id, that belongs to no span. Returns `None` before a request
    /// that ended after `settled` and whose span has not arrived yet.
    pub(crate) fn single_request_after(
        &self,
        id: i64,
        until: i64,
        settled: Timestamp,
    ) -> rusqlite::Result<Option<RequestRecord>> {
        let mut parts = RequestParts::new(self.connection)?;
        let request = self
            .connection
            .prepare(
                "SELECT * FROM requests WHERE span_row IS NULL AND id > ? AND id <= ? ORDER BY id LIMIT 1",
            )?
            .query_row([id, until], |row| parts.read(row))
            .optional()?;
        Ok(request
            .filter(|request| request.awaited_span.is_none() || request.end_ns <= settled.nanoseconds()))
    }

    /// Returns the ids of the last span and of the last single request that this server has acknowledged.
    pub(crate) fn delivered(&self, target: &str) -> rusqlite::Result<Option<(i64, i64)>> {
        self.connection
            .query_row("SELECT last_span, last_request FROM deliveries WHERE target = ?", [target], |row| {
                Ok((row.get(0)?, row.get(1)?))
            })
            .optional()
    }

    /// Returns the ids of the last span and of the last request.
    pub(crate) fn last_rows(&self) -> rusqlite::Result<(i64, i64)> {
        self.connection.query_row(
            "SELECT (SELECT coalesce(max(id), 0) FROM spans), (SELECT coalesce(max(id), 0) FROM requests)",
            [],
            |row| Ok((row.get(0)?, row.get(1)?)),
        )
    }

    /// Returns the number of spans and of single requests after these ids.
    pub(crate) fn undelivered(&self, last_span: i64, last_request: i64) -> rusqlite::Result<u64> {
        self.connection.query_row(
            "SELECT (SELECT count(*) FROM spans WHERE id > ?1)
                 + (SELECT count(*) FROM requests WHERE span_row IS NULL AND id > ?2)",
            [last_span, last_request],
            |row| row.get(0).map(unsigned),
        )
    }
}

impl RequestRecord {
    /// Returns about the number of bytes of the request.
    fn size(&self) -> usize {
        [&self.input, &self.output, &self.parameters, &self.prompt_variables]
            .into_iter()
            .map(|text| text.as_str().len())
            .sum()
    }
}

impl Store {
    /// Remembers the last span and the last single request that this server has acknowledged.
    pub(crate) async fn set_delivered(
        &self,
        target: &str,
        (last_span, last_request): (i64, i64),
    ) -> Result<(), StoreError> {
        let target = target.to_owned();
        self.change(move |store| {
            store.connection.execute(
                "INSERT INTO deliveries (target, last_span, last_request) VALUES (?1, ?2, ?3)
                 ON CONFLICT (target) DO UPDATE SET last_span = ?2, last_request = ?3",
                params![target, last_span, last_request],
            )?;
            Ok(())
        })
        .await
    }
}

fn unsigned(count: i64) -> u64 {
    u64::try_from(count).unwrap_or_default()
}

fn json(row: &Row<'_>, column: &str) -> rusqlite::Result<JsonText> {
    row.get(column).map(JsonText::from_stored)
}

fn read_span(row: &Row<'_>) -> rusqlite::Result<SpanRecord> {
    Ok(SpanRecord {
        id: row.get("id")?,
        trace_id: row.get("trace_id")?,
        span_id: row.get("span_id")?,
        parent_id: row.get("parent_id")?,
        name: row.get("name")?,
        kind: row.get("kind")?,
        start_ns: row.get("start_ns")?,
        end_ns: row.get("end_ns")?,
        status_code: row.get("status_code")?,
        status_description: row.get("status_description")?,
        trace_state: row.get("trace_state")?,
        attributes: json(row, "attributes")?,
        events: json(row, "events")?,
        links: json(row, "links")?,
        resource: json(row, "resource")?,
    })
}

/// The prepared statements that read what belongs to a request.
struct RequestParts<'c> {
    tags: Statement<'c>,
    metadata: Statement<'c>,
    scores: Statement<'c>,
    groups: Statement<'c>,
    awaited_span: Statement<'c>,
}

impl<'c> RequestParts<'c> {
    fn new(connection: &'c Connection) -> rusqlite::Result<Self> {
        Ok(Self {
            tags: connection
                .prepare("SELECT tag FROM request_tags WHERE request_id = ? ORDER BY position")?,
            metadata: connection.prepare("SELECT key, value FROM request_metadata WHERE request_id = ?")?,
            scores: connection.prepare("SELECT name, score FROM scores WHERE request_id = ?")?,
            groups: connection
                .prepare("SELECT group_id FROM group_members WHERE request_id = ? ORDER BY group_id")?,
            awaited_span: connection.prepare("SELECT span_id FROM awaited_spans WHERE request_id = ?")?,
        })
    }

    fn read(&mut self, row: &Row<'_>) -> rusqlite::Result<RequestRecord> {
        let id: i64 = row.get("id")?;
        Ok(RequestRecord {
            id,
            span: row.get("span_row")?,
            awaited_span: self.awaited_span.query_row([id], |row| row.get(0)).optional()?,
            provider: row.get("provider")?,
            model: row.get("model")?,
            api_type: row.get("api_type")?,
            function_name: row.get("function_name")?,
            input: json(row, "input")?,
            output: json(row, "output")?,
            parameters: json(row, "parameters")?,
            start_ns: row.get("start_ns")?,
            end_ns: row.get("end_ns")?,
            input_tokens: row.get("input_tokens")?,
            output_tokens: row.get("output_tokens")?,
            price: row.get("price")?,
            status: row.get("status")?,
            error_type: row.get("error_type")?,
            error_message: row.get("error_message")?,
            prompt_name: row.get("prompt_name")?,
            prompt_id: row.get("prompt_id")?,
            prompt_version: row.get("prompt_version")?,
            prompt_variables: json(row, "prompt_variables")?,
            tags: list(&mut self.tags, id)?,
            metadata: pairs(&mut self.metadata, id)?,
            scores: pairs(&mut self.scores, id)?,
            groups: list(&mut self.groups, id)?,
        })
    }
}

fn list<V: FromSql>(statement: &mut Statement<'_>, id: i64) -> rusqlite::Result<Vec<V>> {
    statement.query_map([id], |row| row.get(0))?.collect()
}

fn pairs<V: FromSql>(statement: &mut Statement<'_>, id: i64) -> rusqlite::Result<BTreeMap<String, V>> {
    statement.query_map([id], |row| Ok((row.get(0)?, row.get(1)?)))?.collect()
}

/// The ids that an import has given to the objects of its file.
#[derive(Debug, Clone, Default)]
pub(crate) struct Import {
    /// `true` if the database was empty, so that objects keep their ids.
    keeps_ids: bool,
    templates: HashMap<i64, i64>,
    versions: HashMap<i64, i64>,
    groups: HashMap<i64, i64>,
    spans: HashMap<i64, i64>,
    /// The number that the first version of an imported template gets, if the template existed before.
    first_numbers: HashMap<i64, i64>,
}

/// The reason why a record was not stored.
#[derive(Debug)]
pub(crate) enum ImportError {
    /// The file has another format.
    Version(u32),
    /// The record refers to an object that is not in the file before it.
    Missing(&'static str, i64),
    Database(rusqlite::Error),
}

impl From<rusqlite::Error> for ImportError {
    fn from(error: rusqlite::Error) -> Self {
        Self::Database(error)
    }
}

impl Import {
    pub(crate) fn new(store: &Reader<'_>) -> rusqlite::Result<Self> {
        let is_used: bool = store.connection.query_row(
            "SELECT EXISTS (SELECT 1 FROM sqlite_sequence WHERE seq > 0)",
            [],
            |row| row.get(0),
        )?;
        Ok(Self { keeps_ids: !is_used, ..Self::default() })
    }

    /// Stores a record.
    pub(crate) fn store(&mut self, store: &Writer<'_>, record: Record) -> Result<(), ImportError> {
        let connection = store.connection;
        match record {
            Record::Export(ExportRecord { version: VERSION }) => {}
            Record::Export(ExportRecord { version }) => return Err(ImportError::Version(version)),
            Record::Template(template) => self.template(connection, &template)?,
            Record::TemplateVersion(version) => self.version(connection, &version)?,
            Record::Label(label) => {
                connection.execute(
                    "INSERT INTO release_labels (id, template_id, name, version_id, created_ns) VALUES (?, ?, ?, ?, ?)
                     ON CONFLICT (template_id, name) DO UPDATE SET version_id = excluded.version_id",
                    params![
                        self.kept(label.id),
                        new_id(&self.templates, "template", label.template_id)?,
                        label.name,
                        new_id(&self.versions, "template version", label.version_id)?,
                        label.created_ns
                    ],
                )?;
            }
            Record::Group(GroupRecord { id, created_ns }) => {
                connection.execute(
                    "INSERT INTO request_groups (id, created_ns) VALUES (?, ?)",
                    params![self.kept(id), created_ns],
                )?;
                self.groups.insert(id, connection.last_insert_rowid());
            }
            Record::Span(span) => self.span(connection, &span)?,
            Record::ClosedTrace(ClosedTraceRecord { trace_id, closed_ns }) => {
                connection.execute(
                    "INSERT INTO closed_traces (trace_id, closed_ns) VALUES (?, ?) ON CONFLICT DO NOTHING",
                    params![trace_id, closed_ns],
                )?;
            }
            Record::Request(request) => self.request(store, *request)?,
        }
        Ok(())
    }

    /// Writes the facts of all traces, after the last record. The spans of a trace can be far from each other.
    pub(crate) fn finish(&self, store: &Writer<'_>) -> rusqlite::Result<()> {
        if self.spans.is_empty() {
            return Ok(());
        }
        store
            .connection
            .execute_batch("DELETE FROM names_of_traces; DELETE FROM trace_facts; DELETE FROM span_names")?;
        trace_facts::write_all(store.connection)
    }

    /// Returns the id of an object if the database keeps it.
    fn kept(&self, id: i64) -> Option<i64> {
        self.keeps_ids.then_some(id)
    }

    fn template(&mut self, connection: &Connection, template: &TemplateRecord) -> Result<(), ImportError> {
        let existing: Option<i64> = connection
            .query_row("SELECT id FROM templates WHERE name = ?", [&template.name], |row| row.get(0))
            .optional()?;
        let id = match existing {
            Some(id) => {
                let next: i64 = connection.query_row(
                    "SELECT coalesce(max(number), 0) FROM template_versions WHERE template_id = ?",
                    [id],
                    |row| row.get(0),
                )?;
                self.first_numbers.insert(id, next);
                id
            }
            None => {
                connection.execute(
                    "INSERT INTO templates (id, name, created_ns, updated_ns) VALUES (?, ?, ?, ?)",
                    params![self.kept(template.id), template.name, template.created_ns, template.updated_ns],
                )?;
                connection.last_insert_rowid()
            }
        };
        self.templates.insert(template.id, id);
        for tag in &template.tags {
            connection.execute(
                "INSERT INTO template_tags (template_id, tag) VALUES (?, ?) ON CONFLICT DO NOTHING",
                params![id, tag],
            )?;
        }
        for external in &template.external_ids {
            connection.execute(
                "INSERT INTO external_ids (source, external_id, template_id) VALUES (?, ?, ?) ON CONFLICT DO NOTHING",
                params![external.source, external.external_id, id],
            )?;
        }
        Ok(())
    }

    fn version(&mut self, connection: &Connection, version: &VersionRecord) -> Result<(), ImportError> {
        let template = new_id(&self.templates, "template", version.template_id)?;
        let number = version.number + self.first_numbers.get(&template).copied().unwrap_or_default();
        connection.execute(
            "INSERT INTO template_versions (id, template_id, number, prompt, metadata, commit_message, created_ns)
             VALUES (?, ?, ?, ?, ?, ?, ?)",
            params![
                self.kept(version.id),
                template,
                number,
                version.prompt,
                version.metadata,
                version.commit_message,
                version.created_ns
            ],
        )?;
        self.versions.insert(version.id, connection.last_insert_rowid());
        Ok(())
    }

    fn span(&mut self, connection: &Connection, span: &SpanRecord) -> Result<(), ImportError> {
        let mut statement = connection.prepare(
            "INSERT INTO spans (id, trace_id, span_id, parent_id, name, kind, start_ns, end_ns, status_code,
                 status_description, trace_state, attributes, events, links, resource, unfinished)
             VALUES (:id, :trace_id, :span_id, :parent_id, :name, :kind, :start_ns, :end_ns, :status_code,
                 :status_description, :trace_state, :attributes, :events, :links, :resource, :unfinished)",
        )?;
        statement.execute(named_params! {
            ":id": self.kept(span.id),
            ":trace_id": span.trace_id,
            ":span_id": span.span_id,
            ":parent_id": span.parent_id,
            ":name": span.name,
            ":kind": span.kind,
            ":start_ns": span.start_ns,
            ":end_ns": span.end_ns,
            ":status_code": span.status_code,
            ":status_description": span.status_description,
            ":trace_state": span.trace_state,
            ":attributes": span.attributes,
            ":events": span.events,
            ":links": span.links,
            ":resource": span.resource,
            ":unfinished": unfinished::is_marked(span.attributes.as_str()),
        })?;
        self.spans.insert(span.id, connection.last_insert_rowid());
        Ok(())
    }

    fn request(&mut self, store: &Writer<'_>, request: RequestRecord) -> Result<(), ImportError> {
        let connection = store.connection;
        let span = request.span.map(|span| new_id(&self.spans, "span", span)).transpose()?;
        let name: Option<String> = span
            .map(|span| connection.query_row("SELECT name FROM spans WHERE id = ?", [span], |row| row.get(0)))
            .transpose()?;
        let (start, end) =
            (Timestamp::from_nanoseconds(request.start_ns), Timestamp::from_nanoseconds(request.end_ns));
        let new = NewRequest {
            provider: request.provider,
            model: request.model,
            input: request.input,
            output: request.output,
            request_start_time: Some(start),
            request_end_time: Some(end),
            parameters: request.parameters,
            tags: request.tags,
            metadata: request.metadata,
            link: NewLink {
                name: request.prompt_name,
                // A template that was deleted keeps its id in the requests that were made from it.
                id: request.prompt_id.map(|id| self.templates.get(&id).copied().unwrap_or(id)),
                version: request.prompt_version,
                variables: request.prompt_variables,
            },
            input_tokens: request.input_tokens,
            output_tokens: request.output_tokens,
            price: request.price,
            function_name: request.function_name,
            score: 0,
            score_name: None,
            api_type: request.api_type,
            status: request.status,
            error_type: request.error_type,
            error_message: request.error_message,
        };
        let logged = RequestWriter::new(connection)?.insert_as(
            self.kept(request.id),
            new,
            span.zip(name.as_deref()),
            (start, end),
        )?;
        let id = logged.id;
        if let Some(span) = request.awaited_span {
            connection.execute(
                "INSERT INTO awaited_spans (span_id, request_id) VALUES (?, ?) ON CONFLICT DO NOTHING",
                params![span, id],
            )?;
        }
        for (name, score) in request.scores {
            store.set_score(id, Some(name), score)?;
        }
        for group in request.groups {
            store.join_group(id, new_id(&self.groups, "group", group)?)?;
        }
        Ok(())
    }
}

fn new_id(ids: &HashMap<i64, i64>, what: &'static str, id: i64) -> Result<i64, ImportError> {
    ids.get(&id).copied().ok_or(ImportError::Missing(what, id))
}
