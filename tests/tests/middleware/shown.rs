//! What a call records on its span for other layers, and what it does not record.

use promptlayer_tracing::blueprint::LogRequest;
use promptlayer_tracing::in_memory::InMemory;
use promptlayer_tracing::{LayerBuilder, layer, promptlayer};
use reqwest_middleware::ClientWithMiddleware;
use serde_json::{Value, json};
use tests::Beside;
use tracing_subscriber::prelude::*;

use super::server::Server;
use super::{CHAT, JSON, ask, client, reply};

/// Makes one call. Returns the fields that another layer sees, and what the PromptLayer layer receives.
fn called(
    builder: LayerBuilder,
    path: &'static str,
    request: Option<Value>,
    reply: String,
) -> (Value, InMemory) {
    let (layer, captured) = builder.in_memory().unwrap();
    let beside = Beside::default();
    let subscriber = tracing_subscriber::registry().with(layer).with(beside.clone());
    tracing::subscriber::with_default(subscriber, || {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        runtime.block_on(async {
            let server = Server::whole(200, JSON, reply).await;
            let client = client(&server, if path == CHAT { "openai" } else { "cohere" });
            let response = match request {
                Some(request) => {
                    client.post(server.url(path)).body(request.to_string()).send().await.unwrap()
                }
                None => ask(&client, server.url(path)).await,
            };
            response.text().await.unwrap();
        });
    });
    let mut fields = beside.fields("model_request");
    let url = fields.as_object_mut().unwrap().remove("url.full").unwrap();
    assert!(url.as_str().unwrap().ends_with(path), "{url}");
    assert_eq!(fields.as_object_mut().unwrap().remove("server.address").unwrap(), "127.0.0.1");
    assert!(fields.as_object_mut().unwrap().remove("server.port").unwrap().as_u64().unwrap() > 0);
    (fields, captured)
}

fn expected() -> Value {
    json!({
        "http.response.status_code": 200,
        "gen_ai.operation.name": "chat",
        "gen_ai.provider.name": "openai",
        "gen_ai.system": "openai",
        "gen_ai.request.model": "gpt-4o",
        "gen_ai.response.id": "chatcmpl-1",
        "gen_ai.response.model": "gpt-4o-2024",
        "gen_ai.response.finish_reasons": r#"["stop"]"#,
        "gen_ai.usage.input_tokens": 5,
        "gen_ai.usage.prompt_tokens": 5,
        "gen_ai.usage.output_tokens": 2,
        "gen_ai.usage.completion_tokens": 2,
    })
}

#[test]
fn other_layers_see_call_attributes_but_no_content() {
    let (fields, captured) = called(layer(), CHAT, None, reply());
    assert_eq!(fields, expected());
    assert_eq!(captured.requests()[0].output.text(), "Because.");
}

#[test]
fn without_content_no_question_or_answer_is_sent() {
    let (fields, captured) = called(layer().capture_content(false), CHAT, None, reply());
    assert_eq!(fields, expected());
    let spans = format!("{:?}", captured.spans());
    assert!(!spans.contains("why?") && !spans.contains("Because."), "{spans}");
    assert_eq!(captured.requests()[0].input_tokens, Some(5));
}

#[test]
fn requests_and_texts_are_redacted_before_export() {
    let redact = |request: &mut LogRequest| {
        request.metadata.remove("response_id");
    };
    let builder = layer().redact(redact).redact_text(|text| text.replace("Because", "###").into());
    let (mut fields, captured) = called(builder, CHAT, None, reply());
    let mut expected = expected();
    expected.as_object_mut().unwrap().remove("gen_ai.response.id");
    assert_eq!(fields.take(), expected);
    let request = &captured.requests()[0];
    assert_eq!(request.output.text(), "###.");
    assert!(!request.metadata.contains_key("response_id"));
}

#[test]
fn embedding_has_its_operation_name_from_the_start() {
    let request = json!({"model": "embed-v4.0", "texts": ["why?"], "input_type": "search_query"});
    for reply in [
        json!({"id": "r", "embeddings": {"float": [[0.5]]}, "response_type": "embeddings_by_type"}),
        json!({}),
    ] {
        let (fields, captured) = called(layer(), "/v2/embed", Some(request.clone()), reply.to_string());
        // The field is recorded once: a log line would show both values of two recordings.
        assert_eq!(fields["gen_ai.operation.name"], "embeddings");
        assert_eq!(captured.requests().len(), 1);
    }
}

/// Calls the server inside an annotated function. Returns what another layer sees, and what the `PromptLayer`
/// layer receives.
fn called_inside(builder: LayerBuilder, reads_inside: bool) -> (Beside, InMemory) {
    #[promptlayer]
    async fn outer(
        client: &ClientWithMiddleware,
        url: String,
        reads_inside: bool,
    ) -> Result<Option<reqwest::Response>, &'static str> {
        let response = ask(client, url).await;
        if reads_inside {
            response.text().await.map_err(|_| "broken")?;
            return Ok(None);
        }
        Ok(Some(response))
    }
    let (layer, captured) = builder.in_memory().unwrap();
    let beside = Beside::default();
    let subscriber = tracing_subscriber::registry().with(layer).with(beside.clone());
    tracing::subscriber::with_default(subscriber, || {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        runtime.block_on(async {
            let server = Server::whole(200, JSON, reply()).await;
            let response = outer(&client(&server, "openai"), server.url(CHAT), reads_inside).await.unwrap();
            if let Some(response) = response {
                response.text().await.unwrap();
            }
        });
    });
    (beside, captured)
}

#[test]
fn joined_call_shows_its_attributes_and_the_exchange_none() {
    for reads_inside in [true, false] {
        let (beside, captured) = called_inside(layer(), reads_inside);
        let mut expected = expected();
        let status = expected.as_object_mut().unwrap().remove("http.response.status_code");
        assert_eq!(beside.fields("outer"), expected, "{reads_inside}");
        let exchange = beside.fields("model_request");
        assert_eq!(exchange.get("http.response.status_code"), status.as_ref());
        let names: Vec<&String> = exchange.as_object().unwrap().keys().collect();
        assert_eq!(names, ["url.full", "server.address", "server.port", "http.response.status_code"]);
        assert_eq!(captured.spans().len(), 1);
    }
}

#[test]
fn joined_call_sends_no_content_if_that_is_switched_off() {
    let (_, captured) = called_inside(layer().capture_content(false), true);
    let spans = format!("{:?}", captured.spans());
    assert!(!spans.contains("why?") && !spans.contains("Because."), "{spans}");
    assert_eq!(captured.requests()[0].output_tokens, Some(2));

    let builder = layer().redact_text(|text| text.replace("Because", "###").into());
    let (_, captured) = called_inside(builder, true);
    assert_eq!(captured.requests()[0].output.text(), "###.");
}
