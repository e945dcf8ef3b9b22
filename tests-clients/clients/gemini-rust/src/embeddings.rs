//! `embedContent`.

use gemini_rust::{ClientError, ContentEmbeddingResponse, Gemini};
use harness::wire::gemini;
use harness::{Api, Case, Field, Outcome, QUESTION};
use promptlayer_tracing::promptlayer;

use crate::connect;

const MODEL: &str = "gemini-embedding-001";

const NO_MODEL: &str = "only the client has it, which shows nothing; `model = …` sets it";

pub(crate) fn api() -> Api {
    Api::new("embedContent", gemini::embed_content(MODEL))
        .case(Case::Embeddings, embed)
        .case(Case::Error, embed)
        .lacks(Case::Embeddings, Field::Model, NO_MODEL)
        .lacks(Case::Error, Field::Model, NO_MODEL)
        .lacks(Case::Error, Field::Api, "the arguments are a text and a client")
}

#[promptlayer]
async fn create(client: &Gemini, text: &str) -> Result<ContentEmbeddingResponse, ClientError> {
    client.embed_content().with_text(text).execute().await
}

async fn embed(url: String) -> Outcome {
    let response = create(&connect(&url, MODEL), QUESTION).await?;
    Ok(format!("{:?}", response.embedding.values))
}
