//! Rules for request logs.

use promptlayer_blueprint::{ErrorType, LogRequest, RequestStatus, Tags};
use serde::Deserialize;
use serde_json::{Map, Value};

use super::blueprint::PROMPT;
use super::{INTEGER, MAYBE_TEXT, POSITIVE, Record, Rule, SCORE, may, needs};
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
        may("tags", Rule::List(&Rule::TextOf(0, Tags::MAX_CHARACTERS))),
        may("metadata", Rule::TextMap(1024)),
        may("prompt_name", MAYBE_TEXT),
        may("prompt_id", Rule::Nullable(&INTEGER)),
        may("prompt_version_number", Rule::Nullable(&POSITIVE)),
        may("prompt_input_variables", Rule::Object),
        may("input_tokens", Rule::Integer(0, i64::MAX)),
        may("output_tokens", Rule::Integer(0, i64::MAX)),
        may("price", Rule::NumberFrom(0.0)),
        may("function_name", Rule::Text),
        may("score", SCORE),
        // PromptLayer's API document does not define this field, but PromptLayer's own clients send it.
        may("score_name", MAYBE_TEXT),
        may("api_type", MAYBE_TEXT),
        may("status", Rule::Word(STATUSES)),
        may("error_type", Rule::Nullable(&Rule::Word(ERROR_TYPES))),
        may("error_message", Rule::Nullable(&Rule::TextOf(0, LogRequest::MAX_ERROR_CHARACTERS))),
    ],
    base: None,
    check: Some(check_error_type),
};

/// The body of `POST /track-request`. PromptLayer's API document does not describe it; these are the fields that
/// PromptLayer's clients send. The arguments and the response can be any values.
pub(crate) const TRACK_REQUEST: Rule = Rule::Record(&Record {
    fields: &[
        needs("function_name", Rule::Text),
        may("provider_type", MAYBE_TEXT),
        may("request_start_time", Rule::Nullable(&Rule::Time)),
        may("request_end_time", Rule::Nullable(&Rule::Time)),
        may("tags", Rule::Nullable(&Rule::List(&Rule::TextOf(0, Tags::MAX_CHARACTERS)))),
        may("metadata", Rule::Nullable(&Rule::Object)),
        may("prompt_id", Rule::Nullable(&INTEGER)),
        may("prompt_version", Rule::Nullable(&POSITIVE)),
        may("prompt_input_variables", Rule::Nullable(&Rule::Object)),
        may("group_id", Rule::Nullable(&INTEGER)),
        may("span_id", MAYBE_TEXT),
        may("return_prompt_blueprint", Rule::Nullable(&Rule::Boolean)),
        may("status", Rule::Nullable(&Rule::Word(STATUSES))),
        may("error_type", Rule::Nullable(&Rule::Word(ERROR_TYPES))),
        may("error_message", MAYBE_TEXT),
    ],
    base: None,
    check: None,
});

const STATUSES: &[&str] =
    &[RequestStatus::Success.as_str(), RequestStatus::Warning.as_str(), RequestStatus::Error.as_str()];

const ERROR_TYPES: &[&str] = &[
    ErrorType::ProviderTimeout.as_str(),
    ErrorType::ProviderQuotaLimit.as_str(),
    ErrorType::ProviderRateLimit.as_str(),
    ErrorType::ProviderPartialResponse.as_str(),
    ErrorType::ProviderAuthError.as_str(),
    ErrorType::ProviderError.as_str(),
    ErrorType::TemplateRenderError.as_str(),
    ErrorType::VariableMissingOrEmpty.as_str(),
    ErrorType::UnknownError.as_str(),
];

/// Checks that the error type is allowed with the status. No error type is allowed with `SUCCESS`.
fn check_error_type(request: &Map<String, Value>, place: &Place<'_>, problems: &mut Problems) {
    // The rules of the fields report a status or an error type that is not known.
    let Some(Ok(error_type)) = request.get("error_type").map(ErrorType::deserialize) else { return };
    let Ok(status) = request.get("status").map_or(Ok(RequestStatus::Success), RequestStatus::deserialize)
    else {
        return;
    };
    let allowed: &[RequestStatus] = match error_type {
        ErrorType::ProviderRateLimit | ErrorType::ProviderQuotaLimit | ErrorType::UnknownError => {
            &[RequestStatus::Warning, RequestStatus::Error]
        }
        ErrorType::ProviderPartialResponse | ErrorType::VariableMissingOrEmpty => &[RequestStatus::Warning],
        _ => &[RequestStatus::Error],
    };
    if !allowed.contains(&status) {
        problems.add_with(&place.field("error_type"), "value_error", || {
            let allowed: Vec<_> = allowed.iter().map(|status| status.as_str()).collect();
            let (error_type, status) = (error_type.as_str(), status.as_str());
            format!("{error_type} goes with the status {}, found {status}", allowed.join(" or "))
        });
    }
}
