//! The cases of `rig`.

mod calls;
mod content;
mod middleware;

use std::process::ExitCode;

use harness::wire::{openai_chat, openai_embeddings};
use harness::{Client, KEY, Outcome, QUESTION, SYSTEM, TOOL, TOOL_DESCRIPTION, Wire, tool_schema};
use rig::completion::{CompletionRequest, CompletionResponse, ToolDefinition};
use rig::providers::openai::{OpenAI, OpenAIConfig};
use rig::rig_reqwest::ReqwestClient;
use rig::streaming::{Item, StreamEvent};

const MODEL: &str = "gpt-4o-mini";
/// Why the log of a call that is known from its span has no type of the API.
const NO_API: &str = "rig's spans do not name it";
const EMBEDDING_MODEL: &str = "text-embedding-3-small";

fn client() -> Client {
    Client::new(env!("CARGO_PKG_NAME"), "rig")
        .api(middleware::chat())
        .api(middleware::embeddings())
        .api(content::chat())
        .api(calls::chat())
        .api(calls::embeddings())
}

fn chat_wire() -> Wire {
    openai_chat::wire("openai", MODEL)
}

fn embeddings_wire() -> Wire {
    openai_embeddings::wire("openai", EMBEDDING_MODEL)
}

fn config(url: &str) -> OpenAIConfig {
    OpenAIConfig::new(KEY).with_base_url(format!("{url}/v1"))
}

fn connect(url: &str) -> OpenAI {
    config(url).connect(ReqwestClient::from(reqwest::Client::new()))
}

fn request() -> CompletionRequest {
    CompletionRequest::new(QUESTION).preamble(SYSTEM)
}

fn request_with_tool() -> CompletionRequest {
    let name = TOOL.try_into().expect("a name");
    request().tool(ToolDefinition::new(name, TOOL_DESCRIPTION, tool_schema()))
}

/// Returns what a caller reads in a reply: the text, or the call of a tool.
fn read(reply: &CompletionResponse) -> Outcome {
    match reply.tool_calls().next() {
        None => Ok(reply.text()),
        Some(call) => {
            let arguments = serde_json::to_string(&call.function.arguments)?;
            Ok(format!("{} {arguments}", call.function.name))
        }
    }
}

fn text_of(item: Item<StreamEvent>) -> Option<String> {
    match item {
        Item::Event(StreamEvent::Text { text, .. }) => Some(text),
        _ => None,
    }
}

fn main() -> ExitCode {
    harness::main(&client())
}

#[test]
fn logs_are_as_declared() {
    harness::Report::of(&client()).unwrap_or_else(|wrong| panic!("{wrong}"));
}
