//! Rules for spans.

use super::requests::SPAN_LOG_REQUEST;
use super::{MAYBE_TEXT, Record, Rule, may, needs};

/// The body of `POST /spans-bulk`.
pub(crate) const SPANS_BULK: Rule =
    Rule::Record(&Record::of(&[needs("spans", Rule::List(&SPAN)), may("close_after", Rule::Boolean)]));

const SPAN: Rule = Rule::Record(&Record::of(&[
    needs("name", Rule::Text),
    needs("context", Rule::Record(CONTEXT)),
    needs("kind", Rule::Word(KINDS)),
    may("parent_id", MAYBE_TEXT),
    needs("start_time", Rule::SpanTime),
    needs("end_time", Rule::SpanTime),
    needs("status", Rule::Record(STATUS)),
    needs("attributes", Rule::Object),
    may("events", Rule::List(&Rule::Object)),
    may("links", Rule::List(&Rule::Object)),
    needs("resource", Rule::Record(RESOURCE)),
    may("log_request", Rule::Nullable(&SPAN_LOG_REQUEST)),
]));

const CONTEXT: &Record = &Record::of(&[
    needs("trace_id", Rule::Text),
    needs("span_id", Rule::Text),
    needs("trace_state", Rule::Text),
]);

const KINDS: &[&str] =
    &["SpanKind.CLIENT", "SpanKind.CONSUMER", "SpanKind.INTERNAL", "SpanKind.PRODUCER", "SpanKind.SERVER"];

const STATUS: &Record = &Record::of(&[
    needs("status_code", Rule::Word(&["StatusCode.ERROR", "StatusCode.OK", "StatusCode.UNSET"])),
    may("description", MAYBE_TEXT),
]);

const RESOURCE: &Record =
    &Record::of(&[needs("attributes", Rule::TextMap(usize::MAX)), needs("schema_url", Rule::Text)]);
