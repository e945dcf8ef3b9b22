//! Ollama, Bedrock, Cohere, and exchanges of no known provider.

use serde_json::{Value, json};

use super::{
    ANSWER, CALL, IMAGE_DATA, IMAGE_URL, INPUT_TOKENS, Image, OUTPUT_TOKENS, QUESTION, RESULT, Row, SYSTEM,
    THOUGHT, TOOL, schema,
};
use crate::said::Said;

pub(super) fn rows() -> Vec<Row> {
    vec![
        ollama_chat(),
        ollama_generate(),
        bedrock(),
        bedrock_invoke(),
        bedrock_embeddings(),
        cohere(),
        plain_text(),
        unknown_json(),
    ]
}

/// Returns a tool in the format of `OpenAI`, Ollama and Cohere.
fn function() -> Value {
    json!([{ "type": "function", "function": { "name": TOOL, "description": "Looks out", "parameters": schema() } }])
}

/// Adds the fields of Ollama's last event.
fn done(mut event: Value) -> Value {
    let end = json!({ "done": true, "done_reason": "stop", "total_duration": 9, "load_duration": 1,
        "prompt_eval_count": INPUT_TOKENS, "prompt_eval_duration": 2,
        "eval_count": OUTPUT_TOKENS, "eval_duration": 5 });
    event.as_object_mut().unwrap().extend(end.as_object().unwrap().clone());
    event
}

fn ollama_chat() -> Row {
    let call = |city: &str| json!([{ "function": { "name": TOOL, "arguments": { "city": city } } }]);
    let event = |message: Value| json!({ "model": "qwen3:4b", "created_at": "2026-01-01T00:00:00Z", "message": message, "done": false });
    let (start, end) = ANSWER.split_at(6);
    Row {
        request: json!({
            "model": "qwen3:4b",
            "messages": [
                { "role": "system", "content": SYSTEM },
                { "role": "user", "content": QUESTION, "images": [IMAGE_DATA] },
                { "role": "assistant", "content": "", "tool_calls": call("Paris") },
                { "role": "tool", "tool_name": TOOL, "content": RESULT },
            ],
            "tools": function(),
            "think": true,
            "options": { "temperature": 0.5 },
        }),
        parameter: Some(("options", json!({ "temperature": 0.5 }))),
        reply: done(event(
            json!({ "role": "assistant", "content": ANSWER, "thinking": THOUGHT, "tool_calls": call("Lyon") }),
        )),
        events: vec![
            event(json!({ "role": "assistant", "content": "", "thinking": THOUGHT })),
            event(json!({ "role": "assistant", "content": start })),
            event(json!({ "role": "assistant", "content": end })),
            event(json!({ "role": "assistant", "content": "", "tool_calls": call("Lyon") })),
            done(event(json!({ "role": "assistant", "content": "" }))),
        ],
        finish: Some("tool_calls"),
        tools: true,
        thinking: true,
        image: Some(Image::Shown(IMAGE_DATA)),
        ..Row::of("Ollama chat", "ollama", "chat", "qwen3:4b")
    }
}

fn ollama_generate() -> Row {
    let event = |response: &str, thinking: &str| {
        let mut event = json!({ "model": "qwen3:4b", "created_at": "2026-01-01T00:00:00Z", "response": response, "done": false });
        if !thinking.is_empty() {
            event["thinking"] = json!(thinking);
        }
        event
    };
    let (start, end) = ANSWER.split_at(6);
    Row {
        request: json!({ "model": "qwen3:4b", "system": SYSTEM, "prompt": QUESTION, "images": [IMAGE_DATA],
            "options": { "temperature": 0.5 } }),
        parameter: Some(("options", json!({ "temperature": 0.5 }))),
        reply: done(event(ANSWER, THOUGHT)),
        events: vec![event("", THOUGHT), event(start, ""), event(end, ""), done(event("", ""))],
        thinking: true,
        image: Some(Image::Shown(IMAGE_DATA)),
        ..Row::of("Ollama generate", "ollama", "generate", "qwen3:4b")
    }
}

fn bedrock() -> Row {
    let model = "amazon.nova-lite-v1:0";
    let call = |id: &str, city: &str| json!({ "toolUse": { "toolUseId": id, "name": TOOL, "input": { "city": city } } });
    let delta = |index: u64, delta: Value| json!({ "contentBlockDelta": { "contentBlockIndex": index, "delta": delta } });
    let stop = |index: u64| json!({ "contentBlockStop": { "contentBlockIndex": index } });
    let end = json!({ "usage": { "inputTokens": INPUT_TOKENS, "outputTokens": OUTPUT_TOKENS,
        "totalTokens": INPUT_TOKENS + OUTPUT_TOKENS }, "metrics": { "latencyMs": 9 } });
    let (start, rest) = ANSWER.split_at(6);
    let thought =
        json!({ "reasoningContent": { "reasoningText": { "text": THOUGHT, "signature": "c2ln" } } });
    let mut reply = end.clone();
    reply["stopReason"] = json!("tool_use");
    reply["output"] = json!({ "message": { "role": "assistant", "content": [thought, { "text": ANSWER }, call("call_2", "Lyon")] } });
    Row {
        argument: Some(model),
        request: json!({
            "system": [{ "text": SYSTEM }],
            "messages": [
                { "role": "user", "content": [
                    { "text": QUESTION },
                    { "image": { "format": "png", "source": { "bytes": IMAGE_DATA } } },
                ] },
                { "role": "assistant", "content": [call(CALL, "Paris")] },
                { "role": "user", "content": [
                    { "toolResult": { "toolUseId": CALL, "content": [{ "text": RESULT }], "status": "success" } },
                ] },
            ],
            "inferenceConfig": { "temperature": 0.5 },
            "toolConfig": { "tools": [{ "toolSpec": { "name": TOOL, "description": "Looks out",
                "inputSchema": { "json": schema() } } }] },
        }),
        parameter: Some(("inferenceConfig", json!({ "temperature": 0.5 }))),
        reply,
        events: vec![
            json!({ "messageStart": { "role": "assistant" } }),
            delta(0, json!({ "reasoningContent": { "text": THOUGHT } })),
            delta(0, json!({ "reasoningContent": { "signature": "c2ln" } })),
            stop(0),
            delta(1, json!({ "text": start })),
            delta(1, json!({ "text": rest })),
            stop(1),
            json!({ "contentBlockStart": { "contentBlockIndex": 2, "start": { "toolUse": { "toolUseId": "call_2", "name": TOOL } } } }),
            delta(2, json!({ "toolUse": { "input": "{\"city\"" } })),
            delta(2, json!({ "toolUse": { "input": ":\"Lyon\"}" } })),
            stop(2),
            json!({ "messageStop": { "stopReason": "tool_use" } }),
            json!({ "metadata": end }),
        ],
        finish: Some("tool_calls"),
        tools: true,
        thinking: true,
        image: Some(Image::Shown(IMAGE_DATA)),
        ..Row::of("Bedrock converse", "amazon.bedrock", "converse", model)
    }
}

/// The body of a Llama model. Those of other models have other names for the same fields.
fn bedrock_invoke() -> Row {
    let model = "meta.llama3-70b-instruct-v1:0";
    let event = |text: &str, input: Value, output: u64, stop: Value| {
        json!({ "generation": text, "prompt_token_count": input, "generation_token_count": output,
            "stop_reason": stop })
    };
    let (start, end) = ANSWER.split_at(6);
    let mut last = event("", Value::Null, OUTPUT_TOKENS, json!("stop"));
    last["amazon-bedrock-invocationMetrics"] =
        json!({ "inputTokenCount": INPUT_TOKENS, "outputTokenCount": OUTPUT_TOKENS });
    Row {
        argument: Some(model),
        request: json!({ "prompt": QUESTION, "max_gen_len": 64, "temperature": 0.5 }),
        // A completion has no roles. Its prompt and its output are one text.
        asked: vec![Said::text("assistant", QUESTION)],
        reply: event(ANSWER, json!(INPUT_TOKENS), OUTPUT_TOKENS, json!("stop")),
        events: vec![
            event(start, json!(INPUT_TOKENS), 1, Value::Null),
            event(end, Value::Null, 2, Value::Null),
            last,
        ],
        ..Row::of("Bedrock invoke", "amazon.bedrock", "invoke", model)
    }
}

fn bedrock_embeddings() -> Row {
    let model = "amazon.titan-embed-image-v1";
    let config = json!({ "outputEmbeddingLength": 3 });
    Row {
        argument: Some(model),
        request: json!({ "inputText": QUESTION, "inputImage": IMAGE_DATA, "embeddingConfig": config }),
        asked: vec![Said::text("user", QUESTION)],
        parameter: Some(("embeddingConfig", config)),
        reply: json!({ "embedding": [0.5, -0.25, 0.125], "inputTextTokenCount": INPUT_TOKENS }),
        answer: "1 embedding of 3 dimensions",
        finish: None,
        image: Some(Image::Shown(IMAGE_DATA)),
        usage: Some((Some(INPUT_TOKENS), None)),
        ..Row::of("Bedrock embeddings", "amazon.bedrock", "embeddings", model)
    }
}

fn cohere() -> Row {
    let call = |id: &str, city: &str| {
        json!({ "id": id, "type": "function",
            "function": { "name": TOOL, "arguments": json!({ "city": city }).to_string() } })
    };
    let usage = json!({ "billed_units": { "input_tokens": 5, "output_tokens": 3 },
        "tokens": { "input_tokens": INPUT_TOKENS, "output_tokens": OUTPUT_TOKENS } });
    let event = |kind: &str, index: u64, message: Value| json!({ "type": kind, "index": index, "delta": { "message": message } });
    let (start, end) = ANSWER.split_at(6);
    Row {
        request: json!({
            "model": "command-a-reasoning-08-2025",
            "messages": [
                { "role": "system", "content": SYSTEM },
                { "role": "user", "content": [
                    { "type": "text", "text": QUESTION },
                    { "type": "image_url", "image_url": { "url": IMAGE_URL } },
                ] },
                { "role": "assistant", "tool_calls": [call(CALL, "Paris")] },
                { "role": "tool", "tool_call_id": CALL, "content": [{ "type": "text", "text": RESULT }] },
            ],
            "tools": function(),
            "documents": [],
            "temperature": 0.5,
        }),
        reply: json!({
            "id": "5f1d2c9e-0000-4000-8000-000000000001",
            "finish_reason": "TOOL_CALL",
            "message": {
                "role": "assistant",
                "content": [{ "type": "thinking", "thinking": THOUGHT }, { "type": "text", "text": ANSWER }],
                "tool_calls": [call("call_2", "Lyon")],
            },
            "usage": usage,
        }),
        events: vec![
            json!({ "type": "message-start", "id": "5f1d2c9e-0000-4000-8000-000000000001",
                "delta": { "message": { "role": "assistant", "content": [], "tool_plan": "", "tool_calls": [], "citations": [] } } }),
            event("content-start", 0, json!({ "content": { "type": "thinking", "thinking": "" } })),
            event("content-delta", 0, json!({ "content": { "thinking": THOUGHT } })),
            json!({ "type": "content-end", "index": 0 }),
            event("content-start", 1, json!({ "content": { "type": "text", "text": "" } })),
            event("content-delta", 1, json!({ "content": { "text": start } })),
            event("content-delta", 1, json!({ "content": { "text": end } })),
            json!({ "type": "content-end", "index": 1 }),
            event(
                "tool-call-start",
                0,
                json!({ "tool_calls": { "id": "call_2", "type": "function",
                "function": { "name": TOOL, "arguments": "" } } }),
            ),
            event(
                "tool-call-delta",
                0,
                json!({ "tool_calls": { "function": { "arguments": "{\"city\":" } } }),
            ),
            event(
                "tool-call-delta",
                0,
                json!({ "tool_calls": { "function": { "arguments": "\"Lyon\"}" } } }),
            ),
            json!({ "type": "tool-call-end", "index": 0 }),
            json!({ "type": "message-end", "delta": { "finish_reason": "TOOL_CALL", "usage": usage } }),
        ],
        finish: Some("tool_calls"),
        tools: true,
        thinking: true,
        image: Some(Image::Shown(IMAGE_URL)),
        ..Row::of("Cohere", "cohere", "chat", "command-a-reasoning-08-2025")
    }
}

fn plain_text() -> Row {
    let (start, end) = ANSWER.split_at(6);
    Row {
        api_type: None,
        request: json!(QUESTION),
        asked: vec![Said::text("user", QUESTION)],
        parameter: None,
        reply: json!(ANSWER),
        events: vec![json!(start), json!(end)],
        finish: None,
        usage: None,
        ..Row::of("plain text", "custom", "", "unknown")
    }
}

/// Unknown JSON is kept whole and formatted for reading.
fn unknown_json() -> Row {
    let (asked, answered) = ("{\n  \"city\": \"Paris\"\n}", "[\n  {\n    \"sky\": \"blue\"\n  }\n]");
    Row {
        api_type: None,
        request: json!({ "city": "Paris" }),
        asked: vec![Said::text("user", asked)],
        parameter: None,
        reply: json!([{ "sky": "blue" }]),
        answer: answered,
        events: vec![json!({ "sky": "blue" })],
        finish: None,
        usage: None,
        ..Row::of("unknown JSON", "custom", "", "unknown")
    }
}
