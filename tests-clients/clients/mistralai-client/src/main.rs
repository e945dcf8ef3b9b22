//! The cases of `mistralai-client`.

use std::process::ExitCode;

use futures::{Stream, TryStreamExt};
use harness::wire::mistral;
use harness::{Api, Case, KEY, Outcome, QUESTION, SYSTEM, TOOL, TOOL_DESCRIPTION};
use mistralai_client::v1::chat::{ChatMessage, ChatMessageRole, ChatParams, ChatResponse};
use mistralai_client::v1::chat_stream::ChatStreamChunk;
use mistralai_client::v1::client::Client;
use mistralai_client::v1::constants::{EmbedModel, Model};
use mistralai_client::v1::embedding::EmbeddingResponse;
use mistralai_client::v1::error::{ApiError, ClientError};
use mistralai_client::v1::tool::{Tool, ToolFunctionParameter, ToolFunctionParameterType};
use promptlayer_tracing::promptlayer;

const MODEL: &str = "mistral-small-latest";

fn client() -> harness::Client {
    harness::Client::new(env!("CARGO_PKG_NAME"), "mistralai-client")
        .api(
            Api::new("chat", mistral::chat(MODEL))
                .case(Case::Reply, reply)
                .case(Case::Stream, stream)
                .case(Case::Tools, tools)
                .case(Case::Error, reply),
        )
        .api(
            Api::new("embeddings", mistral::embeddings("mistral-embed"))
                .case(Case::Embeddings, embed)
                .case(Case::Error, embed),
        )
}

fn connect(url: &str) -> Result<Client, ClientError> {
    Client::new(Some(KEY.to_owned()), Some(format!("{url}/v1")), None, None)
}

#[promptlayer]
async fn chat(
    client: &Client,
    model: Model,
    messages: Vec<ChatMessage>,
    options: Option<ChatParams>,
) -> Result<ChatResponse, ApiError> {
    client.chat_async(model, messages, options).await
}

#[promptlayer]
async fn chat_stream(
    client: &Client,
    model: Model,
    messages: Vec<ChatMessage>,
) -> Result<impl Stream<Item = Result<Vec<ChatStreamChunk>, ApiError>>, ApiError> {
    client.chat_stream(model, messages, None).await
}

#[promptlayer]
async fn embeddings(
    client: &Client,
    model: EmbedModel,
    input: Vec<String>,
) -> Result<EmbeddingResponse, ApiError> {
    client.embeddings_async(model, input, None).await
}

fn messages() -> Vec<ChatMessage> {
    let system = ChatMessage { role: ChatMessageRole::System, content: SYSTEM.to_owned(), tool_calls: None };
    vec![system, ChatMessage::new_user_message(QUESTION)]
}

async fn reply(url: String) -> Outcome {
    let response = chat(&connect(&url)?, Model::MistralSmallLatest, messages(), None).await?;
    Ok(response.choices[0].message.content.clone())
}

async fn stream(url: String) -> Outcome {
    let client = connect(&url)?;
    let items: Vec<_> =
        chat_stream(&client, Model::MistralSmallLatest, messages()).await?.try_collect().await?;
    let choices = items.into_iter().flatten().flat_map(|chunk| chunk.choices);
    Ok(choices.map(|choice| choice.delta.content).collect())
}

async fn tools(url: String) -> Outcome {
    let city = ToolFunctionParameter::new(
        "city".to_owned(),
        "Name of the city.".to_owned(),
        ToolFunctionParameterType::String,
    );
    let tool = Tool::new(TOOL.to_owned(), TOOL_DESCRIPTION.to_owned(), vec![city]);
    let (client, model) = (connect(&url)?, Model::MistralSmallLatest);
    let options = ChatParams { tools: Some(vec![tool]), ..ChatParams::default() };
    let response = chat(&client, model, messages(), Some(options)).await?;
    let calls = response.choices[0].message.tool_calls.as_deref();
    let call = &calls.and_then(<[_]>::first).ok_or("no call")?.function;
    Ok(format!("{} {}", call.name, call.arguments))
}

async fn embed(url: String) -> Outcome {
    let client = connect(&url)?;
    let response = embeddings(&client, EmbedModel::MistralEmbed, vec![QUESTION.to_owned()]).await?;
    Ok(format!("{:?}", response.data[0].embedding))
}

fn main() -> ExitCode {
    harness::main(&client())
}

#[test]
fn logs_are_as_declared() {
    harness::Report::of(&client()).unwrap_or_else(|wrong| panic!("{wrong}"));
}
