//! With the attribute alone.

use harness::wire::{openai_embeddings, openai_responses};
use harness::{Api, Case, Field, Outcome, QUESTION};
use llm::LLMProvider;
use llm::chat::{ChatMessage, ChatResponse, Tool};
use llm::error::LLMError;
use promptlayer_tracing::promptlayer;

use crate::{Chunks, EMBEDDING_MODEL, MODEL, call_of, collect, connect, messages, text_of, tool};

const NO_SYSTEM_PROMPT: &str = "only the client has the system prompt, which shows nothing";
const NO_FINISH_REASON: &str = "the response type has none";

pub(crate) fn chat() -> Api {
    Api::new("responses", openai_responses::wire("openai", MODEL))
        .needs("`model = …`, because only the client has the model")
        .case(Case::Reply, reply)
        .case(Case::Stream, stream)
        .case(Case::Tools, tools)
        .case(Case::Error, reply)
        .lacks(Case::Reply, Field::Input, NO_SYSTEM_PROMPT)
        .lacks(Case::Reply, Field::Finish, NO_FINISH_REASON)
        .lacks(Case::Stream, Field::Input, NO_SYSTEM_PROMPT)
        .lacks(Case::Stream, Field::Finish, NO_FINISH_REASON)
        .lacks(Case::Stream, Field::Api, "the items are those of chat completions")
        .lacks(Case::Tools, Field::Input, NO_SYSTEM_PROMPT)
        .lacks(Case::Tools, Field::Finish, NO_FINISH_REASON)
        .lacks(Case::Error, Field::Input, NO_SYSTEM_PROMPT)
        .lacks(Case::Error, Field::Api, "the arguments are messages")
}

pub(crate) fn embeddings() -> Api {
    Api::new("embeddings", openai_embeddings::wire("openai", EMBEDDING_MODEL))
        .needs("`model = …` and `kind = \"embedding\"`, because the arguments are texts, and the response is numbers")
        .case(Case::Embeddings, embed)
        .case(Case::Error, embed)
        .lacks(Case::Embeddings, Field::Tokens, "the response type has only the vectors")
        .lacks(Case::Embeddings, Field::Api, "the arguments are texts")
        .lacks(Case::Error, Field::Api, "the arguments are texts")
        .lacks(Case::Error, Field::Message, "the crate drops it")
}

#[promptlayer(model = MODEL)]
async fn ask(
    client: &dyn LLMProvider,
    messages: &[ChatMessage],
    tools: &[Tool],
) -> Result<Box<dyn ChatResponse>, LLMError> {
    client.chat_with_tools(messages, Some(tools)).await
}

#[promptlayer(model = MODEL)]
async fn ask_stream(client: &dyn LLMProvider, messages: &[ChatMessage]) -> Result<Chunks, LLMError> {
    client.chat_stream_struct(messages).await
}

#[promptlayer(model = EMBEDDING_MODEL, kind = "embedding")]
async fn create_embedding(client: &dyn LLMProvider, input: Vec<String>) -> Result<Vec<Vec<f32>>, LLMError> {
    client.embed(input).await
}

fn connect_to(url: &str, model: &str) -> Result<Box<dyn LLMProvider>, LLMError> {
    connect(&format!("{url}/v1"), model)
}

async fn reply(url: String) -> Outcome {
    text_of(&*ask(&*connect_to(&url, MODEL)?, &messages(), &[]).await?)
}

async fn stream(url: String) -> Outcome {
    collect(ask_stream(&*connect_to(&url, MODEL)?, &messages()).await?).await
}

async fn tools(url: String) -> Outcome {
    call_of(&*ask(&*connect_to(&url, MODEL)?, &messages(), &[tool()]).await?)
}

async fn embed(url: String) -> Outcome {
    let client = connect_to(&url, EMBEDDING_MODEL)?;
    let vectors = create_embedding(&*client, vec![QUESTION.to_owned()]).await?;
    Ok(format!("{:?}", vectors[0]))
}
