//! Spans of the application that describe calls of a model.

use promptlayer_tracing::blueprint::{Prompt, RequestStatus};
use promptlayer_tracing::in_memory::CapturedSpan;
use promptlayer_tracing::{LayerBuilder, layer, promptlayer};
use serde_json::{Value, json};
use tests::in_memory::captured_with;
use tests::pipeline::{dispatch, layer_to};
use tests::{Contract, Recorder};
use tracing::field::Empty;
use tracing::{Level, Span, dispatcher, info_span};
use tracing_subscriber::filter::LevelFilter;
use tracing_subscriber::prelude::*;

use crate::{assert_unfinished, named, names};

/// Creates the span of a model call with all attributes.
fn call() -> Span {
    info_span!(
        "call",
        gen_ai.operation.name = "chat",
        gen_ai.provider.name = "anthropic",
        gen_ai.request.model = "claude",
        gen_ai.usage.input_tokens = 3,
        gen_ai.input.messages = r#"[{"role":"user","parts":[{"type":"text","content":"my secret"}]}]"#,
        gen_ai.output.messages = r#"[{"role":"assistant","parts":[{"type":"text","content":"no secret"}]}]"#,
        mine = "secret too",
    )
}

#[promptlayer]
fn ask(question: &str) -> String {
    question.to_uppercase()
}

fn spans_of(builder: LayerBuilder, run: impl FnOnce()) -> Vec<CapturedSpan> {
    captured_with(builder, run).spans()
}

#[test]
fn later_recordings_count_and_the_last_one_wins() {
    let spans = spans_of(layer(), || {
        let span = info_span!(
            "own",
            gen_ai.operation.name = Empty,
            gen_ai.request.model = "asked",
            gen_ai.usage.input_tokens = Empty,
            gen_ai.usage.output_tokens = Empty,
            gen_ai.completion = Empty,
        );
        span.record("gen_ai.operation.name", "chat");
        span.record("gen_ai.usage.input_tokens", 3_u64);
        span.record("gen_ai.usage.input_tokens", 4_i64);
        span.record("gen_ai.usage.output_tokens", tracing::field::debug(5));
        span.record("gen_ai.completion", "partly");
        span.record("gen_ai.completion", "wholly");
    });
    let log = spans[0].request.as_ref().unwrap();
    assert_eq!((log.model.as_str(), log.input_tokens, log.output_tokens), ("asked", Some(4), Some(5)));
    assert_eq!(log.output.text(), "wholly");
    assert_eq!(log.status, RequestStatus::Success);
}

#[test]
fn span_without_output_fields_succeeds() {
    let spans = spans_of(layer(), || drop(info_span!("own", gen_ai.operation.name = "embeddings")));
    let log = spans[0].request.as_ref().unwrap();
    assert_eq!(
        (log.status, log.provider.as_str(), log.model.as_str()),
        (RequestStatus::Success, "custom", "unknown")
    );
}

#[test]
fn stream_with_a_finish_reason_succeeds() {
    for (end, expected) in [
        (None, RequestStatus::Warning),
        (Some("gen_ai.response.finish_reasons"), RequestStatus::Success),
        (Some("gen_ai.completion"), RequestStatus::Success),
    ] {
        let spans = spans_of(layer(), || {
            let span = info_span!(
                "own",
                gen_ai.operation.name = "chat",
                gen_ai.request.stream = true,
                gen_ai.response.id = "r-1",
                gen_ai.response.finish_reasons = Empty,
                gen_ai.completion = Empty,
            );
            end.map(|end| span.record(end, "stop"));
        });
        assert_eq!(spans[0].request.as_ref().unwrap().status, expected, "{end:?}");
        if end.is_none() {
            assert_unfinished(&spans[0]);
        }
    }
}

#[test]
fn innermost_of_nested_calls_is_the_request() {
    let spans = spans_of(layer(), || {
        let _outer = info_span!("outer", gen_ai.operation.name = "chat").entered();
        {
            let _late = info_span!("late", gen_ai.operation.name = Empty).entered();
            Span::current().record("gen_ai.operation.name", "chat");
            drop(call());
        }
        let _other = info_span!("other", gen_ai.operation.name = "generate_content").entered();
        ask("why?");
    });
    assert_eq!(names(&spans), ["call", "late", "ask", "other", "outer"]);
    let requests: Vec<_> =
        spans.iter().filter(|span| span.request.is_some()).map(|span| span.name.as_str()).collect();
    assert_eq!(requests, ["call", "ask"]);
    assert_eq!(named(&spans, "call").parent_id, Some(named(&spans, "late").span_id));
    assert_eq!(named(&spans, "ask").parent_id, Some(named(&spans, "other").span_id));
}

#[test]
fn function_of_kind_llm_stays_a_request() {
    #[promptlayer(kind = "llm")]
    fn outer() {
        drop(call());
    }
    let spans = spans_of(layer(), outer);
    assert!(named(&spans, "outer").request.is_some() && named(&spans, "call").request.is_some());
}

#[test]
fn operations_without_a_model_are_plain_spans() {
    let spans = spans_of(layer(), || {
        for operation in ["invoke_agent", "execute_tool", "retrieval", "invoke_workflow", "rerank"] {
            drop(info_span!("own", gen_ai.operation.name = operation, error.type = "timeout"));
        }
    });
    assert_eq!(spans.len(), 5);
    assert!(spans.iter().all(|span| span.request.is_none() && span.error.as_deref() == Some("timeout")));
}

#[test]
fn filtered_layer_never_sees_external_spans() {
    let (layer, captured) = layer().in_memory().unwrap();
    let subscriber = tracing_subscriber::registry()
        .with(layer.with_filter(LevelFilter::WARN))
        .with(tracing_subscriber::fmt::layer().with_writer(std::io::sink));
    tracing::subscriber::with_default(subscriber, || {
        let span = call();
        assert!(!span.is_disabled());
        span.in_scope(|| drop(tracing::span!(Level::WARN, "seen", gen_ai.operation.name = "chat")));
    });
    let spans = captured.spans();
    assert_eq!(names(&spans), ["seen"]);
    assert_eq!(spans[0].parent_id, None);
}

#[test]
fn without_content_only_names_and_numbers_remain() {
    let spans = spans_of(layer().capture_content(false), || {
        drop(call());
        drop(info_span!(
            "tool",
            gen_ai.operation.name = "execute_tool",
            gen_ai.tool.call.arguments = "secret",
            error.type = "timeout",
            otel.status_description = "secret was late",
        ));
    });
    let log = spans[0].request.as_ref().unwrap();
    assert_eq!(
        (log.provider.as_str(), log.model.as_str(), log.input_tokens),
        ("anthropic", "claude", Some(3))
    );
    assert!(log.input.messages().is_empty() && log.output.messages().is_empty());
    assert_eq!(spans[0].fields["mine"], "secret too", "fields that are not content stay");
    assert_eq!(
        (spans[1].function_input.as_deref(), spans[1].error.as_deref(), &spans[1].fields),
        (
            None,
            Some("timeout"),
            json!({"gen_ai.operation.name": "execute_tool", "error.type": "timeout"}).as_object().unwrap()
        )
    );
    assert!(!format!("{spans:?}").replace("secret too", "").contains("secret"), "{spans:#?}");
}

#[test]
fn external_spans_are_redacted() {
    let spans = spans_of(layer().redact_text(|text| text.replace("secret", "###").into()), || drop(call()));
    assert!(!format!("{spans:?}").contains("secret"), "{spans:#?}");
    let log = spans[0].request.as_ref().unwrap();
    assert_eq!((log.input.text().as_str(), log.output.text().as_str()), ("my ###", "no ###"));
    assert_eq!(spans[0].fields["mine"], "### too");
}

#[test]
fn redacted_request_content_is_absent_from_its_span() {
    let spans = spans_of(
        layer().redact(|request| {
            request.model = request.model.replace("secret", "###");
            request.metadata.clear();
            request.parameters.clear();
            request.input = Prompt::user("###");
            request.output = Prompt::assistant("###");
            if let (Some(kind), Some(_)) = (request.error_type, request.error_message()) {
                request.set_error(kind, "###");
            }
        }),
        || {
            drop(info_span!(
                "call",
                gen_ai.operation.name = "chat",
                gen_ai.request.model = "secret-model",
                gen_ai.request.seed = 7,
                gen_ai.request.stop_sequences = r#"["secret"]"#,
                gen_ai.response.id = "secret-id",
                gen_ai.conversation.id = "secret-talk",
                gen_ai.completion = "a secret",
                gen_ai.tool.call.arguments = "a secret",
                otel.status_code = "error",
                otel.status_description = "a secret was late",
                mine = 1,
            ));
        },
    );
    assert!(!format!("{spans:?}").contains("secret"), "{spans:#?}");
    assert_eq!(spans[0].error.as_deref(), Some("###"));
    assert_eq!(
        Value::Object(spans[0].fields.clone()),
        json!({"gen_ai.request.seed": 7, "otel.status_code": "error", "mine": 1})
    );
}

#[test]
fn exported_span_has_otel_attributes_and_no_content_twice() {
    let recorder = Recorder::start().unwrap();
    let (layer, guard) = layer_to(recorder.url()).build().unwrap();
    dispatcher::with_default(&dispatch(layer), || {
        drop(call());
        ask("why?");
        drop(info_span!(
            "tool",
            gen_ai.operation.name = "execute_tool",
            gen_ai.tool.name = "look",
            gen_ai.tool.call.arguments = "{}",
            gen_ai.tool.call.result = "sky",
        ));
    });
    guard.shutdown(std::time::Duration::from_secs(60));

    for body in recorder.bodies("/spans-bulk") {
        assert_eq!(Contract::load().check_request("POST", "/spans-bulk", &body), []);
    }
    let attributes: Vec<Value> = recorder.spans().iter().map(|span| span["attributes"].clone()).collect();
    assert_eq!(
        attributes,
        [
            json!({
                "gen_ai.operation.name": "chat",
                "gen_ai.provider.name": "anthropic",
                "gen_ai.system": "anthropic",
                "gen_ai.request.model": "claude",
                "gen_ai.usage.input_tokens": 3,
                "gen_ai.usage.prompt_tokens": 3,
                "mine": "secret too",
                "promptlayer.telemetry.source": "promptlayer-tracing",
            }),
            json!({
                "gen_ai.operation.name": "chat",
                "gen_ai.provider.name": "custom",
                "gen_ai.system": "custom",
                "function_name": "ask",
                "promptlayer.telemetry.source": "promptlayer-tracing",
            }),
            json!({
                "gen_ai.operation.name": "execute_tool",
                "gen_ai.tool.name": "look",
                "function_name": "look",
                "function_input": "{}",
                "function_output": "sky",
                "node_type": "CODE_EXECUTION",
                "tool.name": "look",
                "promptlayer.telemetry.source": "promptlayer-tracing",
            }),
        ]
    );
}

#[test]
fn call_attributes_come_from_the_rewritten_request() {
    #[promptlayer(skip(reply))]
    fn chat(request: Value, customer: &str, reply: Value) -> Value {
        drop((request, customer.len()));
        reply
    }
    let recorder = Recorder::start().unwrap();
    let redacted = layer_to(recorder.url()).redact(|request| {
        request.parameters.remove("stop");
        request.metadata.remove("response_id");
        request.metadata.insert("finish_reason".to_owned(), "###".to_owned());
        request.provider = "###".to_owned();
        request.model = "###".to_owned();
        request.input_tokens = None;
        if let Some(kind) = request.error_type {
            request.set_error(kind, "###");
        }
    });
    let (layer, guard) = redacted.build().unwrap();
    let messages = json!([{"role": "user", "content": "a"}]);
    dispatcher::with_default(&dispatch(layer), || {
        let request = json!({"model": "secret", "messages": messages, "stop": "secret", "temperature": 0.5});
        let reply = json!({
            "id": "secret-1",
            "object": "chat.completion",
            "created": 1,
            "model": "secret-2",
            "choices": [{"index": 0, "message": {"role": "assistant", "content": "b"}, "finish_reason": "stop"}],
            "usage": {"prompt_tokens": 3, "completion_tokens": 2, "total_tokens": 5},
        });
        chat(request.clone(), "secret", reply);
        chat(request, "secret", json!({"error": {"message": "no secret for you"}}));
    });
    guard.shutdown(std::time::Duration::from_secs(60));
    let spans = recorder.spans();
    assert!(!format!("{spans:?}").contains("secret"), "{spans:#?}");
    assert_eq!(
        spans[0]["attributes"],
        json!({
            "gen_ai.operation.name": "chat",
            "gen_ai.provider.name": "###",
            "gen_ai.system": "###",
            "gen_ai.request.model": "###",
            "gen_ai.request.temperature": 0.5,
            "gen_ai.response.finish_reasons": ["###"],
            "gen_ai.usage.output_tokens": 2,
            "gen_ai.usage.completion_tokens": 2,
            "function_name": "chat",
            "promptlayer.telemetry.source": "promptlayer-tracing",
        })
    );
    assert_eq!(spans[1]["status"]["description"], "###");
}

#[test]
fn call_attributes_are_redacted() {
    #[promptlayer]
    fn chat(request: Value) -> Value {
        drop(request);
        json!({
            "id": "secret-1",
            "object": "chat.completion",
            "created": 1,
            "model": "m-1",
            "choices": [{"index": 0, "message": {"role": "assistant", "content": "b"}, "finish_reason": "stop"}],
        })
    }
    let recorder = Recorder::start().unwrap();
    let redacted = layer_to(recorder.url()).redact_text(|text| text.replace("secret", "###").into());
    let (layer, guard) = redacted.build().unwrap();
    let messages = json!([{"role": "user", "content": "a"}]);
    dispatcher::with_default(&dispatch(layer), || {
        chat(json!({"model": "m", "messages": messages, "stop": "secret", "temperature": 0.5}))
    });
    guard.shutdown(std::time::Duration::from_secs(60));
    assert_eq!(
        recorder.spans()[0]["attributes"],
        json!({
            "gen_ai.operation.name": "chat",
            "gen_ai.provider.name": "custom",
            "gen_ai.system": "custom",
            "gen_ai.request.model": "m",
            "gen_ai.request.temperature": 0.5,
            "gen_ai.request.stop_sequences": ["###"],
            "gen_ai.response.id": "###-1",
            "gen_ai.response.model": "m-1",
            "gen_ai.response.finish_reasons": ["stop"],
            "function_name": "chat",
            "promptlayer.telemetry.source": "promptlayer-tracing",
        })
    );
}
