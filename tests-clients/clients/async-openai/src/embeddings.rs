//! Embeddings.

use async_openai::error::OpenAIError;
use async_openai::types::embeddings::{CreateEmbeddingRequest, CreateEmbeddingResponse, EmbeddingInput};
use harness::wire::openai_embeddings;
use harness::{Api, Case, Outcome, QUESTION};
use promptlayer_tracing::promptlayer;

use crate::{OpenAI, connect};

const MODEL: &str = "text-embedding-3-small";

pub(crate) fn api() -> Api {
    Api::new("embeddings", openai_embeddings::wire("openai", MODEL))
        .case(Case::Embeddings, embed)
        .case(Case::Error, embed)
}

#[promptlayer]
async fn create(
    client: &OpenAI,
    request: CreateEmbeddingRequest,
) -> Result<CreateEmbeddingResponse, OpenAIError> {
    client.embeddings().create(request).await
}

async fn embed(url: String) -> Outcome {
    let request = CreateEmbeddingRequest {
        model: MODEL.to_owned(),
        input: EmbeddingInput::String(QUESTION.to_owned()),
        ..CreateEmbeddingRequest::default()
    };
    let response = create(&connect(&url), request).await?;
    Ok(format!("{:?}", response.data[0].embedding))
}
