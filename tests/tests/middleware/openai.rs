//! async-openai with the client of the middleware instead of its own.

use std::future::poll_fn;
use std::pin::Pin;

use async_openai::Client;
use async_openai::config::OpenAIConfig;
use async_openai::error::OpenAIError;
use async_openai::middleware::HttpRequestFactory;
use async_openai::types::chat::CreateChatCompletionRequest;
use examples::OfflineModel;
use futures_core::Stream;
use promptlayer_tracing::blueprint::{ErrorType, RequestStatus};
use promptlayer_tracing::middleware::PromptLayerMiddleware;
use serde_json::json;

use super::{client_with, log_of};

/// Creates a client for the model that uses the middleware.
fn openai(model: &OfflineModel) -> Client<OpenAIConfig> {
    let url = model.url();
    let host = url.trim_start_matches("http://").split('/').next().unwrap();
    let client = client_with(PromptLayerMiddleware::new().host(host, "openai"));
    let service = tower::service_fn(move |request: HttpRequestFactory| {
        let client = client.clone();
        async move {
            let request = request.build().await?;
            client.execute(request).await.map_err(|error| OpenAIError::Boxed(error.into()))
        }
    });
    let config = OpenAIConfig::new().with_api_key("sk-secret").with_api_base(url);
    Client::with_config(config).with_http_service(service)
}

fn request(model: &str, is_stream: bool) -> CreateChatCompletionRequest {
    let request = json!({"model": model, "stream": is_stream, "messages": [{"role": "user", "content": "What comes after 1,2,3 ?"}]});
    serde_json::from_value(request).unwrap()
}

#[test]
fn async_openai_calls_are_logged() {
    let mut answer = None;
    let log = log_of(async || {
        let model = OfflineModel::start().unwrap();
        let reply =
            openai(&model).chat().create(request(examples::offline_model::MODEL, false)).await.unwrap();
        answer = reply.choices[0].message.content.clone();
    });
    assert_eq!((log.provider.as_str(), log.model.as_str()), ("openai", examples::offline_model::MODEL));
    assert_eq!(log.input.text(), "What comes after 1,2,3 ?");
    assert_eq!(Some(log.output.text()), answer);
    assert!(!format!("{log:?}").contains("sk-secret"));
}

#[test]
fn async_openai_streams_are_logged() {
    let mut said = String::new();
    let log = log_of(async || {
        let model = OfflineModel::start().unwrap();
        let mut stream =
            openai(&model).chat().create_stream(request(examples::offline_model::MODEL, true)).await.unwrap();
        while let Some(chunk) = poll_fn(|context| Pin::new(&mut stream).poll_next(context)).await {
            let chunk = chunk.unwrap();
            said.extend(chunk.choices.iter().filter_map(|choice| choice.delta.content.as_deref()));
        }
    });
    assert_eq!(log.status, RequestStatus::Success);
    assert!(!said.is_empty());
    assert_eq!(log.output.text(), said);
}

#[test]
fn async_openai_errors_are_logged() {
    let log = log_of(async || {
        let model = OfflineModel::start().unwrap();
        let error = openai(&model)
            .chat()
            .create(request(examples::offline_model::UNKNOWN_MODEL, false))
            .await
            .unwrap_err();
        assert!(matches!(error, OpenAIError::ApiError(_)), "{error:?}");
    });
    assert_eq!((log.status, log.error_type), (RequestStatus::Error, Some(ErrorType::ProviderError)));
    assert!(log.error_message().unwrap().starts_with("404 Not Found: "), "{:?}", log.error_message());
}
