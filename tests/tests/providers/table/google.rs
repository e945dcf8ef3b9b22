//! `:generateContent`, at the two Google endpoints, and Gemini's Interactions.

use serde_json::{Value, json};

use super::{
    ANSWER, CALL, IMAGE_DATA, INPUT_TOKENS, Image, OUTPUT_TOKENS, QUESTION, RESULT, Row, SYSTEM, THOUGHT,
    TOOL, schema,
};

const MODEL: &str = "gemini-2.5-flash";

pub(super) fn rows() -> Vec<Row> {
    vec![generate_content("Gemini", "google"), on_vertex(), interactions()]
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
        finish: Some("tool_calls"),
        tools: true,
        thinking: true,
        image: Some(Image::Shown(IMAGE_DATA)),
        ..Row::of(name, provider, "generate-content", MODEL)
    }
}

fn interactions() -> Row {
    let call = |id: &str, city: &str| json!({ "type": "function_call", "id": id, "name": TOOL, "arguments": { "city": city } });
    let usage = json!({ "total_input_tokens": INPUT_TOKENS, "total_output_tokens": OUTPUT_TOKENS - 2,
        "total_thought_tokens": 2, "total_tokens": INPUT_TOKENS + OUTPUT_TOKENS });
    let interaction =
        |status: &str| json!({ "id": "v1_1", "object": "interaction", "model": MODEL, "status": status });
    let mut reply = interaction("requires_action");
    reply["usage"] = usage.clone();
    let mut end = reply.clone();
    end.as_object_mut().unwrap().remove("model");
    let thought = json!([{ "type": "text", "text": THOUGHT }]);
    reply["steps"] = json!([
        { "type": "thought", "summary": thought },
        { "type": "model_output", "content": [{ "type": "text", "text": ANSWER }] },
        call("call_2", "Lyon"),
    ]);
    let start = |index: u64, step: Value| json!({ "event_type": "step.start", "index": index, "step": step });
    let delta =
        |index: u64, delta: Value| json!({ "event_type": "step.delta", "index": index, "delta": delta });
    let (begin, rest) = ANSWER.split_at(6);
    let mut last = call("call_2", "Lyon");
    let arguments = std::mem::replace(&mut last["arguments"], json!({})).to_string();
    Row {
        request: json!({
            "model": MODEL,
            "system_instruction": SYSTEM,
            "input": [
                { "type": "user_input", "content": [
                    { "type": "text", "text": QUESTION },
                    { "type": "image", "mime_type": "image/png", "data": IMAGE_DATA },
                ] },
                call(CALL, "Paris"),
                { "type": "function_result", "call_id": CALL, "name": TOOL, "result": RESULT },
            ],
            "tools": [{ "type": "function", "name": TOOL, "description": "Looks out", "parameters": schema() }],
            "generation_config": { "temperature": 0.5 },
        }),
        parameter: Some(("generation_config", json!({ "temperature": 0.5 }))),
        reply,
        events: vec![
            json!({ "event_type": "interaction.created", "interaction": interaction("in_progress") }),
            start(0, json!({ "type": "thought" })),
            delta(0, json!({ "type": "thought_summary", "content": { "type": "text", "text": THOUGHT } })),
            start(1, json!({ "type": "model_output" })),
            delta(1, json!({ "type": "text", "text": begin })),
            delta(1, json!({ "type": "text", "text": rest })),
            start(2, last),
            delta(2, json!({ "type": "arguments_delta", "arguments": arguments })),
            json!({ "event_type": "interaction.completed", "interaction": end }),
        ],
        finish: Some("tool_calls"),
        tools: true,
        thinking: true,
        image: Some(Image::Shown(IMAGE_DATA)),
        ..Row::of("Gemini Interactions", "google", "interactions", MODEL)
    }
}
