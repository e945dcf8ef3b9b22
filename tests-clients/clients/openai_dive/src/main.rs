//! The cases of `openai_dive`.

use std::pin::Pin;
use std::process::ExitCode;

use futures::{Stream, StreamExt, TryStreamExt};
use harness::wire::{openai_chat, openai_embeddings, openai_responses};
use harness::{Api, Case, Field, KEY, Outcome, QUESTION, SYSTEM, TOOL, TOOL_DESCRIPTION, tool_schema};
use openai_dive::v1::api::Client;
use openai_dive::v1::error::APIError;
use openai_dive::v1::resources::chat::{
    ChatCompletionChunkResponse, ChatCompletionFunction, ChatCompletionParameters,
    ChatCompletionParametersBuilder, ChatCompletionResponse, ChatCompletionStreamOptions, ChatCompletionTool,
    ChatCompletionToolType, ChatMessage, ChatMessageContent, DeltaChatMessage,
};
use openai_dive::v1::resources::embedding::{
    EmbeddingInput, EmbeddingOutput, EmbeddingParameters, EmbeddingParametersBuilder, EmbeddingResponse,
};
use openai_dive::v1::resources::response::request::{
    ResponseInput, ResponseParameters, ResponseParametersBuilder,
};
use openai_dive::v1::resources::response::response::ResponseObject;
use openai_dive::v1::resources::response::shared::{ResponseStream, ResponseTool};
use promptlayer_tracing::promptlayer;
use serde_json::Value;

const MODEL: &str = "gpt-4o-mini";
const RESPONSES_MODEL: &str = "gpt-5.4-mini";
const EMBEDDING_MODEL: &str = "text-embedding-3-small";

type ChatStream = Pin<Box<dyn Stream<Item = Result<ChatCompletionChunkResponse, APIError>> + Send>>;

fn client() -> harness::Client {
    harness::Client::new(env!("CARGO_PKG_NAME"), "openai_dive")
        .api(
            Api::new("chat", openai_chat::wire("openai", MODEL))
                .case(Case::Reply, chat)
                .case(Case::Stream, chat_stream)
                .case(Case::Tools, chat_tools)
                .case(Case::Error, chat),
        )
        .api(
            Api::new("responses", openai_responses::wire("openai", RESPONSES_MODEL))
                .case(Case::Reply, respond)
                .case(Case::Stream, respond_stream)
                .case(Case::Tools, respond_tools)
                .case(Case::Error, respond)
                .lacks(Case::Stream, Field::Status, "the stream's last item is the error `Stream ended`"),
        )
        .api(
            Api::new("embeddings", openai_embeddings::wire("openai", EMBEDDING_MODEL))
                .case(Case::Embeddings, embed)
                .case(Case::Error, embed),
        )
}

fn connect(url: &str) -> Client {
    let mut client = Client::new(KEY.to_owned());
    client.set_base_url(&format!("{url}/v1"));
    client
}

#[promptlayer]
async fn create_chat(
    client: &Client,
    parameters: ChatCompletionParameters,
) -> Result<ChatCompletionResponse, APIError> {
    client.chat().create(parameters).await
}

#[promptlayer]
async fn create_chat_stream(
    client: &Client,
    parameters: ChatCompletionParameters,
) -> Result<ChatStream, APIError> {
    client.chat().create_stream(parameters).await
}

#[promptlayer]
async fn create_response(
    client: &Client,
    parameters: ResponseParameters,
) -> Result<ResponseObject, APIError> {
    client.responses().create(parameters).await
}

#[promptlayer]
async fn create_response_stream(
    client: &Client,
    parameters: ResponseParameters,
) -> Result<ResponseStream, APIError> {
    client.responses().create_stream(parameters).await
}

#[promptlayer]
async fn create_embedding(
    client: &Client,
    parameters: EmbeddingParameters,
) -> Result<EmbeddingResponse, APIError> {
    client.embeddings().create(parameters).await
}

fn chat_request() -> ChatCompletionParametersBuilder {
    let text = |text: &str| ChatMessageContent::Text(text.to_owned());
    let mut request = ChatCompletionParametersBuilder::default();
    request.model(MODEL).messages(vec![
        ChatMessage::System { content: text(SYSTEM), name: None },
        ChatMessage::User { content: text(QUESTION), name: None },
    ]);
    request
}

async fn chat(url: String) -> Outcome {
    let response = create_chat(&connect(&url), chat_request().build()?).await?;
    Ok(response.choices[0].message.text().ok_or("no text")?.to_owned())
}

async fn chat_stream(url: String) -> Outcome {
    let options = ChatCompletionStreamOptions { include_usage: Some(true), continuous_usage_stats: None };
    let request = chat_request().stream_options(options).build()?;
    let chunks: Vec<_> = create_chat_stream(&connect(&url), request).await?.try_collect().await?;
    let text = |delta| match delta {
        DeltaChatMessage::Assistant { content: Some(ChatMessageContent::Text(text)), .. }
        | DeltaChatMessage::Untagged { content: Some(ChatMessageContent::Text(text)), .. } => Some(text),
        _ => None,
    };
    let choices = chunks.into_iter().flat_map(|chunk| chunk.choices);
    Ok(choices.filter_map(|choice| text(choice.delta)).collect())
}

async fn chat_tools(url: String) -> Outcome {
    let tool = ChatCompletionTool {
        r#type: ChatCompletionToolType::Function,
        function: ChatCompletionFunction {
            name: TOOL.to_owned(),
            description: Some(TOOL_DESCRIPTION.to_owned()),
            parameters: tool_schema(),
        },
    };
    let response = create_chat(&connect(&url), chat_request().tools([tool]).build()?).await?;
    match &response.choices[0].message {
        ChatMessage::Assistant { tool_calls: Some(calls), .. } => {
            Ok(format!("{} {}", calls[0].function.name, calls[0].function.arguments))
        }
        other => Err(format!("{other:?}").into()),
    }
}

fn response_request() -> ResponseParametersBuilder {
    let mut request = ResponseParametersBuilder::default();
    request.model(RESPONSES_MODEL).instructions(SYSTEM).input(ResponseInput::Text(QUESTION.to_owned()));
    request
}

/// Returns a field of the only output item of a response.
fn of_output(response: &ResponseObject, pointer: &str) -> Result<String, Box<dyn std::error::Error>> {
    let output = serde_json::to_value(&response.output)?;
    Ok(output.pointer(pointer).and_then(Value::as_str).ok_or(output.to_string())?.to_owned())
}

async fn respond(url: String) -> Outcome {
    let response = create_response(&connect(&url), response_request().build()?).await?;
    of_output(&response, "/0/content/0/text")
}

async fn respond_stream(url: String) -> Outcome {
    let request = response_request().build()?;
    let mut events = create_response_stream(&connect(&url), request).await?;
    let mut text = String::new();
    while let Some(event) = events.next().await {
        let event = match event {
            // The crate expects `[DONE]`, which this API does not send. It would now repeat the request.
            Err(APIError::StreamError(message)) if message == "Stream ended" => break,
            event => serde_json::to_value(event?)?,
        };
        if event["type"] == "response.output_text.delta" {
            text.push_str(event["delta"].as_str().ok_or("no delta")?);
        }
    }
    Ok(text)
}

async fn respond_tools(url: String) -> Outcome {
    let tool = ResponseTool::Function {
        name: TOOL.to_owned(),
        description: Some(TOOL_DESCRIPTION.to_owned()),
        parameters: tool_schema(),
        strict: true,
    };
    let response = create_response(&connect(&url), response_request().tools([tool]).build()?).await?;
    Ok(format!("{} {}", of_output(&response, "/0/name")?, of_output(&response, "/0/arguments")?))
}

async fn embed(url: String) -> Outcome {
    let request = EmbeddingParametersBuilder::default()
        .model(EMBEDDING_MODEL)
        .input(EmbeddingInput::String(QUESTION.to_owned()))
        .build()?;
    match &create_embedding(&connect(&url), request).await?.data[0].embedding {
        EmbeddingOutput::Float(vector) => Ok(format!("{vector:?}")),
        other @ EmbeddingOutput::Base64(_) => Err(format!("{other:?}").into()),
    }
}

fn main() -> ExitCode {
    harness::main(&client())
}

#[test]
fn logs_are_as_declared() {
    harness::Report::of(&client()).unwrap_or_else(|wrong| panic!("{wrong}"));
}
