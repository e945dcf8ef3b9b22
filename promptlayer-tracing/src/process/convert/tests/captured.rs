//! Captured values of every form: `Debug` output, secrets in arguments, and vectors.

use promptlayer_blueprint::{LogRequest, Prompt, RequestStatus, Tool};
use serde_json::{Value, json};

use super::{arguments, captured, lines, said, span};
use crate::capture::type_names::TypeNames;
use crate::capture::{Captured, Unseen};
use crate::kind::SpanKind;
use crate::process::convert::{
    function_input, function_output, log_request, problem, problem_without_content,
};
use crate::span::finished::{FinishedSpan, Output};
use crate::span::input_output::{Ending, Input};

const MESSAGES: &str = "alloc::vec::Vec<aws_sdk_bedrockruntime::types::_message::Message>";
const SYSTEM: &str =
    "alloc::vec::Vec<aws_sdk_bedrockruntime::types::_system_content_block::SystemContentBlock>";
const CONFIG: &str =
    "core::option::Option<aws_sdk_bedrockruntime::types::_inference_configuration::InferenceConfiguration>";

fn debugged(text: &str, type_name: &'static str) -> Captured {
    Captured::Debug(text.to_owned(), type_name)
}

fn log_of(input: Input, output: Output) -> LogRequest {
    log_request(&FinishedSpan { input: Some(input), output: Some(output), ..span() }, None)
}

#[test]
fn parts_of_a_bedrock_request_become_one_request() {
    let input = Input::Arguments(vec![
        ("client", Captured::Type("aws_sdk_bedrockruntime::client::Client")),
        ("model", captured(&json!("amazon.nova-lite-v1:0"))),
        ("prompts", debugged("[Text(\"be brief\")]", SYSTEM)),
        (
            "conversation",
            debugged(
                "[Message { role: User, content: [Text(\"why?\")] }, Message { role: Assistant, content: [ToolUse(\
                 ToolUseBlock { tool_use_id: \"t\", name: \"weather\", input: Object({\"city\": String(\"Bern\")}) })] }]",
                MESSAGES,
            ),
        ),
        (
            "settings",
            debugged("Some(InferenceConfiguration { max_tokens: Some(16), temperature: None })", CONFIG),
        ),
        ("customer", captured(&json!(7))),
    ]);
    let output = debugged(
        "ConverseOutput { output: Some(Message(Message { role: Assistant, content: [Text(\"So.\")] })), stop_reason: \
         EndTurn, usage: Some(TokenUsage { input_tokens: 3, output_tokens: 2, total_tokens: 5 }), _request_id: None }",
        "aws_sdk_bedrockruntime::operation::converse::_converse_output::ConverseOutput",
    );
    let log = log_of(input, Output::Value(output));
    assert_eq!((log.provider.as_str(), log.model.as_str()), ("amazon.bedrock", "amazon.nova-lite-v1:0"));
    assert_eq!(said(&log.input)[..2], lines([("system", "be brief"), ("user", "why?")]));
    assert_eq!(log.input.messages().len(), 3);
    assert_eq!(log.output, Prompt::assistant("So."));
    assert_eq!((log.input_tokens, log.output_tokens), (Some(3), Some(2)));
    assert_eq!(log.parameters["inferenceConfig"], json!({"maxTokens": 16}));
    assert_eq!(log.metadata["finish_reason"], "stop");
}

#[test]
fn parameters_beside_messages_offer_their_tools() {
    let parameters = debugged(
        "Some(ChatParams { max_tokens: None, temperature: 0.5, tools: Some([Tool { type: Function, function: \
         ToolFunction { name: \"weather\", description: \"d\", parameters: ToolFunctionParameters { type: Object } } }]) })",
        "core::option::Option<mistralai_client::v1::chat::ChatParams>",
    );
    let input = Input::Arguments(vec![
        ("model", captured(&json!("mistral-small-latest"))),
        ("messages", captured(&json!([{"role": "user", "content": "why?"}]))),
        ("options", parameters),
    ]);
    let log = log_of(input, Output::Value(captured(&json!("So."))));
    assert_eq!(said(&log.input), lines([("user", "why?")]));
    assert_eq!(log.parameters["temperature"], 0.5);
    let Prompt::Chat(chat) = &log.input else { panic!("{:?}", log.input) };
    assert!(matches!(chat.tools.as_slice(), [Tool::Function(tool)] if tool.function.name == "weather"));
}

#[test]
fn messages_of_llm_are_messages() {
    let messages = debugged(
        "[ChatMessage { role: User, message_type: Text, content: \"why?\" }]",
        "&[llm::chat::message::ChatMessage]",
    );
    let input = Input::Arguments(vec![
        ("llm", Captured::Type("dyn llm::LLMProvider")),
        ("turns", messages),
        ("question", captured(&json!("really?"))),
    ]);
    let log = log_of(input, Output::Value(debugged("\"So.\"", "my::Answer")));
    assert_eq!(said(&log.input), lines([("user", "why?"), ("user", "really?")]));
    assert_eq!(log.output, Prompt::assistant("So."));
}

#[test]
fn collected_events_of_groq_are_one_reply() {
    let event = |text: &str| {
        format!(
            "StreamResponse {{ id: \"i\", object: \"chat.completion.chunk\", model: \"m\", choices: [StreamChoice {{ \
             index: 0, delta: ChoiceDelta {{ role: None, content: Some(\"{text}\") }}, finish_reason: None }}] }}"
        )
    };
    let stream = format!("Stream([{}, {}])", event("4"), event("2"));
    let output = debugged(&stream, "groq_api_rs::completion::client::CompletionOption");
    let log = log_of(arguments([("question", json!("why?"))]), Output::Value(output));
    assert_eq!(log.output, Prompt::assistant("42"));
    assert_eq!(log.model, "m");
}

#[test]
fn debug_output_of_other_types_is_readable_json() {
    let output = |text: &str| {
        log_of(arguments([("question", json!("why?"))]), Output::Value(debugged(text, "my::Answer")))
            .output
            .text()
    };
    assert_eq!(
        serde_json::from_str::<Value>(&output("Answer { text: \"So.\", api_key: \"k\", score: Some(0.5) }"))
            .unwrap(),
        json!({"text": "So.", "api_key": "[redacted]", "score": 0.5})
    );
    assert_eq!(output("Answer(\"So.\")"), "So.");
    assert_eq!(output("an answer: So."), "an answer: So.");
    // A provider's reply in types of one's own.
    let reply = "Answer { model: \"m\", choices: [Choice { message: Message { role: \"assistant\", content: \"So.\" }, \
                 finish_reason: \"stop\" }], usage: Usage { prompt_tokens: 3, completion_tokens: 2 } }";
    let log = log_of(arguments([("question", json!("why?"))]), Output::Value(debugged(reply, "my::Answer")));
    assert_eq!((log.output.text().as_str(), log.input_tokens), ("So.", Some(3)));
}

/// Returns the arguments of a tool, as they are logged. `types` is the name of the tuple of their types.
fn tool_input(input: Input, types: &'static str) -> Value {
    let types = TypeNames { arguments: types, returned: "" };
    let span = FinishedSpan { is_request: false, input: Some(input), types, ..span() };
    serde_json::from_str(&function_input(&span).unwrap()).unwrap()
}

#[test]
fn argument_called_key_is_redacted_if_it_looks_like_one() {
    for secret in ["sk-live-123", "0123456789abcdef0123456789abcdef", "Bearer abc", "AIzaSyA1"] {
        for key in ["key", "keys"] {
            let input = tool_input(arguments([(key, json!(secret))]), "");
            assert_eq!(input, json!({key: "[redacted]"}), "{secret}");
            let list = tool_input(arguments([(key, json!([secret, secret]))]), "");
            assert_eq!(list, json!({key: "[redacted]"}), "{secret}");
        }
    }
    for harmless in
        [json!("city"), json!("user:1234:2024-06-19"), json!("a long key of a text"), json!(7), json!(null)]
    {
        let input = tool_input(arguments([("key", harmless.clone())]), "(&str,)");
        assert_eq!(input, json!({"key": harmless}));
    }
}

#[test]
fn argument_whose_type_is_a_secret_is_redacted() {
    let two = |types| tool_input(arguments([("first", json!("a")), ("second", json!("b"))]), types);
    for types in [
        "(&alloc::string::String, &my::auth::ApiKey<alloc::string::String>, &my::Client)",
        "(&str, &secrecy::SecretString)",
        "(&tokenizer::Token, &core::option::Option<my::Password>)",
        "(&dyn core::ops::function::Fn(u8, u8) -> u8, &my::AccessToken)",
    ] {
        assert_eq!(two(types), json!({"first": "a", "second": "[redacted]"}), "{types}");
    }
    for types in ["", "(&str, &str)", "(&my::Keyboard, &my::MaxTokens)"] {
        assert_eq!(two(types), json!({"first": "a", "second": "b"}), "{types}");
    }
}

#[test]
fn secret_inside_an_argument_is_redacted() {
    let settings = json!({
        "api_key": "s3cret", "headers": {"X-Mine": "s3cret"}, "nested": {"authorization": "s3cret"}, "city": "Bern",
    });
    let expected = json!({
        "api_key": "[redacted]", "headers": {"X-Mine": "[redacted]"}, "nested": {"authorization": "[redacted]"},
        "city": "Bern",
    });
    let input = tool_input(arguments([("settings", settings.clone()), ("size", json!(3))]), "");
    assert_eq!(input, json!({"settings": expected, "size": 3}));
    for log in [
        super::log_of_input(arguments([("settings", settings.clone()), ("question", json!("why?"))])),
        super::log_of_input(arguments([("settings", settings)])),
    ] {
        assert!(!format!("{log:?}").contains("s3cret"), "{log:?}");
    }
}

#[test]
fn content_with_the_name_of_a_secret_is_kept() {
    let call = json!({"functionCall": {"name": "login", "args": {"token": "blue", "password": "none"}}});
    let log = super::log_of_input(arguments([(
        "request",
        json!({"contents": [{"role": "user", "parts": [{"text": "why?"}]}, {"role": "model", "parts": [call]}]}),
    )]));
    assert!(serde_json::to_string(&log).unwrap().contains("blue"), "{log:?}");
}

fn vector(length: u32) -> Vec<f64> {
    (0..length).map(|at| f64::from(at) / 8.0).collect()
}

#[test]
fn vector_is_replaced_by_its_length() {
    let output = |value: Value| {
        log_of(arguments([("text", json!("a"))]), Output::Value(captured(&value))).output.text()
    };
    assert_eq!(output(json!(vector(1_536))), "[1536 numbers]");
    assert_eq!(output(json!([vector(64), vector(64), vector(64)])), "[3 vectors of 64 numbers]");
    assert_eq!(output(json!([vector(64), vector(128)])), "[2 vectors of 64 or 128 numbers]");
    let found = json!([{"id": 1, "score": 0.5, "vector": vector(64)}, {"id": 2, "score": 0.25, "vector": vector(64)}]);
    assert_eq!(
        serde_json::from_str::<Value>(&output(found)).unwrap(),
        json!([
            {"id": 1, "score": 0.5, "vector": "[64 numbers]"}, {"id": 2, "score": 0.25, "vector": "[64 numbers]"},
        ])
    );
    let debugged = log_of(
        arguments([("text", json!("a"))]),
        Output::Value(debugged(&format!("Found {{ vector: {:?} }}", vector(64)), "my::Found")),
    );
    assert_eq!(debugged.output.text(), "{\n  \"vector\": \"[64 numbers]\"\n}");
}

#[test]
fn short_list_of_numbers_is_kept() {
    let ids: Vec<u32> = (0..1_000).collect();
    let day: Vec<f64> = vector(24);
    let grid = vec![vector(3); 100];
    for numbers in [json!(ids), json!(day), json!(vector(63)), json!(grid), json!([]), json!([[], []])] {
        let log = log_of(arguments([("city", numbers.clone())]), Output::Value(captured(&numbers)));
        assert_eq!(serde_json::from_str::<Value>(&log.output.text()).unwrap(), numbers);
        assert_eq!(serde_json::from_str::<Value>(&log.input.text()).unwrap(), numbers);
    }
}

#[test]
fn vector_in_input_and_output_of_a_tool_is_replaced() {
    let span = FinishedSpan {
        is_request: false,
        input: Some(arguments([("query", json!(vector(384))), ("limit", json!(3))])),
        output: Some(Output::Value(captured(&json!([{"vector": vector(384), "text": "a"}])))),
        ..span()
    };
    let input: Value = serde_json::from_str(&function_input(&span).unwrap()).unwrap();
    assert_eq!(input, json!({"query": "[384 numbers]", "limit": 3}));
    let output: Value = serde_json::from_str(&function_output(&span).unwrap()).unwrap();
    assert_eq!(output, json!([{"vector": "[384 numbers]", "text": "a"}]));
}

#[test]
fn embedding_call_logs_number_and_dimensions() {
    let output = |value: Value| {
        let span = FinishedSpan {
            kind: Some(SpanKind::Embedding),
            input: Some(arguments([("text", json!("a"))])),
            output: Some(Output::Value(captured(&value))),
            ..span()
        };
        log_request(&span, None).output.text()
    };
    assert_eq!(output(json!([0.5, 0.25, 1.0])), "1 embedding of 3 dimensions");
    assert_eq!(output(json!([[1, 2], [3, 4]])), "2 embeddings of 2 dimensions");
    assert_eq!(output(json!([vector(64), vector(32)])), "2 embeddings of 32 or 64 dimensions");
    assert_eq!(
        serde_json::from_str::<Value>(&output(json!({"vector": [0.5, 0.25], "tokens": 2}))).unwrap(),
        json!({"vector": "[2 numbers]", "tokens": 2})
    );
    assert_eq!(output(json!({"embeddings": [[0.5, 0.25]]})), "1 embedding of 2 dimensions");
    // A known reply is read as such.
    let known = json!({"object": "list", "data": [{"embedding": [0.5, 0.25], "index": 0}], "model": "m"});
    assert_eq!(output(known), "1 embedding of 2 dimensions");
    assert_eq!(output(json!("none")), "none");
    assert_eq!(output(json!([])), "[]");
    assert_eq!(output(json!(null)), "");
}

#[test]
fn exchange_shows_what_a_returned_stream_does_not() {
    let ended = |unseen| {
        let output = Some(Output::Value(Captured::Type("sdk::EventReceiver")));
        let mut span = FinishedSpan { ending: Ending::Unseen(unseen), output, ..span() };
        let seen = captured(&json!({"choices": [{"message": {"role": "assistant", "content": "So."}}]}));
        span.complete(Box::new(FinishedSpan { output: Some(Output::Value(seen)), ..super::span() }));
        let log = log_request(&span, None);
        (log.output.text(), log.status)
    };
    for (unseen, status) in [
        (Unseen::Stream, RequestStatus::Success),
        (Unseen::Future, RequestStatus::Success),
        (Unseen::Channel, RequestStatus::Success),
        (Unseen::EarlyReturn, RequestStatus::Warning),
    ] {
        assert_eq!(ended(unseen), ("So.".to_owned(), status), "{unseen:?}");
    }
}

#[test]
fn result_of_a_tool_may_be_an_error() {
    let text = json!({"type": "text", "text": "no such city"});
    let own = "the tool answered with an error";
    for (kind, result, expected) in [
        (SpanKind::Tool, json!({"content": [text], "isError": true}), Some("no such city")),
        (SpanKind::Tool, json!({"content": [], "isError": true}), Some(own)),
        (SpanKind::Tool, json!({"content": [text], "isError": false}), None),
        (SpanKind::Tool, json!({"content": [text]}), None),
        (SpanKind::Tool, json!({"isError": true}), None),
        (SpanKind::Chain, json!({"content": [text], "isError": true}), None),
    ] {
        let output = Some(Output::Value(captured(&result)));
        let span = FinishedSpan { kind: Some(kind), is_request: false, output, ..span() };
        assert_eq!(problem(&span).as_deref(), expected, "{result}");
        assert_eq!(problem_without_content(&span).as_deref(), expected.map(|_| own), "{result}");
    }
}
