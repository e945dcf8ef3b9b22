//! The facts of a request log: the values that the list shows, filters and sorts by.
//!
//! They are derived once, when a request log is stored, because deriving them from its JSON for each row of a page
//! would be slow.

use std::collections::BTreeMap;
use std::time::{Duration, UNIX_EPOCH};

use promptlayer_blueprint::prices;
use rusqlite::{Connection, Row, Statement, named_params};

use super::NewRequest;
use super::preview::{self, OutputKind};
use crate::timestamp::Timestamp;

/// The maximum number of characters of a name, a model or another text in the facts. A longer text is cut.
pub(crate) const TEXT_CHARACTERS: usize = 201;

/// The metadata in which `promptlayer-tracing` logs what a request log has no field for.
const FIRST_TOKEN_MILLISECONDS: &str = promptlayer_blueprint::providers::TIME_TO_FIRST_CHUNK;
pub(crate) const CACHED_TOKENS: &str = "cached_tokens";
pub(crate) const REASONING_TOKENS: &str = "reasoning_tokens";

/// The facts of a request log.
#[derive(Debug)]
pub(super) struct Facts {
    start: Timestamp,
    duration_ns: i64,
    first_token_ns: Option<i64>,
    name: String,
    model: String,
    provider: String,
    status: String,
    error_type: Option<String>,
    prompt_name: Option<String>,
    prompt_version: Option<i64>,
    input_tokens: i64,
    output_tokens: i64,
    cached_tokens: Option<i64>,
    reasoning_tokens: Option<i64>,
    price: f64,
    price_is_estimate: bool,
    output_kind: OutputKind,
    input_preview: String,
    output_preview: String,
}

/// What a request log adds to the facts of its trace.
#[derive(Debug, Clone, Copy)]
pub(super) struct RequestTotals {
    pub(super) failed: bool,
    pub(super) input_tokens: i64,
    pub(super) output_tokens: i64,
    pub(super) price: f64,
    pub(super) price_is_estimate: bool,
}

/// The parts of a request log that its facts are derived from.
struct Source<'a> {
    span_name: Option<&'a str>,
    function_name: &'a str,
    provider: &'a str,
    model: &'a str,
    status: &'a str,
    error_type: Option<&'a str>,
    error_message: Option<&'a str>,
    prompt_name: Option<&'a str>,
    prompt_version: Option<i64>,
    input: &'a str,
    output: &'a str,
    start: Timestamp,
    end: Timestamp,
    input_tokens: i64,
    output_tokens: i64,
    price: f64,
    metadata: &'a BTreeMap<String, String>,
}

impl Facts {
    /// Returns the facts of a new request log. `times` replaces a missing start or end time, `span_name` a missing
    /// function name.
    pub(super) fn of(request: &NewRequest, times: (Timestamp, Timestamp), span_name: Option<&str>) -> Self {
        Self::derive(&Source {
            span_name,
            function_name: &request.function_name,
            provider: &request.provider,
            model: &request.model,
            status: &request.status,
            error_type: request.error_type.as_deref(),
            error_message: request.error_message.as_deref(),
            prompt_name: request.link.name.as_deref(),
            prompt_version: request.link.version,
            input: request.input.as_str(),
            output: request.output.as_str(),
            start: request.request_start_time.unwrap_or(times.0),
            end: request.request_end_time.unwrap_or(times.1),
            input_tokens: request.input_tokens,
            output_tokens: request.output_tokens,
            price: request.price,
            metadata: &request.metadata,
        })
    }

    /// Returns what the request log adds to the facts of its trace.
    pub(super) fn totals(&self) -> RequestTotals {
        RequestTotals {
            failed: self.status == "ERROR",
            input_tokens: self.input_tokens,
            output_tokens: self.output_tokens,
            price: self.price,
            price_is_estimate: self.price_is_estimate,
        }
    }

    fn derive(source: &Source<'_>) -> Self {
        let count = |key: &str| source.metadata.get(key)?.parse::<i64>().ok().filter(|count| *count >= 0);
        let cached_tokens = count(CACHED_TOKENS);
        let estimate = || {
            let unsigned = |number: i64| u64::try_from(number).unwrap_or_default();
            prices::estimate(&prices::Usage {
                provider: source.provider,
                model: source.model,
                at: UNIX_EPOCH + Duration::from_nanos(unsigned(source.start.nanoseconds())),
                input_tokens: unsigned(source.input_tokens),
                output_tokens: unsigned(source.output_tokens),
                cached_tokens: cached_tokens.map(unsigned),
            })
        };
        let (price, price_is_estimate) = match source.price {
            price if price > 0.0 => (price, false),
            none => estimate().map_or((none, false), |price| (price, true)),
        };
        let name =
            if source.function_name.is_empty() { source.span_name } else { Some(source.function_name) };
        let output = preview::of_output(source.output);
        Self {
            start: source.start,
            duration_ns: source.end.nanoseconds().saturating_sub(source.start.nanoseconds()),
            first_token_ns: source.metadata.get(FIRST_TOKEN_MILLISECONDS).and_then(|text| nanoseconds(text)),
            name: cut(name.unwrap_or_default()),
            model: cut(source.model),
            provider: cut(source.provider),
            status: cut(source.status),
            error_type: source.error_type.map(cut),
            prompt_name: source.prompt_name.map(cut),
            prompt_version: source.prompt_version,
            input_tokens: source.input_tokens,
            output_tokens: source.output_tokens,
            cached_tokens,
            reasoning_tokens: count(REASONING_TOKENS),
            price,
            price_is_estimate,
            output_kind: output.kind,
            input_preview: preview::of_input(source.input),
            // What failed matters more than what arrived before it did.
            output_preview: source.error_message.map_or(output.text, preview::of_text),
        }
    }
}

/// The prepared statement that stores facts.
pub(super) struct FactsWriter<'c>(Statement<'c>);

impl<'c> FactsWriter<'c> {
    pub(super) fn new(connection: &'c Connection) -> rusqlite::Result<Self> {
        connection
            .prepare(
                "INSERT INTO request_facts VALUES (:request_id, :start_ns, :duration_ns, :first_token_ns, :name, :model,
                     :provider, :status, :error_type, :prompt_name, :prompt_version, :input_tokens, :output_tokens,
                     :tokens, :cached_tokens, :reasoning_tokens, :price, :price_is_estimate, :output_kind,
                     :input_preview, :output_preview)",
            )
            .map(Self)
    }

    pub(super) fn write(&mut self, request: i64, facts: &Facts) -> rusqlite::Result<()> {
        self.0
            .execute(named_params! {
                ":request_id": request,
                ":start_ns": facts.start.nanoseconds(),
                ":duration_ns": facts.duration_ns,
                ":first_token_ns": facts.first_token_ns,
                ":name": facts.name,
                ":model": facts.model,
                ":provider": facts.provider,
                ":status": facts.status,
                ":error_type": facts.error_type,
                ":prompt_name": facts.prompt_name,
                ":prompt_version": facts.prompt_version,
                ":input_tokens": facts.input_tokens,
                ":output_tokens": facts.output_tokens,
                ":tokens": facts.input_tokens.saturating_add(facts.output_tokens),
                ":cached_tokens": facts.cached_tokens,
                ":reasoning_tokens": facts.reasoning_tokens,
                ":price": facts.price,
                ":price_is_estimate": facts.price_is_estimate,
                ":output_kind": facts.output_kind.as_str(),
                ":input_preview": facts.input_preview,
                ":output_preview": facts.output_preview,
            })
            .map(drop)
    }
}

/// Writes the facts of all requests that have none: the requests of an older database.
pub(super) fn write_missing(connection: &Connection) -> rusqlite::Result<()> {
    let mut requests = connection.prepare(
        "SELECT requests.*, spans.name AS span_name FROM requests LEFT JOIN spans ON spans.id = requests.span_row
         WHERE NOT EXISTS (SELECT 1 FROM request_facts WHERE request_id = requests.id)",
    )?;
    let mut metadata = connection.prepare("SELECT key, value FROM request_metadata WHERE request_id = ?")?;
    let mut writer = FactsWriter::new(connection)?;
    let mut rows = requests.query([])?;
    while let Some(row) = rows.next()? {
        let id: i64 = row.get("id")?;
        let metadata = metadata
            .query_map([id], |pair| Ok((pair.get(0)?, pair.get(1)?)))?
            .collect::<rusqlite::Result<_>>()?;
        writer.write(id, &of_row(row, &metadata)?)?;
    }
    Ok(())
}

fn of_row(row: &Row<'_>, metadata: &BTreeMap<String, String>) -> rusqlite::Result<Facts> {
    let text = |column: &str| -> rusqlite::Result<Option<&str>> {
        Ok(row.get_ref(row.as_ref().column_index(column)?)?.as_str_or_null()?)
    };
    let required = |column: &str| text(column).map(Option::unwrap_or_default);
    Ok(Facts::derive(&Source {
        span_name: text("span_name")?,
        function_name: required("function_name")?,
        provider: required("provider")?,
        model: required("model")?,
        status: required("status")?,
        error_type: text("error_type")?,
        error_message: text("error_message")?,
        prompt_name: text("prompt_name")?,
        prompt_version: row.get("prompt_version")?,
        input: required("input")?,
        output: required("output")?,
        start: Timestamp::from_nanoseconds(row.get("start_ns")?),
        end: Timestamp::from_nanoseconds(row.get("end_ns")?),
        input_tokens: row.get("input_tokens")?,
        output_tokens: row.get("output_tokens")?,
        price: row.get("price")?,
        metadata,
    }))
}

/// Cuts a text to [`TEXT_CHARACTERS`].
pub(super) fn cut(text: &str) -> String {
    match text.char_indices().nth(TEXT_CHARACTERS) {
        Some((end, _)) => text.get(..end).unwrap_or_default().to_owned(),
        None => text.to_owned(),
    }
}

/// Parses a number of milliseconds, as metadata holds it.
fn nanoseconds(milliseconds: &str) -> Option<i64> {
    let nanoseconds = (milliseconds.parse::<f64>().ok()? * 1e6).round();
    #[expect(clippy::cast_possible_truncation, reason = "within the range checked")]
    (0.0..9e18).contains(&nanoseconds).then_some(nanoseconds as i64)
}
