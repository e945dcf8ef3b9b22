//! The cases of `openai-api-rs`.

use std::error::Error;
use std::process::ExitCode;

use futures::{Stream, StreamExt};
use harness::wire::{openai_chat, openai_embeddings, openai_responses};
use harness::{
    Api, Case, Client, Field, KEY, Outcome, QUESTION, SYSTEM, TOOL, TOOL_DESCRIPTION, tool_schema,
};
use openai_api_rs::v1::api::OpenAIClient;
use openai_api_rs::v1::chat_completion::chat_completion::{ChatCompletionRequest, ChatCompletionResponse};
use openai_api_rs::v1::chat_completion::chat_completion_stream::{
    ChatCompletionStreamRequest, ChatCompletionStreamResponse,
};
use openai_api_rs::v1::chat_completion::{ChatCompletionMessage, Content, MessageRole};
use openai_api_rs::v1::embedding::{EmbeddingRequest, EmbeddingResponse};
use openai_api_rs::v1::error::APIError;
use openai_api_rs::v1::responses::responses::{CallResponse, CreateResponseRequest, ResponseObject};
use openai_api_rs::v1::responses::responses_stream::ResponseStreamResponse;
use promptlayer_tracing::promptlayer;
use serde_json::{Value, json};

const MODEL: &str = "gpt-4o-mini";
const RESPONSES_MODEL: &str = "gpt-5.4-mini";
const EMBEDDING_MODEL: &str = "text-embedding-3-small";
const PARTS_ONLY: &str = "the stream's items are texts";

fn client() -> Client {
    Client::new(env!("CARGO_PKG_NAME"), "openai-api-rs")
        .api(
            Api::new("chat", openai_chat::wire("openai", MODEL))
                .case(Case::Reply, chat)
                .case(Case::Stream, chat_stream)
                .case(Case::Tools, chat_tools)
                .case(Case::Error, chat)
                .lacks(Case::Stream, Field::Tokens, PARTS_ONLY)
                .lacks(Case::Stream, Field::Finish, PARTS_ONLY),
        )
        .api(
            Api::new("responses", openai_responses::wire("openai", RESPONSES_MODEL))
                .case(Case::Reply, respond)
                .case(Case::Stream, respond_stream)
                .case(Case::Error, respond),
        )
        .api(
            Api::new("embeddings", openai_embeddings::wire("openai", EMBEDDING_MODEL))
                .case(Case::Embeddings, embed)
                .case(Case::Error, embed),
        )
}

fn connect(url: &str) -> Result<OpenAIClient, Box<dyn Error>> {
    OpenAIClient::builder().with_api_key(KEY).with_endpoint(format!("{url}/v1")).build()
}

#[promptlayer]
async fn create_chat(
    client: &OpenAIClient,
    request: ChatCompletionRequest,
) -> Result<CallResponse<ChatCompletionResponse>, APIError> {
    client.chat_completion(request).await
}

#[promptlayer]
async fn create_chat_stream(
    client: &OpenAIClient,
    request: ChatCompletionStreamRequest,
) -> Result<impl Stream<Item = ChatCompletionStreamResponse>, APIError> {
    client.chat_completion_stream(request).await
}

#[promptlayer]
async fn create_response(
    client: &OpenAIClient,
    request: CreateResponseRequest,
) -> Result<CallResponse<ResponseObject>, APIError> {
    client.create_response(request).await
}

#[promptlayer]
async fn create_response_stream(
    client: &OpenAIClient,
    request: CreateResponseRequest,
) -> Result<impl Stream<Item = ResponseStreamResponse>, APIError> {
    client.create_response_stream(request).await
}

#[promptlayer]
async fn create_embedding(
    client: &OpenAIClient,
    request: EmbeddingRequest,
) -> Result<CallResponse<EmbeddingResponse>, APIError> {
    client.embedding(request).await
}

fn messages() -> Vec<ChatCompletionMessage> {
    let message = |role, text: &str| ChatCompletionMessage {
        role,
        content: Content::Text(text.to_owned()),
        name: None,
        tool_calls: None,
        tool_call_id: None,
    };
    vec![message(MessageRole::system, SYSTEM), message(MessageRole::user, QUESTION)]
}

async fn chat(url: String) -> Outcome {
    let request = ChatCompletionRequest::new(MODEL.to_owned(), messages());
    let response = create_chat(&connect(&url)?, request).await?;
    Ok(response.inner.choices[0].message.content.clone().ok_or("no content")?)
}

async fn chat_stream(url: String) -> Outcome {
    let request = ChatCompletionStreamRequest::new(MODEL.to_owned(), messages());
    let client = connect(&url)?;
    let items: Vec<_> = create_chat_stream(&client, request).await?.collect().await;
    let text = |item| match item {
        ChatCompletionStreamResponse::Content(text) => Some(text),
        _ => None,
    };
    Ok(items.into_iter().filter_map(text).collect())
}

async fn chat_tools(url: String) -> Outcome {
    let tool = serde_json::from_value(json!({
        "type": "function",
        "function": {"name": TOOL, "description": TOOL_DESCRIPTION, "parameters": tool_schema()},
    }))?;
    let request = ChatCompletionRequest::new(MODEL.to_owned(), messages()).tools(vec![tool]);
    let response = create_chat(&connect(&url)?, request).await?;
    let calls = response.inner.choices[0].message.tool_calls.as_deref();
    let call = &calls.and_then(<[_]>::first).ok_or("no call")?.function;
    Ok(format!(
        "{} {}",
        call.name.as_deref().ok_or("no name")?,
        call.arguments.as_deref().ok_or("no arguments")?
    ))
}

fn response_request() -> CreateResponseRequest {
    let mut request = CreateResponseRequest::new();
    request.model = Some(RESPONSES_MODEL.to_owned());
    request.instructions = Some(SYSTEM.to_owned());
    request.input = Some(QUESTION.into());
    request
}

async fn respond(url: String) -> Outcome {
    let output =
        create_response(&connect(&url)?, response_request()).await?.inner.output.ok_or("no output")?;
    Ok(output.pointer("/0/content/0/text").and_then(Value::as_str).ok_or("no text")?.to_owned())
}

async fn respond_stream(url: String) -> Outcome {
    let client = connect(&url)?;
    let items: Vec<_> = create_response_stream(&client, response_request()).await?.collect().await;
    let text = |item| match item {
        ResponseStreamResponse::Event(event) if event.data["type"] == "response.output_text.delta" => {
            event.data["delta"].as_str().map(str::to_owned)
        }
        _ => None,
    };
    Ok(items.into_iter().filter_map(text).collect())
}

async fn embed(url: String) -> Outcome {
    let request = EmbeddingRequest::new(EMBEDDING_MODEL.to_owned(), vec![QUESTION.to_owned()]);
    Ok(format!("{:?}", create_embedding(&connect(&url)?, request).await?.inner.data[0].embedding))
}

fn main() -> ExitCode {
    harness::main(&client())
}

#[test]
fn logs_are_as_declared() {
    harness::Report::of(&client()).unwrap_or_else(|wrong| panic!("{wrong}"));
}
