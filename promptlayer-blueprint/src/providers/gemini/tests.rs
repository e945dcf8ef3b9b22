//! Requests of `generateContent` for a prompt.

use serde_json::{Value, json};

use crate::providers::to_request::tests::{round_trip, written};

fn text(text: &str) -> Value {
    json!({"type": "text", "text": text})
}

fn call(id: &str, name: &str, arguments: &str) -> Value {
    json!({"id": id, "type": "function", "function": {"name": name, "arguments": arguments}})
}

#[test]
fn messages_of_each_role_are_written() {
    let prompt = json!({"type": "chat", "messages": [
        {"role": "system", "content": [text("be brief")]},
        {"role": "user", "content": [text("add")]},
        {"role": "assistant", "content": [
            {"type": "thinking", "thinking": "hm", "signature": "s"},
        ], "tool_calls": [call("add-0", "add", r#"{"x":1}"#), call("add-1", "add", "{}")]},
        {"role": "tool", "tool_call_id": "add-0", "name": "add", "content": [text("{\n  \"sum\": 2\n}")]},
        {"role": "tool", "tool_call_id": "add-1", "name": "add", "content": [text("0")]},
        {"role": "user", "content": [text("why?")]},
    ]});
    let body = round_trip(&prompt, "google", &json!({"generationConfig": {"temperature": 0.5}}));
    let expected = json!({
        "model": "a-model", "generationConfig": {"temperature": 0.5},
        "systemInstruction": {"parts": [{"text": "be brief"}]},
        "contents": [
            {"role": "user", "parts": [{"text": "add"}]},
            {"role": "model", "parts": [
                {"text": "hm", "thought": true},
                {"functionCall": {"name": "add", "args": {"x": 1}}, "thoughtSignature": "s"},
                {"functionCall": {"name": "add", "args": {}}},
            ]},
            {"role": "user", "parts": [
                {"functionResponse": {"name": "add", "response": {"sum": 2}}},
                {"functionResponse": {"name": "add", "response": {"output": "0"}}},
            ]},
            {"role": "user", "parts": [{"text": "why?"}]},
        ],
    });
    assert_eq!(body, expected);
}

#[test]
fn ids_are_written_unless_they_are_generated() {
    let prompt = json!({"type": "chat", "messages": [
        {"role": "user", "content": [text("add")]},
        {"role": "assistant", "content": [], "tool_calls": [call("a", "add", "{}"), call("b", "add", "{}")]},
        {"role": "tool", "tool_call_id": "b", "name": "add", "content": [text("1")]},
        {"role": "tool", "tool_call_id": "a", "name": "add", "content": [text("2")]},
    ]});
    let body = round_trip(&prompt, "google", &json!({}));
    assert_eq!(body["contents"][1]["parts"][0]["functionCall"]["id"], "a");
    assert_eq!(body["contents"][2]["parts"][0]["functionResponse"]["id"], "b");
}

#[test]
fn blocks_of_each_kind_are_written() {
    round_trip(
        &json!({"type": "chat", "messages": [
            {"role": "user", "content": [
                text("look"),
                {"type": "image_url", "image_url": {"url": "data:image/png;base64,aGk="}},
                {"type": "image_url", "image_url": {"url": "https://a/b.webp?c=d.e"}},
                {"type": "media", "media": {"title": "a.pdf", "type": "application/pdf", "url": "aGk=", "format": "base64"}},
                {"type": "media", "media": {"type": "video/mp4", "url": "gs://a/b.mp4", "format": "url"}},
                {"type": "media", "media": {"type": "application/octet-stream", "url": "https://youtu.be/x", "format": "url"}},
            ]},
            {"role": "assistant", "content": [
                {"type": "thinking", "thinking": "", "signature": "s1"},
                {"type": "thinking", "thinking": "hm", "signature": "s2"},
                {"type": "text", "text": "So.", "thought_signature": "s3"},
                {"type": "code", "code": "print(1)", "id": "c"},
                {"type": "code_execution_result", "output": "1", "outcome": "OUTCOME_OK"},
                {"type": "server_tool_use", "id": "t", "name": "GOOGLE_SEARCH_WEB", "input": {"queries": ["why"]}},
                {"type": "output_media", "url": "data:image/png;base64,aGk=", "mime_type": "image/png", "media_type": "image",
                 "provider_metadata": {"thoughtSignature": "s4"}},
                {"type": "output_media", "url": "gs://a/b.mp4", "mime_type": "video/mp4", "media_type": "video"},
                {"type": "thinking", "thinking": "", "signature": "s5"},
                {"type": "thinking", "thinking": "", "signature": "s6"},
            ], "tool_calls": [call("chart-0", "chart", "{}"), call("chart-1", "chart", "{}")]},
            {"role": "tool", "tool_call_id": "chart-0", "name": "chart", "content": [
                text("a chart"),
                {"type": "image_url", "image_url": {"url": "data:image/png;base64,aGk="}},
            ]},
            {"role": "tool", "tool_call_id": "chart-1", "name": "chart", "content": [
                {"type": "image_url", "image_url": {"url": "data:image/png;base64,aGk="}},
            ]},
        ]}),
        "google",
        &json!({}),
    );
}

#[test]
fn signatures_of_calls_are_written_to_the_calls() {
    let prompt = json!({"type": "chat", "messages": [
        {"role": "user", "content": [text("add")]},
        {"role": "assistant", "content": [
            {"type": "thinking", "thinking": "", "signature": "s1"},
            {"type": "thinking", "thinking": "", "signature": "s2"},
        ], "tool_calls": [call("add-0", "add", "{}"), call("add-1", "add", "{}"), call("add-2", "add", "{}")]},
    ]});
    let body = round_trip(&prompt, "vertexai", &json!({}));
    let parts = body["contents"][1]["parts"].as_array().unwrap();
    let signatures: Vec<Option<&str>> = parts.iter().map(|part| part["thoughtSignature"].as_str()).collect();
    assert_eq!(signatures, [Some("s1"), Some("s2"), None]);
}

#[test]
fn tools_and_choice_are_written() {
    let tool = |name: &str, parameters: Value| json!({"type": "function", "function": {"name": name, "description": "adds", "parameters": parameters}});
    let search = json!({
        "id": "googleSearch", "name": "googleSearch", "description": "", "provider": "google", "type": "web_search",
        "config": {},
    });
    let plain = json!({"type": "object", "properties": {"title": {"type": "string", "enum": ["a"]}}, "required": ["title"]});
    let strict =
        json!({"type": "object", "properties": {"x": {"type": "string"}}, "additionalProperties": false});
    let prompt = json!({
        "type": "chat", "messages": [{"role": "user", "content": [text("add")]}],
        "tools": [search, tool("add", plain.clone()), tool("sub", strict.clone()), tool("now", plain.clone())],
        "tool_choice": {"type": "function", "function": {"name": "add"}},
    });
    let now =
        json!({"name": "now", "description": "adds", "parameters": plain, "response": {"type": "STRING"}});
    let rest = json!([{"functionDeclarations": [now]}, {"computerUse": {}}]);
    let body = round_trip(&prompt, "google", &json!({"tools": rest}));
    let tools = json!([
        {"googleSearch": {}},
        {"functionDeclarations": [
            {"name": "add", "description": "adds", "parameters": plain},
            {"name": "sub", "description": "adds", "parametersJsonSchema": strict},
            now,
        ]},
        {"computerUse": {}},
    ]);
    assert_eq!(body["tools"], tools);
    let one = json!({"functionCallingConfig": {"mode": "ANY", "allowedFunctionNames": ["add"]}});
    assert_eq!(body["toolConfig"], one);

    let mut prompt = prompt;
    for (choice, mode) in [("auto", "AUTO"), ("none", "NONE"), ("required", "ANY")] {
        prompt["tool_choice"] = choice.into();
        assert_eq!(
            round_trip(&prompt, "google", &json!({}))["toolConfig"]["functionCallingConfig"]["mode"],
            mode
        );
    }
    let two = json!({"functionCallingConfig": {"mode": "ANY", "allowedFunctionNames": ["add", "sub"]}});
    assert_eq!(round_trip(&prompt, "google", &json!({"toolConfig": two}))["toolConfig"], two);
}

#[test]
fn what_gemini_cannot_express_is_reported() {
    let (body, omissions) = written(
        &json!({
            "type": "chat",
            "messages": [
                {"role": "developer", "content": [text("be brief")]},
                {"role": "user", "content": [
                    {"type": "image_url", "image_url": {"url": "https://a/b.png", "detail": "low"}},
                    {"type": "media", "media": {"type": "application/pdf", "url": "file-1", "format": "neither"}},
                    {"type": "hologram"}, text(""),
                ]},
                {"role": "system", "content": [text("be kind")]},
                {"role": "assistant", "content": [
                    {"type": "text", "text": "So.", "annotations": [
                        {"type": "url_citation", "title": "a", "url": "https://a", "start_index": 0, "end_index": 1},
                    ]},
                    {"type": "mcp_call", "name": "add"},
                ], "tool_calls": [call("a", "add", "[1]")]},
                {"role": "tool", "tool_call_id": "a", "content": [text("a"), text("b")]},
                {"role": "placeholder", "name": "history"},
            ],
            "tools": [
                {"type": "function", "function": {"name": "add", "strict": true}},
                {"id": "w", "name": "w", "description": "", "provider": "openai", "type": "web_search", "config": {}},
            ],
            "tool_choice": "validated",
        }),
        "google",
        &json!({}),
    );
    assert_eq!(body["systemInstruction"], json!({"parts": [{"text": "be brief"}, {"text": "be kind"}]}));
    assert_eq!(body["contents"][2]["parts"][0]["functionResponse"]["response"], json!({"output": "ab"}));
    assert_eq!(body["contents"][2]["parts"][0]["functionResponse"]["name"], "add");
    assert_eq!(
        omissions,
        [
            "messages[0].role",
            "messages[1].content[0]",
            "messages[1].content[1]",
            "messages[1].content[2]",
            "messages[1].content[3]",
            "messages[2]",
            "messages[3].tool_calls[0].function.arguments",
            "messages[3].content[0]",
            "messages[3].content[1]",
            "messages[4].content",
            "messages[5]",
            "tools[0].function.strict",
            "tools[1]",
            "tool_choice",
        ]
    );
}

#[test]
fn completion_becomes_message_of_user() {
    let (body, omissions) =
        written(&json!({"type": "completion", "content": [text("why?")]}), "google", &json!({}));
    assert_eq!(body["contents"], json!([{"role": "user", "parts": [{"text": "why?"}]}]));
    assert!(omissions.is_empty());
}
