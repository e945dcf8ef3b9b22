//! Streams of OpenAI's Responses API.

use promptlayer_blueprint::{ErrorType, LogRequest, RequestStatus};
use serde_json::{Value, json};

use super::{assistant, calls, captured, lines, said, span};
use crate::span::finished::{FinishedSpan, Output};

/// Returns the value that the events of a stream are assembled into.
pub(super) fn sum(events: &[Value]) -> Value {
    promptlayer_blueprint::providers::joined(events.to_vec())
}

/// Returns the log of a call with this stream.
pub(super) fn log_of_stream(events: &[Value]) -> LogRequest {
    let output = Some(Output::Chunks(events.iter().map(captured).collect()));
    super::super::log_request(&FinishedSpan { output, ..span() }, None)
}

/// Runs a check on variants of a value. In each variant, one nested value is replaced by `odd` or removed.
pub(super) fn each_changed(whole: &Value, odd: &Value, check: &mut dyn FnMut(&Value)) {
    let mut paths = Vec::new();
    paths_in(whole, String::new(), &mut paths);
    for path in paths {
        let mut changed = whole.clone();
        *changed.pointer_mut(&path).unwrap() = odd.clone();
        check(&changed);
        let (parent, key) = path.rsplit_once('/').unwrap_or_default();
        let mut changed = whole.clone();
        if let Some(Value::Object(parent)) = changed.pointer_mut(parent) {
            parent.remove(key);
            check(&changed);
        }
    }
}

fn paths_in(value: &Value, path: String, paths: &mut Vec<String>) {
    match value {
        Value::Object(object) => {
            object.iter().for_each(|(key, value)| paths_in(value, format!("{path}/{key}"), paths));
        }
        Value::Array(list) => {
            list.iter().enumerate().for_each(|(at, value)| paths_in(value, format!("{path}/{at}"), paths));
        }
        _ => {}
    }
    paths.push(path);
}

/// Builds an event with the response object.
fn reply(kind: &str, status: &str, output: &Value) -> Value {
    json!({"type": kind, "response": {"id": "resp_1", "object": "response", "status": status, "model": "gpt-5.4",
        "output": output, "usage": null}})
}

fn created() -> Value {
    reply("response.created", "in_progress", &json!([]))
}

fn event(kind: &str, index: u64, fields: &Value) -> Value {
    let mut event = json!({"type": kind, "output_index": index, "item_id": format!("item_{index}")});
    event.as_object_mut().unwrap().extend(fields.as_object().unwrap().clone());
    event
}

/// Events of every kind, without the events that end an item.
fn unfinished() -> Vec<Value> {
    let added = |index, item: Value| event("response.output_item.added", index, &json!({ "item": item }));
    vec![
        created(),
        json!("[DONE]"),
        json!({"type": "response.in_progress", "response": {"id": "resp_1", "object": "response",
            "status": "in_progress", "model": "gpt-5.4", "output": [], "usage": null}}),
        added(0, json!({"type": "reasoning", "id": "rs_1", "summary": []})),
        event(
            "response.reasoning_summary_part.added",
            0,
            &json!({"summary_index": 0,
            "part": {"type": "summary_text", "text": ""}}),
        ),
        event("response.reasoning_summary_text.delta", 0, &json!({"summary_index": 0, "delta": "Look "})),
        event("response.reasoning_summary_text.delta", 0, &json!({"summary_index": 0, "delta": "it up."})),
        event("response.reasoning_summary_text.delta", 0, &json!({"summary_index": 1, "delta": "Twice."})),
        event("response.reasoning_text.delta", 0, &json!({"content_index": 0, "delta": "Hm."})),
        // Events of two items, interleaved and out of order.
        added(
            2,
            json!({"type": "function_call", "id": "fc_1", "call_id": "call_1", "name": "weather", "arguments": ""}),
        ),
        added(
            1,
            json!({"type": "message", "id": "msg_1", "role": "assistant", "status": "in_progress", "content": []}),
        ),
        event(
            "response.content_part.added",
            1,
            &json!({"content_index": 0,
            "part": {"type": "output_text", "text": "", "annotations": []}}),
        ),
        event("response.function_call_arguments.delta", 2, &json!({"delta": "{\"a\""})),
        event("response.output_text.delta", 1, &json!({"content_index": 0, "delta": "Sun"})),
        event("response.function_call_arguments.delta", 2, &json!({"delta": ":1}"})),
        event("response.output_text.delta", 1, &json!({"content_index": 0, "delta": "ny."})),
        event(
            "response.output_text.annotation.added",
            1,
            &json!({"content_index": 0, "annotation_index": 0,
            "annotation": {"type": "url_citation", "url": "https://example.org", "title": "", "start_index": 0, "end_index": 1}}),
        ),
        event("response.refusal.delta", 1, &json!({"content_index": 1, "delta": "No "})),
        event("response.refusal.delta", 1, &json!({"content_index": 1, "delta": "more."})),
        added(
            3,
            json!({"type": "mcp_call", "id": "mcp_1", "name": "roll", "server_label": "dice", "arguments": ""}),
        ),
        event("response.mcp_call_arguments.delta", 3, &json!({"delta": "{}"})),
        added(
            4,
            json!({"type": "code_interpreter_call", "id": "ci_1", "container_id": "cntr_1", "code": "", "outputs": null}),
        ),
        event("response.code_interpreter_call.in_progress", 4, &json!({})),
        event("response.code_interpreter_call_code.delta", 4, &json!({"delta": "print"})),
        event("response.code_interpreter_call_code.delta", 4, &json!({"delta": "(1)"})),
        added(
            5,
            json!({"type": "custom_tool_call", "id": "ctc_1", "call_id": "call_2", "name": "sql", "input": ""}),
        ),
        event("response.custom_tool_call_input.delta", 5, &json!({"delta": "select 1"})),
        added(
            6,
            json!({"type": "image_generation_call", "id": "ig_1", "status": "in_progress", "result": null}),
        ),
        event(
            "response.image_generation_call.partial_image",
            6,
            &json!({"partial_image_index": 0,
            "partial_image_b64": "AAAA", "output_format": "webp"}),
        ),
        event(
            "response.image_generation_call.partial_image",
            6,
            &json!({"partial_image_index": 1,
            "partial_image_b64": "BBBB", "output_format": "webp"}),
        ),
        added(
            7,
            json!({"type": "apply_patch_call", "id": "apc_1", "call_id": "call_3",
            "operation": {"type": "create_file", "path": "a", "diff": ""}}),
        ),
        event("response.apply_patch_call_operation_diff.delta", 7, &json!({"delta": "+a"})),
        added(
            8,
            json!({"type": "shell_call", "id": "sh_1", "call_id": "call_4", "action": {"commands": []}}),
        ),
        event("response.shell_call_command.added", 8, &json!({"command_index": 0, "command": ""})),
        event("response.shell_call_command.delta", 8, &json!({"command_index": 1, "delta": "pwd"})),
        event("response.shell_call_command.delta", 8, &json!({"command_index": 0, "delta": "l"})),
        event("response.shell_call_command.done", 8, &json!({"command_index": 0, "command": "ls"})),
    ]
}

/// The items that these events are assembled into.
fn items() -> Value {
    json!([
        {"type": "reasoning", "id": "rs_1", "summary": [
            {"type": "summary_text", "text": "Look it up."}, {"type": "summary_text", "text": "Twice."}],
            "content": [{"type": "reasoning_text", "text": "Hm."}]},
        {"type": "message", "id": "msg_1", "role": "assistant", "status": "in_progress", "content": [
            {"type": "output_text", "text": "Sunny.", "annotations": [{"type": "url_citation",
             "url": "https://example.org", "title": "", "start_index": 0, "end_index": 1}]},
            {"type": "refusal", "refusal": "No more."}]},
        {"type": "function_call", "id": "fc_1", "call_id": "call_1", "name": "weather", "arguments": "{\"a\":1}"},
        {"type": "mcp_call", "id": "mcp_1", "name": "roll", "server_label": "dice", "arguments": "{}"},
        {"type": "code_interpreter_call", "id": "ci_1", "container_id": "cntr_1", "code": "print(1)", "outputs": null},
        {"type": "custom_tool_call", "id": "ctc_1", "call_id": "call_2", "name": "sql", "input": "select 1"},
        {"type": "image_generation_call", "id": "ig_1", "status": "in_progress", "result": "BBBB", "output_format": "webp"},
        {"type": "apply_patch_call", "id": "apc_1", "call_id": "call_3",
         "operation": {"type": "create_file", "path": "a", "diff": "+a"}},
        {"type": "shell_call", "id": "sh_1", "call_id": "call_4", "action": {"commands": ["ls", "pwd"]}},
    ])
}

#[test]
fn interrupted_stream_keeps_received_content() {
    let sum = sum(&unfinished());
    assert_eq!(sum["output"], items());
    assert_eq!(
        (&sum["id"], &sum["model"], &sum["status"]),
        (&json!("resp_1"), &json!("gpt-5.4"), &json!("in_progress"))
    );
    let log = log_of_stream(&unfinished());
    assert_eq!(log.metadata.get("finish_reason"), None, "nobody saw it end");
    assert_eq!(log.api_type.as_deref(), Some("responses"));
    assert_eq!(
        calls(assistant(&log.output, 0)),
        [["call_1", "weather", "{\"a\":1}"], ["call_2", "sql", "select 1"]]
    );
}

#[test]
fn last_event_contains_the_whole_reply() {
    let mut events = unfinished();
    let output = json!([{"type": "message", "content": [{"type": "output_text", "text": "Whole."}]}]);
    events.truncate(9);
    events.push(reply("response.completed", "completed", &output));
    // Later events have no effect.
    events.push(created());
    let sum = sum(&events);
    assert_eq!(sum, events[9]["response"]);
    assert_eq!(said(&log_of_stream(&events).output), lines([("assistant", "Whole.")]));
}

#[test]
fn items_missing_in_last_event_come_from_other_events() {
    for left in [json!([]), json!(null), json!([items()[0]])] {
        let mut events = unfinished();
        events.push(reply("response.completed", "completed", &left));
        let sum = sum(&events);
        assert_eq!((&sum["output"], &sum["status"]), (&items(), &json!("completed")), "{left}");
    }
    let mut nameless = unfinished();
    nameless.push(json!({"type": "response.incomplete", "response": {"model": "m"}}));
    assert_eq!(
        sum(&nameless),
        json!({"object": "response", "status": "incomplete", "model": "m", "output": items()})
    );
}

#[test]
fn end_of_item_or_text_has_priority_over_fragments() {
    let ended = json!({"type": "message", "id": "msg_1", "role": "assistant", "status": "completed",
        "content": [{"type": "output_text", "text": "Ended.", "annotations": []}]});
    let mut events = unfinished();
    events.push(event("response.output_item.done", 1, &json!({ "item": ended })));
    events.push(event("response.output_item.added", 1, &json!({"item": {"type": "message", "content": []}})));
    events.push(event("response.function_call_arguments.done", 2, &json!({"arguments": "{\"b\":2}"})));
    events.push(event(
        "response.reasoning_summary_text.done",
        0,
        &json!({"summary_index": 1, "text": "Again."}),
    ));
    let output = sum(&events)["output"].take();
    assert_eq!(output[1]["content"][0]["text"], "Ended.");
    assert_eq!(output[1]["status"], "completed");
    assert_eq!(
        output[1]["content"][0]["annotations"],
        items()[1]["content"][0]["annotations"],
        "which it left out"
    );
    assert_eq!(output[2]["arguments"], "{\"b\":2}");
    assert_eq!(output[0]["summary"][1]["text"], "Again.");
}

#[test]
fn items_without_start_event_are_detected_by_their_events() {
    let sum = sum(&[
        event("response.output_text.delta", 0, &json!({"delta": "So."})),
        event("response.reasoning_summary_text.delta", 1, &json!({"delta": "Hm."})),
        event("response.function_call_arguments.delta", 2, &json!({"delta": "{}"})),
        event("response.image_generation_call.partial_image", 3, &json!({"partial_image_b64": "AAAA"})),
    ]);
    assert_eq!(
        sum["output"],
        json!([
            {"type": "message", "role": "assistant", "content": [{"type": "output_text", "text": "So."}]},
            {"type": "reasoning", "summary": [{"type": "summary_text", "text": "Hm."}]},
            {"type": "function_call", "arguments": "{}"},
            {"type": "image_generation_call", "result": "AAAA"},
        ])
    );
}

#[test]
fn items_without_index_are_assembled_by_id() {
    let mut events = unfinished();
    for event in &mut events {
        let Some(event) = event.as_object_mut() else { continue };
        let Some(index) = event.remove("output_index") else { continue };
        if let Some(item) = event.get_mut("item") {
            item["id"] = format!("item_{index}").into();
        }
    }
    let output = sum(&events)["output"].take();
    // In the order in which they started.
    let kinds: Vec<&str> =
        output.as_array().unwrap().iter().map(|item| item["type"].as_str().unwrap()).collect();
    assert_eq!(kinds[..3], ["reasoning", "function_call", "message"]);
    assert_eq!(
        (&output[1]["arguments"], &output[2]["content"][0]["text"]),
        (&json!("{\"a\":1}"), &json!("Sunny."))
    );
}

#[test]
fn error_event_ends_stream_and_fails_request() {
    let mut events = unfinished();
    events
        .push(json!({"type": "error", "code": "rate_limit_exceeded", "message": "Slow down", "param": null,
        "sequence_number": 9}));
    let log = log_of_stream(&events);
    assert_eq!((log.status, log.error_type), (RequestStatus::Error, Some(ErrorType::ProviderRateLimit)));
    assert_eq!(log.error_message(), Some("Slow down"));
    assert!(log.output.text().contains("Sunny."), "with what came before it");

    let alone = [json!({"type": "error", "code": null, "message": "Overloaded", "param": null})];
    assert_eq!(
        sum(&alone),
        json!({"object": "response", "status": "failed", "output": [],
        "error": {"code": null, "message": "Overloaded", "param": null}})
    );
    let log = log_of_stream(&alone);
    assert_eq!((log.status, log.error_message()), (RequestStatus::Error, Some("Overloaded")));
    assert_eq!(log.api_type.as_deref(), Some("responses"));
}

#[test]
fn failed_or_incomplete_status_is_read_from_last_event() {
    let mut failed = reply("response.failed", "failed", &json!([]));
    failed["response"]["error"] = json!({"code": "server_error", "message": "Broken"});
    let log = log_of_stream(&[created(), failed]);
    assert_eq!((log.status, log.error_message()), (RequestStatus::Error, Some("Broken")));
    let mut cut = reply("response.incomplete", "incomplete", &json!([]));
    cut["response"]["incomplete_details"] = json!({"reason": "max_output_tokens"});
    assert_eq!(log_of_stream(&[created(), cut]).metadata["finish_reason"], "length");
}

#[test]
fn events_of_other_apis_are_not_detected() {
    for other in [
        json!({"type": "error", "error": {"type": "overloaded_error", "message": "Overloaded"}}),
        json!({"type": "message_start", "message": {"role": "assistant", "content": []}}),
        json!({"type": "content_block_delta", "index": 0, "delta": {"type": "text_delta", "text": "So."}}),
        json!({"type": "responses"}),
        json!({"type": "error", "message": "of the user's own"}),
    ] {
        let log = log_of_stream(std::slice::from_ref(&other));
        assert_ne!(log.api_type.as_deref(), Some("responses"), "{other}");
    }
}

#[test]
fn index_is_only_used_for_order() {
    let text = |index: u64, delta: &str| {
        event("response.output_text.delta", index, &json!({"content_index": u64::MAX, "delta": delta}))
    };
    let sum = sum(&[created(), text(u64::MAX, "ny."), text(1_000_000_000, "Sun"), text(u64::MAX, " So.")]);
    let texts: Vec<&str> = sum["output"]
        .as_array()
        .unwrap()
        .iter()
        .map(|item| item["content"][0]["text"].as_str().unwrap())
        .collect();
    assert_eq!(texts, ["Sun", "ny. So."]);
}

#[test]
fn malformed_streams_do_not_panic() {
    let events = Value::Array(unfinished());
    for odd in
        [json!(null), json!(-1), json!("x"), json!([7]), json!({}), json!({"type": "response.created"})]
    {
        each_changed(&events, &odd, &mut |changed| {
            if let Some(events) = changed.as_array().filter(|events| events.len() > 1) {
                let sum = sum(events);
                assert!(sum["output"].is_array(), "{sum}");
                log_of_stream(events);
            }
        });
    }
    for length in 1..unfinished().len() {
        assert!(sum(&unfinished()[..length])["output"].is_array());
        log_of_stream(&unfinished()[length - 1..]);
    }
}
