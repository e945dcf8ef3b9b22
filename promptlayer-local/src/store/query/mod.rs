//! Finds requests: by conditions, in an order, one page at a time.
//!
//! - `filter`: the conditions, and their SQL.
//! - `find`: a page of requests, by the condition that fewest requests fulfill, or by reading.
//! - `page`: the requests that were found, a page of them, and their figures.
//! - `scan`: reads requests in the order of a list.
//! - `series`: figures over time.
//! - `sort`: the orders, and the positions between two requests.
//! - `suggest`: the values that exist.
//! - `traces`: a page of traces.

mod filter;
mod find;
mod page;
mod scan;
mod series;
mod sort;
mod suggest;
#[cfg(test)]
mod tests;
#[cfg(test)]
mod trace_tests;
mod traces;

pub(crate) use filter::{Comparison, Filter, Member, Number, NumberField, Side, TextField, TextTest, Words};
pub(crate) use find::{Found, RequestRow};
pub(crate) use page::{Figures, Links};
pub(crate) use series::{Bucket, Groups, Interval, Part, Series};
pub(crate) use sort::{PageKey, Sort, SortBy};
pub(crate) use traces::{FoundTraces, TraceFilter, TraceRow};
