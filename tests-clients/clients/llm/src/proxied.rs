//! With the proxy, which sees what the crate's types do not show.

use harness::wire::{openai_embeddings, openai_responses};
use harness::{Api, Case, Outcome, QUESTION};
use llm::chat::{ChatMessage, ChatResponse, Tool};
use llm::error::LLMError;
use promptlayer_tracing::promptlayer;
use promptlayer_tracing::proxy::Proxy;

use crate::{Chunks, EMBEDDING_MODEL, MODEL, call_of, collect, connect, messages, text_of, tool};

const NEEDS: &str = "the feature `proxy`";

pub(crate) fn chat() -> Api {
    Api::new("responses", openai_responses::wire("openai", MODEL))
        .needs(NEEDS)
        .case(Case::Reply, reply)
        .case(Case::Stream, stream)
        .case(Case::Tools, tools)
        .case(Case::Error, reply)
}

pub(crate) fn embeddings() -> Api {
    Api::new("embeddings", openai_embeddings::wire("openai", EMBEDDING_MODEL))
        .needs(NEEDS)
        .case(Case::Embeddings, embed)
        .case(Case::Error, embed)
}

#[promptlayer]
async fn ask(
    proxy: &Proxy,
    messages: &[ChatMessage],
    tools: &[Tool],
) -> Result<Box<dyn ChatResponse>, LLMError> {
    let address = proxy.scoped();
    connect(address.url(), MODEL)?.chat_with_tools(messages, Some(tools)).await
}

#[promptlayer]
async fn ask_stream(proxy: &Proxy, messages: &[ChatMessage]) -> Result<Chunks, LLMError> {
    let address = proxy.scoped();
    connect(address.url(), MODEL)?.chat_stream_struct(messages).await
}

#[promptlayer]
async fn create_embedding(proxy: &Proxy, input: Vec<String>) -> Result<Vec<Vec<f32>>, LLMError> {
    let address = proxy.scoped();
    connect(address.url(), EMBEDDING_MODEL)?.embed(input).await
}

fn start(url: &str) -> Result<Proxy, promptlayer_tracing::Error> {
    promptlayer_tracing::proxy(format!("{url}/v1")).provider("openai").start()
}

async fn reply(url: String) -> Outcome {
    text_of(&*ask(&start(&url)?, &messages(), &[]).await?)
}

async fn stream(url: String) -> Outcome {
    let proxy = start(&url)?;
    collect(ask_stream(&proxy, &messages()).await?).await
}

async fn tools(url: String) -> Outcome {
    call_of(&*ask(&start(&url)?, &messages(), &[tool()]).await?)
}

async fn embed(url: String) -> Outcome {
    let vectors = create_embedding(&start(&url)?, vec![QUESTION.to_owned()]).await?;
    Ok(format!("{:?}", vectors[0]))
}
