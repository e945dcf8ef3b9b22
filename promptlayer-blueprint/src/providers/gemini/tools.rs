//! Tools and tool choice, in both directions.

use serde_json::{Value, json};

use super::wire;
use crate::blueprint::{BuiltInTool, ChatPrompt, Function, FunctionTool, Tool, ToolChoice};
use crate::providers::draft::{Draft, Omissions};
use crate::providers::json::{Fields, Object, without_nulls};
use crate::providers::words::{Words, words};
use crate::providers::{merge, turn};

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

/// Keywords of the schemas in `parameters`. Other JSON schemas are allowed in `parametersJsonSchema`.
const KEYWORDS: Words = words!(
    "type format title description nullable enum maxItems minItems required minProperties maxProperties \
     minLength maxLength pattern example propertyOrdering default minimum maximum"
);

/// Moves tools and tool choice to the prompt. Values that the blueprint cannot hold stay in the request.
pub(super) fn read(request: &mut Object, prompt: &mut ChatPrompt) {
    let tools = match wire::take(request, "tools") {
        Some(Value::Array(tools)) => tools,
        tool => tool.into_iter().collect(),
    };
    let rest: Vec<Value> = tools.into_iter().filter_map(|tool| read_tool(tool, &mut prompt.tools)).collect();
    if !rest.is_empty() {
        request.insert("tools".to_owned(), Value::Array(rest));
    }
    if let Some(config) = wire::take(request, "toolConfig") {
        let (choice, is_all) = read_choice(&config);
        prompt.tool_choice = choice.or(prompt.tool_choice.take());
        if !is_all {
            request.insert("toolConfig".to_owned(), config);
        }
    }
}

/// Reads the tools of one object in the list: function declarations and Gemini's own tools. Returns what
/// the blueprint cannot hold.
fn read_tool(tool: Value, tools: &mut Vec<Tool>) -> Option<Value> {
    let Value::Object(mut tool) = tool else { return Some(tool) };
    tool.retain(|_, value| !value.is_null());
    if let Some(declarations) = tool.get_mut("functionDeclarations").and_then(Value::as_array_mut) {
        declarations.retain(|declaration| !read_function(declaration, tools));
        if declarations.is_empty() {
            tool.remove("functionDeclarations");
        }
    }
    for (name, _) in BUILT_IN {
        if let Some(config) = tool.get_mut(*name).and_then(Value::as_object_mut).map(std::mem::take) {
            tools.extend(built_in(name, config));
            tool.remove(*name);
        }
    }
    (!tool.is_empty()).then_some(Value::Object(tool))
}

/// Returns one of Gemini's own tools by its name on the wire.
pub(super) fn built_in(name: &str, mut config: Object) -> Option<Tool> {
    let (name, kind) = BUILT_IN.iter().find(|(known, _)| *known == name)?;
    config.retain(|_, value| !value.is_null());
    Some(Tool::BuiltIn(BuiltInTool {
        id: (*name).to_owned(),
        name: (*name).to_owned(),
        description: String::new(),
        provider: "google".to_owned(),
        kind: (*kind).to_owned(),
        config,
    }))
}

/// Returns `true` if the function holds all of it. The blueprint has no field for a response schema, for example.
pub(super) fn read_function(declaration: &Value, tools: &mut Vec<Tool>) -> bool {
    const HELD: Words = words!("type name description parameters parametersJsonSchema");
    let schema = declaration.field("parameters").or_else(|| declaration.field("parametersJsonSchema"));
    let Some(function) = turn::function(declaration, schema.and_then(Value::as_object)) else { return false };
    tools.push(Function { strict: false, ..function }.into());
    has_only(declaration, HELD) && schema.is_none_or(Value::is_object)
}

/// Returns the tool choice. Also returns `true` if it holds all of the settings.
pub(super) fn read_choice(config: &Value) -> (Option<ToolChoice>, bool) {
    let Some(calling) = config.field("functionCallingConfig").filter(|calling| calling.is_object()) else {
        return (None, false);
    };
    let is_all = has_only(config, words!("functionCallingConfig"))
        && has_only(calling, words!("mode allowedFunctionNames"));
    let mode = calling.text("mode").unwrap_or_default().to_ascii_uppercase();
    let choice = match (mode.as_str(), calling.list("allowedFunctionNames")) {
        ("ANY", [Value::String(name)]) => return (Some(ToolChoice::function(name.as_str())), is_all),
        ("AUTO", _) => "auto",
        ("NONE", _) => "none",
        ("ANY", _) => "required",
        _ => return (None, false),
    };
    // The blueprint cannot list several allowed functions.
    let is_all = is_all && calling.list("allowedFunctionNames").is_empty();
    (Some(ToolChoice::Mode(choice.to_owned())), is_all)
}

fn has_only(object: &Value, names: Words) -> bool {
    object.as_object().is_none_or(|fields| names.are_all_of(fields))
}

/// Writes tools and tool choice. The body may already contain what the blueprint could not hold when the
/// request was read.
pub(super) fn write(draft: &Draft<'_>, body: &mut Object, omissions: &mut Omissions) {
    let chat = draft.chat;
    let mut known = match body.remove("tools") {
        Some(Value::Array(tools)) => tools,
        tool => tool.into_iter().collect(),
    };
    let (mut tools, mut declarations, mut place) = (Vec::new(), Vec::new(), None);
    for (at, tool) in chat.tools.iter().enumerate() {
        match tool {
            Tool::Function(FunctionTool { function }) => {
                if function.strict {
                    omissions.add(format!("tools[{at}].function.strict"), "the API has no strict functions");
                }
                place.get_or_insert(tools.len());
                let known = take_declaration(&mut known, &function.name);
                declarations.push(known.unwrap_or_else(|| declaration(function)));
            }
            Tool::BuiltIn(tool) if tool.provider == "google" => {
                let name = wire::spelling(&tool.name);
                let is_it = |(known, kind): &&(&str, &str)| *known == name || *kind == tool.kind;
                let name = BUILT_IN.iter().find(is_it).map_or(&*name, |(known, _)| known);
                tools.push(json!({ name: tool.config }));
            }
            _ => omissions.add(format!("tools[{at}]"), "the API has no such tool"),
        }
    }
    declarations.extend(chat.functions.iter().map(declaration));
    if !declarations.is_empty() {
        // Vertex AI accepts only one list of declarations.
        tools.insert(place.unwrap_or_default(), json!({ "functionDeclarations": declarations }));
    }
    known.retain(|tool| *tool != json!({ "functionDeclarations": [] }));
    tools.extend(known);
    if !tools.is_empty() {
        body.insert("tools".to_owned(), Value::Array(tools));
    }
    let calling = omissions.tool_choice(draft, |mode, name| match mode {
        "function" => Some(json!({ "mode": "ANY", "allowedFunctionNames": [name] })),
        "auto" | "none" => Some(json!({ "mode": mode.to_ascii_uppercase() })),
        "required" | "any" => Some(json!({ "mode": "ANY" })),
        _ => None,
    });
    if let Some(calling) = calling
        && let Some(config) = merge::within(body, "toolConfig")
    {
        config.entry("functionCallingConfig").or_insert(calling);
    }
}

/// Removes the declaration of a function from a list of tools.
fn take_declaration(tools: &mut [Value], name: &str) -> Option<Value> {
    tools.iter_mut().find_map(|tool| {
        let declarations = tool.get_mut("functionDeclarations")?.as_array_mut()?;
        let place = declarations.iter().position(|declaration| declaration.is("name", name))?;
        Some(declarations.remove(place))
    })
}

fn declaration(function: &Function) -> Value {
    let description = Some(&function.description).filter(|text| !text.is_empty());
    let mut declaration = json!({ "name": function.name, "description": description });
    if let Some(parameters) = function.parameters.clone().map(Value::Object) {
        let key = if is_plain(&parameters) { "parameters" } else { "parametersJsonSchema" };
        declaration[key] = parameters;
    }
    without_nulls(declaration)
}

/// Returns `true` if a schema has only keywords of Gemini's own schemas.
fn is_plain(schema: &Value) -> bool {
    schema.as_object().is_some_and(|fields| {
        fields.iter().all(|(key, value)| match key.as_str() {
            "type" => value.is_string(),
            "items" => is_plain(value),
            "anyOf" => value.as_array().is_some_and(|schemas| schemas.iter().all(is_plain)),
            "properties" => value.as_object().is_some_and(|schemas| schemas.values().all(is_plain)),
            key => KEYWORDS.contains(key),
        })
    })
}
