//! The cases of `llm`, with its client for `OpenAI`.

mod attribute;
mod proxied;

use std::pin::Pin;
use std::process::ExitCode;

use futures::{Stream, TryStreamExt};
use harness::{Client, KEY, Outcome, QUESTION, SYSTEM, TOOL, TOOL_DESCRIPTION, tool_schema};
use llm::LLMProvider;
use llm::builder::{LLMBackend, LLMBuilder};
use llm::chat::{ChatMessage, ChatResponse, FunctionTool, StreamResponse, Tool};
use llm::error::LLMError;

const MODEL: &str = "gpt-5.4-mini";
const EMBEDDING_MODEL: &str = "text-embedding-3-small";

type Chunks = Pin<Box<dyn Stream<Item = Result<StreamResponse, LLMError>> + Send>>;

fn client() -> Client {
    Client::new(env!("CARGO_PKG_NAME"), "llm")
        .api(attribute::chat())
        .api(attribute::embeddings())
        .api(proxied::chat())
        .api(proxied::embeddings())
}

/// The crate joins the paths of its requests to the address, which must end with a slash.
fn connect(base_url: &str, model: &str) -> Result<Box<dyn LLMProvider>, LLMError> {
    LLMBuilder::new()
        .backend(LLMBackend::OpenAI)
        .base_url(format!("{base_url}/"))
        .api_key(KEY)
        .model(model)
        .system(SYSTEM)
        .build()
}

fn messages() -> Vec<ChatMessage> {
    vec![ChatMessage::user().content(QUESTION).build()]
}

fn tool() -> Tool {
    Tool {
        tool_type: "function".to_owned(),
        function: FunctionTool {
            name: TOOL.to_owned(),
            description: TOOL_DESCRIPTION.to_owned(),
            parameters: tool_schema(),
        },
        cache_control: None,
    }
}

fn text_of(response: &dyn ChatResponse) -> Outcome {
    Ok(response.text().ok_or("no text")?)
}

fn call_of(response: &dyn ChatResponse) -> Outcome {
    match response.tool_calls().as_deref() {
        Some([call]) => Ok(format!("{} {}", call.function.name, call.function.arguments)),
        other => Err(format!("{other:?}").into()),
    }
}

async fn collect(chunks: Chunks) -> Outcome {
    let chunks: Vec<_> = chunks.try_collect().await?;
    let choices = chunks.into_iter().flat_map(|chunk| chunk.choices);
    Ok(choices.filter_map(|choice| choice.delta.content).collect())
}

fn main() -> ExitCode {
    harness::main(&client())
}

#[test]
fn logs_are_as_declared() {
    harness::Report::of(&client()).unwrap_or_else(|wrong| panic!("{wrong}"));
}
