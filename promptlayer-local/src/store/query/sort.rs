//! The orders of requests, and the positions between two requests.

use std::cmp::Ordering;
use std::fmt;

use rusqlite::types::{FromSql, FromSqlError, FromSqlResult, Value, ValueRef};

/// The order of a list. Requests that are equal in it are in the order of their ids.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Sort {
    pub(crate) by: SortBy,
    pub(crate) descending: bool,
}

impl Default for Sort {
    fn default() -> Self {
        Self { by: SortBy::Start, descending: true }
    }
}

/// The value that a list is sorted by.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum SortBy {
    Start,
    Duration,
    Price,
    Tokens,
    InputTokens,
    OutputTokens,
    Status,
}

impl SortBy {
    pub(super) const fn column(self) -> &'static str {
        match self {
            Self::Start => "start_ns",
            Self::Duration => "duration_ns",
            Self::Price => "price",
            Self::Tokens => "tokens",
            Self::InputTokens => "input_tokens",
            Self::OutputTokens => "output_tokens",
            Self::Status => "status",
        }
    }

    /// Returns `true` if the index of this order has a part for each block of requests: see the schema.
    pub(super) const fn is_in_blocks(self) -> bool {
        !matches!(self, Self::Start | Self::Status)
    }

    pub(super) const fn index(self) -> &'static str {
        match self {
            Self::Start => "facts_by_time",
            Self::Duration => "facts_by_duration",
            Self::Price => "facts_by_price",
            Self::Tokens => "facts_by_tokens",
            Self::InputTokens => "facts_by_input_tokens",
            Self::OutputTokens => "facts_by_output_tokens",
            Self::Status => "facts_by_status",
        }
    }
}

/// A value that a list is sorted by.
#[derive(Debug, Clone, PartialEq)]
pub(super) enum SortValue {
    Integer(i64),
    Real(f64),
    Text(String),
}

impl SortValue {
    fn compare(&self, other: &Self) -> Ordering {
        match (self, other) {
            (Self::Integer(one), Self::Integer(other)) => one.cmp(other),
            (Self::Real(one), Self::Real(other)) => one.total_cmp(other),
            (Self::Text(one), Self::Text(other)) => one.cmp(other),
            // All values of one column have the same type.
            _ => Ordering::Equal,
        }
    }
}

impl From<SortValue> for Value {
    fn from(value: SortValue) -> Self {
        match value {
            SortValue::Integer(number) => Self::Integer(number),
            SortValue::Real(number) => Self::Real(number),
            SortValue::Text(text) => Self::Text(text),
        }
    }
}

impl FromSql for SortValue {
    fn column_result(value: ValueRef<'_>) -> FromSqlResult<Self> {
        match value {
            ValueRef::Integer(number) => Ok(Self::Integer(number)),
            ValueRef::Real(number) => Ok(Self::Real(number)),
            ValueRef::Text(_) => value.as_str().map(|text| Self::Text(text.to_owned())),
            ValueRef::Null | ValueRef::Blob(_) => Err(FromSqlError::InvalidType),
        }
    }
}

/// A position between two requests of a list.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct PageKey {
    pub(super) value: SortValue,
    pub(super) id: i64,
}

impl PageKey {
    /// Compares two positions in ascending order.
    pub(super) fn compare(&self, other: &Self) -> Ordering {
        self.value.compare(&other.value).then(self.id.cmp(&other.id))
    }

    /// Parses a position that [`Display`](fmt::Display) wrote, for a list that is sorted by this value.
    pub(crate) fn parse(text: &str, by: SortBy) -> Option<Self> {
        let (value, id) = text.rsplit_once('_')?;
        let value = match by {
            SortBy::Price => SortValue::Real(value.parse().ok().filter(|price: &f64| price.is_finite())?),
            SortBy::Status => SortValue::Text(value.to_owned()),
            _ => SortValue::Integer(value.parse().ok()?),
        };
        Some(Self { value, id: id.parse().ok()? })
    }

    /// Returns the position before this request, so that a page from there begins with the request.
    pub(super) fn including(&self, sort: Sort) -> Self {
        let id = if sort.descending { self.id.saturating_add(1) } else { self.id.saturating_sub(1) };
        Self { value: self.value.clone(), id }
    }
}

impl fmt::Display for PageKey {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.value {
            SortValue::Integer(number) => write!(formatter, "{number}_{}", self.id),
            SortValue::Real(number) => write!(formatter, "{number}_{}", self.id),
            SortValue::Text(text) => write!(formatter, "{text}_{}", self.id),
        }
    }
}
