//! Exchanges with Gemini's Interactions.

use promptlayer_blueprint::{ErrorType, LogRequest, RequestStatus};
use serde_json::{Value, json};

use super::responses_chunks::{each_changed, log_of_stream, sum};
use super::{arguments, assistant, calls, chat, lines, log_of, log_of_input, log_of_output, said};

fn of(request: &Value) -> LogRequest {
    log_of_input(arguments([("request", request.clone())]))
}

fn blocks(log: &LogRequest, at: usize) -> Value {
    serde_json::to_value(log.input.messages()[at].content()).unwrap()
}

/// Builds a whole response with these steps.
fn reply(status: &str, steps: &Value) -> Value {
    json!({
        "id": "v1_a", "object": "interaction", "model": "gemini-3-flash-preview", "status": status, "steps": steps,
        "service_tier": "standard",
        "usage": {
            "total_input_tokens": 7, "total_cached_tokens": 4, "total_output_tokens": 5, "total_thought_tokens": 3,
            "total_tool_use_tokens": 2, "total_tokens": 17,
            "input_tokens_by_modality": [{"modality": "text", "tokens": 1}, {"modality": "image", "tokens": 6}],
        },
    })
}

fn event(kind: &str, index: u64, field: &str, value: &Value) -> Value {
    let mut event = json!({"event_type": kind, "index": index});
    event[field] = value.clone();
    event
}

#[test]
fn steps_become_messages() {
    let request = json!({
        "model": "gemini-3-flash-preview", "stream": false, "system_instruction": "be brief",
        "input": [
            {"type": "user_input", "content": [
                {"type": "text", "text": "look"},
                {"type": "image", "mime_type": "image/png", "data": "aGk="},
                {"type": "document", "mime_type": "application/pdf", "uri": "gs://a/b.pdf"},
            ]},
            {"type": "thought", "signature": "s", "summary": [{"type": "text", "text": "hm"}]},
            {"type": "function_call", "id": "a", "name": "add", "arguments": {"x": 1}},
            {"type": "function_result", "call_id": "a", "name": "add", "result": "2"},
            {"type": "model_output", "content": [{"type": "text", "text": "Two."}]},
            {"type": "user_input", "content": [{"type": "text", "text": "why?"}]},
        ],
        "tools": [
            {"type": "function", "name": "add", "description": "adds", "parameters": {"type": "object"}},
            {"type": "google_search", "search_types": ["web_search"]}, {"type": "computer_use"},
        ],
        "generation_config": {"temperature": 0.5},
    });
    let log = of(&request);
    assert_eq!((log.provider.as_str(), log.api_type.as_deref()), ("google", Some("interactions")));
    assert_eq!(log.model, "gemini-3-flash-preview");
    let expected = [
        ("system", "be brief"),
        ("user", "look"),
        ("assistant", ""),
        ("tool", "2"),
        ("assistant", "Two."),
        ("user", "why?"),
    ];
    assert_eq!(said(&log.input), lines(expected));
    assert_eq!(
        blocks(&log, 1),
        json!([
            {"type": "text", "text": "look"},
            {"type": "image_url", "image_url": {"url": "data:image/png;base64,aGk="}},
            {"type": "media", "media": {"type": "application/pdf", "url": "gs://a/b.pdf", "format": "url"}},
        ])
    );
    assert_eq!(blocks(&log, 2), json!([{"type": "thinking", "thinking": "hm", "signature": "s"}]));
    assert_eq!(calls(assistant(&log.input, 2)), [["a", "add", r#"{"x":1}"#]]);
    let tools = serde_json::to_value(&chat(&log.input).tools).unwrap();
    assert_eq!((&tools[0]["function"]["name"], &tools[1]["type"]), (&json!("add"), &json!("web_search")));
    assert_eq!(tools[1]["config"], json!({"search_types": ["web_search"]}));
    let parameters = json!({"stream": false, "generation_config": {"temperature": 0.5}, "tools": [{"type": "computer_use"}]});
    assert_eq!(Value::Object(log.parameters), parameters);
}

#[test]
fn texts_contents_and_turns_are_read() {
    let input = |input: Value| said(&of(&json!({"model": "gemini-2.5-flash", "input": input})).input);
    assert_eq!(input(json!("why?")), lines([("user", "why?")]));
    assert_eq!(input(json!({"type": "text", "text": "why?"})), lines([("user", "why?")]));
    let contents = json!([{"type": "text", "text": "why"}, {"type": "text", "text": "?"}]);
    assert_eq!(input(contents), lines([("user", "why?")]));
    let turns = json!([
        {"role": "user", "content": "why?"},
        {"role": "model", "content": [{"type": "text", "text": "So."}]},
        {"role": "user", "content": [{"type": "text", "text": "no"}]},
    ]);
    assert_eq!(input(turns), lines([("user", "why?"), ("assistant", "So."), ("user", "no")]));
    let log = of(&json!({"agent": "deep-research-preview", "input": "why?", "background": true}));
    assert_eq!(
        (log.model.as_str(), log.api_type.as_deref()),
        ("deep-research-preview", Some("interactions"))
    );
}

#[test]
fn request_is_detected_only_by_own_fields_and_models() {
    let api = |request: Value| of(&request).api_type;
    let own = Some("interactions".to_owned());
    assert_eq!(api(json!({"model": "m", "input": "why?", "generation_config": {}})), own);
    assert_eq!(api(json!({"model": "m", "input": [{"type": "user_input", "content": []}]})), own);
    assert_eq!(api(json!({"model": "m", "input": "why?", "previous_interaction_id": "v1_a"})), own);
    assert_eq!(api(json!({"agent": "support", "input": "why?"})), None, "of the application");
    let responses = Some("responses".to_owned());
    let agent = json!({"name": "support", "type": "agent_reference"});
    assert_eq!(api(json!({"model": "gpt-4o", "input": "why?", "agent": agent})), responses);
    assert_eq!(api(json!({"model": "gpt-4o", "input": "why?"})), responses);
    assert_eq!(api(json!({"model": "google/gemini-2.5-flash", "input": "why?"})), responses);
    assert_eq!(
        api(json!({"model": "gemini-2.5-flash", "input": "why?", "instructions": "be brief"})),
        responses
    );
    for item in [
        json!({"type": "message", "role": "user", "content": "why?"}),
        json!({"role": "user", "content": [{"type": "input_text", "text": "why?"}]}),
    ] {
        assert_eq!(api(json!({"model": "gemini-2.5-flash", "input": [item]})), responses);
    }
    assert_eq!(api(json!({"model": "gemini-embedding-001", "input": "why?"})).as_deref(), Some("embeddings"));
}

#[test]
fn reply_keeps_steps_tokens_and_finish_reason() {
    let steps = json!([
        {"type": "user_input", "content": [{"type": "text", "text": "repeated"}]},
        {"type": "thought", "signature": "s", "summary": [{"type": "text", "text": "hm"}]},
        {"type": "google_search_call", "id": "g", "arguments": {"queries": ["why"]}},
        {"type": "google_search_result", "call_id": "g", "result": [{"url": "https://a", "title": "A"}]},
        {"type": "code_execution_call", "id": "c", "arguments": {"language": "python", "code": "print(1)"}},
        {"type": "code_execution_result", "call_id": "c", "result": "1"},
        {"type": "model_output", "content": [
            {"type": "text", "text": "So.", "annotations": [
                {"type": "url_citation", "url": "https://a", "title": "A", "start_index": 0, "end_index": 3},
                {"type": "file_citation", "document_uri": "files/7", "file_name": "mine.pdf", "start_index": 1},
                {"type": "place_citation", "name": "Cafe X", "url": "https://m", "place_id": "places/1", "end_index": 2},
            ]},
            {"type": "image", "mime_type": "image/png", "data": "aGk="},
        ]},
    ]);
    let log = log_of_output(&reply("completed", &steps));
    assert_eq!((log.provider.as_str(), log.api_type.as_deref()), ("google", Some("interactions")));
    let content = serde_json::to_value(&assistant(&log.output, 0).content).unwrap();
    assert_eq!(
        content,
        json!([
            {"type": "thinking", "thinking": "hm", "signature": "s"},
            {"type": "server_tool_use", "id": "g", "name": "google_search", "input": {"queries": ["why"]}},
            {"type": "web_search_tool_result", "tool_use_id": "g", "content": [
                {"type": "web_search_result", "url": "https://a", "title": "A"},
            ]},
            {"type": "code", "code": "print(1)", "id": "c"},
            {"type": "code_execution_result", "output": "1", "outcome": "OUTCOME_OK"},
            {"type": "text", "text": "So.", "annotations": [
                {"type": "url_citation", "title": "A", "url": "https://a", "start_index": 0, "end_index": 3},
                {"type": "file_citation", "index": 1, "file_id": "files/7", "filename": "mine.pdf"},
                {"type": "map_citation", "title": "Cafe X", "url": "https://m", "place_id": "places/1",
                 "start_index": 0, "end_index": 2},
            ]},
            {"type": "output_media", "url": "data:image/png;base64,aGk=", "mime_type": "image/png", "media_type": "image"},
        ])
    );
    assert_eq!(log.output.messages().len(), 1);
    assert_eq!(
        (log.model.as_str(), log.input_tokens, log.output_tokens),
        ("gemini-3-flash-preview", Some(7), Some(8))
    );
    let told =
        ["cached_tokens", "reasoning_tokens", "tool_use_prompt_tokens", "input_image_tokens", "response_id"];
    assert_eq!(told.map(|key| log.metadata[key].as_str()), ["4", "3", "2", "6", "v1_a"]);
    assert_eq!((log.status, log.metadata["finish_reason"].as_str()), (RequestStatus::Success, "stop"));
}

#[test]
fn status_is_the_finish_reason() {
    let finish = |status: &str| {
        let log = log_of_output(&reply(status, &json!([{"type": "model_output", "content": []}])));
        (log.metadata.get("finish_reason").cloned().unwrap_or_default(), log.status)
    };
    let pair = |reason: &str, status| (reason.to_owned(), status);
    assert_eq!(finish("requires_action"), pair("tool_calls", RequestStatus::Success));
    assert_eq!(finish("incomplete"), pair("length", RequestStatus::Warning));
    assert_eq!(finish("cancelled"), pair("error", RequestStatus::Error));
    assert_eq!(finish("in_progress"), pair("", RequestStatus::Success));
    let mut failed = reply("failed", &json!([]));
    failed["errors"] = json!([{"code": "resource_exhausted", "message": "too many"}]);
    let log = log_of_output(&failed);
    assert_eq!((log.error_type, log.error_message()), (Some(ErrorType::ProviderRateLimit), Some("too many")));
}

#[test]
fn outputs_are_read_as_steps() {
    let log = log_of_output(&json!({
        "id": "int_1", "role": "model", "model": "gemini-2.5-flash", "status": "requires_action",
        "outputs": [
            {"type": "thought", "signature": "s"},
            {"type": "text", "text": "So.", "annotations": [{"source": "https://a", "start_index": 0, "end_index": 3}]},
            {"type": "function_call", "id": "a", "name": "add", "arguments": {"x": 1}},
        ],
        "usage": {"total_input_tokens": 7, "total_output_tokens": 5, "total_reasoning_tokens": 3},
    }));
    assert_eq!(log.api_type.as_deref(), Some("interactions"));
    let content = serde_json::to_value(&assistant(&log.output, 0).content).unwrap();
    assert_eq!(content[0], json!({"type": "thinking", "thinking": "", "signature": "s"}));
    assert_eq!(content[1]["annotations"][0]["url"], "https://a");
    assert_eq!(calls(assistant(&log.output, 0)), [["a", "add", r#"{"x":1}"#]]);
    assert_eq!((log.output_tokens, log.metadata["finish_reason"].as_str()), (Some(8), "tool_calls"));
}

#[test]
fn events_are_assembled_into_interaction() {
    let interaction = json!({"id": "v1_a", "status": "in_progress", "object": "interaction", "model": "gemini-3-flash-preview"});
    let delta = |index, delta: Value| event("step.delta", index, "delta", &delta);
    let mut done = reply("requires_action", &json!([{"type": "model_output", "content": []}]));
    done.as_object_mut().unwrap().remove("model");
    let events = [
        json!({"event_type": "interaction.created", "interaction": interaction}),
        json!({"event_type": "interaction.status_update", "interaction_id": "v1_a", "status": "in_progress"}),
        event("step.start", 0, "step", &json!({"type": "thought", "signature": ""})),
        delta(0, json!({"type": "thought_summary", "content": {"type": "text", "text": "h"}})),
        delta(0, json!({"type": "thought_summary", "content": {"type": "text", "text": "m"}})),
        delta(0, json!({"type": "thought_signature", "signature": "s"})),
        json!({"event_type": "step.stop", "index": 0}),
        event("step.start", 1, "step", &json!({"type": "google_search_call", "id": "g", "signature": ""})),
        delta(1, json!({"type": "google_search_call", "arguments": {"queries": ["why"]}})),
        event("step.start", 2, "step", &json!({"type": "model_output"})),
        delta(2, json!({"type": "text", "text": "S"})),
        delta(2, json!({"text": "o."})),
        delta(
            2,
            json!({"type": "text_annotation_delta", "annotations": [{"type": "url_citation", "url": "https://a"}]}),
        ),
        delta(2, json!({"type": "image", "mime_type": "image/png", "data": "aGk="})),
        event(
            "step.start",
            3,
            "step",
            &json!({"type": "function_call", "id": "a", "name": "add", "arguments": {}}),
        ),
        delta(3, json!({"type": "arguments_delta", "arguments": "{\"x\":"})),
        delta(3, json!({"type": "arguments_delta", "arguments": "1}"})),
        json!({"event_type": "interaction.completed", "interaction": done}),
        json!("[DONE]"),
    ];
    let steps = json!([
        {"index": 0, "type": "thought", "signature": "s", "summary": [{"type": "text", "text": "hm"}]},
        {"index": 1, "type": "google_search_call", "id": "g", "signature": "", "arguments": {"queries": ["why"]}},
        {"index": 2, "type": "model_output", "content": [
            {"type": "text", "text": "So.", "annotations": [{"type": "url_citation", "url": "https://a"}]},
            {"type": "image", "mime_type": "image/png", "data": "aGk="},
        ]},
        {"index": 3, "type": "function_call", "id": "a", "name": "add", "arguments": {"x": 1}},
    ]);
    assert_eq!(sum(&events)["steps"], steps);
    let log = log_of_stream(&events);
    assert_eq!((log.provider.as_str(), log.model.as_str()), ("google", "gemini-3-flash-preview"));
    assert_eq!(said(&log.output), lines([("assistant", "So.")]));
    assert_eq!(calls(assistant(&log.output, 0)), [["a", "add", r#"{"x":1}"#]]);
    assert_eq!((log.output_tokens, log.metadata["finish_reason"].as_str()), (Some(8), "tool_calls"));

    let mut before = String::new();
    for length in 1..=events.len() {
        let log = log_of_stream(&events[..length]);
        assert_eq!(log.api_type.as_deref(), Some("interactions"), "{length}");
        assert!(log.output.text().starts_with(&before), "{length}");
        before = log.output.text();
    }
    let error =
        json!({"event_type": "error", "error": {"code": "gateway_timeout", "message": "deadline expired"}});
    let log = log_of_stream(&[&events[..11], &[error]].concat());
    assert_eq!((log.status, log.error_type), (RequestStatus::Error, Some(ErrorType::ProviderTimeout)));
    assert_eq!(log.output.text(), "S");
}

#[test]
fn events_of_contents_are_assembled_like_steps() {
    let delta = |index, delta: Value| event("content.delta", index, "delta", &delta);
    let interaction = json!({
        "id": "int_1", "status": "completed", "model": "gemini-2.5-flash",
        "outputs": [{"type": "text", "text": "So."}], "usage": {"total_input_tokens": 7, "total_output_tokens": 5},
    });
    let log = log_of_stream(&[
        json!({"event_type": "interaction.start", "interaction": {"id": "int_1", "status": "in_progress"}}),
        event("content.start", 0, "content", &json!({"type": "thought"})),
        delta(0, json!({"type": "thought_summary", "content": {"type": "text", "text": "hm"}})),
        event("content.start", 1, "content", &json!({"type": "text"})),
        delta(1, json!({"type": "text", "text": "S"})),
        delta(1, json!({"type": "text", "text": "o."})),
        delta(2, json!({"type": "function_call", "id": "a", "name": "add", "arguments": {"x": 1}})),
        json!({"event_type": "interaction.complete", "interaction": interaction}),
    ]);
    assert_eq!(said(&log.output), lines([("assistant", "So.")]));
    assert_eq!(serde_json::to_value(&assistant(&log.output, 0).content).unwrap()[0]["thinking"], "hm");
    assert_eq!(calls(assistant(&log.output, 0)), [["a", "add", r#"{"x":1}"#]]);
    assert_eq!((log.model.as_str(), log.input_tokens), ("gemini-2.5-flash", Some(7)));
}

#[test]
fn value_that_resembles_an_interaction_is_kept_whole() {
    for value in [
        json!({"steps": [{"type": "bake"}], "status": "done"}),
        json!({"outputs": ["a"], "status": "completed"}),
        json!({"event_type": "content.delta", "delta": "So."}),
    ] {
        let log = log_of_output(&value);
        assert_eq!(log.provider, "custom", "{value}");
        assert_eq!(serde_json::from_str::<Value>(&log.output.text()).unwrap(), value);
        assert_eq!(log_of_stream(std::slice::from_ref(&value)).provider, "custom", "{value}");
    }
}

#[test]
fn long_stream_is_assembled_in_linear_time() {
    let text = event("step.delta", 0, "delta", &json!({"type": "text", "text": "word "}));
    let log = log_of_stream(&vec![text; 50_000]);
    assert_eq!(log.output.text().len(), 250_000);
}

#[test]
fn malformed_exchanges_do_not_panic() {
    let request = json!({
        "model": "gemini-3-flash-preview", "system_instruction": "be brief", "generation_config": {},
        "input": [
            {"type": "user_input", "content": [{"type": "text", "text": "x"}, {"type": "image", "data": "aGk="}]},
            {"type": "thought", "summary": [{"type": "text", "text": "hm"}]},
            {"type": "function_call", "id": "a", "name": "add", "arguments": {}},
            {"type": "function_result", "call_id": "a", "result": [{"type": "text", "text": "x"}]},
            {"role": "model", "content": "x"},
        ],
        "tools": [{"type": "function", "name": "add"}],
    });
    let whole = reply(
        "failed",
        &json!([
            {"type": "model_output", "content": [{"type": "text", "text": "x", "annotations": [{"type": "url_citation"}]}]},
            {"type": "google_search_result", "call_id": "g", "result": [{"url": "https://a"}]},
            {"type": "code_execution_result", "call_id": "g", "result": "1", "is_error": true},
        ]),
    );
    let stream = json!([
        {"event_type": "interaction.created", "interaction": {"id": "a", "steps": []}},
        event("step.start", 0, "step", &json!({"type": "function_call", "arguments": {}})),
        event("step.delta", 0, "delta", &json!({"type": "arguments_delta", "arguments": "{"})),
        event("step.delta", 1, "delta", &json!({"type": "text", "text": "x"})),
        {"event_type": "step.stop", "index": 0, "usage": {}},
        {"event_type": "interaction.completed", "interaction": whole},
    ]);
    for odd in [json!(null), json!(-7), json!(u64::MAX), json!(""), json!([]), json!({}), json!([[7]])] {
        each_changed(&request, &odd, &mut |changed| drop(of(changed)));
        each_changed(&whole, &odd, &mut |changed| drop(log_of_output(changed)));
        each_changed(&stream, &odd, &mut |changed| {
            drop(log_of_stream(changed.as_array().map_or(&[], Vec::as_slice)));
        });
    }
    drop(log_of(&request, &whole));
}
