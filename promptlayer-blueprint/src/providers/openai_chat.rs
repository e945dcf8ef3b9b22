//! OpenAI's chat completions, and compatible APIs.

mod annotations;
mod content;
mod media;
mod message;
mod reply;
mod request;
mod stream;
mod write;

use serde_json::Value;

pub(super) use self::message::{message, messages};
pub(super) use self::reply::common_reply;
pub(super) use self::request::{common_request, has_own_field, lacks_model, tools};
pub(super) use self::stream::sum;
use super::json::{Fields, Object};
use super::messages;
use super::reading::Shape;

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
            || (object.is("object", "chat.completion") && object.get("choices").is_some_and(Value::is_array))
    },
    reply: reply::reply,
    is_chunk: |object| {
        object.is("object", "chat.completion.chunk")
            || first_choice_has(object, "delta", Value::is_object)
            || is_filter_report(object)
    },
    sum: stream::sum_chat,
    write: Some(write::write),
};

/// Returns `true` if the first choice of a response has this field.
pub(super) fn first_choice_has(object: &Object, key: &str, is: fn(&Value) -> bool) -> bool {
    object.list("choices").first().and_then(|choice| choice.get(key)).is_some_and(is)
}

/// Returns `true` if a chunk contains only the results of Azure's prompt filter. Azure sends it first.
fn is_filter_report(object: &Object) -> bool {
    let is_empty = object.get("choices").and_then(Value::as_array).is_some_and(Vec::is_empty);
    is_empty && object.get("prompt_filter_results").is_some_and(Value::is_array)
}

#[cfg(test)]
mod tests;
