//! The cases of `ollama-rs`.

use std::process::ExitCode;

use futures::StreamExt;
use harness::wire::ollama;
use harness::{Api, Case, Client, Field, Outcome, QUESTION, SYSTEM, TOOL, TOOL_DESCRIPTION, tool_schema};
use ollama_rs::Ollama;
use ollama_rs::error::OllamaError;
use ollama_rs::generation::chat::request::ChatMessageRequest;
use ollama_rs::generation::chat::{ChatMessage, ChatMessageResponse, ChatMessageResponseStream};
use ollama_rs::generation::completion::request::GenerationRequest;
use ollama_rs::generation::completion::{GenerationResponse, GenerationResponseStream};
use ollama_rs::generation::embeddings::GenerateEmbeddingsResponse;
use ollama_rs::generation::embeddings::request::GenerateEmbeddingsRequest;
use promptlayer_tracing::promptlayer;
use serde_json::json;

const MODEL: &str = "llama3.2";
const EMBEDDING_MODEL: &str = "all-minilm";
const NO_FINISH: &str = "the response type has no `done_reason`";

fn client() -> Client {
    let embeddings = ollama::embed(EMBEDDING_MODEL);
    Client::new(env!("CARGO_PKG_NAME"), "ollama-rs")
        .api(
            Api::new("chat", ollama::chat(MODEL))
                .case(Case::Reply, chat)
                .case(Case::Stream, chat_stream)
                .case(Case::Tools, tools)
                .case(Case::Error, chat)
                .lacks(Case::Reply, Field::Finish, NO_FINISH)
                .lacks(Case::Stream, Field::Finish, NO_FINISH)
                .lacks(Case::Tools, Field::Finish, NO_FINISH)
                .keyless(),
        )
        .api(
            Api::new("generate", ollama::generate(MODEL))
                .case(Case::Reply, generate)
                .case(Case::Stream, generate_stream)
                .case(Case::Error, generate)
                .lacks(Case::Reply, Field::Finish, NO_FINISH)
                .lacks(Case::Stream, Field::Finish, NO_FINISH)
                .keyless(),
        )
        .api(
            Api::new("embeddings", embeddings)
                .case(Case::Embeddings, embed)
                .case(Case::Error, embed)
                .lacks(Case::Embeddings, Field::Tokens, "the response type has only the vectors")
                .keyless(),
        )
}

fn connect(url: &str) -> Result<Ollama, Box<dyn std::error::Error>> {
    Ok(Ollama::try_new(url)?)
}

#[promptlayer]
async fn send(client: &Ollama, request: ChatMessageRequest) -> Result<ChatMessageResponse, OllamaError> {
    client.send_chat_messages(request).await
}

#[promptlayer]
async fn send_stream(
    client: &Ollama,
    request: ChatMessageRequest,
) -> Result<ChatMessageResponseStream, OllamaError> {
    client.send_chat_messages_stream(request).await
}

#[promptlayer]
async fn complete(
    client: &Ollama,
    request: GenerationRequest<'static>,
) -> Result<GenerationResponse, OllamaError> {
    client.generate(request).await
}

#[promptlayer]
async fn complete_stream(
    client: &Ollama,
    request: GenerationRequest<'static>,
) -> Result<GenerationResponseStream, OllamaError> {
    client.generate_stream(request).await
}

#[promptlayer]
async fn create_embeddings(
    client: &Ollama,
    request: GenerateEmbeddingsRequest,
) -> Result<GenerateEmbeddingsResponse, OllamaError> {
    client.generate_embeddings(request).await
}

fn chat_request() -> ChatMessageRequest {
    let messages = vec![ChatMessage::system(SYSTEM.to_owned()), ChatMessage::user(QUESTION.to_owned())];
    ChatMessageRequest::new(MODEL.to_owned(), messages)
}

async fn chat(url: String) -> Outcome {
    Ok(send(&connect(&url)?, chat_request()).await?.message.content)
}

async fn chat_stream(url: String) -> Outcome {
    let parts: Vec<_> = send_stream(&connect(&url)?, chat_request()).await?.collect().await;
    parts.into_iter().map(|part| Ok(part.map_err(|()| "a part is lost")?.message.content)).collect()
}

async fn tools(url: String) -> Outcome {
    let tool = json!({
        "type": "function",
        "function": {"name": TOOL, "description": TOOL_DESCRIPTION, "parameters": tool_schema()},
    });
    let request = chat_request().tools(vec![serde_json::from_value(tool)?]);
    match send(&connect(&url)?, request).await?.message.tool_calls.as_slice() {
        [call] => Ok(format!("{} {}", call.function.name, call.function.arguments)),
        other => Err(format!("{other:?}").into()),
    }
}

fn generation() -> GenerationRequest<'static> {
    GenerationRequest::new(MODEL.to_owned(), QUESTION).system(SYSTEM)
}

async fn generate(url: String) -> Outcome {
    Ok(complete(&connect(&url)?, generation()).await?.response)
}

async fn generate_stream(url: String) -> Outcome {
    let parts: Vec<_> = complete_stream(&connect(&url)?, generation()).await?.collect().await;
    let mut text = String::new();
    for part in parts {
        text.extend(part?.into_iter().map(|part| part.response));
    }
    Ok(text)
}

async fn embed(url: String) -> Outcome {
    let request = GenerateEmbeddingsRequest::new(EMBEDDING_MODEL.to_owned(), QUESTION.into());
    Ok(format!("{:?}", create_embeddings(&connect(&url)?, request).await?.embeddings[0]))
}

fn main() -> ExitCode {
    harness::main(&client())
}

#[cfg(test)]
mod tests {
    use harness::round_trip::Check;

    use super::*;

    #[test]
    fn logs_are_as_declared() {
        harness::Report::of(&client()).unwrap_or_else(|wrong| panic!("{wrong}"));
    }

    #[test]
    fn chat_requests_fit_the_crate() {
        let parameters = json!({"options": {"temperature": 0.5}});
        let check = Check {
            omitted: &["tool_choice"],
            lacking: &["id", "tool_call_id", "tool_name"],
            ..Check::new("ollama", "chat")
        };
        check.run::<ChatMessageRequest>(&parameters);
    }
}
