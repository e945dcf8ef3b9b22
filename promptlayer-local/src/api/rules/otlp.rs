//! Rules for the JSON form of OpenTelemetry's traces.
//!
//! They check the structure down to the spans. Ids are not checked: a span with an invalid id is rejected alone.

use super::{MAYBE_TEXT, Record, Rule, may};

/// The body of `POST /v1/traces`.
pub(crate) const OTLP_TRACES: Rule = Rule::Record(&Record::of(&[may("resourceSpans", RESOURCE_SPANS)]));

const RESOURCE_SPANS: Rule = Rule::Nullable(&Rule::List(&Rule::Record(&Record::of(&[
    may("resource", Rule::Nullable(&Rule::Record(&Record::of(&[may("attributes", ATTRIBUTES)])))),
    may("scopeSpans", Rule::Nullable(&Rule::List(&SCOPE_SPANS))),
    may("schemaUrl", MAYBE_TEXT),
]))));

const SCOPE_SPANS: Rule = Rule::Record(&Record::of(&[
    may("scope", Rule::Nullable(&SCOPE)),
    may("spans", Rule::Nullable(&Rule::List(&SPAN))),
    may("schemaUrl", MAYBE_TEXT),
]));

const SCOPE: Rule = Rule::Record(&Record::of(&[
    may("name", MAYBE_TEXT),
    may("version", MAYBE_TEXT),
    may("attributes", ATTRIBUTES),
]));

const SPAN: Rule = Rule::Record(&Record::of(&[
    may("traceId", MAYBE_TEXT),
    may("spanId", MAYBE_TEXT),
    may("parentSpanId", MAYBE_TEXT),
    may("traceState", MAYBE_TEXT),
    may("name", MAYBE_TEXT),
    may("kind", Rule::Nullable(&Rule::Integer(i32::MIN as i64, i32::MAX as i64))),
    may("attributes", ATTRIBUTES),
    may("events", Rule::Nullable(&Rule::List(&EVENT))),
    may("links", Rule::Nullable(&Rule::List(&LINK))),
    may("status", Rule::Nullable(&Rule::Record(&Record::of(&[may("message", MAYBE_TEXT)])))),
]));

const EVENT: Rule = Rule::Record(&Record::of(&[may("name", MAYBE_TEXT), may("attributes", ATTRIBUTES)]));

const LINK: Rule = Rule::Record(&Record::of(&[
    may("traceId", MAYBE_TEXT),
    may("spanId", MAYBE_TEXT),
    may("attributes", ATTRIBUTES),
]));

const ATTRIBUTES: Rule = Rule::Nullable(&Rule::List(&Rule::Record(&Record::of(&[
    may("key", MAYBE_TEXT),
    may("value", Rule::Nullable(&Rule::Object)),
]))));
