//! Content that must not leave the process is not sent, and content that is not needed is not kept in memory.
#![allow(clippy::unwrap_used, clippy::expect_used, reason = "a test stops where it finds what should not be")]

use std::fmt;
use std::pin::Pin;
use std::task::{Context, Poll, Waker};

use futures_core::Stream;
use promptlayer_tracing::blueprint::{ErrorType, RequestStatus};
use promptlayer_tracing::{PromptLink, layer, promptlayer};
use serde_json::{Value, json};
use tests::in_memory::{captured_with, request_of};

#[test]
fn redaction_rewrites_every_text_but_no_api_keywords() {
    #[promptlayer(
        prompt = PromptLink::new("example").variables([("patient", json!({"status": "a secret", "type": ["secret"]}))])
    )]
    fn ask(request: Value) -> Value {
        let _ = request;
        json!({"choices": [{"message": {"role": "assistant", "content": "my secret"}, "finish_reason": "stop"}]})
    }
    let request = json!({
        "model": "gpt",
        "messages": [{"role": "user", "content": [{"type": "text", "text": "your secret"}]}],
        "format": {"status": "secret"},
    });
    let captured = captured_with(layer().redact_text(|text| text.replace("secret", "###").into()), || {
        drop(ask(request));
    });

    assert!(!format!("{:?}", captured.spans()).contains("secret"), "{:#?}", captured.spans());
    let request = &captured.requests()[0];
    assert_eq!(request.prompt_input_variables["patient"], json!({"status": "a ###", "type": ["###"]}));
    assert_eq!(request.input.messages()[0].role(), "user");
    assert_eq!(request.input.text(), "your ###");
    assert_eq!(request.parameters["format"], json!({"status": "###"}));
}

#[derive(Debug)]
struct Quotes(&'static str);

impl fmt::Display for Quotes {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "cannot read the answer: {}", self.0)
    }
}

impl std::error::Error for Quotes {}

#[test]
fn without_content_parameters_and_errors_show_none() {
    #[promptlayer]
    fn complete(request: Value) -> Result<Value, Quotes> {
        let _ = request;
        Err(Quotes("a secret answer"))
    }
    let request = json!({
        "model": "gpt-3.5-turbo-instruct", "prompt": "a secret prompt", "suffix": "a secret suffix", "temperature": 0.5,
        "stream": false, "prediction": {"content": "a secret"},
    });
    let captured = captured_with(layer().capture_content(false), || drop(complete(request)));

    assert!(!format!("{:?}", captured.spans()).contains("secret"), "{:#?}", captured.spans());
    let request = &captured.requests()[0];
    assert_eq!(Value::Object(request.parameters.clone()), json!({"temperature": 0.5, "stream": false}));
    assert_eq!((request.model.as_str(), request.status), ("gpt-3.5-turbo-instruct", RequestStatus::Error));
    assert_eq!(request.error_message(), Some("content::Quotes"));
}

#[test]
fn without_content_an_error_response_fails_request_and_span() {
    #[promptlayer]
    fn refused() -> Value {
        json!({"error": {"message": "no secret for you", "type": "invalid_request_error"}})
    }
    let captured = captured_with(layer().capture_content(false), || drop(refused()));
    assert!(!format!("{:?}", captured.spans()).contains("secret"), "{:#?}", captured.spans());
    assert_eq!(captured.requests()[0].status, RequestStatus::Error);
    let told = Some("the provider answered with an error");
    assert_eq!(captured.requests()[0].error_message(), told);
    assert_eq!(captured.spans()[0].error.as_deref(), told);
}

#[derive(Debug)]
#[allow(dead_code, reason = "its `Debug` is what is looked at")]
struct Client {
    base_url: &'static str,
    api_key: &'static str,
}

#[test]
fn returned_client_shows_no_key() {
    #[promptlayer]
    fn connect() -> Result<Client, Quotes> {
        Ok(Client { base_url: "http://here", api_key: "sk-123" })
    }
    let request = request_of(|| drop(connect()));
    let output: Value = serde_json::from_str(&request.output.text()).unwrap();
    assert_eq!(output, json!({"base_url": "http://here", "api_key": "[redacted]"}));
}

/// A stream that yields the same text this many times.
struct Texts(usize, String);

impl Stream for Texts {
    type Item = String;

    fn poll_next(mut self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<Option<String>> {
        if self.0 == 0 {
            return Poll::Ready(None);
        }
        self.0 -= 1;
        Poll::Ready(Some(self.1.clone()))
    }
}

#[test]
fn long_stream_is_kept_up_to_a_limit_and_the_rest_is_counted() {
    const ITEMS: usize = 64;
    const SIZE: usize = 1 << 18;
    #[promptlayer]
    fn tell() -> impl Stream<Item = String> {
        Texts(ITEMS, "x".repeat(SIZE))
    }
    let mut passed = 0;
    let request = request_of(|| {
        let mut stream = Box::pin(tell());
        while let Poll::Ready(Some(_)) = stream.as_mut().poll_next(&mut Context::from_waker(Waker::noop())) {
            passed += 1;
        }
    });
    assert_eq!(passed, ITEMS, "the reader gets all");
    let text = request.output.text();
    let kept = text.chars().filter(|character| *character == 'x').count() / SIZE;
    assert!(kept > 0 && kept * SIZE <= 4 << 20, "{kept} items are kept");
    assert!(text.ends_with(&format!("[… {} more items]", ITEMS - kept)), "{}", &text[text.len() - 40..]);
    assert_eq!(request.status, RequestStatus::Success);
}

#[test]
fn value_with_an_error_field_keeps_its_content() {
    #[promptlayer]
    fn partly() -> Value {
        json!({"text": "half an answer", "error": "the rest is missing"})
    }
    #[promptlayer]
    fn refused() -> Value {
        json!({"error": {"message": "slow down", "type": "rate_limit_error"}})
    }
    let request = request_of(|| drop(partly()));
    assert_eq!(request.status, RequestStatus::Success);
    assert!(request.output.text().contains("half an answer"));

    let captured = captured_with(layer(), || drop(refused()));
    assert_eq!(captured.requests()[0].error_type, Some(ErrorType::ProviderRateLimit));
    assert_eq!(captured.spans()[0].error.as_deref(), Some("slow down"), "the span says it too");
}

#[test]
fn early_return_of_a_track_caller_function_is_a_warning() {
    #[promptlayer]
    #[track_caller]
    fn early(fails: bool) -> Result<u8, Quotes> {
        if fails {
            return Err(Quotes("early"));
        }
        Ok(1)
    }
    assert_eq!(request_of(|| assert!(early(false).is_ok())).status, RequestStatus::Success);
    let request = request_of(|| assert!(early(true).is_err()));
    assert_eq!(request.status, RequestStatus::Warning);
    assert!(request.error_message().unwrap().contains("returned early"));
}

#[test]
fn output_closure_reads_an_opaque_value() {
    #[promptlayer(output = |numbers| numbers.clone().sum::<u8>())]
    fn numbers() -> impl Iterator<Item = u8> + Clone {
        [1, 2, 3].into_iter()
    }
    assert_eq!(request_of(|| assert_eq!(numbers().count(), 3)).output.text(), "6");
}

#[test]
fn invalid_metadata_is_a_build_error() {
    let error = layer().metadata([("", "nothing")]).in_memory().unwrap_err();
    assert!(error.is_invalid_input(), "{error}");
}
