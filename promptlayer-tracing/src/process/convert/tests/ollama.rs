//! Exchanges with Ollama's `chat`, `generate` and `embed`.

use promptlayer_blueprint::{LogRequest, Message, Prompt, RequestStatus};
use serde_json::{Value, json};

use super::responses_chunks::{each_changed, log_of_stream, sum};
use super::{
    arguments, assistant, calls, chat, completion, lines, log_of, log_of_input, log_of_output, said,
};

fn of(request: &Value) -> LogRequest {
    log_of_input(arguments([("request", request.clone())]))
}

fn content(message: &Message) -> Value {
    serde_json::to_value(message.content()).unwrap()
}

/// Builds a line of a streamed chat.
fn line(message: &Value) -> Value {
    json!({"model": "qwen3:4b", "created_at": "2026-07-28T06:38:03Z", "message": message, "done": false})
}

/// Builds the last line of a streamed chat.
fn last() -> Value {
    json!({
        "model": "qwen3:4b", "created_at": "2026-07-28T06:38:04Z", "message": {"role": "assistant", "content": ""},
        "done": true, "done_reason": "stop", "total_duration": 1_234_567, "prompt_eval_count": 7, "eval_count": 5,
    })
}

#[test]
fn messages_tools_and_settings_are_placed() {
    let log = of(&json!({
        "model": "qwen3:4b", "stream": false, "think": "high", "keep_alive": "5m", "format": "json",
        "options": {"temperature": 0.5, "num_ctx": 4096},
        "messages": [
            {"role": "system", "content": "be brief"},
            {"role": "user", "content": "look", "images": ["iVBORw0KGgo=", "/9j/4AAQ", "UklGRg==", "data:image/gif;base64,R0"]},
            {"role": "assistant", "content": "", "thinking": "hm", "tool_calls": [
                {"function": {"name": "add", "arguments": {"x": 1}}},
                {"id": "b", "function": {"name": "now"}},
            ]},
            {"role": "tool", "content": "7", "tool_call_id": "b"},
            {"role": "tool", "content": "2", "tool_name": "add"},
        ],
        "tools": [{"type": "function", "function": {"name": "add", "parameters": {"type": "object"}}}],
    }));
    assert_eq!((log.provider.as_str(), log.api_type.as_deref()), ("ollama", Some("chat")));
    let expected =
        [("system", "be brief"), ("user", "look"), ("assistant", ""), ("tool", "7"), ("tool", "2")];
    assert_eq!(said(&log.input), lines(expected));
    let messages = log.input.messages();
    let images: Vec<Value> = content(&messages[1]).as_array().unwrap()[1..]
        .iter()
        .map(|block| block["image_url"]["url"].clone())
        .collect();
    let urls = [
        "data:image/png;base64,iVBORw0KGgo=",
        "data:image/jpeg;base64,/9j/4AAQ",
        "data:image/webp;base64,UklGRg==",
        "data:image/gif;base64,R0",
    ];
    assert_eq!(images, urls);
    assert_eq!(content(&messages[2]), json!([{"type": "thinking", "thinking": "hm"}]));
    assert_eq!(calls(assistant(&log.input, 2)), [["add-0", "add", r#"{"x":1}"#], ["b", "now", "{}"]]);
    let results: Vec<&str> = messages
        .iter()
        .filter_map(|message| match message {
            Message::Tool(result) => Some(result.tool_call_id.as_str()),
            _ => None,
        })
        .collect();
    assert_eq!(results, ["b", "add-0"]);
    assert_eq!(chat(&log.input).tools.len(), 1);
    let parameters = json!({
        "stream": false, "think": "high", "keep_alive": "5m", "format": "json",
        "options": {"temperature": 0.5, "num_ctx": 4096},
    });
    assert_eq!(Value::Object(log.parameters), parameters);
}

#[test]
fn result_without_name_belongs_to_first_pending_call() {
    let log = of(&json!({"model": "llama3", "options": {}, "messages": [
        {"role": "assistant", "content": "", "tool_calls": [{"function": {"name": "add", "arguments": {}}}]},
        {"role": "tool", "content": "2"},
    ]}));
    assert!(matches!(&log.input.messages()[1], Message::Tool(result) if result.tool_call_id == "add-0"));
}

/// Fields that OpenAI's chat completions have too do not identify Ollama.
#[test]
fn request_is_detected_only_by_ollama_fields() {
    let messages = json!([{"role": "user", "content": "why?"}]);
    assert_eq!(of(&json!({"model": "m", "messages": messages, "stream": false})).provider, "custom");
    for (name, value) in [("options", json!({})), ("keep_alive", json!(-1)), ("think", json!(true))] {
        let mut request = json!({"model": "m", "messages": messages});
        request[name] = value;
        assert_eq!(of(&request).provider, "ollama", "{name}");
    }
    let images = json!([{"role": "user", "content": "why?", "images": ["iVBOR"]}]);
    assert_eq!(of(&json!({"model": "m", "messages": images})).provider, "ollama");
    // The response still identifies it.
    let reply = last();
    let log = log_of(&json!({"model": "m", "messages": messages}), &reply);
    assert_eq!(log.provider, "ollama");
}

#[test]
fn chat_keeps_tokens_durations_and_finish_reason() {
    let mut reply = last();
    reply["message"] = json!({"role": "assistant", "content": "So.", "thinking": "hm"});
    reply["done_reason"] = json!("length");
    let log = log_of_output(&reply);
    assert_eq!((log.provider.as_str(), log.model.as_str()), ("ollama", "qwen3:4b"));
    assert_eq!((log.input_tokens, log.output_tokens), (Some(7), Some(5)));
    assert_eq!(log.metadata["total_duration_ms"], "1.234");
    assert_eq!(log.status, RequestStatus::Warning);
    let blocks = json!([{"type": "thinking", "thinking": "hm"}, {"type": "text", "text": "So."}]);
    assert_eq!(content(&log.output.messages()[0]), blocks);
}

#[test]
fn reply_with_only_calls_has_no_text() {
    let call = json!({"function": {"name": "add", "arguments": {"x": 1}}});
    let log =
        log_of_stream(&[line(&json!({"role": "assistant", "content": "", "tool_calls": [call]})), last()]);
    let message = assistant(&log.output, 0);
    assert!(message.content.is_empty());
    assert_eq!(calls(message), [["add-0", "add", r#"{"x":1}"#]]);
    assert_eq!(log.metadata["finish_reason"], "tool_calls");
    assert_eq!(log.metadata["provider_finish_reason"], "stop");
}

#[test]
fn reason_that_is_absent_stays_absent() {
    let mut reply = last();
    reply.as_object_mut().unwrap().remove("done_reason");
    reply["message"]["tool_calls"] = json!([{"function": {"name": "add", "arguments": {}}}]);
    let log = log_of_output(&reply);
    assert!(!log.metadata.contains_key("finish_reason"));
    assert_eq!(log.status, RequestStatus::Success);
}

#[test]
fn chat_lines_are_assembled_into_reply() {
    let call = |name: &str| json!({"function": {"name": name, "arguments": {}}});
    let lines = [
        json!("[DONE]"),
        line(&json!({"role": "assistant", "content": "", "thinking": "h"})),
        line(&json!({"role": "assistant", "content": "", "thinking": "m"})),
        line(&json!({"role": "assistant", "content": "S", "tool_calls": [call("add")]})),
        json!({"type": "ping"}),
        line(&json!({"role": "assistant", "content": "o.", "tool_calls": [call("now")]})),
        last(),
    ];
    let mut whole = last();
    whole["message"] = json!({"role": "assistant", "content": "So.", "thinking": "hm", "tool_calls": [call("add"), call("now")]});
    assert_eq!(sum(&lines), whole);
    let cut = sum(&lines[..4]);
    assert_eq!((&cut["message"]["content"], &cut["done"]), (&json!("S"), &json!(false)));
    let mut broken = lines[..4].to_vec();
    broken.push(json!({"error": "the model has crashed"}));
    let log = log_of_stream(&broken);
    assert_eq!((log.status, log.error_message()), (RequestStatus::Error, Some("the model has crashed")));
    assert_eq!(log.output.text(), "S");
}

#[test]
fn generate_is_a_chat_unless_raw() {
    let request = json!({
        "model": "m", "prompt": "why?", "system": "be brief", "images": ["iVBOR"], "context": [1, 2, 3], "suffix": null,
        "options": {"seed": 1},
    });
    let reply = json!({
        "model": "m", "created_at": "2026-07-28T06:38:04Z", "response": "So.", "thinking": "hm", "done": true,
        "done_reason": "stop", "context": [1, 2, 3, 4], "prompt_eval_count": 7, "eval_count": 5, "total_duration": 1_500_000,
    });
    let log = log_of(&request, &reply);
    assert_eq!((log.provider.as_str(), log.api_type.as_deref()), ("ollama", Some("generate")));
    assert_eq!(said(&log.input), lines([("system", "be brief"), ("user", "why?")]));
    assert_eq!(content(&log.input.messages()[1])[1]["image_url"]["url"], "data:image/png;base64,iVBOR");
    assert_eq!(Value::Object(log.parameters.clone()), json!({"options": {"seed": 1}}));
    let blocks = json!([{"type": "thinking", "thinking": "hm"}, {"type": "text", "text": "So."}]);
    assert_eq!(content(&log.output.messages()[0]), blocks);
    assert_eq!((log.input_tokens, log.output_tokens), (Some(7), Some(5)));
    assert!(!serde_json::to_string(&log).unwrap().contains("[1,2,3"), "tokens tell nothing to a reader");

    let raw = json!({"model": "m", "prompt": "fn add", "suffix": "}", "raw": true});
    let log = log_of(&raw, &reply);
    assert_eq!(completion(&log.input), ["fn add"]);
    assert_eq!(completion(&log.output), ["So."]);
    assert_eq!(log.parameters["suffix"], "}");
    assert!(matches!(of(&json!({"model": "m", "prompt": "why?"})).input, Prompt::Completion(_)), "OpenAI's");
}

#[test]
fn generate_lines_are_assembled_into_reply() {
    let line = |text: &str| json!({"model": "m", "response": text, "done": false});
    let lines = [
        json!({"model": "m", "response": "", "thinking": "hm", "done": false}),
        line("S"),
        line("o."),
        json!({"model": "m", "response": "", "done": true, "done_reason": "stop", "eval_count": 5}),
    ];
    let whole = json!({
        "model": "m", "response": "So.", "thinking": "hm", "done": true, "done_reason": "stop", "eval_count": 5,
    });
    assert_eq!(sum(&lines), whole);
    assert_eq!(log_of_stream(&lines).api_type.as_deref(), Some("generate"));
}

#[test]
fn embeddings_are_logged_by_count_and_dimensions() {
    let request = json!({"model": "m", "input": ["one", "two"], "truncate": true});
    let reply = json!({
        "model": "m", "embeddings": [[0.5, 1.0], [1.0, 2.0]], "total_duration": 1_500_000, "prompt_eval_count": 2,
    });
    let log = log_of(&request, &reply);
    assert_eq!((log.provider.as_str(), log.api_type.as_deref()), ("ollama", Some("embed")));
    assert_eq!(log.output.text(), "2 embeddings of 2 dimensions");
    assert_eq!(
        content(&log.input.messages()[0]),
        json!([{"type": "text", "text": "one"}, {"type": "text", "text": "two"}])
    );
    assert_eq!((log.input_tokens, log.metadata["total_duration_ms"].as_str()), (Some(2), "1.500"));
    assert_eq!(Value::Object(log.parameters), json!({"truncate": true}));
    // Clients that keep only the vectors and the counts leave out the model.
    for field in ["total_duration", "prompt_eval_count"] {
        let mut reply = json!({"embeddings": [[0.5, 1.0]]});
        reply[field] = json!(7);
        let log = log_of_output(&reply);
        assert_eq!(
            (log.provider.as_str(), log.output.text().as_str()),
            ("ollama", "1 embedding of 2 dimensions")
        );
    }
    assert_eq!(log_of_output(&json!({"embeddings": [[0.5, 1.0]]})).api_type, None);
}

#[test]
fn value_that_resembles_a_reply_is_kept_whole() {
    for value in [
        json!({"message": "sent", "done": true}),
        json!({"response": "yes", "done": true}),
        json!({"embeddings": 7, "model": "m"}),
    ] {
        let log = log_of_output(&value);
        assert_eq!(log.provider, "custom", "{value}");
        assert_eq!(serde_json::from_str::<Value>(&log.output.text()).unwrap(), value);
    }
}

#[test]
fn malformed_exchanges_do_not_panic() {
    let request = json!({
        "model": "m", "prompt": "why?", "system": "be brief", "images": ["iVBOR"], "input": ["x"], "options": {},
        "messages": [{"role": "user", "content": "x", "images": ["iVBOR"], "tool_calls": [{"function": {"name": "a", "arguments": {}}}]}],
        "tools": [{"type": "function", "function": {"name": "add"}}],
    });
    let line = line(
        &json!({"role": "assistant", "content": "S", "thinking": "h", "tool_calls": [{"function": {"name": "a"}}]}),
    );
    let stream = json!([line, {"model": "m", "response": "x", "done": true, "context": [1]}, last()]);
    for odd in [
        json!(null),
        json!(-7),
        json!(u64::MAX),
        json!(""),
        json!([]),
        json!({}),
        json!([[7]]),
        json!([null]),
    ] {
        each_changed(&request, &odd, &mut |changed| drop(of(changed)));
        each_changed(&line, &odd, &mut |changed| drop(log_of_output(changed)));
        each_changed(&stream, &odd, &mut |changed| {
            drop(log_of_stream(changed.as_array().map_or(&[], Vec::as_slice)));
        });
    }
}
