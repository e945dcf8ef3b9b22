//! Calls of genai to a model on the loopback interface.
//!
//! genai reads the environment once to decide whether it may record content. So the tests run again in a
//! process whose environment allows it.

use std::env;
use std::process::Command;

use ::genai::adapter::AdapterKind;
use ::genai::chat::{ChatMessage, ChatOptions, ChatRequest, ChatStreamEvent};
use ::genai::resolver::{AuthData, Endpoint, ServiceTargetResolver};
use ::genai::{Client, ModelIden, ServiceTarget};
use examples::OfflineModel;
use examples::offline_model::UNKNOWN_MODEL;
use promptlayer_tracing::blueprint::RequestStatus;
use promptlayer_tracing::{layer, promptlayer};
use serde_json::{Value, json};

use crate::server::Server;
use crate::{Next, assert_unfinished, collected, first_chunk, names, spans_of, timeless};

const EVENTS: &str = "text/event-stream";
const CAPTURE: &str = "OTEL_INSTRUMENTATION_GENAI_CAPTURE_MESSAGE_CONTENT";

/// Returns `true` if this process may record content. Otherwise runs the test in a process that may.
fn may_record(test: &str) -> bool {
    if env::var(CAPTURE).is_ok_and(|said| said == "true") {
        return true;
    }
    let again = Command::new(env::current_exe().unwrap())
        .args(["--exact", &format!("genai::{test}"), "--nocapture"])
        .env(CAPTURE, "true")
        .output()
        .unwrap();
    let said = String::from_utf8_lossy(&again.stdout);
    assert!(again.status.success(), "{said}{}", String::from_utf8_lossy(&again.stderr));
    assert!(said.contains("1 passed"), "{said}");
    false
}

fn client(url: &str) -> Client {
    let url = format!("{url}/");
    let resolver = ServiceTargetResolver::from_resolver_fn(
        move |target: ServiceTarget| -> Result<ServiceTarget, ::genai::resolver::Error> {
            Ok(ServiceTarget {
                endpoint: Endpoint::from_owned(url.clone()),
                auth: AuthData::from_single("any"),
                model: ModelIden::new(AdapterKind::OpenAI, target.model.model_name),
            })
        },
    );
    Client::builder().with_service_target_resolver(resolver).build().unwrap()
}

fn request() -> ChatRequest {
    ChatRequest::new(vec![ChatMessage::user("Why?")]).with_system("Be brief.")
}

fn options() -> ChatOptions {
    ChatOptions::default()
        .with_temperature(0.5)
        .with_max_tokens(64)
        .with_stop_sequences(vec!["END".to_owned()])
}

fn text(text: &str) -> Value {
    json!([{"type": "text", "text": text}])
}

fn expected() -> Value {
    json!({
        "provider": "openai",
        "model": "gpt-4o-mini",
        "input": {
            "type": "chat",
            "messages": [
                {"role": "system", "content": text("Be brief.")},
                {"role": "user", "content": text("Why?")},
            ],
        },
        "output": {
            "type": "chat",
            "messages": [{"role": "assistant", "content": text("(offline model) You said: Why?")}],
        },
        "parameters": {"temperature": 0.5, "max_tokens": 64, "stop_sequences": ["END"], "stream": false},
        "tags": ["genai"],
        "metadata": {"finish_reason": "stop"},
        "input_tokens": 4,
        "output_tokens": 8,
        "function_name": "genai.chat",
        "status": "SUCCESS",
    })
}

#[promptlayer(tags = ["genai"])]
async fn ask(client: &Client, model: &str) -> Result<String, ::genai::Error> {
    let reply = client.exec_chat(model, request(), Some(&options())).await?;
    Ok(reply.first_text().unwrap_or_default().to_owned())
}

#[test]
fn a_call_is_one_request_with_the_tags_of_the_function_around() {
    if !may_record("a_call_is_one_request_with_the_tags_of_the_function_around") {
        return;
    }
    let model = OfflineModel::start().unwrap();
    let spans = spans_of(layer(), async {
        ask(&client(model.url()), "gpt-4o-mini").await.unwrap();
    });
    assert_eq!(names(&spans), ["genai.chat", "ask"]);
    assert_eq!(spans[0].parent_id, Some(spans[1].span_id));
    assert_eq!(timeless(spans[0].request.as_ref().unwrap()), expected());
    assert!(spans[1].request.is_none());
    let fields = format!("{:?}", spans[0].fields);
    assert!(!fields.contains("Be brief.") && !fields.contains("You said"), "{fields}");
}

#[test]
fn a_failed_call_is_an_error_of_the_kind_that_its_status_tells() {
    if !may_record("a_failed_call_is_an_error_of_the_kind_that_its_status_tells") {
        return;
    }
    let model = OfflineModel::start().unwrap();
    let spans = spans_of(layer(), async {
        ask(&client(model.url()), UNKNOWN_MODEL).await.unwrap_err();
    });
    let mut log = expected();
    log["model"] = json!(UNKNOWN_MODEL);
    log["output"]["messages"] = json!([]);
    log["status"] = json!("ERROR");
    log["error_type"] = json!("PROVIDER_ERROR");
    // genai records only the status.
    let message = spans[1].error.as_deref().unwrap();
    assert!(message.contains("does not exist"), "{message}");
    log["error_message"] = json!(message);
    for absent in ["metadata", "input_tokens", "output_tokens"] {
        log.as_object_mut().unwrap().remove(absent);
    }
    assert_eq!(timeless(spans[0].request.as_ref().unwrap()), log);
    assert_eq!(spans[0].error.as_deref(), Some(message));
    assert!(spans[1].request.is_none());
}

#[test]
fn call_without_captured_content_takes_it_from_the_function() {
    #[promptlayer]
    async fn ask(client: &Client, question: &str) -> Result<String, ::genai::Error> {
        let request = ChatRequest::new(vec![ChatMessage::user(question)]);
        let reply = client.exec_chat("gpt-4o-mini", request, None).await?;
        Ok(reply.first_text().unwrap_or_default().to_owned())
    }
    let model = OfflineModel::start().unwrap();
    let spans = spans_of(layer(), async {
        ask(&client(model.url()), "Why?").await.unwrap();
    });
    assert_eq!(names(&spans), ["genai.chat", "ask"]);
    let log = spans[0].request.as_ref().unwrap();
    assert_eq!((log.input.text().as_str(), log.input_tokens), ("Why?", Some(1)));
    assert_eq!(log.output.text(), "(offline model) You said: Why?");
}

#[test]
fn a_stream_is_one_request_when_it_has_ended() {
    if !may_record("a_stream_is_one_request_when_it_has_ended") {
        return;
    }
    let model = OfflineModel::start().unwrap();
    let spans = spans_of(layer().tags(["genai"]), async {
        let options = options().with_capture_usage(true).with_capture_content(true);
        let reply = client(model.url()).exec_chat_stream("gpt-4o-mini", request(), Some(&options)).await;
        assert!(collected(reply.unwrap().stream).await.iter().all(Result::is_ok));
    });
    assert_eq!(names(&spans), ["genai.chat"]);
    let mut log = timeless(spans[0].request.as_ref().unwrap());
    let first = log["metadata"].as_object_mut().unwrap().remove("time_to_first_chunk_ms");
    assert!(first.unwrap().as_str().unwrap().parse::<f64>().unwrap() >= 0.0);
    let mut expected = expected();
    expected["parameters"]["stream"] = json!(true);
    assert_eq!(log, expected);
}

#[test]
fn dropped_stream_is_partial() {
    let spans = spans_of(layer(), async {
        let (server, pieces) = Server::in_pieces(EVENTS).await;
        let reply = client(&server.url("/v1")).exec_chat_stream("gpt-4o-mini", request(), None).await;
        let mut stream = reply.unwrap().stream;
        pieces.send(first_chunk());
        while !matches!(Next(&mut stream).await.unwrap().unwrap(), ChatStreamEvent::Chunk(_)) {}
    });
    assert_eq!(names(&spans), ["genai.chat"]);
    assert_unfinished(&spans[0]);
}

#[test]
fn stream_that_ends_early_is_partial() {
    let spans = spans_of(layer(), async {
        let server = Server::whole(200, EVENTS, first_chunk()).await;
        let reply = client(&server.url("/v1")).exec_chat_stream("gpt-4o-mini", request(), None).await;
        assert!(!collected(reply.unwrap().stream).await.is_empty());
    });
    assert_unfinished(&spans[0]);
}

#[test]
fn broken_stream_has_failed() {
    let spans = spans_of(layer(), async {
        let (server, pieces) = Server::in_pieces(EVENTS).await;
        let reply = client(&server.url("/v1")).exec_chat_stream("gpt-4o-mini", request(), None).await;
        let mut stream = reply.unwrap().stream;
        pieces.send(first_chunk());
        while !matches!(Next(&mut stream).await.unwrap().unwrap(), ChatStreamEvent::Chunk(_)) {}
        pieces.break_off();
        assert!(Next(&mut stream).await.unwrap().is_err());
    });
    assert_eq!(spans[0].request.as_ref().unwrap().status, RequestStatus::Error);
}

#[test]
fn complete_stream_without_captured_content_is_a_success() {
    let model = OfflineModel::start().unwrap();
    let spans = spans_of(layer(), async {
        let reply = client(model.url()).exec_chat_stream("gpt-4o-mini", request(), None).await;
        assert!(collected(reply.unwrap().stream).await.iter().all(Result::is_ok));
    });
    assert_eq!(spans[0].request.as_ref().unwrap().status, RequestStatus::Success);
}

#[test]
fn without_content_stop_sequences_are_omitted() {
    let model = OfflineModel::start().unwrap();
    let spans = spans_of(layer().capture_content(false), async {
        ask(&client(model.url()), "gpt-4o-mini").await.unwrap();
    });
    assert_eq!(spans[0].fields["gen_ai.request.max_tokens"], 64);
    assert!(!format!("{:?}", spans[0]).contains("END"), "{:#?}", spans[0]);
}
