//! Calls through a client with the middleware: each is logged once and passed on unchanged.

#![allow(clippy::unwrap_used, clippy::expect_used, reason = "a test fails where it cannot go on")]

use std::future::Future;

use promptlayer_tracing::blueprint::{ErrorType, LogRequest, RequestStatus};
use promptlayer_tracing::in_memory::InMemory;
use promptlayer_tracing::middleware::PromptLayerMiddleware;
use reqwest_middleware::{ClientBuilder, ClientWithMiddleware};
use serde_json::{Value, json};
use tests::in_memory::captured;

use self::server::Server;

#[path = "middleware/aws.rs"]
mod aws;
#[path = "middleware/bodies.rs"]
mod bodies;
#[path = "middleware/joined.rs"]
mod joined;
#[path = "middleware/openai.rs"]
mod openai;
#[path = "middleware/proxy.rs"]
mod proxy;
#[path = "middleware/rig.rs"]
mod rig;
#[path = "middleware/server.rs"]
mod server;
#[path = "middleware/shown.rs"]
mod shown;
#[path = "middleware/tower.rs"]
mod tower;
#[path = "middleware/usage.rs"]
mod usage;

const CHAT: &str = "/v1/chat/completions";
const JSON: &str = "application/json";

/// Runs a test under a layer of its own and returns what the layer received.
#[track_caller]
fn run<F: Future<Output = ()>>(test: impl FnOnce() -> F) -> InMemory {
    captured(|| {
        // The end of the runtime ends the remaining tasks, so everything that they log is captured.
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        runtime.block_on(test());
    })
}

/// Returns the only request log of a test.
#[track_caller]
fn log_of<F: Future<Output = ()>>(test: impl FnOnce() -> F) -> LogRequest {
    let requests = run(test).requests();
    assert_eq!(requests.len(), 1, "{requests:#?}");
    requests.into_iter().next().unwrap()
}

fn client_with(middleware: PromptLayerMiddleware) -> ClientWithMiddleware {
    let client = reqwest::Client::builder().no_proxy().build().unwrap();
    ClientBuilder::new(client).with(middleware).build()
}

/// Creates a client that treats the server as a provider's server.
fn client(server: &Server, provider: &str) -> ClientWithMiddleware {
    client_with(PromptLayerMiddleware::new().host(&server.host, provider))
}

fn question() -> String {
    json!({"model": "gpt-4o", "messages": [{"role": "user", "content": "why?"}]}).to_string()
}

fn reply() -> String {
    json!({
        "id": "chatcmpl-1", "object": "chat.completion", "created": 1, "model": "gpt-4o-2024",
        "choices": [{"index": 0, "finish_reason": "stop", "message": {"role": "assistant", "content": "Because."}}],
        "usage": {"prompt_tokens": 5, "completion_tokens": 2, "total_tokens": 7},
    })
    .to_string()
}

async fn ask(client: &ClientWithMiddleware, url: String) -> reqwest::Response {
    client
        .post(url)
        .header("authorization", "Bearer sk-secret")
        .header("content-type", JSON)
        .body(question())
        .send()
        .await
        .unwrap()
}

#[test]
fn plain_response_is_logged_once_and_passed_on_unchanged() {
    let captured = run(async || {
        let server = Server::whole(200, JSON, reply()).await;
        let address = server.url("/v1/chat/completions?key=sk-query");
        let response = ask(&client(&server, "openai"), address.clone()).await;
        assert_eq!(response.status(), 200);
        assert_eq!(response.version(), reqwest::Version::HTTP_11);
        assert_eq!(response.headers()["x-request-id"], "req_1");
        assert_eq!(response.url().as_str(), address);
        assert_eq!(response.remote_addr().unwrap().to_string(), server.host);
        assert_eq!(response.content_length(), Some(reply().len() as u64));
        assert_eq!(response.text().await.unwrap(), reply());
        assert_eq!(server.received.lock().unwrap().as_slice(), [question()]);
    });
    let spans = captured.spans();
    assert_eq!(spans.len(), 1);
    assert!(!format!("{spans:?}").contains("sk-"), "neither headers nor queries are logged");
    let url = spans[0].fields["url.full"].as_str().unwrap();
    assert!(url.ends_with(CHAT), "{url}");
    assert_eq!(spans[0].fields["http.response.status_code"], 200);
    let (address, port) = (&spans[0].fields["server.address"], &spans[0].fields["server.port"]);
    assert!(url.contains(&format!("//{}:{port}/", address.as_str().unwrap())), "{url}");

    let log = spans[0].request.as_ref().unwrap();
    assert_eq!((log.provider.as_str(), log.model.as_str()), ("openai", "gpt-4o"));
    assert_eq!((log.input.text(), log.output.text()), ("why?".into(), "Because.".into()));
    assert_eq!((log.input_tokens, log.output_tokens), (Some(5), Some(2)));
    assert_eq!((log.status, log.error_type), (RequestStatus::Success, None));
    assert_eq!(log.function_name.as_deref(), Some("chat/completions"));
    assert_eq!(log.api_type.as_deref(), Some("chat-completions"));
    assert!(!log.metadata.contains_key("time_to_first_chunk_ms"), "it is no stream");
}

#[test]
fn error_status_is_a_failed_request_with_the_provider_message() {
    for (status, kind) in [
        (429, ErrorType::ProviderRateLimit),
        (402, ErrorType::ProviderQuotaLimit),
        (401, ErrorType::ProviderAuthError),
        (404, ErrorType::ProviderError),
        (500, ErrorType::ProviderError),
        (504, ErrorType::ProviderTimeout),
    ] {
        let body = json!({"error": {"message": "You said no", "type": "t"}}).to_string();
        let log = log_of(async || {
            let server = Server::whole(status, JSON, body.clone()).await;
            let response = ask(&client(&server, "openai"), server.url(CHAT)).await;
            assert_eq!(response.status(), status);
            assert_eq!(response.text().await.unwrap(), body);
        });
        assert_eq!((log.status, log.error_type), (RequestStatus::Error, Some(kind)), "{status}");
        let message = log.error_message().unwrap();
        assert!(message.starts_with(&status.to_string()) && message.ends_with(": You said no"), "{message}");
        assert_eq!((log.input.text(), log.model.as_str()), ("why?".into(), "gpt-4o"));
        assert!(log.output.messages().is_empty());
    }
}

#[test]
fn call_with_an_unread_body_is_logged() {
    let refused = log_of(async || {
        let server = Server::whole(429, JSON, "{}").await;
        ask(&client(&server, "openai"), server.url(CHAT)).await.error_for_status().unwrap_err();
    });
    assert_eq!(refused.error_type, Some(ErrorType::ProviderRateLimit));
    assert_eq!(refused.error_message(), Some("429 Too Many Requests"));

    let unread = log_of(async || {
        let server = Server::whole(200, JSON, reply()).await;
        drop(ask(&client(&server, "openai"), server.url(CHAT)).await);
    });
    let partial = (RequestStatus::Warning, Some(ErrorType::ProviderPartialResponse));
    assert_eq!((unread.status, unread.error_type), partial);
    assert_eq!(unread.input.text(), "why?");

    let empty = log_of(async || {
        let server = Server::whole(200, JSON, "").await;
        drop(ask(&client(&server, "openai"), server.url(CHAT)).await);
    });
    assert_eq!(empty.status, RequestStatus::Success);
    assert_eq!(empty.metadata["response_body"], "empty");
}

#[test]
fn call_dropped_before_its_response_is_cancelled() {
    let log = log_of(async || {
        let (server, _pieces) = Server::in_pieces(JSON).await;
        let silent = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let host = silent.local_addr().unwrap().to_string();
        let client = client_with(PromptLayerMiddleware::new().host(&host, "openai"));
        let call = ask(&client, format!("http://{host}{CHAT}"));
        tokio::select! {
            _ = call => panic!("nobody answers"),
            // The request has arrived but is not answered.
            accepted = silent.accept() => drop(accepted.unwrap()),
        }
        drop(server);
    });
    assert_eq!((log.status, log.provider.as_str()), (RequestStatus::Warning, "openai"));
    assert_eq!(log.error_type, Some(ErrorType::ProviderPartialResponse));
}

#[test]
fn unanswered_call_has_failed_and_its_url_hides_the_key() {
    let captured = run(async || {
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let host = listener.local_addr().unwrap().to_string();
        drop(listener);
        let client = client_with(PromptLayerMiddleware::new().host(&host, "openai"));
        let error =
            client.post(format!("http://{host}{CHAT}?key=sk-1")).body(question()).send().await.unwrap_err();
        assert!(error.is_connect(), "{error:?}");
        assert!(error.url().unwrap().as_str().contains("sk-1"), "the caller's error is as it was");
    });
    let log = captured.requests().remove(0);
    assert_eq!((log.status, log.error_type), (RequestStatus::Error, Some(ErrorType::ProviderError)));
    let message = log.error_message().unwrap();
    assert!(message.starts_with("error sending request for url (http://127.0.0.1"), "{message}");
    assert!(message.len() > 80, "the sources are told: {message}");
    assert!(!format!("{:?}", captured.spans()).contains("sk-1"));
}

#[test]
fn other_requests_pass_unchanged() {
    let captured = run(async || {
        let server = Server::whole(200, JSON, reply()).await;
        let known = client(&server, "openai");
        let unknown = client_with(PromptLayerMiddleware::new());
        let requests = [
            unknown.post(server.url(CHAT)).body(question()),
            known.post(server.url("/v1/files")).body(question()),
            known.get(server.url(CHAT)),
        ];
        for request in requests {
            let response = request.send().await.unwrap();
            assert_eq!(response.text().await.unwrap(), reply());
        }
        assert_eq!(server.received.lock().unwrap().len(), 3);
    });
    assert!(captured.spans().is_empty(), "{:?}", captured.spans());
}

#[test]
fn everything_passes_without_a_layer() {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    runtime.block_on(async {
        let server = Server::whole(200, JSON, reply()).await;
        let response = ask(&client(&server, "openai"), server.url(CHAT)).await;
        assert_eq!(response.text().await.unwrap(), reply());
    });
}

#[test]
fn two_middlewares_in_one_client_log_a_call_once() {
    let log = log_of(async || {
        let server = Server::whole(200, JSON, reply()).await;
        let middleware = PromptLayerMiddleware::new().host(&server.host, "openai");
        let client = reqwest::Client::builder().no_proxy().build().unwrap();
        let client = ClientBuilder::new(client).with(middleware.clone()).with(middleware).build();
        assert_eq!(ask(&client, server.url(CHAT)).await.text().await.unwrap(), reply());
    });
    assert_eq!(log.output.text(), "Because.");
}

#[test]
fn model_is_read_from_the_url_if_the_request_has_none() {
    let request = json!({"contents": [{"role": "user", "parts": [{"text": "why?"}]}]}).to_string();
    let answer = json!({"candidates": [{"content": {"role": "model", "parts": [{"text": "Because."}]}}]});
    let log = log_of(async || {
        let server = Server::whole(200, JSON, answer.to_string()).await;
        let url = server.url("/v1beta/models/gemini-2.5-flash:generateContent");
        let response = client(&server, "google").post(url).body(request).send().await.unwrap();
        assert_eq!(serde_json::from_str::<Value>(&response.text().await.unwrap()).unwrap(), answer);
    });
    assert_eq!((log.provider.as_str(), log.model.as_str()), ("google", "gemini-2.5-flash"));

    let log = log_of(async || {
        let server = Server::whole(200, JSON, reply()).await;
        ask(&client(&server, "openai.azure"), server.url("/openai/deployments/mine/chat/completions"))
            .await
            .text()
            .await
            .unwrap();
    });
    assert_eq!((log.provider.as_str(), log.model.as_str()), ("openai.azure", "gpt-4o"), "the request's own");
    assert_eq!(log.input.text(), "why?");
}
