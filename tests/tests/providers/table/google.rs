//! `:generateContent`, at the two Google endpoints.

use serde_json::{Value, json};

use super::{
    ANSWER, IMAGE_DATA, INPUT_TOKENS, Image, OUTPUT_TOKENS, QUESTION, RESULT, Row, SYSTEM, THOUGHT, TOOL,
    schema,
};

const MODEL: &str = "gemini-2.5-flash";

pub(super) fn rows() -> Vec<Row> {
    vec![generate_content("Gemini", "google"), on_vertex()]
}

/// Vertex reports which of its quotas served the request.
fn on_vertex() -> Row {
    let mut row = generate_content("Gemini on Vertex", "vertexai");
    for reply in [&mut row.reply].into_iter().chain(&mut row.events) {
        reply["usageMetadata"]["trafficType"] = json!("ON_DEMAND");
        reply["createTime"] = json!("2026-01-01T00:00:00.000000Z");
    }
    row
}

fn generate_content(name: &'static str, provider: &'static str) -> Row {
    let call = |city: &str| json!({ "functionCall": { "name": TOOL, "args": { "city": city } } });
    let reply = |parts: Value, finish: Value| {
        let mut candidate = json!({ "index": 0, "content": { "role": "model", "parts": parts } });
        if !finish.is_null() {
            candidate["finishReason"] = finish;
        }
        json!({ "candidates": [candidate], "modelVersion": MODEL, "responseId": "r1",
            "usageMetadata": { "promptTokenCount": INPUT_TOKENS, "candidatesTokenCount": OUTPUT_TOKENS - 2,
                "thoughtsTokenCount": 2, "totalTokenCount": INPUT_TOKENS + OUTPUT_TOKENS } })
    };
    let (start, end) = ANSWER.split_at(6);
    let thought = json!({ "text": THOUGHT, "thought": true });
    Row {
        argument: Some(MODEL),
        request: json!({
            "systemInstruction": { "parts": [{ "text": SYSTEM }] },
            "contents": [
                { "role": "user", "parts": [
                    { "text": QUESTION },
                    { "inlineData": { "mimeType": "image/png", "data": IMAGE_DATA } },
                ] },
                { "role": "model", "parts": [call("Paris")] },
                { "role": "user", "parts": [
                    { "functionResponse": { "name": TOOL, "response": { "result": RESULT } } },
                ] },
            ],
            "tools": [{ "functionDeclarations": [
                { "name": TOOL, "description": "Looks out", "parameters": schema() },
            ] }],
            "generationConfig": { "temperature": 0.5 },
        }),
        parameter: Some(("generationConfig", json!({ "temperature": 0.5 }))),
        reply: reply(json!([thought, { "text": ANSWER }, call("Lyon")]), json!("STOP")),
        events: vec![
            reply(json!([thought]), Value::Null),
            reply(json!([{ "text": start }]), Value::Null),
            reply(json!([{ "text": end }]), Value::Null),
            reply(json!([call("Lyon")]), json!("STOP")),
        ],
        tools: true,
        thinking: true,
        image: Some(Image::Shown(IMAGE_DATA)),
        ..Row::of(name, provider, "generate-content", MODEL)
    }
}
