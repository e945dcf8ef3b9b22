//! Requests of OpenAI's Responses API.

use promptlayer_blueprint::{ContentBlock, LogRequest, MediaContent, MediaFormat, Message};
use serde_json::{Value, json};

use super::{arguments, assistant, calls, lines, log_of_input, said};

/// Returns the log of a request with these fields, a model and an input.
pub(super) fn with(fields: Value) -> LogRequest {
    let mut request = json!({"model": "gpt-5.4", "input": "why?"});
    let Value::Object(fields) = fields else { panic!("{fields}") };
    request.as_object_mut().unwrap().extend(fields);
    log_of_input(arguments([("request", request)]))
}

/// Returns the log of a request with these items.
fn of(items: &Value) -> LogRequest {
    with(json!({ "input": items }))
}

/// Returns `true` if an object is detected as a request of this API.
fn is_one(request: &Value) -> bool {
    log_of_input(arguments([("request", request.clone())])).api_type.as_deref() == Some("responses")
}

/// Returns the blocks of a user message with this part.
fn part(part: &Value) -> Vec<ContentBlock> {
    of(&json!([{"role": "user", "content": [part]}])).input.messages()[0].content().to_vec()
}

fn media(block: &ContentBlock) -> (Option<&str>, Option<&str>, Option<&str>, MediaFormat) {
    let ContentBlock::Media(MediaContent { media, .. }) = block else { panic!("no file: {block:?}") };
    (media.title.as_deref(), media.mime_type.as_deref(), media.url.as_deref(), media.format)
}

#[test]
fn instructions_are_system_and_text_is_user_message() {
    let log = with(json!({"instructions": "Be brief."}));
    assert_eq!(said(&log.input), lines([("system", "Be brief."), ("user", "why?")]));
    assert_eq!((log.provider.as_str(), log.model.as_str()), ("openai", "gpt-5.4"));
    assert_eq!(log.api_type.as_deref(), Some("responses"));
    assert!(log.parameters.is_empty(), "{:?}", log.parameters);

    let odd = with(json!({"instructions": 7}));
    assert_eq!((said(&odd.input), &odd.parameters["instructions"]), (lines([("user", "why?")]), &json!(7)));
    let none = with(json!({"instructions": null, "store": false}));
    assert_eq!(said(&none.input), lines([("user", "why?")]));
}

#[test]
fn other_fields_become_parameters() {
    let parameters = json!({
        "temperature": 0.5, "max_output_tokens": 256, "reasoning": {"effort": "high"}, "stream": true,
        "text": {"format": {"type": "json_object"}}, "include": ["reasoning.encrypted_content"],
        "previous_response_id": "resp_1", "own field of a server": [1],
        "prompt": {"id": "pmpt_1", "version": "2", "variables": {"city": "Bern"}},
    });
    assert_eq!(Value::Object(with(parameters.clone()).parameters), parameters);
    let nothing =
        with(json!({"store": null, "tools": null, "tool_choice": null, "text": null, "stream": null}));
    assert!(nothing.parameters.is_empty(), "{:?}", nothing.parameters);
}

#[test]
fn request_is_detected_only_if_unambiguous() {
    let input = |fields: Value| {
        let mut request = json!({"model": "gpt-4o", "input": "why?"});
        request.as_object_mut().unwrap().extend(fields.as_object().unwrap().clone());
        is_one(&request)
    };
    assert!(input(json!({})));
    for sure in [
        json!({"instructions": "Be brief."}),
        json!({"max_output_tokens": 5}),
        json!({"reasoning": {}}),
        json!({"text": {}}),
        json!({"tools": []}),
        json!({"previous_response_id": "resp_1"}),
        json!({"store": false}),
        json!({"stream": true}),
    ] {
        let mut request = json!({"model": "my-embedding-of-a-chat", "input": "why?"});
        request.as_object_mut().unwrap().extend(sure.as_object().unwrap().clone());
        assert!(is_one(&request), "{request}");
    }
    assert!(is_one(&json!({"model": "m", "input": [{"role": "user", "content": "why?"}]})));
    assert!(is_one(&json!({"model": "m", "input": [{"type": "reasoning", "id": "rs_1", "summary": []}]})));
    assert!(is_one(&json!({"model": "m", "input": [{"id": "msg_1"}, {"role": "user", "content": "why?"}]})));
    assert!(is_one(&json!({"prompt": {"id": "pmpt_1"}, "input": "why?"})), "a stored prompt names the model");
    assert!(is_one(&json!({"prompt": {"id": "pmpt_1"}})));
    assert!(is_one(&json!({"model": "m", "previous_response_id": "resp_1", "input": []})));
}

#[test]
fn embeddings_moderations_and_speech_are_not_detected() {
    for other in [
        json!({"model": "text-embedding-3-small", "input": "why?"}),
        json!({"model": "Nomic-Embed-Text", "input": "why?"}),
        json!({"model": "baai/bge-m3", "input": "why?"}),
        json!({"model": "m", "input": "why?", "encoding_format": "float"}),
        json!({"model": "m", "input": [{"role": "user", "content": "why?"}], "dimensions": 8}),
        json!({"model": "m", "input": ["why?", "so"]}),
        json!({"model": "m", "input": [1, 2, 3], "store": true}),
        json!({"model": "m", "input": [[1, 2], [3]]}),
        json!({"model": "m", "input": []}),
        json!({"model": "m"}),
        json!({"model": "jina-clip-v2", "input": [{"text": "why?"}, {"image": "https://example.org/a.png"}]}),
        json!({"model": "omni-moderation-latest", "input": "why?"}),
        json!({"model": "omni-moderation-latest", "input": [{"type": "text", "text": "why?"}]}),
        json!({"model": "gpt-4o-mini-tts", "input": "why?", "voice": "alloy", "instructions": "gently"}),
        json!({"model": "m", "messages": [{"role": "user", "content": "a"}], "input": "b", "stream": true}),
        json!({"model": 7, "input": "why?", "stream": true}),
        json!({"input": "why?", "stream": true}),
        json!({"model": "m", "input": {"prompt": "why?"}, "stream": true}),
    ] {
        assert!(!is_one(&other), "{other}");
    }
}

#[test]
fn messages_keep_roles_and_parts() {
    let log = of(&json!([
        {"role": "system", "content": "one"},
        {"type": "message", "role": "developer", "content": [{"type": "input_text", "text": "two"}]},
        {"role": "user", "content": [{"type": "input_text", "text": "thr"}, {"type": "input_text", "text": "ee"}]},
        {"type": "message", "role": "assistant", "id": "msg_1", "status": "completed",
         "content": [{"type": "output_text", "text": "four", "annotations": []}]},
        {"role": "assistant", "content": "five"},
        {"type": "message", "role": "critic", "content": [{"type": "refusal", "refusal": "six"}]},
        "seven",
        {"role": "user", "content": null},
    ]));
    assert_eq!(
        said(&log.input),
        lines([
            ("system", "one"),
            ("developer", "two"),
            ("user", "three"),
            ("assistant", "four"),
            ("assistant", "five"),
            ("user", "six"),
            ("user", "seven"),
            ("user", ""),
        ])
    );
    let four = json!([{"type": "text", "text": "four", "id": "msg_1"}]);
    assert_eq!(serde_json::to_value(&assistant(&log.input, 3).content).unwrap(), four);
    assert!(log.input.messages()[7].content().is_empty());
}

#[test]
fn image_is_read_by_url_data_or_file_id() {
    for url in ["https://example.org/a.png", "data:image/png;base64,AAAA"] {
        let [ContentBlock::ImageUrl(image)] =
            &part(&json!({"type": "input_image", "image_url": url, "detail": "low", "file_id": null}))[..]
        else {
            panic!()
        };
        assert_eq!((image.image_url.url.as_str(), image.image_url.detail.as_deref()), (url, Some("low")));
    }
    let nested = part(&json!({"type": "input_image", "image_url": {"url": "https://example.org/b.png"}}));
    assert_eq!(nested, [ContentBlock::from_image_url("https://example.org/b.png")]);
    let by_id = part(&json!({"type": "input_image", "file_id": "file-1", "detail": "auto"}));
    assert_eq!(media(&by_id[0]), (None, None, Some("file-1"), MediaFormat::Neither));
}

#[test]
fn file_is_read_by_data_url_or_file_id() {
    let cases = [
        (
            json!({"filename": "a.pdf", "file_data": "data:application/pdf;base64,JVBE"}),
            (Some("a.pdf"), Some("application/pdf"), Some("JVBE"), MediaFormat::Base64),
        ),
        (
            json!({"filename": "a.CSV", "file_data": "YSxi"}),
            (Some("a.CSV"), Some("text/csv"), Some("YSxi"), MediaFormat::Base64),
        ),
        (
            json!({"file_url": "https://example.org/b.pdf?page=2.5"}),
            (None, Some("application/pdf"), Some("https://example.org/b.pdf?page=2.5"), MediaFormat::Url),
        ),
        (
            json!({"file_id": "file-1"}),
            (None, Some("application/octet-stream"), Some("file-1"), MediaFormat::Neither),
        ),
    ];
    for (mut file, expected) in cases {
        file.as_object_mut().unwrap().insert("type".to_owned(), "input_file".into());
        assert_eq!(media(&part(&file)[0]), expected, "{file}");
    }
    let audio = part(&json!({"type": "input_audio", "input_audio": {"data": "UklG", "format": "wav"}}));
    assert_eq!(media(&audio[0]), (None, Some("audio/wav"), Some("UklG"), MediaFormat::Base64));
}

#[test]
fn unknown_part_is_kept_whole() {
    for odd in [
        json!({"type": "input_hologram", "depth": 3}),
        json!({"type": "input_image", "image_url": null}),
        json!({"type": "input_file"}),
        json!({"type": "input_text", "text": 7}),
        json!({"no": "type"}),
        json!(7),
    ] {
        let blocks = part(&odd);
        assert_eq!(blocks.len(), 1, "{odd}");
        assert_eq!(serde_json::from_str::<Value>(blocks[0].text().unwrap()).unwrap(), odd);
    }
}

#[test]
fn consecutive_thoughts_and_calls_become_one_message() {
    let log = of(&json!([
        {"role": "user", "content": "Weather?"},
        {"type": "reasoning", "id": "rs_1", "encrypted_content": "opaque", "summary": [
            {"type": "summary_text", "text": "Look it up."}, {"type": "summary_text", "text": "Twice."},
        ]},
        {"type": "function_call", "id": "fc_1", "call_id": "call_1", "name": "weather", "arguments": "{\"a\":1}"},
        {"type": "custom_tool_call", "id": "ctc_1", "call_id": "call_2", "name": "sql", "input": "select 1"},
        {"type": "function_call_output", "call_id": "call_1", "output": "sunny"},
        {"type": "custom_tool_call_output", "call_id": "call_2", "output": [{"type": "input_text", "text": "1"}]},
        {"type": "message", "role": "assistant", "content": [{"type": "output_text", "text": "Sunny."}]},
        {"type": "function_call", "call_id": "call_3", "name": "now", "arguments": {}},
        {"type": "message", "role": "assistant", "content": [{"type": "output_text", "text": "Wait."}]},
    ]));
    assert_eq!(
        said(&log.input),
        lines([
            ("user", "Weather?"),
            ("assistant", ""),
            ("tool", "sunny"),
            ("tool", "1"),
            ("assistant", "Sunny."),
            ("assistant", "Wait."),
        ])
    );
    let first = assistant(&log.input, 1);
    assert_eq!(
        serde_json::to_value(&first.content).unwrap(),
        json!([{
            "type": "thinking", "thinking": "Look it up.\n\nTwice.", "signature": "opaque", "id": "rs_1"
        }])
    );
    assert_eq!(calls(first), [["call_1", "weather", "{\"a\":1}"], ["call_2", "sql", "select 1"]]);
    assert_eq!(calls(assistant(&log.input, 4)), [["call_3", "now", "{}"]]);
    let ids: Vec<&str> = log
        .input
        .messages()
        .iter()
        .filter_map(|message| match message {
            Message::Tool(message) => Some(message.tool_call_id.as_str()),
            _ => None,
        })
        .collect();
    assert_eq!(ids, ["call_1", "call_2"]);
}

#[test]
fn results_of_local_tools_become_tool_messages() {
    let log = of(&json!([
        {"type": "shell_call", "call_id": "call_1", "action": {"commands": ["ls"]}, "status": "completed"},
        {"type": "shell_call_output", "call_id": "call_1", "output": [
            {"stdout": "a", "stderr": "", "outcome": {"type": "exit", "exit_code": 0}},
        ]},
        {"type": "local_shell_call", "id": "lsh_1", "call_id": "call_2", "status": "completed",
         "action": {"type": "exec", "command": ["ls"], "env": {}}},
        {"type": "local_shell_call_output", "id": "lsh_1", "output": "b"},
        {"type": "apply_patch_call", "call_id": "call_3", "status": "completed",
         "operation": {"type": "delete_file", "path": "c"}},
        {"type": "apply_patch_call_output", "call_id": "call_3", "status": "completed", "output": "gone"},
        {"type": "computer_call", "id": "cu_1", "call_id": "call_4", "status": "completed",
         "action": {"type": "wait"}, "pending_safety_checks": []},
        {"type": "computer_call_output", "call_id": "call_4",
         "output": {"type": "computer_screenshot", "image_url": "https://example.org/s.png"}},
        {"type": "mcp_approval_request", "id": "mcpr_1", "name": "roll", "server_label": "dice", "arguments": "{}"},
        {"type": "mcp_approval_response", "approval_request_id": "mcpr_1", "approve": true},
    ]));
    let written = serde_json::to_value(&log.input).unwrap();
    assert_eq!(
        written["messages"],
        json!([
            {"role": "assistant", "content": [{"type": "shell_call", "call_id": "call_1",
                "action": {"commands": ["ls"]}, "status": "completed"}]},
            {"role": "tool", "tool_call_id": "call_1", "content": [{"type": "shell_call_output",
                "call_id": "call_1",
                "output": [{"stdout": "a", "stderr": "", "outcome": {"type": "exit", "exit_code": 0}}]}]},
            {"role": "assistant", "content": [{"type": "shell_call", "id": "lsh_1", "call_id": "call_2",
                "action": {"type": "exec", "command": ["ls"], "env": {}}, "status": "completed"}]},
            {"role": "tool", "tool_call_id": "lsh_1",
             "content": [{"type": "shell_call_output", "id": "lsh_1", "output": [{"output": "b"}]}]},
            {"role": "assistant", "content": [{"type": "apply_patch_call", "call_id": "call_3",
                "operation": {"type": "delete_file", "path": "c"}, "status": "completed"}]},
            {"role": "tool", "tool_call_id": "call_3", "content": [{"type": "apply_patch_call_output",
                "call_id": "call_3", "output": "gone", "status": "completed"}]},
            {"role": "assistant", "content": [], "tool_calls": [{"type": "function", "id": "call_4", "function": {
                "name": "computer",
                "arguments": "{\"action\":{\"type\":\"wait\"},\"pending_safety_checks\":[]}"}}]},
            {"role": "tool", "tool_call_id": "call_4",
             "content": [{"type": "image_url", "image_url": {"url": "https://example.org/s.png"}}]},
            {"role": "assistant", "content": [{"type": "mcp_approval_request", "id": "mcpr_1", "name": "roll",
                "server_label": "dice", "arguments": "{}"}]},
            {"role": "user", "content": [{"type": "mcp_approval_response", "approval_request_id": "mcpr_1",
                "approve": true}]},
        ])
    );
}

#[test]
fn unknown_item_is_kept_whole_with_its_role() {
    let cases = [
        (json!({"type": "item_reference", "id": "msg_1"}), "assistant"),
        (json!({"id": "msg_1"}), "assistant"),
        (json!({"type": "compaction", "id": "cmp_1", "encrypted_content": "opaque"}), "assistant"),
        (json!({"type": "hologram", "depth": 3}), "user"),
    ];
    for (item, role) in cases {
        let log = of(&json!([{"role": "user", "content": "why?"}, item]));
        let message = &log.input.messages()[1];
        assert_eq!(message.role(), role, "{item}");
        assert_eq!(serde_json::from_str::<Value>(&message.text()).unwrap(), item);
    }
}
