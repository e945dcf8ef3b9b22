//! By rig's own spans without content. The annotated functions take the request and return the response.

use futures::stream::BoxStream;
use futures::{StreamExt, TryStreamExt};
use harness::{Api, Case, Field, Outcome, QUESTION};
use promptlayer_tracing::promptlayer;
use rig::ProviderError;
use rig::completion::{CompletionRequest, CompletionResponse};
use rig::embeddings::EmbeddingResponse;
use rig::providers::openai::OpenAI;
use rig::streaming::{Item, StreamEvent};

use crate::{
    EMBEDDING_MODEL, MODEL, NO_API, chat_wire, connect, embeddings_wire, read, request, request_with_tool,
    text_of,
};

const ONLY_AT_THE_END: &str = "it is no item of the stream, but in what `finish()` returns";

pub(crate) fn chat() -> Api {
    Api::new("chat", chat_wire())
        .case(Case::Reply, reply)
        .case(Case::Stream, stream)
        .case(Case::Tools, tools)
        .case(Case::Error, reply)
        .lacks(Case::Reply, Field::Api, NO_API)
        .lacks(Case::Stream, Field::Tokens, ONLY_AT_THE_END)
        .lacks(Case::Stream, Field::Finish, ONLY_AT_THE_END)
        .lacks(Case::Error, Field::Api, NO_API)
}

pub(crate) fn embeddings() -> Api {
    Api::new("embeddings", embeddings_wire())
        .case(Case::Embeddings, embed)
        .case(Case::Error, embed)
        .lacks(Case::Embeddings, Field::Api, NO_API)
        .lacks(Case::Embeddings, Field::Tokens, "rig counts 0 tokens of the response")
        .lacks(Case::Error, Field::Api, NO_API)
}

#[promptlayer]
async fn ask(client: &OpenAI, request: CompletionRequest) -> Result<CompletionResponse, ProviderError> {
    client.chat(MODEL).call(request).await
}

#[promptlayer]
async fn ask_streamed(
    client: &OpenAI,
    request: CompletionRequest,
) -> Result<BoxStream<'static, Result<Item<StreamEvent>, ProviderError>>, ProviderError> {
    Ok(client.chat(MODEL).stream(request)?.boxed())
}

#[promptlayer]
async fn create_embedding(client: &OpenAI, text: &str) -> Result<EmbeddingResponse, ProviderError> {
    client.embedding(EMBEDDING_MODEL, None).call(vec![text.to_owned()]).await
}

async fn reply(url: String) -> Outcome {
    read(&ask(&connect(&url), request()).await?)
}

async fn stream(url: String) -> Outcome {
    let events: Vec<_> = ask_streamed(&connect(&url), request()).await?.try_collect().await?;
    Ok(events.into_iter().filter_map(text_of).collect())
}

async fn tools(url: String) -> Outcome {
    read(&ask(&connect(&url), request_with_tool()).await?)
}

async fn embed(url: String) -> Outcome {
    let response = create_embedding(&connect(&url), QUESTION).await?;
    Ok(format!("{:?}", response.embeddings[0].vec))
}
