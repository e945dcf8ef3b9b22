//! Tools and tool choice.

use serde_json::{Map, Value};

use super::{field, list_in, object_in, string_in, take};
use crate::blueprint::{BuiltInTool, ChatPrompt, Function, FunctionTool, Tool, ToolChoice};
use crate::providers::shape::Object;

/// Gemini's own tools, with the blueprint's name for each.
const BUILT_IN: &[(&str, &str)] = &[
    ("googleSearch", "web_search"),
    ("googleSearchRetrieval", "web_search"),
    ("enterpriseWebSearch", "web_search"),
    ("codeExecution", "code_interpreter"),
    ("urlContext", "url_context"),
    ("googleMaps", "google_maps"),
    ("fileSearch", "file_search"),
];

/// Moves tools and tool choice from the request to the prompt. Values that the blueprint cannot hold stay
/// in the request.
pub(super) fn place(request: &mut Object, prompt: &mut ChatPrompt) {
    if let Some(tools) = take(request, "tools") {
        let left = place_tools(&tools, &mut prompt.tools);
        if let Some(left) = left {
            request.insert("tools".to_owned(), left);
        }
    }
    if let Some(config) = take(request, "toolConfig") {
        let (choice, is_all) = choice(&config);
        if choice.is_some() {
            prompt.tool_choice = choice;
        }
        if !is_all {
            request.insert("toolConfig".to_owned(), config);
        }
    }
}

/// Adds the tools that the blueprint can hold. Returns the others.
fn place_tools(tools: &Value, placed: &mut Vec<Tool>) -> Option<Value> {
    let mut left = Vec::new();
    for tool in tools.as_array().map_or(std::slice::from_ref(tools), Vec::as_slice) {
        match tool.as_object() {
            Some(tool) => {
                let rest = place_tool(tool, placed);
                if !rest.is_empty() {
                    left.push(Value::Object(rest));
                }
            }
            None => left.push(tool.clone()),
        }
    }
    (!left.is_empty()).then_some(Value::Array(left))
}

/// Adds the tools of one object in the list: function declarations and Gemini's own tools. Returns what is
/// left of it.
fn place_tool(tool: &Object, placed: &mut Vec<Tool>) -> Object {
    let mut rest: Object = tool.clone();
    rest.retain(|_, value| !value.is_null());
    if let Some(Value::Array(declared)) = field(tool, "functionDeclarations") {
        let mut left = Vec::new();
        for declaration in declared {
            match declaration.as_object().and_then(function) {
                Some((function, is_all)) => {
                    placed.push(Tool::Function(FunctionTool { function }));
                    if !is_all {
                        left.push(declaration.clone());
                    }
                }
                None => left.push(declaration.clone()),
            }
        }
        take(&mut rest, "functionDeclarations");
        if !left.is_empty() {
            rest.insert("functionDeclarations".to_owned(), Value::Array(left));
        }
    }
    for (name, kind) in BUILT_IN {
        if let Some(config) = object_in(tool, name) {
            let mut config = config.clone();
            config.retain(|_, value| !value.is_null());
            placed.push(built_in(name, kind, config));
            take(&mut rest, name);
        }
    }
    rest
}

fn built_in(name: &str, kind: &str, config: Map<String, Value>) -> Tool {
    Tool::BuiltIn(BuiltInTool {
        id: name.to_owned(),
        name: name.to_owned(),
        description: String::new(),
        provider: "google".to_owned(),
        kind: kind.to_owned(),
        config,
    })
}

/// Converts a declaration to a function. Also returns `true` if the function holds all of the declaration.
/// For example, the blueprint has no field for a response schema.
fn function(declaration: &Object) -> Option<(Function, bool)> {
    const PLACED: &[&str] = &["name", "description", "parameters", "parametersJsonSchema"];
    let schema = field(declaration, "parameters").or_else(|| field(declaration, "parametersJsonSchema"));
    let is_all = has_only(declaration, PLACED) && schema.is_none_or(Value::is_object);
    let function = Function {
        name: string_in(declaration, "name")?.to_owned(),
        description: string_in(declaration, "description").unwrap_or_default().to_owned(),
        strict: false,
        parameters: schema.and_then(Value::as_object).cloned(),
    };
    Some((function, is_all))
}

/// Returns the tool choice. Also returns `true` if it holds all of the settings.
fn choice(config: &Value) -> (Option<ToolChoice>, bool) {
    let Some((config, calling)) =
        config.as_object().and_then(|config| Some((config, object_in(config, "functionCallingConfig")?)))
    else {
        return (None, false);
    };
    let is_all =
        has_only(config, &["functionCallingConfig"]) && has_only(calling, &["mode", "allowedFunctionNames"]);
    let mode = |word: &str| Some(ToolChoice::Mode(word.to_owned()));
    let mode_of = string_in(calling, "mode").unwrap_or_default().to_ascii_uppercase();
    match (mode_of.as_str(), list_in(calling, "allowedFunctionNames")) {
        ("AUTO", allowed) => (mode("auto"), is_all && allowed.is_empty()),
        ("NONE", allowed) => (mode("none"), is_all && allowed.is_empty()),
        ("ANY", [Value::String(name)]) => (Some(ToolChoice::function(name.as_str())), is_all),
        // The blueprint cannot list several allowed functions.
        ("ANY", allowed) => (mode("required"), is_all && allowed.is_empty()),
        _ => (None, false),
    }
}

/// Returns `true` if an object has no other fields than these.
fn has_only(object: &Object, names: &[&str]) -> bool {
    object.iter().all(|(key, value)| value.is_null() || names.iter().any(|name| super::is_spelled(key, name)))
}
