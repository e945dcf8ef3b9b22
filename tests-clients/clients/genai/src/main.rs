//! The cases of `genai` without its feature `otel`.

use std::process::ExitCode;

use futures::stream::BoxStream;
use futures::{StreamExt, TryStreamExt};
use genai::adapter::AdapterKind;
use genai::chat::{ChatMessage, ChatOptions, ChatRequest, ChatResponse, ChatStreamEvent, Tool};
use genai::embed::EmbedResponse;
use genai::resolver::{AuthData, Endpoint, ServiceTargetResolver};
use genai::{ModelIden, ServiceTarget};
use harness::wire::{openai_chat, openai_embeddings};
use harness::{
    Api, Case, Client, Field, KEY, Outcome, QUESTION, SYSTEM, TOOL, TOOL_DESCRIPTION, tool_schema,
};
use promptlayer_tracing::promptlayer;

const MODEL: &str = "gpt-4o-mini";
const EMBEDDING_MODEL: &str = "text-embedding-3-small";

fn client() -> Client {
    let chat = Api::new("chat", openai_chat::wire("openai", MODEL))
        .case(Case::Reply, reply)
        .case(Case::Stream, stream)
        .case(Case::Tools, tools)
        .case(Case::Error, reply);
    let embeddings = Api::new("embeddings", openai_embeddings::wire("openai", EMBEDDING_MODEL))
        .case(Case::Embeddings, embed)
        .case(Case::Error, embed)
        .lacks(Case::Error, Field::Api, "the arguments are texts");
    Client::new(env!("CARGO_PKG_NAME"), "genai").api(chat).api(embeddings)
}

#[promptlayer]
async fn exec_chat(
    client: &genai::Client,
    model: &str,
    request: ChatRequest,
) -> Result<ChatResponse, genai::Error> {
    client.exec_chat(model, request, None).await
}

#[promptlayer]
async fn exec_chat_stream(
    client: &genai::Client,
    model: &str,
    request: ChatRequest,
    options: &ChatOptions,
) -> Result<BoxStream<'static, Result<ChatStreamEvent, genai::Error>>, genai::Error> {
    Ok(client.exec_chat_stream(model, request, Some(options)).await?.stream.boxed())
}

#[promptlayer]
async fn create_embedding(
    client: &genai::Client,
    model: &str,
    input: &str,
) -> Result<EmbedResponse, genai::Error> {
    client.embed(model, input, None).await
}

fn connect(url: &str) -> genai::Client {
    let url = format!("{url}/v1/");
    let resolver = ServiceTargetResolver::from_resolver_fn(
        move |target: ServiceTarget| -> Result<ServiceTarget, genai::resolver::Error> {
            Ok(ServiceTarget {
                endpoint: Endpoint::from_owned(url.clone()),
                auth: AuthData::from_single(KEY),
                model: ModelIden::new(AdapterKind::OpenAI, target.model.model_name),
            })
        },
    );
    genai::Client::builder().with_service_target_resolver(resolver).build().expect("a client")
}

fn request() -> ChatRequest {
    ChatRequest::from_system(SYSTEM).append_message(ChatMessage::user(QUESTION))
}

async fn reply(url: String) -> Outcome {
    let response = exec_chat(&connect(&url), MODEL, request()).await?;
    Ok(response.into_first_text().ok_or("no text")?)
}

async fn stream(url: String) -> Outcome {
    let options = ChatOptions::default().with_capture_usage(true);
    let events = exec_chat_stream(&connect(&url), MODEL, request(), &options).await?;
    let events: Vec<_> = events.try_collect().await?;
    let chunk = |event| match event {
        ChatStreamEvent::Chunk(chunk) => Some(chunk.content),
        _ => None,
    };
    Ok(events.into_iter().filter_map(chunk).collect())
}

async fn tools(url: String) -> Outcome {
    let tool = Tool::new(TOOL).with_description(TOOL_DESCRIPTION).with_schema(tool_schema());
    let response = exec_chat(&connect(&url), MODEL, request().with_tools([tool])).await?;
    match response.tool_calls().as_slice() {
        [call] => Ok(format!("{} {}", call.fn_name, call.fn_arguments)),
        other => Err(format!("{other:?}").into()),
    }
}

async fn embed(url: String) -> Outcome {
    let response = create_embedding(&connect(&url), EMBEDDING_MODEL, QUESTION).await?;
    Ok(format!("{:?}", response.first_embedding().ok_or("no vector")?.vector()))
}

fn main() -> ExitCode {
    harness::main(&client())
}

#[test]
fn logs_are_as_declared() {
    harness::Report::of(&client()).unwrap_or_else(|wrong| panic!("{wrong}"));
}
