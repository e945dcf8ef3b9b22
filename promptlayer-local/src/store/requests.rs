//! Request logs: written one at a time, read one at a time or a page at a time.

use std::collections::BTreeMap;

use rusqlite::{Connection, OptionalExtension, Row, Statement, named_params, params};
use serde::Deserialize;
use serde_json::{Map, Value};

use super::{Store, integer, json_column};
use crate::moment::Moment;
use crate::whole;

/// The name a score goes by when it is given none.
pub(crate) const DEFAULT_SCORE: &str = "default";

/// A request log as it arrives.
#[derive(Debug, Clone, Deserialize)]
pub(crate) struct NewRequest {
    pub(crate) provider: String,
    pub(crate) model: String,
    pub(crate) input: Value,
    pub(crate) output: Value,
    #[serde(default)]
    pub(crate) request_start_time: Option<Moment>,
    #[serde(default)]
    pub(crate) request_end_time: Option<Moment>,
    #[serde(default)]
    pub(crate) parameters: Map<String, Value>,
    #[serde(default)]
    pub(crate) tags: Vec<String>,
    #[serde(default)]
    pub(crate) metadata: BTreeMap<String, String>,
    #[serde(flatten)]
    pub(crate) link: Link,
    #[serde(default, deserialize_with = "whole::required")]
    pub(crate) input_tokens: i64,
    #[serde(default, deserialize_with = "whole::required")]
    pub(crate) output_tokens: i64,
    #[serde(default)]
    pub(crate) price: f64,
    #[serde(default)]
    pub(crate) function_name: String,
    #[serde(default, deserialize_with = "whole::required")]
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

/// The template a request was made from.
#[derive(Debug, Clone, Default, Deserialize)]
pub(crate) struct Link {
    #[serde(default, rename = "prompt_name")]
    pub(crate) name: Option<String>,
    #[serde(default, rename = "prompt_id", deserialize_with = "whole::optional")]
    pub(crate) id: Option<i64>,
    #[serde(default, rename = "prompt_version_number", deserialize_with = "whole::optional")]
    pub(crate) version: Option<i64>,
    #[serde(default, rename = "prompt_input_variables")]
    pub(crate) variables: Map<String, Value>,
}

/// A request log as it was stored, with everything tracked about it since.
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
    pub(crate) start: Moment,
    pub(crate) end: Moment,
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

/// What a list of request logs shows of each.
#[derive(Debug)]
pub(crate) struct RequestRow {
    pub(crate) id: i64,
    pub(crate) name: String,
    pub(crate) model: String,
    pub(crate) start: Moment,
    pub(crate) input_tokens: i64,
    pub(crate) output_tokens: i64,
    pub(crate) status: String,
    pub(crate) tags: Vec<String>,
    pub(crate) scores: BTreeMap<String, i64>,
}

/// The function's name, or else the span's; what both lists and pages call a request.
const NAME: &str = "coalesce(nullif(requests.function_name, ''), spans.name, '') AS name";
const TAGS: &str = "(SELECT json_group_array(tag) FROM
    (SELECT tag FROM request_tags WHERE request_id = requests.id ORDER BY position)) AS tags";
const SCORES: &str =
    "(SELECT json_group_object(name, score) FROM scores WHERE request_id = requests.id) AS scores";

impl Store {
    /// Stores a request log that belongs to no span.
    pub(crate) fn insert_request(
        &mut self,
        request: &NewRequest,
        times: (Moment, Moment),
    ) -> rusqlite::Result<i64> {
        let transaction = self.connection.transaction()?;
        let id = RequestWriter::new(&transaction)?.insert(request, None, times)?;
        transaction.commit()?;
        Ok(id)
    }

    pub(crate) fn request(&self, id: i64) -> rusqlite::Result<Option<StoredRequest>> {
        self.connection
            .query_row(
                &format!(
                    "SELECT requests.*, spans.trace_id, spans.span_id, {NAME}, {TAGS}, {SCORES},
                         (SELECT json_group_object(key, value) FROM request_metadata WHERE request_id = requests.id)
                             AS metadata,
                         (SELECT json_group_array(group_id) FROM group_members WHERE request_id = requests.id)
                             AS member_of
                     FROM requests LEFT JOIN spans ON spans.id = requests.span_row
                     WHERE requests.id = ?"
                ),
                [id],
                read_request,
            )
            .optional()
    }

    pub(crate) fn count_requests(&self) -> rusqlite::Result<usize> {
        let count: i64 = self.connection.query_row("SELECT count(*) FROM requests", [], |row| row.get(0))?;
        Ok(usize::try_from(count).unwrap_or_default())
    }

    /// A page of request logs, those that started last first.
    pub(crate) fn list_requests(&self, offset: usize, limit: usize) -> rusqlite::Result<Vec<RequestRow>> {
        self.connection
            .prepare(&format!(
                "SELECT requests.id, requests.model, requests.start_ns, requests.input_tokens, requests.output_tokens,
                     requests.status, {NAME}, {TAGS}, {SCORES}
                 FROM requests LEFT JOIN spans ON spans.id = requests.span_row
                 ORDER BY requests.start_ns DESC, requests.id DESC LIMIT ? OFFSET ?"
            ))?
            .query_map([integer(limit), integer(offset)], read_row)?
            .collect()
    }
}

/// The statements that store a request log, prepared once for a whole body.
pub(super) struct RequestWriter<'c> {
    request: Statement<'c>,
    tag: Statement<'c>,
    metadata: Statement<'c>,
    score: Statement<'c>,
}

impl<'c> RequestWriter<'c> {
    pub(super) fn new(connection: &'c Connection) -> rusqlite::Result<Self> {
        Ok(Self {
            request: connection.prepare(
                "INSERT INTO requests (span_row, provider, model, api_type, function_name, input, output, parameters,
                     start_ns, end_ns, input_tokens, output_tokens, price, status, error_type, error_message,
                     prompt_name, prompt_id, prompt_version, prompt_variables)
                 VALUES (:span_row, :provider, :model, :api_type, :function_name, :input, :output, :parameters,
                     :start_ns, :end_ns, :input_tokens, :output_tokens, :price, :status, :error_type, :error_message,
                     :prompt_name, :prompt_id, :prompt_version, :prompt_variables)",
            )?,
            tag: connection.prepare("INSERT INTO request_tags (request_id, position, tag) VALUES (?, ?, ?)")?,
            metadata: connection.prepare("INSERT INTO request_metadata (request_id, key, value) VALUES (?, ?, ?)")?,
            score: connection.prepare("INSERT INTO scores (request_id, name, score) VALUES (?, ?, ?)")?,
        })
    }

    /// Stores a request log; `times` stand in for the times it does not carry itself.
    pub(super) fn insert(
        &mut self,
        request: &NewRequest,
        span_row: Option<i64>,
        times: (Moment, Moment),
    ) -> rusqlite::Result<i64> {
        let id = self.request.insert(named_params! {
            ":span_row": span_row,
            ":provider": request.provider,
            ":model": request.model,
            ":api_type": request.api_type,
            ":function_name": request.function_name,
            ":input": request.input.to_string(),
            ":output": request.output.to_string(),
            ":parameters": Value::Object(request.parameters.clone()).to_string(),
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
            ":prompt_variables": Value::Object(request.link.variables.clone()).to_string(),
        })?;
        for (position, tag) in request.tags.iter().enumerate() {
            self.tag.execute(params![id, integer(position), tag])?;
        }
        for (key, value) in &request.metadata {
            self.metadata.execute(params![id, key, value])?;
        }
        // The vendor's software sends a score of 0 with every request that has none; only a name says it is meant.
        if request.score > 0 || request.score_name.is_some() {
            let name = request.score_name.as_deref().unwrap_or(DEFAULT_SCORE);
            self.score.execute(params![id, name, request.score])?;
        }
        Ok(id)
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
        start: Moment::from_nanoseconds(row.get("start_ns")?),
        end: Moment::from_nanoseconds(row.get("end_ns")?),
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
        tags: json_column(row, "tags")?,
        metadata: json_column(row, "metadata")?,
        scores: json_column(row, "scores")?,
        groups: json_column(row, "member_of")?,
    })
}

fn read_row(row: &Row<'_>) -> rusqlite::Result<RequestRow> {
    Ok(RequestRow {
        id: row.get("id")?,
        name: row.get("name")?,
        model: row.get("model")?,
        start: Moment::from_nanoseconds(row.get("start_ns")?),
        input_tokens: row.get("input_tokens")?,
        output_tokens: row.get("output_tokens")?,
        status: row.get("status")?,
        tags: json_column(row, "tags")?,
        scores: json_column(row, "scores")?,
    })
}
