//! Reads requests.

use serde::de::DeserializeOwned;
use serde_json::{Map, Value};

use super::{SHAPE, message};
use crate::blueprint::{ChatPrompt, Prompt, Tool, ToolChoice};
use crate::providers::json::{Fields, Object};
use crate::providers::reading::{self, Request, Shape};
use crate::providers::{messages, vendor};

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

/// Reads a request. Tools and tool choices that the blueprint cannot hold stay in the parameters.
pub(super) fn request(object: Object) -> Request {
    let mut prompt = ChatPrompt::new(object.get("messages").map(message::messages).unwrap_or_default());
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
pub(in crate::providers) fn common_request(
    object: Object,
    shape: &'static Shape,
    prompt: impl Into<Prompt>,
    prompt_fields: &[&str],
) -> Request {
    Request {
        shape: Some(shape),
        provider: vendor::of_request(&object).map(Into::into),
        model: object.owned("model"),
        prompt: Some(prompt.into()),
        parameters: reading::parameters(object, prompt_fields),
        unplaced: Map::new(),
    }
}

/// Returns the tools if all of them are functions.
pub(in crate::providers) fn tools(value: &Value) -> Option<Vec<Tool>> {
    let tools: Vec<Tool> = read(value)?;
    tools.iter().all(|tool| matches!(tool, Tool::Function(_))).then_some(tools)
}

fn read<T: DeserializeOwned>(value: &Value) -> Option<T> {
    T::deserialize(value).ok()
}

/// Returns `true` if an object may be a request without a model: it has messages and no model. The model may be in
/// the URL, or the server has only one.
pub(in crate::providers) fn lacks_model(object: &Object) -> bool {
    !object.has("model") && object.get("messages").is_some_and(messages::is_messages)
}

/// Returns `true` if an object has a field, or tools, that only a chat completion request has beside messages.
pub(in crate::providers) fn has_own_field(object: &Object) -> bool {
    OWN.iter().any(|name| object.has(name))
        || object.get("tools").and_then(tools).is_some_and(|tools| !tools.is_empty())
}
