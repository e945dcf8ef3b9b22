//! The cases of `gemini-rust`.

mod content;
mod embeddings;
mod interactions;

use std::process::ExitCode;

use gemini_rust::{Gemini, GeminiBuilder};
use harness::{Client, KEY};

fn client() -> Client {
    Client::new(env!("CARGO_PKG_NAME"), "gemini-rust")
        .api(interactions::api())
        .api(content::api())
        .api(embeddings::api())
}

fn connect(url: &str, model: &str) -> Gemini {
    let url = format!("{url}/v1beta/").parse().expect("a URL");
    GeminiBuilder::new(KEY)
        .with_model(format!("models/{model}"))
        .with_base_url(url)
        .build()
        .expect("a client")
}

fn main() -> ExitCode {
    harness::main(&client())
}

#[test]
fn logs_are_as_declared() {
    harness::Report::of(&client()).unwrap_or_else(|wrong| panic!("{wrong}"));
}
