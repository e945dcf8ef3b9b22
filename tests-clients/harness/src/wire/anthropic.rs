//! Anthropic's messages.

use serde_json::{Value, json};

use crate::{
    ANSWER, ARGUMENTS, Answer, CALL_ID, Case, Expected, INPUT_TOKENS, OUTPUT_TOKENS, PARTS, Scripted, TOOL,
    Wire,
};

const API: &str = "messages";

/// Returns the API with a model.
pub fn wire(model: &str) -> Wire {
    let provider = "anthropic";
    let arguments: Value = serde_json::from_str(ARGUMENTS).expect("the arguments are JSON");
    let text = json!({"type": "text", "text": ANSWER});
    let call = json!({"type": "tool_use", "id": CALL_ID, "name": TOOL, "input": arguments});
    Wire::default()
        .case(
            Case::Reply,
            Scripted::new(
                Answer::json(&message(model, &text, "end_turn")),
                Expected::reply(provider, model, API),
            ),
        )
        .case(
            Case::Stream,
            Scripted::new(Answer::named_events(&events(model)), Expected::stream(provider, model, API)),
        )
        .case(
            Case::Tools,
            Scripted::new(
                Answer::json(&message(model, &call, "tool_use")),
                Expected::tools(provider, model, API),
            ),
        )
        .errors((provider, model, API), |status, message| {
            let kind = match status {
                401 => "authentication_error",
                429 => "rate_limit_error",
                _ => "api_error",
            };
            let error = json!({"type": kind, "message": message});
            let body = json!({"type": "error", "error": error, "request_id": "req_011C"});
            Answer::error(status, &body)
        })
}

fn message(model: &str, block: &Value, stop: &str) -> Value {
    json!({
        "id": "msg_01Kp",
        "type": "message",
        "role": "assistant",
        "model": model,
        "content": [block],
        "stop_reason": stop,
        "stop_sequence": null,
        "usage": usage(OUTPUT_TOKENS),
    })
}

fn usage(output: u64) -> Value {
    json!({
        "input_tokens": INPUT_TOKENS,
        "cache_creation_input_tokens": 0,
        "cache_read_input_tokens": 0,
        "output_tokens": output,
        "service_tier": "standard",
    })
}

fn events(model: &str) -> Vec<Value> {
    let start = json!({
        "id": "msg_01Kq",
        "type": "message",
        "role": "assistant",
        "model": model,
        "content": [],
        "stop_reason": null,
        "stop_sequence": null,
        "usage": usage(1),
    });
    let block = json!({"type": "text", "text": ""});
    let mut events = vec![
        json!({"type": "message_start", "message": start}),
        json!({"type": "content_block_start", "index": 0, "content_block": block}),
        json!({"type": "ping"}),
    ];
    events.extend(PARTS.map(|part| {
        let delta = json!({"type": "text_delta", "text": part});
        json!({"type": "content_block_delta", "index": 0, "delta": delta})
    }));
    events.extend([
        json!({"type": "content_block_stop", "index": 0}),
        json!({
            "type": "message_delta",
            "delta": {"stop_reason": "end_turn", "stop_sequence": null},
            "usage": {"output_tokens": OUTPUT_TOKENS},
        }),
        json!({"type": "message_stop"}),
    ]);
    events
}
