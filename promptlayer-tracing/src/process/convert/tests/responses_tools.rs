//! Tools and tool choice in requests of OpenAI's Responses API.

use promptlayer_blueprint::{Tool, ToolChoice};
use serde_json::{Value, json};

use super::chat;
use super::responses_request::with;

#[test]
fn function_tools_move_to_the_prompt() {
    let log = with(json!({"tools": [
        {"type": "function", "name": "now", "description": null, "parameters": null, "strict": null},
        {"type": "function", "name": "weather", "description": "of a city", "strict": true,
         "parameters": {"type": "object", "properties": {"token": {"type": "string"}}}},
    ], "parallel_tool_calls": false}));
    assert_eq!(
        serde_json::to_value(&chat(&log.input).tools).unwrap(),
        json!([
            {"type": "function", "function": {"name": "now"}},
            {"type": "function", "function": {"name": "weather", "description": "of a city", "strict": true,
                "parameters": {"type": "object", "properties": {"token": {"type": "string"}}}}},
        ])
    );
    assert_eq!(Value::Object(log.parameters), json!({"parallel_tool_calls": false}));
}

#[test]
fn function_with_unknown_setting_also_stays_in_parameters() {
    let tools = json!([{"type": "function", "name": "now", "defer_loading": true}]);
    let log = with(json!({ "tools": tools }));
    assert_eq!(chat(&log.input).tools.len(), 1);
    assert_eq!(log.parameters["tools"], tools);
}

#[test]
fn provider_tools_become_built_in_with_their_settings() {
    let log = with(json!({"tools": [
        {"type": "web_search_preview_2025_03_11", "search_context_size": "low", "user_location": null},
        {"type": "code_interpreter", "container": {"type": "auto"}},
        {"type": "local_shell"},
        {"type": "mcp", "server_label": "dice", "server_description": "rolls", "server_url": "https://example.org",
         "authorization": "s3cret", "headers": {"X-Key": "s3cret"}, "require_approval": "never"},
    ]}));
    let tools: Vec<(&str, &str, &str, Value)> = chat(&log.input)
        .tools
        .iter()
        .map(|tool| match tool {
            Tool::BuiltIn(tool) => {
                assert_eq!(tool.provider, "openai");
                let config = Value::Object(tool.config.clone());
                (tool.kind.as_str(), tool.name.as_str(), tool.description.as_str(), config)
            }
            other => panic!("{other:?}"),
        })
        .collect();
    assert_eq!(
        tools,
        [
            (
                "web_search",
                "web_search",
                "",
                json!({"type": "web_search_preview_2025_03_11", "search_context_size": "low"})
            ),
            (
                "code_interpreter",
                "code_interpreter",
                "",
                json!({"type": "code_interpreter", "container": {"type": "auto"}})
            ),
            ("shell", "shell", "", json!({"type": "local_shell"})),
            (
                "mcp",
                "dice",
                "rolls",
                json!({"type": "mcp", "server_label": "dice", "server_description": "rolls",
                    "server_url": "https://example.org", "authorization": "[redacted]",
                    "headers": {"X-Key": "[redacted]"}, "require_approval": "never"})
            ),
        ]
    );
    assert!(log.parameters.is_empty(), "{:?}", log.parameters);
}

#[test]
fn unknown_tools_stay_in_parameters_with_redacted_keys() {
    let tools = json!([
        {"type": "function", "name": "now"},
        {"type": "custom", "name": "sql", "format": {"type": "text"}},
        {"type": "mcp", "server_label": "dice", "authorization": "s3cret"},
    ]);
    let log = with(json!({ "tools": tools }));
    assert!(chat(&log.input).tools.is_empty());
    let mut expected = tools;
    expected[2]["authorization"] = "[redacted]".into();
    assert_eq!(log.parameters["tools"], expected);
}

#[test]
fn every_tool_choice_is_kept() {
    for mode in ["auto", "none", "required"] {
        let log = with(json!({ "tool_choice": mode }));
        assert_eq!(chat(&log.input).tool_choice, Some(ToolChoice::Mode(mode.to_owned())));
        assert!(log.parameters.is_empty());
    }
    for choice in [
        json!({"type": "function", "name": "weather"}),
        json!({"type": "function", "function": {"name": "weather"}}),
    ] {
        let log = with(json!({ "tool_choice": choice }));
        assert_eq!(chat(&log.input).tool_choice, Some(ToolChoice::function("weather")), "{choice}");
        assert!(log.parameters.is_empty());
    }
    for choice in
        [json!({"type": "file_search"}), json!({"type": "allowed_tools", "mode": "auto", "tools": []})]
    {
        let log = with(json!({ "tool_choice": choice }));
        assert_eq!(chat(&log.input).tool_choice, None);
        assert_eq!(log.parameters["tool_choice"], choice);
    }
}
