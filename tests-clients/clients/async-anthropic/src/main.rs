//! The cases of `async-anthropic`.

use std::process::ExitCode;
use std::time::Duration;

use async_anthropic::errors::AnthropicError;
use async_anthropic::types::{
    ContentBlockDelta, CreateMessagesRequest, CreateMessagesRequestBuilder, CreateMessagesResponse,
    CreateMessagesResponseStream, Message, MessageContent, MessagesStreamEvent,
};
use backoff::ExponentialBackoffBuilder;
use futures::TryStreamExt;
use harness::wire::anthropic;
use harness::{
    Api, Case, Client, Field, KEY, Outcome, QUESTION, SYSTEM, TOOL, TOOL_DESCRIPTION, tool_schema,
};
use promptlayer_tracing::promptlayer;
use serde_json::json;

const MODEL: &str = "claude-sonnet-4-5";

fn client() -> Client {
    Client::new(env!("CARGO_PKG_NAME"), "async-anthropic").api(
        Api::new("messages", anthropic::wire(MODEL))
            .case(Case::Reply, reply)
            .case(Case::Stream, stream)
            .case(Case::Tools, tools)
            .case(Case::Error, reply)
            .lacks(Case::Error, Field::Message, "the crate drops it if the key is wrong"),
    )
}

/// Connects without the retries of the crate, which take minutes.
fn connect(url: &str) -> Result<async_anthropic::Client, Box<dyn std::error::Error>> {
    let backoff = ExponentialBackoffBuilder::new().with_max_elapsed_time(Some(Duration::ZERO)).build();
    let client =
        async_anthropic::Client::builder().base_url(url).api_key(KEY).version("2023-06-01").build()?;
    Ok(client.with_backoff(backoff))
}

#[promptlayer]
async fn create(
    client: &async_anthropic::Client,
    request: CreateMessagesRequest,
) -> Result<CreateMessagesResponse, AnthropicError> {
    client.messages().create(request).await
}

#[promptlayer]
async fn create_stream(
    client: &async_anthropic::Client,
    request: CreateMessagesRequest,
) -> CreateMessagesResponseStream {
    client.messages().create_stream(request).await
}

fn request() -> CreateMessagesRequestBuilder {
    let mut request = CreateMessagesRequestBuilder::default();
    request.model(MODEL).messages([Message::from(QUESTION)]).system(SYSTEM);
    request
}

async fn reply(url: String) -> Outcome {
    match create(&connect(&url)?, request().build()?).await?.content.as_deref() {
        Some([MessageContent::Text(text)]) => Ok(text.text.clone()),
        other => Err(format!("{other:?}").into()),
    }
}

async fn stream(url: String) -> Outcome {
    let events: Vec<_> = create_stream(&connect(&url)?, request().build()?).await.try_collect().await?;
    let text = |event| match event {
        MessagesStreamEvent::ContentBlockDelta { delta: ContentBlockDelta::TextDelta { text }, .. } => {
            Some(text)
        }
        _ => None,
    };
    Ok(events.into_iter().filter_map(text).collect())
}

async fn tools(url: String) -> Outcome {
    let tool = json!({"name": TOOL, "description": TOOL_DESCRIPTION, "input_schema": tool_schema()});
    let tool = tool.as_object().cloned().unwrap_or_default();
    match create(&connect(&url)?, request().tools([tool]).build()?).await?.content.as_deref() {
        Some([MessageContent::ToolUse(call)]) => Ok(format!("{} {}", call.name, call.input)),
        other => Err(format!("{other:?}").into()),
    }
}

fn main() -> ExitCode {
    harness::main(&client())
}

#[test]
fn logs_are_as_declared() {
    harness::Report::of(&client()).unwrap_or_else(|wrong| panic!("{wrong}"));
}
