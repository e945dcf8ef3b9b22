//! The cases of `langchain-rust`, with its client for `OpenAI`.

use std::process::ExitCode;

use futures::TryStreamExt;
use harness::wire::{openai_chat, openai_embeddings};
use harness::{
    Api, Case, Client, Field, KEY, Outcome, QUESTION, SYSTEM, TOOL, TOOL_DESCRIPTION, tool_schema,
};
use langchain_rust::embedding::openai::OpenAiEmbedder;
use langchain_rust::embedding::{Embedder, EmbedderError};
use langchain_rust::language_models::llm::LLM;
use langchain_rust::language_models::options::CallOptions;
use langchain_rust::language_models::{GenerateResult, LLMError, LLMEvent, LLMEventStream};
use langchain_rust::llm::openai::{OpenAI, OpenAIConfig};
use langchain_rust::schemas::{FunctionDefinition, Message};
use promptlayer_tracing::promptlayer;

const MODEL: &str = "gpt-4o-mini";
const EMBEDDING_MODEL: &str = "text-embedding-3-small";

const NO_FINISH_REASON: &str = "the response type has none";

fn client() -> Client {
    let chat = Api::new("chat", openai_chat::wire("openai", MODEL))
        .case(Case::Reply, reply)
        .case(Case::Stream, stream)
        .case(Case::Tools, tools)
        .case(Case::Error, reply)
        .lacks(Case::Reply, Field::Finish, NO_FINISH_REASON)
        .lacks(Case::Stream, Field::Finish, NO_FINISH_REASON)
        .lacks(Case::Tools, Field::Finish, NO_FINISH_REASON)
        .lacks(Case::Tools, Field::Tools, "only the client has them");
    let embeddings = Api::new("embeddings", openai_embeddings::wire("openai", EMBEDDING_MODEL))
        .case(Case::Embeddings, embed)
        .case(Case::Error, embed)
        .lacks(Case::Embeddings, Field::Tokens, "the response type has only the vector");
    Client::new(env!("CARGO_PKG_NAME"), "langchain-rust").api(chat).api(embeddings)
}

#[promptlayer]
async fn generate(client: &OpenAI<OpenAIConfig>, messages: &[Message]) -> Result<GenerateResult, LLMError> {
    client.generate(messages).await
}

#[promptlayer]
fn generate_stream<'a>(client: &'a OpenAI<OpenAIConfig>, messages: &'a [Message]) -> LLMEventStream<'a> {
    client.generate_stream(messages)
}

#[promptlayer]
async fn embed_query(client: &OpenAiEmbedder<OpenAIConfig>, text: &str) -> Result<Vec<f64>, EmbedderError> {
    client.embed_query(text).await
}

fn config(url: &str) -> OpenAIConfig {
    OpenAIConfig::new().with_api_key(KEY).with_api_base(format!("{url}/v1"))
}

fn connect(url: &str) -> OpenAI<OpenAIConfig> {
    OpenAI::new(config(url)).with_model(MODEL)
}

fn messages() -> Vec<Message> {
    vec![Message::new_system_message(SYSTEM), Message::new_human_message(QUESTION)]
}

async fn reply(url: String) -> Outcome {
    Ok(generate(&connect(&url), &messages()).await?.generation)
}

async fn stream(url: String) -> Outcome {
    let (client, messages) = (connect(&url), messages());
    let events: Vec<_> = generate_stream(&client, &messages).try_collect().await?;
    let text = |event| match event {
        LLMEvent::Text(text) => Some(text),
        _ => None,
    };
    Ok(events.into_iter().filter_map(text).collect())
}

async fn tools(url: String) -> Outcome {
    let tool = FunctionDefinition::new(TOOL, TOOL_DESCRIPTION, tool_schema());
    let client = connect(&url).with_options(CallOptions::new().with_functions(vec![tool]));
    match generate(&client, &messages()).await?.tool_calls.as_slice() {
        [call] => Ok(format!("{} {}", call.name, call.arguments)),
        other => Err(format!("{other:?}").into()),
    }
}

async fn embed(url: String) -> Outcome {
    let client = OpenAiEmbedder::new(config(&url)).with_model(EMBEDDING_MODEL);
    Ok(format!("{:?}", embed_query(&client, QUESTION).await?))
}

fn main() -> ExitCode {
    harness::main(&client())
}

#[test]
fn logs_are_as_declared() {
    harness::Report::of(&client()).unwrap_or_else(|wrong| panic!("{wrong}"));
}
