//! Runs a client crate against a local server and checks the log that the attribute makes of each call.
//!
//! A package in `clients/` declares a [`Client`]: its APIs, and for each API the calls of the cases that the
//! crate can make. A call is a function with the bare attribute `#[promptlayer]`. The [`Wire`] of an API has
//! the responses of the server and the expected logs. All cases hold the same conversation.
//!
//! - [`answer`]: a scripted response
//! - [`server`]: the server that sends it
//! - [`expected`]: the expected log, and the comparison with a log
//! - [`wire`]: the formats of the providers, one file each
//! - [`client`]: declares and runs the cases of a crate

pub mod answer;
pub mod client;
pub mod expected;
pub mod report;
pub mod round_trip;
pub mod server;
pub mod version;
pub mod wire;

pub use answer::Answer;
pub use client::{Api, Client, Outcome};
pub use expected::{Expected, Field};
pub use report::{Report, main};
pub use wire::{Case, Scripted, Wire};

/// The system prompt of the conversation.
pub const SYSTEM: &str = "Answer in one word.";
/// The user's message, and the input of embeddings.
pub const QUESTION: &str = "How is the weather in Paris?";
/// The model's answer.
pub const ANSWER: &str = "Sunny, mostly.";
/// The parts in which a stream sends the answer.
pub const PARTS: [&str; 2] = ["Sunny,", " mostly."];
/// The name of the tool that the model calls.
pub const TOOL: &str = "weather";
/// The description of the tool.
pub const TOOL_DESCRIPTION: &str = "Returns the current weather in a city.";
/// The arguments with which the model calls the tool, as JSON.
pub const ARGUMENTS: &str = r#"{"city":"Paris"}"#;
/// The id of the call of the tool, for the formats that have one.
pub const CALL_ID: &str = "call_7Hq2";
/// The vector of an embedding. Each number has an exact binary representation.
pub const VECTOR: [f64; 3] = [0.5, -0.25, 0.125];
/// The tokens of the request.
pub const INPUT_TOKENS: u64 = 21;
/// The tokens of the response.
pub const OUTPUT_TOKENS: u64 = 4;
/// The API key that a client is given. It must reach the server and must not reach a log.
pub const KEY: &str = "sk-clients-3f9a27c1d8e64b05";
/// A cookie in each response of the server. It must not reach a log.
pub const COOKIE: &str = "session-5be07d91";

/// Returns the schema of the tool's arguments.
pub fn tool_schema() -> serde_json::Value {
    serde_json::json!({
        "type": "object",
        "properties": {"city": {"type": "string"}},
        "required": ["city"],
    })
}
