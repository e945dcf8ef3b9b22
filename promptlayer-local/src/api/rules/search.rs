//! Rules for searching request logs.

use super::{MAYBE_TEXT, Record, Rule, may};

/// The body of `POST /api/public/v2/requests/search`, and without a page that of `…/analytics`. The handler checks the
/// filters.
pub(crate) const SEARCH: Rule = Rule::Record(&Record::of(&[
    may("filter_group", Rule::Nullable(&Rule::Object)),
    may("q", MAYBE_TEXT),
    may("sort_by", Rule::Nullable(&Rule::Word(FIELDS))),
    may("sort_order", Rule::Nullable(&Rule::Word(&["asc", "desc"]))),
    may("metadata_cost_breakdown_key", MAYBE_TEXT),
    may("page", Rule::Nullable(&Rule::Integer(1, i64::MAX))),
    may("per_page", Rule::Nullable(&Rule::Integer(1, 25))),
    may("include_prompt_name", Rule::Nullable(&Rule::Boolean)),
]));

const FIELDS: &[&str] =
    &["request_start_time", "input_tokens", "output_tokens", "cost", "latency_ms", "status"];
