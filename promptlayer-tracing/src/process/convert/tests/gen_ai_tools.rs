//! Tools that are defined in external spans.

use promptlayer_blueprint::{BuiltInTool, Tool};
use serde_json::{Value, json};

use super::{LogRequest, chat, span};
use crate::process::convert;
use crate::span::finished::FinishedSpan;

/// Returns the log of a call with these tool definitions.
fn offered(tools: &Value) -> LogRequest {
    let fields = json!({
        "gen_ai.operation.name": "chat", "gen_ai.tool.definitions": tools.to_string(),
        "gen_ai.input.messages": r#"[{"role":"user","parts":[{"type":"text","content":"Why?"}]}]"#,
    });
    let Value::Object(fields) = fields else { panic!("{fields}") };
    convert::request(&FinishedSpan { is_external: true, fields: fields.into(), ..span() }, None).log
}

/// Returns the tools of a log that the provider runs.
fn built_in(log: &LogRequest) -> Vec<&BuiltInTool> {
    let tools = chat(&log.input).tools.iter();
    tools
        .map(|tool| match tool {
            Tool::BuiltIn(tool) => tool,
            other => panic!("of the user's own: {other:?}"),
        })
        .collect()
}

#[test]
fn provider_tool_gets_its_blueprint_name() {
    let tools = json!([
        {"type": "web_search_20250305", "name": "web_search", "max_uses": 3},
        {"type": "code_execution_20250825", "name": "code_execution"},
        {"type": "mcp", "server_label": "dice", "authorization": "s3cret"},
        {"type": "web_search_preview"},
    ]);
    let log = offered(&tools);
    let told: Vec<_> = built_in(&log).iter().map(|tool| (tool.kind.as_str(), tool.name.as_str())).collect();
    assert_eq!(
        told,
        [
            ("web_search", "web_search"),
            ("code_interpreter", "code_execution"),
            ("mcp", "dice"),
            ("web_search", "web_search"),
        ]
    );
    assert_eq!(Value::Object(built_in(&log)[0].config.clone()), tools[0], "its settings as they came");
    assert_eq!(built_in(&log)[2].config["authorization"], "[redacted]");
    assert!(log.parameters.is_empty(), "{:?}", log.parameters);
}

#[test]
fn unknown_tool_stays_in_parameters() {
    let left = json!([
        {"type": "extension", "name": "mine"},
        {"type": "custom", "name": "sql", "format": {"type": "text"}},
        {"description": "it has no name"},
        {"type": "function", "function": {"description": "nor has this"}},
        "look",
        null,
    ]);
    let mut tools = left.clone();
    tools.as_array_mut().unwrap().insert(1, json!({"type": "function", "name": "look"}));
    let log = offered(&tools);
    assert_eq!(
        serde_json::to_value(&chat(&log.input).tools).unwrap(),
        json!([{"type": "function", "function": {"name": "look"}}])
    );
    assert_eq!(log.parameters["tools"], left);
}
