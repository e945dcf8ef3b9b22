//! A request log that is written as attributes and read again is the same log.

use promptlayer_blueprint::providers::gen_ai::{content_of_log, log_fields, log_request};
use promptlayer_blueprint::{
    CompletionPrompt, ErrorType, Function, LogRequest, Message, Prompt, Score, Tags, Tool, semconv,
};
use serde_json::{Map, Value, json};

use super::openai_stream::log_of_stream;
use super::{log_of, recorded};

/// Returns the attributes of a log, as its span carries them.
fn attributes(log: &LogRequest) -> Map<String, Value> {
    let mut attributes = super::super::gen_ai::of_log(log, false, &super::super::Answered::from_log(log));
    attributes.extend(content_of_log(log, &["stop".to_owned()]));
    attributes.insert(semconv::LOG_FIELDS.to_owned(), log_fields(log, true).into());
    attributes
}

/// Checks that a log is read from its attributes. Tags and metadata have attributes of their own.
#[track_caller]
fn assert_same(name: &str, log: &LogRequest) {
    let mut expected = log.clone();
    expected.tags = Tags::default();
    expected.metadata.clear();
    assert_eq!(log_request(&attributes(log)), expected, "{name}");
}

#[test]
fn logs_of_all_exchanges_are_read_as_they_were_written() {
    let exchanges = recorded(&[""]);
    assert!(exchanges.len() > 10);
    for (name, exchange) in exchanges {
        let request = &exchange["request"];
        for response in ["response", "accumulated_by_vendor_sdk"] {
            if let Some(response) = exchange.get(response) {
                assert_same(&name, &log_of(request, response));
            }
        }
        if let Some(chunks) = exchange["chunks"].as_array() {
            assert_same(&name, &log_of_stream(request, chunks));
        }
    }
}

#[test]
fn prompts_beyond_opentelemetry_are_read_as_they_were_written() {
    let prompt = |value: Value| serde_json::from_value::<Prompt>(value).unwrap();
    let text = |text: &str| json!([{"type": "text", "text": text}]);
    let inputs = [
        json!({"type": "chat", "messages": []}),
        json!({"type": "chat", "messages": [{"role": "system", "content": text("a")}, {"role": "system", "content": text("a")}]}),
        json!({"type": "chat", "messages": [{"role": "function", "name": "f", "content": text("7")}]}),
        json!({"type": "chat", "messages": [{"role": "placeholder", "name": "history", "content": []}]}),
        json!({"type": "chat", "messages": [{"role": "oracle", "says": 7}]}),
        json!({"type": "chat", "messages": [{"role": "user", "name": "Ada", "content": [
            {"type": "text", "text": ""},
            {"type": "hologram", "depth": 3},
            {"type": "image_url", "image_url": {"url": "data:image/png;base64,iVBORw0KGgo=", "detail": "low"}},
        ]}]}),
        json!({"type": "chat", "tool_choice": "required", "input_variables": ["city"],
            "functions": [{"name": "f", "parameters": {"type": "object"}}], "function_call": "auto",
            "tools": [{"type": "function", "function": {"name": "weather", "strict": true}}],
            "messages": [{"role": "assistant", "content": [], "tool_calls": [
                {"id": "1", "type": "function", "function": {"name": "weather", "arguments": "{ \"city\": \"Oslo\" }"}},
            ]}, {"role": "tool", "tool_call_id": "1", "content": [{"type": "text", "text": "[1,2]"}, {"type": "text", "text": "b"}]}],
        }),
        json!({"type": "completion", "content": text("Once upon a time, "), "input_variables": ["a"], "template_format": "jinja2"}),
        json!({"type": "completion", "content": []}),
    ];
    for api_type in [None, Some("messages"), Some("chat-completions")] {
        for input in &inputs {
            for output in [
                Prompt::assistant("a"),
                CompletionPrompt::new("b").into(),
                Prompt::user("c"),
                prompt(inputs[0].clone()),
            ] {
                let mut log = LogRequest::new("groq", "llama", prompt(input.clone()), output);
                log.api_type = api_type.map(str::to_owned);
                assert_same(&input.to_string(), &log);
            }
        }
    }
}

#[test]
fn fields_without_an_attribute_are_read_as_they_were_written() {
    let mut log = LogRequest::new("openai.azure", "gpt-4o", Prompt::user("a"), Prompt::assistant("b"))
        .parameters([
            ("max_completion_tokens", json!(7)),
            ("stop", json!("x")),
            ("nested", json!({"a": [1.5]})),
        ])
        .usage(14, 1)
        .score(Score::MAX)
        .failed(ErrorType::ProviderQuotaLimit, "no money");
    log.price = Some(0.25);
    log.prompt_name = Some("greeting".to_owned());
    log.prompt_id = Some(3);
    log.prompt_version_number = Some(2);
    log.prompt_input_variables =
        Map::from_iter([("name".to_owned(), json!("Ada")), ("n".to_owned(), json!(7))]);
    log.function_name = Some("ask".to_owned());
    assert_same("fields", &log);
}

#[test]
fn fields_without_content_hold_only_numbers_and_booleans() {
    let mut log = LogRequest::new("openai", "gpt-4o", Prompt::user("a"), Prompt::assistant("b"))
        .parameters([("temperature", json!(0.5)), ("stream", json!(true)), ("prediction", json!("secret"))]);
    if let Prompt::Chat(chat) = &mut log.input {
        chat.functions = vec![Function::new("secret")];
        chat.tools = vec![Tool::Other(json!({"secret": 1}))];
        chat.messages.push(Message::user("secret"));
    }
    let fields = log_fields(&log, false);
    assert!(!fields.contains("secret"), "{fields}");
    let fields: Value = serde_json::from_str(&fields).unwrap();
    assert_eq!(fields["parameters"], json!({"temperature": 0.5, "stream": true}));
}

#[test]
fn fields_that_are_no_log_are_ignored() {
    let log = LogRequest::new("openai", "gpt-4o", Prompt::user("a"), Prompt::assistant("b"));
    for fields in
        ["", "7", "{}", r#"{"input": 7}"#, r#"{"input": {"type": "chat"}, "output": {"type": "chat"}}"#]
    {
        let mut attributes = attributes(&log);
        attributes.insert(semconv::LOG_FIELDS.to_owned(), fields.into());
        assert_eq!(log_request(&attributes).input, log.input, "{fields}");
    }
}
