//! Writes and reads request logs.

use std::collections::BTreeMap;

use rusqlite::types::FromSql;
use rusqlite::{Connection, OptionalExtension, Row, Statement, named_params, params};
use serde::Deserialize;
use serde_json::{Map, Value};

use super::facts::{Facts, FactsWriter, RequestTotals};
use super::{Reader, Writer, count_of, integer, json_column, run_with_texts};
use crate::integer;
use crate::json_text::JsonText;
use crate::timestamp::Timestamp;

/// The name of a score that was sent without a name.
pub(crate) const DEFAULT_SCORE: &str = "default";

/// A request log as the client sent it.
#[derive(Debug, Clone, Deserialize)]
pub(crate) struct NewRequest {
    pub(crate) provider: String,
    pub(crate) model: String,
    pub(crate) input: JsonText,
    pub(crate) output: JsonText,
    #[serde(default)]
    pub(crate) request_start_time: Option<Timestamp>,
    #[serde(default)]
    pub(crate) request_end_time: Option<Timestamp>,
    #[serde(default = "JsonText::empty_object")]
    pub(crate) parameters: JsonText,
    #[serde(default)]
    pub(crate) tags: Vec<String>,
    #[serde(default)]
    pub(crate) metadata: BTreeMap<String, String>,
    #[serde(flatten)]
    pub(crate) link: NewLink,
    #[serde(default, deserialize_with = "integer::required")]
    pub(crate) input_tokens: i64,
    #[serde(default, deserialize_with = "integer::required")]
    pub(crate) output_tokens: i64,
    #[serde(default)]
    pub(crate) price: f64,
    #[serde(default)]
    pub(crate) function_name: String,
    #[serde(default, deserialize_with = "integer::required")]
    pub(crate) score: i64,
    #[serde(default)]
    pub(crate) score_name: Option<String>,
    #[serde(default)]
    pub(crate) api_type: Option<String>,
    #[serde(default = "success")]
    pub(crate) status: String,
    #[serde(default)]
    pub(crate) error_type: Option<String>,
    #[serde(default)]
    pub(crate) error_message: Option<String>,
}

fn success() -> String {
    "SUCCESS".to_owned()
}

/// The template that a new request log names.
#[derive(Debug, Clone, Deserialize)]
pub(crate) struct NewLink {
    #[serde(default, rename = "prompt_name")]
    pub(crate) name: Option<String>,
    #[serde(default, rename = "prompt_id", deserialize_with = "integer::optional")]
    pub(crate) id: Option<i64>,
    #[serde(default, rename = "prompt_version_number", deserialize_with = "integer::optional")]
    pub(crate) version: Option<i64>,
    #[serde(default = "JsonText::empty_object", rename = "prompt_input_variables")]
    pub(crate) variables: JsonText,
}

/// The template that a request was made from.
#[derive(Debug, Clone)]
pub(crate) struct Link {
    pub(crate) name: Option<String>,
    pub(crate) id: Option<i64>,
    pub(crate) version: Option<i64>,
    pub(crate) variables: Map<String, Value>,
}

/// A stored request log, with all data that was added to it later.
#[derive(Debug)]
pub(crate) struct StoredRequest {
    pub(crate) id: i64,
    pub(crate) name: String,
    pub(crate) trace_id: Option<String>,
    pub(crate) span_id: Option<String>,
    pub(crate) span_row: Option<i64>,
    pub(crate) provider: String,
    pub(crate) model: String,
    pub(crate) api_type: Option<String>,
    pub(crate) function_name: String,
    pub(crate) input: Value,
    pub(crate) output: Value,
    pub(crate) parameters: Map<String, Value>,
    pub(crate) start: Timestamp,
    pub(crate) end: Timestamp,
    pub(crate) input_tokens: i64,
    pub(crate) output_tokens: i64,
    pub(crate) price: f64,
    pub(crate) status: String,
    pub(crate) error_type: Option<String>,
    pub(crate) error_message: Option<String>,
    pub(crate) link: Link,
    pub(crate) tags: Vec<String>,
    pub(crate) metadata: BTreeMap<String, String>,
    pub(crate) scores: BTreeMap<String, i64>,
    pub(crate) groups: Vec<i64>,
}

impl Writer<'_> {
    /// Stores a request log that belongs to no span.
    pub(crate) fn insert_request(
        &self,
        request: NewRequest,
        times: (Timestamp, Timestamp),
    ) -> rusqlite::Result<i64> {
        RequestWriter::new(self.connection)?.insert(request, None, times).map(|logged| logged.id)
    }
}

impl Reader<'_> {
    /// Returns a request log with all data that was added to it.
    pub(crate) fn request(&self, id: i64) -> rusqlite::Result<Option<StoredRequest>> {
        let request = self
            .connection
            .query_row(
                "SELECT requests.*, spans.trace_id, spans.span_id,
                     coalesce(nullif(requests.function_name, ''), spans.name, '') AS name
                 FROM requests LEFT JOIN spans ON spans.id = requests.span_row
                 WHERE requests.id = ?",
                [id],
                read_request,
            )
            .optional()?;
        let Some(mut request) = request else { return Ok(None) };
        // These values are read as rows, because SQLite's JSON functions end a text at its first NUL.
        request.tags =
            self.column(id, "SELECT tag FROM request_tags WHERE request_id = ? ORDER BY position")?;
        request.metadata = self.pairs(id, "SELECT key, value FROM request_metadata WHERE request_id = ?")?;
        request.scores = self.pairs(id, "SELECT name, score FROM scores WHERE request_id = ?")?;
        request.groups =
            self.column(id, "SELECT group_id FROM group_members WHERE request_id = ? ORDER BY 1")?;
        Ok(Some(request))
    }

    /// Returns all request logs, in the order in which they were stored.
    pub(crate) fn all_requests(&self) -> rusqlite::Result<Vec<StoredRequest>> {
        let ids: Vec<i64> = self
            .connection
            .prepare("SELECT request_id FROM request_facts ORDER BY request_id")?
            .query_map([], |row| row.get(0))?
            .collect::<rusqlite::Result<_>>()?;
        ids.into_iter().filter_map(|id| self.request(id).transpose()).collect()
    }

    /// Returns the number of all request logs.
    pub(crate) fn request_count(&self) -> rusqlite::Result<usize> {
        self.connection.query_row("SELECT requests FROM request_counts", [], |row| count_of(row, 0))
    }

    /// Returns the metadata of a request.
    pub(crate) fn metadata(&self, id: i64) -> rusqlite::Result<Map<String, Value>> {
        let metadata: BTreeMap<String, String> =
            self.pairs(id, "SELECT key, value FROM request_metadata WHERE request_id = ?")?;
        Ok(metadata.into_iter().map(|(key, value)| (key, value.into())).collect())
    }

    fn pairs<V: FromSql>(&self, id: i64, sql: &str) -> rusqlite::Result<BTreeMap<String, V>> {
        self.connection.prepare(sql)?.query_map([id], |row| Ok((row.get(0)?, row.get(1)?)))?.collect()
    }

    /// Returns the values of one column for one id.
    pub(super) fn column<V: FromSql>(&self, id: i64, sql: &str) -> rusqlite::Result<Vec<V>> {
        self.connection.prepare(sql)?.query_map([id], |row| row.get(0))?.collect()
    }
}

/// A request log that was stored.
pub(super) struct Logged {
    pub(super) id: i64,
    pub(super) totals: RequestTotals,
}

/// The prepared statements that store a request log. One instance serves a whole body.
pub(super) struct RequestWriter<'c> {
    connection: &'c Connection,
    request: Statement<'c>,
    tag: Statement<'c>,
    metadata: Statement<'c>,
    score: Statement<'c>,
    facts: FactsWriter<'c>,
}

impl<'c> RequestWriter<'c> {
    pub(super) fn new(connection: &'c Connection) -> rusqlite::Result<Self> {
        Ok(Self {
            connection,
            request: connection.prepare(
                "INSERT INTO requests (id, span_row, provider, model, api_type, function_name, input, output, parameters,
                     start_ns, end_ns, input_tokens, output_tokens, price, status, error_type, error_message,
                     prompt_name, prompt_id, prompt_version, prompt_variables)
                 VALUES (:id, :span_row, :provider, :model, :api_type, :function_name, :input, :output, :parameters,
                     :start_ns, :end_ns, :input_tokens, :output_tokens, :price, :status, :error_type, :error_message,
                     :prompt_name, :prompt_id, :prompt_version, :prompt_variables)",
            )?,
            tag: connection.prepare("INSERT INTO request_tags (request_id, position, tag) VALUES (?, ?, ?)")?,
            metadata: connection.prepare("INSERT INTO request_metadata (request_id, key, value) VALUES (:request, :key, :value)")?,
            score: connection.prepare("INSERT INTO scores (request_id, name, score) VALUES (?, ?, ?)")?,
            facts: FactsWriter::new(connection)?,
        })
    }

    /// Stores a request log. If it has no start or end time, `times` is used. `span` is the row and the name of the
    /// span that the request log belongs to.
    pub(super) fn insert(
        &mut self,
        request: NewRequest,
        span: Option<(i64, &str)>,
        times: (Timestamp, Timestamp),
    ) -> rusqlite::Result<Logged> {
        self.insert_as(None, request, span, times)
    }

    /// Stores a request log like [`insert`](Self::insert), with this id.
    pub(super) fn insert_as(
        &mut self,
        id: Option<i64>,
        request: NewRequest,
        span: Option<(i64, &str)>,
        times: (Timestamp, Timestamp),
    ) -> rusqlite::Result<Logged> {
        let facts = Facts::of(&request, times, span.map(|(_, name)| name));
        let id = run_with_texts(
            self.connection,
            &mut self.request,
            [
                (":input", request.input),
                (":output", request.output),
                (":parameters", request.parameters),
                (":prompt_variables", request.link.variables),
            ],
            named_params! {
                ":id": id,
                ":span_row": span.map(|(row, _)| row),
                ":provider": request.provider,
                ":model": request.model,
                ":api_type": request.api_type,
                ":function_name": request.function_name,
                ":start_ns": request.request_start_time.unwrap_or(times.0).nanoseconds(),
                ":end_ns": request.request_end_time.unwrap_or(times.1).nanoseconds(),
                ":input_tokens": request.input_tokens,
                ":output_tokens": request.output_tokens,
                ":price": request.price,
                ":status": request.status,
                ":error_type": request.error_type,
                ":error_message": request.error_message,
                ":prompt_name": request.link.name,
                ":prompt_id": request.link.id,
                ":prompt_version": request.link.version,
            },
        )?;
        self.facts.write(id, &facts)?;
        for (position, tag) in request.tags.iter().enumerate() {
            self.tag.execute(params![id, integer(position), tag])?;
        }
        for (key, value) in request.metadata {
            let values = named_params! { ":request": id };
            run_with_texts(self.connection, &mut self.metadata, [(":key", key), (":value", value)], values)?;
        }
        // PromptLayer's clients send a score of 0 with every request that has no score. Such a score is
        // stored only if it has a name.
        if request.score > 0 || request.score_name.is_some() {
            let name = request.score_name.as_deref().unwrap_or(DEFAULT_SCORE);
            self.score.execute(params![id, name, request.score])?;
        }
        Ok(Logged { id, totals: facts.totals() })
    }
}

fn read_request(row: &Row<'_>) -> rusqlite::Result<StoredRequest> {
    Ok(StoredRequest {
        id: row.get("id")?,
        name: row.get("name")?,
        trace_id: row.get("trace_id")?,
        span_id: row.get("span_id")?,
        span_row: row.get("span_row")?,
        provider: row.get("provider")?,
        model: row.get("model")?,
        api_type: row.get("api_type")?,
        function_name: row.get("function_name")?,
        input: json_column(row, "input")?,
        output: json_column(row, "output")?,
        parameters: json_column(row, "parameters")?,
        start: Timestamp::from_nanoseconds(row.get("start_ns")?),
        end: Timestamp::from_nanoseconds(row.get("end_ns")?),
        input_tokens: row.get("input_tokens")?,
        output_tokens: row.get("output_tokens")?,
        price: row.get("price")?,
        status: row.get("status")?,
        error_type: row.get("error_type")?,
        error_message: row.get("error_message")?,
        link: Link {
            name: row.get("prompt_name")?,
            id: row.get("prompt_id")?,
            version: row.get("prompt_version")?,
            variables: json_column(row, "prompt_variables")?,
        },
        tags: Vec::new(),
        metadata: BTreeMap::new(),
        scores: BTreeMap::new(),
        groups: Vec::new(),
    })
}
