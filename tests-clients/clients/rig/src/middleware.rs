//! With the middleware. The annotated functions show nothing of the conversation.

use futures::TryStreamExt;
use harness::{Api, Case, Outcome, QUESTION};
use promptlayer_tracing::middleware::PromptLayerMiddleware;
use promptlayer_tracing::promptlayer;
use reqwest_middleware::ClientBuilder;
use rig::ProviderError;
use rig::completion::CompletionResponse;
use rig::embeddings::EmbeddingResponse;
use rig::providers::openai::OpenAI;
use rig::rig_reqwest::ReqwestMiddlewareClient;
use rig::streaming::{Item, StreamEvent};

use crate::{
    EMBEDDING_MODEL, MODEL, chat_wire, config, embeddings_wire, read, request, request_with_tool, text_of,
};

const NEEDS: &str = "rig's feature `reqwest-middleware` with `PromptLayerMiddleware`";

pub(crate) fn chat() -> Api {
    Api::new("chat", chat_wire())
        .needs(NEEDS)
        .case(Case::Reply, reply)
        .case(Case::Stream, stream)
        .case(Case::Tools, tools)
        .case(Case::Error, reply)
}

pub(crate) fn embeddings() -> Api {
    Api::new("embeddings", embeddings_wire())
        .needs(NEEDS)
        .case(Case::Embeddings, embed)
        .case(Case::Error, embed)
}

#[promptlayer]
async fn ask(client: &OpenAI, with_tool: bool) -> Result<CompletionResponse, ProviderError> {
    let request = if with_tool { request_with_tool() } else { request() };
    client.chat(MODEL).call(request).await
}

#[promptlayer]
async fn ask_streamed(client: &OpenAI) -> Result<Vec<Item<StreamEvent>>, ProviderError> {
    client.chat(MODEL).stream(request())?.try_collect().await
}

#[promptlayer]
async fn create_embedding(client: &OpenAI) -> Result<EmbeddingResponse, ProviderError> {
    client.embedding(EMBEDDING_MODEL, None).call(vec![QUESTION.to_owned()]).await
}

fn connect(url: &str) -> OpenAI {
    let host = url.trim_start_matches("http://");
    let middleware = PromptLayerMiddleware::new().host(host, "openai");
    let http = ClientBuilder::new(reqwest::Client::new()).with(middleware).build();
    config(url).connect(ReqwestMiddlewareClient::from(http))
}

async fn reply(url: String) -> Outcome {
    read(&ask(&connect(&url), false).await?)
}

async fn stream(url: String) -> Outcome {
    Ok(ask_streamed(&connect(&url)).await?.into_iter().filter_map(text_of).collect())
}

async fn tools(url: String) -> Outcome {
    read(&ask(&connect(&url), true).await?)
}

async fn embed(url: String) -> Outcome {
    let response = create_embedding(&connect(&url)).await?;
    Ok(format!("{:?}", response.embeddings[0].vec))
}
