//! What an annotated call records on its own span for other layers.

use std::sync::{Arc, Mutex};

use promptlayer_tracing::blueprint::semconv::SemconvStability;
use promptlayer_tracing::in_memory::InMemory;
use promptlayer_tracing::{LayerBuilder, layer, promptlayer};
use serde_json::{Value, json};
use tests::Beside;
use tracing_subscriber::prelude::*;

fn beside(builder: LayerBuilder, run: impl FnOnce()) -> (Beside, InMemory) {
    let (layer, captured) = builder.in_memory().unwrap();
    let beside = Beside::default();
    let subscriber = tracing_subscriber::registry().with(layer).with(beside.clone());
    tracing::subscriber::with_default(subscriber, run);
    (beside, captured)
}

#[promptlayer(skip(reply))]
fn chat(request: Value, reply: Value) -> Value {
    drop(request);
    reply
}

fn call() {
    let (request, reply) = exchange();
    chat(request, reply);
}

fn exchange() -> (Value, Value) {
    let request = json!({
        "model": "gpt-4o",
        "messages": [{"role": "user", "content": "my secret"}],
    });
    let reply = json!({
        "id": "chatcmpl-1",
        "object": "chat.completion",
        "created": 1,
        "model": "gpt-4o-2024-08-06",
        "choices": [{
            "index": 0,
            "message": {"role": "assistant", "content": "no secret"},
            "finish_reason": "stop",
        }],
        "usage": {"prompt_tokens": 12, "completion_tokens": 7, "total_tokens": 19},
    });
    (request, reply)
}

fn expected() -> Value {
    json!({
        "gen_ai.operation.name": "chat",
        "gen_ai.provider.name": "openai",
        "gen_ai.system": "openai",
        "gen_ai.request.model": "gpt-4o",
        "gen_ai.response.id": "chatcmpl-1",
        "gen_ai.response.model": "gpt-4o-2024-08-06",
        "gen_ai.response.finish_reasons": r#"["stop"]"#,
        "gen_ai.usage.input_tokens": 12,
        "gen_ai.usage.prompt_tokens": 12,
        "gen_ai.usage.output_tokens": 7,
        "gen_ai.usage.completion_tokens": 7,
    })
}

#[test]
fn other_layers_see_call_attributes_but_no_content() {
    let (beside, captured) = beside(layer(), call);
    assert_eq!(beside.fields("chat"), expected());
    let spans = captured.spans();
    assert!(
        spans[0].fields.is_empty(),
        "they are the call's own, not fields of the user's: {:?}",
        spans[0].fields
    );
    let log = spans[0].request.as_ref().unwrap();
    assert_eq!((log.input.text().as_str(), log.output.text().as_str()), ("my secret", "no secret"));
}

#[test]
fn call_attributes_are_the_same_with_user_fields() {
    #[promptlayer(skip(reply), fields(attempt = 1))]
    fn chat_again(request: Value, reply: Value) -> Value {
        drop(request);
        reply
    }
    #[promptlayer(skip(reply), parent = tracing::Span::none())]
    fn chat_alone(request: Value, reply: Value) -> Value {
        drop(request);
        reply
    }
    let (beside, _) = beside(layer(), || {
        let (request, reply) = exchange();
        chat_again(request.clone(), reply.clone());
        chat_alone(request, reply);
    });
    let mut with_own = expected();
    with_own["attempt"] = json!(1);
    assert_eq!(beside.fields("chat_again"), with_own);
    assert_eq!(beside.fields("chat_alone"), expected());
}

#[test]
fn call_attributes_are_not_recorded_if_disabled() {
    assert_eq!(beside(layer().gen_ai_fields(false), call).0.fields("chat"), json!({}));
}

#[test]
fn call_attributes_have_the_selected_names() {
    let fields = |stability| beside(layer().semconv_stability(stability), call).0.fields("chat");
    let without = |names: &[&str]| {
        let mut expected = expected();
        expected.as_object_mut().unwrap().retain(|name, _| !names.contains(&name.as_str()));
        expected
    };
    let old = ["gen_ai.system", "gen_ai.usage.prompt_tokens", "gen_ai.usage.completion_tokens"];
    assert_eq!(fields(SemconvStability::Latest), without(&old));
    let latest = ["gen_ai.provider.name", "gen_ai.usage.input_tokens", "gen_ai.usage.output_tokens"];
    assert_eq!(fields(SemconvStability::Old), without(&latest));
}

#[test]
fn call_attributes_are_the_same_without_content() {
    assert_eq!(beside(layer().capture_content(false), call).0.fields("chat"), expected());
}

#[test]
fn failed_call_records_its_error_kind() {
    #[promptlayer]
    fn fails() -> Result<(), std::fmt::Error> {
        Err(std::fmt::Error)
    }
    let failed = json!({
        "gen_ai.operation.name": "chat",
        "gen_ai.provider.name": "custom",
        "gen_ai.system": "custom",
        "error.type": "UNKNOWN_ERROR",
    });
    assert_eq!(beside(layer(), || assert!(fails().is_err())).0.fields("fails"), failed);
}

#[test]
fn call_of_another_operation_ends_with_its_own_name() {
    #[promptlayer(kind = "embedding")]
    fn embed(text: &str) {
        let _ = text;
    }
    assert_eq!(
        beside(layer(), || embed("why?")).0.fields("embed"),
        json!({
            "gen_ai.operation.name": "embeddings",
            "gen_ai.provider.name": "custom",
            "gen_ai.system": "custom",
        })
    );
}

#[test]
fn functions_without_a_model_record_their_operation() {
    #[promptlayer(kind = "tool")]
    fn look() {}
    #[promptlayer(kind = "agent")]
    fn wander() {
        look();
    }
    #[promptlayer(kind = "retriever")]
    fn search() {}
    let beside = beside(layer(), || {
        wander();
        search();
    });
    let beside = beside.0;
    assert_eq!(
        beside.fields("look"),
        json!({"gen_ai.operation.name": "execute_tool", "gen_ai.tool.name": "look"})
    );
    assert_eq!(
        beside.fields("wander"),
        json!({"gen_ai.operation.name": "invoke_agent", "gen_ai.agent.name": "wander"})
    );
    assert_eq!(beside.fields("search"), json!({"gen_ai.operation.name": "retrieval"}));
}

const MODEL: &str = "gen_ai.request.model";

#[test]
fn user_declared_fields_of_the_same_names_are_kept() {
    #[promptlayer(fields(gen_ai.operation.name = "mine", "gen_ai.response.model" = 1, { MODEL } = true, error.r#type = "none"))]
    fn named(model: &str) {
        let _ = model;
    }
    let (beside, captured) = beside(layer(), || named("own-model"));
    let mine = json!({
        "gen_ai.operation.name": "mine", "gen_ai.response.model": 1, "gen_ai.request.model": true, "error.type": "none",
    });
    let mut seen = beside.fields("named");
    for ours in ["gen_ai.provider.name", "gen_ai.system"] {
        assert_eq!(seen.as_object_mut().unwrap().remove(ours).unwrap(), "custom");
    }
    assert_eq!(seen, mine);
    let spans = captured.spans();
    assert_eq!(Value::Object(spans[0].fields.clone()), mine);
    assert!(spans[0].request.is_some(), "it is still the attribute's");
}

#[test]
fn log_lines_within_a_call_do_not_grow() {
    #[promptlayer(fields(attempt = 1))]
    fn talkative() {
        tracing::info!("within");
    }
    let written = Arc::new(Mutex::new(Vec::new()));
    let writer = Arc::clone(&written);
    let (layer, _captured) = layer().in_memory().unwrap();
    let lines = tracing_subscriber::fmt::layer()
        .with_ansi(false)
        .without_time()
        .with_target(false)
        .with_writer(move || Shared(Arc::clone(&writer)));
    tracing::subscriber::with_default(tracing_subscriber::registry().with(layer).with(lines), talkative);
    let written = String::from_utf8(written.lock().unwrap().clone()).unwrap();
    assert_eq!(written, " INFO talkative{attempt=1}: within\n");
}

/// A writer that appends to a buffer.
struct Shared(Arc<Mutex<Vec<u8>>>);

impl std::io::Write for Shared {
    fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
        self.0.lock().unwrap().extend_from_slice(bytes);
        Ok(bytes.len())
    }
    fn flush(&mut self) -> std::io::Result<()> {
        Ok(())
    }
}
