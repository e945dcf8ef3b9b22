//! Model calls of other crates that take what their spans lack from the annotated function around them.

use std::fmt;

use promptlayer_tracing::blueprint::{ErrorType, LogRequest, RequestStatus};
use promptlayer_tracing::in_memory::CapturedSpan;
use promptlayer_tracing::{layer, promptlayer};
use serde_json::{Value, json};
use tests::in_memory::captured_with;
use tracing::field::Empty;
use tracing::{Span, info_span};
use tracing_subscriber::prelude::*;

use crate::{named, names};

/// Creates the span of a model call as rig does, without content.
pub(super) fn call_in(parent: &Span) -> Span {
    info_span!(
        parent: parent,
        "chat",
        gen_ai.operation.name = "chat",
        gen_ai.provider.name = "anthropic",
        gen_ai.request.model = "claude",
        gen_ai.response.id = Empty,
        gen_ai.response.finish_reasons = Empty,
        gen_ai.usage.input_tokens = Empty,
        gen_ai.input.messages = Empty,
        gen_ai.output.messages = Empty,
    )
}

/// Creates such a span inside the current one.
pub(super) fn call() -> Span {
    call_in(&Span::current())
}

/// Records that the model answered.
pub(super) fn answered(call: &Span) {
    call.record("gen_ai.response.id", "r-1");
    call.record("gen_ai.usage.input_tokens", 3);
}

pub(super) fn spans_of(run: impl FnOnce()) -> Vec<CapturedSpan> {
    captured_with(layer(), run).spans()
}

/// Returns the only request log.
#[track_caller]
pub(super) fn only(spans: &[CapturedSpan]) -> &LogRequest {
    let mut logs = spans.iter().filter_map(|span| span.request.as_ref());
    let log = logs.next().unwrap();
    assert_eq!(logs.count(), 0, "{spans:#?}");
    log
}

/// Returns the texts of the input and of the output.
pub(super) fn texts(log: &LogRequest) -> (String, String) {
    (log.input.text(), log.output.text())
}

/// Returns the expected value for `texts`.
pub(super) fn both(input: &str, output: &str) -> (String, String) {
    (input.to_owned(), output.to_owned())
}

#[derive(Debug)]
struct Refused {
    #[allow(dead_code, reason = "it is read from the `Debug` output")]
    status: u16,
}

impl fmt::Display for Refused {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("401 Unauthorized: no such key")
    }
}

impl std::error::Error for Refused {}

#[test]
fn only_call_takes_content_from_the_function() {
    #[promptlayer(tags = ["mine"])]
    fn ask(question: &str) -> String {
        let call = call();
        answered(&call);
        question.to_uppercase()
    }
    let spans = spans_of(|| drop(ask("why?")));
    assert_eq!(names(&spans), ["chat", "ask"]);
    assert_eq!(spans[0].parent_id, Some(spans[1].span_id));
    let log = only(&spans);
    assert_eq!(texts(log), both("why?", "WHY?"));
    assert_eq!((log.provider.as_str(), log.model.as_str()), ("anthropic", "claude"));
    assert_eq!((log.input_tokens, log.status), (Some(3), RequestStatus::Success));
    assert!(log.tags.contains("mine"));
    assert_eq!(spans[1].function_output.as_deref(), Some("WHY?"), "the function keeps its own");
}

#[test]
fn call_without_an_answer_takes_the_error_of_the_function() {
    #[promptlayer]
    fn ask(_question: &str) -> Result<String, Refused> {
        drop(call());
        Err(Refused { status: 401 })
    }
    let spans = spans_of(|| _ = ask("why?").unwrap_err());
    let log = only(&spans);
    assert_eq!((log.status, log.error_type), (RequestStatus::Error, Some(ErrorType::ProviderAuthError)));
    assert_eq!(log.error_message(), Some("401 Unauthorized: no such key"));
    assert_eq!(spans[0].error.as_deref(), Some("401 Unauthorized: no such key"));
    assert_eq!(texts(log), both("why?", ""));
}

#[test]
fn status_without_words_takes_the_words_of_the_function() {
    #[promptlayer]
    fn ask(_question: &str) -> Result<String, String> {
        drop(info_span!(
            "genai.chat",
            gen_ai.operation.name = "chat",
            gen_ai.input.messages = r#"[{"role":"user","parts":[{"type":"text","content":"own"}]}]"#,
            error.type = "429",
            otel.status_code = "error",
        ));
        Err("slow down".to_owned())
    }
    let spans = spans_of(|| drop(ask("why?")));
    let log = only(&spans);
    assert_eq!(log.error_type, Some(ErrorType::ProviderRateLimit), "the span knows the kind");
    assert_eq!(log.error_message(), Some("slow down"), "the function knows the words");
    assert_eq!(texts(log), both("own", ""), "the content of the span comes first");
}

#[test]
fn several_calls_take_nothing() {
    #[promptlayer]
    fn ask(_question: &str) -> Result<String, Refused> {
        answered(&call());
        answered(&call());
        drop(call());
        Err(Refused { status: 401 })
    }
    let spans = spans_of(|| drop(ask("why?")));
    assert_eq!(names(&spans), ["chat", "chat", "chat", "ask"]);
    for span in &spans[..3] {
        assert_eq!(texts(span.request.as_ref().unwrap()), both("", ""));
    }
    assert_eq!(spans[1].error, None);
    assert_eq!(spans[2].error.as_deref(), Some("the call ended without a response"));
}

#[test]
fn second_call_releases_the_first_at_once() {
    let (layer, captured) = layer().in_memory().unwrap();
    tracing::subscriber::with_default(tracing_subscriber::registry().with(layer), || {
        #[promptlayer]
        fn ask(before: &dyn Fn() -> usize) -> Vec<usize> {
            answered(&call());
            let waiting = before();
            let second = call();
            let released = before();
            drop(second);
            vec![waiting, released, before()]
        }
        assert_eq!(ask(&|| captured.requests().len()), [0, 1, 2]);
    });
    assert_eq!(captured.requests().len(), 2);
}

#[test]
fn call_with_content_does_not_wait() {
    let (layer, captured) = layer().in_memory().unwrap();
    tracing::subscriber::with_default(tracing_subscriber::registry().with(layer), || {
        #[promptlayer]
        fn ask(before: &dyn Fn() -> usize) -> usize {
            let call = call();
            call.record("gen_ai.input.messages", "own question");
            call.record("gen_ai.output.messages", "own answer");
            drop(call);
            before()
        }
        assert_eq!(ask(&|| captured.requests().len()), 1);
    });
    assert_eq!(texts(&captured.requests()[0]), both("own question", "own answer"));
}

#[test]
fn outcome_of_the_call_is_its_own() {
    #[promptlayer]
    fn fails_later(_question: &str) -> Result<String, Refused> {
        answered(&call());
        Err(Refused { status: 401 })
    }
    #[promptlayer]
    fn falls_back(question: &str) -> String {
        drop(call());
        question.to_uppercase()
    }
    let spans = spans_of(|| drop(fails_later("why?")));
    let log = only(&spans);
    assert_eq!((log.status, texts(log)), (RequestStatus::Success, both("why?", "")));
    let spans = spans_of(|| drop(falls_back("why?")));
    let log = only(&spans);
    assert_eq!((log.status, texts(log)), (RequestStatus::Error, both("why?", "")));
}

#[test]
fn function_that_logs_itself_gives_nothing() {
    #[promptlayer(kind = "llm")]
    fn ask(question: &str) -> String {
        answered(&call());
        question.to_uppercase()
    }
    let spans = spans_of(|| drop(ask("why?")));
    assert_eq!(texts(named(&spans, "chat").request.as_ref().unwrap()), both("", ""));
    assert_eq!(texts(named(&spans, "ask").request.as_ref().unwrap()), both("why?", "WHY?"));
}

#[test]
fn nearest_function_gives_through_spans_in_between() {
    #[promptlayer]
    fn outer(question: &str) -> String {
        inner("nearer") + question
    }
    #[promptlayer(kind = "agent")]
    fn inner(question: &str) -> String {
        let run = info_span!("run", gen_ai.operation.name = "invoke_agent").entered();
        let around = info_span!("around", gen_ai.operation.name = "chat").entered();
        answered(&call());
        drop((around, run));
        question.to_uppercase()
    }
    let spans = spans_of(|| drop(outer("why?")));
    assert_eq!(texts(only(&spans)), both("nearer", "NEARER"));
    assert!(named(&spans, "chat").request.is_some());
}

#[test]
fn call_in_an_annotated_call_counts_once() {
    #[promptlayer]
    fn outer(question: &str) -> String {
        let first = inner(question);
        answered(&call());
        first
    }
    #[promptlayer]
    fn inner(question: &str) -> String {
        answered(&call());
        question.to_uppercase()
    }
    let spans = spans_of(|| drop(outer("why?")));
    let logs: Vec<_> = spans.iter().filter_map(|span| span.request.as_ref()).map(texts).collect();
    assert_eq!(logs, [both("why?", "WHY?"), both("", "")]);
}

#[test]
fn what_the_provider_returned_completes_the_call() {
    #[promptlayer(skip(reply))]
    fn ask(request: Value, reply: Value) -> Value {
        drop((request, call().record("gen_ai.response.id", "r-1")));
        reply
    }
    let reply = json!({
        "id": "msg_1",
        "type": "message",
        "role": "assistant",
        "model": "claude-1",
        "content": [{"type": "text", "text": "Because."}],
        "stop_reason": "max_tokens",
        "usage": {"input_tokens": 3, "output_tokens": 7},
    });
    let request =
        json!({"model": "claude-1", "max_tokens": 7, "messages": [{"role": "user", "content": "Why?"}]});
    let spans = spans_of(|| drop(ask(request, reply)));
    let log = only(&spans);
    assert_eq!(texts(log), both("Why?", "Because."));
    assert_eq!((log.model.as_str(), log.status), ("claude", RequestStatus::Warning));
    assert_eq!((log.input_tokens, log.output_tokens), (Some(3), Some(7)));
    assert_eq!(log.parameters["max_tokens"], 7);
    assert_eq!(
        (log.metadata["finish_reason"].as_str(), log.metadata["response_id"].as_str()),
        ("length", "r-1")
    );
}

#[test]
fn arguments_of_the_attribute_complete_the_call() {
    #[promptlayer(provider = "groq", model = "llama", parameters(temperature = 0.5))]
    fn ask(question: &str) -> String {
        drop(info_span!("call", gen_ai.operation.name = "chat"));
        question.to_uppercase()
    }
    let spans = spans_of(|| drop(ask("why?")));
    let log = only(&spans);
    assert_eq!((log.provider.as_str(), log.model.as_str()), ("groq", "llama"));
    assert_eq!(log.parameters["temperature"], 0.5);
}
