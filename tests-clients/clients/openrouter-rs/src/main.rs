//! The cases of `openrouter-rs`.

use std::process::ExitCode;

use futures::TryStreamExt;
use futures::stream::BoxStream;
use harness::wire::openrouter;
use harness::{Api, Case, Client, KEY, Outcome, QUESTION, SYSTEM, TOOL, TOOL_DESCRIPTION, tool_schema};
use openrouter_rs::OpenRouterClient;
use openrouter_rs::api::chat::{ChatCompletionRequest, ChatCompletionRequestBuilder, Message};
use openrouter_rs::api::embeddings::{EmbeddingRequest, EmbeddingResponse};
use openrouter_rs::error::OpenRouterError;
use openrouter_rs::types::completion::CompletionsResponse;
use openrouter_rs::types::{Role, Tool};
use promptlayer_tracing::promptlayer;

const MODEL: &str = "meta-llama/llama-3.3-70b-instruct";
const EMBEDDING_MODEL: &str = "qwen/qwen3-embedding-8b";

fn client() -> Client {
    Client::new(env!("CARGO_PKG_NAME"), "openrouter-rs")
        .api(
            Api::new("chat", openrouter::chat(MODEL))
                .case(Case::Reply, reply)
                .case(Case::Stream, stream)
                .case(Case::Tools, tools)
                .case(Case::Error, reply),
        )
        .api(
            Api::new("embeddings", openrouter::embeddings(EMBEDDING_MODEL))
                .case(Case::Embeddings, embed)
                .case(Case::Error, embed),
        )
}

fn connect(url: &str) -> Result<OpenRouterClient, OpenRouterError> {
    OpenRouterClient::builder().api_key(KEY).base_url(format!("{url}/api/v1")).build()
}

#[promptlayer]
async fn create(
    client: &OpenRouterClient,
    request: &ChatCompletionRequest,
) -> Result<CompletionsResponse, OpenRouterError> {
    client.chat().create(request).await
}

#[promptlayer]
async fn create_stream(
    client: &OpenRouterClient,
    request: &ChatCompletionRequest,
) -> Result<BoxStream<'static, Result<CompletionsResponse, OpenRouterError>>, OpenRouterError> {
    client.chat().stream(request).await
}

#[promptlayer]
async fn create_embedding(
    client: &OpenRouterClient,
    request: &EmbeddingRequest,
) -> Result<EmbeddingResponse, OpenRouterError> {
    client.models().create_embedding(request).await
}

fn request() -> ChatCompletionRequestBuilder {
    let mut request = ChatCompletionRequest::builder();
    request
        .model(MODEL)
        .messages(vec![Message::new(Role::System, SYSTEM), Message::new(Role::User, QUESTION)]);
    request
}

async fn reply(url: String) -> Outcome {
    let response = create(&connect(&url)?, &request().build()?).await?;
    Ok(response.choices[0].content().ok_or("no content")?.to_owned())
}

async fn stream(url: String) -> Outcome {
    let (client, request) = (connect(&url)?, request().build()?);
    let chunks: Vec<_> = create_stream(&client, &request).await?.try_collect().await?;
    let choices = chunks.iter().flat_map(|chunk| &chunk.choices);
    Ok(choices.filter_map(|choice| choice.content()).collect())
}

async fn tools(url: String) -> Outcome {
    let request = request().tools(vec![Tool::new(TOOL, TOOL_DESCRIPTION, tool_schema())]).build()?;
    let response = create(&connect(&url)?, &request).await?;
    let call = response.choices[0].tool_calls().and_then(<[_]>::first).ok_or("no call")?;
    Ok(format!("{} {}", call.name(), call.arguments_json()))
}

async fn embed(url: String) -> Outcome {
    let request = EmbeddingRequest::builder().model(EMBEDDING_MODEL).input(QUESTION).build()?;
    let response = create_embedding(&connect(&url)?, &request).await?;
    let vector: Vec<f64> = serde_json::from_value(serde_json::to_value(&response.data[0].embedding)?)?;
    Ok(format!("{vector:?}"))
}

fn main() -> ExitCode {
    harness::main(&client())
}

#[test]
fn logs_are_as_declared() {
    harness::Report::of(&client()).unwrap_or_else(|wrong| panic!("{wrong}"));
}
