//! The cases of `cohere-rust`, which speaks version 1 of Cohere's API.

use std::process::ExitCode;

use cohere_rust::api::chat::{ChatRequest, ChatStreamResponse};
use cohere_rust::api::embed::EmbedRequest;
use cohere_rust::api::{EmbedModel, GenerateModel, Truncate};
use cohere_rust::{Cohere, CohereApiError, CohereStreamError};
use futures::stream::{self, Stream, TryStreamExt};
use harness::wire::cohere;
use harness::{Api, Case, Client, Field, KEY, Outcome, QUESTION, SYSTEM};
use promptlayer_tracing::promptlayer;

const MODEL: &str = "command-r-plus-08-2024";
const EMBEDDING_MODEL: &str = "embed-multilingual-v3.0";

fn client() -> Client {
    let chat = Api::new("chat", cohere::chat_v1(MODEL))
        .needs("a function that returns the events of a stream as an `impl Stream`: the crate's `Receiver` is not a `Stream`")
        .case(Case::Stream, stream)
        .case(Case::Error, stream)
        .lacks(Case::Stream, Field::Tokens, "the response type has none");
    let embeddings = Api::new("embed", cohere::embed_v1(EMBEDDING_MODEL))
        .case(Case::Embeddings, embed)
        .case(Case::Error, embed)
        .lacks(Case::Embeddings, Field::Tokens, "the response type has only the vectors");
    Client::new(env!("CARGO_PKG_NAME"), "cohere-rust").api(chat).api(embeddings)
}

#[promptlayer]
async fn chat(
    client: &Cohere,
    request: &ChatRequest<'_>,
) -> Result<impl Stream<Item = Result<ChatStreamResponse, CohereStreamError>> + use<>, CohereApiError> {
    let mut events = client.chat(request).await?;
    Ok(stream::poll_fn(move |context| events.poll_recv(context)))
}

#[promptlayer]
async fn create_embedding(
    client: &Cohere,
    request: &EmbedRequest<'_>,
) -> Result<Vec<Vec<f64>>, CohereApiError> {
    client.embed(request).await
}

fn connect(url: &str) -> Cohere {
    Cohere::new(format!("{url}/v1"), KEY)
}

async fn stream(url: String) -> Outcome {
    let request = ChatRequest {
        message: QUESTION,
        model: Some(GenerateModel::CommandRPlus082024),
        preamble: Some(SYSTEM.to_owned()),
        ..ChatRequest::default()
    };
    let events: Vec<_> = chat(&connect(&url), &request).await?.try_collect().await?;
    let text = |event| match event {
        ChatStreamResponse::ChatTextGeneration { text, .. } => Some(text),
        _ => None,
    };
    Ok(events.into_iter().filter_map(text).collect())
}

async fn embed(url: String) -> Outcome {
    let texts = [QUESTION.to_owned()];
    let request =
        EmbedRequest { model: Some(EmbedModel::MultilingualV3), texts: &texts, truncate: Truncate::End };
    let vectors = create_embedding(&connect(&url), &request).await?;
    Ok(format!("{:?}", vectors[0]))
}

fn main() -> ExitCode {
    harness::main(&client())
}

#[test]
fn logs_are_as_declared() {
    harness::Report::of(&client()).unwrap_or_else(|wrong| panic!("{wrong}"));
}
