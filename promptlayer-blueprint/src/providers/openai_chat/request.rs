//! Requests.

use serde::de::DeserializeOwned;
use serde_json::{Map, Value};

use super::SHAPE;
use super::message::messages;
use crate::blueprint::{ChatPrompt, Tool, ToolChoice};
use crate::providers::reading::{self, Request};
use crate::providers::shape::Object;
use crate::providers::{json, vendor};

/// Reads a request. Tools and tool choices that the blueprint cannot hold stay in the parameters.
pub(super) fn request(object: Object) -> Request {
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
    Request {
        shape: Some(&SHAPE),
        provider: vendor::of_request(&object).map(Into::into),
        model: json::string(&object, "model").map(str::to_owned),
        prompt: Some(prompt.into()),
        parameters: reading::parameters(object, &prompt_fields),
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
