//! Tests of the offline model with async-openai as the client.

#![allow(clippy::unwrap_used, reason = "a test fails where it cannot go on")]

mod tools;

use std::future::poll_fn;
use std::io::{Read, Write};
use std::net::TcpStream;

use async_openai::Client;
use async_openai::config::OpenAIConfig;
use async_openai::error::{ApiErrorResponse, OpenAIError};
use async_openai::types::chat::{
    ChatCompletionRequestMessage, ChatCompletionRequestUserMessage, ChatCompletionStreamOptions,
    CompletionUsage, CreateChatCompletionRequest, CreateChatCompletionRequestArgs, FinishReason,
};
use async_openai::types::completions::{CreateCompletionRequestArgs, CreateCompletionResponse};
use async_openai::types::stream::StreamResponse;
use examples::OfflineModel;
use examples::offline_model::MODEL;
use serde_json::{Value, json};

fn client(model: &OfflineModel) -> Client<OpenAIConfig> {
    Client::with_config(OpenAIConfig::new().with_api_base(model.url()).with_api_key("offline"))
}

fn user(text: &str) -> ChatCompletionRequestMessage {
    ChatCompletionRequestUserMessage::from(text).into()
}

fn request(texts: &[&str]) -> CreateChatCompletionRequest {
    let messages: Vec<_> = texts.iter().map(|text| user(text)).collect();
    CreateChatCompletionRequestArgs::default().model("gpt-4o-mini").messages(messages).build().unwrap()
}

async fn all<T>(mut stream: StreamResponse<T>) -> Vec<T> {
    let mut items = Vec::new();
    while let Some(item) = poll_fn(|context| futures_core::Stream::poll_next(stream.as_mut(), context)).await
    {
        items.push(item.unwrap());
    }
    items
}

async fn refusal(model: &OfflineModel, body: Value) -> ApiErrorResponse {
    match client(model).chat().create_byot::<Value, Value>(body).await {
        Err(OpenAIError::ApiError(error)) => error,
        other => panic!("not refused: {other:?}"),
    }
}

/// Sends a raw request, for requests that the client cannot send.
fn raw(model: &OfflineModel, head: &str, body: &str) -> (u16, Value) {
    let host = model.url().trim_start_matches("http://").trim_end_matches("/v1");
    let mut connection = TcpStream::connect(host).unwrap();
    let length = body.len();
    write!(
        connection,
        "{head}\r\nHost: {host}\r\nContent-Length: {length}\r\nConnection: close\r\n\r\n{body}"
    )
    .unwrap();
    let mut answer = String::new();
    connection.read_to_string(&mut answer).unwrap();
    let (head, body) = answer.split_once("\r\n\r\n").unwrap();
    let status = head.split(' ').nth(1).unwrap().parse().unwrap();
    (status, serde_json::from_str(body).unwrap())
}

#[tokio::test]
async fn known_conversation_gets_its_known_answer() {
    let model = OfflineModel::start().unwrap();
    let reply = client(&model)
        .chat()
        .create(request(&["What comes after 1,2,3 ?", "Tell me another joke?"]))
        .await
        .unwrap();
    assert_eq!(reply.object, "chat.completion");
    assert_eq!(reply.model, "gpt-4o-mini");
    assert_eq!(reply.choices[0].message.content.as_deref(), Some("4 comes after 1, 2, 3."));
    assert_eq!(reply.choices[0].finish_reason, Some(FinishReason::Stop));
    let CompletionUsage { prompt_tokens, completion_tokens, total_tokens, .. } = reply.usage.unwrap();
    // The messages have 24 and 21 characters, the answer has 22.
    assert_eq!((prompt_tokens, completion_tokens, total_tokens), (12, 6, 18));
}

#[tokio::test]
async fn unknown_message_is_repeated_with_offline_model_prefix() {
    let model = OfflineModel::start().unwrap();
    let reply = client(&model).chat().create(request(&["first", "Guten Tag"])).await.unwrap();
    assert_eq!(reply.choices[0].message.content.as_deref(), Some("(offline model) You said: Guten Tag"));
}

#[tokio::test]
async fn every_completion_has_a_unique_id() {
    let model = OfflineModel::start().unwrap();
    let client = client(&model);
    let first = client.chat().create(request(&["hi"])).await.unwrap();
    let second = client.chat().create(request(&["hi"])).await.unwrap();
    assert_ne!(first.id, second.id);
}

#[tokio::test]
async fn response_has_the_requested_number_of_choices() {
    let model = OfflineModel::start().unwrap();
    let mut request = request(&["hi"]);
    request.n = Some(2);
    let reply = client(&model).chat().create(request).await.unwrap();
    assert_eq!(reply.choices.iter().map(|choice| choice.index).collect::<Vec<_>>(), [0, 1]);
    assert_eq!(reply.choices[0].message.content, reply.choices[1].message.content);
}

#[tokio::test]
async fn stream_chunks_add_up_to_the_answer() {
    let model = OfflineModel::start().unwrap();
    let mut request = request(&["Once upon a time, "]);
    request.stream = Some(true);
    request.stream_options =
        Some(ChatCompletionStreamOptions { include_usage: Some(true), include_obfuscation: None });
    let chunks = all(client(&model).chat().create_stream(request).await.unwrap()).await;
    let words: Vec<_> = chunks
        .iter()
        .flat_map(|chunk| &chunk.choices)
        .filter_map(|choice| choice.delta.content.as_deref())
        .collect();
    assert_eq!(words, ["", "there ", "was ", "a ", "toaster."]);
    let reasons: Vec<_> =
        chunks.iter().flat_map(|chunk| &chunk.choices).filter_map(|choice| choice.finish_reason).collect();
    assert_eq!(reasons, [FinishReason::Stop]);
    let (last, rest) = chunks.split_last().unwrap();
    assert!(last.choices.is_empty());
    assert_eq!(last.usage.as_ref().unwrap().total_tokens, 10);
    assert!(rest.iter().all(|chunk| chunk.usage.is_none() && chunk.id == last.id));
}

#[tokio::test]
async fn stream_has_no_usage_unless_requested() {
    let model = OfflineModel::start().unwrap();
    let mut request = request(&["hi"]);
    request.stream = Some(true);
    let chunks = all(client(&model).chat().create_stream(request).await.unwrap()).await;
    assert!(!chunks.is_empty());
    assert!(chunks.iter().all(|chunk| chunk.usage.is_none() && !chunk.choices.is_empty()));
}

#[tokio::test]
async fn legacy_completion_continues_its_prompt() {
    let model = OfflineModel::start().unwrap();
    let request = CreateCompletionRequestArgs::default()
        .model("gpt-3.5-turbo-instruct")
        .prompt("What is a good name for a company that makes toasters?")
        .build()
        .unwrap();
    let reply = client(&model).completions().create(request).await.unwrap();
    assert_eq!(reply.object, "text_completion");
    assert_eq!(reply.choices[0].text, "\n\nToastly Goods");
    assert_eq!(reply.usage.unwrap().total_tokens, 14 + 4);
}

#[tokio::test]
async fn legacy_completion_can_be_streamed() {
    let model = OfflineModel::start().unwrap();
    let body = json!({ "model": "gpt-3.5-turbo-instruct", "prompt": "Once upon a time, ", "stream": true });
    let client = client(&model);
    let stream =
        client.completions().create_stream_byot::<Value, CreateCompletionResponse>(body).await.unwrap();
    let text: String =
        all(stream).await.into_iter().flat_map(|chunk| chunk.choices).map(|choice| choice.text).collect();
    assert_eq!(text, "there was a toaster.");
}

#[tokio::test]
async fn unknown_model_is_not_found() {
    let model = OfflineModel::start().unwrap();
    let mut request = request(&["hi"]);
    request.model = "no-such-model-7".to_owned();
    let Err(OpenAIError::ApiError(error)) = client(&model).chat().create(request).await else {
        panic!("the model was found");
    };
    assert_eq!(error.status_code, 404);
    assert_eq!(error.api_error.code.as_deref(), Some("model_not_found"));
    assert_eq!(error.api_error.r#type.as_deref(), Some("invalid_request_error"));
    assert!(error.api_error.message.contains("no-such-model-7"));
}

#[tokio::test]
async fn malformed_request_is_rejected_with_the_faulty_parameter() {
    let model = OfflineModel::start().unwrap();
    let hello = json!([{ "role": "user", "content": "hi" }]);
    for (body, param, code) in [
        (json!({ "messages": hello }), "model", "missing_required_parameter"),
        (json!({ "model": "m" }), "messages", "missing_required_parameter"),
        (json!({ "model": "m", "messages": "hi" }), "messages", "invalid_type"),
        (json!({ "model": "m", "messages": [] }), "messages", "invalid_value"),
        (
            json!({ "model": "m", "messages": [{ "content": "hi" }] }),
            "messages[0].role",
            "missing_required_parameter",
        ),
        (
            json!({ "model": "m", "messages": [{ "role": "bot", "content": "hi" }] }),
            "messages[0].role",
            "invalid_value",
        ),
        (
            json!({ "model": "m", "messages": [{ "role": "user" }] }),
            "messages[0].content",
            "missing_required_parameter",
        ),
        (json!({ "model": "m", "messages": hello, "n": 0 }), "n", "invalid_value"),
        (json!({ "model": "m", "messages": hello, "stream": "yes" }), "stream", "invalid_type"),
    ] {
        let error = refusal(&model, body).await;
        assert_eq!(error.status_code, 400);
        assert_eq!(error.api_error.param.as_deref(), Some(param));
        assert_eq!(error.api_error.code.as_deref(), Some(code), "{param}");
    }
}

#[test]
fn request_without_api_key_is_unauthorized() {
    let model = OfflineModel::start().unwrap();
    for head in ["GET /v1/models HTTP/1.1", "GET /v1/models HTTP/1.1\r\nAuthorization: Bearer "] {
        let (status, body) = raw(&model, head, "");
        assert_eq!(status, 401);
        assert_eq!(body["error"]["code"], "invalid_api_key");
    }
}

#[test]
fn body_that_is_not_json_is_rejected() {
    let model = OfflineModel::start().unwrap();
    let (status, body) =
        raw(&model, "POST /v1/chat/completions HTTP/1.1\r\nAuthorization: Bearer k", "{\"model\":");
    assert_eq!(status, 400);
    assert!(body["error"]["message"].as_str().unwrap().contains("not JSON"), "{body}");
}

#[test]
fn models_are_listed_and_other_paths_are_unknown() {
    let model = OfflineModel::start().unwrap();
    let (status, body) = raw(&model, "GET /v1/models HTTP/1.1\r\nAuthorization: Bearer k", "");
    assert_eq!((status, &body["data"][0]["id"]), (200, &json!(MODEL)));
    let (status, body) = raw(&model, "GET /v1/embeddings HTTP/1.1\r\nAuthorization: Bearer k", "");
    assert_eq!((status, &body["error"]["code"]), (404, &json!("unknown_url")));
    let (status, _) = raw(&model, "GET /v1/completions HTTP/1.1\r\nAuthorization: Bearer k", "");
    assert_eq!(status, 405);
}
