//! Calls of the AWS SDK's orchestrator with the interceptor, as Bedrock's client makes them.

use aws_smithy_runtime::client::orchestrator::operation::Operation;
use aws_smithy_runtime_api::client::http::{
    HttpClient, HttpConnector, HttpConnectorFuture, HttpConnectorSettings, SharedHttpConnector,
};
use aws_smithy_runtime_api::client::interceptors::context::Error;
use aws_smithy_runtime_api::client::orchestrator::{HttpRequest, HttpResponse, OrchestratorError};
use aws_smithy_runtime_api::client::result::ConnectorError;
use aws_smithy_runtime_api::client::runtime_components::RuntimeComponents;
use aws_smithy_types::body::SdkBody;
use promptlayer_tracing::blueprint::{ErrorType, RequestStatus};
use promptlayer_tracing::middleware::PromptLayerMiddleware;
use promptlayer_tracing::promptlayer;
use serde_json::json;

use super::bodies::message;
use super::server::Server;
use super::{JSON, log_of, run};

const CONVERSE: &str = "/model/amazon.nova-lite-v1%3A0/converse";

/// Sends requests with reqwest, and gives bodies as streams.
#[derive(Debug, Clone)]
struct Wire(reqwest::Client);

impl HttpClient for Wire {
    fn http_connector(&self, _: &HttpConnectorSettings, _: &RuntimeComponents) -> SharedHttpConnector {
        SharedHttpConnector::new(self.clone())
    }
}

impl HttpConnector for Wire {
    fn call(&self, request: HttpRequest) -> HttpConnectorFuture {
        let sent = self
            .0
            .post(request.uri())
            .header("content-type", JSON)
            .body(request.body().bytes().unwrap().to_vec())
            .send();
        HttpConnectorFuture::new(async move {
            let failed = |error: reqwest::Error| ConnectorError::io(error.into());
            let response = http::Response::<reqwest::Body>::from(sent.await.map_err(failed)?);
            let (parts, body) = response.into_parts();
            let mut response = HttpResponse::new(parts.status.into(), SdkBody::from_body_1_x(body));
            for (name, value) in &parts.headers {
                response.headers_mut().append(name.as_str().to_owned(), value.to_str().unwrap().to_owned());
            }
            Ok(response)
        })
    }
}

fn question() -> String {
    json!({"messages": [{"role": "user", "content": [{"text": "why?"}]}], "inferenceConfig": {"topP": 0.5}})
        .to_string()
}

fn reply() -> String {
    json!({
        "output": {"message": {"role": "assistant", "content": [{"text": "Because."}]}},
        "stopReason": "end_turn",
        "usage": {"inputTokens": 5, "outputTokens": 2, "totalTokens": 7},
        "metrics": {"latencyMs": 1},
    })
    .to_string()
}

/// Returns an operation of Bedrock whose response is its body.
fn operation(service: &'static str, url: &str, path: &'static str) -> Operation<(), String, Error> {
    let client = reqwest::Client::builder().no_proxy().build().unwrap();
    Operation::builder()
        .service_name(service)
        .operation_name("Converse")
        .http_client(Wire(client))
        .endpoint_url(url)
        .no_auth()
        .no_retry()
        .timeout_config(aws_smithy_types::timeout::TimeoutConfig::disabled())
        .interceptor(PromptLayerMiddleware::new())
        .serializer(move |()| {
            let request = http::Request::post(path)
                .header("authorization", "AWS4-HMAC-SHA256 sk-secret")
                .body(SdkBody::from(question()))
                .unwrap();
            Ok(request.try_into().unwrap())
        })
        .deserializer(|response| {
            let body = String::from_utf8_lossy(response.body().bytes().unwrap()).into_owned();
            if response.status().is_success() {
                Ok(body)
            } else {
                Err(OrchestratorError::operation(Error::erase(std::io::Error::other(body))))
            }
        })
        .build()
}

#[test]
fn converse_is_logged_whole() {
    let captured = run(async || {
        let server = Server::whole(200, JSON, reply()).await;
        let said = operation("Bedrock Runtime", &server.url(""), CONVERSE).invoke(()).await.unwrap();
        assert_eq!(said, reply());
        assert_eq!(server.received.lock().unwrap()[0], question());
    });
    let [span] = <[_; 1]>::try_from(captured.spans()).unwrap();
    assert!(!format!("{span:?}").contains("sk-"), "headers are not logged");
    let log = span.request.unwrap();
    assert_eq!((log.provider.as_str(), log.model.as_str()), ("amazon.bedrock", "amazon.nova-lite-v1:0"));
    assert_eq!((log.input.text(), log.output.text()), ("why?".into(), "Because.".into()));
    assert_eq!((log.input_tokens, log.output_tokens), (Some(5), Some(2)));
    assert_eq!(log.metadata["finish_reason"], "stop");
}

#[test]
fn invoke_model_joins_the_annotated_call() {
    #[promptlayer(tags = ["aws"])]
    async fn outer(operation: Operation<(), String, Error>) -> String {
        operation.invoke(()).await.unwrap()
    }
    let captured = run(async || {
        let reply = json!({
            "id": "m", "type": "message", "role": "assistant", "model": "claude",
            "content": [{"type": "text", "text": "Because."}],
            "stop_reason": "end_turn", "usage": {"input_tokens": 5, "output_tokens": 2},
        });
        let server = Server::whole(200, JSON, reply.to_string()).await;
        outer(operation("Bedrock Runtime", &server.url(""), "/model/anthropic.claude/invoke")).await;
    });
    let [span] = <[_; 1]>::try_from(captured.spans()).unwrap();
    let log = span.request.unwrap();
    assert_eq!((log.function_name.as_deref(), log.output.text()), (Some("outer"), "Because.".into()));
    assert!(log.tags.contains("aws"));
}

#[test]
fn event_stream_passes_through_the_interceptor() {
    let messages = [
        message("messageStart", r#"{"role":"assistant"}"#),
        message("contentBlockDelta", r#"{"contentBlockIndex":0,"delta":{"text":"Because."}}"#),
        message("messageStop", r#"{"stopReason":"end_turn"}"#),
        message("metadata", r#"{"usage":{"inputTokens":5,"outputTokens":2,"totalTokens":7}}"#),
    ];
    let log = log_of(async || {
        let server = Server::whole(200, "application/vnd.amazon.eventstream", messages.concat()).await;
        let path = "/model/amazon.nova-lite-v1%3A0/converse-stream";
        let operation = operation("Bedrock Runtime", &server.url(""), path);
        operation.invoke(()).await.unwrap();
    });
    assert_eq!((log.status, log.output.text()), (RequestStatus::Success, "Because.".into()));
    assert_eq!((log.input_tokens, log.output_tokens), (Some(5), Some(2)));
    assert!(log.metadata.contains_key("time_to_first_chunk_ms"));
}

#[test]
fn refused_and_unreachable_calls_have_failed() {
    let log = log_of(async || {
        let error = json!({"message": "Too many requests", "__type": "ThrottlingException"}).to_string();
        let server = Server::whole(429, JSON, error).await;
        operation("Bedrock Runtime", &server.url(""), CONVERSE).invoke(()).await.unwrap_err();
    });
    assert_eq!((log.status, log.error_type), (RequestStatus::Error, Some(ErrorType::ProviderRateLimit)));
    assert_eq!(log.error_message(), Some("429 Too Many Requests: Too many requests"));
    assert_eq!(log.input.text(), "why?");

    let log = log_of(async || {
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("http://{}", listener.local_addr().unwrap());
        drop(listener);
        operation("Bedrock Runtime", &url, CONVERSE).invoke(()).await.unwrap_err();
    });
    assert_eq!((log.status, log.error_type), (RequestStatus::Error, Some(ErrorType::ProviderError)));
    assert_eq!(log.provider, "amazon.bedrock");
}

#[test]
fn call_that_is_given_up_is_logged_as_dropped() {
    let log = log_of(async || {
        let silent = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("http://{}", silent.local_addr().unwrap());
        let operation = operation("Bedrock Runtime", &url, CONVERSE);
        tokio::select! {
            _ = operation.invoke(()) => panic!("there is no answer"),
            accepted = silent.accept() => drop(accepted.unwrap()),
        }
    });
    assert_eq!((log.status, log.input.text()), (RequestStatus::Warning, "why?".into()));
}

#[test]
fn other_services_are_not_logged() {
    let captured = run(async || {
        let server = Server::whole(200, JSON, reply()).await;
        operation("S3", &server.url(""), CONVERSE).invoke(()).await.unwrap();
    });
    assert!(captured.spans().is_empty());
}
