//! Conversion of external spans, from their fields alone.

use std::sync::Arc;

use promptlayer_blueprint::{ErrorType, RequestStatus};
use serde_json::{Map, Value, json};

use super::{FinishedSpan, Inherited, LogRequest, arguments, span};
use crate::PromptLink;
use crate::kind::SpanKind;
use crate::process::convert;

/// A span of a model call with these fields.
fn call(fields: &Value) -> FinishedSpan {
    let fields: Map<String, Value> = fields.as_object().unwrap().clone();
    FinishedSpan { name: "chat", function: None, is_external: true, fields: fields.into(), ..span() }
}

fn log(fields: &Value) -> LogRequest {
    convert::request(&call(fields), None).log
}

fn messages(said: &Value) -> Value {
    serde_json::to_value(log(&json!({ "gen_ai.input.messages": said.to_string() })).input).unwrap()
        ["messages"]
        .clone()
}

fn answered(said: &Value) -> Value {
    serde_json::to_value(log(&json!({ "gen_ai.output.messages": said.to_string() })).output).unwrap()
        ["messages"]
        .clone()
}

#[test]
fn call_is_read_completely() {
    let log = log(&json!({
        "gen_ai.operation.name": "chat",
        "gen_ai.provider.name": "gcp.gemini",
        "gen_ai.request.model": "gemini-2.5-flash",
        "gen_ai.request.temperature": 0.5,
        "gen_ai.request.max_tokens": 64,
        "gen_ai.request.stop_sequences": "[\"END\"]",
        "gen_ai.request.choice.count": 2,
        "gen_ai.request.stream": true,
        "gen_ai.response.model": "gemini-2.5-flash-001",
        "gen_ai.response.id": "r-1",
        "gen_ai.response.finish_reasons": "[\"STOP\"]",
        "gen_ai.response.time_to_first_chunk": 0.25,
        "gen_ai.usage.input_tokens": 12,
        "gen_ai.usage.output_tokens": 7,
        "gen_ai.usage.cache_read.input_tokens": 4,
        "gen_ai.usage.cache_creation.input_tokens": 0,
        "gen_ai.usage.reasoning.output_tokens": 3,
        "gen_ai.conversation.id": "talk-9",
        "gen_ai.system_instructions": r#"[{"type":"text","content":"Be brief."}]"#,
        "gen_ai.input.messages": r#"[{"role":"user","parts":[{"type":"text","content":"Why?"}]}]"#,
        "gen_ai.output.messages":
            r#"[{"role":"assistant","parts":[{"type":"text","content":"Because."}],"finish_reason":"stop"}]"#,
        "gen_ai.tool.definitions":
            r#"[{"type":"function","name":"look","description":"Looks.","parameters":{"type":"object"}}]"#,
    }));
    assert_eq!(
        serde_json::to_value(&log).unwrap(),
        json!({
            "provider": "google",
            "model": "gemini-2.5-flash",
            "input": {
                "type": "chat",
                "messages": [
                    {"role": "system", "content": [{"type": "text", "text": "Be brief."}]},
                    {"role": "user", "content": [{"type": "text", "text": "Why?"}]},
                ],
                "tools": [{
                    "type": "function",
                    "function": {"name": "look", "description": "Looks.", "parameters": {"type": "object"}},
                }],
            },
            "output": {
                "type": "chat",
                "messages": [{"role": "assistant", "content": [{"type": "text", "text": "Because."}]}],
            },
            "request_start_time": "2023-11-14T22:13:20.000000Z",
            "request_end_time": "2023-11-14T22:13:21.500000Z",
            "parameters": {
                "temperature": 0.5, "max_tokens": 64, "stop_sequences": ["END"], "n": 2, "stream": true,
            },
            "metadata": {
                "finish_reason": "stop",
                "provider_finish_reason": "STOP",
                "response_id": "r-1",
                "conversation_id": "talk-9",
                "time_to_first_chunk_ms": "250.000",
                "cached_tokens": "4",
                "reasoning_tokens": "3",
            },
            "input_tokens": 12,
            "output_tokens": 7,
            "function_name": "chat",
            "status": "SUCCESS",
        })
    );
}

#[test]
fn deprecated_attribute_names_are_read() {
    let log = log(&json!({
        "gen_ai.system": "az.ai.openai",
        "gen_ai.request.model": "\"gpt-4o\"",
        "gen_ai.usage.prompt_tokens": "8",
        "gen_ai.usage.completion_tokens": -1,
        "gen_ai.prompt": "Why?",
        "gen_ai.completion": "Because.",
    }));
    assert_eq!((log.provider.as_str(), log.model.as_str()), ("openai.azure", "gpt-4o"));
    assert_eq!((log.input_tokens, log.output_tokens), (Some(8), None));
    assert_eq!((log.input.text().as_str(), log.output.text().as_str()), ("Why?", "Because."));
    assert_eq!(log.output.messages()[0].role(), "assistant");
}

#[test]
fn provider_is_mapped_to_promptlayer_name() {
    let provider = |fields: Value| log(&fields).provider;
    for (theirs, ours) in [
        ("gemini", "google"),
        ("gcp.vertex_ai", "vertexai"),
        ("aws.bedrock", "amazon.bedrock"),
        ("azure.ai.openai", "openai.azure"),
        ("x_ai", "xai"),
        ("mistral_ai", "mistral"),
        ("openrouter", "openrouter"),
    ] {
        assert_eq!(provider(json!({ "gen_ai.provider.name": theirs })), ours);
    }
    let at = |host: &str| provider(json!({ "gen_ai.provider.name": "openai", "server.address": host }));
    assert_eq!(at("mine.openai.azure.com"), "openai.azure");
    assert_eq!(at("notopenai.azure.com"), "openai");
}

#[test]
fn provider_of_span_has_priority_over_layer_default() {
    let of = |fields: Value| convert::request(&call(&fields), Some("groq")).log.provider;
    assert_eq!(of(json!({ "gen_ai.provider.name": "anthropic" })), "anthropic");
    assert_eq!(of(json!({ "gen_ai.request.model": "llama" })), "groq");
}

#[test]
fn tool_calls_and_results_become_messages() {
    let said = messages(&json!([
        {"role": "assistant", "parts": [
            {"type": "reasoning", "content": "Look first."},
            {"type": "tool_call", "id": "c1", "name": "look", "arguments": {"where": "up"}},
            {"type": "tool_call", "name": "wait", "arguments": "{}"},
        ]},
        {"role": "user", "parts": [
            {"type": "tool_call_response", "id": "c1", "response": {"seen": "sky"}},
            {"type": "tool_call_response", "id": "c2", "result": "waited"},
            {"type": "text", "content": "And now?"},
        ]},
    ]));
    assert_eq!(
        said,
        json!([
            {
                "role": "assistant",
                "content": [{"type": "thinking", "thinking": "Look first."}],
                "tool_calls": [
                    {"type": "function", "id": "c1", "function": {"name": "look", "arguments": "{\"where\":\"up\"}"}},
                    {"type": "function", "id": "", "function": {"name": "wait", "arguments": "{}"}},
                ],
            },
            {
                "role": "tool",
                "tool_call_id": "c1",
                "content": [{"type": "text", "text": "{\n  \"seen\": \"sky\"\n}"}],
            },
            {"role": "tool", "tool_call_id": "c2", "content": [{"type": "text", "text": "waited"}]},
            {"role": "user", "content": [{"type": "text", "text": "And now?"}]},
        ])
    );
}

#[test]
fn output_with_only_tool_calls_has_no_content() {
    let said = answered(&json!([{"role": "assistant", "parts": [
        {"type": "tool_call", "id": "c1", "name": "look", "arguments": {}},
    ]}]));
    let call = json!({"type": "function", "id": "c1", "function": {"name": "look", "arguments": "{}"}});
    assert_eq!(said, json!([{"role": "assistant", "content": [], "tool_calls": [call]}]));
}

#[test]
fn files_become_blocks_by_modality_and_role() {
    let image = json!({"type": "blob", "modality": "image", "mime_type": "image/jpeg", "content": "QQ=="});
    let said = messages(&json!([{"role": "user", "parts": [
        image,
        {"type": "uri", "modality": "image", "uri": "https://a/b.png"},
        {"type": "uri", "modality": "document", "mime_type": "application/pdf", "uri": "https://a/b.pdf"},
        {"type": "file", "modality": "image", "file_id": "file-1"},
        {"type": "blob"},
    ]}]));
    assert_eq!(
        said[0]["content"],
        json!([
            {"type": "image_url", "image_url": {"url": "data:image/jpeg;base64,QQ=="}},
            {"type": "image_url", "image_url": {"url": "https://a/b.png"}},
            {"type": "media", "media": {"type": "application/pdf", "url": "https://a/b.pdf", "format": "url"}},
            {"type": "media", "media": {"url": "file-1", "format": "neither"}},
            {"type": "text", "text": "{\n  \"type\": \"blob\"\n}"},
        ])
    );
    let made = answered(&json!([{"role": "assistant", "parts": [image]}]));
    assert_eq!(
        made[0]["content"],
        json!([{
            "type": "output_media",
            "url": "data:image/jpeg;base64,QQ==",
            "mime_type": "image/jpeg",
            "media_type": "image",
        }])
    );
}

#[test]
fn invalid_messages_become_one_text() {
    for (said, text) in [("Why?", "Why?"), ("[1]", "[1]"), ("{\"role\":", "{\"role\":")] {
        let log = log(&json!({ "gen_ai.input.messages": said }));
        assert_eq!((log.input.messages()[0].role(), log.input.text().as_str()), ("user", text));
    }
    assert_eq!(messages(&json!([])), json!([]));
    let said = messages(&json!([{"role": "user", "content": "Why?"}]));
    assert_eq!(said, json!([{"role": "user", "content": [{"type": "text", "text": "Why?"}]}]));
}

#[test]
fn text_completion_becomes_a_completion() {
    let log = log(&json!({
        "gen_ai.operation.name": "text_completion",
        "gen_ai.prompt": "Once upon",
        "gen_ai.completion": " a time",
    }));
    let [input, output] = [log.input, log.output].map(|prompt| serde_json::to_value(prompt).unwrap());
    assert_eq!(input["content"], json!([{"type": "text", "text": "Once upon"}]));
    assert_eq!(output["content"], json!([{"type": "text", "text": " a time"}]));
}

#[test]
fn error_status_gives_error_of_named_kind() {
    for (fields, kind, message) in [
        (json!({"error.type": "429"}), ErrorType::ProviderRateLimit, "429"),
        (
            json!({"error.type": "timeout", "otel.status_code": "ERROR"}),
            ErrorType::ProviderTimeout,
            "timeout",
        ),
        (json!({"otel.status_code": "error"}), ErrorType::ProviderError, "the call failed"),
        (
            json!({"error.type": "401", "otel.status_description": "no such key"}),
            ErrorType::ProviderAuthError,
            "401: no such key",
        ),
    ] {
        let log = log(&fields);
        assert_eq!((log.status, log.error_type), (RequestStatus::Error, Some(kind)), "{fields}");
        assert_eq!(log.error_message(), Some(message));
    }
    assert_eq!(log(&json!({"otel.status_code": "OK"})).status, RequestStatus::Success);
}

#[test]
fn json_text_is_kept_unchanged() {
    for said in
        ["[]", "null", "1.10", r#"{"a":1}"#, r#"[ "a", 2 ]"#, "true", "[1", "é", r#"[{"type":"text"}]"#]
    {
        let log = log(&json!({"gen_ai.prompt": said, "gen_ai.completion": said}));
        assert_eq!((log.input.text().as_str(), log.output.text().as_str()), (said, said));
    }
    let by_debug = log(&json!({"gen_ai.completion": r#""{\"a\":1}""#}));
    assert_eq!(by_debug.output.text(), r#"{"a":1}"#);
    let messages = r#"[{"role":"assistant","content":"Because."}]"#;
    assert_eq!(log(&json!({"gen_ai.completion": messages})).output.text(), "Because.");
    assert_eq!(log(&json!({"gen_ai.completion": 1.5})).output.text(), "1.5");
    for nothing in ["[]", "null", ""] {
        let log = log(&json!({"gen_ai.input.messages": nothing, "gen_ai.output.messages": nothing}));
        assert!(log.input.messages().is_empty() && log.output.messages().is_empty(), "{nothing}");
    }
}

#[test]
fn cache_writes_are_read_under_both_names() {
    for name in ["gen_ai.usage.cache_write.input_tokens", "gen_ai.usage.cache_creation.input_tokens"] {
        assert_eq!(log(&json!({ name: 5 })).metadata["cache_creation_tokens"], "5", "{name}");
    }
}

#[test]
fn named_template_links_the_call_unless_a_function_does() {
    let fields = json!({
        "gen_ai.prompt.name": "forecast",
        "gen_ai.prompt.version": "2",
        "gen_ai.prompt.variable.city": "Paris",
    });
    let linked = log(&fields);
    assert_eq!((linked.prompt_name.as_deref(), linked.prompt_version_number), (Some("forecast"), Some(2)));
    assert_eq!(Value::Object(linked.prompt_input_variables), json!({"city": "Paris"}));
    let variable = "gen_ai.prompt.variable.city";
    let span = call(&fields);
    assert!(span.fields.get(variable).is_some() && !span.own_fields().contains_key(variable));
    let named = log(&json!({"gen_ai.prompt.name": "forecast", "gen_ai.prompt.version": "v2"}));
    assert_eq!((named.prompt_name.as_deref(), named.prompt_version_number), (Some("forecast"), None));

    let prompt = Some(PromptLink::new("own").version(7));
    let inherited = Arc::new(Inherited { prompt, ..Inherited::default() });
    let log = convert::request(&FinishedSpan { inherited, ..call(&fields) }, None).log;
    assert_eq!((log.prompt_name.as_deref(), log.prompt_version_number), (Some("own"), Some(7)));
}

#[test]
fn provider_bodies_in_the_old_attributes_are_read() {
    let request = json!({
        "model": "gpt-4o", "temperature": 0.5, "messages": [{"role": "user", "content": "Why?"}],
    });
    let reply = json!({
        "id": "chatcmpl-1", "object": "chat.completion", "created": 1, "model": "gpt-4o-1",
        "choices": [
            {"index": 0, "message": {"role": "assistant", "content": "Because."}, "finish_reason": "stop"},
        ],
        "usage": {"prompt_tokens": 3, "completion_tokens": 7, "total_tokens": 10},
    });
    let log = log(&json!({
        "gen_ai.prompt": request.to_string(), "gen_ai.completion": reply.to_string(), "gen_ai.request.seed": 1,
    }));
    assert_eq!((log.input.text().as_str(), log.output.text().as_str()), ("Why?", "Because."));
    assert_eq!((log.model.as_str(), log.output_tokens), ("gpt-4o", Some(7)));
    assert_eq!(Value::Object(log.parameters), json!({"temperature": 0.5, "seed": 1}));
}

#[test]
fn tools_of_the_span_stay_with_taken_messages() {
    let fields = json!({"gen_ai.tool.definitions": r#"[{"type":"function","name":"look"}]"#});
    let input = Some(arguments([("question", "Why?".into())]));
    let log = convert::request(&FinishedSpan { input, ..call(&fields) }, None).log;
    let input = serde_json::to_value(&log.input).unwrap();
    assert_eq!(input["messages"][0]["content"][0]["text"], "Why?");
    assert_eq!(input["tools"][0]["function"]["name"], "look");
}

#[test]
fn call_without_recorded_response_is_an_error() {
    let span = FinishedSpan { lacks_an_answer: true, ..call(&json!({})) };
    let log = convert::request(&span, None).log;
    assert_eq!((log.status, log.error_type), (RequestStatus::Error, Some(ErrorType::UnknownError)));
    assert_eq!(log.error_message(), Some("the call ended without a response"));
}

#[test]
fn tool_span_keeps_input_and_output() {
    let tool = FinishedSpan {
        kind: Some(SpanKind::Tool),
        is_request: false,
        ..call(&json!({
            "gen_ai.tool.call.arguments": "{\"where\":\"up\"}",
            "gen_ai.tool.call.result": "sky",
            "gen_ai.tool.name": "look",
            "gen_ai.tool.error.type": "timeout",
        }))
    };
    assert_eq!(convert::function_input(&tool).as_deref(), Some("{\"where\":\"up\"}"));
    assert_eq!(convert::function_output(&tool).as_deref(), Some("sky"));
    assert_eq!(convert::problem(&tool).as_deref(), Some("timeout"));
    assert_eq!(tool.stands_for(), Some("look"));
    let left = json!({"gen_ai.tool.name": "look", "gen_ai.tool.error.type": "timeout"});
    assert_eq!(Value::Object(tool.own_fields()), left);
}

#[test]
fn fields_of_any_type_do_not_panic() {
    let names = [
        "gen_ai.operation.name",
        "gen_ai.input.messages",
        "gen_ai.output.messages",
        "gen_ai.system_instructions",
        "gen_ai.tool.definitions",
        "gen_ai.response.finish_reasons",
        "gen_ai.usage.input_tokens",
        "gen_ai.request.stop_sequences",
        "otel.status_code",
        "error.type",
        "server.address",
    ];
    let values = [
        json!(null),
        json!(""),
        json!("é"),
        json!("\""),
        json!(-1.5),
        json!(true),
        json!("[{\"role\":1,\"parts\":2}]"),
        json!("[{\"role\":\"user\",\"parts\":[1,null,{\"type\":\"blob\",\"content\":3},[]]}]"),
        json!("[[[[\"deep\"]]]]"),
    ];
    for name in names {
        for value in &values {
            let span = call(&json!({ name: value }));
            let converted = convert::request(&span, None);
            assert!(serde_json::to_string(&converted.log).is_ok());
            assert!(convert::problem_without_content(&span).is_none_or(|problem| !problem.is_empty()));
        }
    }
}
