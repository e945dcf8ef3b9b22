//! What the attribute logs of annotated functions.
#![allow(clippy::unwrap_used, clippy::expect_used, reason = "a test stops where it finds what should not be")]

use std::fmt;
use std::future::Future;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::task::{Context, Waker};

use promptlayer_tracing::blueprint::{ErrorType, Message, Prompt, RequestStatus};
use promptlayer_tracing::in_memory::CapturedSpan;
use promptlayer_tracing::{PromptLink, layer, promptlayer};
use serde::{Serialize, Serializer};
use serde_json::json;
use tests::in_memory::{block_on, captured, captured_with, pause, request_of};

#[promptlayer(tags = ["chat"])]
fn ask(question: &str) -> String {
    format!("You asked: {question}")
}

#[promptlayer(tags = ["chat"])]
async fn ask_later(question: &str) -> Result<String, fmt::Error> {
    pause().await;
    if question.is_empty() {
        return Err(fmt::Error);
    }
    Ok(format!("You asked: {question}"))
}

#[test]
fn text_argument_and_value_become_user_and_model_messages() {
    let request = request_of(|| assert_eq!(ask("why?"), "You asked: why?"));

    assert_eq!(request.input, Prompt::user("why?"));
    assert_eq!(request.output, Prompt::assistant("You asked: why?"));
    assert_eq!(request.tags.iter().collect::<Vec<_>>(), ["chat"]);
    assert_eq!(request.function_name.as_deref(), Some("ask"));
    assert_eq!((request.provider.as_str(), request.model.as_str()), ("custom", "unknown"));
    assert_eq!(request.status, RequestStatus::Success);
    assert!(request.request_start_time.unwrap() <= request.request_end_time.unwrap());
}

#[test]
fn async_function_is_logged_when_it_is_ready() {
    let request = request_of(|| assert!(block_on(ask_later("why?")).is_ok()));

    assert_eq!(request.input, Prompt::user("why?"));
    assert_eq!(request.output, Prompt::assistant("You asked: why?"));
}

#[test]
fn err_is_a_failed_request_with_its_message() {
    let request = request_of(|| assert!(block_on(ask_later("")).is_err()));

    assert_eq!(request.status, RequestStatus::Error);
    assert_eq!(request.error_type, Some(ErrorType::UnknownError));
    assert_eq!(request.error_message(), Some(fmt::Error.to_string().as_str()));
    assert!(request.output.messages().is_empty());
}

#[derive(Debug)]
struct Outer(Inner);
#[derive(Debug)]
struct Inner;

impl fmt::Display for Outer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("the model did not answer")
    }
}

impl fmt::Display for Inner {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("rate limit reached")
    }
}

impl std::error::Error for Inner {}
impl std::error::Error for Outer {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        Some(&self.0)
    }
}

#[test]
fn error_sources_are_logged_for_plain_and_boxed_errors() {
    #[promptlayer]
    fn plain() -> Result<(), Outer> {
        Err(Outer(Inner))
    }
    #[promptlayer]
    fn boxed() -> Result<(), Box<dyn std::error::Error + Send + Sync>> {
        Err(Outer(Inner))?
    }
    #[promptlayer]
    fn boxed_local() -> Result<(), Box<dyn std::error::Error>> {
        Err(Outer(Inner))?
    }
    for run in [|| drop(plain()), || drop(boxed()), || drop(boxed_local())] {
        let request = request_of(run);
        assert_eq!(request.error_message(), Some("the model did not answer: rate limit reached"));
        // The message of an arbitrary error type is not interpreted as a provider's message.
        assert_eq!(request.error_type, Some(ErrorType::UnknownError));
    }
}

#[test]
fn panic_is_logged_as_error_and_resumes_with_its_payload() {
    #[promptlayer]
    fn fails() -> u32 {
        std::panic::panic_any(String::from("no model"))
    }
    let requests = captured(|| {
        let payload = std::panic::catch_unwind(fails).unwrap_err();
        assert_eq!(payload.downcast_ref::<String>().unwrap(), "no model");
    })
    .requests();

    assert_eq!(requests[0].status, RequestStatus::Error);
    assert_eq!(requests[0].error_message(), Some("panicked: no model"));
}

#[test]
fn future_dropped_before_completion_is_a_warning() {
    let request = request_of(|| {
        let mut future = Box::pin(ask_later("why?"));
        assert!(future.as_mut().poll(&mut Context::from_waker(Waker::noop())).is_pending());
    });

    assert_eq!(request.status, RequestStatus::Warning);
    assert_eq!(request.error_type, Some(ErrorType::ProviderPartialResponse));
    assert_eq!(request.input, Prompt::user("why?"));
}

struct Opaque;

#[test]
fn value_without_traits_is_logged_as_its_type_name() {
    #[promptlayer]
    fn handle<T>(client: &Opaque, value: T) -> T {
        let _ = client;
        value
    }
    let request = request_of(|| {
        let Opaque = handle(&Opaque, Opaque);
    });

    assert!(request.input.messages().is_empty(), "{request:#?}");
    assert_eq!(request.output.text(), "[attribute::Opaque]");
}

#[test]
fn secret_arguments_are_redacted_by_name() {
    #[promptlayer]
    fn call(api_key: &str, amount: u32) -> u32 {
        let _ = api_key;
        amount
    }
    let request = request_of(|| assert_eq!(call("sk-123", 7), 7));

    assert!(!format!("{request:?}").contains("sk-123"));
    assert!(request.input.text().contains("[redacted]"), "{request:#?}");
}

#[test]
fn common_arguments_are_recognized_by_name() {
    #[promptlayer]
    fn chat(
        model: &str,
        system: &str,
        messages: &[serde_json::Value],
        temperature: f32,
        user_agent: Option<u8>,
    ) {
        let _ = (model, system, messages, temperature, user_agent);
    }
    let messages = [
        json!({"role": "user", "content": "hello"}),
        json!({"role": "assistant", "content": null, "tool_calls": [
            {"id": "call_1", "type": "function", "function": {"name": "weather", "arguments": "{}"}}
        ]}),
        json!({"role": "tool", "tool_call_id": "call_1", "content": "sunny"}),
    ];
    let request = request_of(|| chat("llama", "be brief", &messages, 0.5, None));

    assert_eq!(request.model, "llama");
    let roles: Vec<&str> = request.input.messages().iter().map(Message::role).collect();
    assert_eq!(roles, ["system", "user", "assistant", "tool"]);
    assert_eq!(request.parameters["temperature"], json!(0.5));
    let Message::Assistant(assistant) = &request.input.messages()[2] else { panic!("{request:#?}") };
    assert_eq!(assistant.tool_calls[0].function.name, "weather");
}

#[test]
fn unrecognized_arguments_are_logged_as_json() {
    #[promptlayer]
    fn translate(from: &str, to: &str) -> (u8, bool) {
        let _ = (from, to);
        (1, true)
    }
    let request = request_of(|| assert_eq!(translate("hallo", "fr"), (1, true)));

    let input: serde_json::Value = serde_json::from_str(&request.input.text()).unwrap();
    assert_eq!(input, json!({"from": "hallo", "to": "fr"}));
    let output: serde_json::Value = serde_json::from_str(&request.output.text()).unwrap();
    assert_eq!(output, json!([1, true]));
}

const TEAM: &str = "billing";

#[promptlayer(
    name = "summary",
    kind = "llm",
    tags = ["a", TEAM, concat!("x", "y")],
    provider = "openai",
    model = format_args!("gpt-{size}"),
    parameters(top_p = 0.1, "max tokens" = size),
    metadata(customer = customer, user.id = 7),
    prompt = ("example", 3),
    input = text,
    output = |summary: &(String, u32)| summary.0.clone(),
)]
fn summarize(customer: u32, text: &str, size: u32) -> (String, u32) {
    (text.to_uppercase(), customer + size)
}

#[test]
fn every_attribute_argument_has_an_effect() {
    let request = request_of(|| drop(summarize(5, "text", 4)));

    assert_eq!((request.provider.as_str(), request.model.as_str()), ("openai", "gpt-4"));
    assert_eq!(request.tags.iter().collect::<Vec<_>>(), ["a", "billing", "xy"]);
    assert_eq!(request.parameters["top_p"], json!(0.1));
    assert_eq!(request.parameters["max tokens"], json!(4));
    assert_eq!(request.metadata["customer"], "5");
    assert_eq!(request.metadata["user.id"], "7");
    assert_eq!(request.prompt_name.as_deref(), Some("example"));
    assert_eq!(request.prompt_version_number, Some(3));
    assert_eq!(request.input, Prompt::user("text"));
    assert_eq!(request.output, Prompt::assistant("TEXT"));
    assert_eq!(request.function_name.as_deref(), Some("summarize"));
}

#[test]
fn expressions_use_the_names_of_patterns() {
    struct Question {
        text: String,
    }
    #[promptlayer(model = model, metadata(length = text.len()), input = text)]
    fn ask(Question { mut text }: Question, (model, _): (&str, u8)) -> String {
        text.make_ascii_uppercase();
        format!("{model}: {text}")
    }
    let request = request_of(|| drop(ask(Question { text: "why?".to_owned() }, ("gpt-4", 1))));

    assert_eq!(request.model, "gpt-4");
    assert_eq!(request.metadata["length"], "4");
    assert_eq!(request.input, Prompt::user("why?"));
    assert_eq!(request.output, Prompt::assistant("gpt-4: WHY?"));
}

#[test]
fn innermost_call_logs_and_inherits_from_outer_calls() {
    #[promptlayer(tags = ["outer"], metadata(step = 1), prompt = PromptLink::new("example").version(2))]
    fn outer(question: &str) -> String {
        middle(question)
    }
    #[promptlayer(kind = "tool", tags = ["tool"])]
    fn middle(question: &str) -> String {
        ask(question)
    }
    let captured = captured_with(layer().tags(["layer"]), || drop(outer("why?")));

    let requests = captured.requests();
    assert_eq!(requests.len(), 1, "{requests:#?}");
    assert_eq!(requests[0].tags.iter().collect::<Vec<_>>(), ["layer", "outer", "tool", "chat"]);
    assert_eq!(requests[0].metadata["step"], "1");
    assert_eq!(requests[0].prompt_name.as_deref(), Some("example"));

    let spans: Vec<CapturedSpan> = captured.spans();
    let names: Vec<&str> = spans.iter().map(|span| span.name.as_str()).collect();
    assert_eq!(names, ["ask", "middle", "outer"]);
    assert_eq!(spans[0].parent_id, Some(spans[1].span_id));
    assert_eq!(spans[1].parent_id, Some(spans[2].span_id));
    assert_eq!(spans[2].parent_id, None);
    assert!(spans.iter().all(|span| span.trace_id == spans[2].trace_id));
    assert_eq!(spans[1].function_input.as_deref(), Some(r#"{"question":"why?"}"#));
    assert_eq!(spans[1].function_output.as_deref(), Some("You asked: why?"));
}

#[test]
fn llm_call_logs_even_around_another_call() {
    #[promptlayer(kind = "llm")]
    fn outer(question: &str) -> String {
        ask(question)
    }
    assert_eq!(captured(|| drop(outer("why?"))).requests().len(), 2);
}

struct Service {
    asked: usize,
}

impl Service {
    #[promptlayer]
    fn count(&self, question: &str) -> usize {
        question.len() + self.asked
    }

    #[promptlayer]
    async fn ask(&mut self, question: String) -> &usize {
        pause().await;
        self.asked += question.len();
        &self.asked
    }

    #[promptlayer]
    async fn shared(self: Arc<Self>, question: &str) -> usize {
        pause().await;
        self.asked + question.len()
    }
}

#[test]
fn methods_are_logged_without_self() {
    let captured = captured(|| {
        let mut service = Service { asked: 0 };
        assert_eq!(*block_on(service.ask("four".to_owned())), 4);
        assert_eq!(service.count("one"), 7);
        assert_eq!(block_on(Arc::new(service).shared("a")), 5);
    });
    let inputs: Vec<String> = captured.requests().iter().map(|request| request.input.text()).collect();
    assert_eq!(inputs, ["four", "one", "a"]);
}

#[derive(Debug)]
struct CountsSerialize(Arc<AtomicUsize>);

impl Serialize for CountsSerialize {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        self.0.fetch_add(1, Ordering::SeqCst);
        serializer.serialize_str("counted")
    }
}

#[test]
fn nothing_is_serialized_without_a_layer() {
    #[promptlayer]
    fn give(value: CountsSerialize) -> CountsSerialize {
        value
    }
    let count = Arc::new(AtomicUsize::new(0));
    drop(give(CountsSerialize(Arc::clone(&count))));
    tracing::subscriber::with_default(tracing_subscriber::registry(), || {
        drop(give(CountsSerialize(Arc::clone(&count))));
    });
    assert_eq!(count.load(Ordering::SeqCst), 0);

    let request = request_of(|| drop(give(CountsSerialize(Arc::clone(&count)))));
    assert_eq!(count.load(Ordering::SeqCst), 2, "once as argument, once as value");
    assert_eq!(request.output.text(), "counted");
}

struct Panics;

impl Serialize for Panics {
    fn serialize<S: Serializer>(&self, _: S) -> Result<S::Ok, S::Error> {
        panic!("cannot be serialized")
    }
}

#[test]
fn panicking_serialize_loses_only_its_value() {
    #[promptlayer]
    fn give(question: &str, _value: Panics) -> Panics {
        let _ = question;
        Panics
    }
    let request = request_of(|| {
        let Panics = give("why?", Panics);
    });
    assert_eq!(request.input, Prompt::user("why?"));
    assert_eq!(request.output.text(), "[attribute::Panics]");
}

#[test]
fn content_is_omitted_if_capture_is_disabled() {
    let captured = captured_with(layer().capture_content(false), || drop(ask("a secret")));
    let requests = captured.requests();
    assert!(!format!("{:?}", captured.spans()).contains("secret"));
    assert_eq!(requests[0].function_name.as_deref(), Some("ask"));
    assert!(requests[0].tags.contains("chat"));
}

#[test]
fn every_text_can_be_redacted_before_export() {
    let captured = captured_with(layer().redact_text(|text| text.replace("secret", "###").into()), || {
        #[promptlayer(metadata(of = "a secret"), fields(of = "secret"), kind = "llm")]
        fn outer(question: &str) -> Result<String, String> {
            drop(ask(question));
            Err(format!("{question} failed"))
        }
        drop(outer("my secret"));
    });
    assert!(!format!("{:?}", captured.spans()).contains("secret"), "{:#?}", captured.spans());
    assert_eq!(captured.requests()[0].input.text(), "my ###");
    assert_eq!(captured.requests()[1].error_message(), Some("my ### failed"));
}

#[test]
fn fields_become_span_attributes_and_the_last_value_wins() {
    #[promptlayer(fields(question, attempt = 1, later))]
    fn tried(question: &str) {
        let _ = question;
        tracing::Span::current().record("later", 2);
        tracing::Span::current().record("later", 3);
    }
    let spans = captured(|| tried("why?")).spans();
    assert_eq!(
        serde_json::Value::Object(spans[0].fields.clone()),
        json!({"question": "why?", "attempt": 1, "later": 3})
    );
}

#[test]
fn other_spans_are_exported_only_if_enabled() {
    fn work() {
        let _entered = tracing::info_span!("handler", path = "/").entered();
        let _inner = tracing::info_span!("query").entered();
        drop(ask("why?"));
    }
    assert_eq!(captured(work).spans().len(), 1);

    let wanted = layer().export_spans(|metadata| metadata.name() == "handler");
    let spans = captured_with(wanted, work).spans();
    assert_eq!(spans.iter().map(|span| span.name.as_str()).collect::<Vec<_>>(), ["ask", "handler"]);
    assert_eq!(spans[0].parent_id, Some(spans[1].span_id));
    assert_eq!(spans[1].fields["path"], "/");
}
