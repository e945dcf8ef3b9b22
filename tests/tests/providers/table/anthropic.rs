//! `/v1/messages`, at Anthropic and on other clouds.

use serde_json::{Value, json};

use super::{
    ANSWER, IMAGE_DATA, INPUT_TOKENS, Image, OUTPUT_TOKENS, QUESTION, RESULT, Row, SYSTEM, THOUGHT, TOOL,
    schema,
};

pub(super) fn rows() -> Vec<Row> {
    vec![anthropic(), on_bedrock(), on_vertex()]
}

fn anthropic() -> Row {
    messages("Anthropic", "anthropic", "claude-sonnet-4-5", "msg_1")
}

/// Bedrock has the model in the URL, its own version in the request, and metrics in the last event.
fn on_bedrock() -> Row {
    let model = "anthropic.claude-sonnet-4-5-20250929-v1:0";
    let mut row = messages("Anthropic on Bedrock", "amazon.bedrock", model, "msg_bdrk_1");
    row.request["anthropic_version"] = json!("bedrock-2023-05-31");
    row.request.as_object_mut().unwrap().remove("model");
    row.argument = Some(model);
    row.events.last_mut().unwrap()["amazon-bedrock-invocationMetrics"] =
        json!({ "inputTokenCount": INPUT_TOKENS });
    row
}

/// Vertex has the model in the URL and its own version in the request, but no metrics.
fn on_vertex() -> Row {
    let model = "claude-sonnet-4-5@20250929";
    let mut row = messages("Anthropic on Vertex", "vertexai", model, "msg_vrtx_1");
    row.request["anthropic_version"] = json!("vertex-2023-10-16");
    row.request.as_object_mut().unwrap().remove("model");
    row.argument = Some(model);
    row
}

fn messages(name: &'static str, provider: &'static str, model: &'static str, id: &str) -> Row {
    let message = |content: Value, stop: Value, output: u64| {
        json!({ "id": id, "type": "message", "role": "assistant", "model": "claude-sonnet-4-5-20250929",
            "content": content, "stop_reason": stop, "stop_sequence": null,
            "usage": { "input_tokens": INPUT_TOKENS, "output_tokens": output } })
    };
    let content = json!([
        { "type": "thinking", "thinking": THOUGHT, "signature": "c2ln" },
        { "type": "text", "text": ANSWER },
        { "type": "tool_use", "id": "call_2", "name": TOOL, "input": { "city": "Lyon" } },
    ]);
    Row {
        request: json!({
            "model": model,
            "max_tokens": 64,
            "temperature": 0.5,
            "system": [{ "type": "text", "text": SYSTEM }],
            "messages": [
                { "role": "user", "content": [
                    { "type": "text", "text": QUESTION },
                    { "type": "image", "source": { "type": "base64", "media_type": "image/png", "data": IMAGE_DATA } },
                ] },
                { "role": "assistant", "content": [
                    { "type": "tool_use", "id": "call_1", "name": TOOL, "input": { "city": "Paris" } },
                ] },
                { "role": "user", "content": [
                    { "type": "tool_result", "tool_use_id": "call_1", "content": [{ "type": "text", "text": RESULT }] },
                ] },
            ],
            "tools": [{ "name": TOOL, "description": "Looks out", "input_schema": schema() }],
        }),
        reply: message(content, json!("tool_use"), OUTPUT_TOKENS),
        events: events(&message(json!([]), Value::Null, 1)),
        finish: Some("tool_calls"),
        tools: true,
        thinking: true,
        image: Some(Image::Shown(IMAGE_DATA)),
        ..Row::of(name, provider, "messages", model)
    }
}

fn events(message: &Value) -> Vec<Value> {
    let start = |index: u64, block: Value| json!({ "type": "content_block_start", "index": index, "content_block": block });
    let delta =
        |index: u64, delta: Value| json!({ "type": "content_block_delta", "index": index, "delta": delta });
    let stop = |index: u64| json!({ "type": "content_block_stop", "index": index });
    let (first, rest) = ANSWER.split_at(6);
    vec![
        json!({ "type": "message_start", "message": message }),
        start(0, json!({ "type": "thinking", "thinking": "", "signature": "" })),
        json!({ "type": "ping" }),
        delta(0, json!({ "type": "thinking_delta", "thinking": THOUGHT })),
        delta(0, json!({ "type": "signature_delta", "signature": "c2ln" })),
        stop(0),
        start(1, json!({ "type": "text", "text": "" })),
        delta(1, json!({ "type": "text_delta", "text": first })),
        delta(1, json!({ "type": "text_delta", "text": rest })),
        stop(1),
        start(2, json!({ "type": "tool_use", "id": "call_2", "name": TOOL, "input": {} })),
        delta(2, json!({ "type": "input_json_delta", "partial_json": "{\"city\"" })),
        delta(2, json!({ "type": "input_json_delta", "partial_json": ": \"Lyon\"}" })),
        stop(2),
        json!({ "type": "message_delta", "delta": { "stop_reason": "tool_use", "stop_sequence": null },
            "usage": { "output_tokens": OUTPUT_TOKENS } }),
        json!({ "type": "message_stop" }),
    ]
}
