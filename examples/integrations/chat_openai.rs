//! Sends two messages to a chat model at temperature 0, with the tag `chatopenai`.
//!
//!     cargo run --example chat_openai
#![allow(clippy::print_stdout, reason = "an example speaks on standard output")]

use std::error::Error;
use std::time::Duration;

use async_openai::Client;
use async_openai::config::OpenAIConfig;
use async_openai::error::OpenAIError;
use async_openai::types::chat::{
    ChatCompletionRequestUserMessage, CreateChatCompletionRequest, CreateChatCompletionRequestArgs,
    CreateChatCompletionResponse,
};
use promptlayer_tracing::promptlayer;
use tracing_subscriber::prelude::*;

#[promptlayer(tags = ["chatopenai"])]
async fn chat(
    client: &Client<OpenAIConfig>,
    request: CreateChatCompletionRequest,
) -> Result<CreateChatCompletionResponse, OpenAIError> {
    client.chat().create(request).await
}

#[tokio::main]
async fn main() -> Result<(), Box<dyn Error>> {
    let service = examples::promptlayer()?;
    let (client, _offline) = examples_integrations::openai()?;
    let (layer, guard) =
        service.layer().on_request_id(|request| println!("promptlayer id {}", request.id())).build()?;
    tracing_subscriber::registry().with(layer).init();

    let request = CreateChatCompletionRequestArgs::default()
        .model("gpt-3.5-turbo")
        .temperature(0.0)
        .messages([
            ChatCompletionRequestUserMessage::from("What comes after 1,2,3 ?").into(),
            ChatCompletionRequestUserMessage::from("Tell me another joke?").into(),
        ])
        .build()?;
    let reply = chat(&client, request).await?;
    println!("{}", reply.choices[0].message.content.as_deref().unwrap_or_default());

    guard.shutdown(Duration::from_secs(5));
    service.say_where_to_look();
    Ok(())
}
