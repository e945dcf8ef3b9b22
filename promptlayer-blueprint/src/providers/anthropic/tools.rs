//! Tools and tool choice.

use serde_json::{Map, Value};

use crate::blueprint::{BuiltInTool, ChatPrompt, Function, Tool, ToolChoice};
use crate::providers::json;
use crate::providers::shape::Object;

/// The blueprint's names for the tools that Anthropic runs or defines, by the prefix of their type. The
/// version date follows the prefix.
const BUILT_IN: &[(&str, &str)] = &[
    ("web_search_", "web_search"),
    ("web_fetch_", "url_context"),
    ("code_execution_", "code_interpreter"),
    ("bash_", "bash"),
    ("text_editor_", "text_editor"),
    ("mcp_toolset", "mcp"),
];

/// Moves tools and tool choice from the request to the prompt. Values that the blueprint cannot hold stay
/// in the request.
pub(super) fn take(object: &mut Object, prompt: &mut ChatPrompt) {
    if let Some(Value::Array(tools)) = object.get_mut("tools") {
        let mut kept = Vec::new();
        for value in std::mem::take(tools) {
            match tool(&value) {
                Some(tool) => prompt.tools.push(tool),
                None => kept.push(value),
            }
        }
        *tools = kept;
        if tools.is_empty() {
            object.remove("tools");
        }
    }
    let choice = object.get("tool_choice").and_then(Value::as_object);
    if let Some((choice, is_all)) = choice.and_then(|choice| Some((tool_choice(choice)?, is_whole(choice)))) {
        prompt.tool_choice = Some(choice);
        if is_all {
            object.remove("tool_choice");
        }
    }
}

fn tool(value: &Value) -> Option<Tool> {
    let tool = value.as_object()?;
    match json::string(tool, "type") {
        None | Some("custom") => function(tool).map(Tool::from),
        Some(kind) => built_in(tool, kind).map(Tool::BuiltIn),
    }
}

fn function(tool: &Object) -> Option<Function> {
    Some(Function {
        name: json::string(tool, "name")?.to_owned(),
        description: json::string(tool, "description").unwrap_or_default().to_owned(),
        strict: tool.get("strict") == Some(&Value::Bool(true)),
        parameters: Some(tool.get("input_schema")?.as_object()?.clone()),
    })
}

fn built_in(tool: &Object, kind: &str) -> Option<BuiltInTool> {
    let (_, form) = BUILT_IN.iter().find(|(prefix, _)| kind.starts_with(prefix))?;
    let name = json::string(tool, "name").or_else(|| json::string(tool, "mcp_server_name")).unwrap_or(form);
    Some(BuiltInTool {
        id: kind.to_owned(),
        name: name.to_owned(),
        description: String::new(),
        provider: "anthropic".to_owned(),
        kind: (*form).to_owned(),
        config: settings(tool),
    })
}

/// Returns the settings of a tool: all of its fields except `cache_control`.
fn settings(tool: &Object) -> Map<String, Value> {
    tool.iter()
        .filter(|(name, value)| !value.is_null() && *name != "cache_control")
        .map(|(name, value)| (name.clone(), value.clone()))
        .collect()
}

/// Converts a tool choice to the blueprint.
fn tool_choice(choice: &Object) -> Option<ToolChoice> {
    Some(match json::string(choice, "type")? {
        mode @ ("auto" | "none") => ToolChoice::Mode(mode.to_owned()),
        "any" => ToolChoice::Mode("required".to_owned()),
        "tool" => ToolChoice::function(json::string(choice, "name")?),
        _ => return None,
    })
}

/// Returns `true` if the blueprint's tool choice holds all of the choice. It has no field for
/// `disable_parallel_tool_use`.
fn is_whole(choice: &Object) -> bool {
    choice.keys().all(|key| key == "type" || key == "name")
}
