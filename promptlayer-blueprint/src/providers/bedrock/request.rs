//! Requests.

use serde_json::{Map, Value};

use super::{SHAPE, content};
use crate::blueprint::{ChatPrompt, Function, Tool, ToolChoice};
use crate::providers::anthropic::turn::messages;
use crate::providers::json;
use crate::providers::reading::{self, Request};
use crate::providers::shape::Object;

/// Request fields that belong to the prompt. Tools are handled separately: what the prompt cannot hold
/// stays in the parameters.
const PROMPT_FIELDS: &[&str] = &["modelId", "messages", "system"];

/// Reads a request. Clients that pass the model together with the other fields call it `modelId`.
pub(super) fn request(mut object: Object) -> Request {
    let mut prompt = ChatPrompt::new(messages(&object, content::blocks, content::read));
    if let Some(Value::Object(config)) = object.get_mut("toolConfig") {
        take_tools(config, &mut prompt);
        take_choice(config, &mut prompt);
        if config.values().all(Value::is_null) {
            object.remove("toolConfig");
        }
    }
    Request {
        shape: Some(&SHAPE),
        provider: None,
        model: json::string(&object, "modelId").map(str::to_owned),
        prompt: Some(prompt.into()),
        parameters: reading::parameters(object, PROMPT_FIELDS),
        unplaced: Map::new(),
    }
}

/// Moves the tools to the prompt. Tools that the blueprint cannot hold stay in the request.
fn take_tools(config: &mut Object, prompt: &mut ChatPrompt) {
    let Some(Value::Array(tools)) = config.get_mut("tools") else {
        return;
    };
    let mut kept = Vec::new();
    for value in std::mem::take(tools) {
        match value.get("toolSpec").and_then(Value::as_object).and_then(function) {
            Some(function) => prompt.tools.push(Tool::from(function)),
            None => kept.push(value),
        }
    }
    *tools = kept;
    if tools.is_empty() {
        config.remove("tools");
    }
}

fn function(spec: &Object) -> Option<Function> {
    let schema = spec.get("inputSchema").and_then(|schema| schema.get("json")?.as_object());
    Some(Function {
        name: json::string(spec, "name")?.to_owned(),
        description: json::string(spec, "description").unwrap_or_default().to_owned(),
        strict: spec.get("strict") == Some(&Value::Bool(true)),
        parameters: Some(schema?.clone()),
    })
}

/// Moves the tool choice to the prompt.
fn take_choice(config: &mut Object, prompt: &mut ChatPrompt) {
    let choice = config.get("toolChoice").and_then(Value::as_object).and_then(tool_choice);
    if choice.is_some() {
        prompt.tool_choice = choice;
        config.remove("toolChoice");
    }
}

fn tool_choice(choice: &Object) -> Option<ToolChoice> {
    let (mode, value) = choice.iter().find(|(_, value)| !value.is_null())?;
    match mode.as_str() {
        "auto" => Some(ToolChoice::Mode("auto".to_owned())),
        "any" => Some(ToolChoice::Mode("required".to_owned())),
        "tool" => value.get("name")?.as_str().map(ToolChoice::function),
        _ => None,
    }
}
