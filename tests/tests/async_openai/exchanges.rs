//! Requests and responses of the test server, limited to what the types of `async-openai` can represent.

use serde_json::{Value, json};

fn tools() -> Value {
    json!([{"type": "function", "function": {
        "name": "weather", "description": "of a city", "strict": true,
        "parameters": {"type": "object", "properties": {"city": {"type": "string"}}},
    }}])
}

pub(crate) fn chat_request() -> Value {
    json!({
        "model": "gpt-4o",
        "messages": [
            {"role": "system", "content": "Be brief."},
            {"role": "user", "content": [
                {"type": "text", "text": "What is the weather there?"},
                {"type": "image_url", "image_url": {"url": "https://example.org/map.png", "detail": "low"}},
            ]},
            {"role": "assistant", "tool_calls": [
                {"id": "call_0", "type": "function", "function": {"name": "place", "arguments": "{}"}},
            ]},
            {"role": "tool", "content": "Bern", "tool_call_id": "call_0"},
        ],
        "tools": tools(),
        "tool_choice": "auto",
        "temperature": 0.5,
        "max_completion_tokens": 64,
    })
}

pub(crate) fn chat_reply() -> Value {
    json!({
        "id": "chatcmpl-1", "object": "chat.completion", "created": 1_700_000_000, "model": "gpt-4o-2024-08-06",
        "choices": [{
            "index": 0, "finish_reason": "tool_calls", "logprobs": null,
            "message": {"role": "assistant", "content": "Let me look.", "refusal": null, "annotations": [],
                "tool_calls": [
                    {"id": "call_1", "type": "function",
                     "function": {"name": "weather", "arguments": "{\"city\":\"Bern\"}"}},
                ]},
        }],
        "usage": {"prompt_tokens": 31, "completion_tokens": 17, "total_tokens": 48,
            "prompt_tokens_details": {"cached_tokens": 8, "audio_tokens": 0},
            "completion_tokens_details": {"reasoning_tokens": 4, "audio_tokens": 0,
                "accepted_prediction_tokens": 0, "rejected_prediction_tokens": 0}},
        "service_tier": "default", "system_fingerprint": "fp_1",
    })
}

pub(crate) fn chat_chunks() -> Vec<Value> {
    let chunk = |delta: Value, reason: Value| {
        json!({
            "id": "chatcmpl-1", "object": "chat.completion.chunk", "created": 1_700_000_000,
            "model": "gpt-4o-2024-08-06", "service_tier": "default", "system_fingerprint": "fp_1",
            "choices": [{"index": 0, "delta": delta, "logprobs": null, "finish_reason": reason}], "usage": null,
        })
    };
    let call = |call: Value| chunk(json!({"tool_calls": [call]}), json!(null));
    let mut usage = chunk(json!({}), json!(null));
    usage["choices"] = json!([]);
    usage["usage"] = json!({"prompt_tokens": 31, "completion_tokens": 17, "total_tokens": 48});
    vec![
        chunk(json!({"role": "assistant", "content": "", "refusal": null}), json!(null)),
        chunk(json!({"content": "Let me "}), json!(null)),
        chunk(json!({"content": "look."}), json!(null)),
        call(
            json!({"index": 0, "id": "call_1", "type": "function", "function": {"name": "weather", "arguments": ""}}),
        ),
        call(json!({"index": 0, "function": {"arguments": "{\"city\":"}})),
        call(json!({"index": 0, "function": {"arguments": "\"Bern\"}"}})),
        chunk(json!({}), json!("tool_calls")),
        usage,
    ]
}

pub(crate) fn response_request() -> Value {
    json!({
        "model": "gpt-5.4",
        "instructions": "Be brief.",
        "input": [
            {"type": "message", "role": "user", "content": [
                {"type": "input_text", "text": "What is the weather there?"},
                {"type": "input_image", "image_url": "https://example.org/map.png", "detail": "low"},
                {"type": "input_file", "file_url": "https://example.org/map.pdf"},
            ]},
            {"type": "reasoning", "id": "rs_0", "summary": [{"type": "summary_text", "text": "Where?"}],
             "encrypted_content": "opaque"},
            {"type": "function_call", "id": "fc_0", "call_id": "call_0", "name": "place", "arguments": "{}",
             "status": "completed"},
            {"type": "function_call_output", "call_id": "call_0", "output": "Bern"},
            {"type": "message", "id": "msg_0", "role": "assistant", "status": "completed", "content": [
                {"type": "output_text", "text": "In Bern.", "annotations": [], "logprobs": null}]},
            {"type": "message", "role": "user", "content": "Go on."},
        ],
        "tools": [
            {"type": "function", "name": "weather", "description": "of a city", "strict": true,
             "parameters": {"type": "object", "properties": {"city": {"type": "string"}}}},
            {"type": "web_search", "search_context_size": "low"},
        ],
        "tool_choice": {"type": "function", "name": "weather"},
        "reasoning": {"effort": "low"},
        "max_output_tokens": 256,
        "temperature": 0.5,
        "store": false,
    })
}

fn usage() -> Value {
    json!({"input_tokens": 31, "input_tokens_details": {"cached_tokens": 8}, "output_tokens": 17,
        "output_tokens_details": {"reasoning_tokens": 4}, "total_tokens": 48})
}

/// Returns a response with these items.
fn reply(status: &str, output: &Value, usage: &Value) -> Value {
    json!({
        "id": "resp_1", "object": "response", "created_at": 1_700_000_000, "status": status, "background": false,
        "error": null, "incomplete_details": null, "instructions": "Be brief.", "max_output_tokens": 256,
        "model": "gpt-5.4-2026-01-01", "output": output, "parallel_tool_calls": true, "previous_response_id": null,
        "reasoning": {"effort": "low", "summary": null}, "service_tier": "default", "store": false,
        "temperature": 0.5, "text": {"format": {"type": "text"}, "verbosity": "medium"}, "tool_choice": "auto",
        "tools": [], "top_p": 1.0, "truncation": "disabled", "usage": usage, "user": null, "metadata": {},
    })
}

/// Returns a text with a citation of a page.
fn text() -> Value {
    json!({"type": "output_text", "text": "Sunny.", "logprobs": [], "annotations": [
        {"type": "url_citation", "url": "https://example.org", "title": "Weather", "start_index": 0, "end_index": 6}]})
}

/// Returns a response with an item of every type that `OpenAI` sends.
pub(crate) fn response() -> Value {
    let output = json!([
        {"type": "reasoning", "id": "rs_1", "summary": [{"type": "summary_text", "text": "Look it up."}],
         "encrypted_content": "opaque", "status": null},
        {"type": "web_search_call", "id": "ws_1", "status": "completed", "action": {"type": "search",
            "query": "weather", "queries": ["weather"], "sources": [{"type": "url", "url": "https://example.org"}]}},
        {"type": "file_search_call", "id": "fs_1", "status": "completed", "queries": ["weather"], "results": null},
        {"type": "code_interpreter_call", "id": "ci_1", "status": "completed", "code": "print(1)",
         "container_id": "cntr_1", "outputs": [{"type": "logs", "logs": "1\n"}]},
        {"type": "image_generation_call", "id": "ig_1", "status": "completed", "result": "AAAA",
         "output_format": "webp", "revised_prompt": "A red toaster"},
        {"type": "mcp_list_tools", "id": "mcpl_1", "server_label": "dice",
         "tools": [{"name": "roll", "input_schema": {"type": "object"}, "description": null, "annotations": null}]},
        {"type": "mcp_call", "id": "mcp_1", "server_label": "dice", "name": "roll", "arguments": "{}", "output": "4",
         "error": null, "approval_request_id": null, "status": "completed"},
        {"type": "mcp_approval_request", "id": "mcpr_1", "server_label": "dice", "name": "roll", "arguments": "{}"},
        {"type": "shell_call", "id": "sh_1", "call_id": "call_2", "status": "completed",
         "action": {"commands": ["ls"], "timeout_ms": 1000, "max_output_length": 100}, "environment": {"type": "local"}},
        {"type": "local_shell_call", "id": "lsh_1", "call_id": "call_3", "status": "completed",
         "action": {"command": ["ls"], "env": {}, "timeout_ms": 1000, "user": "me",
            "working_directory": "/"}},
        {"type": "apply_patch_call", "id": "apc_1", "call_id": "call_4", "status": "completed",
         "operation": {"type": "create_file", "path": "a", "diff": "+a"}},
        {"type": "function_call", "id": "fc_1", "call_id": "call_1", "name": "weather",
         "arguments": "{\"city\":\"Bern\"}", "status": "completed"},
        {"type": "custom_tool_call", "id": "ctc_1", "call_id": "call_5", "name": "sql", "input": "select 1"},
        {"type": "computer_call", "id": "cu_1", "call_id": "call_6", "status": "completed",
         "action": {"type": "wait"}, "pending_safety_checks": []},
        {"type": "message", "id": "msg_1", "role": "assistant", "status": "completed", "content": [text()]},
    ]);
    reply("completed", &output, &usage())
}

/// Returns the events of a reasoning item, a text and a tool call.
pub(crate) fn response_events() -> Vec<Value> {
    let thought = json!({"type": "reasoning", "id": "rs_1", "summary": [{"type": "summary_text", "text": "Look it up."}]});
    let message = json!({"type": "message", "id": "msg_1", "role": "assistant", "status": "completed", "content": [text()]});
    let call = json!({"type": "function_call", "id": "fc_1", "call_id": "call_1", "name": "weather",
        "arguments": "{\"city\":\"Bern\"}", "status": "completed"});
    let begun = |item: &Value, field: &str, empty: Value| {
        let mut item = item.clone();
        item[field] = empty;
        item
    };
    let mut bare = text();
    bare["text"] = "".into();
    let annotation = bare["annotations"][0].take();
    bare["annotations"] = json!([]);
    let created = reply("in_progress", &json!([]), &json!(null));
    let completed = reply("completed", &json!([thought, message, call]), &usage());
    let events = [
        json!({"type": "response.created", "response": created}),
        json!({"type": "response.in_progress", "response": created}),
        json!({"type": "response.output_item.added", "output_index": 0, "item": begun(&thought, "summary", json!([]))}),
        json!({"type": "response.reasoning_summary_part.added", "item_id": "rs_1", "output_index": 0,
            "summary_index": 0, "part": {"type": "summary_text", "text": ""}}),
        json!({"type": "response.reasoning_summary_text.delta", "item_id": "rs_1", "output_index": 0,
            "summary_index": 0, "delta": "Look it up."}),
        json!({"type": "response.output_item.done", "output_index": 0, "item": thought}),
        json!({"type": "response.output_item.added", "output_index": 1, "item": begun(&message, "content", json!([]))}),
        json!({"type": "response.content_part.added", "item_id": "msg_1", "output_index": 1, "content_index": 0,
            "part": bare}),
        json!({"type": "response.output_text.delta", "item_id": "msg_1", "output_index": 1, "content_index": 0,
            "delta": "Sun", "logprobs": []}),
        json!({"type": "response.output_text.delta", "item_id": "msg_1", "output_index": 1, "content_index": 0,
            "delta": "ny.", "logprobs": []}),
        json!({"type": "response.output_text.annotation.added", "item_id": "msg_1", "output_index": 1,
            "content_index": 0, "annotation_index": 0, "annotation": annotation}),
        // The message does not end. If the stream is cut, its deltas are the only source of the text.
        json!({"type": "response.output_item.added", "output_index": 2, "item": begun(&call, "arguments", "".into())}),
        json!({"type": "response.function_call_arguments.delta", "item_id": "fc_1", "output_index": 2,
            "delta": "{\"city\":"}),
        json!({"type": "response.function_call_arguments.done", "item_id": "fc_1", "output_index": 2,
            "name": "weather", "arguments": "{\"city\":\"Bern\"}"}),
        json!({"type": "response.completed", "response": completed}),
    ];
    let number = |(at, mut event): (usize, Value)| {
        event["sequence_number"] = at.into();
        event
    };
    events.into_iter().enumerate().map(number).collect()
}
