//! `OpenAI`'s responses.

use serde_json::{Value, json};

use crate::wire::openai_chat;
use crate::{
    ANSWER, ARGUMENTS, Answer, CALL_ID, Case, Expected, INPUT_TOKENS, OUTPUT_TOKENS, PARTS, Scripted, TOOL,
    Wire,
};

const API: &str = "responses";

/// Returns the API with the model of a provider.
pub fn wire(provider: &str, model: &str) -> Wire {
    let call = json!({
        "id": "fc_51",
        "type": "function_call",
        "status": "completed",
        "call_id": CALL_ID,
        "name": TOOL,
        "arguments": ARGUMENTS,
    });
    let reply = response(model, "completed", &json!([message("completed", &json!([text(ANSWER)]))]));
    let calls = response(model, "completed", &json!([call]));
    Wire::default()
        .case(Case::Reply, Scripted::new(Answer::json(&reply), Expected::reply(provider, model, API)))
        .case(
            Case::Stream,
            Scripted::new(
                Answer::named_events(&events(model, &reply)),
                Expected::stream(provider, model, API),
            ),
        )
        .case(Case::Tools, Scripted::new(Answer::json(&calls), Expected::tools(provider, model, API)))
        .errors((provider, model, API), openai_chat::error)
}

fn text(text: &str) -> Value {
    json!({"type": "output_text", "text": text, "annotations": [], "logprobs": []})
}

fn message(status: &str, content: &Value) -> Value {
    json!({"id": "msg_51", "type": "message", "role": "assistant", "status": status, "content": content})
}

fn response(model: &str, status: &str, output: &Value) -> Value {
    let usage = json!({
        "input_tokens": INPUT_TOKENS,
        "input_tokens_details": {"cached_tokens": 0, "cache_write_tokens": 0},
        "output_tokens": OUTPUT_TOKENS,
        "output_tokens_details": {"reasoning_tokens": 0},
        "total_tokens": INPUT_TOKENS + OUTPUT_TOKENS,
    });
    json!({
        "id": "resp_51",
        "object": "response",
        "created_at": 1_767_225_600,
        "status": status,
        "background": false,
        "error": null,
        "incomplete_details": null,
        "instructions": null,
        "max_output_tokens": null,
        "model": model,
        "output": output,
        "parallel_tool_calls": true,
        "previous_response_id": null,
        "reasoning": {"effort": null, "summary": null},
        "service_tier": "default",
        "store": true,
        "temperature": 1.0,
        "text": {"format": {"type": "text"}},
        "tool_choice": "auto",
        "tools": [],
        "top_p": 1.0,
        "truncation": "disabled",
        "usage": if status == "completed" { usage } else { Value::Null },
        "metadata": {},
    })
}

fn events(model: &str, complete: &Value) -> Vec<Value> {
    let created = response(model, "in_progress", &json!([]));
    let place = json!({"item_id": "msg_51", "output_index": 0, "content_index": 0});
    let mut events = vec![
        json!({"type": "response.created", "response": created}),
        json!({"type": "response.in_progress", "response": created}),
        json!({
            "type": "response.output_item.added",
            "output_index": 0,
            "item": message("in_progress", &json!([])),
        }),
        at(&place, json!({"type": "response.content_part.added", "part": text("")})),
    ];
    events.extend(PARTS.map(|part| {
        at(&place, json!({"type": "response.output_text.delta", "delta": part, "logprobs": []}))
    }));
    events.extend([
        at(&place, json!({"type": "response.output_text.done", "text": ANSWER, "logprobs": []})),
        at(&place, json!({"type": "response.content_part.done", "part": text(ANSWER)})),
        json!({"type": "response.output_item.done", "output_index": 0, "item": complete["output"][0]}),
        json!({"type": "response.completed", "response": complete}),
    ]);
    for (number, event) in events.iter_mut().enumerate() {
        event["sequence_number"] = number.into();
    }
    events
}

/// Adds the place of a part to its event.
fn at(place: &Value, mut event: Value) -> Value {
    for (name, value) in place.as_object().expect("a place is an object") {
        event[name] = value.clone();
    }
    event
}
