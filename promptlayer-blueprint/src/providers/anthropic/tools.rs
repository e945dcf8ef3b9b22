//! Tools, and which of them the model must call.

use serde_json::{Map, Value};

use crate::blueprint::{BuiltInTool, ChatPrompt, Function, Tool, ToolChoice};
use crate::providers::json;
use crate::providers::shape::Object;

/// What the blueprint calls the tools that Anthropic runs, or defines: by what their types begin with,
/// before the day of the version.
const BUILT_IN: &[(&str, &str)] = &[
    ("web_search_", "web_search"),
    ("web_fetch_", "url_context"),
    ("code_execution_", "code_interpreter"),
    ("bash_", "bash"),
    ("text_editor_", "text_editor"),
    ("mcp_toolset", "mcp"),
];

/// Moves tools and choice from a request to its prompt. Those that the blueprint has no form for stay.
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

/// The settings of a tool: all that it says, as it is sent.
fn settings(tool: &Object) -> Map<String, Value> {
    tool.iter()
        .filter(|(name, value)| !value.is_null() && *name != "cache_control")
        .map(|(name, value)| (name.clone(), value.clone()))
        .collect()
}

/// The choice in the words of the blueprint.
fn tool_choice(choice: &Object) -> Option<ToolChoice> {
    Some(match json::string(choice, "type")? {
        mode @ ("auto" | "none") => ToolChoice::Mode(mode.to_owned()),
        "any" => ToolChoice::Mode("required".to_owned()),
        "tool" => ToolChoice::function(json::string(choice, "name")?),
        _ => return None,
    })
}

/// Whether the blueprint's form says all of a choice: it has nothing for calls one at a time.
fn is_whole(choice: &Object) -> bool {
    choice.keys().all(|key| key == "type" || key == "name")
}
