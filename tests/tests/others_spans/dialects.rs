//! Spans of langchain-rust and of swiftide, which have names of their own. Both crates are too large to build for a
//! test, so the spans are made here as those crates make them.

use promptlayer_tracing::blueprint::{ErrorType, LogRequest, RequestStatus};
use promptlayer_tracing::in_memory::CapturedSpan;
use promptlayer_tracing::{layer, promptlayer};
use serde_json::{Value, json};
use tests::in_memory::captured_with;
use tracing::field::Empty;
use tracing::{Span, debug, error, info_span};

use crate::{assert_unfinished, named, names, timeless};

fn spans_of(run: impl FnOnce()) -> Vec<CapturedSpan> {
    captured_with(layer(), run).spans()
}

/// Creates the span of a call of langchain-rust.
fn generate(provider: &'static str, stream: bool) -> Span {
    let model = "m-1";
    info_span!(
        target: "langchain_rust::observability",
        "llm.generate",
        provider,
        model,
        stream,
        prompt_tokens = Empty,
        completion_tokens = Empty,
        total_tokens = Empty,
        tool_calls = Empty,
        error = Empty,
    )
}

#[test]
fn langchain_call_is_a_request() {
    #[promptlayer]
    fn ask(question: &str) -> String {
        let call = generate("claude", false);
        call.record("prompt_tokens", 3_u32);
        call.record("completion_tokens", 7_u32);
        question.to_uppercase()
    }
    let spans = spans_of(|| drop(ask("why?")));
    assert_eq!(names(&spans), ["llm.generate", "ask"]);
    assert_eq!(
        timeless(spans[0].request.as_ref().unwrap()),
        json!({
            "provider": "anthropic",
            "model": "m-1",
            "input": {
                "type": "chat",
                "messages": [{"role": "user", "content": [{"type": "text", "text": "why?"}]}],
            },
            "output": {
                "type": "chat",
                "messages": [{"role": "assistant", "content": [{"type": "text", "text": "WHY?"}]}],
            },
            "parameters": {"stream": false},
            "input_tokens": 3,
            "output_tokens": 7,
            "function_name": "llm.generate",
            "status": "SUCCESS",
        })
    );
}

#[test]
fn langchain_call_fails_only_with_an_error() {
    let status = |run: &dyn Fn(&Span), stream| {
        let spans = spans_of(|| run(&generate("openai", stream)));
        let log = spans[0].request.as_ref().unwrap();
        (log.status, log.error_message().map(str::to_owned), spans)
    };
    let (is, message, _) = status(&|call| _ = call.record("error", "429 too many requests"), false);
    assert_eq!((is, message.as_deref()), (RequestStatus::Error, Some("429 too many requests")));
    // A provider may report no usage.
    assert_eq!(status(&|_| {}, false).0, RequestStatus::Success);
    assert_unfinished(&status(&|_| {}, true).2[0]);
}

#[test]
fn langchain_embeddings_tools_and_runs_have_their_kinds() {
    const TARGET: &str = "langchain_rust::agent::executor";
    let spans = spans_of(|| {
        let _run = info_span!(target: TARGET, "agent.run", max_iterations = 3, error = Empty).entered();
        drop(info_span!(target: TARGET, "embed.query", provider = "ollama", model = "nomic", count = 1));
        drop(info_span!(target: TARGET, "tool.call", tool = "look", error = Empty));
        drop(info_span!(target: TARGET, "unknown", provider = "ollama"));
    });
    assert_eq!(names(&spans), ["embed.query", "tool.call", "agent.run"]);
    let log = spans[0].request.as_ref().unwrap();
    assert_eq!((log.provider.as_str(), log.model.as_str()), ("ollama", "nomic"));
    assert_eq!(spans[1].fields["gen_ai.tool.name"], "look");
    assert_eq!(spans[2].fields["gen_ai.operation.name"], "invoke_agent");
}

#[test]
fn langchain_names_are_only_read_in_its_spans() {
    let spans = spans_of(|| drop(info_span!("llm.generate", provider = "openai", model = "m-1")));
    assert!(spans.is_empty(), "{spans:#?}");
}

/// Records a call as swiftide does: in an event inside the span.
fn track(request: &Value, response: &Value) {
    debug!(
        langfuse.model = "gpt-4o",
        langfuse.input = serde_json::to_string_pretty(request).unwrap(),
        langfuse.output = serde_json::to_string_pretty(response).unwrap(),
        langfuse.usage = r#"{"prompt_tokens": 3, "completion_tokens": 7, "total_tokens": 10}"#,
    );
}

fn request() -> Value {
    json!({
        "model": "gpt-4o",
        "messages": [{"role": "user", "content": "Why?"}],
        "temperature": 0.5,
        "tools": [{"type": "function", "function": {"name": "look", "parameters": {"type": "object"}}}],
    })
}

fn generation(run: impl FnOnce()) -> LogRequest {
    let spans = spans_of(|| info_span!("complete", langfuse.type = "GENERATION").in_scope(run));
    assert_eq!(names(&spans), ["complete"]);
    assert!(!format!("{:?}", spans[0].fields).contains("Why?"), "{:?}", spans[0].fields);
    spans[0].request.clone().unwrap()
}

#[test]
fn swiftide_call_is_read_from_its_event() {
    let log = generation(|| {
        // A span in between, as two attributes on one function make it.
        info_span!("inner").in_scope(|| {
            track(
                &request(),
                &json!({
                    "id": "7b1c", "message": "Because.", "usage": null, "delta": null,
                    "tool_calls": [{"id": "c1", "name": "look", "args": "{}"}],
                }),
            );
        });
    });
    assert_eq!(
        timeless(&log),
        json!({
            "provider": "openai",
            "model": "gpt-4o",
            "api_type": "chat-completions",
            "input": {
                "type": "chat",
                "messages": [{"role": "user", "content": [{"type": "text", "text": "Why?"}]}],
                "tools": [{"type": "function", "function": {"name": "look", "parameters": {"type": "object"}}}],
            },
            "output": {
                "type": "chat",
                "messages": [{
                    "role": "assistant",
                    "content": [{"type": "text", "text": "Because."}],
                    "tool_calls": [
                        {"type": "function", "id": "c1", "function": {"name": "look", "arguments": "{}"}},
                    ],
                }],
            },
            "parameters": {"temperature": 0.5},
            "input_tokens": 3,
            "output_tokens": 7,
            "function_name": "complete",
            "status": "SUCCESS",
        })
    );
}

#[test]
fn swiftide_call_with_a_provider_response_is_read() {
    let log = generation(|| {
        track(
            &request(),
            &json!({
                "id": "chatcmpl-1",
                "object": "chat.completion",
                "created": 1,
                "model": "gpt-4o-2024-08-06",
                "choices": [{
                    "index": 0,
                    "message": {"role": "assistant", "content": "Because."},
                    "finish_reason": "length",
                }],
                "usage": {
                    "prompt_tokens": 12, "completion_tokens": 7, "total_tokens": 19,
                    "prompt_tokens_details": {"cached_tokens": 4},
                },
            }),
        );
    });
    assert_eq!((log.output.text().as_str(), log.status), ("Because.", RequestStatus::Warning));
    assert_eq!((log.input_tokens, log.metadata["cached_tokens"].as_str()), (Some(12), "4"));
    assert_eq!(log.metadata["response_id"], "chatcmpl-1");
}

#[test]
fn failed_swiftide_call_has_the_error_of_its_event() {
    let log = generation(|| error!(error = %"429 too many requests"));
    assert_eq!((log.status, log.error_type), (RequestStatus::Error, Some(ErrorType::ProviderRateLimit)));
    assert_eq!(log.error_message(), Some("429 too many requests"));
}

#[test]
fn swiftide_call_without_events_takes_from_the_function() {
    #[promptlayer(provider = "openai", model = "gpt-4o")]
    fn ask(question: &str) -> Result<String, String> {
        drop(info_span!("prompt", langfuse.type = "GENERATION"));
        if question.is_empty() { Err("nothing was asked".to_owned()) } else { Ok(question.to_uppercase()) }
    }
    let spans = spans_of(|| drop((ask("why?"), ask(""))));
    let log = named(&spans[..2], "prompt").request.as_ref().unwrap();
    assert_eq!((log.input.text().as_str(), log.output.text().as_str()), ("why?", "WHY?"));
    assert_eq!((log.provider.as_str(), log.model.as_str()), ("openai", "gpt-4o"));
    let log = named(&spans[2..], "prompt").request.as_ref().unwrap();
    assert_eq!((log.status, log.error_message()), (RequestStatus::Error, Some("nothing was asked")));
}

#[test]
fn events_outside_such_a_call_are_ignored() {
    #[promptlayer]
    fn ask() {
        debug!(langfuse.input = "query", langfuse.output = "result");
        info_span!("own", gen_ai.operation.name = "chat").in_scope(|| error!(error = "not of the call"));
    }
    let spans = spans_of(ask);
    let log = named(&spans, "own").request.as_ref().unwrap();
    assert_eq!((log.status, log.input.messages().len()), (RequestStatus::Success, 0));
    assert!(named(&spans, "ask").fields.is_empty());
}
