//! Requests of `chat` for a prompt.

use serde_json::{Value, json};

use crate::providers::to_request::tests::{round_trip, written};

fn text(text: &str) -> Value {
    json!({"type": "text", "text": text})
}

#[test]
fn messages_of_each_role_are_written() {
    let function = json!({"type": "function", "function": {"name": "add", "parameters": {"type": "object"}}});
    let call = |id: &str| json!({"id": id, "type": "function", "function": {"name": "add", "arguments": r#"{"x":1}"#}});
    let prompt = |id: &str| {
        json!({
            "type": "chat", "tools": [function],
            "messages": [
                {"role": "system", "content": [text("be brief")]},
                {"role": "user", "content": [
                    text("look"), {"type": "image_url", "image_url": {"url": "data:image/png;base64,iVBORw0KGgo="}},
                ]},
                {"role": "assistant", "content": [{"type": "thinking", "thinking": "hm"}, text("So.")], "tool_calls": [call(id)]},
                {"role": "tool", "tool_call_id": id, "name": "add", "content": [text("2")]},
            ],
        })
    };
    let parameters = json!({"options": {"temperature": 0.5}, "stream": false});
    let body = round_trip(&prompt("add-0"), "ollama", &parameters);
    let expected = json!({
        "model": "a-model", "options": {"temperature": 0.5}, "stream": false, "tools": [function],
        "messages": [
            {"role": "system", "content": "be brief"},
            {"role": "user", "content": "look", "images": ["iVBORw0KGgo="]},
            {"role": "assistant", "content": "So.", "thinking": "hm", "tool_calls": [
                {"function": {"name": "add", "arguments": {"x": 1}}},
            ]},
            {"role": "tool", "content": "2", "tool_name": "add"},
        ],
    });
    assert_eq!(body, expected);
    let body = round_trip(&prompt("a"), "ollama", &parameters);
    assert_eq!(
        (&body["messages"][2]["tool_calls"][0]["id"], &body["messages"][3]["tool_call_id"]),
        (&json!("a"), &json!("a"))
    );
}

#[test]
fn what_ollama_cannot_express_is_reported() {
    let (body, omissions) = written(
        &json!({
            "type": "chat",
            "messages": [
                {"role": "user", "content": [
                    {"type": "image_url", "image_url": {"url": "https://a/b.png"}},
                    {"type": "image_url", "image_url": {"url": "data:image/png;base64,iVBOR", "detail": "low"}},
                    {"type": "media", "media": {"type": "application/pdf", "url": "aGk=", "format": "base64"}},
                ]},
                {"role": "assistant", "content": [{"type": "thinking", "thinking": "hm", "signature": "s"}]},
            ],
            "tools": [{"id": "w", "name": "w", "description": "", "provider": "openai", "type": "web_search", "config": {}}],
            "tool_choice": "required",
        }),
        "ollama",
        &json!({}),
    );
    let messages = json!([
        {"role": "user", "content": "", "images": ["iVBOR"]}, {"role": "assistant", "content": "", "thinking": "hm"},
    ]);
    assert_eq!(body, json!({"model": "a-model", "messages": messages}));
    let expected = [
        "messages[0].content[0]",
        "messages[0].content[1]",
        "messages[0].content[2]",
        "messages[1].content[0]",
        "tools[0]",
        "tool_choice",
    ];
    assert_eq!(omissions, expected);
}
