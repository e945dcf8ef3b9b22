//! OpenAI's chat completions, and compatible APIs.

mod annotations;
mod calls;
mod chunks;
mod content;
mod delta;
mod details;
mod media;
mod message;
mod reply;
mod request;
mod sum;
mod thinking;
mod usage;
mod without_model;

use serde_json::Value;

pub(super) use self::message::{message, messages};
pub(super) use self::reply::{choices, common_reply};
pub(super) use self::request::tools;
pub(super) use self::sum::{Choice, Choices, append_lists, merge};
pub(super) use self::without_model::{has_own_field, lacks_model};
use super::messages;
use super::reading::Shape;
use super::shape::Object;

pub(super) static SHAPE: Shape = Shape {
    api_type: "chat-completions",
    family: "openai",
    is_shared: true,
    is_request: |object| {
        object.get("model").is_some_and(Value::is_string)
            && object.get("messages").is_some_and(messages::is_messages)
    },
    request: request::request,
    is_reply: |object| {
        first_choice_has(object, "message", Value::is_object)
            // An interrupted stream without choices is still a response.
            || (is_called(object, "chat.completion") && object.get("choices").is_some_and(Value::is_array))
    },
    reply: reply::reply,
    is_chunk: |object| {
        is_called(object, "chat.completion.chunk")
            || first_choice_has(object, "delta", Value::is_object)
            || is_filter_report(object)
    },
    sum: |events| chunks::sum(&events),
    write: None,
};

/// Returns `true` if the first choice of a response has this field.
pub(super) fn first_choice_has(object: &Object, key: &str, is: fn(&Value) -> bool) -> bool {
    choices(object).first().and_then(|choice| choice.get(key)).is_some_and(is)
}

/// Returns `true` if a chunk contains only the results of Azure's prompt filter. Azure sends it first.
fn is_filter_report(object: &Object) -> bool {
    let is_empty = object.get("choices").and_then(Value::as_array).is_some_and(Vec::is_empty);
    is_empty && object.get("prompt_filter_results").is_some_and(Value::is_array)
}

/// Returns `true` if the `object` field has this value.
pub(super) fn is_called(object: &Object, kind: &str) -> bool {
    object.get("object").and_then(Value::as_str) == Some(kind)
}
