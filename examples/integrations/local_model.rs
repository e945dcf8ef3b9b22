//! Calls a local model through any server with an OpenAI-compatible API: GPT4All listens on localhost port
//! 4891, Ollama on 11434, llama.cpp on 8080.
//!
//!     OPENAI_BASE_URL=http://localhost:11434/v1 LOCAL_MODEL=llama3.2 cargo run --example local_model
//!
//! Without `OPENAI_BASE_URL`, an offline model answers.
#![allow(clippy::print_stdout, reason = "an example speaks on standard output")]

use std::error::Error;
use std::time::Duration;

use async_openai::Client;
use async_openai::config::OpenAIConfig;
use async_openai::error::OpenAIError;
use async_openai::types::completions::CreateCompletionResponse;
use promptlayer_tracing::promptlayer;
use serde::Serialize;
use tracing_subscriber::prelude::*;

/// A completion request for local model servers: the fields of OpenAI's API and those of the model runtime. A
/// server ignores the fields that it does not know.
#[derive(Serialize)]
struct LocalCompletion {
    model: String,
    prompt: String,
    max_tokens: u32,
    n_predict: u32,
    temperature: f64,
    temp: f64,
    top_k: u32,
    top_p: f64,
    n_batch: u32,
    repeat_penalty: f64,
    repeat_last_n: u32,
}

impl LocalCompletion {
    /// Creates a request with the default settings of GPT4All.
    fn new(model: String, prompt: &str) -> Self {
        Self {
            model,
            prompt: prompt.to_owned(),
            max_tokens: 200,
            n_predict: 256,
            temperature: 0.7,
            temp: 0.7,
            top_k: 40,
            top_p: 0.1,
            n_batch: 8,
            repeat_penalty: 1.18,
            repeat_last_n: 64,
        }
    }
}

#[promptlayer(tags = ["langchain", "gpt4all"], provider = "gpt4all")]
async fn complete(
    client: &Client<OpenAIConfig>,
    request: LocalCompletion,
) -> Result<CreateCompletionResponse, OpenAIError> {
    client.completions().create_byot(request).await
}

#[tokio::main]
async fn main() -> Result<(), Box<dyn Error>> {
    let service = examples::promptlayer()?;
    let (client, _offline) = examples_integrations::openai()?;
    let (layer, guard) =
        service.layer().on_request_id(|request| println!("promptlayer id {}", request.id())).build()?;
    tracing_subscriber::registry().with(layer).init();

    let model = std::env::var("LOCAL_MODEL").unwrap_or_else(|_| "./models/gpt4all-model.bin".to_owned());
    let reply = complete(&client, LocalCompletion::new(model, "Once upon a time, ")).await?;
    println!("Once upon a time, {}", reply.choices[0].text);

    guard.shutdown(Duration::from_secs(5));
    service.say_where_to_look();
    Ok(())
}
