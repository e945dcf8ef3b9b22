//! Combines most features: fetches and formats a template of the registry, lets a model complete it, and uses
//! a hook to score the request, add metadata, and link it to the template.
//!
//!     cargo run --example full
#![allow(clippy::print_stdout, clippy::print_stderr, reason = "an example speaks on the terminal")]

use std::error::Error;
use std::time::Duration;

use async_openai::Client;
use async_openai::config::OpenAIConfig;
use async_openai::error::OpenAIError;
use async_openai::types::completions::{
    CreateCompletionRequest, CreateCompletionRequestArgs, CreateCompletionResponse,
};
use promptlayer_tracing::blueprint::CompletionPrompt;
use promptlayer_tracing::client::Template;
use promptlayer_tracing::{LoggedRequest, promptlayer};
use tracing_subscriber::prelude::*;

#[promptlayer]
async fn complete(
    client: &Client<OpenAIConfig>,
    request: CreateCompletionRequest,
) -> Result<CreateCompletionResponse, OpenAIError> {
    client.completions().create(request).await
}

/// The hook for every request, called once PromptLayer has returned its id.
async fn on_request_id(request: LoggedRequest) {
    println!("promptlayer id {}", request.id());
    let track = request.track();
    let tracked = async {
        track.score(100).await?;
        track.metadata([("foo", "bar")]).await?;
        track.prompt("example").version(1).variables([("product", "toasters")]).await
    };
    match tracked.await {
        Ok(()) => println!("score, metadata and prompt are tracked"),
        Err(error) => eprintln!("request {} could not be tracked: {error}", request.id()),
    }
}

/// Returns version 1 of the template `example`. Publishes it first if the registry does not contain it.
async fn template(client: &promptlayer_tracing::Client) -> Result<Template, promptlayer_tracing::Error> {
    let templates = client.templates();
    match templates.get("example").version(1).await {
        Err(error) if error.is_not_found() => {
            let prompt = CompletionPrompt::new("What is a good name for a company that makes {product}?");
            templates.publish("example", prompt).commit_message("the first version").await?;
            Ok(templates.get("example").version(1).await?)
        }
        template => Ok(template?),
    }
}

#[tokio::main]
async fn main() -> Result<(), Box<dyn Error>> {
    let service = examples::promptlayer()?;
    let (client, _offline) = examples_integrations::openai()?;
    let (layer, guard) = service.layer().on_request_id_async(on_request_id).build()?;
    tracing_subscriber::registry().with(layer).init();

    let prompt = template(&service.client()?).await?.format([("product", "toasters")])?;
    let request = CreateCompletionRequestArgs::default()
        .model("gpt-3.5-turbo-instruct")
        .prompt(prompt.text())
        .temperature(0.7)
        .top_p(1.0)
        .frequency_penalty(0.0)
        .presence_penalty(0.0)
        .n(1)
        .max_tokens(256_u32)
        .build()?;
    let reply = complete(&client, request).await?;
    println!("{}{}", prompt.text(), reply.choices[0].text);

    guard.shutdown(Duration::from_secs(5));
    service.say_where_to_look();
    Ok(())
}
