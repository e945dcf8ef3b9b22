//! The cases of `genai` with its feature `otel`. The annotated functions show nothing of the conversation.

use std::process::ExitCode;

use futures::TryStreamExt;
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

const NEEDS: &str = "the feature `otel`, and the environment variable \
                     `OTEL_INSTRUMENTATION_GENAI_CAPTURE_MESSAGE_CONTENT=true`";
const NO_API: &str = "genai's spans do not name it";
const MODEL: &str = "gpt-4o-mini";
const EMBEDDING_MODEL: &str = "text-embedding-3-small";

fn client() -> Client {
    let chat = Api::new("chat", openai_chat::wire("openai", MODEL))
        .needs(NEEDS)
        .case(Case::Reply, reply)
        .case(Case::Stream, stream)
        .case(Case::Tools, tools)
        .case(Case::Error, reply)
        .lacks(Case::Reply, Field::Api, NO_API)
        .lacks(Case::Stream, Field::Api, NO_API)
        .lacks(Case::Tools, Field::Api, NO_API)
        .lacks(Case::Error, Field::Api, NO_API);
    let embeddings = Api::new("embeddings", openai_embeddings::wire("openai", EMBEDDING_MODEL))
        .needs(NEEDS)
        .case(Case::Embeddings, embed)
        .case(Case::Error, embed)
        .lacks(Case::Embeddings, Field::Api, NO_API)
        .lacks(Case::Error, Field::Api, NO_API);
    Client::new(env!("CARGO_PKG_NAME"), "genai").api(chat).api(embeddings)
}

#[promptlayer]
async fn exec_chat(client: &genai::Client, with_tools: bool) -> Result<ChatResponse, genai::Error> {
    let tool = Tool::new(TOOL).with_description(TOOL_DESCRIPTION).with_schema(tool_schema());
    let request = if with_tools { request().with_tools([tool]) } else { request() };
    client.exec_chat(MODEL, request, None).await
}

#[promptlayer]
async fn exec_chat_stream(client: &genai::Client) -> Result<Vec<ChatStreamEvent>, genai::Error> {
    let options = ChatOptions::default().with_capture_usage(true).with_capture_content(true);
    client.exec_chat_stream(MODEL, request(), Some(&options)).await?.stream.try_collect().await
}

#[promptlayer]
async fn create_embedding(client: &genai::Client, input: &str) -> Result<EmbedResponse, genai::Error> {
    client.embed(EMBEDDING_MODEL, input, None).await
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
    let response = exec_chat(&connect(&url), false).await?;
    Ok(response.into_first_text().ok_or("no text")?)
}

async fn stream(url: String) -> Outcome {
    let events = exec_chat_stream(&connect(&url)).await?;
    let chunk = |event| match event {
        ChatStreamEvent::Chunk(chunk) => Some(chunk.content),
        _ => None,
    };
    Ok(events.into_iter().filter_map(chunk).collect())
}

async fn tools(url: String) -> Outcome {
    let response = exec_chat(&connect(&url), true).await?;
    match response.tool_calls().as_slice() {
        [call] => Ok(format!("{} {}", call.fn_name, call.fn_arguments)),
        other => Err(format!("{other:?}").into()),
    }
}

async fn embed(url: String) -> Outcome {
    let response = create_embedding(&connect(&url), QUESTION).await?;
    Ok(format!("{:?}", response.first_embedding().ok_or("no vector")?.vector()))
}

fn main() -> ExitCode {
    harness::main(&client())
}

#[test]
fn logs_are_as_declared() {
    harness::Report::of(&client()).unwrap_or_else(|wrong| panic!("{wrong}"));
}
