//! OpenAI's chat completions, and compatible APIs.

mod media;
mod message;
mod reply;
mod stream;
mod write;

use serde::de::DeserializeOwned;
use serde_json::Value;

pub(super) use self::message::{message, messages};
pub(super) use self::reply::{TICKS_PER_DOLLAR, common_reply, openrouter_price};
pub(super) use self::stream::sum;
use super::json::{Fields, Object};
use super::reading::{Request, Shape};
use super::words::{Words, words};
use super::{messages, vendor};
use crate::blueprint::{ChatPrompt, Prompt, Tool, ToolChoice};

pub(super) static SHAPE: Shape = Shape {
    api_type: "chat-completions",
    family: "openai",
    is_shared: true,
    is_request: |object| {
        object.has_a("model", Value::is_string) && object.has_a("messages", messages::is_messages)
    },
    request,
    is_reply: |object| {
        first_choice_has(object, "message", Value::is_object)
            // An interrupted stream without choices is still a response.
            || (object.is("object", "chat.completion") && object.has_a("choices", Value::is_array))
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
    is_empty && object.has_a("prompt_filter_results", Value::is_array)
}

/// Fields that only a chat completion request has beside its messages.
const OWN: Words = words!(
    "data_sources frequency_penalty function_call logit_bias max_completion_tokens parallel_tool_calls \
     presence_penalty reasoning_effort response_format stream_options tool_choice top_logprobs"
);

/// Reads a request. Tools and tool choices that the blueprint cannot hold stay in the parameters.
fn request(object: Object) -> Request {
    let mut prompt = ChatPrompt::new(object.get("messages").map(messages).unwrap_or_default());
    let mut prompt_fields = vec!["model", "messages"];
    if let Some(tools) = object.get("tools").and_then(tools) {
        prompt.tools = tools;
        prompt_fields.push("tools");
    }
    if let Some(functions) = object.get("functions").and_then(read) {
        prompt.functions = functions;
        prompt_fields.push("functions");
    }
    if let Some(choice @ (ToolChoice::Mode(_) | ToolChoice::Function(_))) =
        object.get("tool_choice").and_then(read)
    {
        prompt.tool_choice = Some(choice);
        prompt_fields.push("tool_choice");
    }
    if let Some(choice) = object.get("function_call").and_then(read) {
        prompt.function_call = Some(choice);
        prompt_fields.push("function_call");
    }
    common_request(object, &SHAPE, prompt, &prompt_fields)
}

/// Creates a request of one of OpenAI's older APIs. All fields that are not in `prompt_fields` are parameters.
pub(super) fn common_request(
    object: Object,
    shape: &'static Shape,
    prompt: impl Into<Prompt>,
    prompt_fields: &[&str],
) -> Request {
    Request {
        provider: vendor::of_request(&object).map(Into::into),
        ..Request::new(shape, prompt, object, prompt_fields)
    }
}

/// Returns the tools if all of them are functions.
pub(super) fn tools(value: &Value) -> Option<Vec<Tool>> {
    let tools: Vec<Tool> = read(value)?;
    tools.iter().all(|tool| matches!(tool, Tool::Function(_))).then_some(tools)
}

fn read<T: DeserializeOwned>(value: &Value) -> Option<T> {
    T::deserialize(value).ok()
}

/// Returns `true` for messages without a model, which may be in the URL, or be the only one of the server.
pub(super) fn lacks_model(object: &Object) -> bool {
    !object.has("model") && object.has_a("messages", messages::is_messages)
}

/// Returns `true` if an object has a field, or tools, that only a chat completion request has beside messages.
pub(super) fn has_own_field(object: &Object) -> bool {
    OWN.any_in(object) || object.get("tools").and_then(tools).is_some_and(|tools| !tools.is_empty())
}

#[cfg(test)]
mod tests;
