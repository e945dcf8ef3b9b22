//! Finds requests: by conditions, in an order, one page at a time.
//!
//! - `filter`: the conditions, and their SQL.
//! - `find`: a page of requests, and the figures of what was found.
//! - `series`: figures over time.
//! - `sort`: the orders, and the positions between two requests.
//! - `suggest`: the values that exist.
//! - `traces`: a page of traces.

mod filter;
mod find;
mod series;
mod sort;
mod suggest;
#[cfg(test)]
mod tests;
#[cfg(test)]
mod trace_tests;
mod traces;

pub(crate) use filter::{Comparison, Filter, Member, Number, NumberField, Side, TextField, TextTest, Words};
pub(crate) use find::{Figures, Found, Links, MOST_READ, RequestRow};
pub(crate) use series::{Bucket, Groups, Interval, Part, Series};
pub(crate) use sort::{PageKey, Sort, SortBy};
pub(crate) use traces::{FoundTraces, TraceFilter, TraceRow};
