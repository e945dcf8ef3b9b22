//! Detection of requests without a model: the model is in the URL, or the server has only one.

use serde_json::Value;

use super::request::tools;
use crate::providers::messages;
use crate::providers::shape::Object;

/// Fields that only a chat completion request has beside its messages.
const OWN: &[&str] = &[
    "data_sources",
    "frequency_penalty",
    "function_call",
    "logit_bias",
    "max_completion_tokens",
    "parallel_tool_calls",
    "presence_penalty",
    "reasoning_effort",
    "response_format",
    "stream_options",
    "tool_choice",
    "top_logprobs",
];

/// Returns `true` if an object may be a request without a model: it has messages and no model.
pub(in crate::providers) fn lacks_model(object: &Object) -> bool {
    object.get("model").is_none_or(Value::is_null)
        && object.get("messages").is_some_and(messages::is_messages)
}

/// Returns `true` if an object has a field, or tools, that only a chat completion request has beside
/// messages.
pub(in crate::providers) fn has_own_field(object: &Object) -> bool {
    OWN.iter().any(|name| object.get(*name).is_some_and(|value| !value.is_null()))
        || object.get("tools").and_then(tools).is_some_and(|tools| !tools.is_empty())
}
