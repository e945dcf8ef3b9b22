//! The complete log: priorities, status, and spans without a log.

use std::sync::Arc;
use std::time::Duration;

use promptlayer_blueprint::{ErrorType, LogRequest, Prompt, RequestStatus, Tags};
use serde_json::{Value, json};

use super::{arguments, captured, log_of, log_of_input, said, span};
use crate::capture::{Captured, Failure};
use crate::process::convert::{function_input, function_output, log_request};
use crate::prompt_link::PromptLink;
use crate::span::finished::{FinishedSpan, Inherited, Output};
use crate::span::input_output::{Ending, Input};

fn request() -> Value {
    json!({"model": "gpt-4o", "messages": [{"role": "user", "content": "why?"}], "temperature": 0.5})
}

/// A span of a call with this request.
fn calling() -> FinishedSpan {
    FinishedSpan { input: Some(arguments([("request", request())])), ..span() }
}

/// Builds an output of stream items.
fn chunks(items: &[Value]) -> Output {
    Output::Chunks(items.iter().map(captured).collect())
}

#[test]
fn log_has_times_of_the_span() {
    let log = log_request(&span(), None);
    let json = serde_json::to_value(&log).unwrap();
    assert_eq!(json["request_start_time"], "2023-11-14T22:13:20.000000Z");
    assert_eq!(json["request_end_time"], "2023-11-14T22:13:21.500000Z");
    assert_eq!(log.function_name.as_deref(), Some("ask"));
    let unnamed = FinishedSpan { function: None, name: "chat gpt-4o", ..span() };
    assert_eq!(log_request(&unnamed, None).function_name.as_deref(), Some("chat gpt-4o"));
}

#[test]
fn attribute_arguments_have_priority_over_detection() {
    let span = FinishedSpan {
        provider: Some("mistral".to_owned()),
        model: Some("small".to_owned()),
        parameters: vec![("temperature", captured(&json!(0.9))), ("top_k", captured(&json!(3)))],
        ..calling()
    };
    let log = log_request(&span, Some("groq"));
    assert_eq!((log.provider.as_str(), log.model.as_str()), ("mistral", "small"));
    assert_eq!(Value::Object(log.parameters), json!({"temperature": 0.9, "top_k": 3}));
    assert_eq!(said(&log.input), [("user".to_owned(), "why?".to_owned())]);
}

#[test]
fn layer_provider_is_used_without_attribute() {
    assert_eq!(log_request(&span(), Some("groq")).provider, "groq");
    assert_eq!(log_request(&span(), None).provider, "custom");
    assert_eq!(log_request(&span(), None).model, "unknown");
    assert_eq!(log_request(&calling(), None).provider, "openai");
}

#[test]
fn log_has_inherited_tags_metadata_and_prompt() {
    let metadata = [("finish_reason", "my own"), ("user", "7")].map(|(k, v)| (k.to_owned(), v.to_owned()));
    let inherited = Inherited {
        tags: Tags::new(["a", "b"]).unwrap(),
        metadata: metadata.into(),
        prompt: Some(PromptLink::new("example").version(3).variables([("product", "toasters")])),
    };
    let reply =
        json!({"choices": [{"finish_reason": "stop", "message": {"role": "assistant", "content": "So."}}]});
    let span = FinishedSpan {
        inherited: Arc::new(inherited),
        output: Some(Output::Value(captured(&reply))),
        ..calling()
    };
    let log = log_request(&span, None);
    assert_eq!(log.tags.iter().collect::<Vec<_>>(), ["a", "b"]);
    assert_eq!(log.metadata["user"], "7");
    assert_eq!(log.metadata["finish_reason"], "my own", "what the user says stays");
    assert_eq!(log.prompt_name.as_deref(), Some("example"));
    assert_eq!(log.prompt_version_number, Some(3));
    assert_eq!(Value::Object(log.prompt_input_variables), json!({"product": "toasters"}));
}

#[test]
fn each_ending_has_its_status_kind_and_message() {
    let failure = |message: &str| {
        Ending::Failed(Failure::new(
            "async_openai::error::OpenAIError",
            vec!["no answer".to_owned(), message.to_owned()],
        ))
    };
    let unknown = ErrorType::UnknownError;
    let cases = [
        (
            failure("429 Too Many Requests"),
            RequestStatus::Error,
            ErrorType::ProviderRateLimit,
            "no answer: 429 Too Many Requests",
        ),
        (
            failure("operation timed out"),
            RequestStatus::Error,
            ErrorType::ProviderTimeout,
            "no answer: operation timed out",
        ),
        (failure("bad gateway"), RequestStatus::Error, ErrorType::ProviderError, "no answer: bad gateway"),
        (Ending::Panicked(Some("index".to_owned())), RequestStatus::Error, unknown, "panicked: index"),
        (Ending::Panicked(None), RequestStatus::Error, unknown, "panicked"),
        (
            Ending::Cancelled,
            RequestStatus::Warning,
            ErrorType::ProviderPartialResponse,
            "the call was dropped before it was ready",
        ),
    ];
    for (ending, status, kind, message) in cases {
        let log = log_request(&FinishedSpan { ending, ..calling() }, None);
        assert_eq!((log.status, log.error_type), (status, Some(kind)), "{message}");
        assert_eq!(log.error_message(), Some(message));
        assert_eq!(log.model, "gpt-4o");
    }
    let log = log_request(&calling(), None);
    assert_eq!((log.status, log.error_type, log.error_message()), (RequestStatus::Success, None, None));
}

#[test]
fn ending_of_function_has_priority_over_provider_error() {
    let reply = json!({"error": {"message": "rate limit reached"}});
    let log = log_request(
        &FinishedSpan {
            ending: Ending::Cancelled,
            output: Some(Output::Value(captured(&reply))),
            ..calling()
        },
        None,
    );
    assert_eq!(log.status, RequestStatus::Warning);
    assert_eq!(log.error_message(), Some("the call was dropped before it was ready"));
}

#[test]
fn texts_of_stream_are_joined_and_other_items_are_listed() {
    let log = |items: &[Value]| log_request(&FinishedSpan { output: Some(chunks(items)), ..calling() }, None);
    assert_eq!(log(&[json!("One "), json!("two")]).output, Prompt::assistant("One two"));
    assert!(log(&[]).output.messages().is_empty());
    assert_eq!(log(&[json!("")]).output, Prompt::assistant(""));
    for items in [[json!("One"), json!(null)], [json!({"delta": "One"}), json!({"delta": "two"})]] {
        let output = log(&items).output.text();
        assert_eq!(serde_json::from_str::<Value>(&output).unwrap(), Value::from(items.to_vec()));
    }
    let cut = FinishedSpan {
        output: Some(chunks(&[json!("One ")])),
        ending: Ending::Cancelled,
        time_to_first_chunk: Some(Duration::from_micros(12_345)),
        ..calling()
    };
    let log = log_request(&cut, None);
    assert_eq!(log.output, Prompt::assistant("One "));
    assert_eq!(log.metadata["time_to_first_chunk_ms"], "12.345");
}

#[test]
fn span_without_request_log_keeps_input_and_output() {
    let span = |input, output| FinishedSpan { is_request: false, input, output, ..span() };
    let tool = span(
        Some(Input::Arguments(vec![
            ("city", Captured::Json("\"Bern\"".to_owned())),
            ("client", Captured::Type("reqwest::Client")),
            ("api_key", Captured::Redacted),
            ("note", Captured::Text("by AsRef".to_owned())),
        ])),
        Some(Output::Value(captured(&json!({"sunny": true})))),
    );
    let input: Value = serde_json::from_str(&function_input(&tool).unwrap()).unwrap();
    assert_eq!(
        input,
        json!({"city": "Bern", "client": "[reqwest::Client]", "api_key": "[redacted]", "note": "by AsRef"})
    );
    assert_eq!(function_output(&tool).as_deref(), Some(r#"{"sunny":true}"#));

    let tool = span(Some(Input::Value(captured(&json!("Bern")))), Some(chunks(&[json!("sun"), json!("ny")])));
    assert_eq!(function_input(&tool).as_deref(), Some("Bern"), "a text without its quotes");
    assert_eq!(function_output(&tool).as_deref(), Some("sunny"));

    let silent = span(None, None);
    assert_eq!((function_input(&silent), function_output(&silent)), (None, None));
}

#[test]
fn log_round_trips() {
    let reply = json!({
        "choices": [{"finish_reason": "stop", "message": {"role": "assistant", "content": "So.", "reasoning": "hm"}}],
        "usage": {"prompt_tokens": 3, "completion_tokens": 2},
    });
    let log = log_of(&request(), &reply);
    let written = serde_json::to_string(&log).unwrap();
    assert_eq!(serde_json::from_str::<LogRequest>(&written).unwrap(), log);
}

#[test]
fn secret_in_request_is_not_logged_for_any_provider() {
    let request = json!({
        "model": "claude-sonnet-4-5",
        "max_tokens": 100,
        "messages": [{"role": "user", "content": [{"type": "text", "text": "hi"}]}],
        "mcp_servers": [{"url": "https://mcp.example", "authorization_token": "s3cret", "name": "files"}],
        "extra": {"headers": {"X-Key": "s3cret"}, "api_key": "s3cret"},
    });
    let log = log_of_input(arguments([("request", request)]));
    assert!(!serde_json::to_string(&log).unwrap().contains("s3cret"));
    assert_eq!(log.parameters["max_tokens"], 100);
    assert_eq!(log.parameters["mcp_servers"][0]["authorization_token"], "[redacted]");
    assert_eq!(log.parameters["mcp_servers"][0]["name"], "files");
}
