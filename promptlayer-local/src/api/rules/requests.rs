//! Rules for request logs.

use serde_json::{Map, Value};

use super::blueprint::PROMPT;
use super::{INTEGER, MAYBE_TEXT, POSITIVE, Record, Rule, may, needs};
use crate::api::problem::{Place, Problems};

/// The body of `POST /log-request`.
pub(crate) const LOG_REQUEST: Rule = Rule::Record(&Record {
    fields: &[needs("request_start_time", Rule::Time), needs("request_end_time", Rule::Time)],
    base: Some(REQUEST),
    check: None,
});

/// A request log inside a span. It inherits missing times from the span.
pub(super) const SPAN_LOG_REQUEST: Rule = Rule::Record(&Record {
    fields: &[
        may("request_start_time", Rule::Nullable(&Rule::Time)),
        may("request_end_time", Rule::Nullable(&Rule::Time)),
    ],
    base: Some(REQUEST),
    check: None,
});

const REQUEST: &Record = &Record {
    fields: &[
        needs("provider", Rule::Text),
        needs("model", Rule::Text),
        needs("input", PROMPT),
        needs("output", PROMPT),
        may("parameters", Rule::Object),
        may("tags", Rule::List(&Rule::TextOf(0, 512))),
        may("metadata", Rule::TextMap(1024)),
        may("prompt_name", MAYBE_TEXT),
        may("prompt_id", Rule::Nullable(&INTEGER)),
        may("prompt_version_number", Rule::Nullable(&POSITIVE)),
        may("prompt_input_variables", Rule::Object),
        may("input_tokens", Rule::Integer(0, i64::MAX)),
        may("output_tokens", Rule::Integer(0, i64::MAX)),
        may("price", Rule::NumberFrom(0.0)),
        may("function_name", Rule::Text),
        may("score", Rule::Integer(0, 100)),
        // PromptLayer's API document does not define this field, but PromptLayer's own clients send it.
        may("score_name", MAYBE_TEXT),
        may("api_type", MAYBE_TEXT),
        may("status", Rule::Word(&["SUCCESS", "WARNING", "ERROR"])),
        may("error_type", Rule::Nullable(&Rule::Word(ERROR_TYPES))),
        may("error_message", Rule::Nullable(&Rule::TextOf(0, 1024))),
    ],
    base: None,
    check: Some(check_error_type),
};

const ERROR_TYPES: &[&str] = &[
    "PROVIDER_TIMEOUT",
    "PROVIDER_QUOTA_LIMIT",
    "PROVIDER_RATE_LIMIT",
    "PROVIDER_PARTIAL_RESPONSE",
    "PROVIDER_AUTH_ERROR",
    "PROVIDER_ERROR",
    "TEMPLATE_RENDER_ERROR",
    "VARIABLE_MISSING_OR_EMPTY",
    "UNKNOWN_ERROR",
];

/// Checks that the error type is allowed with the status. No error type is allowed with `SUCCESS`.
fn check_error_type(request: &Map<String, Value>, place: &Place<'_>, problems: &mut Problems) {
    let Some(error_type) = request.get("error_type").and_then(Value::as_str) else { return };
    let status = request.get("status").map_or(Some("SUCCESS"), Value::as_str);
    let allowed: &[&str] = match error_type {
        "PROVIDER_RATE_LIMIT" | "PROVIDER_QUOTA_LIMIT" | "UNKNOWN_ERROR" => &["WARNING", "ERROR"],
        "PROVIDER_PARTIAL_RESPONSE" | "VARIABLE_MISSING_OR_EMPTY" => &["WARNING"],
        "PROVIDER_TIMEOUT" | "PROVIDER_AUTH_ERROR" | "PROVIDER_ERROR" | "TEMPLATE_RENDER_ERROR" => &["ERROR"],
        // Not a known error type. The rule of the field has already reported this.
        _ => return,
    };
    match status {
        Some(status) if !allowed.contains(&status) => {
            problems.add_with(&place.field("error_type"), "value_error", || {
                format!("{error_type} goes with the status {}, found {status}", allowed.join(" or "))
            });
        }
        _ => {}
    }
}
