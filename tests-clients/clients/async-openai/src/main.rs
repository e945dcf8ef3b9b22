//! The cases of `async-openai`.

mod chat;
mod embeddings;
mod responses;
#[cfg(test)]
mod to_request;

use std::process::ExitCode;

use async_openai::config::OpenAIConfig;
use harness::{Client, KEY};

type OpenAI = async_openai::Client<OpenAIConfig>;

fn client() -> Client {
    Client::new(env!("CARGO_PKG_NAME"), "async-openai")
        .api(chat::api())
        .api(responses::api())
        .api(embeddings::api())
}

fn connect(url: &str) -> OpenAI {
    let config = OpenAIConfig::new().with_api_key(KEY).with_api_base(format!("{url}/v1"));
    async_openai::Client::with_config(config)
}

fn main() -> ExitCode {
    harness::main(&client())
}

#[test]
fn logs_are_as_declared() {
    harness::Report::of(&client()).unwrap_or_else(|wrong| panic!("{wrong}"));
}
