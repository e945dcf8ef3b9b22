//! The other `OpenAI` wire formats.

use serde_json::{Value, json};

use super::{
    ANSWER, CALL, IMAGE_DATA, IMAGE_URL, INPUT_TOKENS, Image, OUTPUT_TOKENS, QUESTION, RESULT, Row, SYSTEM,
    THOUGHT, TOOL, schema,
};
use crate::said::Said;

pub(super) fn rows() -> Vec<Row> {
    vec![responses(), completions(), embeddings(), images()]
}

fn usage() -> Value {
    json!({ "input_tokens": INPUT_TOKENS, "output_tokens": OUTPUT_TOKENS, "total_tokens": INPUT_TOKENS + OUTPUT_TOKENS })
}

fn responses() -> Row {
    let arguments = |city: &str| json!({ "city": city }).to_string();
    let output = vec![
        json!({ "type": "reasoning", "id": "rs_1", "summary": [{ "type": "summary_text", "text": THOUGHT }] }),
        json!({ "type": "message", "id": "msg_1", "role": "assistant", "status": "completed",
            "content": [{ "type": "output_text", "text": ANSWER, "annotations": [] }] }),
        json!({ "type": "function_call", "id": "fc_1", "call_id": "call_2", "name": TOOL,
            "arguments": arguments("Lyon"), "status": "completed" }),
    ];
    let reply = |status: &str, output: &[Value], usage: Value| {
        json!({ "id": "resp_1", "object": "response", "created_at": 1, "status": status, "model": "o4-mini",
            "output": output, "usage": usage, "error": null, "incomplete_details": null })
    };
    let mut events =
        vec![json!({ "type": "response.created", "response": reply("in_progress", &[], Value::Null) })];
    let (start, end) = ANSWER.split_at(6);
    for delta in [start, end] {
        events.push(json!({ "type": "response.output_text.delta", "item_id": "msg_1", "output_index": 1,
            "content_index": 0, "delta": delta }));
    }
    for (index, item) in output.iter().enumerate() {
        events.push(json!({ "type": "response.output_item.done", "output_index": index, "item": item }));
    }
    events.push(json!({ "type": "response.completed", "response": reply("completed", &output, usage()) }));
    Row {
        request: json!({
            "model": "o4-mini",
            "instructions": SYSTEM,
            "input": [
                { "role": "user", "content": [
                    { "type": "input_text", "text": QUESTION },
                    { "type": "input_image", "image_url": IMAGE_URL },
                ] },
                { "type": "function_call", "call_id": CALL, "name": TOOL, "arguments": arguments("Paris") },
                { "type": "function_call_output", "call_id": CALL, "output": RESULT },
            ],
            "tools": [{ "type": "function", "name": TOOL, "description": "Looks out", "parameters": schema() }],
            "temperature": 0.5,
        }),
        reply: reply("completed", &output, usage()),
        events,
        finish: Some("tool_calls"),
        tools: true,
        thinking: true,
        image: Some(Image::Shown(IMAGE_URL)),
        ..Row::of("OpenAI responses", "openai", "responses", "o4-mini")
    }
}

fn completions() -> Row {
    let model = "gpt-3.5-turbo-instruct";
    let (start, end) = ANSWER.split_at(6);
    let part = |text: &str, finish: Value| {
        json!({ "id": "cmpl-1", "object": "text_completion", "created": 1, "model": model,
            "choices": [{ "index": 0, "text": text, "finish_reason": finish, "logprobs": null }] })
    };
    let usage = json!({ "prompt_tokens": INPUT_TOKENS, "completion_tokens": OUTPUT_TOKENS,
        "total_tokens": INPUT_TOKENS + OUTPUT_TOKENS });
    let (mut reply, mut last) = (part(ANSWER, json!("stop")), part("", json!("stop")));
    reply["usage"] = usage.clone();
    last["usage"] = usage;
    Row {
        request: json!({ "model": model, "prompt": QUESTION, "temperature": 0.5 }),
        // A completion has no roles. Its prompt and its output are one text.
        asked: vec![Said::text("assistant", QUESTION)],
        reply,
        events: vec![part(start, Value::Null), part(end, Value::Null), last],
        ..Row::of("OpenAI completions", "openai", "completions", model)
    }
}

fn embeddings() -> Row {
    Row {
        request: json!({ "model": "text-embedding-3-small", "input": [QUESTION], "dimensions": 3 }),
        asked: vec![Said::text("user", QUESTION)],
        parameter: Some(("dimensions", json!(3))),
        reply: json!({
            "object": "list", "model": "text-embedding-3-small",
            "data": [{ "object": "embedding", "index": 0, "embedding": [0.5, -0.25, 0.125] }],
            "usage": { "prompt_tokens": INPUT_TOKENS, "total_tokens": INPUT_TOKENS },
        }),
        answer: "1 embedding of 3 dimensions",
        finish: None,
        usage: Some((Some(INPUT_TOKENS), None)),
        ..Row::of("OpenAI embeddings", "openai", "embeddings", "text-embedding-3-small")
    }
}

fn images() -> Row {
    Row {
        request: json!({ "model": "gpt-image-1", "prompt": QUESTION, "size": "1024x1024", "n": 1 }),
        asked: vec![Said::text("user", QUESTION)],
        parameter: Some(("size", json!("1024x1024"))),
        reply: json!({ "created": 1, "data": [{ "b64_json": IMAGE_DATA }], "output_format": "png", "usage": usage() }),
        answer: "",
        finish: None,
        image: Some(Image::Made),
        ..Row::of("OpenAI images", "openai", "images", "gpt-image-1")
    }
}
