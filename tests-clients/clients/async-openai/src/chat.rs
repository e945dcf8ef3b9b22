//! Chat completions.

use async_openai::error::OpenAIError;
use async_openai::types::chat::{
    ChatCompletionMessageToolCalls, ChatCompletionRequestSystemMessage, ChatCompletionRequestUserMessage,
    ChatCompletionResponseStream, ChatCompletionStreamOptions, ChatCompletionTool, ChatCompletionTools,
    CreateChatCompletionRequest, CreateChatCompletionResponse, FunctionObject,
};
use futures::TryStreamExt;
use harness::wire::openai_chat;
use harness::{Api, Case, Outcome, QUESTION, SYSTEM, TOOL, TOOL_DESCRIPTION, tool_schema};
use promptlayer_tracing::promptlayer;

use crate::{OpenAI, connect};

const MODEL: &str = "gpt-4o-mini";

pub(crate) fn api() -> Api {
    Api::new("chat", openai_chat::wire("openai", MODEL))
        .case(Case::Reply, reply)
        .case(Case::Stream, stream)
        .case(Case::Tools, tools)
        .case(Case::Error, reply)
}

#[promptlayer]
async fn create(
    client: &OpenAI,
    request: CreateChatCompletionRequest,
) -> Result<CreateChatCompletionResponse, OpenAIError> {
    client.chat().create(request).await
}

#[promptlayer]
async fn create_stream(
    client: &OpenAI,
    request: CreateChatCompletionRequest,
) -> Result<ChatCompletionResponseStream, OpenAIError> {
    client.chat().create_stream(request).await
}

fn request() -> CreateChatCompletionRequest {
    CreateChatCompletionRequest {
        model: MODEL.to_owned(),
        messages: vec![
            ChatCompletionRequestSystemMessage::from(SYSTEM).into(),
            ChatCompletionRequestUserMessage::from(QUESTION).into(),
        ],
        ..CreateChatCompletionRequest::default()
    }
}

async fn reply(url: String) -> Outcome {
    let response = create(&connect(&url), request()).await?;
    Ok(response.choices[0].message.content.clone().ok_or("no content")?)
}

async fn stream(url: String) -> Outcome {
    let request = CreateChatCompletionRequest {
        stream_options: Some(ChatCompletionStreamOptions {
            include_usage: Some(true),
            include_obfuscation: None,
        }),
        ..request()
    };
    let chunks: Vec<_> = create_stream(&connect(&url), request).await?.try_collect().await?;
    let choices = chunks.into_iter().flat_map(|chunk| chunk.choices);
    Ok(choices.filter_map(|choice| choice.delta.content).collect())
}

async fn tools(url: String) -> Outcome {
    let tool = ChatCompletionTool {
        function: FunctionObject {
            name: TOOL.to_owned(),
            description: Some(TOOL_DESCRIPTION.to_owned()),
            parameters: Some(tool_schema()),
            strict: None,
        },
    };
    let request =
        CreateChatCompletionRequest { tools: Some(vec![ChatCompletionTools::Function(tool)]), ..request() };
    let response = create(&connect(&url), request).await?;
    match response.choices[0].message.tool_calls.as_deref() {
        Some([ChatCompletionMessageToolCalls::Function(call)]) => {
            Ok(format!("{} {}", call.function.name, call.function.arguments))
        }
        other => Err(format!("{other:?}").into()),
    }
}
