use std::collections::BTreeSet;

use serde_json::{Value, json};

use super::*;
use crate::{Score, Tags, shared};

fn time(text: &str) -> std::time::SystemTime {
    text.parse::<jiff::Timestamp>().unwrap().into()
}

/// One block of every type in the API document, with every field.
fn all_blocks() -> Vec<Value> {
    vec![
        json!({"type": "text", "text": "t", "id": "i", "thought_signature": "s", "annotations": [
            {"type": "url_citation", "title": "t", "url": "u", "start_index": 0, "end_index": 1,
             "cited_text": "c", "encrypted_index": "e"},
            {"type": "file_citation", "index": 1, "file_id": "f", "filename": "n"},
            {"type": "map_citation", "title": "t", "url": "u", "place_id": "p", "start_index": 0,
             "end_index": 1, "cited_text": "c"},
            {"type": "container_file_citation", "container_id": "c", "start_index": 0,
             "end_index": 1, "filename": "n", "file_id": "f"},
        ]}),
        json!({"type": "thinking", "thinking": "hm", "signature": "s", "id": "i"}),
        json!({"type": "code", "code": "1+1", "id": "i", "container_id": "c"}),
        json!({"type": "image_url", "image_url": {"url": "u", "detail": "low"},
               "image_variable": "v"}),
        json!({"type": "media", "media": {"title": "t", "type": "image/png", "url": "u",
               "format": "base64"}}),
        json!({"type": "media_variable", "name": "n"}),
        json!({"type": "output_media", "id": "i", "url": "u", "mime_type": "audio/wav",
               "media_type": "audio", "provider_metadata": {"a": 1}}),
        json!({"type": "server_tool_use", "id": "i", "name": "n", "input": {"q": 1}}),
        json!({"type": "web_search_tool_result", "tool_use_id": "i", "content": [
            {"type": "web_search_result", "url": "u", "title": "t", "encrypted_content": "e",
             "page_age": "p"}]}),
        json!({"type": "code_execution_result", "output": "2", "outcome": "OUTCOME_OK"}),
        json!({"type": "mcp_list_tools", "id": "i", "server_label": "l", "tools": [{"a": 1}],
               "error": "e"}),
        json!({"type": "mcp_call", "id": "i", "name": "n", "server_label": "l",
               "arguments": "{}", "output": "o", "error": {"code": 1},
               "approval_request_id": "r"}),
        json!({"type": "mcp_approval_request", "id": "i", "name": "n", "arguments": "{}",
               "server_label": "l"}),
        json!({"type": "mcp_approval_response", "approval_request_id": "r", "approve": false}),
        json!({"type": "bash_code_execution_tool_result", "tool_use_id": "i",
               "content": {"stdout": "x"}}),
        json!({"type": "text_editor_code_execution_tool_result", "tool_use_id": "i",
               "content": {"a": 1}}),
        json!({"type": "shell_call", "id": "i", "call_id": "c", "action": {"a": 1},
               "status": "s"}),
        json!({"type": "shell_call_output", "id": "i", "call_id": "c", "output": [{"a": 1}],
               "status": "s"}),
        json!({"type": "apply_patch_call", "id": "i", "call_id": "c", "operation": {"a": 1},
               "status": "s"}),
        json!({"type": "apply_patch_call_output", "id": "i", "call_id": "c", "output": "o",
               "status": "s"}),
    ]
}

/// A prompt with every type and field of the API document.
fn everything() -> Value {
    let text = json!([{"type": "text", "text": "x"}]);
    json!({
        "type": "chat",
        "messages": [
            {"role": "system", "content": text, "name": "n", "input_variables": ["v"],
             "template_format": "jinja2"},
            {"role": "developer", "content": text, "template_format": "f-string"},
            {"role": "user", "content": all_blocks()},
            {"role": "assistant", "content": text, "function_call": {"name": "f", "arguments": "{}"},
             "tool_calls": [{"type": "function", "id": "c", "tool_id": "t",
                             "function": {"name": "f", "arguments": "{}"}}]},
            {"role": "assistant", "content": []},
            {"role": "tool", "content": text, "tool_call_id": "c", "name": "f"},
            {"role": "function", "name": "f", "content": text},
            {"role": "placeholder", "name": "p", "raw_request_display_role": "user"},
        ],
        "tools": [
            {"type": "function", "function": {"name": "f", "description": "d", "strict": true,
                                              "parameters": {"type": "object"}}},
            {"type": "web_search", "id": "i", "name": "n", "description": "d", "provider": "openai",
             "config": {"a": 1}},
        ],
        "tool_choice": {"type": "function", "function": {"name": "f"}},
        "functions": [{"name": "f"}],
        "function_call": {"name": "f"},
        "input_variables": ["v"],
    })
}

#[test]
fn documented_prompt_is_typed_and_round_trips() {
    let json = everything();
    let prompt: Prompt = serde_json::from_value(json.clone()).unwrap();

    assert_eq!(serde_json::to_value(&prompt).unwrap(), json);
    for message in prompt.messages() {
        assert!(!matches!(message, Message::Other(_)), "{message:?}");
        for block in message.content() {
            assert!(!matches!(block, ContentBlock::Other(_)), "{block:?}");
            if let ContentBlock::Text(block) = block {
                assert!(!block.annotations.iter().any(|it| matches!(it, Annotation::Other(_))));
            }
        }
    }
}

#[test]
fn undocumented_values_are_kept_whole() {
    let json = json!({
        "type": "chat",
        "messages": [
            {"role": "user", "content": [
                {"type": "hologram", "depth": 3},
                {"type": "text", "text": "x", "annotations": [{"type": "footnote", "n": 1}]},
                {"type": "text", "text": 7},
            ]},
            {"role": "narrator", "content": "Meanwhile"},
        ],
        "tools": [{"type": "variable", "name": "tools"}],
        "tool_choice": {"type": "allowed_tools", "mode": "auto"},
    });
    let prompt: Prompt = serde_json::from_value(json.clone()).unwrap();

    assert_eq!(serde_json::to_value(&prompt).unwrap(), json);
    assert_eq!(prompt.messages()[1].role(), "narrator");
    assert_eq!(prompt.messages()[0].text(), "x");
}

#[test]
fn text_null_and_absent_content_are_accepted() {
    let prompt: Prompt = serde_json::from_value(json!({
        "messages": [
            {"role": "user", "content": "Hello", "input_variables": null},
            {"role": "assistant", "content": null, "tool_calls": null},
        ],
        "tools": null,
    }))
    .unwrap();

    assert_eq!(
        serde_json::to_value(&prompt).unwrap(),
        json!({"type": "chat", "messages": [
            {"role": "user", "content": [{"type": "text", "text": "Hello"}]},
            {"role": "assistant", "content": []},
        ]})
    );
    let completion: Prompt = serde_json::from_value(json!({"content": "Once"})).unwrap();
    assert!(matches!(&completion, Prompt::Completion(_)));
    assert_eq!(completion.text(), "Once");
}

#[test]
fn minimal_request_has_required_fields_and_status() {
    let request = LogRequest::new("openai", "gpt-4o", Prompt::user("?"), Prompt::assistant("!"));
    let json = serde_json::to_value(&request).unwrap();
    // Compares sets: the order of the fields depends on the features that `serde_json` is built with.
    let fields: BTreeSet<_> = json.as_object().unwrap().keys().map(String::as_str).collect();

    assert_eq!(fields, BTreeSet::from(["input", "model", "output", "provider", "status"]));
    assert_eq!(json["status"], "SUCCESS");
    assert_eq!(serde_json::from_value::<LogRequest>(json).unwrap(), request);
}

/// A request with every field.
fn full_request() -> LogRequest {
    let mut request = LogRequest::new(
        "openai",
        "gpt-4o",
        serde_json::from_value::<Prompt>(everything()).unwrap(),
        CompletionPrompt::new("done"),
    )
    .times(time("2024-01-02T03:04:05Z"), time("2024-01-02T03:04:06.1234567Z"))
    .tags(Tags::new(["a", "b"]).unwrap())
    .metadata([("k", "v")])
    .parameters([("temperature", 0.2)])
    .usage(3, 4)
    .score(Score::try_from(50_u8).unwrap())
    .failed(ErrorType::ProviderTimeout, "too slow");
    request.prompt_name = Some("example".to_owned());
    request.prompt_id = Some(11);
    request.prompt_version_number = Some(1);
    request.prompt_input_variables.insert("product".to_owned(), json!("toasters"));
    request.price = Some(0.01);
    request.function_name = Some("ask".to_owned());
    request.api_type = Some("chat-completions".to_owned());
    request
}

#[test]
fn times_are_written_with_microseconds() {
    let json = serde_json::to_value(full_request()).unwrap();
    assert_eq!(json["request_start_time"], "2024-01-02T03:04:05.000000Z");
    assert_eq!(json["request_end_time"], "2024-01-02T03:04:06.123456Z");
}

#[test]
fn error_message_is_truncated_between_characters() {
    let mut request = full_request();
    assert_eq!(request.status, RequestStatus::Error);

    request.set_error(ErrorType::UnknownError, &"é".repeat(1030));
    assert_eq!(request.error_message().unwrap().chars().count(), 1024);
    let exact = "é".repeat(LogRequest::MAX_ERROR_CHARACTERS);
    request.set_error(ErrorType::UnknownError, &exact);
    assert_eq!(request.error_message(), Some(&*exact));
}

#[test]
fn as_str_matches_serialized_name() {
    for status in [RequestStatus::Success, RequestStatus::Warning, RequestStatus::Error] {
        assert_eq!(serde_json::to_value(status).unwrap(), status.as_str());
    }
    for kind in [
        ErrorType::ProviderTimeout,
        ErrorType::ProviderQuotaLimit,
        ErrorType::ProviderRateLimit,
        ErrorType::ProviderPartialResponse,
        ErrorType::ProviderAuthError,
        ErrorType::ProviderError,
        ErrorType::TemplateRenderError,
        ErrorType::VariableMissingOrEmpty,
        ErrorType::UnknownError,
    ] {
        assert_eq!(serde_json::to_value(kind).unwrap(), kind.as_str());
    }
}

/// Returns a validator for a schema of each API document. It is stricter than the document: unknown fields are
/// errors, so that misspelled names are found.
fn validators(schema: &str) -> Vec<jsonschema::Validator> {
    /// Replaces `nullable`, which PromptLayer's document uses and newer JSON schema drafts do not support.
    fn adapt(schema: &mut Value) {
        if let Some(items) = schema.as_array_mut() {
            items.iter_mut().for_each(adapt);
        }
        let Some(fields) = schema.as_object_mut() else {
            return;
        };
        fields.values_mut().for_each(adapt);
        if fields.get("properties").is_some_and(Value::is_object)
            && fields.get("type") == Some(&json!("object"))
            && !fields.contains_key("additionalProperties")
        {
            fields.insert("unevaluatedProperties".to_owned(), json!(false));
        }
        if fields.get("nullable") == Some(&json!(true)) {
            let inner = Value::Object(std::mem::take(fields));
            *schema = json!({"anyOf": [inner, {"type": "null"}]});
            // The keyword stays in the inner schema, where it has no effect.
        }
    }
    let validator = |mut document: Value| {
        let mut schemas = document["components"].take();
        schemas["schemas"].as_object_mut().unwrap().values_mut().for_each(adapt);
        let root = json!({"$ref": format!("#/components/schemas/{schema}"), "components": schemas});
        jsonschema::validator_for(&root).unwrap()
    };
    shared::contracts().into_iter().map(validator).collect()
}

fn assert_valid(validator: &jsonschema::Validator, value: &Value) {
    let errors: Vec<_> =
        validator.iter_errors(value).map(|e| format!("{}: {e}", e.instance_path())).collect();
    assert!(errors.is_empty(), "{errors:#?}\n{value:#}");
}

#[test]
fn log_request_is_valid_by_api_documents() {
    let json = serde_json::to_value(full_request()).unwrap();
    assert_eq!(json.as_object().unwrap().len(), 22, "every field of the documents");
    let short = LogRequest::new("p", "m", Prompt::user("?"), Prompt::assistant("!"))
        .times(time("2024-01-02T03:04:05Z"), time("2024-01-02T03:04:05Z"));
    let short = serde_json::to_value(short).unwrap();
    let mut misspelled = json.clone();
    misspelled["promptname"] = json!("x");
    let mut misspelled_inside = json.clone();
    misspelled_inside["input"]["messages"][0]["content"][0]["txt"] = json!("x");

    for requests in validators("LogRequest") {
        assert_valid(&requests, &json);
        assert_valid(&requests, &short);
        assert!(!requests.is_valid(&json!({"provider": "p"})), "the validator can say no");
        assert!(!requests.is_valid(&misspelled), "and it knows the fields");
        assert!(!requests.is_valid(&misspelled_inside), "and those of a block");
    }
}

#[test]
fn blueprint_is_valid_by_api_documents() {
    let blueprint = PromptBlueprint {
        prompt_template: serde_json::from_value(everything()).unwrap(),
        commit_message: Some("m".to_owned()),
        metadata: Some(Metadata {
            model: Some(Model {
                parameters: Map::from_iter([("temperature".to_owned(), json!(0.2))]),
                display_params: Map::from_iter([("t".to_owned(), json!(1))]),
                model_config_display_name: Some("n".to_owned()),
                base_model: Some("b".to_owned()),
                api_type: Some("responses".to_owned()),
                ..Model::new("openai", "gpt-4o")
            }),
            other: Map::from_iter([("owner".to_owned(), json!("kitchen"))]),
        }),
        provider_base_url_name: Some("eu".to_owned()),
        report_id: Some(1),
        inference_client_name: Some("c".to_owned()),
        provider_id: Some(2),
    };
    let json = serde_json::to_value(&blueprint).unwrap();

    for blueprints in validators("PromptBlueprint") {
        assert_valid(&blueprints, &json);
    }
    assert_eq!(serde_json::from_value::<PromptBlueprint>(json).unwrap(), blueprint);
}

#[test]
fn requests_of_python_client_can_be_read() {
    for scene in shared::scenes("python_log_request") {
        let mut count = 0;
        for exchange in scene["exchanges"].as_array().unwrap() {
            let mut body = exchange["body_json"].clone();
            if !body["input"].is_object() {
                continue;
            }
            // The Python client sends seconds, which the API documents do not allow.
            for time in ["request_start_time", "request_end_time"] {
                body.as_object_mut().unwrap().remove(time);
            }
            let request: LogRequest = serde_json::from_value(body.clone()).unwrap();
            assert_eq!(request.model, body["model"].as_str().unwrap());
            for side in [&request.input, &request.output] {
                for message in side.messages() {
                    assert!(!matches!(message, Message::Other(_)), "{message:?}");
                }
            }
            count += 1;
        }
        assert!(count >= 4, "{count}");
    }
}

#[test]
fn message_with_only_tool_calls_has_empty_content() {
    let message = Message::Assistant(AssistantMessage {
        tool_calls: vec![ToolCall::new("call_1", "now", "{}")],
        ..AssistantMessage::default()
    });
    assert_eq!(
        serde_json::to_value(message).unwrap(),
        json!({"role": "assistant", "content": [], "tool_calls": [
            {"type": "function", "id": "call_1", "function": {"name": "now", "arguments": "{}"}},
        ]})
    );
}

#[test]
fn time_out_of_range_is_left_out_of_the_request() {
    let first = std::time::UNIX_EPOCH;
    let last = first + std::time::Duration::from_secs(1 << 42);
    let request = LogRequest::new("p", "m", Prompt::user("?"), Prompt::assistant("!")).times(first, last);
    let json = serde_json::to_value(request).unwrap();
    assert_eq!(json["request_start_time"], "1970-01-01T00:00:00.000000Z");
    assert_eq!(json["request_end_time"], Value::Null);
}
