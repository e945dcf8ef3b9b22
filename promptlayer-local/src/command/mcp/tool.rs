//! What all tools have in common: their description, their arguments, their answers, and the database.

use std::fmt;
use std::io;
use std::ops::RangeInclusive;

use rmcp::model::JsonObject;
use serde::de::DeserializeOwned;
use serde_json::{Map, Value, json};

use super::super::DatabaseOptions;
use super::super::error::with_causes;
use crate::api::ApiError;
use crate::store::{Reader, StoreError};

/// A tool.
pub(super) struct Definition {
    pub(super) name: &'static str,
    pub(super) title: &'static str,
    /// What the tool does and what it returns, for the agent.
    pub(super) description: &'static str,
    /// Returns the JSON schema of each parameter.
    pub(super) parameters: fn() -> Map<String, Value>,
    /// The names of the parameters that a call must have.
    pub(super) required: &'static [&'static str],
    pub(super) run: fn(&Database, JsonObject) -> Result<Answer, Refusal>,
}

impl Definition {
    /// Returns the JSON schema of the arguments.
    pub(super) fn schema(&self) -> Map<String, Value> {
        let schema = [
            ("type", json!("object")),
            ("properties", Value::Object((self.parameters)())),
            ("required", json!(self.required)),
            ("additionalProperties", json!(false)),
        ];
        schema.into_iter().map(|(name, value)| (name.to_owned(), value)).collect()
    }
}

/// The result of a call: the same as text and as JSON.
#[derive(Debug)]
pub(super) struct Answer {
    pub(super) text: String,
    pub(super) structured: Value,
}

/// The reason why a call failed, and what the agent can do.
#[derive(Debug)]
pub(super) struct Refusal(pub(super) String);

impl From<rusqlite::Error> for Refusal {
    fn from(error: rusqlite::Error) -> Self {
        Self(StoreError::from(error).to_string())
    }
}

impl From<ApiError> for Refusal {
    fn from(error: ApiError) -> Self {
        Self(error.message())
    }
}

/// The database file. Its path does not depend on the current folder.
pub(super) struct Database(DatabaseOptions);

impl Database {
    pub(super) fn new(options: DatabaseOptions) -> io::Result<Self> {
        let database = std::path::absolute(options.database)?;
        Ok(Self(DatabaseOptions { database }))
    }

    /// Runs queries that see the same state of the database.
    pub(super) fn read<T>(
        &self,
        queries: impl FnOnce(&Reader<'_>) -> Result<T, Refusal>,
    ) -> Result<T, Refusal> {
        if !self.0.database.exists() {
            return Err(Refusal(format!(
                "There is no database {self}. Start `promptlayer-local --database FILE` with this file, or start \
                 `promptlayer-local mcp` with the file of the running server. Each call looks for the file again."
            )));
        }
        let database = self.0.open().map_err(|error| Refusal(with_causes(&*error)))?;
        database.read(|store| Ok(queries(store)))?
    }
}

impl fmt::Display for Database {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.database.display().fmt(formatter)
    }
}

/// Reads the arguments of a call.
pub(super) fn read_arguments<T: DeserializeOwned>(arguments: JsonObject) -> Result<T, Refusal> {
    serde_json::from_value(Value::Object(arguments)).map_err(|error| {
        Refusal(format!("The arguments cannot be read: {error}. See the schema of the tool."))
    })
}

/// Returns a number of things within limits, or its default.
pub(super) fn number(
    name: &str,
    value: Option<i64>,
    limits: RangeInclusive<usize>,
    default: usize,
) -> Result<usize, Refusal> {
    let Some(value) = value else { return Ok(default) };
    usize::try_from(value).ok().filter(|value| limits.contains(value)).ok_or_else(|| {
        let (least, most) = limits.into_inner();
        let range =
            if most == usize::MAX { format!("at least {least}") } else { format!("from {least} to {most}") };
        Refusal(format!("{name} must be {range}, found {value}"))
    })
}

/// Returns the schemas of parameters.
pub(super) fn parameters<const N: usize>(parameters: [(&str, Value); N]) -> Map<String, Value> {
    parameters.into_iter().map(|(name, schema)| (name.to_owned(), schema)).collect()
}

/// Returns the schema of the id of a request.
pub(super) fn request_id(description: &str) -> Value {
    json!({ "type": "integer", "minimum": 1, "description": description })
}
