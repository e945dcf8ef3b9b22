//! The tools that a model may call.

use serde_json::Value;

use super::super::json::{Fields, Object};
use super::super::{reading, turn};
use crate::blueprint::{BuiltInTool, Function, Tool};

/// Prefixes of the providers' names for tools that they run, without the version date, and the blueprint's
/// names.
const BUILT_IN: &[(&str, &str)] = &[
    ("web_search", "web_search"),
    ("google_search", "web_search"),
    ("file_search", "file_search"),
    ("code_interpreter", "code_interpreter"),
    ("code_execution", "code_interpreter"),
    ("image_generation", "image_generation"),
    ("google_maps", "google_maps"),
    ("url_context", "url_context"),
    ("web_fetch", "url_context"),
    ("mcp", "mcp"),
    ("bash", "bash"),
    ("shell", "shell"),
    ("local_shell", "shell"),
    ("apply_patch", "apply_patch"),
    ("text_editor", "text_editor"),
];

/// Converts the tools. Also returns the tools that the blueprint cannot hold, as received.
pub(super) fn tools(said: &Value) -> (Vec<Tool>, Vec<Value>) {
    let (mut tools, mut left) = (Vec::new(), Vec::new());
    for said in said.as_array().map(Vec::as_slice).unwrap_or_default() {
        match said.as_object().and_then(tool) {
            Some(tool) => tools.push(tool),
            None => left.push(said.clone()),
        }
    }
    (tools, left)
}

fn tool(said: &Object) -> Option<Tool> {
    match said.text("type") {
        None | Some("function") => function(said).map(Tool::from),
        // Anthropic's type for a function.
        Some("custom") if said.contains_key("input_schema") => function(said).map(Tool::from),
        Some(kind) => built_in(said, kind).map(Tool::BuiltIn),
    }
}

fn function(said: &Object) -> Option<Function> {
    // `OpenAI`'s format has the function in a nested object.
    let function = said.object("function").unwrap_or(said);
    let schema = ["parameters", "input_schema"].iter().find_map(|key| function.get(*key)?.as_object());
    Some(Function { strict: false, ..turn::function(function, schema)? })
}

/// Converts a tool that the provider runs. Its settings are kept as received.
fn built_in(said: &Object, kind: &str) -> Option<BuiltInTool> {
    let (_, form) = BUILT_IN.iter().find(|(beginning, _)| kind.starts_with(beginning))?;
    let name = ["name", "server_label"].iter().find_map(|key| said.text(key)).unwrap_or(form);
    Some(BuiltInTool {
        id: kind.to_owned(),
        name: name.to_owned(),
        description: said.string("description"),
        provider: String::new(),
        kind: (*form).to_owned(),
        config: reading::parameters(said.clone(), &[]),
    })
}
