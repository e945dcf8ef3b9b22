//! OpenAI chat completions, and every server that speaks the same.

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
use super::shape::{Object, Shape};

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
            // A stream that was cut before its first choice is a reply still.
            || (is_called(object, "chat.completion") && object.get("choices").is_some_and(Value::is_array))
    },
    reply: reply::reply,
    is_chunk: |object| {
        is_called(object, "chat.completion.chunk")
            || first_choice_has(object, "delta", Value::is_object)
            || is_filter_report(object)
    },
    sum: chunks::sum,
};

/// Whether the first choice of a reply has this.
pub(super) fn first_choice_has(object: &Object, key: &str, is: fn(&Value) -> bool) -> bool {
    choices(object).first().and_then(|choice| choice.get(key)).is_some_and(is)
}

/// Whether a chunk says no more than what Azure's filters found in the prompt: it comes before all others.
fn is_filter_report(object: &Object) -> bool {
    let is_empty = object.get("choices").and_then(Value::as_array).is_some_and(Vec::is_empty);
    is_empty && object.get("prompt_filter_results").is_some_and(Value::is_array)
}

/// Whether an object says that it is of this kind.
pub(super) fn is_called(object: &Object, kind: &str) -> bool {
    object.get("object").and_then(Value::as_str) == Some(kind)
}
