//! The cases of `openai`.

use std::error::Error;
use std::process::ExitCode;

use futures::stream::{self, Stream, StreamExt};
use harness::wire::{openai_chat, openai_embeddings};
use harness::{
    Api, Case, Client, Field, KEY, Outcome, QUESTION, SYSTEM, TOOL, TOOL_DESCRIPTION, tool_schema,
};
use openai::chat::{
    ChatCompletion, ChatCompletionBuilder, ChatCompletionDelta, ChatCompletionFunctionDefinition,
    ChatCompletionMessage, ChatCompletionMessageRole, ChatCompletionRequest,
};
use openai::embeddings::Embeddings;
use openai::{Credentials, OpenAiError};
use promptlayer_tracing::promptlayer;

const MODEL: &str = "gpt-4o-mini";
const EMBEDDING_MODEL: &str = "text-embedding-3-small";

fn client() -> Client {
    let chat = Api::new("chat", openai_chat::wire_of_functions("openai", MODEL))
        .needs("a function that returns the items of a stream as an `impl Stream`: the crate's `Receiver` is not a `Stream`")
        .case(Case::Reply, reply)
        .case(Case::Stream, stream)
        .case(Case::Tools, tools)
        .case(Case::Error, reply)
        .lacks(Case::Stream, Field::Tokens, "the request type cannot ask for them");
    let embeddings = Api::new("embeddings", openai_embeddings::wire("openai", EMBEDDING_MODEL))
        .needs("`kind = \"embedding\"` and `output = …`, because the response has neither `Serialize` nor `Debug`")
        .case(Case::Embeddings, embed)
        .case(Case::Error, embed)
        .lacks(Case::Embeddings, Field::Tokens, "`output = …` chooses the vectors")
        .lacks(Case::Embeddings, Field::Api, "the arguments are texts")
        .lacks(Case::Error, Field::Api, "the arguments are texts");
    Client::new(env!("CARGO_PKG_NAME"), "openai").api(chat).api(embeddings)
}

#[promptlayer]
async fn create(request: ChatCompletionRequest) -> Result<ChatCompletion, OpenAiError> {
    ChatCompletion::create(request).await
}

#[promptlayer]
async fn create_stream(
    request: ChatCompletionRequest,
) -> Result<impl Stream<Item = ChatCompletionDelta>, Box<dyn Error>> {
    let mut items = ChatCompletionDelta::create(request).await?;
    Ok(stream::poll_fn(move |context| items.poll_recv(context)))
}

#[promptlayer(kind = "embedding", output = |response| response.data.iter().map(|item| &item.vec).collect::<Vec<_>>())]
async fn create_embedding(
    model: &str,
    input: &str,
    credentials: Credentials,
) -> Result<Embeddings, OpenAiError> {
    Embeddings::create(model, vec![input], "", credentials).await
}

fn credentials(url: &str) -> Credentials {
    Credentials::new(KEY, format!("{url}/v1"))
}

fn message(role: ChatCompletionMessageRole, text: &str) -> ChatCompletionMessage {
    ChatCompletionMessage { role, content: Some(text.to_owned()), ..ChatCompletionMessage::default() }
}

fn request(url: &str) -> ChatCompletionBuilder {
    let messages = [
        message(ChatCompletionMessageRole::System, SYSTEM),
        message(ChatCompletionMessageRole::User, QUESTION),
    ];
    ChatCompletion::builder(MODEL, messages).credentials(credentials(url))
}

async fn reply(url: String) -> Outcome {
    let response = create(request(&url).build()?).await?;
    Ok(response.choices[0].message.content.clone().ok_or("no content")?)
}

async fn stream(url: String) -> Outcome {
    let items: Vec<_> = create_stream(request(&url).stream(true).build()?).await?.collect().await;
    let choices = items.into_iter().flat_map(|item| item.choices);
    Ok(choices.filter_map(|choice| choice.delta.content).collect())
}

async fn tools(url: String) -> Outcome {
    let function = ChatCompletionFunctionDefinition {
        name: TOOL.to_owned(),
        description: Some(TOOL_DESCRIPTION.to_owned()),
        parameters: Some(tool_schema()),
    };
    let response = create(request(&url).functions([function]).build()?).await?;
    let call = response.choices[0].message.function_call.as_ref().ok_or("no call")?;
    Ok(format!("{} {}", call.name, call.arguments))
}

async fn embed(url: String) -> Outcome {
    let response = create_embedding(EMBEDDING_MODEL, QUESTION, credentials(&url)).await?;
    Ok(format!("{:?}", response.data[0].vec))
}

fn main() -> ExitCode {
    harness::main(&client())
}

#[test]
fn logs_are_as_declared() {
    harness::Report::of(&client()).unwrap_or_else(|wrong| panic!("{wrong}"));
}
